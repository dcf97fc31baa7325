//! The platform interface (`api.weixin.qq.com`): login, access tokens, phone numbers, messages, content
//! checks, codes, shipping information.
//!
//! Failures are HTTP 200 with an `errcode`, as there; `errmsg` ends with a request id that nobody should read.

mod code;
mod datacube;
mod media;
mod message;
mod shipping;
mod token;

pub use token::TokenCalls;

use super::{
    Error, Simulator,
    ledger::{Ledger, Record},
    record::{Code, Purpose},
    user::log_in,
};
use crate::model::time::Timestamp;
use crate::wechat::{encrypted::session_signature, pay::sign::random_text};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::collections::HashMap;

/// A query string as it came.
type Words = Query<HashMap<String, String>>;

/// A failure by number.
struct Errcode(i64);

impl From<Error> for Errcode {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "the simulator could not keep a record");
        Self(-1)
    }
}

impl axum::response::IntoResponse for Errcode {
    fn into_response(self) -> axum::response::Response {
        errcode(self.0).into_response()
    }
}

/// The envelope of a failure.
pub(in crate::simulator) fn errcode(code: i64) -> Json<Value> {
    let text = match code {
        -1 => "system error",
        40001 => "invalid credential, access_token is invalid or not latest",
        40002 => "invalid grant_type",
        40003 => "invalid openid",
        40004 => "invalid media type",
        40013 => "invalid appid",
        40029 => "invalid code",
        40125 => "invalid appsecret",
        40163 => "code been used",
        40226 => "code blocked",
        40037 => "invalid template_id",
        40097 => "invalid args",
        40129 => "invalid scene",
        41030 => "invalid page",
        41001 => "access_token missing",
        41002 => "appid missing",
        41004 => "appsecret missing",
        41008 => "missing code",
        42001 => "access_token expired",
        43002 => "require POST method",
        44002 => "empty post data",
        45011 => "api minute-quota reach limit, mustslower, retry next minute",
        43101 => "user refuse to accept the msg",
        47003 => "argument invalid",
        47001 => "data format error",
        40_165 => "invalid path",
        40_212 => "invalid query",
        85_401 => "expire time invalid",
        87_009 => "invalid signature",
        61_500 => "date format error",
        61_501 => "date range error",
        10_060_001 => "支付单不存在",
        10_060_002 => "支付单已完成发货，无法继续发货",
        10_060_003 => "支付单已使用重新发货机会",
        10_060_004 => "支付单处于不可发货的状态",
        10_060_023 => "发货信息未更新",
        10_060_031 => "该笔支付单不属于 openid 所指定的用户",
        _ => "error",
    };
    Json(json!({ "errcode": code, "errmsg": format!("{text} rid: {}", random_text(26).to_lowercase()) }))
}

type Answer = Result<Json<Value>, Errcode>;

/// The routes.
pub(in crate::simulator) fn routes() -> Router<Simulator> {
    let only_post = async || errcode(43002);
    Router::new()
        .route("/sns/jscode2session", get(code_to_session))
        .route("/cgi-bin/token", get(token::plain))
        .route("/cgi-bin/stable_token", post(token::stable).fallback(only_post))
        .route("/wxa/checksession", get(check_session))
        .route("/wxa/business/getuserphonenumber", post(phone_number).fallback(only_post))
        .route("/cgi-bin/message/subscribe/send", post(message::send).fallback(only_post))
        .route("/wxa/msg_sec_check", post(message::check_text).fallback(only_post))
        .route("/wxa/media_check_async", post(media::check).fallback(only_post))
        .route("/datacube/getweanalysisappiddailyvisittrend", post(datacube::trend).fallback(only_post))
        .route("/datacube/getweanalysisappiddailysummarytrend", post(datacube::summary).fallback(only_post))
        .route("/datacube/getweanalysisappidvisitpage", post(datacube::pages).fallback(only_post))
        .route("/datacube/getweanalysisappiddailyretaininfo", post(datacube::returns).fallback(only_post))
        .route("/wxa/generate_urllink", post(code::make_link).fallback(only_post))
        .route("/wxa/generatescheme", post(code::make_scheme).fallback(only_post))
        .route("/wxa/getwxacodeunlimit", post(code::draw).fallback(only_post))
        .route("/wxa/sec/order/upload_shipping_info", post(shipping::upload).fallback(only_post))
        .route("/wxa/sec/order/get_order", post(shipping::find).fallback(only_post))
        .route("/wxa/sec/order/notify_confirm_receive", post(shipping::remind).fallback(only_post))
        .route("/wxa/sec/order/is_trade_managed", post(shipping::is_managed).fallback(only_post))
}

