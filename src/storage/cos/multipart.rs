//! An object that comes in pieces: one PUT if it is small, else an upload in parts (official page: 分块上传).
//!
//! Parts are kept by COS until the upload is completed or aborted; what a kill leaves is ended by the rule of the bucket
//! `AbortIncompleteMultipartUpload`, which README asks for.

use super::{
    CRC64, Cos, Failure,
    call::{Call, header},
    same,
    xml::{Complete, Document, Part},
};
use crate::storage::ObjectKey;
use bytes::{Bytes, BytesMut};
use reqwest::Method;

/// So much is held in memory at a time.
pub(super) const PART_BYTES: usize = 8 << 20;

/// An object on its way.
pub struct Writing {
    cos: Cos,
    key: ObjectKey,
    buffer: BytesMut,
    crc64: crc::Digest<'static, u64, crc::Table<16>>,
    /// The upload, once there is more than one part.
    id: Option<String>,
    parts: Vec<Part>,
}

impl Cos {
    pub(in crate::storage) fn writing(&self, key: &ObjectKey) -> Writing {
        Writing {
            cos: self.clone(),
            key: key.clone(),
            buffer: BytesMut::new(),
            crc64: CRC64.digest(),
            id: None,
            parts: Vec::new(),
        }
    }

    /// Initiate Multipart Upload; its id.
    pub(super) async fn begin(&self, key: &ObjectKey) -> Result<String, Failure> {
        let call = Call::new(Method::POST, key.as_str()).param("uploads", "");
        match self.document(&call.header("content-type", key.content_type())).await? {
            Document::InitiateMultipartUploadResult(begun) => Ok(begun.upload_id),
            _ => Err(Failure::Unexpected("COS answered the beginning of an upload with another document")),
        }
    }

    /// Upload Part; its `ETag`.
    pub(super) async fn part(&self, key: &ObjectKey, id: &str, number: u32, bytes: Bytes) -> Result<String, Failure> {
        let crc64 = CRC64.checksum(&bytes);
        let call = Call::new(Method::PUT, key.as_str())
            .param("partNumber", number.to_string())
            .param("uploadId", id)
            .body(bytes);
        let response = self.call(&call).await?;
        same(header(response.headers(), "x-cos-hash-crc64ecma"), crc64)?;
        Ok(header(response.headers(), "etag").unwrap_or_default().to_owned())
    }

    /// Abort Multipart Upload.
    async fn abort(&self, key: &ObjectKey, id: &str) -> Result<(), Failure> {
        match self.call(&Call::new(Method::DELETE, key.as_str()).param("uploadId", id)).await {
            Err(failure) if failure.is_missing() => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Complete Multipart Upload. An answer may be lost, and the upload is then gone when it is asked again: what counts
    /// is whether the object is there with these bytes.
    pub(super) async fn complete(
        &self,
        key: &ObjectKey,
        id: &str,
        parts: Vec<Part>,
        crc64: u64,
    ) -> Result<(), Failure> {
        let body = Document::CompleteMultipartUpload(Complete { part: parts }).write();
        let call = Call::new(Method::POST, key.as_str()).param("uploadId", id);
        match self.document(&call.header("content-type", "application/xml").body(body)).await {
            Ok(Document::CompleteMultipartUploadResult(_)) => {}
            Ok(_) => return Err(Failure::Unexpected("COS answered the end of an upload with another document")),
            Err(failure) if failure.is("NoSuchUpload") => {}
            Err(failure) => return Err(failure),
        }
        let response = self.call(&Call::new(Method::HEAD, key.as_str())).await?;
        match header(response.headers(), "x-cos-hash-crc64ecma") {
            None => Err(Failure::Unexpected("COS did not tell the checksum of an object")),
            told => same(told, crc64),
        }
    }
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing").field("key", &self.key).field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

impl Writing {
    pub(in crate::storage) fn key(&self) -> &ObjectKey {
        &self.key
    }

    pub(in crate::storage) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        self.crc64.update(bytes);
        while !bytes.is_empty() {
            // A full part is sent when more comes: the last one is never empty.
            if self.buffer.len() == PART_BYTES {
                let part = self.buffer.split().freeze();
                self.send(part).await?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PART_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    pub(in crate::storage) async fn end(mut self) -> Result<(), Failure> {
        let last = self.buffer.split().freeze();
        if self.id.is_none() {
            return self.cos.put(&self.key, last).await;
        }
        let ended = self.finish(last).await;
        if ended.is_err() {
            self.abandon().await;
        }
        ended
    }

    async fn finish(&mut self, last: Bytes) -> Result<(), Failure> {
        self.send(last).await?;
        let parts = std::mem::take(&mut self.parts);
        let crc64 = self.crc64.clone().finalize();
        self.cos.complete(&self.key, self.id.as_deref().unwrap_or_default(), parts, crc64).await
    }

    pub(in crate::storage) async fn abandon(self) {
        if let Some(id) = &self.id
            && let Err(failure) = self.cos.abort(&self.key, id).await
        {
            tracing::warn!(%failure, key = %self.key, "parts of an upload stay until the rule of the bucket removes them");
        }
    }

    /// The first part begins the upload.
    async fn send(&mut self, bytes: Bytes) -> Result<(), Failure> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => self.id.insert(self.cos.begin(&self.key).await?).clone(),
        };
        let number = u32::try_from(self.parts.len() + 1).unwrap_or(u32::MAX);
        let etag = self.cos.part(&self.key, &id, number, bytes).await?;
        self.parts.push(Part { part_number: number, last_modified: None, etag, size: None });
        Ok(())
    }
}
