//! A bucket of Tencent COS: our client of its XML API.
//!
//! Ours, because the crates that were tried take a refusal under status 200 for success, leave the host unsigned, and
//! know neither forms nor lent keys. What is signed stands in [`sign`], what is sent and tried again in `call`, bodies
//! in [`xml`].
//!
//! **How to add an operation:** a function here that makes a `Call` with the same effect twice as once,
//! named after the operation's official page; a body of its own in `xml`.

mod call;
pub mod cdn;
mod error;
mod file;
mod multipart;
mod policy;
mod read;
pub mod sign;
pub mod sts;
pub mod tc3;
#[cfg(test)]
mod tests;
pub mod xml;

pub use error::{Failure, Refusal};
pub use multipart::Writing;
pub use policy::{PostForm, Wanted};
pub use read::Stream;
pub use sts::Credential;

use super::{Error, Object, ObjectKey};
use crate::{
    config,
    model::time::{Clock, Timestamp},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use call::{Call, header};
use md5::Digest as _;
use reqwest::Method;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64},
    },
    time::Duration,
};
use url::Url;

/// The checksum that COS tells of every object (CRC-64/XZ).
pub static CRC64: crc::Crc<u64, crc::Table<16>> = crc::Crc::<u64, crc::Table<16>>::new(&crc::CRC_64_XZ);

/// A bucket. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Cos(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    /// The usual host, then the backup host if there is one.
    hosts: Vec<Url>,
    /// Whether the usual host answered last.
    answers: AtomicBool,
    /// What COS's clock is ahead, in seconds.
    offset: AtomicI64,
    bucket: String,
    secret_id: String,
    secret_key: config::Secret,
    region: String,
    /// Where STS is.
    sts: Url,
    /// Where readers get objects, if not from us.
    public: Option<Url>,
    cdn_key: config::Secret,
    timeout: Duration,
    retry: Duration,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Names, which need not be an [`ObjectKey`], and bytes.
    pub objects: Vec<(String, u64)>,
    /// Whether there are more after the last.
    pub more: bool,
}

impl Cos {
    /// The client of a bucket; nothing is asked yet.
    pub fn open(settings: &config::Cos, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let timeout = Duration::from_millis(settings.timeout_ms);
        let client = reqwest::Client::builder()
            .connect_timeout(timeout)
            .read_timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        Ok(Self(Arc::new(Inner {
            http: client.build().map_err(Error::Client)?,
            clock,
            hosts: hosts(settings),
            answers: AtomicBool::new(true),
            offset: AtomicI64::new(0),
            bucket: settings.bucket.clone(),
            secret_id: settings.secret_id.clone(),
            secret_key: settings.secret_key.clone(),
            region: settings.region.clone(),
            sts: settings.sts_base_url.clone(),
            public: settings.public_base_url.clone(),
            cdn_key: settings.cdn_key.clone(),
            timeout,
            retry: Duration::from_millis(settings.retry_ms),
        })))
    }

    /// PUT Object.
    pub(super) async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Failure> {
        let crc64 = CRC64.checksum(&bytes);
        let call = Call::new(Method::PUT, key.as_str()).header("content-type", key.content_type()).body(bytes);
        let response = self.call(&call).await?;
        same(header(response.headers(), "x-cos-hash-crc64ecma"), crc64)
    }

