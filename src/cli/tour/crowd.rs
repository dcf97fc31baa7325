//! Many tours at once.

use super::{Report, TourTarget, after, transcript::Tour, walk};
use anyhow::ensure;
use comfy_table::{Table, presets};
use futures_util::future::join_all;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    collections::BTreeMap,
    io::Write,
    time::{Duration, Instant},
};

/// Transcripts of failed tours that are printed.
const FAILURES_SHOWN: usize = 3;

/// A tour's outcome and its transcript.
type Outcome = (anyhow::Result<Report>, Vec<u8>);

/// So many customers, each so many purchases one after the other; an error when one of them failed.
pub(super) async fn run(
    target: &TourTarget,
    buyers: usize,
    repeat: usize,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let staff = after::sign_in(&mut Tour::new(target, out)?).await?;
    let staff = &staff;
    let began = Instant::now();
    // It hides itself when nobody looks at a terminal.
    let bar = ProgressBar::new((buyers * repeat).try_into()?);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed}")?);
    let buyer = || async {
        let mut outcomes = Vec::with_capacity(repeat);
        for _ in 0..repeat {
            let mut transcript = Vec::new();
            let outcome = Box::pin(walk(target, Some(staff), &mut transcript)).await;
            outcomes.push((outcome, transcript));
            bar.inc(1);
        }
        outcomes
    };
    let outcomes: Vec<Outcome> = join_all((0..buyers).map(|_| buyer())).await.into_iter().flatten().collect();
    bar.finish_and_clear();

    let failed: Vec<_> = outcomes.iter().filter_map(|(outcome, log)| Some((outcome.as_ref().err()?, log))).collect();
    for (error, transcript) in failed.iter().take(FAILURES_SHOWN) {
        out.write_all(transcript)?;
        writeln!(out, "{error:#}\n")?;
    }
    let held = outcomes.len() - failed.len();
    writeln!(out, "{}", table(&outcomes))?;
    writeln!(out, "{held} of {} tours held in {} ms", outcomes.len(), began.elapsed().as_millis())?;
    ensure!(failed.is_empty(), "{} tours did not hold", failed.len());
    Ok(())
}

/// How long each step took.
fn table(outcomes: &[Outcome]) -> Table {
    let mut order = Vec::new();
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for (name, took) in
        outcomes.iter().filter_map(|(outcome, _)| outcome.as_ref().ok()).flat_map(|report| &report.steps)
    {
        if !times.contains_key(name) {
            order.push(*name);
        }
        times.entry(name).or_default().push(*took);
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["step", "times", "median ms", "longest ms"]);
    for name in order {
        let all = times.get_mut(name).map(std::mem::take).unwrap_or_default();
        let count = all.len().to_string();
        let (middle, longest) = spread(all);
        table.add_row([name.to_owned(), count, ms(middle), ms(longest)]);
    }
    table
}

fn spread(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    (middle, times.last().copied().unwrap_or_default())
}

fn ms(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_each_step_once_in_its_order() {
        let ms = Duration::from_millis;
        let report = |times: [u64; 2]| Report {
            order_id: String::new(),
            out_trade_no: String::new(),
            total_fen: 2,
            refunded_fen: 1,
            steps: vec![("登录 log in", ms(times[0])), ("付款 pay", ms(times[1]))],
        };
        let failed = (Err(anyhow::anyhow!("no")), Vec::new());
        let outcomes = [(Ok(report([3, 5])), Vec::new()), (Ok(report([1, 9])), Vec::new()), failed];
        let text = table(&outcomes).to_string();
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("log in") || line.contains("pay")).collect();
        assert!(
            rows.len() == 2 && rows[0].contains("登录") && rows[1].contains('9') && rows[1].contains('2'),
            "{text}"
        );
        assert_eq!(spread(vec![ms(3), ms(1), ms(2)]), (ms(2), ms(3)));
    }
}
