//! Values of whatever column, and the sum over rows.

use super::Chunk;
use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// A value as both drivers can give and take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// How many rows, and what is in them; the order of rows does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Rows.
    pub rows: u64,
    /// Sum of the SHA-256 of each, in four parts that wrap around.
    sum: [u64; 4],
}

impl Cell {
    /// Bytes that it takes on the wire, nearly.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Null | Self::Integer(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// What it is and how long, then what it holds: no two rows are written alike.
    fn feed(&self, hash: &mut Context) {
        let (tag, bytes): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Integer(number) => {
                hash.update(&[1]);
                return hash.update(&number.to_be_bytes());
            }
            Self::Text(text) => (2, text.as_bytes()),
            Self::Bytes(bytes) => (3, bytes),
        };
        hash.update(&[tag]);
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
}

impl Digest {
    /// One row more.
    pub(super) fn add(&mut self, row: &[Cell]) {
        let mut hash = Context::new(&SHA256);
        for cell in row {
            cell.feed(&mut hash);
        }
        let hash = hash.finish();
        self.rows += 1;
        for (sum, part) in self.sum.iter_mut().zip(hash.as_ref().chunks_exact(8)) {
            let part = part.try_into().map_or(0, u64::from_be_bytes);
            *sum = sum.wrapping_add(part);
        }
    }

    /// The rows of a chunk more.
    pub fn add_all(&mut self, chunk: &Chunk) {
        chunk.0.iter().for_each(|row| self.add(row));
    }

    /// The beginning of it, for people.
    pub fn short(&self) -> String {
        format!("{:016x}", self.sum[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[&[Cell]]) -> Digest {
        let mut digest = Digest::default();
        for row in rows {
            digest.add(row);
        }
        digest
    }

    #[test]
    fn every_value_counts_and_the_order_of_rows_does_not() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let (one, two): (&[Cell], &[Cell]) = (&[Cell::Integer(1), text("a")], &[Cell::Integer(2), text("b")]);
        assert_eq!(digest(&[one, two]), digest(&[two, one]));
        assert_ne!(digest(&[one]), digest(&[one, one]));
        for other in [
            &[Cell::Integer(1), text("A")][..],
            &[Cell::Integer(1), text("a ")],
            &[Cell::Integer(1), Cell::Null],
            &[Cell::Integer(1), Cell::Bytes(b"a".to_vec())],
            &[Cell::Integer(-1), text("a")],
            &[text("a"), Cell::Integer(1)],
        ] {
            assert_ne!(digest(&[one]), digest(&[other]), "{other:?}");
        }
        assert_ne!(digest(&[&[text("ab"), text("c")]]), digest(&[&[text("a"), text("bc")]]));
        assert_ne!(digest(&[&[Cell::Null]]), digest(&[&[text("")]]));
    }
}
