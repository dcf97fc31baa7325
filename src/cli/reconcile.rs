//! `weizhan reconcile`: days against WeChat's bills.

use super::{Sources, Told};
use crate::{
    app::{App, Role, SystemClock},
    model::{
        reconcile::{DayState, Difference, DifferenceState, HORIZON_DAYS, ReconcileRefusal, Reconciliation},
        time::Day,
    },
    service::{Error, reconcile},
    telemetry,
};
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::{io::Write as _, sync::Arc, time::Duration};

/// Options of `reconcile`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The day, such as 2026-11-22; yesterday in Shanghai unless it is said.
    #[arg(long, value_name = "DAY")]
    date: Option<Day>,
    /// The last of several days, the first of which is --date.
    #[arg(long, value_name = "DAY", requires = "date")]
    to: Option<Day>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// What a day came to.
struct Outcome {
    day: Day,
    /// The row, or why there is none.
    row: Result<Reconciliation, String>,
    open: Vec<Difference>,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    let from = args.date.unwrap_or_else(|| Day(app.now().day()).before(1));
    let days: Vec<Day> = std::iter::successors(Some(from), |day| Some(day.next()))
        .take_while(|day| *day <= args.to.unwrap_or(from))
        .take(usize::try_from(HORIZON_DAYS)? + 1)
        .collect();
    if u64::try_from(days.len())? > HORIZON_DAYS {
        anyhow::bail!("at most {HORIZON_DAYS} days: WeChat has no bills of more");
    }
    // It hides itself when nobody looks at a terminal.
    let bar = ProgressBar::new(days.len().try_into()?);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut outcomes = Vec::new();
    for day in days {
        bar.set_message(day.to_string());
        outcomes.push(compare(&app, day).await);
        bar.inc(1);
    }
    bar.finish_and_clear();
    app.shut_down().await;
    let text = if args.json { serde_json::to_string_pretty(&as_json(&outcomes))? } else { as_table(&outcomes) };
    writeln!(std::io::stdout(), "{text}")?;
    if is_clean(&outcomes) { Ok(()) } else { Err(Told.into()) }
}

async fn compare(app: &App, day: Day) -> Outcome {
    let told = |error: Error<ReconcileRefusal>| match error {
        Error::Refused(reason) => reason.to_string(),
        Error::Fault(fault) => fault.chain(),
    };
    let row = reconcile::run(app, day).await.map_err(told);
    let all = reconcile::list_of_day(app, day).await.map_err(told);
    let open = |all: Vec<Difference>| all.into_iter().filter(|row| row.state == DifferenceState::Open).collect();
    let (row, open) = match (row, all) {
        (Ok(row), Ok(all)) => (Ok(row), open(all)),
        (Err(error), Ok(all)) => (Err(error), open(all)),
        (row, Err(error)) => (row.and(Err(error)), Vec::new()),
    };
    Outcome { day, row, open }
}

fn is_clean(outcomes: &[Outcome]) -> bool {
    let is_done = |row: &Reconciliation| row.state == DayState::Done;
    !outcomes.is_empty() && outcomes.iter().all(|day| day.row.as_ref().is_ok_and(is_done) && day.open.is_empty())
}

fn as_json(outcomes: &[Outcome]) -> Value {
    let days = outcomes.iter().map(|Outcome { day, row, open }| {
        let differences: Vec<_> = open.iter().map(difference).collect();
        match row {
            Err(error) => json!({ "day": day, "error": error, "differences": differences }),
            Ok(row) => {
                json!({ "day": day, "state": row.state, "payments": row.payments, "payments_fen": row.payments_fen,
                "refunds": row.refunds, "refunds_fen": row.refunds_fen, "entries": row.entries, "error": row.error,
                "differences": differences })
            }
        }
    });
    json!({ "clean": is_clean(outcomes), "days": days.collect::<Vec<_>>() })
}

