//! The generator: requests at fixed moments, on as many connections as that takes.

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
    /// Answered 2xx.
    pub taken: usize,
    /// Answered otherwise, or not at all.
    pub other: usize,
    /// One of the others.
    pub example: Option<String>,
    /// From the moment each was due until it was answered, in order of length.
    micros: Vec<u64>,
}

impl Outcome {
    /// How many were sent.
    pub fn sent(&self) -> usize {
        self.taken + self.other
    }
    /// So many in a hundred were answered within this; in microseconds.
    pub fn percentile(&self, percent: usize) -> u64 {
        self.micros.get(self.micros.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
    }
}

/// Send all of them, so many a second.
pub async fn drive(port: u16, requests: Vec<Bytes>, rate: u32) -> anyhow::Result<Outcome> {
    let (idle, mut under_way, mut outcome) = (RefCell::new(Vec::new()), FuturesUnordered::new(), Outcome::default());
    let began = Instant::now();
    let mut note = |(answer, micros): (Result<(), String>, u64)| {
        outcome.taken += usize::from(answer.is_ok());
        outcome.other += usize::from(answer.is_err());
        outcome.micros.push(micros);
        outcome.example = outcome.example.take().or(answer.err());
    };
    for (number, request) in (0_u32..).zip(requests) {
        let due = began + Duration::from_secs(1) * number / rate;
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due.into()) => break,
                Some(answer) = under_way.next() => note(answer),
            }
        }
        under_way.push(ask(port, &idle, request, due));
    }
    while let Some(answer) = under_way.next().await {
        note(answer);
    }
    outcome.micros.sort_unstable();
    Ok(outcome)
}

/// How it was answered, and after how many microseconds.
async fn ask(port: u16, idle: &RefCell<Vec<Connection>>, request: Bytes, due: Instant) -> (Result<(), String>, u64) {
    let answered = async {
        let free = idle.borrow_mut().pop();
        let mut connection = match free {
            Some(connection) => connection,
            None => Connection::open(port).await?,
        };
        let status = connection.ask(&request).await?;
        let said = format!("{status} {}", String::from_utf8_lossy(connection.body()));
        idle.borrow_mut().push(connection);
        anyhow::ensure!((200..300).contains(&status), said);
        Ok(())
    };
    let answer = tokio::time::timeout(PATIENCE, answered).await;
    let answer =
        answer.map_err(|_| "no answer".to_owned()).and_then(|answer| answer.map_err(|error| error.to_string()));
    (answer, u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX))
}