/// A JSON body, or WeChat's complaint about it.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Errcode> {
    if body.is_empty() {
        return Err(Errcode(44002));
    }
    serde_json::from_slice(body).map_err(|_| Errcode(47001))
}

fn check_app(simulator: &Simulator, appid: Option<&str>, secret: Option<&str>) -> Result<String, Errcode> {
    let appid = appid.filter(|text| !text.is_empty()).ok_or(Errcode(41002))?;
    let secret = secret.filter(|text| !text.is_empty()).ok_or(Errcode(41004))?;
    match simulator.secret_of(appid) {
        None => Err(Errcode(40013)),
        Some(known) if known != secret => Err(Errcode(40125)),
        Some(_) => Ok(appid.to_owned()),
    }
}

/// An unused, unexpired code of that purpose and mini-program.
fn find_code(ledger: &Ledger, purpose: Purpose, code: &str, appid: &str, now: Timestamp) -> Result<Code, Errcode> {
    let found = ledger.codes.get(code).filter(|known| known.purpose == purpose).ok_or(Errcode(40029))?;
    match found {
        found if found.appid != appid && purpose == Purpose::Phone => Err(Errcode(40013)),
        found if found.appid != appid || found.expires_ms <= now => Err(Errcode(40029)),
        found if found.used && purpose == Purpose::Login => Err(Errcode(40163)),
        found if found.used => Err(Errcode(40029)),
        found => Ok(found.clone()),
    }
}

/// `code2Session`.
async fn code_to_session(State(simulator): State<Simulator>, Query(words): Words) -> Answer {
    let word = |name: &str| words.get(name).map(String::as_str);
    let appid = check_app(&simulator, word("appid"), word("secret"))?;
    if word("grant_type") != Some("authorization_code") {
        return Err(Errcode(40002));
    }
    let code = word("js_code").filter(|text| !text.is_empty()).ok_or(Errcode(41008))?;
    let (now, rotate) = (simulator.now(), simulator.faults().get().rotate_session_key);
    let mut ledger = simulator.lock();
    let code = find_code(&ledger, Purpose::Login, code, &appid, now)?;
    if ledger.users.get(&code.user).is_some_and(|user| user.risky) {
        return Err(Errcode(40226));
    }
    let user = log_in(&mut ledger, &code, now, rotate)?;
    let account = &user.accounts[&appid];
    let mut answer = json!({ "openid": account.openid, "session_key": account.session_key });
    if let Some(unionid) = &user.unionid {
        answer["unionid"] = json!(unionid);
    }
    Ok(Json(answer))
}

/// `checkSessionKey`.
async fn check_session(State(simulator): State<Simulator>, Query(words): Words) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let word = |name: &str| words.get(name).map(String::as_str).unwrap_or_default();
    let ledger = simulator.lock();
    let user = ledger.user_of_openid(word("openid")).ok_or(Errcode(40003))?;
    let account = user.accounts.get(&appid).filter(|account| account.openid == word("openid")).ok_or(Errcode(40003))?;
    let good = word("sig_method") == "hmac_sha256" && session_signature(&account.session_key) == word("signature");
    if good { Ok(Json(json!({ "errcode": 0, "errmsg": "ok" }))) } else { Err(Errcode(87009)) }
}

