//! POST Object: what `wx.uploadFile` sends, in the documented dialect and in that of `cos-wx-sdk`.

use super::{
    CosSimulator,
    access::{Caller, same},
    error::{Outcome, Refusal},
    object::{about, describe, insert},
    request::{Asked, CosOperation, good_key},
    store::Draft,
};
use crate::storage::cos::sign::{self, KeyTime};
use axum::{
    body::Body,
    extract::{FromRequest as _, Multipart, multipart::Field},
    http::{HeaderValue, Request, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::ops::RangeInclusive;

/// What a form may have beside its file.
const FIELDS_BYTES_MAX: usize = 64 << 10;
/// The largest object of one form.
const FILE_BYTES_MAX: u64 = 5 << 30;

/// The fields before the file, by name in lower case.
#[derive(Debug, Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl CosSimulator {
    pub(super) async fn post_object(&self, asked: &Asked, body: Body) -> Outcome {
        let kind = asked.headers.get(CONTENT_TYPE).cloned().unwrap_or_else(|| HeaderValue::from_static(""));
        let request = Request::builder().header(CONTENT_TYPE, kind).body(body).expect("a header and a body");
        let mut form = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
        let (mut fields, mut size) = (Fields::default(), 0);
        while let Some(field) = form.next_field().await.map_err(|_| malformed())? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                return self.take_file(asked, fields, field).await;
            }
            let value = field.text().await.map_err(|_| malformed())?;
            size += name.len() + value.len();
            if size > FIELDS_BYTES_MAX {
                return Err(Refusal::bad("MaxPostPreDataLengthExceeded", "The fields before the file are too long."));
            }
            fields.0.push((name, value));
        }
        Err(Refusal::bad("IncorrectNumberOfFilesInPostRequest", "A form has exactly one file, its last field."))
    }

    async fn take_file(&self, asked: &Asked, mut fields: Fields, mut file: Field<'_>) -> Outcome {
        let file_name = file.file_name().unwrap_or_default().to_owned();
        let named = fields.0.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("key"));
        let (_, key) =
            named.ok_or_else(|| Refusal::bad("InvalidArgument", "Bucket POST must contain a field named key."))?;
        *key = key.replace("${filename}", file_name.rsplit(['/', '\\']).next().unwrap_or_default());
        let key = key.clone();
        if key.is_empty() {
            return Err(Refusal::bad("InvalidArgument", "The key is empty."));
        }
        good_key(&key)?;
        let (caller, sizes) = self.allowed(asked, &fields)?;
        self.may(&caller, CosOperation::PostObject, &key, asked)?;

        let mut draft = self.store().draft().await?;
        while let Some(chunk) = file.chunk().await.map_err(|_| malformed())? {
            draft.write(&chunk).await?;
            // A file that is too large is not read to its end.
            if draft.size > *sizes.end() {
                return Err(Refusal::bad(
                    "EntityTooLarge",
                    "Your proposed upload exceeds the maximum allowed object size.",
                ));
            }
        }
        if draft.size < *sizes.start() {
            return Err(Refusal::bad(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed object size.",
            ));
        }
        self.keep_file(asked, &fields, &key, draft).await
    }

    async fn keep_file(&self, asked: &Asked, fields: &Fields, key: &str, draft: Draft) -> Outcome {
        let piece = self.check(draft, fields.get("Content-MD5").filter(|text| !text.is_empty())).await?;
        let about = about(|name| fields.get(name).map(str::to_owned), fields.0.iter().map(|(name, _)| name.as_str()));
        let once = fields.get("x-cos-forbid-overwrite").is_some_and(|text| text == "true");
        let object = self.keep(key, piece, about, once).await?;
        let mut response = Response::new(Body::empty());
        describe(&object, response.headers_mut());
        response.headers_mut().remove(CONTENT_TYPE);
        let plain = format!("http://{}/{}", asked.host, sign::escape_path(key));
        let redirect = fields.get("success_action_redirect").and_then(|url| url::Url::parse(url).ok());
        let (status, location) = match (redirect, fields.get("success_action_status")) {
            (Some(mut url), _) => {
                let bucket = &self.options().bucket;
                url.query_pairs_mut()
                    .append_pair("bucket", bucket)
                    .append_pair("key", key)
                    .append_pair("etag", &object.etag);
                (StatusCode::SEE_OTHER, url.to_string())
            }
            (None, Some("200")) => (StatusCode::OK, plain),
            (None, Some("201")) => (StatusCode::CREATED, plain),
            (None, _) => (StatusCode::NO_CONTENT, plain),
        };
        *response.status_mut() = status;
        insert(response.headers_mut(), "location", &location);
        Ok(response)
    }

    /// Who signed the form, and how large its file may be.
    fn allowed(&self, asked: &Asked, fields: &Fields) -> Result<(Caller, RangeInclusive<u64>), Refusal> {
        let token = fields.get("x-cos-security-token").filter(|token| !token.is_empty());
        if let Some(signature) = fields.get("Signature") {
            return Ok((self.caller_by_field(signature, token, asked)?, 0..=FILE_BYTES_MAX));
        }
        let Some(policy) = fields.get("policy") else {
            // Without a policy only the header can say who it is.
            return Ok((self.caller(asked)?, 0..=FILE_BYTES_MAX));
        };
        let field =
            |name: &str| fields.get(name).ok_or_else(|| Refusal::denied(format!("The field {name} is missing.")));
        let key_time: KeyTime =
            field("q-key-time")?.parse().map_err(|_| Refusal::denied("q-key-time is malformed."))?;
        let (secret, caller) = self.credential(field("q-ak")?, token, &[key_time])?;
        let invalid = || Refusal::bad("InvalidPolicyDocument", "The policy is not valid.");
        let policy =
            STANDARD.decode(policy).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)?;
        if !same(&sign::policy_signature(&secret, key_time, &policy), field("q-signature")?) {
            return Err(Refusal::signature(None));
        }
        let policy: Value = serde_json::from_str(&policy).map_err(|_| invalid())?;
        let until =
            policy["expiration"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).ok_or_else(invalid)?;
        if until.as_millisecond() < self.now().0 {
            let message = "You post object request has been expired.";
            return Err(Refusal::denied(message));
        }
        let conditions = policy["conditions"].as_array().filter(|all| !all.is_empty()).ok_or_else(|| {
            let message = "You must provide condition if you specify a policy in post object request.";
            Refusal::bad("InvalidPolicyDocument", message)
        })?;
        self.conditions(conditions, fields).map(|sizes| (caller, sizes))
    }

    /// Whether the fields are as the policy says; the sizes that it allows.
    fn conditions(&self, conditions: &[Value], fields: &Fields) -> Result<RangeInclusive<u64>, Refusal> {
        let invalid = || Refusal::bad("InvalidPolicyDocument", "A condition of the policy is not valid.");
        let mut sizes = 0..=FILE_BYTES_MAX;
        let mut named = Vec::new();
        for condition in conditions {
            let (operator, name, wanted) = match condition {
                Value::Object(pair) if pair.len() == 1 => {
                    let (name, wanted) = pair.iter().next().expect("one pair");
                    ("eq", name.as_str(), wanted.as_str().ok_or_else(invalid)?)
                }
                Value::Array(parts) => match parts.as_slice() {
                    [Value::String(name), low, high] if name == "content-length-range" => {
                        let number = |value: &Value| value.as_u64().ok_or_else(invalid);
                        sizes = number(low)?..=number(high)?.min(FILE_BYTES_MAX);
                        continue;
                    }
                    [Value::String(operator), Value::String(name), Value::String(wanted)] => {
                        (operator.as_str(), name.strip_prefix('$').ok_or_else(invalid)?, wanted.as_str())
                    }
                    _ => return Err(invalid()),
                },
                _ => return Err(invalid()),
            };
            // The policy and the form name this one differently.
            let field = if name == "q-sign-time" { "q-key-time" } else { name };
            let given = if name == "bucket" { Some(self.options().bucket.as_str()) } else { fields.get(field) };
            let holds = match operator {
                "eq" => given == Some(wanted),
                "starts-with" => given.is_some_and(|given| given.starts_with(wanted)),
                _ => return Err(invalid()),
            };
            if !holds {
                return Err(Refusal::denied(format!("Condition key {name} doesn't match the value {wanted}.")));
            }
            named.push(name);
        }
        match ["q-sign-algorithm", "q-ak", "q-sign-time"].into_iter().find(|name| !named.contains(name)) {
            Some(name) => Err(Refusal::denied(format!("The policy has no condition for {name}."))),
            None => Ok(sizes),
        }
    }
}

fn malformed() -> Refusal {
    Refusal::bad("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
}