fn difference(row: &Difference) -> Value {
    let finding = &row.finding;
    json!({ "id": row.id, "kind": finding.kind, "subject": finding.subject, "wechat_no": finding.wechat_no,
        "own_no": finding.own_no, "order_id": finding.order_id, "bill_fen": finding.bill_fen, "own_fen": finding.own_fen,
        "bill_state": finding.bill_state, "own_state": finding.own_state })
}

fn as_table(outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["day", "difference", "WeChat's number", "our number", "bill", "here", "id"]);
    let mut lines = Vec::new();
    for Outcome { day, row, open } in outcomes {
        lines.push(match row {
            Err(error) => format!("✗ {day}: {error}"),
            Ok(row) if row.state == DayState::Waiting => format!("✗ {day}: {}", row.error),
            Ok(row) => format!(
                "{} {day}: {} payments of {} yuan, {} refunds of {} yuan, {} entries; {} open",
                if open.is_empty() { "✓" } else { "✗" },
                row.payments,
                row.payments_fen,
                row.refunds,
                row.refunds_fen,
                row.entries,
                open.len()
            ),
        });
        for row in open {
            let finding = &row.finding;
            let side = |fen: Option<crate::model::money::Fen>, state: &str| {
                let fen = fen.map(|fen| fen.to_string()).unwrap_or_default();
                format!("{fen} {state}").trim().to_owned()
            };
            table.add_row([
                day.to_string(),
                finding.kind.to_string(),
                finding.wechat_no.clone(),
                finding.own_no.clone(),
                side(finding.bill_fen, &finding.bill_state),
                side(finding.own_fen, &finding.own_state),
                row.id.to_string(),
            ]);
        }
    }
    let table = if table.is_empty() { String::new() } else { format!("{table}\n") };
    format!("{table}{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        id::DifferenceId,
        money::Fen,
        reconcile::{DifferenceKind, Finding},
        time::Timestamp,
    };

    fn outcome(open: Vec<Difference>) -> Outcome {
        let waiting = Reconciliation::waiting(Day(20_261_122), Timestamp(0));
        Outcome { day: waiting.day, row: Ok(Reconciliation { state: DayState::Done, payments: 3, ..waiting }), open }
    }

    fn difference() -> Difference {
        Difference {
            id: DifferenceId(7),
            day: Day(20_261_122),
            finding: Finding {
                kind: DifferenceKind::PaymentForeign,
                subject: "42".into(),
                wechat_no: "42".into(),
                own_no: "T1".into(),
                order_id: None,
                bill_fen: Some(Fen(1205)),
                own_fen: None,
                bill_state: "SUCCESS".into(),
                own_state: String::new(),
                happened_ms: Timestamp(0),
            },
            state: DifferenceState::Open,
            note: String::new(),
            created_ms: Timestamp(0),
            ended_ms: None,
        }
    }

    #[test]
    fn a_difference_is_seen_in_both_forms_and_a_day_that_waits_is_not_clean() {
        let good = [outcome(vec![])];
        assert!(is_clean(&good) && as_json(&good)["clean"] == true, "{}", as_table(&good));
        assert!(as_table(&good).starts_with("✓ 2026-11-22: 3 payments"), "{}", as_table(&good));
        let bad = [outcome(vec![]), outcome(vec![difference()])];
        let text = as_table(&bad);
        assert!(!is_clean(&bad) && text.contains("payment_foreign") && text.contains("12.05 SUCCESS"), "{text}");
        assert_eq!(as_json(&bad)["days"][1]["differences"][0]["id"], "7");
        let row = Reconciliation::waiting(Day(20_261_122), Timestamp(0));
        let waiting =
            [Outcome { day: row.day, row: Ok(Reconciliation { error: "later".into(), ..row }), open: vec![] }];
        assert!(!is_clean(&waiting) && as_table(&waiting).ends_with("later"));
        assert!(!is_clean(&[]), "no day is no answer");
    }
}
