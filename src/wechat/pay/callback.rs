//! A notice that WeChat Pay sends us, or someone who claims to be it.

pub use super::proof::NoticeReason;
use super::{
    proof::Proof,
    sign::SEAL_ALGORITHM,
    types::{RefundState, Transaction},
};
use crate::{
    planted::{Bug, planted, written_again},
    wechat::Wechat,
};
use axum::http::HeaderMap;
use serde::{Deserialize, de::DeserializeOwned};

/// A notice that is WeChat Pay's and ours. Nothing has happened yet: the same notice may come again, even at the
/// same time, and what it says still has to be compared with the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// WeChat's number of the notice, up to 64 characters; the same on every repetition.
    pub id: String,
    /// `TRANSACTION.SUCCESS`, `REFUND.SUCCESS`, …
    pub event_type: String,
    /// What it says.
    pub content: NoticeContent,
}

impl Notice {
    /// Our number that it is about: `out_trade_no` or `out_refund_no`; empty when it is about neither.
    pub fn subject(&self) -> &str {
        match &self.content {
            NoticeContent::Payment(transaction) => &transaction.out_trade_no,
            NoticeContent::Refund(state) => &state.out_refund_no,
            NoticeContent::Other(_) => "",
        }
    }
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq)]
pub enum NoticeContent {
    /// An order was paid.
    Payment(Transaction),
    /// A refund came to an end.
    Refund(RefundState),
    /// An event this version does not know: store it, tell someone, answer 2xx.
    Other(serde_json::Value),
}

/// Bytes that are not believed, and the status to answer with: 401 for what is not WeChat Pay's, 500 for what is,
/// but cannot be read here, so that it comes again after the settings were mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("notice refused: {reason}")]
pub struct NoticeRefusal {
    /// 401 or 500.
    pub status: u16,
    /// Why; for logs and metrics, not for the answer.
    pub reason: NoticeReason,
}

impl From<NoticeReason> for NoticeRefusal {
    fn from(reason: NoticeReason) -> Self {
        use NoticeReason::{Algorithm, Body, Decryption, EventType};
        let status = if matches!(reason, Algorithm | Body | Decryption | EventType) { 500 } else { 401 };
        Self { status, reason }
    }
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    event_type: String,
    resource_type: String,
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    original_type: String,
    algorithm: String,
    ciphertext: String,
    associated_data: Option<String>,
    nonce: String,
}

impl Wechat {
    /// Reads a notice, trusting nothing before its signature and nothing inside before it was opened.
    /// `body` is the raw body, as it came. Official pages: 支付通知, 退款结果通知, 签名验证, 如何解密回调报文.
    ///
    /// An unknown serial may cost one download of the platform certificates, at most one a minute for all callers.
    pub async fn open_notice(&self, headers: &HeaderMap, body: &[u8]) -> Result<Notice, NoticeRefusal> {
        let now = self.0.clock.now();
        let proof = Proof::read(headers, now).inspect_err(|reason| {
            if *reason == NoticeReason::Timestamp {
                self.suspect_clock(headers, body);
            }
        })?;
        let key = self.pay_key(proof.serial).await.ok().flatten().ok_or(NoticeReason::SerialUnknown)?;
        let rewritten = planted(Bug::ReserialisedBody).then(|| written_again(body));
        proof.verify(&key, rewritten.as_deref().unwrap_or(body))?;
        self.0.merchant.skew.note(true, now);
        self.reopen_notice(body)
    }

    /// Reads a body whose signature was verified before, or is known to be wrong: what is sealed in it was written by
    /// somebody who has our `APIv3` key, and nothing more is known.
    pub fn reopen_notice(&self, body: &[u8]) -> Result<Notice, NoticeRefusal> {
        let envelope: Envelope = parse(body)?;
        if !(1..=64).contains(&envelope.id.len()) || !envelope.id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NoticeReason::Body.into());
        }
        if envelope.event_type.len() > 64 {
            return Err(NoticeReason::Body.into());
        }
        let resource = &envelope.resource;
        if resource.algorithm != SEAL_ALGORITHM {
            return Err(NoticeReason::Algorithm.into());
        }
        let merchant = &self.0.merchant;
        let associated_data = resource.associated_data.as_deref().unwrap_or_default();
        let plain = merchant.open(&resource.nonce, associated_data, &resource.ciphertext);
        let content = read(&envelope, &plain.map_err(|_| NoticeReason::Decryption)?)?;
        if !is_for(&content, &merchant.mchid) && !planted(Bug::ForeignMerchant) {
            return Err(NoticeReason::ForeignMerchant.into());
        }
        Ok(Notice { id: envelope.id, event_type: envelope.event_type, content })
    }
}

