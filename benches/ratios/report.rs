//! Figures of rounds, and the table of their ratios.

use comfy_table::{Cell, CellAlignment, Table, presets};

/// One server under one kind of load, round by round.
#[derive(Debug, Default)]
pub struct Series {
    /// Requests per second.
    pub rates: Vec<f64>,
    /// 99 of 100 were answered within this, in microseconds.
    pub p99s: Vec<f64>,
    /// Processor time of the server for one request, in microseconds.
    pub cpus: Vec<f64>,
    /// How many in a hundred were told to come back.
    pub refused: Vec<f64>,
}

/// Ours and the bare program, side by side.
#[derive(Debug)]
pub struct Line {
    /// Which load on which back end.
    pub name: String,
    /// What is aimed at.
    pub goal: f64,
    /// This project.
    pub ours: Series,
    /// The bare program.
    pub bare: Series,
}

/// The middle one; the mean of the two in the middle of an even number; zero of none.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// From the least to the most, in percent of the median.
fn spread(figures: &[f64]) -> f64 {
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let most = figures.iter().copied().fold(0.0, f64::max);
    if figures.is_empty() { 0.0 } else { 100.0 * (most - least) / median(figures) }
}

/// The table, with a line for each load.
pub fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "load",
        "ours/s",
        "±%",
        "bare/s",
        "±%",
        "ratio",
        "goal",
        "cpu µs",
        "bare",
        "cpu ratio",
        "p99 ms",
        "bare",
        "refused %",
    ]);
    for line in lines {
        let (ours, bare) = (&line.ours, &line.bare);
        let (rate, bare_rate) = (median(&ours.rates), median(&bare.rates));
        let (cpu, bare_cpu) = (median(&ours.cpus), median(&bare.cpus));
        let ratio = rate / bare_rate;
        let met = if ratio >= line.goal { "✓" } else { "✗" };
        let measured = |shown: String| if ours.cpus.is_empty() { "–".to_owned() } else { shown };
        let figures = [
            format!("{rate:.0}"),
            format!("{:.0}", spread(&ours.rates)),
            format!("{bare_rate:.0}"),
            format!("{:.0}", spread(&bare.rates)),
            format!("{ratio:.2}"),
            format!("{:.2} {met}", line.goal),
            measured(format!("{cpu:.1}")),
            measured(format!("{bare_cpu:.1}")),
            measured(format!("{:.2}", bare_cpu / cpu)),
            format!("{:.2}", median(&ours.p99s) / 1000.0),
            format!("{:.2}", median(&bare.p99s) / 1000.0),
            format!("{:.2}", ours.refused.iter().copied().fold(0.0, f64::max)),
        ];
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row(std::iter::once(Cell::new(&line.name)).chain(figures.into_iter().map(right)));
    }
    table
}
