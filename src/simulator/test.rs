//! What the tests of this module share: options, one set of keys for all, and a merchant that signs.

use super::{NewUser, Notice, Options, Payment, Simulator, Trick, keys::Keys};
use crate::model::time::{FixedClock, Timestamp};
use crate::wechat::pay::sign::{
    ApiV3Key, Authorization, PrivateKey, PublicKey, payment_message, random_text, reply_message, request_message,
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode},
};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use tower::ServiceExt as _;

pub(super) const APPID: &str = "wx0123456789abcdef";
pub(super) const SECRET: &str = "a made-up app secret";
/// Noon in Shanghai.
pub(super) const NOON: Timestamp = Timestamp::from_seconds(1_795_320_000);

static KEYS: LazyLock<Arc<Keys>> = LazyLock::new(|| Arc::new(Keys::open(&options()).expect("keys")));

pub(super) fn options() -> Options {
    Options {
        clock: Arc::new(FixedClock::new(NOON)),
        journal: None,
        keys: None,
        apps: vec![(APPID.to_owned(), SECRET.to_owned())],
        mchid: "1900000001".to_owned(),
        api_v3_key: "0123456789abcdef0123456789ABCDEF".to_owned(),
        speed: 1.0,
        automatic: false,
    }
}

/// A merchant with a simulator, its clock, and one user.
pub(super) struct Merchant {
    pub(super) simulator: Simulator,
    pub(super) clock: Arc<FixedClock>,
    pub(super) openid: String,
    key: PrivateKey,
}

/// What came back, its signature verified where there is one.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
    pub(super) json: Value,
}

impl Merchant {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Arc::new(FixedClock::new(NOON));
        let mut options = Options { clock: clock.clone(), ..options() };
        change(&mut options);
        let simulator = Simulator::with_keys(options, KEYS.clone()).expect("simulator");
        let user = NewUser { id: Some("amy".to_owned()), ..NewUser::default() };
        simulator.add_user(user).expect("user");
        let openid = simulator.openid(APPID, "amy").expect("openid");
        let key = PrivateKey::from_pem(&simulator.materials().merchant_key_pem).expect("key");
        Self { simulator, clock, openid, key }
    }

    /// A request as a good merchant signs it.
    pub(super) fn request(&self, method: &str, path: &str, body: &str) -> Request<Body> {
        let materials = self.simulator.materials();
        let (timestamp, nonce) = (self.simulator.now().seconds(), random_text(32));
        let message = request_message(method, path, timestamp, &nonce, body.as_bytes());
        let authorization = Authorization {
            mchid: materials.mchid,
            nonce,
            timestamp,
            serial: materials.merchant_serial,
            signature: self.key.sign(&message),
        };
        let request = Request::builder().method(method).uri(path).header("user-agent", "test");
        let request = request.header("accept", "application/json").header("host", "simulator.test");
        let request = request.header("authorization", authorization.to_string());
        let request = request.header("wechatpay-serial", materials.public_key_id);
        request.body(Body::from(body.to_owned())).expect("request")
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.simulator.router().oneshot(request).await.expect("infallible");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("body");
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status, headers, bytes, json }
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(self.request("POST", path, &body.to_string())).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(self.request("GET", path, "")).await
    }

    /// A plain request to the platform or control interface.
    pub(super) async fn plain(&self, method: &str, path: &str, body: Value) -> Reply {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(request.body(Body::from(body)).expect("request")).await
    }

    pub(super) fn order(&self, out_trade_no: &str, total: i64) -> Value {
        json!({
            "appid": APPID,
            "mchid": self.simulator.materials().mchid,
            "description": "一件商品",
            "out_trade_no": out_trade_no,
            // A port nobody listens on: delivery fails at once.
            "notify_url": "http://127.0.0.1:1/pay",
            "amount": { "total": total, "currency": "CNY" },
            "payer": { "openid": self.openid },
        })
    }

    pub(super) async fn prepay(&self, out_trade_no: &str, total: i64) -> String {
        let reply = self.post("/v3/pay/transactions/jsapi", self.order(out_trade_no, total)).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.json);
        reply.json["prepay_id"].as_str().expect("prepay_id").to_owned()
    }

    pub(super) async fn paid(&self, out_trade_no: &str, total: i64) -> Payment {
        self.prepay(out_trade_no, total).await;
        self.simulator.pay(out_trade_no).expect("paid")
    }

    pub(super) fn pay_sign(&self, appid: &str, timestamp: &str, nonce: &str, package: &str) -> String {
        self.key.sign(&payment_message(appid, timestamp, nonce, package))
    }

    pub(super) fn notice(&self, trick: Trick) -> Notice {
        let callbacks = self.simulator.callbacks();
        self.simulator.notice(&callbacks.last().expect("a callback").id, trick).expect("notice")
    }
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
    /// Whether a merchant would believe it.
    pub(super) fn signed_by(&self, key: &PublicKey) -> bool {
        let message = reply_message(self.header("wechatpay-timestamp"), self.header("wechatpay-nonce"), &self.bytes);
        key.verify(&message, self.header("wechatpay-signature"))
    }
}

/// What a careful merchant makes of a notice: its content, or `None`.
pub(super) fn accept(simulator: &Simulator, notice: &Notice) -> Option<Value> {
    let materials = simulator.materials();
    let header = |name: &str| notice.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let key = match header("wechatpay-serial")? {
        serial if serial == materials.public_key_id => PublicKey::from_pem(&materials.public_key_pem).ok()?,
        serial if serial == materials.platform_serial => {
            PublicKey::from_certificate_pem(&materials.platform_certificate_pem).ok()?.0
        }
        _ => return None,
    };
    let timestamp = header("wechatpay-timestamp")?;
    if (simulator.now().seconds() - timestamp.parse::<i64>().ok()?).abs() >= 300 {
        return None;
    }
    let message = reply_message(timestamp, header("wechatpay-nonce")?, &notice.body);
    if !key.verify(&message, header("wechatpay-signature")?) {
        return None;
    }
    let body: Value = serde_json::from_slice(&notice.body).ok()?;
    let resource = &body["resource"];
    let text = |name: &str| resource[name].as_str();
    let key = ApiV3Key::new(&materials.api_v3_key).ok()?;
    let plain = key.open(text("nonce")?, text("associated_data")?, text("ciphertext")?).ok()?;
    serde_json::from_slice(&plain).ok()
}
