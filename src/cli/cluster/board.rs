//! What a cluster shows of its nodes while it runs: a table that is kept up to date on a terminal, a line for each change
//! elsewhere.

use super::{
    house::House,
    node::{State, View},
    tally::Count,
};
use comfy_table::{Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal as _, Write as _},
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often it is drawn.
const DRAW: Duration = Duration::from_millis(250);

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Starting => "启动 starting",
            Self::Serving => "服务 serving",
            Self::Restarting => "更换 restarting",
            Self::Down => "倒下 down",
            Self::Stopped => "停止 stopped",
        }
    }
}

/// Draw until the cluster stops.
pub(super) async fn show(house: Arc<House>, stop: CancellationToken) {
    if std::io::stdout().is_terminal() { draw(&house, &stop).await } else { tell(&house, &stop).await }
}

async fn draw(house: &House, stop: &CancellationToken) {
    let board = MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::stdout());
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    // A header and its line, and a line a node.
    let lines: Vec<_> =
        (0..house.nodes.len() + 2).map(|_| board.add(ProgressBar::no_length().with_style(style.clone()))).collect();
    while stop.run_until_cancelled(tokio::time::sleep(DRAW)).await.is_some() {
        let text = table(house);
        for (line, text) in lines.iter().zip(text.lines()) {
            line.set_message(text.to_owned());
            line.tick();
        }
    }
    lines.iter().for_each(ProgressBar::finish);
}

async fn tell(house: &House, stop: &CancellationToken) {
    let seen = |view: View| (view.state, view.pid);
    let mut told: Vec<_> = house.nodes.iter().map(|node| seen(node.view())).collect();
    while stop.run_until_cancelled(tokio::time::sleep(DRAW)).await.is_some() {
        for (node, told) in house.nodes.iter().zip(&mut told) {
            let view = node.view();
            if *told != seen(view) {
                *told = seen(view);
                // Nobody may listen any more.
                let _ = writeln!(std::io::stdout(), "node {}: {} pid {}", node.number, view.state.word(), view.pid);
            }
        }
    }
}

/// The nodes as they are now.
pub(super) fn table(house: &House) -> String {
    let mut tally = house.tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.look();
    let rows = house.nodes.iter().map(|node| (node.number, node.port, node.view(), tally.of_port(node.port)));
    written(rows)
}

fn written(rows: impl Iterator<Item = (usize, u16, View, Count)>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["node", "address", "state", "pid", "up s", "answered", "5xx", "restarts", "deaths"]);
    for (number, port, view, count) in rows {
        table.add_row([
            number.to_string(),
            format!("127.0.0.1:{port}"),
            view.state.word().to_owned(),
            view.pid.to_string(),
            view.since.elapsed().as_secs().to_string(),
            count.answered.to_string(),
            count.failed.to_string(),
            view.restarts.to_string(),
            view.deaths.to_string(),
        ]);
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn each_node_has_a_line_below_the_header() {
        let view = View { state: State::Serving, pid: 4711, since: Instant::now(), restarts: 2, deaths: 1 };
        let count = Count { answered: 12, failed: 0 };
        let text = written([(1, 8081, view, count), (2, 8082, view, count)].into_iter());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        for part in ["127.0.0.1:8082", "服务 serving", "4711", "12"] {
            assert!(lines[2].contains(part), "{part} in {text}");
        }
    }
}
