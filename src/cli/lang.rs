//! Two languages.

use std::fmt;

/// Which language to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Lang {
    /// 中文.
    Zh,
    /// English.
    En,
    /// Both, Chinese first.
    #[default]
    Both,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Said {
    /// 中文.
    pub(super) zh: String,
    /// English.
    pub(super) en: String,
}

impl Said {
    /// These texts.
    pub(super) fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
    /// In this language; both on one line, apart by a dot.
    pub(super) fn show(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => self.zh.clone(),
            Lang::En => self.en.clone(),
            Lang::Both if self.zh == self.en => self.zh.clone(),
            Lang::Both => format!("{} · {}", self.zh, self.en),
        }
    }
}

impl From<crate::wechat::meaning::Words> for Said {
    fn from(words: crate::wechat::meaning::Words) -> Self {
        Self::new(words.zh, words.en)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Lang::Both))
    }
}
