//! The settings of the shop that the matrix opens.

use super::house::APPID;
use crate::simulator::Simulator;
use reqwest::Url;
use serde_json::json;

/// The settings of a shop on loopback that nobody has to protect from the one who tests it.
pub(super) fn of(simulator: &Simulator, wechat: &Url, shop: &Url, app_secret: &str) -> Vec<(&'static str, String)> {
    let materials = simulator.materials();
    let apps = json!([{ "appid": APPID, "secret": app_secret }]);
    let plenty = || "1000000".to_owned();
    let apps = apps.as_array().into_iter().flatten();
    let apps: Vec<_> = apps.map(|app| format!("{{ appid = {}, secret = {} }}", app["appid"], app["secret"])).collect();
    vec![
        ("wechat.base_url", wechat.to_string()),
        ("wechat.apps", format!("[{}]", apps.join(", "))),
        ("pay.base_url", wechat.to_string()),
        ("pay.notify_base_url", shop.to_string()),
        ("pay.mchid", materials.mchid),
        ("pay.merchant_serial", materials.merchant_serial),
        ("pay.merchant_key", materials.merchant_key_pem),
        ("pay.api_v3_key", materials.api_v3_key),
        ("pay.public_key_id", materials.public_key_id),
        ("pay.public_key", materials.public_key_pem),
        ("pay.platform_certificates", "true".to_owned()),
        // The clock jumps by hours while somebody stays signed in.
        ("auth.access_minutes", "1440".to_owned()),
        ("auth.staff_minutes", "1440".to_owned()),
        ("server.drain_ms", "0".to_owned()),
        // However slow the machine is: what is claimed is what becomes of the money, not that nobody is told to come back.
        ("database.acquire_timeout_ms", "20000".to_owned()),
        ("server.handler_timeout_ms", "60000".to_owned()),
        ("log.format", "pretty".to_owned()),
        ("limits.per_ip_per_minute", plenty()),
        ("limits.per_user_per_minute", plenty()),
        ("limits.login_per_ip_per_minute", plenty()),
        ("limits.order_per_user_per_minute", plenty()),
        ("limits.phone_per_user_per_minute", plenty()),
        ("limits.staff_sign_in_per_ip_per_minute", plenty()),
        ("overload.requests_per_connection", "1000".to_owned()),
        ("overload.target_ms", "60000".to_owned()),
        ("overload.queue_ms", "20000".to_owned()),
    ]
}
