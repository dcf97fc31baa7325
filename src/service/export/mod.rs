//! Tables leave the shop as Parquet, a file a day, for Spark and its like.
//!
//! A table is read once, in chunks, while another thread writes the days it finds; both wait for each other, so memory is
//! bounded however many rows there are. Days are put in their places at the end: an export that was cut off leaves none.
//!
//! **How to add a table:** a variant of [`ExportTable`], its statements in `data::export`, a [`Line`](column::Line) in
//! `column`, a [`Reader`] in `reader`, and its line in [`run`].

mod column;
mod day;
mod reader;

use crate::{
    app::App,
    model::{
        export::{ExportTable, Manifest},
        time::{Day, Timestamp},
    },
    service::{Error, Fault, Never},
    storage::Lake,
};
use column::Line;
use day::Days;
use reader::{Events, Figures, Orders, Reader};
use tokio::sync::mpsc;

/// Chunks that may wait to be written.
const CHUNKS_MAX: usize = 2;

/// What became of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// What is there now.
    pub manifest: Manifest,
    /// How it came to be there.
    pub outcome: Outcome,
}

/// How a day came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its file is new or another.
    Written,
    /// It was there, the same to the byte.
    Unchanged,
    /// It was there with more rows than the table has left, which is so many: the table has forgotten some of them.
    Kept(u64),
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Rows that will be looked at.
    Total(u64),
    /// So many more were.
    Read(u64),
}

/// What is to be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The table.
    pub table: ExportTable,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Also replace a day by one that has fewer rows.
    pub overwrite: bool,
}

impl Span {
    const fn days(&self) -> (Day, Day) {
        (self.from, self.to)
    }
}

/// Write the days of a table into a lake; `told` hears how far it is. A day that was written before is replaced as a whole.
/// Refused as a fault while another export of the table into the same lake is under way.
pub async fn run(
    app: &App,
    lake: &Lake,
    span: Span,
    told: impl FnMut(Progress),
) -> Result<Vec<Exported>, Error<Never>> {
    match span.table {
        ExportTable::Events => carry(app, lake, span, Events::open(app, span.days()).await?, told).await,
        ExportTable::Orders => carry(app, lake, span, Orders::open(app, span.days()).await?, told).await,
        ExportTable::Figures => carry(app, lake, span, Figures::open(app, span.days()).await?, told).await,
    }
}

async fn carry<R: Reader>(
    app: &App,
    lake: &Lake,
    span: Span,
    mut reader: R,
    mut told: impl FnMut(Progress),
) -> Result<Vec<Exported>, Error<Never>> {
    told(Progress::Total(reader.total()));
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let (lake, now) = (lake.clone(), app.now());
    let written = tokio::task::spawn_blocking(move || write(&lake, span, now, receiver));
    // A writer that has failed hears no more, and says why below.
    while let Some((rows, read)) = reader.next(app).await? {
        if sender.send(Some(rows)).await.is_err() {
            break;
        }
        told(Progress::Read(read));
    }
    let _ = sender.send(None).await;
    drop(sender);
    written.await.map_err(|error| Fault::broken(error.to_string()))?
}

/// Until `None` has come nothing is whole: a reader that was dropped or has failed never sends it.
fn write<L: Line>(
    lake: &Lake,
    span: Span,
    now: Timestamp,
    mut chunks: mpsc::Receiver<Option<Vec<L>>>,
) -> Result<Vec<Exported>, Error<Never>> {
    let table = lake.open(span.table.word())?;
    let mut days = Days::new(&table);
    while let Some(chunk) = chunks.blocking_recv() {
        match chunk {
            Some(rows) => days.add(rows)?,
            None => return Ok(days.publish(span, now)?),
        }
    }
    Err(Fault::broken("the export was given up").into())
}
