//! STS: credentials that end (official page: 获取联合身份临时访问凭证, `GetFederationToken`).
//!
//! A token carries what it is good for and a seal, so that it outlives a restart.

use super::{CosSimulator, access::same, policy::Policy, request::Asked};
use crate::{
    model::time::Timestamp,
    storage::cos::{sign::KeyTime, tc3},
};
use aws_lc_rs::hmac;
use axum::{
    Json,
    body::Bytes,
    response::{IntoResponse as _, Response},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How far the time of a question may be off.
const SKEW_SECONDS: i64 = 300;
/// The longest life of a credential of a sub-account.
const SECONDS_MAX: i64 = 129_600;
const SECONDS_DEFAULT: i64 = 1_800;

/// What is in a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Guest {
    /// `TmpSecretId`.
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) until: i64,
    pub(super) policy: Policy,
}

/// Makes and reads tokens with one secret.
#[derive(Debug)]
pub(super) struct Tokens<'a>(pub(super) &'a str);

impl Tokens<'_> {
    /// `TmpSecretKey` of an id.
    pub(super) fn secret(&self, id: &str) -> String {
        hex::encode(self.seal(&format!("key of {id}")))[..32].to_owned()
    }

    fn write(&self, guest: &Guest) -> String {
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(guest).expect("a guest has a form in JSON"));
        let seal = URL_SAFE_NO_PAD.encode(self.seal(&text));
        format!("{seal}.{text}")
    }

    pub(super) fn read(&self, token: &str) -> Option<Guest> {
        let (seal, text) = token.split_once('.')?;
        if !same(&URL_SAFE_NO_PAD.encode(self.seal(text)), seal) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    fn seal(&self, text: &str) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes()), text.as_bytes()).as_ref().to_vec()
    }
}

/// Why there is no credential, under status 200.
struct Refused(&'static str, &'static str);

impl CosSimulator {
    /// Whether the request is one for STS and not for the bucket.
    pub(super) fn is_sts(asked: &Asked) -> bool {
        let kind = asked.header("content-type").unwrap_or_default();
        asked.headers.contains_key("x-tc-action") || kind.starts_with("application/x-www-form-urlencoded")
    }

    pub(super) fn sts(&self, asked: &Asked, body: &Bytes) -> Response {
        let answer =
            if asked.headers.contains_key("x-tc-action") { self.today(asked, body) } else { self.v1(asked, body) };
        let mut response =
            answer.unwrap_or_else(|Refused(code, message)| json!({ "Error": { "Code": code, "Message": message } }));
        response["RequestId"] = json!(self.request_id());
        Json(json!({ "Response": response })).into_response()
    }

    /// The dialect of today, signed by TC3.
    fn today(&self, asked: &Asked, body: &Bytes) -> Result<Value, Refused> {
        let unsigned = || Refused("AuthFailure.SignatureFailure", "The provided credentials could not be validated.");
        let header = asked.header("authorization").ok_or_else(unsigned)?;
        let parts = header.strip_prefix("TC3-HMAC-SHA256 ").ok_or_else(unsigned)?;
        let part = |name: &str| {
            parts.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')).ok_or_else(unsigned)
        };
        let timestamp: i64 = asked.header("x-tc-timestamp").and_then(|text| text.parse().ok()).ok_or_else(unsigned)?;
        self.fresh(timestamp)?;
        let (id, scope) = part("Credential")?.split_once('/').ok_or_else(unsigned)?;
        let day = Timestamp(timestamp * 1000).rfc3339_utc();
        let names: Vec<&str> = part("SignedHeaders")?.split(';').collect();
        let values: Vec<String> = names.iter().map(|name| asked.header(name).unwrap_or_default()).collect();
        let headers: Vec<(&str, &str)> =
            names.iter().zip(&values).map(|(name, value)| (*name, value.as_str())).collect();
        let request = tc3::Request { headers: &headers, body, timestamp, day: &day[..10] };
        let bound = ["host", "content-type"].iter().all(|name| names.contains(name));
        let signature = request.signature(&self.owner(id)?);
        if !bound || scope != tc3::scope(request.day) || !same(&signature, part("Signature")?) {
            return Err(unsigned());
        }
        let action = asked.header("x-tc-action").unwrap_or_default();
        let version = asked.header("x-tc-version").unwrap_or_default();
        let asked: Value =
            serde_json::from_slice(body).map_err(|_| Refused("InvalidParameter", "The body is no JSON."))?;
        let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
        self.federate(&action, &version, &text("Name"), &text("Policy"), asked["DurationSeconds"].as_i64())
    }

