//! PUT, GET, HEAD, DELETE and copy of one object, and DELETE Multiple Objects.

use super::{
    CosSimulator,
    access::Caller,
    error::{Outcome, Refusal, xml},
    request::{Asked, CosOperation, good_key},
    store::{About, Draft, Object, Piece},
};
use crate::{
    model::time::Timestamp,
    storage::cos::xml::{Copied, Deleted, Document, Key, NotDeleted},
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::StreamExt as _;
use md5::Digest as _;
use percent_encoding::percent_decode_str;
use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// Headers that are kept with an object, beside `x-cos-meta-*`.
const ABOUT: [&str; 7] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-cos-acl",
];
/// The longest name list of one deletion.
const MANY_MAX: usize = 1_000;

impl CosSimulator {
    pub(super) async fn put_object(&self, asked: &Asked, body: Body) -> Outcome {
        let about = about(|name| asked.header(name), asked.headers.keys().map(HeaderName::as_str));
        let piece = self.take(asked, body).await?;
        let keep = asked.header("x-cos-forbid-overwrite").is_some_and(|text| text == "true");
        let object = self.keep(asked.key(), piece, about, keep).await?;
        let mut response = Response::new(Body::empty());
        describe(&object, response.headers_mut());
        Ok(response)
    }

    /// The body as bytes of ours, checked against what the request says of it.
    pub(super) async fn take(&self, asked: &Asked, body: Body) -> Result<Piece, Refusal> {
        let sized = asked.headers.contains_key("content-length");
        if !sized && !asked.headers.contains_key("transfer-encoding") {
            let message = "You must provide the Content-Length HTTP header.";
            return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, "MissingContentLength", message));
        }
        let mut draft = self.store().draft().await?;
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let broken = |_| Refusal::bad("IncompleteBody", "The body is shorter than its Content-Length.");
            draft.write(&chunk.map_err(broken)?).await?;
        }
        self.check(draft, asked.header("content-md5").as_deref()).await
    }

    /// The end of a draft, if it has that `Content-MD5`.
    pub(super) async fn check(&self, draft: Draft, md5: Option<&str>) -> Result<Piece, Refusal> {
        let piece = draft.end(self.now()).await?;
        let Some(md5) = md5 else { return Ok(piece) };
        let refusal = match STANDARD.decode(md5) {
            Ok(wanted) if hex::encode(&wanted) == piece.md5 => return Ok(piece),
            Ok(wanted) if wanted.len() == 16 => {
                Refusal::bad("BadDigest", "The Content-MD5 you specified did not match what we received.")
            }
            _ => Refusal::bad("InvalidDigest", "The Content-MD5 you specified is not valid."),
        };
        self.store().forget(&piece).await;
        Err(refusal)
    }

    /// Puts bytes in their place under a plain `ETag`.
    pub(super) async fn keep(&self, key: &str, bytes: Piece, about: About, once: bool) -> Result<Arc<Object>, Refusal> {
        let etag = format!("\"{}\"", bytes.md5);
        self.store().put(Object { key: key.to_owned(), bytes, etag, about }, once).await
    }

    pub(super) async fn get_object(&self, asked: &Asked) -> Outcome {
        let object = self.existing(asked.key())?;
        let mut response = Response::new(Body::empty());
        describe(&object, response.headers_mut());
        if let Some(status) = unwanted(&object, |name| asked.header(name))? {
            *response.status_mut() = status;
            return Ok(response);
        }
        for (name, value) in
            asked.params.iter().filter_map(|(name, value)| Some((name.strip_prefix("response-")?, value)))
        {
            if ABOUT.contains(&name) {
                insert(response.headers_mut(), name, value);
            }
        }
        let size = object.bytes.size;
        let range = match asked.header("range").and_then(|text| range(&text, size)) {
            None => 0..size,
            Some(range) if range.is_empty() => {
                let message = "The requested range is not satisfiable.";
                return Err(Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", message));
            }
            Some(range) => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                insert(response.headers_mut(), "content-range", &told);
                range
            }
        };
        insert(response.headers_mut(), "content-length", &(range.end - range.start).to_string());
        if asked.method == "GET" {
            *response.body_mut() = self.body(&object, range).await?;
        }
        Ok(response)
    }

    async fn body(&self, object: &Object, range: Range<u64>) -> Result<Body, Refusal> {
        let failed = |error: std::io::Error| Refusal::internal(&error);
        // Replaced a moment ago: what is there now is as good an answer.
        let mut file = match self.store().read(&object.bytes).await {
            Err(_) => self.store().read(&self.existing(&object.key)?.bytes).await.map_err(failed)?,
            Ok(file) => file,
        };
        file.seek(std::io::SeekFrom::Start(range.start)).await.map_err(failed)?;
        let reader = tokio_util::io::ReaderStream::with_capacity(file.take(range.end - range.start), 1 << 18);
        Ok(Body::from_stream(reader))
    }

    pub(super) fn existing(&self, key: &str) -> Result<Arc<Object>, Refusal> {
        let missing = || Refusal::missing("NoSuchKey", "The specified key does not exist.");
        self.store().object(key).ok_or_else(missing)
    }

    pub(super) async fn delete_object(&self, asked: &Asked) -> Outcome {
        self.store().delete(asked.key()).await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    pub(super) async fn delete_many(&self, asked: &Asked, caller: &Caller, body: &Bytes) -> Outcome {
        let md5 =
            asked.header("content-md5").ok_or_else(|| Refusal::bad("MissingContentMD5", "Content-MD5 is required."))?;
        if md5 != STANDARD.encode(md5::Md5::digest(body)) {
            return Err(Refusal::bad("BadDigest", "The Content-MD5 you specified did not match what we received."));
        }
        let Some(Document::Delete(wanted)) = document(body) else { return Err(malformed()) };
        if wanted.object.len() > MANY_MAX {
            return Err(malformed());
        }
        let mut done = Deleted::default();
        for Key { key } in wanted.object {
            let outcome = match self.may(caller, CosOperation::DeleteObject, &key, asked) {
                Ok(()) => self.store().delete(&key).await,
                Err(refusal) => Err(refusal),
            };
            match outcome {
                Ok(()) if wanted.quiet => {}
                Ok(()) => done.deleted.push(Key { key }),
                Err(Refusal { code, message, .. }) => {
                    done.error.push(NotDeleted { key, code: code.into_owned(), message });
                }
            }
        }
        Ok(xml(StatusCode::OK, &Document::DeleteResult(done)))
    }

    /// PUT Object - Copy.
    pub(super) async fn copy(&self, asked: &Asked, caller: &Caller) -> Outcome {
        let (object, whole) = self.source(asked, caller)?;
        let piece = self.copied(&object, whole).await?;
        let replaced = asked.header("x-cos-metadata-directive").is_some_and(|text| text == "Replaced");
        let about = if replaced {
            about(|name| asked.header(name), asked.headers.keys().map(HeaderName::as_str))
        } else {
            object.about.clone()
        };
        let keep = asked.header("x-cos-forbid-overwrite").is_some_and(|text| text == "true");
        let kept = self.keep(asked.key(), piece, about, keep).await?;
        Ok(xml(
            StatusCode::OK,
            &Document::CopyObjectResult(Copied {
                etag: kept.etag.clone(),
                last_modified: time_of(kept.bytes.written_ms),
                crc64: kept.bytes.crc64.to_string(),
            }),
        ))
    }

    /// The object that `x-cos-copy-source` names, if it is still what the asker saw, and the range that is wanted.
    pub(super) fn source(&self, asked: &Asked, caller: &Caller) -> Result<(Arc<Object>, Range<u64>), Refusal> {
        let source = asked.header("x-cos-copy-source").unwrap_or_default();
        let invalid = || Refusal::bad("InvalidArgument", "x-cos-copy-source names no object.");
        let (host, path) = source.split_once('/').ok_or_else(invalid)?;
        let path = path.split('?').next().unwrap_or_default();
        let key = percent_decode_str(path).decode_utf8().map_err(|_| invalid())?.into_owned();
        self.bucket_of(host)?;
        good_key(&key)?;
        self.may(caller, CosOperation::GetObject, &key, asked)?;
        let object = self.existing(&key)?;
        let condition = |name: &str| asked.header(&format!("x-cos-copy-source-{name}"));
        if unwanted(&object, condition)?.is_some() {
            return Err(precondition());
        }
        let whole = 0..object.bytes.size;
        let range = match asked.header("x-cos-copy-source-range") {
            None => whole,
            Some(text) => range(&text, object.bytes.size)
                .filter(|range| !range.is_empty())
                .ok_or_else(|| Refusal::bad("InvalidArgument", "x-cos-copy-source-range is not in the object."))?,
        };
        Ok((object, range))
    }

    /// The bytes of a range once more.
    pub(super) async fn copied(&self, object: &Object, range: Range<u64>) -> Result<Piece, Refusal> {
        let mut draft = self.store().draft().await?;
        let mut chunks = self.body(object, range).await?.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            draft.write(&chunk.map_err(|error| Refusal::internal(&std::io::Error::other(error)))?).await?;
        }
        draft.end(self.now()).await
    }
}

