//! A notice that WeChat Pay sends us, or someone who claims to be it.

pub use super::proof::NoticeReason;
use super::{
    proof::Proof,
    sign::SEAL_ALGORITHM,
    types::{RefundState, Transaction},
};
use crate::wechat::Wechat;
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
    /// SHA-256 of the raw body in lower-case hexadecimal.
    pub body_sha256: String,
    /// What it says.
    pub content: NoticeContent,
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
        let proof = Proof::read(headers, self.0.clock.now())?;
        let key = self.pay_key(proof.serial).await.ok().flatten().ok_or(NoticeReason::SerialUnknown)?;
        proof.verify(&key, body)?;
        let envelope: Envelope = parse(body)?;
        if !(1..=64).contains(&envelope.id.len()) || !envelope.id.bytes().all(|byte| byte.is_ascii_graphic()) {
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
        if !is_for(&content, &merchant.mchid) {
            return Err(NoticeReason::ForeignMerchant.into());
        }
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
        Ok(Notice { id: envelope.id, event_type: envelope.event_type, body_sha256: hex::encode(digest), content })
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
