//! Signatures of COS's XML API (official page: 请求签名): of a request, of an address that is lent to somebody, and of a
//! form (POST Object). Pure; the simulator verifies with the same functions.

use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// All but `A-Z a-z 0-9 - _ . ~` is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same for a path, whose slashes stay.
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// From when until when a signature is good, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTime {
    /// The first second.
    pub start: i64,
    /// The last second.
    pub end: i64,
}

impl fmt::Display for KeyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.start, self.end)
    }
}

impl std::str::FromStr for KeyTime {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) = text.split_once(';').unwrap_or((text, ""));
        Ok(Self { start: start.parse()?, end: end.parse()? })
    }
}

/// What is signed of a request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, in any case.
    pub method: &'a str,
    /// The path as it reads, not as it is escaped: `/头像 (1).png`.
    pub path: &'a str,
    /// Query parameters by name, not escaped; one without a value has an empty one.
    pub params: &'a [(&'a str, &'a str)],
    /// Headers by name in any case.
    pub headers: &'a [(&'a str, &'a str)],
}

/// Who signs, until when, and what of the request: as a header or as query parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// `SecretId`.
    pub id: String,
    /// When the request is good.
    pub sign_time: KeyTime,
    /// When the key that is made of the secret is good; SDKs give the same.
    pub key_time: KeyTime,
    /// Names of signed headers, as [`name`] writes them, in the order of signing.
    pub header_list: Vec<String>,
    /// Names of signed parameters, likewise.
    pub param_list: Vec<String>,
    /// 40 hexadecimal digits.
    pub signature: String,
}

impl Authorization {
    /// The parts by the names that COS gives them.
    pub fn fields(&self) -> [(&'static str, String); 7] {
        [
            ("q-sign-algorithm", "sha1".to_owned()),
            ("q-ak", self.id.clone()),
            ("q-sign-time", self.sign_time.to_string()),
            ("q-key-time", self.key_time.to_string()),
            ("q-header-list", self.header_list.join(";")),
            ("q-url-param-list", self.param_list.join(";")),
            ("q-signature", self.signature.clone()),
        ]
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, value)) in self.fields().iter().enumerate() {
            let joint = if position == 0 { "" } else { "&" };
            write!(f, "{joint}{name}={value}")?;
        }
        Ok(())
    }
}

/// Signs all headers and parameters that the request names. Whatever is not named there can be altered on the way:
/// name `host`, or the signature serves any bucket of the account.
pub fn authorize(id: &str, secret: &str, time: KeyTime, request: &Request<'_>) -> Authorization {
    let (params, headers) = (sorted(request.params), sorted(request.headers));
    let text = http_string(request.method, request.path, &params, &headers);
    Authorization {
        id: id.to_owned(),
        sign_time: time,
        key_time: time,
        signature: signature(secret, time, time, &text),
        header_list: headers.into_iter().map(|(name, _)| name).collect(),
        param_list: params.into_iter().map(|(name, _)| name).collect(),
    }
}

/// `HttpString`: of pairs in the order of their list, each name as [`name`] writes it, each value as it reads.
pub fn http_string<V: AsRef<str>>(method: &str, path: &str, params: &[(String, V)], headers: &[(String, V)]) -> String {
    let line = |pairs: &[(String, V)]| {
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", escape(value.as_ref())));
        pairs.collect::<Vec<_>>().join("&")
    };
    format!("{}\n{path}\n{}\n{}\n", method.to_ascii_lowercase(), line(params), line(headers))
}

/// `StringToSign` of an `HttpString`.
pub fn string_to_sign(sign_time: KeyTime, http_string: &str) -> String {
    format!("sha1\n{sign_time}\n{}\n", sha1_hex(http_string.as_bytes()))
}

/// `Signature` of an `HttpString`.
pub fn signature(secret: &str, sign_time: KeyTime, key_time: KeyTime, http_string: &str) -> String {
    hmac_hex(&sign_key(secret, key_time), &string_to_sign(sign_time, http_string))
}

/// `q-signature` of the policy of a form, of its exact bytes before Base64 (official page: POST Object).
pub fn policy_signature(secret: &str, key_time: KeyTime, policy: &str) -> String {
    hmac_hex(&sign_key(secret, key_time), &sha1_hex(policy.as_bytes()))
}

/// The name of a header or parameter, as lists and `HttpString` have it: escaped, then in lower case.
pub fn name(text: &str) -> String {
    escape(text).to_ascii_lowercase()
}

/// Percent-encoding of everything but `A-Z a-z 0-9 - _ . ~`.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The same with slashes left, for a path or a key.
pub fn escape_path(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED_IN_PATH).to_string()
}

fn sorted<'a>(pairs: &[(&str, &'a str)]) -> Vec<(String, &'a str)> {
    let mut pairs: Vec<_> = pairs.iter().map(|(key, value)| (name(key), *value)).collect();
    pairs.sort();
    pairs
}

fn sign_key(secret: &str, key_time: KeyTime) -> String {
    hmac_hex(secret, &key_time.to_string())
}

fn hmac_hex(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    hex::encode(hmac::sign(&key, text.as_bytes()))
}

fn sha1_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes))
}
