//! Content checks of pictures: answered at once with the name of the question, and later by a message.

use super::{Answer, Errcode, Words, message::check_openid, read, token};
use crate::{
    simulator::{Simulator, Suggest},
    wechat::pay::sign::random_text,
};
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The largest picture that is fetched.
const BYTES_MAX: u64 = 10 << 20;
/// Who sends the answer: an account of the platform, not the user.
const PLATFORM: &str = "oplatform_content_check";

#[derive(Deserialize)]
struct AskCheck {
    media_url: String,
    media_type: i64,
    version: i64,
    scene: i64,
    openid: String,
}

/// `mediaCheckAsync` version 2. The picture is really fetched, as there; what is said of it is set with the faults, since
/// nothing here can look at it.
pub(super) async fn check(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let ask: AskCheck = read(&body)?;
    if !matches!(ask.media_type, 1 | 2) {
        return Err(Errcode(40004));
    }
    if ask.version != 2 || !(1..=4).contains(&ask.scene) {
        return Err(Errcode(40129));
    }
    check_openid(&simulator.lock(), &appid, &ask.openid)?;
    let trace = random_text(32).to_lowercase();
    let fetched = fetch(&simulator, &ask.media_url).await;
    let said = said(&simulator, &appid, &trace, fetched);
    if let Err(error) = simulator.push_event(&appid, "wxa_media_check", PLATFORM, &said) {
        tracing::error!(%error, "the simulator could not plan the answer to a content check");
        return Err(Errcode(-1));
    }
    Ok(Json(json!({ "errcode": 0, "errmsg": "ok", "trace_id": trace })))
}

/// Whether there is a picture of a size that is taken.
async fn fetch(simulator: &Simulator, url: &str) -> bool {
    let Ok(mut response) = simulator.0.http.get(url).send().await else { return false };
    if !response.status().is_success() {
        return false;
    }
    let mut bytes = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes += chunk.len() as u64;
        if bytes > BYTES_MAX {
            return false;
        }
    }
    bytes > 0
}

fn said(simulator: &Simulator, appid: &str, trace: &str, fetched: bool) -> Value {
    let mut said = json!({ "appid": appid, "trace_id": trace, "version": 2 });
    if !fetched {
        said["errcode"] = json!(-1008);
        said["errmsg"] = json!("download failed");
        return said;
    }
    let (suggest, label) = match simulator.faults().get().picture_suggest {
        None | Some(Suggest::Pass) => ("pass", 100),
        Some(Suggest::Review) => ("review", 21000),
        Some(Suggest::Risky) => ("risky", 20002),
    };
    said["errcode"] = json!(0);
    said["errmsg"] = json!("ok");
    said["result"] = json!({ "suggest": suggest, "label": label });
    said["detail"] =
        json!([{ "strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90 }]);
    said
}
