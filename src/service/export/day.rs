//! Rows as they come, sorted into the files of their days.

use super::{
    Exported, Outcome, Span,
    column::{self, Line},
};
use crate::{
    model::time::{Day, Timestamp},
    storage::{Draft, Error, LakeTable, Published},
};
use parquet::{errors::ParquetError, file::writer::SerializedFileWriter};
use std::{collections::BTreeMap, io, iter};

/// Rows of a group: readers hold a group at a time.
const GROUP_ROWS: usize = 20_000;
/// Rows that are held over all days, however many days come at once.
const HELD_ROWS_MAX: usize = 100_000;

/// The days that are being written.
pub(super) struct Days<'a, L> {
    table: &'a LakeTable,
    open: BTreeMap<Day, DayFile<L>>,
    held: usize,
    /// Rows of a group, and rows held over all days.
    bounds: (usize, usize),
}

struct DayFile<L> {
    file: SerializedFileWriter<Draft>,
    /// Not written yet.
    held: Vec<L>,
    /// All there are.
    rows: u64,
}

impl<'a, L: Line> Days<'a, L> {
    pub(super) fn new(table: &'a LakeTable) -> Self {
        Self::bounded(table, (GROUP_ROWS, HELD_ROWS_MAX))
    }

    fn bounded(table: &'a LakeTable, bounds: (usize, usize)) -> Self {
        Self { table, open: BTreeMap::new(), held: 0, bounds }
    }

    /// Take rows of any days.
    pub(super) fn add(&mut self, rows: Vec<L>) -> Result<(), Error> {
        for row in rows {
            let day = Day(row.moment().day());
            self.of(day)?;
            let Some(of) = self.open.get_mut(&day) else { continue };
            of.held.push(row);
            of.rows += 1;
            self.held += 1;
            if of.held.len() >= self.bounds.0 {
                self.held -= of.flush(self.table)?;
            }
            if self.held >= self.bounds.1 {
                // The one that has most gives the largest groups.
                let fullest = self.open.values_mut().max_by_key(|of| of.held.len());
                self.held -= fullest.map_or(Ok(0), |of| of.flush(self.table))?;
            }
        }
        Ok(())
    }

    /// Begin the file of a day, if that was not done.
    fn of(&mut self, day: Day) -> Result<(), Error> {
        if !self.open.contains_key(&day) {
            let file = column::create::<L, _>(self.table.draft(day)?).map_err(broken(self.table))?;
            self.open.insert(day, DayFile { file, held: Vec::new(), rows: 0 });
        }
        Ok(())
    }

    /// Put all days in their places, also those on which nothing happened.
    pub(super) fn publish(mut self, span: Span, now: Timestamp) -> Result<Vec<Exported>, Error> {
        let mut exported = Vec::new();
        for day in iter::successors(Some(span.from), |day| Some(day.next())).take_while(|day| *day <= span.to) {
            self.of(day)?;
            let Some(mut of) = self.open.remove(&day) else { continue };
            let before = self.table.find(day).ok().flatten();
            if let Some(manifest) = before.filter(|before| before.rows > of.rows && !span.overwrite) {
                exported.push(Exported { manifest, outcome: Outcome::Kept(of.rows) });
                continue;
            }
            of.flush(self.table)?;
            let draft = of.file.into_inner().map_err(broken(self.table))?;
            let (manifest, published) = self.table.publish(draft, of.rows, day.end() <= now)?;
            let outcome = match published {
                Published::Written => Outcome::Written,
                Published::Unchanged => Outcome::Unchanged,
            };
            exported.push(Exported { manifest, outcome });
        }
        Ok(exported)
    }
}

impl<L: Line> DayFile<L> {
    /// Write what is held; how many rows that was.
    fn flush(&mut self, table: &LakeTable) -> Result<usize, Error> {
        let rows = std::mem::take(&mut self.held);
        if !rows.is_empty() {
            column::append(&mut self.file, &rows).map_err(broken(table))?;
        }
        Ok(rows.len())
    }
}

fn broken(table: &LakeTable) -> impl Fn(ParquetError) -> Error + '_ {
    |error| Error::Lake { path: table.folder().to_owned(), source: io::Error::other(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            event::{Event, EventKind, Logged},
            export::ExportTable,
            id::ProductId,
            money::Fen,
        },
        storage::Lake,
    };
    use parquet::{file::reader::FileReader as _, file::reader::SerializedFileReader, record::RowAccessor as _};
    use std::{fs::File, time::Duration};

    const FROM: Day = Day(20_261_121);

    /// Events in disorder over three days.
    fn events(count: i64) -> Vec<Logged> {
        let event = |position| {
            let occurred_ms = FROM.start().plus(Duration::from_mins(u64::try_from(position * 997 % 4_320).unwrap()));
            Logged {
                partition_no: 0,
                position,
                event: Event {
                    event_id: format!("e{position}"),
                    source: "微".to_owned(),
                    visitor: format!("s{}", position % 7),
                    kind: EventKind::PageView,
                    occurred_ms,
                    received_ms: occurred_ms,
                    page: String::new(),
                    channel: String::new(),
                    product_id: (position % 2 == 0).then_some(ProductId(position)),
                    amount_fen: Fen(-position),
                    name: String::new(),
                    detail: String::new(),
                },
            }
        };
        (1..=count).map(event).collect()
    }

    #[test]
    fn whatever_the_bounds_each_day_has_its_rows_in_order_and_few_are_held() {
        let home = tempfile::tempdir().unwrap();
        let to = FROM.next().next();
        let span = Span { table: ExportTable::Events, from: FROM, to, overwrite: false };
        let all = events(3_000);
        for (bounds, groups) in [((usize::MAX, usize::MAX), 1..=1), ((100, usize::MAX), 9..=11), ((400, 120), 10..=60)]
        {
            let table = Lake::at(home.path().join(format!("{}", bounds.1 ^ bounds.0))).open("events").unwrap();
            let mut days = Days::bounded(&table, bounds);
            for chunk in all.chunks(70) {
                days.add(chunk.to_vec()).unwrap();
                assert!(days.held < bounds.1);
                assert_eq!(days.held, days.open.values().map(|of| of.held.len()).sum::<usize>());
            }
            for exported in days.publish(span, to.end()).unwrap() {
                let day = exported.manifest.day;
                let path = table.folder().join(format!("day={day}")).join(&exported.manifest.file);
                let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
                assert!(groups.contains(&reader.num_row_groups()), "{} of {groups:?}", reader.num_row_groups());
                let read = reader.get_row_iter(None).unwrap().map(|row| {
                    let row = row.unwrap();
                    let product = row.get_long(10).ok();
                    (row.get_long(1).unwrap(), row.get_string(2).unwrap().clone(), product, row.get_long(11).unwrap())
                });
                let of_day = all.iter().filter(|row| row.event.occurred_ms.day() == day.0);
                let expected = of_day.map(|row| {
                    let product = row.event.product_id.map(|id| id.0);
                    (row.position, row.event.event_id.clone(), product, row.event.amount_fen.0)
                });
                assert_eq!(read.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
            }
        }
    }
}
