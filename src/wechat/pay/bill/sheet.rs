//! The form that all bills share: a header, rows, a header of totals, totals.
//!
//! It looks like CSV and is not: nothing is quoted, every value of a row begins with a backtick, and that is what tells a
//! value from what follows a comma within one. Columns are found by name, since each kind of bill has others.

use crate::model::{money::Fen, time::Timestamp};
use std::collections::HashMap;

/// Why a bill could not be read. Nothing of it is used then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the bill has no {0}")]
    Missing(&'static str),
    #[error("row {row} has no good {column}")]
    Cell { row: usize, column: &'static str },
    #[error("{0} is not the sum of the rows")]
    Total(&'static str),
}

/// A bill, cut into values.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    columns: HashMap<&'a str, usize>,
    rows: Vec<Vec<String>>,
    totals: HashMap<&'a str, String>,
}

impl<'a> Sheet<'a> {
    /// `total` is the first column of the totals, which tells where they begin.
    pub(super) fn read(text: &'a str, total: &'static str) -> Result<Self, Unreadable> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let columns: HashMap<_, _> = names(lines.next().ok_or(Unreadable::Missing("header"))?);
        let (mut rows, mut summary) = (Vec::<Vec<String>>::new(), None);
        for line in lines.by_ref() {
            if bare(line.split(',').next().unwrap_or_default()) == total {
                summary = Some(line);
                break;
            }
            match rows.last_mut() {
                // A line that begins no value is the rest of a value with a line break in it.
                Some(row) if !line.starts_with('`') => {
                    let rest = cut(line);
                    let mut rest = rest.into_iter();
                    if let (Some(last), Some(first)) = (row.last_mut(), rest.next()) {
                        last.push('\n');
                        last.push_str(&first);
                    }
                    row.extend(rest);
                }
                _ => rows.push(cut(line)),
            }
        }
        let positions = names(summary.ok_or(Unreadable::Missing("totals"))?);
        let values = cut(lines.next().ok_or(Unreadable::Missing("totals"))?);
        if let Some(at) = rows.iter().position(|row| row.len() != columns.len()) {
            return Err(Unreadable::Cell { row: at + 1, column: "number of columns" });
        }
        let value = |(name, at): (&'a str, usize)| values.get(at).map(|value| (name, value.clone()));
        let totals = positions.into_iter().filter_map(value).collect();
        if lines.next().is_some() {
            return Err(Unreadable::Missing("end"));
        }
        Ok(Self { columns, rows, totals })
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().enumerate().map(|(at, cells)| Row { number: at + 1, columns: &self.columns, cells })
    }

    /// The number of rows is told once more at the end.
    pub(super) fn count_is(&self, column: &'static str, count: usize) -> Result<(), Unreadable> {
        let told = self.totals.get(column).and_then(|text| text.parse::<usize>().ok());
        if told == Some(count) { Ok(()) } else { Err(Unreadable::Total(column)) }
    }

    /// So is the sum of a column.
    pub(super) fn sum_is(
        &self,
        column: &'static str,
        mut amounts: impl Iterator<Item = Fen>,
    ) -> Result<(), Unreadable> {
        let sum = amounts.try_fold(Fen::ZERO, Fen::plus);
        let told = self.totals.get(column).and_then(|text| Fen::parse_yuan(text));
        if sum.is_some() && told == sum { Ok(()) } else { Err(Unreadable::Total(column)) }
    }
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    number: usize,
    columns: &'a HashMap<&'a str, usize>,
    cells: &'a [String],
}

impl Row<'_> {
    pub(super) fn wrong(&self, column: &'static str) -> Unreadable {
        Unreadable::Cell { row: self.number, column }
    }

    pub(super) fn text(&self, column: &'static str) -> Result<&str, Unreadable> {
        let at = self.columns.get(column).ok_or(Unreadable::Missing(column))?;
        self.cells.get(*at).map(String::as_str).ok_or(self.wrong(column))
    }

    /// A number of WeChat or of ours; empty and `0` mean that there is none.
    pub(super) fn number(&self, column: &'static str) -> Result<String, Unreadable> {
        let text = self.text(column)?;
        if text.is_empty() || text == "0" { Err(self.wrong(column)) } else { Ok(text.to_owned()) }
    }

    /// Yuan as decimals, read exactly.
    pub(super) fn fen(&self, column: &'static str) -> Result<Fen, Unreadable> {
        Fen::parse_yuan(self.text(column)?).ok_or(self.wrong(column))
    }

    /// `2026-11-22 12:00:00`, in Beijing.
    pub(super) fn time(&self, column: &'static str) -> Result<Timestamp, Unreadable> {
        let text = self.text(column)?;
        let time =
            text.split_once(' ').and_then(|(day, time)| Timestamp::parse_rfc3339(&format!("{day}T{time}+08:00")));
        time.ok_or(self.wrong(column))
    }
}

fn bare(name: &str) -> &str {
    name.trim().trim_start_matches('`')
}

fn names(line: &str) -> HashMap<&str, usize> {
    line.split(',').enumerate().map(|(at, name)| (bare(name), at)).collect()
}

/// The values of a line, without their backticks.
fn cut(line: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for piece in line.split(',') {
        match (piece.strip_prefix('`'), values.last_mut()) {
            (Some(value), _) => values.push(value.to_owned()),
            (None, None) => values.push(piece.to_owned()),
            (None, Some(last)) => {
                last.push(',');
                last.push_str(piece);
            }
        }
    }
    values
}
