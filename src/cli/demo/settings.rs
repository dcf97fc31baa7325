//! The settings of a demo shop, written as a file so that other commands find the same shop:
//! `weizhan --config .weizhan/config.toml verify`.

use super::directory::{Directory, settings_file};
use crate::{
    app::SystemClock,
    cli::private,
    simulator::{CosOptions, Options, PushFormat, PushMode, PushTarget, Simulator},
};
use anyhow::Context as _;
use serde_json::{Value, json};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// The one mini-program of the demo shop: 18 characters, as WeChat's are.
const APPID: &str = "wxweizhandev000001";
const MCHID: &str = "1900000001";
/// Refunds arrive and callbacks are repeated sixty times as fast as in life: nobody waits a minute at a desk.
const SPEED: f64 = 60.0;
/// One laptop is one address: what protects a shop from strangers would only stop its developer.
const PLENTY_PER_MINUTE: u32 = 1_000_000;

/// The simulated WeChat of this directory.
pub(in crate::cli) fn simulator(directory: &Directory) -> anyhow::Result<Simulator> {
    let options = Options {
        clock: Arc::new(SystemClock),
        journal: Some(directory.file("simulator-ledger.jsonl")),
        keys: Some(directory.file("simulator-keys")),
        apps: vec![(APPID.to_owned(), directory.secret("app_secret", 32)?)],
        mchid: MCHID.to_owned(),
        api_v3_key: directory.secret("api_v3_key", 32)?,
        speed: SPEED,
        automatic: true,
    };
    Ok(Simulator::new(options)?)
}

/// Who listens where.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Addresses {
    pub(in crate::cli) api: SocketAddr,
    pub(in crate::cli) wechat: SocketAddr,
    /// Figures; several nodes on one machine have none.
    pub(in crate::cli) metrics: Option<SocketAddr>,
    /// The object store, where objects are not kept in a folder.
    pub(in crate::cli) cos: Option<SocketAddr>,
}

/// The simulated COS of this directory.
pub(in crate::cli) fn cos(directory: &Directory) -> anyhow::Result<CosOptions> {
    Ok(CosOptions {
        clock: Arc::new(SystemClock),
        folder: directory.file("simulator-cos"),
        bucket: "weizhan-dev-1250000000".to_owned(),
        region: "ap-guangzhou".to_owned(),
        secret_id: "AKIDweizhandev000001".to_owned(),
        secret_key: directory.secret("cos_secret_key", 32)?,
    })
}

/// The settings for these addresses, on SQLite; makes the secrets that they name, and tells WeChat where the shop is.
pub(in crate::cli) fn of(directory: &Directory, simulator: &Simulator, addresses: &Addresses) -> anyhow::Result<Value> {
    let Addresses { api, wechat, metrics, cos } = *addresses;
    let metrics = metrics.map(|address| address.to_string()).unwrap_or_default();
    directory.secret("token_key", 64)?;
    directory.secret("data_key", 64)?;
    let push = PushTarget {
        url: format!("http://{api}/callback/wechat/push/{APPID}"),
        token: directory.plain_secret("push_token", 32)?,
        aes_key: directory.plain_secret("push_aes_key", 43)?,
        mode: PushMode::Secure,
        format: PushFormat::Json,
    };
    simulator.push_to(APPID, Some(push))?;
    let materials = simulator.materials();
    let text = |path: PathBuf| {
        path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("{} is not Unicode", path.display()))
    };
    let secret = |name: &str| text(directory.secret_file(name));
    let (api_url, wechat_url) = (format!("http://{api}"), format!("http://{wechat}"));
    let mut settings = json!({
        "server": { "listen": api, "metrics_listen": metrics, "drain_ms": 0, "shutdown_timeout_ms": 10_000 },
        "limits": {
            "per_ip_per_minute": PLENTY_PER_MINUTE,
            "per_user_per_minute": PLENTY_PER_MINUTE,
            "login_per_ip_per_minute": PLENTY_PER_MINUTE,
            "order_per_user_per_minute": PLENTY_PER_MINUTE,
            "phone_per_user_per_minute": PLENTY_PER_MINUTE,
            "staff_sign_in_per_ip_per_minute": PLENTY_PER_MINUTE,
        },
        "log": { "format": "pretty", "requests": "all" },
        "database": { "url": format!("sqlite:{}", in_url(&text(directory.file("shop.db"))?)) },
        "storage": { "directory": text(directory.file("objects"))? },
        "auth": { "token_key_file": secret("token_key")? },
        "privacy": { "data_key_file": secret("data_key")? },
        "wechat": { "base_url": wechat_url, "apps": [{
            "appid": APPID,
            "secret_file": secret("app_secret")?,
            "push_token_file": secret("push_token")?,
            "push_aes_key_file": secret("push_aes_key")?,
        }] },
        "pay": {
            "base_url": wechat_url,
            "notify_base_url": api_url,
            "mchid": materials.mchid,
            "merchant_serial": materials.merchant_serial,
            "merchant_key_file": text(directory.file("simulator-keys/apiclient_key.pem"))?,
            "api_v3_key_file": secret("api_v3_key")?,
            "public_key_id": materials.public_key_id,
            "public_key_file": text(directory.file("simulator-keys/pub_key.pem"))?,
        },
        "messages": { "version": "developer", "templates": templates() },
        "moderation": { "pictures": true, "names": true },
    });
    if let Some(address) = cos {
        let options = self::cos(directory)?;
        let base_url = format!("http://{address}");
        settings["storage"]["kind"] = json!("cos");
        settings["cos"] = json!({
            "bucket": options.bucket,
            "region": options.region,
            "secret_id": options.secret_id,
            "secret_key_file": secret("cos_secret_key")?,
            "base_url": base_url,
            "sts_base_url": base_url,
        });
    }
    Ok(settings)
}

