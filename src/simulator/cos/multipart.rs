//! Uploads in parts.

use super::{
    CosSimulator,
    access::Caller,
    error::{Outcome, Refusal, xml},
    list::{encoding, limit, shown},
    object::{about, describe, document, insert, malformed, time_of},
    request::Asked,
    store::{Object, Piece, Upload as Begun},
};
use crate::storage::cos::xml::{Complete, Completed, Copied, Document, Initiated, Part, Parts, Upload, Uploads};
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, StatusCode},
    response::Response,
};
use md5::Digest as _;
use std::collections::BTreeMap;

/// All parts but the last are at least so long.
const PART_BYTES_MIN: u64 = 1 << 20;
const PART_NUMBER_MAX: u32 = 10_000;

impl CosSimulator {
    pub(super) async fn begin(&self, asked: &Asked) -> Outcome {
        let upload = Begun {
            id: format!("{}{}", self.now().0, self.random(24)),
            key: asked.key().to_owned(),
            about: about(|name| asked.header(name), asked.headers.keys().map(HeaderName::as_str)),
            begun_ms: self.now(),
            parts: BTreeMap::new(),
        };
        let told =
            Initiated { bucket: self.options().bucket.clone(), key: upload.key.clone(), upload_id: upload.id.clone() };
        self.store().begin(upload).await?;
        Ok(xml(StatusCode::OK, &Document::InitiateMultipartUploadResult(told)))
    }

    pub(super) async fn part(&self, asked: &Asked, caller: &Caller, body: Body) -> Outcome {
        let (key, id, number) = (asked.key(), upload_id(asked), part_number(asked)?);
        self.store().upload(key, id)?;
        if asked.headers.contains_key("x-cos-copy-source") {
            let (object, range) = self.source(asked, caller)?;
            let piece = self.copied(&object, range).await?;
            let told = Copied {
                etag: format!("\"{}\"", piece.md5),
                last_modified: time_of(piece.written_ms),
                crc64: piece.crc64.to_string(),
            };
            self.store().add(key, id, number, piece).await?;
            return Ok(xml(StatusCode::OK, &Document::CopyPartResult(told)));
        }
        let piece = self.take(asked, body).await?;
        let mut response = Response::new(Body::empty());
        insert(response.headers_mut(), "etag", &format!("\"{}\"", piece.md5));
        insert(response.headers_mut(), "x-cos-hash-crc64ecma", &piece.crc64.to_string());
        self.store().add(key, id, number, piece).await?;
        Ok(response)
    }

    pub(super) async fn complete(&self, asked: &Asked, body: &Bytes) -> Outcome {
        let Some(Document::CompleteMultipartUpload(wanted)) = document(body) else { return Err(malformed()) };
        let upload = self.store().upload(asked.key(), upload_id(asked))?;
        let pieces = chosen(&upload, &wanted)?;
        let mut digest = md5::Md5::new();
        for piece in &pieces {
            digest.update(hex::decode(&piece.md5).unwrap_or_default());
        }
        let etag = format!("\"{}-{}\"", hex::encode(digest.finalize()), pieces.len());
        let bytes = self.joined(&pieces).await?;
        let keep = asked.header("x-cos-forbid-overwrite").is_some_and(|text| text == "true");
        let object = Object { key: upload.key.clone(), bytes, etag, about: upload.about };
        let object = self.store().put(object, keep).await?;
        self.store().end(&upload.key, &upload.id).await?;
        let told = Completed {
            location: format!("http://{}/{}", asked.host, crate::storage::cos::sign::escape_path(&upload.key)),
            bucket: self.options().bucket.clone(),
            key: upload.key,
            etag: object.etag.clone(),
        };
        let mut response = xml(StatusCode::OK, &Document::CompleteMultipartUploadResult(told));
        let kind = response.headers().get("content-type").cloned();
        describe(&object, response.headers_mut());
        if let Some(kind) = kind {
            response.headers_mut().insert("content-type", kind);
        }
        Ok(response)
    }

    async fn joined(&self, pieces: &[Piece]) -> Result<Piece, Refusal> {
        use tokio::io::AsyncReadExt as _;
        let failed = |error: std::io::Error| Refusal::internal(&error);
        let mut draft = self.store().draft().await?;
        let mut buffer = vec![0; 1 << 18];
        for piece in pieces {
            let mut file = self.store().read(piece).await.map_err(failed)?;
            loop {
                let count = file.read(&mut buffer).await.map_err(failed)?;
                if count == 0 {
                    break;
                }
                draft.write(&buffer[..count]).await?;
            }
        }
        draft.end(self.now()).await
    }

