//! One call: signed, sent, tried again where that may help, and its answer told from a refusal.

use super::{
    Cos,
    error::{Failure, Refusal},
    sign::{KeyTime, Request, authorize, escape, escape_path},
    xml::Document,
};
use bytes::Bytes;
use reqwest::{
    Method, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, DATE, HOST, HeaderMap},
};
use std::{sync::atomic::Ordering, time::Duration};

/// How often a call is made before its failure is told.
const TRIES: u32 = 3;
/// How long a signature is good; clocks may differ.
const GOOD_SECONDS: i64 = 900;
/// A difference of clocks from which on COS's is taken.
const SKEW_SECONDS: i64 = 30;
/// Bodies of answers that are no objects are short.
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// What is asked of COS. Every call may be repeated: it has the same effect twice as once.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// The object's name, or empty for the bucket.
    pub(super) key: &'a str,
    pub(super) params: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, key: &'a str) -> Self {
        Self { method, key, params: Vec::new(), headers: Vec::new(), body: Bytes::new() }
    }
    pub(super) fn param(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.params.push((name, value.into()));
        self
    }
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
    pub(super) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

impl Cos {
    /// The answer of a call that COS did; its body has not been read.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Response, Failure> {
        let mut skew_known = false;
        let mut pause = self.0.retry;
        let mut tried = 0;
        loop {
            tried += 1;
            let host = usize::from(tried > 1 && self.0.hosts.len() > 1 && !self.0.answers.load(Ordering::Relaxed));
            let failure = match self.once(call, host).await {
                Ok(response) => {
                    self.0.answers.store(host == 0, Ordering::Relaxed);
                    return Ok(response);
                }
                Err((failure, date)) => {
                    if let (Failure::Refused(refusal), Some(date), false) = (&failure, date, skew_known)
                        && refusal.is_skew()
                        && self.learn(date)
                    {
                        skew_known = true;
                        tried -= 1;
                        continue;
                    }
                    failure
                }
            };
            let passes = match &failure {
                // A host that answers without the mark of COS is not COS.
                Failure::Refused(refusal) => {
                    self.0.answers.store(!refusal.request_id.is_empty(), Ordering::Relaxed);
                    refusal.passes()
                }
                Failure::Unanswered(_) => {
                    self.0.answers.store(false, Ordering::Relaxed);
                    true
                }
                Failure::Unexpected(_) => false,
            };
            if !passes || tried >= TRIES {
                return Err(failure);
            }
            tracing::debug!(%failure, tried, "a call of COS is tried again");
            tokio::time::sleep(pause).await;
            pause *= 4;
        }
    }

    /// The document with which COS answers a call.
    pub(super) async fn document(&self, call: &Call<'_>) -> Result<Document, Failure> {
        let mut tried = 0;
        loop {
            tried += 1;
            let response = self.call(call).await?;
            let (status, text) = (response.status(), text(response).await);
            let failure = match text.as_deref().map(Document::read) {
                Err(_) => Failure::Unanswered("the answer broke off".into()),
                Ok(None) => Failure::Unexpected("COS answered with a document of another kind"),
                Ok(Some(Document::Error(body))) => Failure::Refused(Refusal {
                    status: status.as_u16(),
                    code: body.code,
                    message: body.message,
                    request_id: body.request_id,
                }),
                Ok(Some(document)) => return Ok(document),
            };
            let passes = match &failure {
                Failure::Refused(refusal) => refusal.passes(),
                Failure::Unanswered(_) => true,
                Failure::Unexpected(_) => false,
            };
            if !passes || tried >= TRIES {
                return Err(failure);
            }
            tokio::time::sleep(self.0.retry).await;
        }
    }

    /// The address and headers of a call, signed.
    fn signed(&self, call: &Call<'_>, host: usize) -> reqwest::Request {
        let base = &self.0.hosts[host];
        let now = self.0.clock.now().seconds() + self.0.offset.load(Ordering::Relaxed);
        let time = KeyTime { start: now - 60, end: now + GOOD_SECONDS };
        let authority = authority(base);
        let params: Vec<(&str, &str)> = call.params.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut headers: Vec<(&str, &str)> = call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.push(("host", &authority));
        let path = format!("/{}", call.key);
        let request = Request { method: call.method.as_str(), path: &path, params: &params, headers: &headers };
        let signature = authorize(&self.0.secret_id, self.0.secret_key.expose(), time, &request);
        let mut url = base.clone();
        url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), escape_path(call.key)));
        if !params.is_empty() {
            let query = params.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
            url.set_query(Some(&query.collect::<Vec<_>>().join("&")));
        }
        let mut built = self.0.http.request(call.method.clone(), url).header(HOST, &authority);
        for (name, value) in &call.headers {
            built = built.header(*name, value);
        }
        if call.method == Method::PUT || call.method == Method::POST {
            // Which the client leaves out of a request without bytes, and COS demands.
            built = built.header(CONTENT_LENGTH, call.body.len());
        }
        let built = built.header(AUTHORIZATION, signature.to_string()).body(call.body.clone());
        built.build().expect("names and values are plain text")
    }

    async fn once(&self, call: &Call<'_>, host: usize) -> Result<Response, (Failure, Option<i64>)> {
        let request = self.signed(call, host);
        let send = self.0.http.execute(request);
        // The body of an object may take longer than the beginning of the answer.
        let response = match tokio::time::timeout(self.0.timeout, send).await {
            Err(_) => return Err((Failure::Unanswered("it took too long".into()), None)),
            Ok(Err(error)) => return Err((Failure::Unanswered(Box::new(error.without_url())), None)),
            Ok(Ok(response)) => response,
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let date = date(response.headers());
        let status = response.status();
        let request_id = header(response.headers(), "x-cos-request-id").unwrap_or_default().to_owned();
        let body = match text(response).await.ok().as_deref().and_then(Document::read) {
            Some(Document::Error(body)) => body,
            _ => super::xml::ErrorBody::default(),
        };
        let code = match status {
            // An answer to HEAD has no body.
            StatusCode::NOT_FOUND if body.code.is_empty() => "NoSuchKey".to_owned(),
            _ => body.code,
        };
        let refusal = Refusal { status: status.as_u16(), code, message: body.message, request_id };
        Err((Failure::Refused(refusal), date))
    }

    /// Takes COS's time if it differs much; `false` if it does not, so that the clock is not what is wrong.
    fn learn(&self, date: i64) -> bool {
        let offset = date - self.0.clock.now().seconds();
        let known = self.0.offset.load(Ordering::Relaxed);
        let news = (offset - known).abs() >= SKEW_SECONDS;
        if news {
            tracing::warn!(seconds = offset, "COS has another time than this machine; its time is used for signatures");
            self.0.offset.store(offset, Ordering::Relaxed);
        }
        news
    }
}

/// The host of an address, with its port where that is not the usual one: what the header `Host` says.
pub(super) fn authority(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A header's text.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn date(headers: &HeaderMap) -> Option<i64> {
    let time = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).ok()
}

pub(super) async fn text(mut response: Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > DOCUMENT_BYTES_MAX {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