/// The event decides what the content must be, and the other words must agree with it.
fn read(envelope: &Envelope, plain: &[u8]) -> Result<NoticeContent, NoticeReason> {
    let event = envelope.event_type.as_str();
    let (family, outcome) = event.split_once('.').unwrap_or((event, ""));
    let original = match family {
        "TRANSACTION" => "transaction",
        "REFUND" => "refund",
        _ => envelope.resource.original_type.as_str(),
    };
    if envelope.resource_type != "encrypt-resource" || envelope.resource.original_type != original {
        return Err(NoticeReason::EventType);
    }
    match (family, outcome) {
        ("TRANSACTION", "SUCCESS") => parse(plain).map(NoticeContent::Payment),
        ("REFUND", "SUCCESS" | "ABNORMAL" | "CLOSED") => {
            let state: RefundState = parse(plain)?;
            let agrees = state.status.to_string() == outcome;
            if agrees { Ok(NoticeContent::Refund(state)) } else { Err(NoticeReason::EventType) }
        }
        _ => parse(plain).map(NoticeContent::Other),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NoticeReason> {
    serde_json::from_slice(bytes).map_err(|_| NoticeReason::Body)
}

/// A platform key signs for every merchant, so a valid signature alone does not make a notice ours.
fn is_for(content: &NoticeContent, mchid: &str) -> bool {
    match content {
        NoticeContent::Payment(transaction) => transaction.mchid == mchid,
        NoticeContent::Refund(state) => state.mchid.as_deref() == Some(mchid),
        NoticeContent::Other(value) => value.get("mchid").is_none_or(|named| named == mchid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{Desk, MCHID, Signer, headers};
    use axum::http::HeaderValue;
    use serde_json::{Value, json};

    fn paid() -> Value {
        json!({"mchid": MCHID, "appid": "wx0000000000000001", "out_trade_no": "N-1", "transaction_id": "42",
            "trade_state": "SUCCESS", "success_time": "2026-11-22T10:00:00+08:00",
            "amount": {"total": 9, "payer_total": 8, "currency": "CNY"}, "payer": {"openid": "o"}})
    }

    fn refunded(status: &str) -> Value {
        json!({"mchid": MCHID, "out_trade_no": "N-1", "transaction_id": "42", "out_refund_no": "R-1",
            "refund_id": "5", "refund_status": status, "amount": {"total": 9, "refund": 3}})
    }

    fn envelope(desk: &Desk, event: &str, original: &str, content: &Value) -> Value {
        let ciphertext = desk.api_v3_key.seal("0123456789ab", original, content.to_string().as_bytes());
        json!({"id": "e-1", "event_type": event, "resource_type": "encrypt-resource", "resource": {
            "original_type": original, "algorithm": "AEAD_AES_256_GCM", "ciphertext": ciphertext,
            "associated_data": original, "nonce": "0123456789ab"}})
    }

    async fn open(desk: &Desk, body: &str) -> Result<Notice, (u16, NoticeReason)> {
        let headers = headers(Signer::PublicKey, crate::model::time::Clock::now(&*desk.clock), body);
        desk.wechat.open_notice(&headers, body.as_bytes()).await.map_err(|refusal| (refusal.status, refusal.reason))
    }

    #[tokio::test]
    async fn a_genuine_notice_opens_with_the_key_before_the_last_change() {
        let desk = Desk::open(false).await;
        let notice = open(&desk, &envelope(&desk, "TRANSACTION.SUCCESS", "transaction", &paid()).to_string())
            .await
            .expect("paid");
        assert_eq!((notice.id.as_str(), notice.subject()), ("e-1", "N-1"));
        let NoticeContent::Payment(transaction) = notice.content else { panic!("a payment") };
        assert!(transaction.is_paid() && transaction.total.0 == 9 && transaction.openid.as_deref() == Some("o"));
        for status in ["SUCCESS", "ABNORMAL", "CLOSED"] {
            let body = envelope(&desk, &format!("REFUND.{status}"), "refund", &refunded(status));
            let content = open(&desk, &body.to_string()).await.expect("refund").content;
            assert!(matches!(content, NoticeContent::Refund(state) if state.status.to_string() == status));
        }
        let other = envelope(&desk, "PAYSCORE.USER_PAID", "payscore", &json!({"mchid": MCHID}));
        assert!(matches!(open(&desk, &other.to_string()).await.expect("other").content, NoticeContent::Other(_)));
    }

    #[tokio::test]
    async fn a_notice_is_refused_for_the_first_thing_that_is_wrong() {
        let desk = Desk::open(false).await;
        let good = envelope(&desk, "TRANSACTION.SUCCESS", "transaction", &paid());
        let change = |pointer: &str, value: Value| {
            let mut body = good.clone();
            *body.pointer_mut(pointer).expect("pointer") = value;
            body.to_string()
        };
        let mut foreign = paid();
        foreign["mchid"] = json!("1900000002");
        for (body, refusal) in [
            (String::new(), (500, NoticeReason::Body)),
            ("[]".to_owned(), (500, NoticeReason::Body)),
            (change("/id", json!("")), (500, NoticeReason::Body)),
            (change("/resource/algorithm", json!("none")), (500, NoticeReason::Algorithm)),
            (change("/resource/nonce", json!("short")), (500, NoticeReason::Decryption)),
            (change("/resource/ciphertext", json!("!")), (500, NoticeReason::Decryption)),
            (change("/resource/associated_data", Value::Null), (500, NoticeReason::Decryption)),
            (change("/resource_type", json!("plain")), (500, NoticeReason::EventType)),
            (change("/resource/original_type", json!("refund")), (500, NoticeReason::EventType)),
            (change("/event_type", json!("REFUND.SUCCESS")), (500, NoticeReason::EventType)),
            (
                envelope(&desk, "REFUND.SUCCESS", "refund", &refunded("CLOSED")).to_string(),
                (500, NoticeReason::EventType),
            ),
            (envelope(&desk, "REFUND.SUCCESS", "refund", &paid()).to_string(), (500, NoticeReason::Body)),
            (
                envelope(&desk, "TRANSACTION.SUCCESS", "transaction", &foreign).to_string(),
                (401, NoticeReason::ForeignMerchant),
            ),
        ] {
            assert_eq!(open(&desk, &body).await.expect_err("refused"), refusal, "{body}");
        }
    }

    #[tokio::test]
    async fn headers_are_judged_before_the_body() {
        let desk = Desk::open(false).await;
        let body = envelope(&desk, "TRANSACTION.SUCCESS", "transaction", &paid()).to_string();
        let now = crate::model::time::Clock::now(&*desk.clock);
        let signed = |change: &dyn Fn(&mut HeaderMap)| {
            let mut headers = headers(Signer::PublicKey, now, &body);
            change(&mut headers);
            headers
        };
        let value = HeaderValue::from_static;
        let set = |name: &'static str, text: &'static str| {
            signed(&|headers| {
                headers.insert(name, value(text));
            })
        };
        let late = crate::model::time::Timestamp(now.0 - 300_000);
        let twice = signed(&|headers| {
            headers.append("wechatpay-nonce", value("other"));
        });
        let without = signed(&|headers| {
            headers.remove("wechatpay-timestamp");
        });
        for (headers, reason) in [
            (HeaderMap::new(), NoticeReason::HeaderMissing),
            (without, NoticeReason::HeaderMissing),
            (twice, NoticeReason::HeaderRepeated),
            (set("wechatpay-signature-type", "WECHATPAY2-SM2-WITH-SM3"), NoticeReason::SignatureType),
            (set("wechatpay-timestamp", "+1795000000"), NoticeReason::Timestamp),
            (headers(Signer::PublicKey, late, &body), NoticeReason::Timestamp),
            (set("wechatpay-serial", "pub_key_id_01"), NoticeReason::SerialUnknown),
            (headers(Signer::Certificate, now, &body), NoticeReason::SerialUnknown),
            (headers(Signer::Probe, now, &body), NoticeReason::Probe),
            (headers(Signer::Stranger, now, &body), NoticeReason::Signature),
            (set("wechatpay-nonce", "other"), NoticeReason::Signature),
        ] {
            let refusal = desk.wechat.open_notice(&headers, body.as_bytes()).await.expect_err("refused");
            assert_eq!((refusal.status, refusal.reason), (401, reason));
        }
        assert_eq!(desk.lines().len(), 0);
    }
}
