//! The simulated WeChat of a run: it gives codes, and signs notices as fast as they can be sent.

use crate::{load, servers::Folder, world::Awaiting};
use anyhow::Context as _;
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weizhan::{
    app::SystemClock,
    model::time::Clock as _,
    simulator::{NewUser, Options, Simulator},
    wechat::pay::sign::{ApiV3Key, PrivateKey, SEAL_ALGORITHM, random_text, reply_message},
};

/// The file in which the simulator keeps the key that it signs with.
const SIGNING_KEY: &str = "simulator_public_key_private_half.pem";

/// A running simulator.
pub struct Wechat {
    pub simulator: Simulator,
    /// `http://127.0.0.1:…`.
    pub url: String,
    pub appid: String,
    pub secret: String,
    key: PrivateKey,
    seal: ApiV3Key,
    _folder: Folder,
}

impl Wechat {
    /// Start one on a free port of the loopback, on the runtime of the generator.
    pub async fn start() -> anyhow::Result<Self> {
        let (folder, appid, secret) = (Folder::new("ratios-keys"), "wxratios0000000001".to_owned(), random_text(32));
        let keys = folder.path().join("keys");
        let options = Options {
            clock: Arc::new(SystemClock),
            journal: None,
            keys: Some(keys.clone()),
            apps: vec![(appid.clone(), secret.clone())],
            mchid: "1910000001".to_owned(),
            api_v3_key: random_text(32),
            speed: 1.0,
            automatic: false,
        };
        let seal = ApiV3Key::new(&options.api_v3_key)?;
        let simulator = Simulator::new(options)?;
        let key = PrivateKey::from_pem(&std::fs::read_to_string(keys.join(SIGNING_KEY))?)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        TaskTracker::new().spawn(simulator.clone().serve(listener, CancellationToken::new()));
        Ok(Self { simulator, url, appid, secret, key, seal, _folder: folder })
    }

    /// Somebody new; gives the openid.
    pub fn add(&self, name: &str) -> anyhow::Result<String> {
        self.simulator.add_user(NewUser { id: Some(name.to_owned()), ..NewUser::default() })?;
        Ok(self.simulator.openid(&self.appid, name)?)
    }

    /// What `wx.login` gives: good once, for five minutes.
    pub fn code(&self, name: &str) -> anyhow::Result<String> {
        self.simulator.js_code(&self.appid, name).context("a code")
    }

    /// The request by which WeChat says that this order was paid; good for five minutes.
    pub fn notice(&self, path: &str, order: &Awaiting) -> Bytes {
        let now = SystemClock.now();
        let (materials, total) = (self.simulator.materials(), order.total);
        let transaction = json!({
            "appid": self.appid, "mchid": materials.mchid, "out_trade_no": order.out_trade_no,
            "transaction_id": format!("42{}", order.out_trade_no), "trade_type": "JSAPI", "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功", "bank_type": "OTHERS", "success_time": now.rfc3339(),
            "payer": { "openid": order.openid },
            "amount": { "total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY" },
        });
        let nonce = random_text(12);
        let body = json!({
            "id": format!("N{}", order.out_trade_no), "create_time": now.rfc3339(),
            "resource_type": "encrypt-resource", "event_type": "TRANSACTION.SUCCESS", "summary": "支付成功",
            "resource": {
                "original_type": "transaction", "algorithm": SEAL_ALGORITHM, "associated_data": "transaction",
                "ciphertext": self.seal.seal(&nonce, "transaction", transaction.to_string().as_bytes()), "nonce": nonce,
            },
        });
        let (body, timestamp) = (body.to_string(), now.seconds().to_string());
        let signature = self.key.sign(&reply_message(&timestamp, &nonce, body.as_bytes()));
        let headers = [
            ("wechatpay-serial", materials.public_key_id.as_str()),
            ("wechatpay-signature", &signature),
            ("wechatpay-timestamp", &timestamp),
            ("wechatpay-nonce", &nonce),
        ];
        load::request("POST", path, &headers, body.as_bytes())
    }
}
