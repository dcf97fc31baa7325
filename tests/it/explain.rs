//! Claimed: whatever code somebody meets, `weizhan explain` knows it.

use crate::contract::source::files;
use std::{collections::BTreeSet, process::Command};
use weizhan::wechat::meaning;

/// What stands between each of these beginnings and the next of these ends.
fn between<'t>(text: &'t str, beginning: &str, ends: &[char]) -> impl Iterator<Item = &'t str> {
    let beginning = beginning.to_owned();
    text.match_indices(&beginning.clone())
        .map(|(at, found)| at + found.len())
        .collect::<Vec<_>>()
        .into_iter()
        .filter_map(move |at| text[at..].split(ends).next())
}

/// Every code that the simulator can answer, as its source says.
fn simulated() -> BTreeSet<String> {
    let is_number =
        |word: &str| !word.is_empty() && word.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    let mut found = BTreeSet::new();
    for source in files("src/simulator") {
        let text = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for beginning in ["Errcode(", "errcode("] {
            let numbers = between(text, beginning, &[')']).map(|word| word.replace('_', ""));
            found.extend(numbers.filter(|word| is_number(word)));
        }
        // Where a code is chosen first and answered later: `=> 10_060_005,` and `Some(10_060_008)`.
        let chosen = between(text, "=> ", &[',', ' ', '\n']).chain(between(text, "Some(", &[')']));
        let chosen = chosen.map(|word| word.replace('_', "")).filter(|word| is_number(word) && word.len() >= 5);
        found.extend(chosen);
        for beginning in ["Refusal::bad(\"", "Refusal::forbidden(\"", "Refusal::missing(\"", "Self::bad(\""] {
            found.extend(between(text, beginning, &['"']).map(str::to_owned));
        }
        for part in between(text, "StatusCode::", &[')']) {
            found.extend(
                between(part, ", \"", &['"'])
                    .filter(|word| word.contains('_') || *word == word.to_uppercase())
                    .map(str::to_owned),
            );
        }
    }
    found.retain(|code| is_number(code) || code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
    found
}

#[test]
fn every_code_of_the_simulator_is_explained() {
    let codes = simulated();
    assert!(codes.len() > 55, "only {codes:?} were read");
    for expected in
        ["40029", "-1", "10060001", "10060009", "SIGN_ERROR", "NOT_ENOUGH", "SYSTEM_ERROR", "FREQUENCY_LIMITED"]
    {
        assert!(codes.contains(expected), "{expected} was not read: {codes:?}");
    }
    let unknown: Vec<_> = codes.iter().filter(|code| meaning::find(code).is_none()).collect();
    assert!(unknown.is_empty(), "write lines in src/wechat/meaning for {unknown:?}");
}

#[test]
fn a_code_is_explained_and_an_unknown_one_told_the_nearest() {
    let explain = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_weizhan")).arg("explain").args(arguments).output().expect("our own program")
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let known = explain(&["40029"]);
    assert!(known.status.success());
    let told = text(&known.stdout);
    assert!(told.contains("办法") && told.contains("call wx.login again") && !told.contains('\u{1b}'), "{told}");
    assert!(text(&explain(&["-1", "--lang", "en"]).stdout).contains("busy"));
    let json: serde_json::Value =
        serde_json::from_slice(&explain(&["order.out_of_stock", "--json"]).stdout).expect("JSON");
    assert_eq!(json["cause"]["zh"], "库存不足");
    let unknown = explain(&["40028"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("40029"), "{}", text(&unknown.stderr));
    assert!(text(&explain(&[]).stdout).lines().count() > 200);
}
