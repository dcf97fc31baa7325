//! Mini-program codes: drawn, and scanned.

use super::{Answer, Errcode, Words, errcode, read, token};
use crate::simulator::{Error, Simulator, ledger::Record, record::Scene};
use crate::wechat::pay::sign::random_text;
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;

/// A placeholder in the shape of a code: no camera reads it, the console and [`Simulator::scan`] do.
const CODE_PNG: &[u8] = include_bytes!("code.png");

#[derive(Deserialize)]
struct Ask {
    scene: Option<String>,
    page: Option<String>,
    env_version: Option<String>,
    width: Option<i64>,
}

/// `getUnlimitedQRCode`: an image when well, JSON when not.
pub(super) async fn draw(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Response {
    match keep(&simulator, &words, &body) {
        Ok(()) => ([(header::CONTENT_TYPE, "image/png")], CODE_PNG).into_response(),
        Err(Errcode(code)) => errcode(code).into_response(),
    }
}

fn keep(simulator: &Simulator, words: &HashMap<String, String>, body: &Bytes) -> Result<(), Errcode> {
    let appid = token::check(simulator, words)?;
    let ask: Ask = read(body)?;
    let scene = ask.scene.unwrap_or_default();
    let allowed = |symbol: char| symbol.is_ascii_alphanumeric() || "!#$&'()*+,/:;=?@-._~".contains(symbol);
    if scene.is_empty() || scene.len() > 32 || !scene.chars().all(allowed) {
        return Err(Errcode(40129));
    }
    let page = ask.page.unwrap_or_default();
    if page.starts_with('/') || page.contains('?') {
        return Err(Errcode(41030));
    }
    let env_version = ask.env_version.unwrap_or_else(|| "release".to_owned());
    let fits = ["release", "trial", "develop"].contains(&env_version.as_str())
        && ask.width.is_none_or(|width| (280..=1280).contains(&width));
    if !fits {
        return Err(Errcode(40097));
    }
    let created_ms = simulator.now();
    simulator.lock().put([Record::Scene(Scene {
        appid,
        scene,
        page,
        query: String::new(),
        env_version,
        created_ms,
    })])?;
    Ok(())
}

#[derive(Deserialize)]
struct AskTarget {
    #[serde(default)]
    path: String,
    #[serde(default)]
    query: String,
    env_version: Option<String>,
}

#[derive(Deserialize)]
struct AskLink {
    #[serde(flatten)]
    target: AskTarget,
    #[serde(flatten)]
    end: AskEnd,
}

#[derive(Deserialize)]
struct AskScheme {
    #[serde(default)]
    jump_wxa: Option<AskTarget>,
    #[serde(flatten)]
    end: AskEnd,
}

#[derive(Deserialize)]
struct AskEnd {
    #[serde(default)]
    expire_type: i64,
    #[serde(default)]
    expire_interval: i64,
}

/// `generateUrlLink`.
pub(super) async fn make_link(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let AskLink { target, end } = read(&body)?;
    let url = format!("https://wxaurl.cn/{}", random_text(11));
    link(&simulator, appid, url.clone(), target, &end)?;
    Ok(Json(json!({ "errcode": 0, "errmsg": "ok", "url_link": url })))
}

/// `generateScheme`.
pub(super) async fn make_scheme(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let AskScheme { jump_wxa, end } = read(&body)?;
    let url = format!("weixin://dl/business/?t={}", random_text(11));
    link(&simulator, appid, url.clone(), jump_wxa.ok_or(Errcode(40097))?, &end)?;
    Ok(Json(json!({ "errcode": 0, "errmsg": "ok", "openlink": url })))
}

fn link(simulator: &Simulator, appid: String, scene: String, target: AskTarget, end: &AskEnd) -> Result<(), Errcode> {
    let AskTarget { path: page, query, env_version } = target;
    if page.starts_with('/') || page.contains('?') {
        return Err(Errcode(40165));
    }
    if query.chars().count() > 1024 {
        return Err(Errcode(40212));
    }
    if end.expire_type != 1 || !(1..=30).contains(&end.expire_interval) {
        return Err(Errcode(85401));
    }
    let env_version = env_version.unwrap_or_else(|| "release".to_owned());
    let created_ms = simulator.now();
    simulator.lock().put([Record::Scene(Scene { appid, scene, page, query, env_version, created_ms })])?;
    Ok(())
}

impl Simulator {
    /// Somebody scans a code, or opens a link: which page opens, with what.
    pub fn scan(&self, appid: &str, scene: &str) -> Result<Scene, Error> {
        let ledger = self.lock();
        let known = ledger.scenes.get(&format!("{appid}/{scene}"));
        known.cloned().ok_or_else(|| Error::missing("scene", scene))
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::tests::stable;
    use crate::simulator::test::{APPID, Merchant};
    use serde_json::json;

    #[tokio::test]
    async fn a_code_is_an_image_and_leads_to_its_page() {
        let merchant = Merchant::new();
        let token = stable(&merchant, false).await["access_token"].as_str().expect("token").to_owned();
        let draw =
            async |body| merchant.plain("POST", &format!("/wxa/getwxacodeunlimit?access_token={token}"), body).await;
        let code = draw(json!({ "scene": "a=1", "page": "pages/index" })).await;
        assert_eq!((code.header("content-type"), &code.bytes[1..4]), ("image/png", &b"PNG"[..]));
        for (body, errcode) in [
            (json!({ "scene": "a%20b" }), 40129),
            (json!({ "scene": "a".repeat(33) }), 40129),
            (json!({ "page": "pages/index" }), 40129),
            (json!({ "scene": "a", "page": "/pages/index" }), 41030),
            (json!({ "scene": "a", "width": 100 }), 40097),
        ] {
            assert_eq!(draw(body.clone()).await.json["errcode"], errcode, "{body}");
        }
        let scanned = merchant.simulator.scan(APPID, "a=1").expect("a code");
        assert_eq!((scanned.page.as_str(), scanned.env_version.as_str()), ("pages/index", "release"));
        assert!(merchant.simulator.scan(APPID, "a=2").is_err() && merchant.simulator.scan("wxother", "a=1").is_err());
    }
}
