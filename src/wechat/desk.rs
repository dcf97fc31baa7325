//! A counter where tests play WeChat: it answers what it was told to, signed as told, and remembers what it was asked.
//! What a whole WeChat does belongs to the simulator; here a test says each answer itself.

use super::{
    Wechat,
    pay::sign::{ApiV3Key, Authorization, PrivateKey, PublicKey, random_text, reply_message, request_message},
    token::test::{MemoryStore, memory},
};
use crate::{
    config::{self, Secret},
    model::time::{Clock, FixedClock, Timestamp},
};
use axum::{
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex},
};
use tokio_util::task::TaskTracker;

pub(super) const APPID: &str = "wx0000000000000001";
/// The mini-program whose messages are sealed.
pub(super) const SEALED_APPID: &str = "wx0000000000000002";
pub(super) const PUSH_TOKEN: &str = "pushtoken";
pub(super) const PUSH_AES_KEY: &str = "kQ3vX8mB1nZ6cR5tY7uW2eP9aS4dF0gHjLkMoIpUqTz";
pub(super) const MCHID: &str = "1900000001";
pub(super) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_01";
const SERIAL: &str = "7A01";

fn new_key() -> (PrivateKey, String) {
    PrivateKey::generate().expect("key")
}
static MERCHANT: LazyLock<(PrivateKey, String)> = LazyLock::new(new_key);
static PUBLIC: LazyLock<(PrivateKey, String)> = LazyLock::new(new_key);
static PLATFORM: LazyLock<(PrivateKey, String)> = LazyLock::new(new_key);

/// Who signs an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signer {
    Nobody,
    PublicKey,
    Certificate,
    Probe,
    /// The right serial, another key.
    Stranger,
}

pub(super) struct Asked {
    /// `GET /path?query`
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

pub(super) struct Desk {
    pub(super) wechat: Wechat,
    pub(super) clock: Arc<FixedClock>,
    pub(super) api_v3_key: ApiV3Key,
    /// Where the nodes keep their tokens.
    pub(super) tokens: Arc<MemoryStore>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<VecDeque<(u16, String, HeaderMap)>>,
    asked: Mutex<Vec<Asked>>,
}

/// Headers over a body, signed now.
pub(super) fn headers(signer: Signer, now: Timestamp, body: &str) -> HeaderMap {
    let (timestamp, nonce) = (now.seconds().to_string(), random_text(32));
    let message = reply_message(&timestamp, &nonce, body.as_bytes());
    let (serial, signature) = match signer {
        Signer::Nobody => return HeaderMap::new(),
        Signer::PublicKey => (PUBLIC_KEY_ID, PUBLIC.0.sign(&message)),
        Signer::Certificate => (SERIAL, PLATFORM.0.sign(&message)),
        Signer::Probe => (PUBLIC_KEY_ID, format!("WECHATPAY/SIGNTEST/{}", PUBLIC.0.sign(&message))),
        Signer::Stranger => (PUBLIC_KEY_ID, MERCHANT.0.sign(&message)),
    };
    [("serial", serial), ("signature", &signature), ("timestamp", &timestamp), ("nonce", &nonce)]
        .into_iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(format!("wechatpay-{name}").as_bytes()).expect("name");
            (name, HeaderValue::from_str(value).expect("value"))
        })
        .collect()
}

