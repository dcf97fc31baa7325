//! Our own program as people start it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Run it to its end in this folder, without settings of whoever runs the tests.
fn weizhan(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weizhan"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIZHAN__")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder).output().expect("our own program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_tour_holds_on_a_new_laptop_and_again_on_what_it_left() {
    let folder = tempfile::tempdir().expect("folder");
    for arguments in [["--fresh"].as_slice(), &[], &["--fresh"]] {
        let tour = weizhan(folder.path(), &[&["dev", "--tour", "--port", "0"], arguments].concat());
        let told = succeeded(&tour);
        assert!(told.contains("all steps held") && !told.contains('✗'), "{told}");
    }
    let verified = weizhan(folder.path(), &["--config", ".weizhan/config.toml", "verify", "--json"]);
    let verified: serde_json::Value = serde_json::from_str(&succeeded(&verified)).expect("JSON");
    assert_eq!(verified["clean"], true, "{verified}");
}

#[test]
fn a_tour_fails_when_nobody_answers() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("password"), "nobody asks").expect("written");
    // Port 9 is "discard": nothing of ours listens there.
    let nowhere = ["--api", "http://127.0.0.1:9", "--simulator", "http://127.0.0.1:9"];
    let tour = weizhan(folder.path(), &[&["tour", "--staff-password-file", "password"], nowhere.as_slice()].concat());
    assert_eq!(tour.status.code(), Some(1));
    assert!(text(&tour.stdout).starts_with("✗ 01"), "{}", text(&tour.stdout));
    assert!(text(&tour.stderr).contains("no answer"), "{}", text(&tour.stderr));
}

#[test]
fn the_settings_of_a_laptop_or_with_faults_do_not_serve() {
    let folder = tempfile::tempdir().expect("folder");
    succeeded(&weizhan(folder.path(), &["dev", "--tour", "--port", "0"]));
    let served = weizhan(folder.path(), &["--config", ".weizhan/config.toml", "serve"]);
    assert_eq!(served.status.code(), Some(2));
    let told = text(&served.stderr);
    for key in ["auth.token_key", "privacy.data_key", "wechat.apps.0.secret", "pay.api_v3_key"] {
        assert!(told.contains(&format!("  {key}: is a sample")), "{told}");
    }
    fs::write(folder.path().join("bad.toml"), "[server]\nlisten = 'nowhere'\nlistn = 1\n[node]\nid = 99\n")
        .expect("written");
    let checked = weizhan(folder.path(), &["--config", "bad.toml", "check"]);
    assert_eq!(checked.status.code(), Some(2));
    let told = text(&checked.stderr);
    for part in ["bad.toml:2: server.listen:", "bad.toml:3: server.listn: unknown key", "node.id: 99 is neither"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn a_folder_of_somebody_else_is_not_emptied() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("thesis.txt"), "four years").expect("written");
    let dev = weizhan(folder.path(), &["dev", "--tour", "--fresh", "--port", "0", "--data", "."]);
    assert_eq!(dev.status.code(), Some(1));
    assert!(text(&dev.stderr).contains("other files"), "{}", text(&dev.stderr));
    assert_eq!(fs::read_to_string(folder.path().join("thesis.txt")).expect("there"), "four years");
}

#[test]
fn accounts_and_products_are_made_at_the_command_line() {
    let folder = tempfile::tempdir().expect("folder");
    succeeded(&weizhan(folder.path(), &["dev", "--tour", "--port", "0"]));
    let with =
        |arguments: &[&str]| weizhan(folder.path(), &[&["--config", ".weizhan/config.toml"], arguments].concat());
    let create = ["admin", "create", "--name", "mei", "--permissions", "order.read,order.ship"];
    assert!(succeeded(&with(&create)).contains("password (shown this once)"));
    let again = with(&create);
    assert_eq!((again.status.code(), text(&again.stderr).contains("taken")), (Some(1), true));
    assert!(succeeded(&with(&["seed", "--staff", "mei"])).starts_with("0 products"), "dev put them in");
    assert_eq!(with(&["seed", "--staff", "nobody"]).status.code(), Some(1));
    assert!(succeeded(&with(&["migrate"])).contains("has the schema"));
}

#[test]
fn a_day_without_a_bill_is_not_reconciled() {
    let folder = tempfile::tempdir().expect("folder");
    succeeded(&weizhan(folder.path(), &["dev", "--tour", "--port", "0"]));
    let reconcile = |arguments: &[&str]| {
        weizhan(folder.path(), &[&["--config", ".weizhan/config.toml", "reconcile"], arguments].concat())
    };
    let future = reconcile(&["--date", "2999-01-01", "--to", "2999-01-02", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&future.stdout).expect("JSON");
    assert_eq!((future.status.code(), &told["clean"]), (Some(1), &serde_json::json!(false)));
    assert_eq!(told["days"].as_array().map(Vec::len), Some(2), "{told}");
    assert!(told["days"][1]["error"].as_str().is_some_and(|error| error.contains("ninety days")), "{told}");
    // The simulator has stopped with the tour: yesterday cannot be asked for, and that is no clean day.
    let yesterday = reconcile(&[]);
    assert_eq!(yesterday.status.code(), Some(1));
    assert!(text(&yesterday.stdout).starts_with("✗ 2"), "{}", text(&yesterday.stdout));
    assert_eq!(reconcile(&["--date", "yesterday"]).status.code(), Some(2));
    assert_eq!(reconcile(&["--date", "2020-01-01", "--to", "2026-01-01"]).status.code(), Some(1));
}
