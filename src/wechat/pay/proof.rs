//! The signature headers of a reply or a notice.

use super::sign::{AUTHORIZATION_SCHEME, PublicKey, reply_message};
use crate::model::time::Timestamp;
use axum::http::HeaderMap;

/// WeChat Pay now and then signs wrongly on purpose and expects to be refused. Such values are verified like any.
const PROBE_PREFIX: &str = "WECHATPAY/SIGNTEST/";

/// Messages of this age or more are refused, as the official SDK does; so are those from the future.
const AGE_SECONDS_MAX: u64 = 300;

/// Why bytes are not taken for WeChat Pay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeReason {
    /// A signature header is absent, or is no plain text.
    HeaderMissing,
    /// A signature header came twice: two readers might choose differently.
    HeaderRepeated,
    /// Signed by an algorithm that is not ours.
    SignatureType,
    /// Signed five minutes or more from now, or at no readable time. Many of these mean that a clock is wrong.
    Timestamp,
    /// Signed by a key we do not hold.
    SerialUnknown,
    /// WeChat's own test of our verification: refused as it wants, and no alarm.
    Probe,
    /// The signature does not fit the bytes.
    Signature,
    /// Signed, but not the JSON that a notice is.
    Body,
    /// Sealed by an algorithm that is not ours.
    Algorithm,
    /// Our `APIv3` keys do not open it.
    Decryption,
    /// The event, the resource and the content do not agree.
    EventType,
    /// Meant for another merchant.
    ForeignMerchant,
}

impl NoticeReason {
    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HeaderMissing => "header_missing",
            Self::HeaderRepeated => "header_repeated",
            Self::SignatureType => "signature_type",
            Self::Timestamp => "timestamp",
            Self::SerialUnknown => "serial_unknown",
            Self::Probe => "probe",
            Self::Signature => "signature",
            Self::Body => "body",
            Self::Algorithm => "algorithm",
            Self::Decryption => "decryption",
            Self::EventType => "event_type",
            Self::ForeignMerchant => "foreign_merchant",
        }
    }
}

impl std::fmt::Display for NoticeReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The four headers, each there exactly once, and fresh.
pub(super) struct Proof<'a> {
    pub(super) serial: &'a str,
    signature: &'a str,
    timestamp: &'a str,
    nonce: &'a str,
}

impl<'a> Proof<'a> {
    pub(super) fn read(headers: &'a HeaderMap, now: Timestamp) -> Result<Self, NoticeReason> {
        let (proof, seconds) = Self::read_of_any_age(headers)?;
        if now.seconds().abs_diff(seconds) >= AGE_SECONDS_MAX {
            return Err(NoticeReason::Timestamp);
        }
        Ok(proof)
    }

    /// The headers and when they say they were signed, however long ago that is: to be counted, not to be believed.
    pub(super) fn read_of_any_age(headers: &'a HeaderMap) -> Result<(Self, i64), NoticeReason> {
        let required = |name| single(headers, name)?.ok_or(NoticeReason::HeaderMissing);
        let proof = Self {
            serial: required("wechatpay-serial")?,
            signature: required("wechatpay-signature")?,
            timestamp: required("wechatpay-timestamp")?,
            nonce: required("wechatpay-nonce")?,
        };
        if single(headers, "wechatpay-signature-type")?.is_some_and(|scheme| scheme != AUTHORIZATION_SCHEME) {
            return Err(NoticeReason::SignatureType);
        }
        let digits = proof.timestamp.len() <= 12 && proof.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = proof.timestamp.parse::<i64>().ok().filter(|_| digits).ok_or(NoticeReason::Timestamp)?;
        Ok((proof, seconds))
    }

    /// Whether the key signed these very bytes.
    pub(super) fn verify(&self, key: &PublicKey, body: &[u8]) -> Result<(), NoticeReason> {
        match key.verify(&reply_message(self.timestamp, self.nonce, body), self.signature) {
            true => Ok(()),
            false if self.signature.starts_with(PROBE_PREFIX) => Err(NoticeReason::Probe),
            false => Err(NoticeReason::Signature),
        }
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, NoticeReason> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(NoticeReason::HeaderRepeated);
    }
    let text = value.to_str().ok().filter(|text| !text.is_empty());
    text.map(Some).ok_or(NoticeReason::HeaderMissing)
}
