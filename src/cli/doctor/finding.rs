//! What the doctor found.

use crate::cli::lang::{Lang, Said};
use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// All is well.
    Good,
    /// It works, and somebody should look.
    Warning,
    /// It does not work, or a promise is broken.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Stable word, `part.thing`; programs match on it.
    pub(super) check: &'static str,
    pub(super) level: Level,
    /// What is so.
    pub(super) found: Said,
    /// What to do; nothing where all is well.
    pub(super) remedy: Option<Said>,
}

impl Finding {
    /// All is well.
    pub(super) fn good(check: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { check, level: Level::Good, found: Said::new(zh, en), remedy: None }
    }
    /// Somebody should look: what is so, and what to do.
    pub(super) fn warning(check: &'static str, found: (impl Into<String>, impl Into<String>), act: Said) -> Self {
        Self { check, level: Level::Warning, found: Said::new(found.0, found.1), remedy: Some(act) }
    }
    /// It does not work: what is so, and what to do.
    pub(super) fn failure(check: &'static str, found: (impl Into<String>, impl Into<String>), act: Said) -> Self {
        Self { level: Level::Failure, ..Self::warning(check, found, act) }
    }

    /// For people; `coloured` on a terminal.
    pub(super) fn text(&self, lang: Lang, coloured: bool) -> String {
        let (mark, colour) = match self.level {
            Level::Good => ("✓", "32"),
            Level::Warning => ("!", "33"),
            Level::Failure => ("✗", "31"),
        };
        let mark = if coloured { format!("\u{1b}[{colour}m{mark}\u{1b}[0m") } else { mark.to_owned() };
        let mut text = format!("{mark} {:<22} {}\n", self.check, self.found.show(lang));
        let lines = self.remedy.iter().flat_map(|remedy| match lang {
            Lang::Zh => vec![&remedy.zh],
            Lang::En => vec![&remedy.en],
            Lang::Both => vec![&remedy.zh, &remedy.en],
        });
        lines.for_each(|line| text.push_str(&format!("    → {line}\n")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_gets_colours_and_each_language_its_own_line() {
        let finding = Finding::failure("a.b", ("坏了", "broken"), Said::new("修", "mend it"));
        assert_eq!(finding.text(Lang::Zh, false), "✗ a.b                    坏了\n    → 修\n");
        let both = finding.text(Lang::Both, true);
        assert!(
            both.starts_with("\u{1b}[31m✗\u{1b}[0m") && both.ends_with("坏了 · broken\n    → 修\n    → mend it\n"),
            "{both}"
        );
        assert_eq!(Finding::good("a.b", "好", "well").text(Lang::En, false).lines().count(), 1);
    }
}