/// What is to be kept with an object, of headers or of the fields of a form.
pub(super) fn about<'a>(find: impl Fn(&str) -> Option<String>, names: impl Iterator<Item = &'a str>) -> About {
    let meta = names.map(str::to_ascii_lowercase).filter(|name| name.starts_with("x-cos-meta-"));
    let all = ABOUT.iter().map(ToString::to_string).chain(meta);
    all.filter_map(|name| find(&name).filter(|value| !value.is_empty()).map(|value| (name, value))).collect()
}

/// The headers of an answer about an object.
pub(super) fn describe(object: &Object, headers: &mut HeaderMap) {
    insert(headers, "content-type", "application/octet-stream");
    for (name, value) in &object.about {
        insert(headers, name, value);
    }
    insert(headers, "etag", &object.etag);
    insert(headers, "x-cos-hash-crc64ecma", &object.bytes.crc64.to_string());
    insert(headers, "last-modified", &http_date(object.bytes.written_ms));
    insert(headers, "accept-ranges", "bytes");
}

pub(super) fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
        headers.insert(name, value);
    }
}

/// A time as HTTP has it.
pub(super) fn http_date(time: Timestamp) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(u64::try_from(time.seconds()).unwrap_or(0)))
}

/// A time as COS writes it in XML: to the second.
pub(super) fn time_of(time: Timestamp) -> String {
    Timestamp(time.seconds() * 1000).rfc3339_utc()
}

