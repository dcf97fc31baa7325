//! Figures in Prometheus's text format.

use super::meter::{BOUNDS_MICROS, Reading};
use prometheus::{
    Encoder as _, TextEncoder,
    core::Collector as _,
    proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

/// What one figure is about: `[("route", "/v1/orders")]`.
pub type Labels<'a> = Vec<(&'static str, &'a str)>;

/// The figures of one scrape.
#[derive(Debug, Default)]
pub struct Exposition(Vec<MetricFamily>);

fn labelled(labels: Labels<'_>) -> Metric {
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    Metric::from_label(labels.into_iter().map(pair).collect())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people; above 2^53 nobody misses a unit")]
fn number(value: u64) -> f64 {
    value as f64
}

fn seconds(micros: u64) -> f64 {
    number(micros) / 1e6
}

impl Exposition {
    fn family(&mut self, kind: MetricType, name: &str, help: &str, metrics: Vec<Metric>) {
        // The format knows no family without figures.
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    /// Figures that only grow; the name ends in `_total`.
    pub fn counters<'a>(&mut self, name: &str, help: &str, figures: impl IntoIterator<Item = (Labels<'a>, u64)>) {
        let metric = |(labels, value)| {
            let (mut metric, mut counter) = (labelled(labels), Counter::default());
            counter.set_value(number(value));
            metric.set_counter(counter);
            metric
        };
        self.family(MetricType::COUNTER, name, help, figures.into_iter().map(metric).collect());
    }

    /// Figures that go up and down.
    pub fn gauges<'a>(&mut self, name: &str, help: &str, figures: impl IntoIterator<Item = (Labels<'a>, f64)>) {
        let metric = |(labels, value)| {
            let (mut metric, mut gauge) = (labelled(labels), Gauge::default());
            gauge.set_value(value);
            metric.set_gauge(gauge);
            metric
        };
        self.family(MetricType::GAUGE, name, help, figures.into_iter().map(metric).collect());
    }

    /// One figure that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help, [(vec![], value)]);
    }

    /// How long something takes; the name ends in `_seconds`.
    pub fn timings<'a>(&mut self, name: &str, help: &str, figures: impl IntoIterator<Item = (Labels<'a>, Reading)>) {
        let figures: Vec<_> = figures.into_iter().collect();
        let borrowed =
            figures.iter().map(|(labels, reading)| (labels.clone(), reading.classes.as_slice(), reading.micros));
        self.histograms(name, help, &BOUNDS_MICROS, borrowed);
    }

    /// The same with classes of somebody else's: upper bounds in microseconds, how many lie in each and above the last, and
    /// the sum of all in microseconds.
    pub fn histograms<'a>(
        &mut self,
        name: &str,
        help: &str,
        bounds: &[u64],
        figures: impl IntoIterator<Item = (Labels<'a>, &'a [u64], u64)>,
    ) {
        let metric = |(labels, classes, micros): (_, &[u64], u64)| {
            let (mut metric, mut histogram) = (labelled(labels), Histogram::default());
            let mut count = 0;
            let buckets = bounds.iter().zip(classes).map(|(bound, class)| {
                count += class;
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(seconds(*bound));
                bucket.set_cumulative_count(count);
                bucket
            });
            histogram.set_bucket(buckets.collect());
            histogram.set_sample_count(classes.iter().sum());
            histogram.set_sample_sum(seconds(micros));
            metric.set_histogram(histogram);
            metric
        };
        self.family(MetricType::HISTOGRAM, name, help, figures.into_iter().map(metric).collect());
    }

    /// This process: memory, open files, processor time, when it began. On Linux.
    pub fn process(&mut self) {
        #[cfg(target_os = "linux")]
        self.0.extend(prometheus::process_collector::ProcessCollector::for_self().collect());
    }

    /// The text of a scrape.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory does not fail, and no family is empty.
        let _ = TextEncoder::new().encode(&self.0, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// `Content-Type` of [`Exposition::text`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::meter::Timing;
    use std::time::Duration;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let mut all = Exposition::default();
        all.counters("a_total", "As.", [(vec![("kind", "x\"\n")], 3)]);
        all.counters("none_total", "Nothing yet.", []);
        all.gauge("b", "Bs.", 1.5);
        let timing = Timing::default();
        timing.note(Duration::from_micros(200));
        timing.note(Duration::from_mins(1));
        all.timings("c_seconds", "Cs.", [(vec![("route", "/v1")], timing.read())]);
        let text = all.text();
        for line in [
            "# HELP a_total As.",
            "# TYPE a_total counter",
            "a_total{kind=\"x\\\"\\n\"} 3",
            "b 1.5",
            "c_seconds_bucket{route=\"/v1\",le=\"0.0001\"} 0",
            "c_seconds_bucket{route=\"/v1\",le=\"0.00025\"} 1",
            "c_seconds_bucket{route=\"/v1\",le=\"10\"} 1",
            "c_seconds_bucket{route=\"/v1\",le=\"+Inf\"} 2",
            "c_seconds_sum{route=\"/v1\"} 60.0002",
            "c_seconds_count{route=\"/v1\"} 2",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
        assert!(!text.contains("none_total"), "{text}");
    }
}