    /// The dialect of old, which the SDKs of STS still speak.
    fn v1(&self, asked: &Asked, body: &Bytes) -> Result<Value, Refused> {
        let mut fields: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
        fields.sort();
        let field = |name: &str| fields.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value.as_str());
        self.fresh(field("Timestamp").parse().unwrap_or(0))?;
        let secret = self.owner(field("SecretId"))?;
        let named = fields.iter().filter(|(name, _)| name != "Signature");
        let query: Vec<String> = named.map(|(name, value)| format!("{name}={value}")).collect();
        let algorithm = match field("SignatureMethod") {
            "HmacSHA256" => hmac::HMAC_SHA256,
            _ => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        };
        let key = hmac::Key::new(algorithm, secret.as_bytes());
        let bare = asked.host.rsplit_once(':').map_or(asked.host.as_str(), |(host, _)| host);
        let right = [asked.host.as_str(), bare].into_iter().any(|host| {
            let text = format!("{}{host}/?{}", asked.method, query.join("&"));
            same(&STANDARD.encode(hmac::sign(&key, text.as_bytes())), field("Signature"))
        });
        if !right {
            return Err(Refused("AuthFailure.SignatureFailure", "The provided credentials could not be validated."));
        }
        let seconds = field("DurationSeconds").parse().ok();
        self.federate(field("Action"), field("Version"), field("Name"), field("Policy"), seconds)
    }

    fn fresh(&self, timestamp: i64) -> Result<(), Refused> {
        if (timestamp - self.now().seconds()).abs() <= SKEW_SECONDS {
            Ok(())
        } else {
            Err(Refused("AuthFailure.SignatureExpire", "Signature expired."))
        }
    }

    /// The secret of the account; nobody with a temporary credential gets another.
    fn owner(&self, id: &str) -> Result<String, Refused> {
        let unknown = Refused("AuthFailure.SecretIdNotFound", "The SecretId is not found.");
        let time = KeyTime { start: 0, end: i64::MAX };
        self.credential(id, None, &[time]).map(|(secret, _)| secret).map_err(|_| unknown)
    }

    fn federate(
        &self,
        action: &str,
        version: &str,
        name: &str,
        policy: &str,
        seconds: Option<i64>,
    ) -> Result<Value, Refused> {
        if (action, version) != ("GetFederationToken", "2018-08-13") {
            return Err(Refused("InvalidAction", "The simulator has GetFederationToken of 2018-08-13 only."));
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err(Refused("InvalidParameterValue", "The value of Name is not valid."));
        }
        let seconds = seconds.unwrap_or(SECONDS_DEFAULT);
        if !(1..=SECONDS_MAX).contains(&seconds) {
            return Err(Refused("InvalidParameter.OverTimeError", "DurationSeconds is out of range."));
        }
        let policy = percent_decode_str(policy).decode_utf8_lossy();
        let policy = Policy::read(&policy)
            .ok_or(Refused("InvalidParameter.StrategyFormatError", "The policy is not understood."))?;
        let until = self.now().seconds() + seconds;
        let guest = Guest { id: format!("AKIDtmp{}", self.random(24)), until, policy };
        let token = self.tokens().write(&guest);
        if token.len() > 4096 {
            return Err(Refused("InvalidParameter.PolicyTooLong", "The policy is too long."));
        }
        let expiration = Timestamp(until * 1000).rfc3339_utc();
        Ok(json!({
            "Credentials": { "Token": token, "TmpSecretId": guest.id, "TmpSecretKey": self.tokens().secret(&guest.id) },
            "ExpiredTime": until,
            "Expiration": expiration.replace(".000Z", "Z"),
        }))
    }
}
