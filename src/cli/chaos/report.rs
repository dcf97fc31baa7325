//! What the matrix found: a table and sentences for people, JSON for machines.

use super::violation::Violation;
use comfy_table::{Table, presets};
use serde::Serialize;

/// What became of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Outcome {
    /// Which.
    pub(super) kind: &'static str,
    /// What was done.
    pub(super) what: &'static str,
    /// How often; zero when it was left out.
    pub(super) rounds: u32,
    /// Why it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skipped: Option<&'static str>,
    /// What did not hold.
    pub(super) violations: Vec<Violation>,
    /// How long it took.
    pub(super) took_ms: u128,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    /// Gives the same run again.
    pub(super) seed: u64,
    /// The backend, or `own` for the one that was opened here.
    pub(super) target: String,
    pub(super) kinds: Vec<Outcome>,
}

impl Report {
    /// All that did not hold.
    pub(super) fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.kinds.iter().flat_map(|outcome| &outcome.violations)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["", "kind", "what was done", "rounds", "ms", ""]);
        for outcome in &self.kinds {
            let (mark, told) = match (outcome.skipped, outcome.violations.len()) {
                (Some(why), _) => ("–", why.to_owned()),
                (None, 0) => ("✓", "held".to_owned()),
                (None, count) => ("✗", format!("violated, {count} times")),
            };
            let rounds = outcome.rounds.to_string();
            table.add_row([mark, outcome.kind, outcome.what, &rounds, &outcome.took_ms.to_string(), &told]);
        }
        let told: Vec<String> = self.violations().map(|violation| format!("✗ {violation}\n")).collect();
        let told = told.concat();
        let run = self.kinds.iter().filter(|outcome| outcome.skipped.is_none()).count();
        let rounds: u32 = self.kinds.iter().map(|outcome| outcome.rounds).sum();
        let took: u128 = self.kinds.iter().map(|outcome| outcome.took_ms).sum();
        let (left, broken) = (self.kinds.len() - run, self.violations().count());
        let left = if left > 0 { format!(", {left} left out") } else { String::new() };
        let seed = self.seed;
        format!(
            "{table}\n{told}{run} kinds, {rounds} rounds in {took} ms{left}: {broken} violations (--seed {seed} repeats this)"
        )
    }

    /// For machines.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        let mut value = serde_json::to_value(self)?;
        value["violations"] = serde_json::to_value(self.violations().collect::<Vec<_>>())?;
        value["clean"] = self.violations().next().is_none().into();
        serde_json::to_string_pretty(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::chaos::violation::Invariant;

    #[test]
    fn a_violation_is_told_in_words_and_to_machines() {
        let outcome = |kind, skipped: Option<&'static str>, violations| Outcome {
            kind,
            what: "something",
            rounds: u32::from(skipped.is_none()),
            skipped,
            violations,
            took_ms: 1,
        };
        let violation = Violation {
            kind: "bad",
            invariant: Invariant::Paid,
            subject: "order 7".to_owned(),
            expected: "pending".to_owned(),
            seen: "paid".to_owned(),
        };
        let kinds = vec![
            outcome("good", None, vec![]),
            outcome("bad", None, vec![violation]),
            outcome("left", Some("needs a clock that can be moved"), vec![]),
        ];
        let report = Report { seed: 7, target: "own".to_owned(), kinds };
        let text = report.text();
        assert!(text.contains("✗ bad: paid: order 7: expected pending, seen paid"), "{text}");
        assert!(
            text.ends_with("2 kinds, 2 rounds in 3 ms, 1 left out: 1 violations (--seed 7 repeats this)"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&report.json().expect("JSON")).expect("JSON");
        assert_eq!((&json["clean"], &json["violations"][0]["invariant"]), (&false.into(), &"paid".into()));
        assert_eq!(json["kinds"][2]["skipped"], "needs a clock that can be moved");
    }
}
