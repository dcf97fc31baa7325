//! Where the rows of each table come from, a chunk at a time, each in a session of its own: no snapshot is held while a
//! large table is read.

use super::column::Line;
use crate::{
    app::App,
    data::{self, Error},
    model::{
        event::Logged,
        export::ExportedOrder,
        figure::{Grain, Period, Sum, Window},
        id::OrderId,
        time::{Day, Timestamp, minutes},
    },
};
use std::collections::VecDeque;

/// Places of the log that a chunk looks at, and orders of a chunk.
const CHUNK: i64 = 5_000;

/// Gives the rows of a table.
pub(super) trait Reader {
    /// What they are.
    type Row: Line;
    /// Rows that will be looked at.
    fn total(&self) -> u64;
    /// The next rows, and how many were looked at for them; `None` at the end.
    async fn next(&mut self, app: &App) -> Result<Option<(Vec<Self::Row>, u64)>, Error>;
}

/// The log, up to where it reached when this began. There is no index by day: all of it is looked at, in the database.
pub(super) struct Events {
    days: (Day, Day),
    ranges: VecDeque<data::export::Range>,
}

impl Events {
    pub(super) async fn open(app: &App, days: (Day, Day)) -> Result<Self, Error> {
        let ranges = data::export::ranges(&mut app.database.read().await?).await?;
        Ok(Self { days, ranges: ranges.into_iter().filter(|(_, first, last)| first <= last).collect() })
    }
}

impl Reader for Events {
    type Row = Logged;
    fn total(&self) -> u64 {
        self.ranges.iter().map(|(_, first, last)| (last - first + 1).unsigned_abs()).sum()
    }
    async fn next(&mut self, app: &App) -> Result<Option<(Vec<Logged>, u64)>, Error> {
        let Some((partition, first, last)) = self.ranges.pop_front() else { return Ok(None) };
        let end = last.min(first + CHUNK - 1);
        let mut session = app.database.read().await?;
        let rows = data::export::events(&mut session, partition, (first - 1, end), self.days).await?;
        if end < last {
            self.ranges.push_front((partition, end + 1, last));
        }
        Ok(Some((rows, (end - first + 1).unsigned_abs())))
    }
}

/// Orders by their ids, each as it stands when it is read.
pub(super) struct Orders {
    days: (Day, Day),
    total: u64,
    after: Option<OrderId>,
}

impl Orders {
    pub(super) async fn open(app: &App, days: (Day, Day)) -> Result<Self, Error> {
        let total = data::export::count_orders(&mut app.database.read().await?, days).await?;
        Ok(Self { days, total: total.unsigned_abs(), after: Some(OrderId(0)) })
    }
}

impl Reader for Orders {
    type Row = ExportedOrder;
    fn total(&self) -> u64 {
        self.total
    }
    async fn next(&mut self, app: &App) -> Result<Option<(Vec<ExportedOrder>, u64)>, Error> {
        let Some(after) = self.after else { return Ok(None) };
        let rows = data::export::orders(&mut app.database.read().await?, after, self.days, CHUNK).await?;
        self.after = rows.last().map(|row| row.id);
        let count = rows.len() as u64;
        Ok(self.after.map(|_| (rows, count)))
    }
}

/// Figures a window at a time: those of a day, then those of each of its hours. The shop's minutes are soon forgotten, and
/// stay.
pub(super) struct Figures {
    total: u64,
    windows: VecDeque<(Grain, Timestamp, Timestamp)>,
}

impl Figures {
    pub(super) async fn open(app: &App, days: (Day, Day)) -> Result<Self, Error> {
        let total = data::export::count_figures(&mut app.database.read().await?, days).await?;
        let windows = Period { from: days.0, to: days.1 }.days().flat_map(|day| {
            let hours = (0..24).map(move |hour| day.start().plus(minutes(60 * hour)));
            let hours = hours.map(|start| (Grain::Hour, start, start.plus(minutes(60))));
            std::iter::once((Grain::Day, day.start(), day.end())).chain(hours)
        });
        Ok(Self { total: total.unsigned_abs(), windows: windows.collect() })
    }
}

impl Reader for Figures {
    type Row = (Window, Sum);
    fn total(&self) -> u64 {
        self.total
    }
    async fn next(&mut self, app: &App) -> Result<Option<(Vec<Self::Row>, u64)>, Error> {
        let Some((grain, from, until)) = self.windows.pop_front() else { return Ok(None) };
        let rows = data::figure::list(&mut app.database.read().await?, grain, (from, until)).await?;
        let count = rows.len() as u64;
        Ok(Some((rows.into_iter().collect(), count)))
    }
}
