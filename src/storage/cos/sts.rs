//! Keys that are lent for a while (official page: 获取联合身份临时访问凭证, `GetFederationToken`), for files too large for a
//! form: the SDKs of COS upload in parts with them.
//!
//! A key is good for one prefix and for nothing but putting objects there. Whoever has it cannot read, list or delete;
//! it can replace what it put, so the prefix must be new and random, and what it holds is used only when it was copied.

use super::{
    Cos, Failure, Refusal,
    call::{authority, text},
    sign::escape,
    tc3,
};
use crate::{config::Secret, model::time::Timestamp, storage::ObjectKey};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// How often STS is asked before its failure is told.
const TRIES: u32 = 3;
const JSON: &str = "application/json";
/// What is needed to put an object, as a whole, by a form or in parts.
const ACTIONS: [&str; 8] = [
    "PutObject",
    "PostObject",
    "InitiateMultipartUpload",
    "ListMultipartUploads",
    "ListParts",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
];

/// A key that is good for a while.
#[derive(Debug, Clone)]
pub struct Credential {
    /// `TmpSecretId`.
    pub id: String,
    /// `TmpSecretKey`.
    pub secret: Secret,
    /// Goes with every request, as `x-cos-security-token`.
    pub token: Secret,
    /// Until then.
    pub expires_ms: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    response: Told,
}

/// Refusals come under status 200.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    error: Option<Refused>,
    credentials: Option<Credentials>,
    #[serde(default)]
    expired_time: i64,
    #[serde(default)]
    request_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refused {
    code: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    token: String,
    tmp_secret_id: String,
    tmp_secret_key: String,
}

impl Cos {
    /// A key for putting objects whose names begin with this one and a slash; it ends by itself.
    pub async fn lend_key(&self, below: &ObjectKey, life: Duration) -> Result<Credential, Failure> {
        let body = json!({
            "Name": "weizhan",
            "Policy": escape(&self.policy(below)),
            "DurationSeconds": life.as_secs(),
        });
        let body = body.to_string();
        let mut tried = 0;
        loop {
            tried += 1;
            let failure = match self.ask_sts(&body).await {
                Ok(credential) => return Ok(credential),
                Err(failure) => failure,
            };
            let passes = match &failure {
                Failure::Refused(refusal) => {
                    let words = ["RequestLimitExceeded", "InternalError"];
                    refusal.status >= 500 || words.iter().any(|word| refusal.code.starts_with(word))
                }
                Failure::Unanswered(_) => true,
                Failure::Unexpected(_) => false,
            };
            if !passes || tried >= TRIES {
                return Err(failure);
            }
            tokio::time::sleep(self.0.retry).await;
        }
    }

    fn policy(&self, below: &ObjectKey) -> String {
        let (inner, account) = (&self.0, self.0.bucket.rsplit('-').next().unwrap_or_default());
        let resource = format!("qcs::cos:{}:uid/{account}:{}/{below}/*", inner.region, inner.bucket);
        let actions = ACTIONS.map(|action| format!("name/cos:{action}"));
        let statement = json!({ "effect": "allow", "action": actions, "resource": [resource] });
        json!({ "version": "2.0", "statement": [statement] }).to_string()
    }

    async fn ask_sts(&self, body: &str) -> Result<Credential, Failure> {
        let (inner, now) = (&self.0, self.now());
        let (host, day) = (authority(&inner.sts), now.rfc3339_utc());
        let headers = [("content-type", JSON), ("host", host.as_str())];
        let timestamp = now.seconds();
        let signed = tc3::Request { headers: &headers, body: body.as_bytes(), timestamp, day: &day[..10] };
        let request = inner
            .http
            .post(inner.sts.clone())
            .header(CONTENT_TYPE, JSON)
            .header(HOST, &host)
            .header(AUTHORIZATION, signed.authorization(&inner.secret_id, inner.secret_key.expose()))
            .header("x-tc-action", "GetFederationToken")
            .header("x-tc-version", "2018-08-13")
            .header("x-tc-timestamp", timestamp)
            .header("x-tc-region", &inner.region)
            .body(body.to_owned());
        let broken = |error: reqwest::Error| Failure::Unanswered(Box::new(error.without_url()));
        let response = match tokio::time::timeout(inner.timeout, request.send()).await {
            Err(_) => return Err(Failure::Unanswered("it took too long".into())),
            Ok(sent) => sent.map_err(broken)?,
        };
        let status = response.status().as_u16();
        let refused = |code: String, message: String, request_id: String| {
            Err(Failure::Refused(Refusal { status, code, message, request_id }))
        };
        let Ok(Answer { response: told }) = serde_json::from_str(&text(response).await.map_err(broken)?) else {
            return match status {
                200 => Err(Failure::Unexpected("STS answered in another form than its own")),
                _ => refused(String::new(), String::new(), String::new()),
            };
        };
        match (told.error, told.credentials) {
            (Some(error), _) => refused(error.code, error.message, told.request_id),
            (None, Some(credentials)) => Ok(Credential {
                id: credentials.tmp_secret_id,
                secret: Secret::new(credentials.tmp_secret_key),
                token: Secret::new(credentials.token),
                expires_ms: Timestamp::from_seconds(told.expired_time),
            }),
            (None, None) => Err(Failure::Unexpected("STS gave neither a key nor a reason")),
        }
    }
}
