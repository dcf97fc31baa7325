//! A file of this machine as an object: large ones in parts, and on from where an upload of it was broken off (official
//! pages: List Multipart Uploads, List Parts).

use super::{
    CRC64, Cos, Failure,
    call::Call,
    multipart::PART_BYTES,
    xml::{Document, Part},
};
use crate::storage::{Error, ObjectKey, failed};
use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};
use percent_encoding::percent_decode_str;
use reqwest::Method;
use std::{collections::BTreeMap, io, path::Path};
use tokio::{fs::File, io::AsyncReadExt as _};

/// An upload has no more parts.
const PARTS_MAX: u64 = 10_000;

impl Cos {
    /// `told` hears of bytes that are there. What a failure leaves is gone on with by the next who puts this file, or
    /// removed by the rule of the bucket.
    pub(in crate::storage) async fn put_file(
        &self,
        key: &ObjectKey,
        path: &Path,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), Error> {
        let broken = |source: io::Error| Error::Object { act: "put", key: key.clone(), source };
        let mut file = File::open(path).await.map_err(broken)?;
        let size = file.metadata().await.map_err(broken)?.len();
        let bytes = part_bytes(size);
        if size <= bytes as u64 {
            let all = read(&mut file, bytes).await.map_err(broken)?;
            self.put(key, all).await.map_err(failed("put", key))?;
            told(size);
            return Ok(());
        }
        let upload = self.begun(key).await.map_err(failed("put", key))?;
        let (id, there) = match upload {
            Some(upload) => upload,
            None => (self.begin(key).await.map_err(failed("put", key))?, BTreeMap::new()),
        };
        let (mut digest, mut parts) = (CRC64.digest(), Vec::new());
        loop {
            let part = read(&mut file, bytes).await.map_err(broken)?;
            if part.is_empty() {
                break;
            }
            digest.update(&part);
            let number = u32::try_from(parts.len() + 1).unwrap_or(u32::MAX);
            let length = part.len() as u64;
            let etag = match there.get(&number) {
                Some(known) if known.is_of(&part) => known.etag.clone(),
                _ => self.part(key, &id, number, part).await.map_err(failed("put", key))?,
            };
            parts.push(Part { part_number: number, last_modified: None, etag, size: None });
            told(length);
        }
        self.complete(key, &id, parts, digest.finalize()).await.map_err(failed("put", key))
    }

    /// The last upload of an object that was begun, and the parts of it that are there.
    async fn begun(&self, key: &ObjectKey) -> Result<Option<(String, BTreeMap<u32, Part>)>, Failure> {
        let call =
            Call::new(Method::GET, "").param("uploads", "").param("prefix", key.as_str()).param("encoding-type", "url");
        let Document::ListMultipartUploadsResult(listed) = self.document(&call).await? else {
            return Err(Failure::Unexpected("COS answered a list of uploads with another document"));
        };
        let ours = |name: &str| percent_decode_str(name).decode_utf8_lossy() == key.as_str();
        let found = listed.upload.into_iter().filter(|upload| ours(&upload.key));
        let Some(last) = found.max_by(|one, other| one.initiated.cmp(&other.initiated)) else { return Ok(None) };
        match self.parts(key, &last.upload_id).await {
            // It was completed or aborted a moment ago.
            Err(failure) if failure.is_missing() => Ok(None),
            parts => Ok(Some((last.upload_id, parts?))),
        }
    }

    async fn parts(&self, key: &ObjectKey, id: &str) -> Result<BTreeMap<u32, Part>, Failure> {
        let (mut parts, mut after) = (BTreeMap::new(), 0);
        loop {
            let call = Call::new(Method::GET, key.as_str())
                .param("uploadId", id)
                .param("part-number-marker", after.to_string());
            let Document::ListPartsResult(listed) = self.document(&call).await? else {
                return Err(Failure::Unexpected("COS answered a list of parts with another document"));
            };
            parts.extend(listed.part.into_iter().map(|part| (part.part_number, part)));
            match listed.next_part_number_marker.filter(|next| listed.is_truncated && *next > after) {
                Some(next) => after = next,
                None => return Ok(parts),
            }
        }
    }
}

impl Part {
    /// Whether COS has these bytes for it.
    fn is_of(&self, bytes: &[u8]) -> bool {
        self.size == Some(bytes.len() as u64) && self.etag.trim_matches('"') == hex::encode(Md5::digest(bytes))
    }
}

/// As few bytes as an upload of so many parts can have.
fn part_bytes(size: u64) -> usize {
    let least = size.div_ceil(PARTS_MAX).next_multiple_of(1 << 20);
    usize::try_from(least).unwrap_or(usize::MAX).max(PART_BYTES)
}

/// So many bytes, or what is left.
async fn read(file: &mut File, bytes: usize) -> io::Result<Bytes> {
    let mut part = BytesMut::with_capacity(bytes.min(PART_BYTES));
    let mut rest = file.take(bytes as u64);
    while rest.read_buf(&mut part).await? > 0 {}
    Ok(part.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_size_has_no_more_parts_than_an_upload_may_have() {
        assert_eq!(part_bytes(1 << 30), PART_BYTES);
        for size in [80 << 30, 81 << 30, 5 << 40, 48 << 40] {
            let bytes = part_bytes(size) as u64;
            assert!(size.div_ceil(bytes) <= PARTS_MAX && bytes.is_multiple_of(1 << 20), "{size}");
        }
    }
}
