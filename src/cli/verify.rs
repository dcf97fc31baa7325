//! `weizhan verify`: whether the books balance.

use super::{Sources, Told};
use crate::{
    app::{App, Role, SystemClock},
    data::Database,
    service::verify::{self, Finding},
    telemetry,
};
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::{io::Write as _, sync::Arc, time::Duration};

/// Ids that a line of the table shows.
const IDS_SHOWN: usize = 5;

/// Options of `verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    // Migrated, if need be: the checks are written for the schema of this binary.
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    let verified = on(&app.database, args.json).await;
    app.shut_down().await;
    verified
}

/// Check a database that is open, and print what was found; an error that was told when anything was.
pub(super) async fn on(database: &Database, json: bool) -> anyhow::Result<()> {
    // It hides itself when nobody looks at a terminal.
    let bar = ProgressBar::new(verify::COUNT.try_into()?);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let findings = verify::on(database, |finding| {
        bar.set_message(finding.name);
        bar.inc(1);
    })
    .await;
    bar.finish_and_clear();
    let findings = findings?;
    let text = if json { serde_json::to_string_pretty(&as_json(&findings))? } else { as_table(&findings) };
    writeln!(std::io::stdout(), "{text}")?;
    if is_clean(&findings) { Ok(()) } else { Err(Told.into()) }
}

fn is_clean(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.ids.is_empty())
}

fn as_json(findings: &[Finding]) -> Value {
    let rows = findings.iter().map(|Finding { name, claim, noun, ids }| {
        // Ids are text wherever they leave the process.
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        json!({ "check": name, "claim": claim, "noun": noun, "broken": ids })
    });
    json!({ "clean": is_clean(findings), "checks": rows.collect::<Vec<_>>() })
}

fn as_table(findings: &[Finding]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "check", "what must be true", "broken by"]);
    for Finding { name, claim, noun, ids } in findings {
        let mut broken: Vec<String> = ids.iter().take(IDS_SHOWN).map(ToString::to_string).collect();
        if ids.len() > IDS_SHOWN {
            broken.push(format!("and {} more", ids.len() - IDS_SHOWN));
        }
        let mark = if ids.is_empty() { "✓" } else { "✗" };
        let broken = if ids.is_empty() { String::new() } else { format!("{noun} {}", broken.join(", ")) };
        table.add_row([mark, name, claim, &broken]);
    }
    let wrong = findings.iter().filter(|finding| !finding.ids.is_empty()).count();
    format!("{table}\n{} of {} checks hold", findings.len() - wrong, findings.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_seen_in_both_forms() {
        let finding = |name, ids| Finding { name, claim: "it holds", noun: "order", ids };
        let good = [finding("a.b", vec![])];
        assert!(is_clean(&good) && as_json(&good)["clean"] == true && as_table(&good).ends_with("1 of 1 checks hold"));
        let bad = [finding("a.b", vec![]), finding("c.d", (1..=7).collect())];
        let text = as_table(&bad);
        assert!(!is_clean(&bad) && text.ends_with("1 of 2 checks hold"), "{text}");
        assert!(text.contains("✗") && text.contains("order 1, 2, 3, 4, 5, and 2 more"), "{text}");
        assert_eq!(as_json(&bad)["checks"][1]["broken"][6], "7");
    }
}
