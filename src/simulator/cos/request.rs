//! A request as it came: which bucket and object it names, what it asks for.

use super::error::Refusal;
use axum::http::{HeaderMap, Method, StatusCode, header::HOST, request::Parts};
use percent_encoding::percent_decode_str;

/// Longest name of an object, in bytes.
const KEY_BYTES_MAX: usize = 850;

/// A request, decoded once.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// `Host`, as it came.
    pub(super) host: String,
    /// The path as it reads.
    pub(super) path: String,
    /// In the order in which they came.
    pub(super) params: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
}

/// What is asked for, by the names of the official pages, which are those of the actions in a policy too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CosOperation {
    /// PUT Object, and PUT Object - Copy.
    PutObject,
    /// POST Object.
    PostObject,
    /// GET Object.
    GetObject,
    /// HEAD Object.
    HeadObject,
    /// DELETE Object.
    DeleteObject,
    /// DELETE Multiple Objects.
    DeleteMultipleObjects,
    /// GET Bucket (List Objects).
    GetBucket,
    /// HEAD Bucket.
    HeadBucket,
    /// Initiate Multipart Upload.
    InitiateMultipartUpload,
    /// Upload Part, and Upload Part - Copy.
    UploadPart,
    /// List Parts.
    ListParts,
    /// Complete Multipart Upload.
    CompleteMultipartUpload,
    /// Abort Multipart Upload.
    AbortMultipartUpload,
    /// List Multipart Uploads.
    ListMultipartUploads,
}

impl Asked {
    pub(super) fn read(parts: &Parts) -> Result<Self, Refusal> {
        // A proxy gets the whole address in the first line.
        let host = match parts.headers.get(HOST) {
            Some(host) => String::from_utf8_lossy(host.as_bytes()).into_owned(),
            None => parts.uri.authority().map(ToString::to_string).unwrap_or_default(),
        };
        let path = percent_decode_str(parts.uri.path()).decode_utf8();
        let path = path.map_err(|_| Refusal::bad("InvalidURI", "Couldn't parse the specified URI."))?.into_owned();
        let params = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned();
        Ok(Self { method: parts.method.clone(), host, path, params: params.collect(), headers: parts.headers.clone() })
    }

    /// The object's name; empty for the bucket.
    pub(super) fn key(&self) -> &str {
        self.path.strip_prefix('/').unwrap_or(&self.path)
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A header's text; bytes beyond ASCII are UTF-8.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    pub(super) fn operation(&self) -> Result<CosOperation, Refusal> {
        use CosOperation as Op;
        let has = |name: &str| self.param(name).is_some();
        let unknown = ["acl", "tagging", "append", "restore", "versions", "policy", "cors", "lifecycle"];
        if let Some(name) = unknown.into_iter().find(|name| has(name)) {
            let message = format!("The simulator has no ?{name}.");
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message));
        }
        let operation = match (self.method.as_str(), self.key().is_empty()) {
            ("GET", true) if has("uploads") => Op::ListMultipartUploads,
            ("GET", true) => Op::GetBucket,
            ("HEAD", true) => Op::HeadBucket,
            ("POST", true) if has("delete") => Op::DeleteMultipleObjects,
            ("POST", true) => Op::PostObject,
            ("PUT", false) if has("uploadId") && has("partNumber") => Op::UploadPart,
            ("PUT", false) => Op::PutObject,
            ("GET", false) if has("uploadId") => Op::ListParts,
            ("GET", false) => Op::GetObject,
            ("HEAD", false) => Op::HeadObject,
            ("POST", false) if has("uploads") => Op::InitiateMultipartUpload,
            ("POST", false) if has("uploadId") => Op::CompleteMultipartUpload,
            ("DELETE", false) if has("uploadId") => Op::AbortMultipartUpload,
            ("DELETE", false) => Op::DeleteObject,
            _ => {
                let message = "The specified method is not allowed against this resource.";
                return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message));
            }
        };
        good_key(self.key()).map(|()| operation)
    }
}

/// Whether it can name an object (official page: 对象概述).
pub(super) fn good_key(key: &str) -> Result<(), Refusal> {
    if key.len() > KEY_BYTES_MAX {
        return Err(Refusal::bad("KeyTooLong", "Your key is too long."));
    }
    let odd = |byte: u8| (0x18..=0x1b).contains(&byte);
    if key.starts_with(['/', '\\']) || key.bytes().any(odd) {
        return Err(Refusal::bad("InvalidObjectName", "Your key is illegal."));
    }
    Ok(())
}
