//! `weizhan jobs list|show|…`: the queues, for whoever runs the shop.

use crate::{
    app::{App, Role, SystemClock},
    cli::Sources,
    model::{
        binding::Binding,
        id::JobId,
        job::{JobRow, JobState, QueueFigures},
        throttle::{Scope, Throttle},
    },
    service, telemetry,
};
use clap::Subcommand;
use comfy_table::Table;
use serde_json::{Value, json};
use std::{io::Write as _, sync::Arc};

/// What can be done with the queues.
#[derive(Debug, Subcommand)]
pub(super) enum Act {
    /// Jobs in a state, latest first.
    List {
        /// ready, running, done or dead.
        #[arg(long, default_value = "dead")]
        state: JobState,
        /// At most so many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
        limit: i64,
    },
    /// One job.
    Show {
        /// Its id.
        id: JobId,
    },
    /// How the queues stand, what is held back, what is bound to which queue.
    Queues,
    /// Let one job run now: one that waits, or one that was given up.
    Retry {
        /// Its id.
        id: JobId,
    },
    /// Try all jobs once more that were given up.
    Redrive {
        /// Of this kind only.
        #[arg(long)]
        kind: Option<String>,
        /// Of this queue only.
        #[arg(long)]
        queue: Option<String>,
    },
    /// Let no job of a kind or queue begin; what runs is finished.
    Pause(Which),
    /// Let a paused kind or queue go on.
    Resume(Which),
    /// Limit a kind or queue over all nodes; without a number there is no limit.
    Limit {
        #[command(flatten)]
        which: Which,
        /// Jobs that run at a time.
        #[arg(long)]
        running: Option<i64>,
        /// Jobs that begin in any minute; for a kind.
        #[arg(long)]
        per_minute: Option<i64>,
    },
    /// Let a queue take the jobs whose routing key (`job.send_refund`) fits a pattern (`job.*`, `#`).
    Bind {
        /// Words by dots; `*` is one word, `#` any number of them.
        pattern: String,
        /// The queue.
        queue: String,
        /// The queue of the gray lane.
        #[arg(long, requires = "percent")]
        gray: Option<String>,
        /// What the gray lane takes, 0 to 100.
        #[arg(long, default_value_t = 0)]
        percent: i64,
    },
    /// Take a binding away.
    Unbind {
        /// The pattern.
        pattern: String,
        /// The queue.
        queue: String,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// All jobs of this kind, such as `send_refund`.
    #[arg(long)]
    kind: Option<String>,
    /// All jobs of this queue.
    #[arg(long)]
    queue: Option<String>,
}

impl Which {
    fn named(self) -> (Scope, String) {
        let queue = self.queue.map(|name| (Scope::Queue, name));
        self.kind.map(|name| (Scope::Kind, name)).or(queue).unwrap_or((Scope::Kind, String::new()))
    }
}

/// What is printed in either form.
struct Told {
    json: Value,
    text: String,
}

pub(super) async fn run(what: Act, as_json: bool, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    let told = act(&app, what).await;
    app.shut_down().await;
    let Told { json, text } = told?;
    let text = if as_json { serde_json::to_string_pretty(&json)? } else { text };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

async fn act(app: &App, act: Act) -> anyhow::Result<Told> {
    Ok(match act {
        Act::List { state, limit } => jobs(&service::job::list(app, state, None, limit).await?.items),
        Act::Show { id } => jobs(&[service::job::find(app, id).await?]),
        Act::Retry { id } => jobs(&[service::job::retry(app, id).await?]),
        Act::Redrive { kind, queue } => {
            let count = service::job::redrive_all(app, kind.as_deref(), queue.as_deref()).await?;
            Told { json: json!({ "redriven": count }), text: format!("{count} jobs are tried once more") }
        }
        Act::Queues => {
            let (rows, held) = (service::job::queues(app).await?, service::throttle::list(app).await?);
            queues(&rows, &held, &service::binding::list(app).await?)
        }
        Act::Pause(which) => {
            let (scope, name) = which.named();
            held(&[service::throttle::pause(app, scope, &name, true).await?])
        }
        Act::Resume(which) => {
            let (scope, name) = which.named();
            held(&[service::throttle::pause(app, scope, &name, false).await?])
        }
        Act::Limit { which, running, per_minute } => {
            let (scope, name) = which.named();
            held(&[service::throttle::limit(app, scope, &name, running, per_minute).await?])
        }
        Act::Bind { pattern, queue, gray, percent } => {
            let row = Binding { pattern, queue, gray_queue: gray, gray_percent: percent };
            service::binding::put(app, &row).await?;
            bindings(&[row])
        }
        Act::Unbind { pattern, queue } => {
            service::binding::remove(app, &pattern, &queue).await?;
            Told { json: json!({ "unbound": pattern }), text: format!("{pattern} is not bound to {queue} any more") }
        }
    })
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    table.add_rows(rows);
    table.to_string()
}

fn jobs(rows: &[JobRow]) -> Told {
    let header = ["id", "kind", "queue", "state", "attempt", "due", "subject", "last error"];
    let cells = rows.iter().map(|job| {
        vec![
            job.id.to_string(),
            job.kind.clone(),
            job.queue.clone(),
            job.state.to_string(),
            format!("{} of {}", job.attempt, job.attempts_max),
            job.run_ms.rfc3339(),
            job.dedupe_key.clone().unwrap_or_default(),
            job.last_error.clone().unwrap_or_default(),
        ]
    });
    Told { json: json!({ "jobs": rows }), text: table(&header, cells) }
}

fn queues(rows: &[QueueFigures], throttles: &[Throttle], bound: &[Binding]) -> Told {
    let header = ["queue", "state", "jobs", "due", "retried", "redriven"];
    let cells = rows.iter().map(|row| {
        let numbers = [row.jobs, row.due, row.retried, row.redriven].map(|number| number.to_string());
        [vec![row.queue.clone(), row.state.to_string()], numbers.to_vec()].concat()
    });
    let (held, bound) = (held(throttles), bindings(bound));
    Told {
        text: format!("{}\n{}\n{}", table(&header, cells), held.text, bound.text),
        json: json!({ "queues": rows, "throttles": held.json["throttles"], "bindings": bound.json["bindings"] }),
    }
}

fn held(rows: &[Throttle]) -> Told {
    let shown = |limit: Option<i64>| limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    let cells = rows.iter().map(|row| {
        let paused = if row.paused { "yes" } else { "no" };
        vec![row.scope.to_string(), row.name.clone(), paused.to_owned(), shown(row.running_max), shown(row.per_minute)]
    });
    let text = table(&["held back", "name", "paused", "at a time", "a minute"], cells);
    Told { json: json!({ "throttles": rows }), text }
}

fn bindings(rows: &[Binding]) -> Told {
    let cells = rows.iter().map(|row| {
        let gray = row.gray_queue.as_ref().map(|gray| format!("{gray}: {} %", row.gray_percent));
        vec![row.pattern.clone(), row.queue.clone(), gray.unwrap_or_default()]
    });
    Told { json: json!({ "bindings": rows }), text: table(&["pattern", "queue", "gray lane"], cells) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn both_forms_say_how_queues_stand_and_what_is_held_back() {
        let row = QueueFigures {
            queue: "orders".to_owned(),
            state: JobState::Dead,
            jobs: 41,
            due: 7,
            retried: 0,
            redriven: 3,
            oldest_ms: Timestamp(0),
        };
        let throttle = Throttle { paused: true, per_minute: Some(90), ..Throttle::none(Scope::Kind, "send_refund") };
        let gray = Some("orders-gray".to_owned());
        let binding =
            Binding { pattern: "job.#".to_owned(), queue: "orders".to_owned(), gray_queue: gray, gray_percent: 10 };
        let Told { json, text } = queues(&[row], &[throttle], &[binding]);
        for part in ["orders", "dead", "41", "send_refund", "yes", "90", "job.#", "orders-gray: 10 %"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert_eq!((&json["queues"][0]["state"], &json["throttles"][0]["paused"]), (&json!("dead"), &json!(true)));
        assert_eq!(json["bindings"][0]["gray_percent"], json!(10));
    }
}
