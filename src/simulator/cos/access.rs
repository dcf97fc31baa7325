//! Who asks, and whether they may (official pages: 请求签名, 临时密钥安全指引).

use super::{
    CosSimulator,
    error::Refusal,
    policy::{Act, Policy},
    request::Asked,
};
use crate::storage::cos::sign::{self, KeyTime};
use axum::http::StatusCode;
use std::collections::HashMap;

/// How far in the future a signature may begin.
const SKEW_SECONDS: i64 = 900;

/// Who asks.
#[derive(Debug)]
pub(super) enum Caller {
    /// The account itself, which may everything.
    Owner,
    /// Somebody with a temporary credential.
    Guest(Policy),
}

impl Caller {
    /// Whether they may do that.
    pub(super) fn may(&self, act: &Act<'_>) -> Result<(), Refusal> {
        match self {
            Self::Owner => Ok(()),
            Self::Guest(policy) if policy.allows(act) => Ok(()),
            Self::Guest(_) => Err(Refusal::denied("Access Denied.")),
        }
    }
}

/// A signature as it was given: parts by name.
struct Given<'a> {
    parts: HashMap<String, String>,
    token: Option<&'a str>,
}

impl CosSimulator {
    /// Who signed the request, by its header or by its query.
    pub(super) fn caller(&self, asked: &Asked) -> Result<Caller, Refusal> {
        let header = asked.header("authorization");
        let parts: HashMap<String, String> = match &header {
            Some(text) => fields(text),
            None => asked.params.iter().filter(|(name, _)| name.starts_with("q-")).cloned().collect(),
        };
        let token = asked.header("x-cos-security-token");
        let token = token.as_deref().or_else(|| asked.param("x-cos-security-token"));
        self.verify(&Given { parts, token }, asked, &asked.path)
    }

    /// Who signed a form by the second dialect: the whole `Authorization` of `POST /` as a field.
    pub(super) fn caller_by_field(&self, text: &str, token: Option<&str>, asked: &Asked) -> Result<Caller, Refusal> {
        self.verify(&Given { parts: fields(text), token }, asked, "/")
    }

    /// The secret of an id, and whose it is; `times` are those within which it is used.
    pub(super) fn credential(
        &self,
        id: &str,
        token: Option<&str>,
        times: &[KeyTime],
    ) -> Result<(String, Caller), Refusal> {
        let unknown = "The access key Id you provided does not exist in our records.";
        let unknown = || Refusal::new(StatusCode::FORBIDDEN, "InvalidAccessKeyId", unknown);
        let options = self.options();
        let now = self.now().seconds();
        let known = match token {
            None if id == options.secret_id => (options.secret_key.clone(), Caller::Owner),
            None => return Err(unknown()),
            Some(token) => {
                let guest = self.tokens().read(token).filter(|guest| guest.id == id).ok_or_else(unknown)?;
                if guest.until < now {
                    return Err(Refusal::new(StatusCode::FORBIDDEN, "ExpiredToken", "The token has expired."));
                }
                (self.tokens().secret(&guest.id), Caller::Guest(guest.policy))
            }
        };
        for time in times {
            if time.end < now {
                return Err(Refusal::denied("Request has expired"));
            }
            if time.start > now + SKEW_SECONDS {
                let message = "The difference between the request time and the server's time is too large.";
                return Err(Refusal::new(StatusCode::FORBIDDEN, "RequestTimeTooSkewed", message));
            }
        }
        Ok(known)
    }

    fn verify(&self, given: &Given<'_>, asked: &Asked, path: &str) -> Result<Caller, Refusal> {
        if given.parts.is_empty() {
            return Err(Refusal::denied("Access Denied."));
        }
        let part = |name: &str| given.parts.get(name).map(String::as_str).ok_or_else(|| malformed(name));
        if part("q-sign-algorithm")? != "sha1" {
            return Err(malformed("q-sign-algorithm"));
        }
        let time = |name: &str| decoded(part(name)?).parse::<KeyTime>().map_err(|_| malformed(name));
        let (sign_time, key_time) = (time("q-sign-time")?, time("q-key-time")?);
        let (secret, caller) = self.credential(part("q-ak")?, given.token, &[sign_time, key_time])?;

        let params = listed(part("q-url-param-list")?, |name| {
            let mut found = asked.params.iter().filter(|(given, _)| named(given, name));
            found.next().map(|(given, value)| (sign::name(given), value.clone()))
        })?;
        let headers = listed(part("q-header-list")?, |name| {
            let mut found = asked.headers.keys().filter(|given| named(given.as_str(), name));
            let name = found.next()?.as_str();
            Some((sign::name(name), asked.header(name).unwrap_or_default()))
        })?;
        // Some SDKs sign the host without the port to which they speak.
        let bare = asked.host.rsplit_once(':').map_or(asked.host.as_str(), |(host, _)| host);
        let mut texts = None;
        for host in [asked.host.as_str(), bare] {
            let headers: Vec<(String, String)> = headers
                .iter()
                .map(|(name, value)| (name.clone(), if name == "host" { host.to_owned() } else { value.clone() }))
                .collect();
            let text = sign::http_string(asked.method.as_str(), path, &params, &headers);
            if same(&sign::signature(&secret, sign_time, key_time, &text), part("q-signature")?) {
                return Ok(caller);
            }
            texts.get_or_insert_with(|| (sign::string_to_sign(sign_time, &text), text));
        }
        Err(Refusal::signature(texts))
    }
}

/// `a=1&b=2`, as a header has it: nothing is encoded but, by some SDKs, the semicolons.
fn fields(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.to_owned())).collect()
}

fn decoded(text: &str) -> String {
    text.replace("%3B", ";").replace("%3b", ";")
}

/// The pairs of a list in its order; all that is signed must be there.
fn listed(list: &str, find: impl Fn(&str) -> Option<(String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    let list = decoded(list);
    let names = list.split(';').filter(|name| !name.is_empty());
    names.map(|name| find(name).ok_or_else(|| Refusal::signature(None))).collect()
}

/// Lists name things encoded, and those of some SDKs as they read.
fn named(given: &str, entry: &str) -> bool {
    given.eq_ignore_ascii_case(entry) || sign::name(given) == entry.to_ascii_lowercase()
}

/// Compares in a time that tells nothing.
pub(super) fn same(ours: &str, theirs: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(ours.as_bytes(), theirs.as_bytes()).is_ok()
}

fn malformed(name: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", format!("{name} is missing or malformed."))
}