    pub(super) async fn abort(&self, asked: &Asked) -> Outcome {
        self.store().end(asked.key(), upload_id(asked)).await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    pub(super) fn list_parts(&self, asked: &Asked) -> Outcome {
        let upload = self.store().upload(asked.key(), upload_id(asked))?;
        let encoding = encoding(asked)?;
        let max_parts = limit(asked.param("max-parts"))?;
        let after: u32 = asked.param("part-number-marker").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut left = upload.parts.range(after.saturating_add(1)..);
        let part: Vec<Part> = left
            .by_ref()
            .take(max_parts)
            .map(|(number, piece)| Part {
                part_number: *number,
                last_modified: Some(time_of(piece.written_ms)),
                etag: format!("\"{}\"", piece.md5),
                size: Some(piece.size),
            })
            .collect();
        let is_truncated = left.next().is_some();
        let next = part.last().filter(|_| is_truncated).map(|part| part.part_number);
        let told = Parts {
            bucket: self.options().bucket.clone(),
            key: shown(&upload.key, encoding.is_some()),
            encoding_type: encoding,
            upload_id: upload.id,
            initiator: self.owner_of_all(),
            owner: self.owner_of_all(),
            storage_class: "STANDARD".to_owned(),
            part_number_marker: after,
            next_part_number_marker: next,
            max_parts,
            is_truncated,
            part,
        };
        Ok(xml(StatusCode::OK, &Document::ListPartsResult(told)))
    }

    pub(super) fn list_uploads(&self, asked: &Asked) -> Outcome {
        let encoding = encoding(asked)?;
        let prefix = asked.param("prefix").unwrap_or_default();
        let max_uploads = limit(asked.param("max-uploads"))?;
        let (key_marker, upload_id_marker) =
            (asked.param("key-marker").unwrap_or_default(), asked.param("upload-id-marker").unwrap_or_default());
        let mut found = self.store().uploads(prefix);
        let after = |upload: &Begun| match upload_id_marker {
            "" => upload.key.as_str() > key_marker,
            id => (upload.key.as_str(), upload.id.as_str()) > (key_marker, id),
        };
        found.retain(|upload| key_marker.is_empty() || after(upload));
        let is_truncated = found.len() > max_uploads;
        found.truncate(max_uploads);
        let next =
            found.last().filter(|_| is_truncated).map(|last| (shown(&last.key, encoding.is_some()), last.id.clone()));
        let (next_key_marker, next_upload_id_marker) = next.unzip();
        let upload = found.into_iter().map(|upload| Upload {
            key: shown(&upload.key, encoding.is_some()),
            upload_id: upload.id,
            storage_class: "STANDARD".to_owned(),
            initiator: self.owner_of_all(),
            owner: self.owner_of_all(),
            initiated: time_of(upload.begun_ms),
        });
        let told = Uploads {
            bucket: self.options().bucket.clone(),
            key_marker: shown(key_marker, encoding.is_some()),
            upload_id_marker: upload_id_marker.to_owned(),
            next_key_marker,
            next_upload_id_marker,
            max_uploads,
            prefix: shown(prefix, encoding.is_some()),
            delimiter: None,
            is_truncated,
            upload: upload.collect(),
            encoding_type: encoding,
        };
        Ok(xml(StatusCode::OK, &Document::ListMultipartUploadsResult(told)))
    }
}

/// The parts that are to be the object, in their order.
fn chosen(upload: &Begun, wanted: &Complete) -> Result<Vec<Piece>, Refusal> {
    let numbers: Vec<u32> = wanted.part.iter().map(|part| part.part_number).collect();
    if numbers.is_empty() {
        return Err(malformed());
    }
    if !numbers.is_sorted_by(|one, next| one < next) {
        return Err(Refusal::bad("InvalidPartOrder", "The list of parts was not in ascending order."));
    }
    let invalid = || Refusal::bad("InvalidPart", "One or more of the specified parts could not be found.");
    let mut pieces = Vec::with_capacity(numbers.len());
    for part in &wanted.part {
        let piece = upload.parts.get(&part.part_number).ok_or_else(invalid)?;
        if piece.md5 != part.etag.trim_matches('"') {
            return Err(invalid());
        }
        pieces.push(piece.clone());
    }
    let (_, all_but_last) = pieces.split_last().ok_or_else(invalid)?;
    if all_but_last.iter().any(|piece| piece.size < PART_BYTES_MIN) {
        return Err(Refusal::bad("EntityTooSmall", "A part but the last is smaller than the minimum."));
    }
    Ok(pieces)
}

fn upload_id(asked: &Asked) -> &str {
    asked.param("uploadId").unwrap_or_default()
}

fn part_number(asked: &Asked) -> Result<u32, Refusal> {
    let number = asked.param("partNumber").and_then(|text| text.parse().ok());
    let number = number.filter(|number| (1..=PART_NUMBER_MAX).contains(number));
    number.ok_or_else(|| Refusal::bad("InvalidArgument", "partNumber is 1 to 10000."))
}
