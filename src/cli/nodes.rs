//! `weizhan nodes`: which processes serve the shop.

use super::{Sources, signal::asked_to_stop};
use crate::{
    app::{App, Role, SystemClock},
    service::node::{self, Cluster, Seen},
    telemetry,
};
use comfy_table::Table;
use serde_json::{Value, json};
use std::{
    io::{IsTerminal as _, Write as _},
    sync::Arc,
    time::Duration,
};

/// How often `--watch` looks.
const LOOK: Duration = Duration::from_secs(1);
/// Clears a terminal and goes to its top.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Options of `nodes`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print one JSON object instead of a table; with --watch one a line.
    #[arg(long)]
    json: bool,
    /// Look again each second until stopped.
    #[arg(long)]
    watch: bool,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    let shown = show(&app, &args).await;
    app.shut_down().await;
    shown
}

async fn show(app: &App, args: &Args) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let clear = if args.watch && !args.json && out.is_terminal() { CLEAR } else { "" };
    loop {
        let cluster = node::list(app).await?;
        let text = match (args.json, args.watch) {
            (true, false) => serde_json::to_string_pretty(&as_json(&cluster))?,
            (true, true) => as_json(&cluster).to_string(),
            (false, _) => as_table(&cluster),
        };
        writeln!(out, "{clear}{text}")?;
        if !args.watch {
            return Ok(());
        }
        tokio::select! {
            asked = asked_to_stop() => return Ok(asked.map(drop)?),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn as_json(cluster: &Cluster) -> Value {
    let nodes = cluster.nodes.iter().map(|Seen { node, alive, leader }| {
        json!({ "number": node.number, "holder": node.holder, "address": node.address, "version": node.version,
            "state": node.state, "alive": alive, "leader": leader, "started_ms": node.started_ms,
            "heartbeat_ms": node.heartbeat_ms, "skew_ms": node.skew_ms, "settings_version": node.settings_version })
    });
    json!({ "now_ms": cluster.now, "settings_version": cluster.settings_version, "nodes": nodes.collect::<Vec<_>>() })
}

fn as_table(cluster: &Cluster) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["node", "address", "version", "state", "heard of", "leads", "clock", "settings"]);
    for Seen { node, alive, leader } in &cluster.nodes {
        let seconds = |ms: u128| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
        let sign = if node.skew_ms < 0 { "-" } else { "+" };
        let behind = node.settings_version < cluster.settings_version;
        table.add_row([
            node.number.to_string(),
            node.address.clone(),
            node.version.clone(),
            if *alive { node.state.to_string() } else { "silent".to_owned() },
            format!("{} ago", seconds(cluster.now.since(node.heartbeat_ms).as_millis())),
            if *leader { "✓".to_owned() } else { String::new() },
            format!("{sign}{}", seconds(node.skew_ms.unsigned_abs().into())),
            format!("{}{}", node.settings_version, if behind { " (old)" } else { "" }),
        ]);
    }
    let alive = cluster.nodes.iter().filter(|seen| seen.alive).count();
    format!(
        "{table}\n{alive} of {} nodes alive; settings have version {}",
        cluster.nodes.len(),
        cluster.settings_version
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        node::{Node, NodeState},
        time::Timestamp,
    };

    #[test]
    fn both_forms_say_who_leads_and_who_is_silent() {
        let seen = |number, leader, alive| Seen {
            node: Node {
                number,
                holder: "h".to_owned(),
                address: "127.0.0.1:8080".to_owned(),
                version: "0.1.0".to_owned(),
                state: NodeState::Serving,
                started_ms: Timestamp(0),
                heartbeat_ms: Timestamp(8_500),
                expires_ms: Timestamp(20_000),
                skew_ms: -2_300,
                settings_version: 6,
            },
            alive,
            leader,
        };
        let nodes = vec![seen(0, true, true), seen(1, false, false)];
        let cluster = Cluster { now: Timestamp(10_000), settings_version: 7, nodes };
        let text = as_table(&cluster);
        for part in ["1.5 s ago", "-2.3 s", "6 (old)", "silent", "1 of 2 nodes alive"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert_eq!(text.matches('✓').count(), 1);
        let json = as_json(&cluster);
        assert_eq!((&json["nodes"][0]["leader"], &json["nodes"][1]["alive"]), (&json!(true), &json!(false)));
    }
}
