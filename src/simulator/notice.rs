//! A notice as it goes over the wire: sealed, signed, and on demand wrong in a particular way.

use super::{
    Callback, Error, Simulator,
    keys::digits,
    pay::{signature, signtest},
    push,
};
use crate::model::time::minutes;
use crate::wechat::pay::sign::{ApiV3Key, PrivateKey, SEAL_ALGORITHM, random_text, reply_message};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What is odd about a delivery. Nobody may believe what is not rightly signed; what is rightly signed and says something
/// wrong may be taken, to be looked at, but must pay no order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trick {
    /// Nothing: a true notice.
    #[default]
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
    /// Rightly signed and sealed, for another merchant.
    WrongMerchant,
    /// Rightly signed and sealed, for another mini-program.
    WrongApp,
    /// Rightly signed and sealed, paid by somebody else.
    WrongPayer,
    /// Rightly signed and sealed, in another currency.
    WrongCurrency,
    /// A true notice whose JSON is written in another way: other order of keys, more space, escapes. The signature is
    /// over these bytes.
    Reformatted,
}

impl Trick {
    /// Whether a 2xx means that the receiver verified nothing.
    pub(super) const fn must_fail(self) -> bool {
        matches!(
            self,
            Self::ForeignKey | Self::Tampered | Self::Stale | Self::UnknownSerial | Self::Unsigned | Self::SignTest
        )
    }

    /// What a rightly signed notice says wrongly, apart from the amount: the JSON pointer and the value.
    fn lie(self) -> Option<(&'static str, Value)> {
        match self {
            Self::WrongMerchant => Some(("/mchid", json!("1900009999"))),
            Self::WrongApp => Some(("/appid", json!("wx0000000000000000"))),
            Self::WrongPayer => Some(("/payer/openid", json!("oSomebodyElse0000000000000000"))),
            Self::WrongCurrency => Some(("/amount/currency", json!("USD"))),
            _ => None,
        }
    }
}

/// How a delivery is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    /// What is odd about it.
    pub(super) trick: Trick,
    /// Another address than the callback's own.
    pub(super) to: Option<String>,
    /// Sealed with this `APIv3` key instead of the present one.
    pub(super) api_v3_key: Option<String>,
}

impl From<Trick> for Manner {
    fn from(trick: Trick) -> Self {
        Self { trick, ..Self::default() }
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
        self.draw(&callback, &trick.into())
    }

    pub(super) fn draw(&self, callback: &Callback, manner: &Manner) -> Result<Notice, Error> {
        if let Some(appid) = &callback.appid {
            return Ok(push::draw(self, callback, appid, manner.trick));
        }
        let (keys, trick) = (&self.0.keys, manner.trick);
        let other = manner.api_v3_key.as_deref().map(ApiV3Key::new).transpose();
        let other = other.map_err(|error| Error::Keys(format!("the APIv3 key of this delivery: {error}")))?;
        let seal = other.as_ref().unwrap_or(&keys.seal);
        let mut resource = callback.resource.clone();
        if trick == Trick::WrongAmount
            && let Some(total) = resource["amount"]["total"].as_i64()
        {
            resource["amount"]["total"] = json!(total + 1);
            resource["amount"]["payer_total"] = json!(total + 1);
        } else if let Some((pointer, value)) = trick.lie()
            && let Some(place) = resource.pointer_mut(pointer)
        {
            *place = value;
        }
        let (original, summary) = match callback.event_type.as_str() {
            "TRANSACTION.SUCCESS" => ("transaction", "支付成功"),
            "REFUND.SUCCESS" => ("refund", "退款成功"),
            "REFUND.ABNORMAL" => ("refund", "退款异常"),
            _ => ("refund", "退款关闭"),
        };
        let nonce = random_text(12);
        // What says something else is another notice.
        let lies = trick == Trick::WrongAmount || trick.lie().is_some();
        let body = json!({
            "id": if lies { format!("{}-L", callback.id) } else { callback.id.clone() },
            "create_time": callback.created_ms.rfc3339(),
            "resource_type": "encrypt-resource",
            "event_type": callback.event_type,
            "summary": summary,
            "resource": {
                "original_type": original,
                "algorithm": SEAL_ALGORITHM,
                "ciphertext": seal.seal(&nonce, original, resource.to_string().as_bytes()),
                "associated_data": original,
                "nonce": nonce,
            },
        });
        let mut body = if trick == Trick::Reformatted { reformatted(&body) } else { body.to_string() }.into_bytes();
        let age = if trick == Trick::Stale { minutes(10) } else { minutes(0) };
        let seconds = self.now().minus(age).seconds();
        let mut signed = signature(self, self.faults().get().callback_key, seconds, &body);
        match trick {
            Trick::ForeignKey => signed[1].1 = FOREIGN.sign(&reply_message(&signed[2].1, &signed[3].1, &body)),
            Trick::UnknownSerial => signed[0].1 = format!("PUB_KEY_ID_{}", digits(28)),
            Trick::SignTest => signed[1].1 = signtest(),
            Trick::Tampered => tamper(&mut body),
            _ => {}
        }
        let serial = signed[0].1.clone();
        let signed = signed.into_iter().filter(|_| trick != Trick::Unsigned);
        let mut headers: Vec<(String, String)> = signed.map(|(name, value)| (name.to_owned(), value)).collect();
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        headers.push(("accept".to_owned(), "*/*".to_owned()));
        headers.push(("request-id".to_owned(), format!("08{}-0", random_text(30).to_uppercase())));
        let url = manner.to.clone().unwrap_or_else(|| callback.url.clone());
        Ok(Notice { url, headers, body, serial })
    }
}

/// The same JSON in other bytes: keys from the last to the first, space where none is needed, and `\u` escapes.
fn reformatted(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|one, other| other.0.cmp(one.0));
            let fields = fields.iter().map(|(name, value)| format!("\n  {} : {}", escaped(name), reformatted(value)));
            format!("{{{}\n}}", fields.collect::<Vec<_>>().join(" ,"))
        }
        Value::String(text) => escaped(text),
        plain => plain.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("\\u{unit:04x}"),
    });
    format!("\"{}\"", units.collect::<String>())
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
            let same = accept(&merchant.simulator, &merchant.notice(Trick::Reformatted)).expect("true");
            assert_eq!(same, content);
            for (trick, pointer) in [
                (Trick::WrongMerchant, "/mchid"),
                (Trick::WrongApp, "/appid"),
                (Trick::WrongPayer, "/payer/openid"),
                (Trick::WrongCurrency, "/amount/currency"),
            ] {
                let wrong = accept(&merchant.simulator, &merchant.notice(trick)).expect("rightly signed");
                assert_ne!(wrong.pointer(pointer), content.pointer(pointer), "{trick:?}");
                assert!(wrong.pointer(pointer).is_some() && !trick.must_fail(), "{trick:?}");
            }
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
        let (plain, other) = (merchant.notice(Trick::None).body, merchant.notice(Trick::Reformatted).body);
        let read = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON");
        assert_eq!(read(&plain)["summary"], read(&other)["summary"]);
        assert_ne!(read(&other).to_string().into_bytes(), other);
        let body: Value = serde_json::from_slice(&merchant.notice(Trick::Tampered).body).expect("still JSON");
        assert_ne!(body["id"], merchant.simulator.callbacks()[0].id.as_str());
    }
}
