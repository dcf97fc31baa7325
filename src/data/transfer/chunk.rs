//! Rows as bytes: what a backup holds of them.
//!
//! Every value is a letter for its sort, and what it holds: numbers in 8 bytes, the highest first, texts and bytes after
//! their length in 4.

use super::{Table, cell::Cell, shape::Sort};

const NULL: u8 = b'n';
const INTEGER: u8 = b'i';
const TEXT: u8 = b't';
const BYTES: u8 = b'b';

/// Some rows of a table, in the order of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk(pub(super) Vec<Vec<Cell>>);

impl Chunk {
    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.0.len() as u64
    }

    /// All of them, for [`Chunk::read`].
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for cell in self.0.iter().flatten() {
            match cell {
                Cell::Null => bytes.push(NULL),
                Cell::Integer(number) => {
                    bytes.push(INTEGER);
                    bytes.extend_from_slice(&number.to_be_bytes());
                }
                Cell::Text(text) => with_length(&mut bytes, TEXT, text.as_bytes()),
                Cell::Bytes(content) => with_length(&mut bytes, BYTES, content),
            }
        }
        bytes
    }

    /// The rows that these bytes are; `None` if they are no rows of this table.
    pub fn read(table: &Table, mut bytes: &[u8]) -> Option<Self> {
        let mut rows = Vec::new();
        while !bytes.is_empty() {
            let row = table.columns.iter().map(|(_, sort)| cell(*sort, &mut bytes)).collect::<Option<Vec<_>>>()?;
            rows.push(row);
        }
        Some(Self(rows))
    }
}

fn with_length(bytes: &mut Vec<u8>, letter: u8, content: &[u8]) {
    bytes.push(letter);
    let length = u32::try_from(content.len()).expect("no value of ours has 4 GB");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(content);
}

fn cell(sort: Sort, bytes: &mut &[u8]) -> Option<Cell> {
    let (letter, rest) = bytes.split_first()?;
    *bytes = rest;
    match (*letter, sort) {
        (NULL, _) => Some(Cell::Null),
        (INTEGER, Sort::Integer) => {
            let (number, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(Cell::Integer(i64::from_be_bytes(*number)))
        }
        (TEXT, Sort::Text) => String::from_utf8(content(bytes)?.to_vec()).ok().map(Cell::Text),
        (BYTES, Sort::Bytes) => Some(Cell::Bytes(content(bytes)?.to_vec())),
        _ => None,
    }
}

fn content<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (content, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *bytes = rest;
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_and_other_bytes_are_none() {
        let columns = [("a", Sort::Integer), ("b", Sort::Text), ("c", Sort::Bytes)];
        let columns = columns.map(|(name, sort)| (name.to_owned(), sort)).into();
        let table = Table { name: "t".to_owned(), columns, key: vec![0] };
        let chunk = Chunk(vec![
            vec![Cell::Integer(i64::MIN), Cell::Text("微信 🧧".to_owned()), Cell::Bytes(vec![0, 255])],
            vec![Cell::Integer(-1), Cell::Text(String::new()), Cell::Null],
            vec![Cell::Null, Cell::Null, Cell::Bytes(Vec::new())],
        ]);
        let bytes = chunk.bytes();
        assert_eq!(Chunk::read(&table, &bytes), Some(chunk));
        assert_eq!(Chunk::read(&table, &[]), Some(Chunk(Vec::new())));
        let whole = (0..bytes.len()).filter(|end| Chunk::read(&table, &bytes[..*end]).is_some()).count();
        assert_eq!(whole, 3, "nothing, and after each row but the last");
        for wrong in [&b"x"[..], b"t\0\0\0\x01a", b"i\0", b"nt\xff\xff\xff\xffa", b"nt\0\0\0\x01\xff"] {
            assert_eq!(Chunk::read(&table, wrong), None, "{wrong:?}");
        }
    }
}
