//! `weizhan events`: the log of events, as those see it who read it.

use super::Sources;
use crate::{
    app::{App, Role, SystemClock},
    model::event::Lag,
    service::event,
    telemetry,
};
use comfy_table::Table;
use serde_json::{Value, json};
use std::{io::Write as _, sync::Arc};

/// Options of `events`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Show how far each consumer is, in each partition.
    Lag {
        /// Print a JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Let a consumer read again from another place of a partition. What it made of the events is not undone.
    Rewind {
        /// Whom, as `lag` names it.
        consumer: String,
        /// Which part of the log.
        #[arg(long)]
        partition: i64,
        /// The last event that it is done with: it goes on behind it; 0 is the beginning of a whole log.
        #[arg(long)]
        position: i64,
    },
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    let done = act(&app, args.act).await;
    app.shut_down().await;
    done
}

async fn act(app: &App, act: Act) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match act {
        Act::Lag { json } => {
            let lags = event::lags(app).await?;
            let text = if json { serde_json::to_string_pretty(&as_json(&lags))? } else { as_table(&lags) };
            writeln!(out, "{text}")?;
        }
        Act::Rewind { consumer, partition, position } => {
            event::rewind(app, &consumer, partition, position).await?;
            writeln!(out, "{consumer} goes on behind {position} in partition {partition}")?;
        }
    }
    Ok(())
}

fn as_json(lags: &[Lag]) -> Value {
    let rows = lags.iter().map(|Lag { consumer, partition_no, position, last }| {
        json!({ "consumer": consumer, "partition": partition_no, "position": position, "last": last,
            "behind": last - position })
    });
    rows.collect()
}

fn as_table(lags: &[Lag]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["consumer", "partition", "is at", "of", "behind"]);
    for Lag { consumer, partition_no, position, last } in lags {
        let numbers = [*partition_no, *position, *last, last - position].map(|number| number.to_string());
        table.add_row(std::iter::once(consumer.clone()).chain(numbers));
    }
    let behind: i64 = lags.iter().map(|lag| lag.last - lag.position).sum();
    format!("{table}\n{behind} events are not read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_how_far_a_consumer_is_behind() {
        let lag = |partition_no, position| Lag { consumer: "figures".to_owned(), partition_no, position, last: 10 };
        let lags = [lag(0, 7), lag(1, 10)];
        let text = as_table(&lags);
        assert!(text.contains("figures") && text.ends_with("\n3 events are not read"), "{text}");
        assert_eq!((&as_json(&lags)[0]["behind"], &as_json(&lags)[1]["position"]), (&json!(3), &json!(10)));
    }
}
