//! A notice as it goes over the wire: sealed, signed, and on demand wrong in a particular way.

use super::{
    Callback, Error, Simulator,
    keys::digits,
    pay::{signature, signtest},
    push,
};
use crate::model::time::minutes;
use crate::wechat::pay::sign::{PrivateKey, SEAL_ALGORITHM, random_text, reply_message};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::LazyLock;

/// What is odd about a delivery. All but [`None`](Self::None) and [`WrongAmount`](Self::WrongAmount) must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trick {
    /// Nothing: a true notice.
    None,
    /// Signed by somebody else's key under WeChat's serial.
    ForeignKey,
    /// A byte of the body was changed after signing.
    Tampered,
    /// Rightly signed, but ten minutes ago: a replay.
    Stale,
    /// Rightly signed under a serial nobody knows.
    UnknownSerial,
    /// No signature headers at all.
    Unsigned,
    /// WeChat's own probe: a signature that begins `WECHATPAY/SIGNTEST/`.
    SignTest,
    /// Rightly signed and sealed, yet of one fen more than was paid: the merchant must notice.
    WrongAmount,
}

impl Trick {
    /// Whether a 2xx means that the receiver verified nothing.
    pub(super) const fn must_fail(self) -> bool {
        !matches!(self, Self::None | Self::WrongAmount)
    }
}

/// One request of a callback, ready to send.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Where to, by POST.
    pub url: String,
    /// Headers in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes that are signed.
    pub body: Vec<u8>,
    pub(super) serial: String,
}

/// Signs what is forged. One for all: its only property is that nobody trusts it.
static FOREIGN: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::generate().expect("the generator makes RSA keys of 2048 bits").0);

impl Simulator {
    /// A callback as it would be sent now, freshly signed and sealed, for callers that deliver it themselves.
    pub fn notice(&self, callback_id: &str, trick: Trick) -> Result<Notice, Error> {
        let callback = self.callback(callback_id)?;
        Ok(self.draw(&callback, trick))
    }

    pub(super) fn draw(&self, callback: &Callback, trick: Trick) -> Notice {
        if let Some(appid) = &callback.appid {
            return push::draw(self, callback, appid, trick);
        }
        let keys = &self.0.keys;
        let mut resource = callback.resource.clone();
        if trick == Trick::WrongAmount
            && let Some(total) = resource["amount"]["total"].as_i64()
        {
            resource["amount"]["total"] = json!(total + 1);
            resource["amount"]["payer_total"] = json!(total + 1);
        }
        let (original, summary) = match callback.event_type.as_str() {
            "TRANSACTION.SUCCESS" => ("transaction", "支付成功"),
            "REFUND.SUCCESS" => ("refund", "退款成功"),
            "REFUND.ABNORMAL" => ("refund", "退款异常"),
            _ => ("refund", "退款关闭"),
        };
        let nonce = random_text(12);
        let mut body = json!({
            "id": callback.id,
            "create_time": callback.created_ms.rfc3339(),
            "resource_type": "encrypt-resource",
            "event_type": callback.event_type,
            "summary": summary,
            "resource": {
                "original_type": original,
                "algorithm": SEAL_ALGORITHM,
                "ciphertext": keys.seal.seal(&nonce, original, resource.to_string().as_bytes()),
                "associated_data": original,
                "nonce": nonce,
            },
        })
        .to_string()
        .into_bytes();
        let age = if trick == Trick::Stale { minutes(10) } else { minutes(0) };
        let seconds = self.now().minus(age).seconds();
        let mut signed = signature(self, self.faults().get().callback_key, seconds, &body);
        match trick {
            Trick::ForeignKey => signed[1].1 = FOREIGN.sign(&reply_message(&signed[2].1, &signed[3].1, &body)),
            Trick::UnknownSerial => signed[0].1 = format!("PUB_KEY_ID_{}", digits(28)),
            Trick::SignTest => signed[1].1 = signtest(),
            Trick::Tampered => tamper(&mut body),
            Trick::None | Trick::Stale | Trick::Unsigned | Trick::WrongAmount => {}
        }
        let serial = signed[0].1.clone();
        let signed = signed.into_iter().filter(|_| trick != Trick::Unsigned);
        let mut headers: Vec<(String, String)> = signed.map(|(name, value)| (name.to_owned(), value)).collect();
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        headers.push(("accept".to_owned(), "*/*".to_owned()));
        headers.push(("request-id".to_owned(), format!("08{}-0", random_text(30).to_uppercase())));
        Notice { url: callback.url.clone(), headers, body, serial }
    }
}

/// Changes one digit of the notice's id: still JSON of the same length, so that only the signature tells.
fn tamper(body: &mut [u8]) {
    const FIELD: &[u8] = b"\"id\":\"";
    if let Some(place) = body.windows(FIELD.len()).position(|window| window == FIELD) {
        let digit = &mut body[place + FIELD.len()];
        *digit = if *digit == b'0' { b'1' } else { b'0' };
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        CallbackKey,
        test::{Merchant, accept},
    };
    use super::*;
    use serde_json::Value;

    #[tokio::test]
    async fn only_true_notices_are_acceptable() {
        let merchant = Merchant::new();
        let payment = merchant.paid("order-1", 100).await;
        for key in [CallbackKey::PublicKey, CallbackKey::Certificate, CallbackKey::Mixed] {
            merchant.simulator.faults().change(|faults| faults.callback_key = key);
            let content = accept(&merchant.simulator, &merchant.notice(Trick::None)).expect("true");
            assert_eq!(content["transaction_id"].as_str(), payment.transaction_id.as_deref());
            assert_eq!((&content["trade_state"], &content["amount"]["total"]), (&json!("SUCCESS"), &json!(100)));
            let wrong = accept(&merchant.simulator, &merchant.notice(Trick::WrongAmount)).expect("rightly signed");
            assert_eq!(wrong["amount"]["total"], 101);
            for trick in [
                Trick::ForeignKey,
                Trick::Tampered,
                Trick::Stale,
                Trick::UnknownSerial,
                Trick::Unsigned,
                Trick::SignTest,
            ] {
                assert_eq!(accept(&merchant.simulator, &merchant.notice(trick)), None, "{trick:?}");
            }
        }
        let body: Value = serde_json::from_slice(&merchant.notice(Trick::Tampered).body).expect("still JSON");
        assert_ne!(body["id"], merchant.simulator.callbacks()[0].id.as_str());
    }
}
