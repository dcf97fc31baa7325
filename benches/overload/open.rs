//! The generator: requests at fixed moments, whatever is answered, on as many connections as that takes.

use crate::load::Connection;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

/// Who waits so long gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answered as they should be.
    pub good: usize,
    /// Told to come back: 503 or 429.
    pub refused: usize,
    /// Answered otherwise, or not at all.
    pub other: usize,
    /// One of the others.
    pub example: Option<String>,
    time: Duration,
    good_micros: Vec<u64>,
    refused_micros: Vec<u64>,
    last_refusal: Duration,
}

enum Answer {
    Good,
    Refused,
    Other(String),
}

impl Outcome {
    /// Good answers a second.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn good_rate(&self) -> f64 {
        self.good as f64 / self.time.as_secs_f64()
    }
    /// So many in a hundred good answers came within this; in microseconds.
    pub fn good_percentile(&self, percent: usize) -> u64 {
        percentile(&self.good_micros, percent)
    }
    /// The same of refusals.
    pub fn refused_percentile(&self, percent: usize) -> u64 {
        percentile(&self.refused_micros, percent)
    }
    /// When the last refusal came, since the beginning; zero without any.
    pub fn last_refusal(&self) -> Duration {
        self.last_refusal
    }

    fn note(&mut self, answer: Answer, micros: u64, since: Duration) {
        match answer {
            Answer::Good => {
                self.good += 1;
                self.good_micros.push(micros);
            }
            Answer::Refused => {
                self.refused += 1;
                self.refused_micros.push(micros);
                self.last_refusal = since;
            }
            Answer::Other(text) => {
                self.other += 1;
                self.example.get_or_insert(text);
            }
        }
    }
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
}

/// Send all of them, so many a second; good is an answer with this status.
pub async fn drive(port: u16, requests: Vec<Bytes>, rate: f64, good: u16, time: Duration) -> anyhow::Result<Outcome> {
    let (idle, mut under_way) = (RefCell::new(Vec::new()), FuturesUnordered::new());
    let mut outcome = Outcome { time, ..Outcome::default() };
    let began = Instant::now();
    for (number, request) in (0_u32..).zip(requests) {
        let due = began + Duration::from_secs_f64(f64::from(number) / rate);
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due.into()) => break,
                Some((answer, micros)) = under_way.next() => outcome.note(answer, micros, began.elapsed()),
            }
        }
        under_way.push(ask(port, &idle, request, due, good));
    }
    while let Some((answer, micros)) = under_way.next().await {
        outcome.note(answer, micros, began.elapsed());
    }
    outcome.good_micros.sort_unstable();
    outcome.refused_micros.sort_unstable();
    Ok(outcome)
}

/// How it was answered, and how many microseconds after it was due.
async fn ask(port: u16, idle: &RefCell<Vec<Connection>>, request: Bytes, due: Instant, good: u16) -> (Answer, u64) {
    let answered = async {
        let free = idle.borrow_mut().pop();
        let mut connection = match free {
            Some(connection) => connection,
            None => Connection::open(port).await?,
        };
        let status = connection.ask(&request).await?;
        let answer = match status {
            _ if status == good => Answer::Good,
            503 | 429 => Answer::Refused,
            _ => Answer::Other(format!("{status} {}", String::from_utf8_lossy(connection.body()))),
        };
        idle.borrow_mut().push(connection);
        anyhow::Ok(answer)
    };
    let answer = match tokio::time::timeout(PATIENCE, answered).await {
        Err(_) => Answer::Other("no answer".to_owned()),
        Ok(Err(error)) => Answer::Other(error.to_string()),
        Ok(Ok(answer)) => answer,
    };
    (answer, u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX))
}