/// A body of XML.
pub(super) fn document(body: &[u8]) -> Option<Document> {
    Document::read(std::str::from_utf8(body).ok()?)
}

pub(super) fn malformed() -> Refusal {
    Refusal::bad("MalformedXML", "The XML you provided was not well-formed or did not validate against our schema.")
}

fn precondition() -> Refusal {
    let message = "At least one of the preconditions you specified did not hold.";
    Refusal::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
}

/// 304 if the asker has it already; a refusal if it is not what the asker means.
fn unwanted(object: &Object, condition: impl Fn(&str) -> Option<String>) -> Result<Option<StatusCode>, Refusal> {
    let bare = |etag: &str| etag.trim().trim_matches('"').to_owned();
    let is = |etags: String| etags.trim() == "*" || etags.split(',').any(|etag| bare(etag) == bare(&object.etag));
    let since = |text: String| {
        let time = httpdate::parse_http_date(&text).ok()?;
        let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Some(object.bytes.written_ms.seconds() > i64::try_from(seconds).unwrap_or(i64::MAX))
    };
    let other = condition("if-match").is_some_and(|etags| !is(etags));
    if other || condition("if-unmodified-since").and_then(since) == Some(true) {
        return Err(precondition());
    }
    let known = match condition("if-none-match") {
        Some(etags) => is(etags),
        None => condition("if-modified-since").and_then(since) == Some(false),
    };
    Ok(known.then_some(StatusCode::NOT_MODIFIED))
}

/// The one range of a header `Range`: `None` for what is none, empty for one that is not in the object.
fn range(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first, last) {
        ("", count) => size.saturating_sub(count.parse().ok()?)..size,
        (first, "") => first.parse().ok()?..size,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(size),
    };
    Some(if range.start < size { range } else { 0..0 })
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_read_as_http_means_them() {
        for (text, expected) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=5-", Some(5..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=8-99", Some(8..10)),
            ("bytes=10-", Some(0..0)),
            ("bytes=0-1,3-4", None),
            ("items=0-1", None),
            ("bytes=a-b", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
    }
}