/// What the users of the demo shop are told. The simulator takes any template; WeChat's have such places.
fn templates() -> Value {
    let page = "pages/order/order?id={order_id}";
    let template = |occasion: &str, id: &str, data: Value| json!({ "appid": APPID, "occasion": occasion, "template_id": id, "page": page, "data": data });
    json!([
        template(
            "order_paid",
            "dev-template-order-paid",
            json!({ "character_string1": "{order_number}", "thing2": "{goods}", "amount3": "{total}", "time4": "{paid_time}" })
        ),
        template(
            "order_shipped",
            "dev-template-order-shipped",
            json!({ "character_string1": "{order_number}", "thing2": "{goods}", "character_string3": "{tracking_no}", "time4": "{shipped_time}" })
        ),
        template(
            "refund_succeeded",
            "dev-template-refunded",
            json!({ "character_string1": "{order_number}", "amount2": "{refund}", "thing3": "{reason}", "time4": "{refunded_time}" })
        ),
    ])
}

/// Writes them; gives the file.
pub(in crate::cli) fn write(directory: &Directory, settings: &Value) -> anyhow::Result<PathBuf> {
    let note = "# Written at each start, so changes here are lost: set WEIZHAN__SECTION__KEY instead.\n";
    let file = settings_file(&directory.file(""));
    let body = toml::to_string(settings).context("the settings have no form in TOML")?;
    private::write(&file, &format!("{note}{body}"))?;
    Ok(file)
}

/// A path within a `sqlite:` address, where `?` would start options and `%` an escape.
fn in_url(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Purpose};

    #[test]
    fn the_settings_suit_a_laptop_and_no_real_server_starts_with_them() {
        let folder = tempfile::tempdir().expect("folder");
        let directory = Directory::open(&folder.path().join("50% 店?"), "dev", false).expect("opened").expect("free");
        let simulator = simulator(&directory).expect("simulator");
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses =
            Addresses { api: address(1), wechat: address(2), metrics: Some(address(3)), cos: Some(address(4)) };
        let settings = of(&directory, &simulator, &addresses).expect("settings");
        let file = write(&directory, &settings).expect("written");
        let load = |purpose| Config::load_for(purpose, Some(&file), std::iter::empty(), &[]);
        let config = load(Purpose::Dev).expect("good for a laptop");
        assert_eq!(config.server.listen.port(), 1);
        assert_eq!(config.server.metrics_listen.map(|address| address.port()), Some(3));
        assert_eq!(config.pay.api_v3_key.expose().len(), 32);
        assert!(config.database.url.expose().ends_with("50%25 店%3F/shop.db"));
        let faults = load(Purpose::Serve).expect_err("refused").0;
        for key in [
            "auth.token_key",
            "privacy.data_key",
            "wechat.apps.0.secret",
            "wechat.apps.0.push_token",
            "wechat.apps.0.push_aes_key",
            "pay.api_v3_key",
            "cos.secret_key",
        ] {
            assert!(faults.iter().any(|fault| fault.key == key && fault.message.contains("sample")), "{key}");
        }
    }
}