#[derive(Deserialize)]
struct AskPhone {
    code: Option<String>,
}

/// `getPhoneNumber` of the server interface.
async fn phone_number(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let ask: AskPhone = read(&body)?;
    let code = ask.code.filter(|text| !text.is_empty()).ok_or(Errcode(41008))?;
    let now = simulator.now();
    let mut ledger = simulator.lock();
    let code = find_code(&ledger, Purpose::Phone, &code, &appid, now)?;
    let phone = ledger.users.get(&code.user).map(|user| user.phone.clone()).ok_or(Errcode(40029))?;
    ledger.put([Record::Code(Code { used: true, ..code })])?;
    Ok(Json(json!({
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": phone,
            "purePhoneNumber": phone,
            "countryCode": "86",
            "watermark": { "timestamp": now.seconds(), "appid": appid },
        },
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::minutes;
    use crate::simulator::{
        NewUser,
        test::{APPID, Merchant, SECRET},
    };

    async fn log_in(merchant: &Merchant, code: &str) -> Value {
        let query = format!("appid={APPID}&secret={}&js_code={code}", SECRET.replace(' ', "%20"));
        let path = format!("/sns/jscode2session?{query}&grant_type=authorization_code");
        merchant.plain("GET", &path, Value::Null).await.json
    }

    #[tokio::test]
    async fn a_login_code_works_once_within_five_minutes() {
        let merchant = Merchant::new();
        let code = || merchant.simulator.js_code(APPID, "amy").expect("code");
        let first = code();
        let answer = log_in(&merchant, &first).await;
        assert_eq!(answer["openid"], merchant.openid.as_str());
        assert_eq!(answer["session_key"].as_str().map(str::len), Some(24));
        assert_eq!(log_in(&merchant, &first).await["errcode"], 40163);
        assert_eq!(log_in(&merchant, &code()).await["session_key"], answer["session_key"], "kept for a while");
        merchant.simulator.faults().change(|faults| faults.rotate_session_key = true);
        assert_ne!(log_in(&merchant, &code()).await["session_key"], answer["session_key"]);
        let late = code();
        merchant.clock.advance(minutes(5));
        assert_eq!(log_in(&merchant, &late).await["errcode"], 40029);
        let phone = merchant.simulator.phone_code(APPID, "amy").expect("code");
        assert_eq!(log_in(&merchant, &phone).await["errcode"], 40029, "another kind of code");
        let risky = NewUser { id: Some("eve".to_owned()), risky: true, ..NewUser::default() };
        merchant.simulator.add_user(risky).expect("user");
        let code = merchant.simulator.js_code(APPID, "eve").expect("code");
        assert_eq!(log_in(&merchant, &code).await["errcode"], 40226);
        merchant.simulator.faults().change(|faults| faults.busy = true);
        assert_eq!(log_in(&merchant, "any").await["errcode"], -1);
    }

    #[tokio::test]
    async fn a_user_is_another_openid_in_another_app_and_the_same_unionid() {
        let other = "wxfedcba9876543210";
        let merchant = Merchant::with(|options| options.apps.push((other.to_owned(), "s".to_owned())));
        let code = merchant.simulator.js_code(other, "amy").expect("code");
        assert_eq!(log_in(&merchant, &code).await["errcode"], 40029, "a code of another mini-program");
        let path = format!("/sns/jscode2session?appid={other}&secret=s&js_code={code}&grant_type=authorization_code");
        let there = merchant.plain("GET", &path, Value::Null).await.json;
        let here = log_in(&merchant, &merchant.simulator.js_code(APPID, "amy").expect("code")).await;
        assert_ne!(there["openid"], here["openid"]);
        assert!(here["unionid"].is_string() && here["unionid"] == there["unionid"]);
        let wrong = path.replace("secret=s", "secret=t");
        assert_eq!(merchant.plain("GET", &wrong, Value::Null).await.json["errcode"], 40125);
    }
}
