//! A signed request to WeChat Pay and its verified reply.

use super::{
    proof::{NoticeReason, Proof},
    sign::{Authorization, random_text, request_message},
};
use crate::wechat::{
    Error, ErrorKind, Wechat,
    transport::{self, Reply},
};
use axum::http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// A bill of a hundred thousand payments is some four megabytes, packed.
const FILE_BYTES_MAX: usize = 32 << 20;
/// Files are larger than replies.
const FILE_TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Wechat {
    /// The address of a pay call, without its query.
    pub(super) fn pay_address(&self, path: &[&str]) -> url::Url {
        transport::address(&self.0.merchant.base, path)
    }

    /// Calls and verifies: what returns is signed by WeChat Pay. A deliberately wrong signature is asked again once;
    /// every call of API v3 may be repeated with the same parameters.
    pub(super) async fn pay_call(
        &self,
        operation: &'static str,
        method: Method,
        url: &url::Url,
        body: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let once = async || {
            let began = Instant::now();
            let result = match self.pay_exchange(operation, &method, url, body).await {
                Ok(reply) => self.verify_reply(operation, &reply).await.map(|()| reply.body),
                Err(error) => Err(error),
            };
            self.0.meter.note(operation, &result, began.elapsed());
            result
        };
        let result = match once().await {
            Err(error) if error.code() == NoticeReason::Probe.as_str() => once().await,
            other => other,
        };
        result.inspect_err(|error| {
            if error.kind() == ErrorKind::Forged {
                tracing::error!(operation, %error, "a reply of WeChat Pay was not signed by it");
            }
        })
    }

    /// Sends, without verifying what comes back. Anything but 2xx is an error here, since WeChat Pay leaves its
    /// refusals unsigned; 202 means "ask again".
    pub(super) async fn pay_exchange(
        &self,
        operation: &'static str,
        method: &Method,
        url: &url::Url,
        body: Option<&[u8]>,
    ) -> Result<Reply, Error> {
        let reply = match self.pay_send(operation, method, url, body).await {
            // Nothing was sent, and the other site takes the same calls.
            Err(error) if error.code() == Error::UNREACHABLE && self.0.merchant.backup.is_some() => {
                let mut other = url.clone();
                let _ = other.set_host(self.0.merchant.backup.as_deref());
                tracing::warn!(operation, "WeChat Pay cannot be reached: its other site is asked");
                self.pay_send(operation, method, &other, body).await
            }
            outcome => outcome,
        };
        accepted(operation, reply?)
    }

    async fn pay_send(
        &self,
        operation: &'static str,
        method: &Method,
        url: &url::Url,
        body: Option<&[u8]>,
    ) -> Result<Reply, Error> {
        let merchant = &self.0.merchant;
        let mut request = self.0.http.request(method.clone(), url.clone()).timeout(merchant.timeout);
        request = request.header(header::ACCEPT, "application/json");
        request = request.header(header::AUTHORIZATION, self.authorization(method, url, body.unwrap_or_default()));
        if let Some(id) = merchant.keys.public_key_id() {
            request = request.header("wechatpay-serial", id);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        transport::send(operation, request).await
    }

    /// Fetches a file. WeChat Pay signs none, so nothing of it may be believed before its hash was compared.
    pub(super) async fn pay_file(&self, operation: &'static str, url: &url::Url) -> Result<Vec<u8>, Error> {
        let mut request = self.0.http.get(url.clone()).timeout(FILE_TIMEOUT).header(header::ACCEPT, "*/*");
        request = request.header(header::AUTHORIZATION, self.authorization(&Method::GET, url, &[]));
        let began = Instant::now();
        let reply = transport::send_up_to(operation, request, FILE_BYTES_MAX).await;
        let result = reply.and_then(|reply| accepted(operation, reply)).map(|reply| reply.body);
        self.0.meter.note(operation, &result, began.elapsed());
        result
    }

    /// Signs exactly what goes on the wire: the path and query as the address encodes them.
    fn authorization(&self, method: &Method, url: &url::Url, body: &[u8]) -> String {
        let merchant = &self.0.merchant;
        let (timestamp, nonce) = (self.0.clock.now().seconds(), random_text(32));
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let message = request_message(method.as_str(), path, timestamp, &nonce, body);
        Authorization {
            mchid: merchant.mchid.clone(),
            nonce,
            timestamp,
            serial: merchant.serial.clone(),
            signature: merchant.key.sign(&message),
        }
        .to_string()
    }

    async fn verify_reply(&self, operation: &'static str, reply: &Reply) -> Result<(), Error> {
        let forged = |reason: NoticeReason| Error::new(operation, ErrorKind::Forged, reason.as_str());
        let proof = Proof::read(&reply.headers, self.0.clock.now()).map_err(forged)?;
        let key = self.pay_key(proof.serial).await?.ok_or_else(|| forged(NoticeReason::SerialUnknown))?;
        proof.verify(&key, &reply.body).map_err(forged)
    }
}

/// Anything but 2xx is a refusal, and so is 202: ask again.
fn accepted(operation: &'static str, reply: Reply) -> Result<Reply, Error> {
    if reply.status.is_success() && reply.status != StatusCode::ACCEPTED {
        return Ok(reply);
    }
    let error = refusal(operation, &reply);
    let request_id = request_id(&reply.headers);
    let (status, advice) = (reply.status.as_u16(), error.advice());
    tracing::warn!(operation, status, request_id, %error, advice, "WeChat Pay refused a call");
    Err(error)
}

fn request_id(headers: &HeaderMap) -> &str {
    headers.get("request-id").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn refusal(operation: &'static str, reply: &Reply) -> Error {
    let said: Refusal = serde_json::from_slice(&reply.body).unwrap_or_default();
    // The text after the last hyphen of the request id is WeChat's inner code.
    let inner = request_id(&reply.headers).rsplit('-').next().unwrap_or_default();
    let kind = kind_of(reply.status, &said.code, inner);
    let code = if said.code.is_empty() { format!("http_{}", reply.status.as_u16()) } else { said.code };
    Error::new(operation, kind, code).message_of(&said.message)
}

/// By code first, then by status. Some paths still answer in the words of API v2. Official page: 公共错误码, the tables
/// of each call, and 排障手册 for the inner codes.
fn kind_of(status: StatusCode, code: &str, inner: &str) -> ErrorKind {
    match (code, inner) {
        ("OUT_TRADE_NO_USED", _) | (_, "268498688") => ErrorKind::OutTradeNoUsed,
        ("ORDER_PAID" | "ORDERPAID", _) | (_, "268449538" | "268498689") => ErrorKind::OrderPaid,
        ("ORDER_CLOSED" | "ORDERCLOSED" | "TRADE_OVERDUE", _) | (_, "268447914") => ErrorKind::OrderClosed,
        ("ORDER_NOT_EXIST" | "ORDERNOTEXIST" | "RESOURCE_NOT_EXISTS", _) => ErrorKind::Missing,
        ("NOT_ENOUGH" | "NOTENOUGH", _) => ErrorKind::NotEnough,
        ("FREQUENCY_LIMITED" | "RATELIMIT_EXCEEDED", _) | (_, "268447840") => ErrorKind::Frequency,
        ("SIGN_ERROR" | "NO_AUTH" | "NOAUTH" | "MCH_NOT_EXISTS" | "APPID_MCHID_NOT_MATCH", _) => ErrorKind::Config,
        ("INVALID_TRANSACTIONID" | "OPENID_MISMATCH" | "REFUND_FEE_MISMATCH", _) => ErrorKind::Refused,
        ("SYSTEM_ERROR" | "SYSTEMERROR" | "BANK_ERROR" | "SERVICE_UNAVAILABLE", _) => ErrorKind::Busy,
        _ => match status.as_u16() {
            401 => ErrorKind::Config,
            202 | 429 | 500.. => ErrorKind::Busy,
            _ => ErrorKind::Refused,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{Desk, Signer};

    const ORDER: &str = r#"{"mchid":"1900000001","appid":"wx0000000000000001","out_trade_no":"N-1",
        "transaction_id":"42","trade_state":"SUCCESS","amount":{"total":9,"currency":"CNY"},"payer":{"openid":"o"}}"#;

    async fn ask(desk: &Desk) -> Result<bool, (ErrorKind, String)> {
        let found = desk.wechat.find_transaction("N-1").await;
        found.map(|order| order.is_some()).map_err(|error| (error.kind(), error.code().to_owned()))
    }

    #[tokio::test]
    async fn a_request_is_signed_as_it_goes_on_the_wire() {
        let desk = Desk::open(false).await;
        desk.say(200, ORDER, Signer::PublicKey);
        assert_eq!(ask(&desk).await, Ok(true));
        let asked = desk.asked();
        assert_eq!(asked[0].line, "GET /v3/pay/transactions/out-trade-no/N-1?mchid=1900000001");
        assert!(asked[0].is_signed());
        let header = |name: &str| asked[0].headers[name].to_str().expect("text").to_owned();
        assert_eq!(header("wechatpay-serial"), crate::wechat::desk::PUBLIC_KEY_ID);
        assert_eq!(header("accept"), "application/json");
        assert!(header("user-agent").starts_with("weizhan/"));
    }

    #[tokio::test]
    async fn only_a_reply_that_wechat_pay_signed_is_believed() {
        let desk = Desk::open(false).await;
        let forged = |code: &str| Err((ErrorKind::Forged, code.to_owned()));
        for (signer, code) in [
            (Signer::Nobody, "header_missing"),
            (Signer::Stranger, "signature"),
            (Signer::Certificate, "serial_unknown"),
        ] {
            desk.say(200, ORDER, signer);
            assert_eq!(ask(&desk).await, forged(code));
        }
        desk.say(200, &ORDER.replace("N-1", "N-2"), Signer::PublicKey);
        assert_eq!(ask(&desk).await, forged("other_order"));
        desk.say(200, ORDER, Signer::PublicKey);
        desk.clock.advance(Duration::from_mins(5));
        assert_eq!(ask(&desk).await, forged("timestamp"));
        assert_eq!(desk.lines().len(), 5);
    }

    #[tokio::test]
    async fn a_probe_is_asked_again_once() {
        let desk = Desk::open(false).await;
        desk.say(200, ORDER, Signer::Probe);
        desk.say(200, ORDER, Signer::PublicKey);
        assert_eq!(ask(&desk).await, Ok(true));
        desk.say(200, ORDER, Signer::Probe);
        desk.say(200, ORDER, Signer::Probe);
        assert_eq!(ask(&desk).await, Err((ErrorKind::Forged, "probe".to_owned())));
        assert_eq!(desk.lines().len(), 4);
    }

    #[tokio::test]
    async fn the_other_site_is_asked_when_the_first_cannot_be_reached() {
        let mut desk = Desk::open(false).await;
        // Nobody listens at this address of the loopback network; the desk has the other, with the same port.
        let away = desk.wechat.pay_address(&[]).to_string().replace("127.0.0.1", "127.0.0.2");
        desk.change_merchant(|merchant| merchant.base = url::Url::parse(&away).expect("url"));
        assert_eq!(ask(&desk).await, Err((ErrorKind::Busy, Error::UNREACHABLE.to_owned())));
        desk.change_merchant(|merchant| merchant.backup = Some("127.0.0.1".to_owned()));
        desk.say(200, ORDER, Signer::PublicKey);
        assert_eq!(ask(&desk).await, Ok(true));
        let asked = desk.asked();
        assert_eq!((asked.len(), asked[0].is_signed()), (1, true));
    }

    #[test]
    fn refusals_become_what_to_do() {
        for (status, code, inner, expected) in [
            (403, "OUT_TRADE_NO_USED", "", ErrorKind::OutTradeNoUsed),
            (400, "ORDERPAID", "", ErrorKind::OrderPaid),
            (400, "INVALID_REQUEST", "268449538", ErrorKind::OrderPaid),
            (404, "ORDER_NOT_EXIST", "", ErrorKind::Missing),
            (403, "NOT_ENOUGH", "", ErrorKind::NotEnough),
            (429, "FREQUENCY_LIMITED", "", ErrorKind::Frequency),
            (429, "", "", ErrorKind::Busy),
            (401, "SIGN_ERROR", "", ErrorKind::Config),
            (401, "", "", ErrorKind::Config),
            (202, "", "", ErrorKind::Busy),
            (500, "SYSTEM_ERROR", "", ErrorKind::Busy),
            (500, "OPENID_MISMATCH", "", ErrorKind::Refused),
            (503, "", "", ErrorKind::Busy),
            (400, "PARAM_ERROR", "269", ErrorKind::Refused),
            (404, "", "", ErrorKind::Refused),
            (302, "", "", ErrorKind::Refused),
        ] {
            let status = StatusCode::from_u16(status).expect("status");
            assert_eq!(kind_of(status, code, inner), expected, "{status} {code} {inner}");
        }
    }
}
