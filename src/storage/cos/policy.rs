//! The form by which a mini-program uploads one object, and nothing else (official page: POST Object).

use super::sign::{KeyTime, policy_signature};
use crate::{model::time::Timestamp, storage::ObjectKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use url::Url;

/// What may be uploaded.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Under exactly this name.
    pub key: &'a ObjectKey,
    /// At least one byte, at most so many.
    pub bytes_max: u64,
    /// As exactly this type.
    pub content_type: &'a str,
    /// Until then.
    pub expires_ms: Timestamp,
}

/// A form to send: `wx.uploadFile` with `url`, `name: "file"` and `formData: fields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostForm {
    /// Where to.
    pub url: Url,
    /// Name and value, in this order, all before the file.
    pub fields: Vec<(&'static str, String)>,
}

/// Who signs a form, and for which bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
    pub(super) bucket: &'a str,
}

impl Signer<'_> {
    /// The fields of the form. COS accepts fields that the policy does not mention, so all that could do harm are
    /// mentioned: name, size, type, access and the status of the answer.
    pub(super) fn fields(&self, wanted: &Wanted<'_>, now: Timestamp) -> Vec<(&'static str, String)> {
        let time = KeyTime { start: now.seconds() - 60, end: wanted.expires_ms.seconds() };
        let policy = json!({
            "expiration": wanted.expires_ms.rfc3339_utc(),
            "conditions": [
                { "bucket": self.bucket },
                { "key": wanted.key.as_str() },
                ["content-length-range", 1, wanted.bytes_max],
                { "Content-Type": wanted.content_type },
                { "acl": "default" },
                { "success_action_status": "200" },
                { "q-sign-algorithm": "sha1" },
                { "q-ak": self.id },
                { "q-sign-time": time.to_string() },
            ],
        });
        let policy = policy.to_string();
        vec![
            ("key", wanted.key.to_string()),
            ("Content-Type", wanted.content_type.to_owned()),
            ("acl", "default".to_owned()),
            ("success_action_status", "200".to_owned()),
            ("policy", STANDARD.encode(&policy)),
            ("q-sign-algorithm", "sha1".to_owned()),
            ("q-ak", self.id.to_owned()),
            ("q-key-time", time.to_string()),
            ("q-signature", policy_signature(self.secret, time, &policy)),
        ]
    }
}
