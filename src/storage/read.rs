//! Objects as they are read: in pieces, all of them or a part, or not at all where the reader has them.

use super::{Error, ObjectKey, Storage, cos, failed};
use crate::model::object::Reader;
use bytes::{Bytes, BytesMut};
use std::{
    io::{self, ErrorKind},
    ops::Range,
};
use tokio::io::AsyncReadExt as _;

/// So much of a file is read at once.
const PIECE_BYTES: usize = 256 << 10;

/// What came of asking for an object that is there.
#[derive(Debug)]
pub enum Found {
    /// Here it comes.
    Reading(Reading),
    /// The reader has it, by this tag.
    Same(String),
    /// It has no byte of the part that was asked for, but so many in all.
    Beyond(u64),
}

/// An object that is read in pieces, of which one is in memory at a time.
#[derive(Debug)]
pub struct Reading {
    /// The type by which it is served.
    pub content_type: &'static str,
    /// Another when the bytes are; with its quotes.
    pub tag: String,
    /// Bytes of the whole object.
    pub size: u64,
    /// The bytes that come.
    pub range: Range<u64>,
    pub(super) key: ObjectKey,
    pub(super) source: Source,
}

/// Where they come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A file, in its place.
    File(tokio::fs::File, u64),
    Cos(Box<cos::Stream>),
}

impl Reading {
    /// The next piece; `None` at the end. An error if the object breaks off or is another than was told.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match &mut self.source {
            Source::Cos(stream) => stream.next().await.map_err(failed("get", &self.key)),
            Source::File(_, 0) => Ok(None),
            Source::File(file, left) => {
                let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(PIECE_BYTES);
                let read = piece(file, wanted).await;
                let bytes = read.map_err(|source| Error::Object { act: "get", key: self.key.clone(), source })?;
                *left -= bytes.len() as u64;
                Ok(Some(bytes))
            }
        }
    }
}

async fn piece(file: &mut tokio::fs::File, bytes_max: usize) -> io::Result<Bytes> {
    let mut bytes = BytesMut::with_capacity(bytes_max);
    match file.take(bytes_max as u64).read_buf(&mut bytes).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(bytes.freeze()),
    }
}

impl Storage {
    /// The object in pieces, or `None` if there is none of that name.
    pub async fn read(&self, key: &ObjectKey, reader: &Reader) -> Result<Option<Found>, Error> {
        match self {
            Self::Directory(directory) => directory.read(key, reader).await,
            Self::Cos(cos, _) => cos.read(key, reader).await.map_err(failed("get", key)),
        }
    }
}
