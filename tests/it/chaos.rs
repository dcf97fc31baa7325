//! `weizhan chaos pay`: the matrix finds nothing in the backend as it is, and finds each of ten bugs that are planted in it.

use crate::{
    contract::compare,
    support::{
        Backend,
        app::fresh_mariadb,
        backend, full,
        servers::{self, process::wait_until},
        with_redis,
    },
};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Every run of these tests is the same one.
const SEED: &str = "20261123";

/// Numbers of Redis databases, beyond those of the other tests.
static REDIS: AtomicUsize = AtomicUsize::new(3000);

/// Our own program, without settings of whoever runs the tests.
fn weizhan(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weizhan"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIZHAN__")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder);
    command
}

/// Where our own backend keeps its rows: a new SQLite file by itself, or a new database of the run's MariaDB.
async fn on_this_backend() -> Vec<String> {
    if backend() == Backend::Sqlite {
        return Vec::new();
    }
    let url = fresh_mariadb(&servers::mariadb().url_base()).await;
    let mut arguments = vec!["--database-url".to_owned(), url];
    if with_redis() {
        let number = REDIS.fetch_add(1, Ordering::Relaxed);
        let redis = format!("{}/{number}", servers::redis().url().trim_end_matches('/'));
        arguments.extend(["--redis-url".to_owned(), redis]);
    }
    arguments
}

