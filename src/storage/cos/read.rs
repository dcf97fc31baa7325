//! An object that is read in pieces (official page: GET Object). A connection that breaks off is taken up where it was.

use super::{
    CRC64, Cos, Failure,
    call::{Call, header},
    same,
};
use crate::{
    model::object::Reader,
    storage::{
        ObjectKey,
        read::{Found, Reading, Source},
    },
};
use bytes::Bytes;
use reqwest::{Method, Response, StatusCode};
use std::ops::Range;

/// How often in a row a stream is taken up without a byte of it.
const TRIES: u32 = 3;

/// The bytes of an object on their way to us.
pub struct Stream {
    cos: Cos,
    key: ObjectKey,
    tag: String,
    response: Response,
    /// What has not come yet.
    left: Range<u64>,
    tried: u32,
    /// Of all bytes, where all are read, and what COS told of it.
    crc64: Option<(crc::Digest<'static, u64, crc::Table<16>>, String)>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("key", &self.key).field("left", &self.left).finish_non_exhaustive()
    }
}

impl Cos {
    pub(in crate::storage) async fn read(&self, key: &ObjectKey, reader: &Reader) -> Result<Option<Found>, Failure> {
        let mut call = Call::new(Method::GET, key.as_str());
        if let Some(range) = reader.range {
            call = call.header("range", range.to_string());
            if let Some(tag) = &reader.range_of {
                call = call.header("if-match", tag.trim());
            }
        }
        // A list of tags is looked through when the answer is here.
        if let Some(has) = reader.has.as_ref().filter(|has| !has.contains([',', '*'])) {
            call = call.header("if-none-match", has.trim());
        }
        let response = match self.call(&call).await {
            Err(failure) if failure.is_missing() => return Ok(None),
            Err(Failure::Refused(refusal)) if refusal.status == StatusCode::NOT_MODIFIED => {
                return Ok(Some(Found::Same(reader.has.clone().unwrap_or_default())));
            }
            Err(failure) if failure.is("InvalidRange") => return Ok(self.size(key).await?.map(Found::Beyond)),
            Err(failure) if failure.is("PreconditionFailed") && reader.range_of.is_some() => {
                let all = Reader { range: None, range_of: None, has: reader.has.clone() };
                return Box::pin(self.read(key, &all)).await;
            }
            answer => answer?,
        };
        let tag = header(response.headers(), "etag").unwrap_or_default().to_owned();
        if reader.has(&tag) {
            return Ok(Some(Found::Same(tag)));
        }
        let (range, size) = extent(&response).ok_or(Failure::Unexpected("COS did not tell the size of an object"))?;
        let whole = range == (0..size);
        let told = header(response.headers(), "x-cos-hash-crc64ecma").filter(|_| whole);
        let crc64 = told.map(|told| (CRC64.digest(), told.to_owned()));
        let (cos, left) = (self.clone(), range.clone());
        let stream = Stream { cos, key: key.clone(), tag: tag.clone(), response, left, tried: 0, crc64 };
        Ok(Some(Found::Reading(Reading {
            content_type: key.content_type(),
            tag,
            size,
            range,
            key: key.clone(),
            source: Source::Cos(Box::new(stream)),
        })))
    }
}

impl Stream {
    pub(in crate::storage) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let failure = match self.response.chunk().await {
                Ok(Some(bytes)) if bytes.is_empty() => continue,
                Ok(Some(bytes)) => {
                    self.tried = 0;
                    self.left.start += bytes.len() as u64;
                    if let Some((digest, _)) = &mut self.crc64 {
                        digest.update(&bytes);
                    }
                    return Ok(Some(bytes));
                }
                Ok(None) if self.left.is_empty() => {
                    let Some((digest, told)) = self.crc64.take() else { return Ok(None) };
                    return same(Some(&told), digest.finalize()).map(|()| None);
                }
                Ok(None) => Failure::Unanswered("the object broke off".into()),
                Err(error) => Failure::Unanswered(Box::new(error.without_url())),
            };
            self.tried += 1;
            if self.tried > TRIES {
                return Err(failure);
            }
            tracing::debug!(%failure, key = %self.key, at = self.left.start, "an object is taken up where it broke off");
            self.take_up().await?;
        }
    }

    /// The rest, of the same object.
    async fn take_up(&mut self) -> Result<(), Failure> {
        let call = Call::new(Method::GET, self.key.as_str())
            .header("range", format!("bytes={}-{}", self.left.start, self.left.end.saturating_sub(1)))
            .header("if-match", self.tag.clone());
        let response = self.cos.call(&call).await?;
        match extent(&response) {
            Some((range, _)) if range == self.left => self.response = response,
            _ => return Err(Failure::Unexpected("COS answered with another part of an object")),
        }
        Ok(())
    }
}

/// Which bytes of an object an answer has, and how many there are.
fn extent(response: &Response) -> Option<(Range<u64>, u64)> {
    let text = |name| header(response.headers(), name);
    if response.status() == StatusCode::PARTIAL_CONTENT {
        let (range, size) = text("content-range")?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (first.parse().ok()?, last.parse::<u64>().ok()?);
        return Some((first..last.checked_add(1)?, size.parse().ok()?));
    }
    let size = text("content-length")?.parse().ok()?;
    Some((0..size, size))
}
