//! `weizhan explain CODE`: what a code of WeChat, WeChat Pay or of this server means, and what to do.

mod own;

use super::{
    Told,
    lang::{Lang, Said},
};
use crate::{
    http::problem,
    wechat::meaning::{self, Speaker},
};
use serde::Serialize;
use std::{fmt::Write as _, io::Write as _};

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Such as 40029, `SYSTEM_ERROR` or `order.out_of_stock`. Without one, all are listed.
    #[arg(allow_negative_numbers = true)]
    code: Option<String>,
    /// Which language to print.
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed of one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Explained {
    code: String,
    speaker: Said,
    cause: Said,
    remedy: Said,
}

impl From<meaning::Meaning> for Explained {
    fn from(known: meaning::Meaning) -> Self {
        let speaker = match known.speaker {
            Speaker::Platform => Said::new("微信小程序平台", "WeChat"),
            Speaker::Pay => Said::new("微信支付", "WeChat Pay"),
            Speaker::Client => Said::new("微栈访问微信时", "weizhan, calling WeChat"),
        };
        Self { code: known.code.to_owned(), speaker, cause: known.cause.into(), remedy: known.remedy.into() }
    }
}

/// What this server says, with its text in English as it is answered.
fn own() -> Vec<Explained> {
    let nouns = problem::texts();
    let explained = own::LINES.iter().map(|(code, zh, remedy_zh, remedy_en)| {
        let en = nouns.iter().find(|(known, _)| known == code).map_or(*code, |(_, text)| *text);
        Explained {
            code: (*code).to_owned(),
            speaker: Said::new("微栈", "weizhan"),
            cause: Said::new(*zh, en),
            remedy: Said::new(*remedy_zh, *remedy_en),
        }
    });
    explained.collect()
}

fn all() -> Vec<Explained> {
    let mut all: Vec<Explained> = meaning::all().map(Explained::from).collect();
    all.extend(own());
    all
}

fn find(code: &str) -> Option<Explained> {
    if let Some(status) = code.strip_prefix("http_").and_then(|status| status.parse::<u16>().ok()) {
        let said = |zh: &str, en: &str| {
            Said::new(format!("微信以 HTTP {status} {zh}"), format!("WeChat answered HTTP {status} {en}"))
        };
        return Some(Explained {
            code: code.to_owned(),
            speaker: Said::new("微栈访问微信时", "weizhan, calling WeChat"),
            cause: said("作答，没有错误码", "without a code"),
            remedy: Said::new(
                "5xx 和 429 程序会自行重试；其他的看是否有代理插手",
                "5xx and 429 are tried again; otherwise see whether a proxy interferes",
            ),
        });
    }
    let own = own().into_iter().find(|known| known.code == code);
    own.or_else(|| meaning::find(code).map(Explained::from))
}

/// The codes that look most like this one.
fn nearest(code: &str) -> Vec<String> {
    let wanted = code.to_ascii_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &wanted);
    let mut codes: Vec<(usize, String)> = all().into_iter().map(|known| (distance(&known.code), known.code)).collect();
    codes.sort();
    codes.into_iter().take(3).map(|(_, code)| code).collect()
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let Some(code) = &args.code else {
        let all = all();
        if args.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        }
        for known in all.iter().filter(|_| !args.json) {
            writeln!(out, "{}\t{}", known.code, known.cause.show(args.lang))?;
        }
        return Ok(());
    };
    let code = code.trim();
    let Some(known) = find(code) else {
        let nearest = nearest(code).join(", ");
        eprintln!("weizhan: 不认识 {code}，最接近的是 · {code} is not known; the nearest are: {nearest}");
        return Err(Told.into());
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&known)?)?;
    } else {
        write!(out, "{}", text(&known, args.lang))?;
    }
    Ok(())
}

fn text(known: &Explained, lang: Lang) -> String {
    let mut text = format!("{}  {}\n", known.code, known.speaker.show(lang));
    let mut line = |label: &str, words: &str| {
        let _ = writeln!(text, "  {label}  {words}");
    };
    if lang != Lang::En {
        line("原因", &known.cause.zh);
        line("办法", &known.remedy.zh);
    }
    if lang != Lang::Zh {
        line("cause ", &known.cause.en);
        line("remedy", &known.remedy.en);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_of_ours_is_explained_and_nothing_else() {
        let ours: BTreeSet<_> = problem::texts().into_iter().map(|(code, _)| code).collect();
        let explained: BTreeSet<_> = own::LINES.iter().map(|(code, ..)| *code).collect();
        assert_eq!(ours.difference(&explained).collect::<Vec<_>>(), Vec::<&&str>::new(), "write a line in own.rs");
        assert_eq!(explained.difference(&ours).collect::<Vec<_>>(), Vec::<&&str>::new(), "no such code any more");
        assert_eq!(explained.len(), own::LINES.len());
    }

    #[test]
    fn an_explanation_has_cause_and_remedy_in_the_language_that_is_asked_for() {
        let known = find("40029").expect("known");
        let (zh, en, both) = (text(&known, Lang::Zh), text(&known, Lang::En), text(&known, Lang::Both));
        assert!(zh.contains("wx.login") && zh.contains("办法") && !zh.contains("remedy"), "{zh}");
        assert!(en.contains("five minutes") && !en.contains("办法"), "{en}");
        assert!(both.contains("办法") && both.contains("remedy"), "{both}");
        assert!(find("http_502").expect("known").cause.en.contains("502"));
        assert_eq!(find("order.out_of_stock").expect("known").cause.en, "only {left} of SKU {sku} left");
    }

    #[test]
    fn an_unknown_code_is_told_the_nearest() {
        assert_eq!(find("40028"), None);
        assert!(nearest("40028").contains(&"40029".to_owned()), "{:?}", nearest("40028"));
        assert_eq!(nearest("order.out_of_stok")[0], "order.out_of_stock");
        assert_eq!(nearest("SYSTEM_EROR")[0], "SYSTEM_ERROR");
    }
}
