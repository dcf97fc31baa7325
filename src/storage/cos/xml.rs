//! The XML bodies of COS, by the name of their root. The simulator writes what the client reads, and the other way round.

use serde::{Deserialize, Serialize};

/// A body. COS may send an [`Error`](Self::Error) under status 200, so the root tells, not the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub enum Document {
    Error(ErrorBody),
    CopyObjectResult(Copied),
    CopyPartResult(Copied),
    ListBucketResult(Listed),
    Delete(Delete),
    DeleteResult(Deleted),
    InitiateMultipartUploadResult(Initiated),
    CompleteMultipartUpload(Complete),
    CompleteMultipartUploadResult(Completed),
    ListPartsResult(Parts),
    ListMultipartUploadsResult(Uploads),
}

/// Why not (official page: 错误码).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct ErrorBody {
    pub code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string_to_sign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format_string: Option<String>,
    pub message: String,
    pub resource: String,
    pub request_id: String,
    pub trace_id: String,
}

/// PUT Object - Copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Copied {
    #[serde(rename = "ETag")]
    pub etag: String,
    #[serde(default)]
    pub last_modified: String,
    #[serde(rename = "CRC64", default)]
    pub crc64: String,
}

/// GET Bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Listed {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding_type: Option<String>,
    pub prefix: String,
    pub marker: String,
    pub max_keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    pub is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    pub common_prefixes: Vec<Prefix>,
    pub contents: Vec<Content>,
}

/// Names that are the same up to a delimiter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Prefix {
    #[serde(default)]
    pub prefix: String,
}

/// An object of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Content {
    pub key: String,
    pub last_modified: String,
    #[serde(rename = "ETag")]
    pub etag: String,
    pub size: u64,
    #[serde(default)]
    pub owner: Owner,
    #[serde(default)]
    pub storage_class: String,
}

/// Whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Owner {
    #[serde(rename = "ID", default)]
    pub id: String,
    #[serde(rename = "DisplayName", default)]
    pub display_name: String,
}

/// DELETE Multiple Objects, asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Delete {
    pub quiet: bool,
    pub object: Vec<Key>,
}

/// A name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Key {
    pub key: String,
}

/// DELETE Multiple Objects, answered: refusals are listed under status 200.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Deleted {
    pub deleted: Vec<Key>,
    pub error: Vec<NotDeleted>,
}

/// Why one was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct NotDeleted {
    pub key: String,
    pub code: String,
    #[serde(default)]
    pub message: String,
}

/// Initiate Multipart Upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Initiated {
    pub bucket: String,
    pub key: String,
    pub upload_id: String,
}

/// Complete Multipart Upload, asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Complete {
    pub part: Vec<Part>,
}

/// A part of an upload. Time and size are told of parts that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Part {
    pub part_number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    #[serde(rename = "ETag")]
    pub etag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// Complete Multipart Upload, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Completed {
    #[serde(default)]
    pub location: String,
    #[serde(default)]
    pub bucket: String,
    #[serde(default)]
    pub key: String,
    #[serde(rename = "ETag")]
    pub etag: String,
}

/// List Parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Parts {
    pub bucket: String,
    #[serde(rename = "Encoding-type", skip_serializing_if = "Option::is_none")]
    pub encoding_type: Option<String>,
    pub key: String,
    pub upload_id: String,
    pub initiator: Owner,
    pub owner: Owner,
    pub storage_class: String,
    pub part_number_marker: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_part_number_marker: Option<u32>,
    pub max_parts: usize,
    pub is_truncated: bool,
    pub part: Vec<Part>,
}

/// List Multipart Uploads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Uploads {
    pub bucket: String,
    #[serde(rename = "Encoding-type", skip_serializing_if = "Option::is_none")]
    pub encoding_type: Option<String>,
    pub key_marker: String,
    pub upload_id_marker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_key_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_upload_id_marker: Option<String>,
    pub max_uploads: usize,
    pub prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    pub is_truncated: bool,
    pub upload: Vec<Upload>,
}

/// An upload that is neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are those of COS")]
pub struct Upload {
    pub key: String,
    pub upload_id: String,
    #[serde(default)]
    pub storage_class: String,
    #[serde(default)]
    pub initiator: Owner,
    #[serde(default)]
    pub owner: Owner,
    pub initiated: String,
}

impl Document {
    /// Reads a body; COS may send spaces before it to keep a connection alive.
    pub fn read(text: &str) -> Option<Self> {
        quick_xml::de::from_str(text.trim_start()).ok()
    }
    /// The body as it is sent.
    pub fn write(&self) -> String {
        let text = quick_xml::se::to_string(self).expect("these types have a form in XML");
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}")
    }
}
