//! WeChat Pay API v3 of a direct merchant: signed out, verified in.
//!
//! Every request is signed by the merchant's key. Every 2xx reply and every notice is believed only after its
//! signature was verified with a key of WeChat Pay; the one exception, the certificate list, proves itself from within.
//!
//! **How to add a call:** a method on [`Wechat`](super::Wechat) in the file of its noun that goes through `pay_call`;
//! request structs skip empty fields, since WeChat Pay refuses fields it does not know; new codes go into
//! `client::kind_of`. If a reply names what was asked for, compare it: the signature does not cover the question.

mod bill;
mod brake;
mod callback;
mod certificate;
mod client;
mod order;
mod proof;
mod refund;
pub mod sign;
mod skew;
mod types;

pub use bill::{FundBill, FundKind, FundRow, Statement, TradeBill, TradeRefund, TradeRow};
pub use callback::{Notice, NoticeContent, NoticeReason, NoticeRefusal};
pub use order::{Closing, Prepay, RequestPayment};
pub use refund::RefundOrder;
pub use types::{RefundState, RefundStatus, TradeState, Transaction};

use super::{Error, ErrorKind};
use crate::config;
use sign::{ApiV3Key, KeyError, PrivateKey, PublicKey};
use std::time::Duration;

/// The merchant's settings, read.
pub(super) struct Merchant {
    base: url::Url,
    timeout: Duration,
    mchid: String,
    serial: String,
    key: PrivateKey,
    /// The current one, then the one before the last change.
    api_v3_keys: Vec<ApiV3Key>,
    keys: certificate::KeyRing,
    refund_brake: brake::Brake,
    skew: skew::SkewWatch,
    pay_notify_url: String,
    refund_notify_url: String,
}

impl Merchant {
    pub(super) fn new(pay: &config::Pay) -> Result<Self, Error> {
        let key = PrivateKey::from_pem(pay.merchant_key.expose())
            .map_err(|error| Error::setting("pay.merchant_key", error))?;
        let mut api_v3_keys =
            vec![ApiV3Key::new(pay.api_v3_key.expose()).map_err(|error| Error::setting("pay.api_v3_key", error))?];
        if !pay.previous_api_v3_key.is_empty() {
            let previous = ApiV3Key::new(pay.previous_api_v3_key.expose());
            api_v3_keys.push(previous.map_err(|error| Error::setting("pay.previous_api_v3_key", error))?);
        }
        let public_key = match pay.public_key_id.as_str() {
            "" => None,
            id => {
                let key = PublicKey::from_pem(pay.public_key.expose());
                Some((id.to_owned(), key.map_err(|error| Error::setting("pay.public_key", error))?))
            }
        };
        if public_key.is_none() && !pay.platform_certificates {
            return Err(Error::new("settings", ErrorKind::Config, "pay.public_key_id")
                .message_of("neither a public key nor platform certificates: no reply could be verified"));
        }
        // Only letters, digits and `_` may stand unquoted in the signature header.
        for (name, text) in [("pay.mchid", &pay.mchid), ("pay.merchant_serial", &pay.merchant_serial)] {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(Error::new("settings", ErrorKind::Config, name));
            }
        }
        let notify = |last| super::transport::address(&pay.notify_base_url, &["callback", "wechat", last]).into();
        Ok(Self {
            base: pay.base_url.clone(),
            timeout: Duration::from_millis(pay.timeout_ms),
            mchid: pay.mchid.clone(),
            serial: pay.merchant_serial.clone(),
            key,
            api_v3_keys,
            keys: certificate::KeyRing::new(public_key, pay.platform_certificates),
            refund_brake: brake::Brake::default(),
            skew: skew::SkewWatch::default(),
            pay_notify_url: notify("pay"),
            refund_notify_url: notify("refund"),
        })
    }

    /// Opens with the current key, then with the one before: for a while after a change WeChat uses either.
    fn open(&self, nonce: &str, associated_data: &str, ciphertext_base64: &str) -> Result<Vec<u8>, KeyError> {
        let mut result = Err(KeyError::Sealed);
        for key in &self.api_v3_keys {
            result = result.or_else(|_| key.open(nonce, associated_data, ciphertext_base64));
        }
        result
    }
}