/// The matrix with these options; its output and its report.
async fn chaos(folder: &Path, arguments: &[&str]) -> (Output, Value) {
    let own = on_this_backend().await;
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let mut all = vec!["chaos", "pay", "--seed", SEED, "--report", "report.json"];
    all.extend(arguments.iter().chain(&own));
    let mut command = weizhan(folder, &all);
    let output = tokio::task::spawn_blocking(move || command.output().expect("our own program starts"));
    let output = output.await.expect("joined");
    let report = fs::read(folder.join("report.json")).unwrap_or_default();
    (output, serde_json::from_slice(&report).unwrap_or_default())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn told(output: &Output) -> String {
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn the_matrix_finds_nothing_wrong_with_this_backend() {
    let folder = tempfile::tempdir().expect("folder");
    let rounds = if full() { "20" } else { "1" };
    let (output, report) = chaos(folder.path(), &["--rounds", rounds]).await;
    let told = told(&output);
    assert!(output.status.success() && report["clean"] == true, "{told}");
    let kinds = report["kinds"].as_array().expect("kinds");
    assert!(kinds.len() >= 50 && kinds.iter().all(|kind| kind["rounds"] == rounds.parse::<u32>().unwrap()), "{told}");
    assert!(told.contains(&format!("--seed {SEED}")) && told.contains(": 0 violations"), "{told}");
    println!("{}", told.lines().rfind(|line| line.contains("violations")).unwrap_or_default());
}

/// A bug, the kinds that are run with it in a short run, and by which of them as what it must be caught.
#[cfg(debug_assertions)]
const PLANTED: [(&str, &str, &str, &str); 10] = [
    ("missing-amount-check", "callback_lost,wrong_amount,odd_amounts", "wrong_amount", "paid"),
    ("unawaited-update", "callback_lost,callback_alone,order_repeated", "callback_alone", "durable"),
    ("paid-after-cancel", "cancel_repeated,money_late,callback_alone", "money_late", "stock"),
    ("local-first-close", "callback_lost,close_refused,cancel_repeated", "close_refused", "closed"),
    ("new-refund-number", "refund_race,refund_reply_lost,refund_closed", "refund_reply_lost", "refund"),
    ("ok-on-failure", "callback_alone,database_held,api_v3_key_changed", "api_v3_key_changed", "forged"),
    ("reserialised-body", "callback_alone,callback_reformatted,keys_mixed", "callback_reformatted", "alive"),
    ("duplicate-effect", "order_repeated,callback_reordered,callback_alone", "callback_reordered", "once"),
    ("foreign-merchant", "wrong_app,wrong_merchant,callback_alone", "wrong_merchant", "paid"),
    ("float-yuan", "order_unpaid,odd_amounts", "odd_amounts", "amount"),
];

/// A violation as the matrix prints it, without the numbers that differ from run to run.
#[cfg(debug_assertions)]
fn sentence(violation: &Value) -> String {
    let field = |name: &str| violation[name].as_str().unwrap_or_default();
    let [kind, invariant, subject] = ["kind", "invariant", "subject"].map(field);
    let said = format!("{kind}: {invariant}: {subject}: expected {}, seen {}", field("expected"), field("seen"));
    let (mut plain, mut digits) = (String::new(), String::new());
    for symbol in said.chars().chain(['\n']) {
        if symbol.is_ascii_digit() {
            digits.push(symbol);
            continue;
        }
        plain.push_str(if digits.len() > 7 { "…" } else { &digits });
        digits.clear();
        plain.push(symbol);
    }
    plain.trim_end().to_owned()
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn every_planted_bug_is_caught() {
    use futures_util::StreamExt as _;
    let catch = async |(bug, kinds, by, invariant): (&str, &str, &str, &str)| {
        let folder = tempfile::tempdir().expect("folder");
        let only = ["--plant", bug, "--only", kinds];
        let (output, report) = chaos(folder.path(), if full() { &only[..2] } else { &only }).await;
        let told = told(&output);
        assert_eq!(output.status.code(), Some(1), "{bug} is not caught: {told}");
        let violations = report["violations"].as_array().expect("violations");
        let found = violations.iter().find(|one| one["kind"] == by && one["invariant"] == invariant);
        let found = sentence(found.unwrap_or_else(|| panic!("{bug} is not caught by {by} as {invariant}: {told}")));
        println!("{bug}: {found}");
        format!("| `{bug}` | {} |\n", found.replace('|', "\\|"))
    };
    // Two at a time: each takes about one core.
    let rows: Vec<_> = futures_util::stream::iter(PLANTED).map(catch).buffered(2).collect().await;
    let (begin, end) = ("<!-- planted -->", "<!-- /planted -->");
    for name in ["README.md", "README.zh-CN.md"] {
        let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a README");
        let (head, rest) = readme.split_once(begin).expect("the marker of the table of planted bugs");
        let (_, tail) = rest.split_once(end).expect("the marker of its end");
        let titles =
            if name == "README.md" { "| bug | what is printed |" } else { "| 植入的错误 | 打印的违例 |" };
        compare(name, &format!("{head}{begin}\n{titles}\n| --- | --- |\n{}{end}{tail}", rows.concat()));
    }
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_running_backend_is_tested_from_outside() {
    let folder = tempfile::tempdir().expect("folder");
    let log = fs::File::create(folder.path().join("dev.log")).expect("log");
    let mut dev = weizhan(folder.path(), &["dev", "--port", "0"]);
    let _dev = Running(dev.stdout(log).stderr(Stdio::null()).spawn().expect("our own program starts"));
    let address = |name: &str| {
        let log = fs::read_to_string(folder.path().join("dev.log")).unwrap_or_default();
        let line = log.lines().find(|line| line.contains(name))?;
        Some(line.split_whitespace().find(|word| word.starts_with("http://"))?.to_owned())
    };
    let ready = || address("API  ").is_some() && address("WeChat simulator").is_some();
    assert!(wait_until(|| ready() && folder.path().join(".weizhan/secrets/staff_password").exists()), "no shop");
    let (api, wechat) = (address("API  ").expect("API"), address("WeChat simulator").expect("WeChat"));
    let only = "callback_duplicated,callback_delayed,callback_probe,wrong_amount,close_refused,refund_race,shop_away";
    let target = ["chaos", "pay", "--target", &api, "--simulator", &wechat, "--seed", SEED, "--report", "report.json"];
    let chosen = if full() { vec![] } else { vec!["--only", only] };
    let mut command = weizhan(folder.path(), &[&target[..], &chosen].concat());
    let output = tokio::task::spawn_blocking(move || command.output().expect("our own program starts"));
    let output = output.await.expect("joined");
    assert!(output.status.success(), "{}", told(&output));
    let report = fs::read(folder.path().join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let skipped = report["kinds"].as_array().expect("kinds").iter().filter(|kind| kind["rounds"] == 0);
    let skipped: Vec<_> = skipped.map(|kind| (&kind["kind"], kind["skipped"].as_str().unwrap_or_default())).collect();
    // It is told what real time and somebody else's process cannot show.
    let why = |name: &str| skipped.iter().find(|(kind, _)| *kind == name).map(|(_, why)| *why);
    assert!(why("callback_delayed").is_some_and(|why| why.contains("clock")), "{skipped:?}");
    assert!(why("shop_away").is_some_and(|why| why.contains("of its own")), "{skipped:?}");
    assert!(full() || skipped.len() == 2, "{skipped:?}");
}

#[test]
fn an_unknown_kind_is_refused_with_the_nearest() {
    let folder = tempfile::tempdir().expect("folder");
    let output = weizhan(folder.path(), &["chaos", "pay", "--only", "callback_los"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("the nearest is callback_lost"), "{}", told(&output));
    let listed = weizhan(folder.path(), &["chaos", "pay", "--list"]).output().expect("starts");
    assert!(listed.status.success() && text(&listed.stdout).lines().count() >= 50, "{}", told(&listed));
}