impl Desk {
    /// Opens on a free port; verifies by public key, or with `platform_certificates` by those alone.
    pub(super) async fn open(platform_certificates: bool) -> Self {
        let shared = Arc::new(Shared::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let base_url = url::Url::parse(&format!("http://{}", listener.local_addr().expect("address"))).expect("url");
        let router = axum::Router::new().fallback(answer).with_state(shared.clone());
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        let clock = Arc::new(FixedClock::new(Timestamp(1_795_000_000_000)));
        let api_v3_key = random_text(32);
        let (wechat, mut pay) = settings(base_url, &api_v3_key);
        if platform_certificates {
            pay.public_key_id = String::new();
            pay.platform_certificates = true;
        }
        let tokens = memory();
        Self {
            wechat: Wechat::new(&wechat, &pay, clock.clone(), tokens.clone()).expect("settings"),
            tokens,
            clock,
            api_v3_key: ApiV3Key::new(&api_v3_key).expect("key"),
            shared,
        }
    }

    /// Change what the settings made of the merchant.
    pub(super) fn change_merchant(&mut self, change: impl FnOnce(&mut super::pay::Merchant)) {
        let inner = Arc::get_mut(&mut self.wechat.0).expect("nobody else has it");
        change(&mut inner.merchant);
    }

    /// The next answer.
    pub(super) fn say(&self, status: u16, body: &str, signer: Signer) {
        let headers = headers(signer, self.clock.now(), body);
        self.shared.answers.lock().expect("lock").push_back((status, body.to_owned(), headers));
    }

    /// The next answer is the certificate list.
    pub(super) fn say_certificates(&self, signer: Signer) {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x7A, 0x01]));
        let pair = rcgen::KeyPair::from_pem(&PLATFORM.1).expect("pair");
        let pem = parameters.self_signed(&pair).expect("certificate").pem();
        let nonce = random_text(12);
        let ciphertext = self.api_v3_key.seal(&nonce, "certificate", pem.as_bytes());
        let sealed = serde_json::json!({"algorithm": "AEAD_AES_256_GCM", "nonce": nonce,
            "associated_data": "certificate", "ciphertext": ciphertext});
        let list = serde_json::json!({"data": [{"serial_no": SERIAL, "encrypt_certificate": sealed}]});
        self.say(200, &list.to_string(), signer);
    }

    /// Everything asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().expect("lock"))
    }

    /// Only the request lines of everything asked so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// Whether the merchant made that signature.
pub(super) fn merchant_signed(message: &[u8], signature: &str) -> bool {
    PublicKey::from_pem(&MERCHANT.0.public_key_pem()).expect("key").verify(message, signature)
}

impl Asked {
    /// Whether the merchant signed this request as it arrived.
    pub(super) fn is_signed(&self) -> bool {
        let text = self.headers["authorization"].to_str().expect("text");
        let Ok(said) = text.parse::<Authorization>() else { return false };
        let (method, path) = self.line.split_once(' ').expect("line");
        let message = request_message(method, path, said.timestamp, &said.nonce, self.body.as_bytes());
        said.mchid == MCHID && said.serial == "5EA1" && merchant_signed(&message, &said.signature)
    }
}

fn settings(base_url: url::Url, api_v3_key: &str) -> (config::Wechat, config::Pay) {
    let push_token = Secret::new(PUSH_TOKEN);
    let app = config::App {
        appid: APPID.to_owned(),
        secret: Secret::new("app-secret"),
        push_token,
        ..config::App::default()
    };
    let push_aes_key = Secret::new(PUSH_AES_KEY);
    let sealed = config::App { appid: SEALED_APPID.to_owned(), push_aes_key, ..app.clone() };
    let wechat = config::Wechat {
        base_url: base_url.clone(),
        timeout_ms: 5000,
        links_per_day: 500_000,
        apps: vec![app, sealed],
    };
    let pay = config::Pay {
        base_url,
        timeout_ms: 5000,
        query_every_seconds: 60,
        notify_base_url: url::Url::parse("https://shop.example/").expect("url"),
        mchid: MCHID.to_owned(),
        merchant_serial: "5EA1".to_owned(),
        merchant_key: Secret::new(MERCHANT.1.clone()),
        merchant_key_file: None,
        api_v3_key: Secret::new(random_text(32)),
        api_v3_key_file: None,
        previous_api_v3_key: Secret::new(api_v3_key),
        previous_api_v3_key_file: None,
        public_key_id: PUBLIC_KEY_ID.to_owned(),
        public_key: Secret::new(PUBLIC.0.public_key_pem()),
        public_key_file: None,
        late_payment: "refund".parse().expect("a policy"),
        platform_certificates: false,
        settles_at_once: false,
    };
    (wechat, pay)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_else(|_| Bytes::new());
    let line = format!("{} {}", parts.method, parts.uri);
    let body = String::from_utf8_lossy(&body).into_owned();
    shared.asked.lock().expect("lock").push(Asked { line, headers: parts.headers, body });
    let (status, body, headers) =
        shared.answers.lock().expect("lock").pop_front().unwrap_or((418, String::new(), HeaderMap::new()));
    (StatusCode::from_u16(status).expect("status"), headers, body).into_response()
}
