//! The codes that clients match on: unique in meaning, well formed, all in the table of README.

use super::{compare, file, source::files};
use axum::response::IntoResponse;
use std::collections::{BTreeMap, BTreeSet};
use weizhan::{
    http::problem::{CODES, Problem},
    model::{
        address::AddressRefusal,
        binding::BindingRefusal,
        cart::CartRefusal,
        code::CodeRefusal,
        event::EventRefusal,
        figure::FigureRefusal,
        flag::FlagRefusal,
        job::JobRefusal,
        link::LinkRefusal,
        notice::NoticeRefusal,
        object::ObjectRefusal,
        order::OrderRefusal,
        payment::PaymentRefusal,
        product::ProductRefusal,
        reconcile::ReconcileRefusal,
        refund::RefundRefusal,
        refusal::{Kind, Refusal},
        setting::SettingRefusal,
        shipment::ShipmentRefusal,
        staff::StaffRefusal,
        stock::StockRefusal,
        suspense::SuspenseRefusal,
        throttle::ThrottleRefusal,
        token::TokenRefusal,
        upload::UploadRefusal,
        user::UserRefusal,
    },
    service::Error,
};

/// A noun's enum with its codes, kinds and texts.
type Reasons = (&'static str, &'static [(&'static str, Kind, &'static str)]);

/// The reasons of every noun.
const REASONS: &[Reasons] = &[
    ("AddressRefusal", AddressRefusal::CODES),
    ("BindingRefusal", BindingRefusal::CODES),
    ("CartRefusal", CartRefusal::CODES),
    ("CodeRefusal", CodeRefusal::CODES),
    ("LinkRefusal", LinkRefusal::CODES),
    ("EventRefusal", EventRefusal::CODES),
    ("FigureRefusal", FigureRefusal::CODES),
    ("FlagRefusal", FlagRefusal::CODES),
    ("JobRefusal", JobRefusal::CODES),
    ("NoticeRefusal", NoticeRefusal::CODES),
    ("ObjectRefusal", ObjectRefusal::CODES),
    ("OrderRefusal", OrderRefusal::CODES),
    ("PaymentRefusal", PaymentRefusal::CODES),
    ("ProductRefusal", ProductRefusal::CODES),
    ("ReconcileRefusal", ReconcileRefusal::CODES),
    ("RefundRefusal", RefundRefusal::CODES),
    ("SettingRefusal", SettingRefusal::CODES),
    ("ShipmentRefusal", ShipmentRefusal::CODES),
    ("StaffRefusal", StaffRefusal::CODES),
    ("StockRefusal", StockRefusal::CODES),
    ("SuspenseRefusal", SuspenseRefusal::CODES),
    ("ThrottleRefusal", ThrottleRefusal::CODES),
    ("TokenRefusal", TokenRefusal::CODES),
    ("UploadRefusal", UploadRefusal::CODES),
    ("UserRefusal", UserRefusal::CODES),
];

/// A reason of no noun, to learn what status a kind becomes.
#[derive(Debug, thiserror::Error)]
#[error("a reason")]
struct Reason(Kind);

impl Refusal for Reason {
    fn kind(&self) -> Kind {
        self.0
    }
    fn code(&self) -> &'static str {
        "test.reason"
    }
}

fn status(kind: Kind) -> u16 {
    Problem::from(Error::Refused(Reason(kind))).into_response().status().as_u16()
}

/// Every code with its status and text; a code that stands twice must mean the same.
fn all() -> BTreeMap<&'static str, (u16, &'static str)> {
    let nouns =
        REASONS.iter().flat_map(|(_, codes)| codes.iter()).map(|(code, kind, text)| (*code, status(*kind), *text));
    let mut found = BTreeMap::new();
    for (code, status, text) in CODES.iter().copied().chain(nouns) {
        let before = found.insert(code, (status, text));
        assert!(before.is_none_or(|before| before == (status, text)), "{code} means two things");
    }
    found
}

#[test]
fn a_kind_is_a_status() {
    let kinds = [
        (Kind::Unknown, 401),
        (Kind::Forbidden, 403),
        (Kind::Missing, 404),
        (Kind::Conflict, 409),
        (Kind::Invalid, 422),
        (Kind::TooMany, 429),
        (Kind::Unavailable, 503),
    ];
    for (kind, expected) in kinds {
        assert_eq!(status(kind), expected, "{kind:?}");
    }
}

#[test]
fn codes_are_well_formed() {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    for (code, (status, text)) in all() {
        let words: Vec<_> = code.split('.').collect();
        assert!(words.len() == 2 && words.iter().all(|word| is_word(word)), "{code}");
        assert!((400..600).contains(&status), "{code}: {status}");
        assert!(!text.is_empty() && !text.ends_with('.'), "{code}: {text}");
    }
}

#[test]
fn no_noun_is_forgotten() {
    let known: BTreeSet<_> = REASONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut declared = BTreeSet::new();
    for source in files("src/model") {
        let lines = source.text.lines().filter_map(|line| line.trim().strip_prefix("pub enum "));
        declared.extend(lines.filter_map(|line| line.strip_suffix("Refusal {")).map(|noun| format!("{noun}Refusal")));
    }
    assert_eq!(declared, known);
}

#[test]
fn every_code_can_be_explained() {
    let known: BTreeSet<_> = weizhan::http::problem::texts().into_iter().map(|(code, _)| code).collect();
    assert_eq!(known, all().into_keys().collect::<BTreeSet<_>>(), "add the noun to NOUNS in src/http/problem.rs");
}

#[test]
fn no_handler_answers_a_code_of_its_own() {
    let mut seen = 0;
    for source in files("src/http") {
        for part in source.text.split("Problem::of(\"").skip(1) {
            let code = part.split('"').next().unwrap_or_default();
            seen += 1;
            assert!(CODES.iter().any(|(known, ..)| *known == code), "{}: {code}", source.path);
        }
    }
    assert!(seen >= 8, "only {seen} were read");
}

const BEGIN: &str = "<!-- codes -->";
const END: &str = "<!-- /codes -->";

#[test]
fn the_table_of_codes_is_in_the_readme() {
    let rows = all()
        .into_iter()
        .map(|(code, (status, text))| format!("| `{code}` | {status} | {} |\n", text.replace('|', "\\|")));
    let table = format!("{BEGIN}\n| code | status | meaning |\n| --- | --- | --- |\n{}{END}", rows.collect::<String>());
    let readme = std::fs::read_to_string(file("README.md")).expect("README.md");
    let (head, rest) = readme.split_once(BEGIN).expect("README.md has the marker of the table of codes");
    let (_, tail) = rest.split_once(END).expect("README.md has the marker of the table's end");
    compare("README.md", &format!("{head}{table}{tail}"));
}
