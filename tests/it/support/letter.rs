//! Notices written by hand, with WeChat Pay's own keys: what the simulator would never send.

use super::{
    app::{API_V3_KEY, TestApp, wechat_keys},
    client::{Answer, Client, Request},
};
use serde_json::{Value, json};
use weizhan::{
    simulator::{Callback, Materials, Notice, Trick},
    wechat::pay::sign::{ApiV3Key, PrivateKey, random_text, reply_message},
};

/// WeChat Pay's keys in the hand of a test.
pub struct Pen {
    /// Signs as the public key's other half.
    pub key: PrivateKey,
    /// Signs as the platform certificate's.
    pub platform_key: PrivateKey,
    /// Serials and the rest.
    pub materials: Materials,
}

/// A notice that is ready to go.
#[derive(Clone)]
pub struct Letter {
    /// The path it goes to.
    pub path: String,
    /// Its headers; a name may stand there twice.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Letter {
    /// The value of a header.
    pub fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.clone()
    }
    /// The same with another value of a header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.and(name, value)
    }
    /// The same with one more header.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
    /// The same without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }
    /// The request that brings it to a node.
    pub fn to(&self, node: &Client) -> Request {
        let request = node.post(&self.path).body(self.body.clone());
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }
    /// The same bytes of another body: the signature no longer fits.
    pub fn carrying(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

impl From<Notice> for Letter {
    fn from(notice: Notice) -> Self {
        let path = notice.url.find("/callback/").map(|place| notice.url[place..].to_owned());
        Self { path: path.expect("a callback address"), headers: notice.headers, body: notice.body }
    }
}

/// A sealed body: what WeChat sends before it signs.
pub fn sealed(callback: &Callback, content: &Value) -> Value {
    let original = if callback.event_type.starts_with("REFUND") { "refund" } else { "transaction" };
    sealed_with(API_V3_KEY, &callback.id, &callback.event_type, original, content)
}

/// A sealed body with everything chosen.
pub fn sealed_with(api_v3_key: &str, id: &str, event: &str, original: &str, content: &Value) -> Value {
    let (key, nonce) = (ApiV3Key::new(api_v3_key).expect("32 bytes"), random_text(12));
    json!({ "id": id, "create_time": "2026-11-23T12:00:00+08:00", "resource_type": "encrypt-resource",
        "event_type": event, "summary": "x", "resource": { "original_type": original,
            "algorithm": "AEAD_AES_256_GCM", "associated_data": original, "nonce": nonce,
            "ciphertext": key.seal(&nonce, original, content.to_string().as_bytes()) } })
}

impl Pen {
    /// Sign this body now, as WeChat does.
    pub fn sign(&self, app: &TestApp, path: &str, body: &[u8]) -> Letter {
        self.sign_at(&app.app.now().seconds().to_string(), &random_text(32), path, body)
    }
    /// Sign with this time and nonce.
    pub fn sign_at(&self, timestamp: &str, nonce: &str, path: &str, body: &[u8]) -> Letter {
        let signature = self.key.sign(&reply_message(timestamp, nonce, body));
        let headers = [
            ("wechatpay-serial", self.materials.public_key_id.as_str()),
            ("wechatpay-signature", &signature),
            ("wechatpay-timestamp", timestamp),
            ("wechatpay-nonce", nonce),
            ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048"),
            ("content-type", "application/json"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Letter { path: path.to_owned(), headers, body: body.to_vec() }
    }
}

impl TestApp {
    /// WeChat Pay's keys.
    pub fn pen(&self) -> Pen {
        let read = |name: &str| std::fs::read_to_string(wechat_keys().join(name)).expect("a key of the simulator");
        let key = |name: &str| PrivateKey::from_pem(&read(name)).expect("a key");
        Pen {
            key: key("simulator_public_key_private_half.pem"),
            platform_key: key("simulator_platform_key.pem"),
            materials: self.simulator.materials(),
        }
    }

    /// The callback about this `out_trade_no` or `out_refund_no`.
    pub fn callback_of(&self, subject: &str) -> Callback {
        self.simulator.callback_about(subject).expect("a callback")
    }

    /// It as WeChat would send it now.
    pub fn letter_of(&self, subject: &str) -> Letter {
        let notice = self.simulator.notice(&self.callback_of(subject).id, Trick::None);
        notice.expect("a notice").into()
    }

    /// Send it.
    pub async fn post_letter(&self, letter: &Letter) -> Answer {
        let answer = letter.to(&self.nobody()).send().await;
        self.settled().await;
        answer
    }
}
