//! What the codes of WeChat, WeChat Pay and of this client mean, and what to do: one table for `weizhan explain` and for
//! whoever writes an error down.
//!
//! **How to add one:** a line in the file of its side. A test demands a line for every code that the simulator answers.

mod client;
mod pay;
mod platform;
mod shipping;

/// A text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// 中文.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

/// Who says a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// `api.weixin.qq.com`, an `errcode`.
    Platform,
    /// WeChat Pay, a `code`.
    Pay,
    /// This client, where WeChat gave no code.
    Client,
}

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// Who says it.
    pub speaker: Speaker,
    /// The code, as it is written.
    pub code: &'static str,
    /// Why it is said.
    pub cause: Words,
    /// What to do.
    pub remedy: Words,
}

/// One line of a table: code, cause and remedy in Chinese, the same in English.
type Line = (&'static str, &'static str, &'static str, &'static str, &'static str);

fn read(speaker: Speaker, lines: &'static [Line]) -> impl Iterator<Item = Meaning> {
    lines.iter().map(move |(code, cause_zh, remedy_zh, cause_en, remedy_en)| Meaning {
        speaker,
        code,
        cause: Words { zh: cause_zh, en: cause_en },
        remedy: Words { zh: remedy_zh, en: remedy_en },
    })
}

/// Every code that is known.
pub fn all() -> impl Iterator<Item = Meaning> {
    read(Speaker::Platform, platform::LINES)
        .chain(read(Speaker::Platform, shipping::LINES))
        .chain(read(Speaker::Pay, pay::LINES))
        .chain(read(Speaker::Client, client::LINES))
}

/// What a code means, however it is written; API v2 writes some without `_`.
pub fn find(code: &str) -> Option<Meaning> {
    let plain = |code: &str| code.replace('_', "").to_ascii_uppercase();
    let exact = all().find(|meaning| meaning.code == code);
    exact.or_else(|| all().find(|meaning| plain(meaning.code) == plain(code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_says_something_in_both_languages_and_no_code_stands_twice() {
        let mut seen = BTreeSet::new();
        for Meaning { code, cause, remedy, .. } in all() {
            assert!(seen.insert(code), "{code} stands twice");
            for Words { zh, en } in [cause, remedy] {
                assert!(zh.chars().any(|symbol| ('\u{4e00}'..='\u{9fff}').contains(&symbol)), "{code}: {zh}");
                assert!(!en.is_empty() && !en.ends_with('.'), "{code}: {en}");
                assert!(!en.chars().any(|symbol| ('\u{3400}'..='\u{4dbf}').contains(&symbol)), "{code}: {en}");
            }
        }
        assert!(seen.len() > 100, "{}", seen.len());
    }

    #[test]
    fn a_code_is_found_in_either_spelling() {
        assert_eq!(find("ORDERPAID").map(|meaning| meaning.code), Some("ORDER_PAID"));
        assert_eq!(find("system_error").map(|meaning| meaning.code), Some("SYSTEM_ERROR"));
        assert_eq!(find("40029").map(|meaning| meaning.speaker), Some(Speaker::Platform));
        assert_eq!(find("4002"), None);
    }
}