    /// GET Object, as a whole.
    pub(super) async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, Failure> {
        let mut response = match self.call(&Call::new(Method::GET, key.as_str())).await {
            Err(failure) if failure.is_missing() => return Ok(None),
            answer => answer?,
        };
        let mut bytes = BytesMut::new();
        let broken = |error: reqwest::Error| Failure::Unanswered(Box::new(error.without_url()));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&chunk);
        }
        same(header(response.headers(), "x-cos-hash-crc64ecma"), CRC64.checksum(&bytes))?;
        Ok(Some(Object { bytes: bytes.freeze(), content_type: key.content_type() }))
    }

    /// HEAD Object: how many bytes it has.
    pub(super) async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, Failure> {
        match self.call(&Call::new(Method::HEAD, key.as_str())).await {
            Err(failure) if failure.is_missing() => Ok(None),
            answer => {
                let length = header(answer?.headers(), "content-length").and_then(|text| text.parse().ok());
                length.map(Some).ok_or(Failure::Unexpected("COS did not tell the size of an object"))
            }
        }
    }

    /// DELETE Object; `false` if there was none a moment before, which COS itself does not tell.
    pub(super) async fn delete(&self, key: &ObjectKey) -> Result<bool, Failure> {
        let was = match self.call(&Call::new(Method::HEAD, key.as_str())).await {
            Err(failure) if failure.is_missing() => false,
            answer => answer.map(|_| true)?,
        };
        self.call(&Call::new(Method::DELETE, key.as_str())).await?;
        Ok(was)
    }

    /// PUT Object - Copy, of an object whose `ETag` is still that one; `false` if it is gone or another.
    pub async fn copy(&self, from: &ObjectKey, etag: &str, to: &ObjectKey) -> Result<bool, Failure> {
        let host = call::authority(&self.0.hosts[0]);
        let call = Call::new(Method::PUT, to.as_str())
            .header("x-cos-copy-source", format!("{host}/{}", sign::escape_path(from.as_str())))
            .header("x-cos-copy-source-if-match", etag)
            .header("x-cos-metadata-directive", "Copy");
        match self.document(&call).await {
            Ok(xml::Document::CopyObjectResult(_)) => Ok(true),
            Ok(_) => Err(Failure::Unexpected("COS answered a copy with another document")),
            Err(failure) if failure.is_missing() || failure.is("PreconditionFailed") => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// GET Bucket: names and sizes below a prefix in the order of their bytes, those after `after`, at most `limit` (to 1,000).
    /// A fresh object may be missing: a list is what COS knew a moment ago.
    pub async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, Failure> {
        let call = Call::new(Method::GET, "")
            .param("prefix", prefix)
            .param("marker", after)
            .param("max-keys", limit.to_string())
            .param("encoding-type", "url");
        let xml::Document::ListBucketResult(listed) = self.document(&call).await? else {
            return Err(Failure::Unexpected("COS answered a list with another document"));
        };
        let plain = |key: &str| percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned();
        let objects = listed.contents.iter().map(|content| (plain(&content.key), content.size)).collect();
        Ok(Page { objects, more: listed.is_truncated })
    }

    /// All of a list, page by page; without a prefix nothing whose name starts with a dot.
    pub(super) async fn list_all(&self, prefix: &str) -> Result<Vec<(String, u64)>, Failure> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.list(prefix, &after, 1_000).await?;
            let Some((last, _)) = page.objects.last() else { return Ok(all) };
            after.clone_from(last);
            let shown = |(name, _): &(String, u64)| !prefix.is_empty() || !name.starts_with('.');
            all.extend(page.objects.into_iter().filter(shown));
            if !page.more {
                return Ok(all);
            }
        }
    }

    /// DELETE Multiple Objects, at most 1,000; the names that COS did not delete. One that was not there is deleted.
    pub async fn delete_many(&self, keys: &[ObjectKey]) -> Result<Vec<String>, Failure> {
        let object = keys.iter().map(|key| xml::Key { key: key.to_string() }).collect();
        let body = xml::Document::Delete(xml::Delete { quiet: true, object }).write();
        let md5 = STANDARD.encode(md5::Md5::digest(&body));
        let call = Call::new(Method::POST, "").param("delete", "").header("content-md5", md5);
        match self.document(&call.header("content-type", "application/xml").body(body)).await? {
            xml::Document::DeleteResult(done) => Ok(done.error.into_iter().map(|left| left.key).collect()),
            _ => Err(Failure::Unexpected("COS answered a deletion with another document")),
        }
    }

    /// A form by which somebody else may put one object; see [`Wanted`].
    pub fn form(&self, wanted: &Wanted<'_>) -> PostForm {
        let inner = &self.0;
        let signer = policy::Signer { id: &inner.secret_id, secret: inner.secret_key.expose(), bucket: &inner.bucket };
        PostForm { url: inner.hosts[0].clone(), fields: signer.fields(wanted, self.now()) }
    }

    /// An address from which anybody may read the object until then.
    pub fn lend(&self, key: &ObjectKey, until: Timestamp) -> Url {
        let host = call::authority(&self.0.hosts[0]);
        let time = sign::KeyTime { start: self.now().seconds() - 60, end: until.seconds() };
        let path = format!("/{key}");
        let request = sign::Request { method: "GET", path: &path, params: &[], headers: &[("host", &host)] };
        let signed = sign::authorize(&self.0.secret_id, self.0.secret_key.expose(), time, &request);
        let mut url = self.0.hosts[0].clone();
        url.set_path(&format!("{}/{}", url.path().trim_end_matches('/'), sign::escape_path(key.as_str())));
        let fields = signed.fields().map(|(name, value)| format!("{name}={}", sign::escape(&value)));
        url.set_query(Some(&fields.join("&")));
        url
    }

    /// Where readers get the object from a CDN or a domain of the shop's own, signed at this time if it has a key.
    pub fn public_url(&self, key: &ObjectKey, now: Timestamp) -> Option<Url> {
        let mut url = self.0.public.clone()?;
        url.set_path(&format!("{}/{key}", url.path().trim_end_matches('/')));
        Some(cdn::address(url, self.0.cdn_key.expose(), now))
    }

    /// The time by COS's clock, as far as it is known.
    fn now(&self) -> Timestamp {
        let offset = self.0.offset.load(std::sync::atomic::Ordering::Relaxed);
        Timestamp(self.0.clock.now().0 + offset * 1000)
    }
}

/// The usual host and, where the settings name no address, the one that Tencent keeps as a backup.
fn hosts(settings: &config::Cos) -> Vec<Url> {
    let config::Cos { bucket, region, .. } = settings;
    let host = |domain: &str| format!("https://{bucket}.cos.{region}.{domain}").parse();
    match &settings.base_url {
        Some(url) => vec![url.clone()],
        None => ["myqcloud.com", "tencentcos.cn"].into_iter().filter_map(|domain| host(domain).ok()).collect(),
    }
}

/// Whether COS has the bytes that were meant. Some answers do not tell.
fn same(told: Option<&str>, crc64: u64) -> Result<(), Failure> {
    match told {
        Some(text) if text.parse() != Ok(crc64) => Err(Failure::Unexpected("COS has other bytes than were sent")),
        _ => Ok(()),
    }
}
