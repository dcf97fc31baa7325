//! The control interface under `/_simulator/api/`: what the console's buttons, scripts and a tour use.
//!
//! It is JSON without any login: the simulator is a development tool and holds no secret but made-up ones. Requests
//! that a browser sends from another site are refused, so that no web page can press the buttons.

use super::{
    Callback, Encrypted, Error, NewUser, PushTarget, Simulator, Trick, UserInfo,
    cashier::Invocation,
    faults::Settings,
    notice::Manner,
    record::{Payment, Refund, Scene, User},
    subscription::SubscribeTap,
};
use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// How many records of a kind the state shows unless asked otherwise.
const SHOWN: usize = 50;

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Missing { .. } => (StatusCode::NOT_FOUND, "missing"),
            Self::Refused(_) => (StatusCode::CONFLICT, "refused"),
            Self::File { .. } | Self::Journal { .. } | Self::Keys(_) => (StatusCode::INTERNAL_SERVER_ERROR, "fault"),
        };
        (status, Json(json!({ "error": code, "message": self.to_string() }))).into_response()
    }
}

/// The routes.
pub(super) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/_simulator/api/state", get(state))
        .route("/_simulator/api/materials", get(materials))
        .route("/_simulator/api/users", post(add_user))
        .route("/_simulator/api/users/{id}/js_code", post(js_code))
        .route("/_simulator/api/users/{id}/phone_code", post(phone_code))
        .route("/_simulator/api/users/{id}/subscriptions", post(subscribe))
        .route("/_simulator/api/scan", post(scan))
        .route("/_simulator/api/users/{id}/encrypted_phone", post(encrypted_phone))
        .route("/_simulator/api/users/{id}/user_info", post(user_info))
        .route("/_simulator/api/cashier", post(open_cashier).get(find_prepay))
        .route("/_simulator/api/payments/{out_trade_no}/{act}", post(act_on_payment))
        .route("/_simulator/api/refunds/{out_refund_no}/{act}", post(act_on_refund))
        .route("/_simulator/api/callbacks/{id}/{act}", post(act_on_callback))
        .route("/_simulator/api/push/{appid}", put(push_to))
        .route("/_simulator/api/faults", get(faults).put(set_faults))
        .layer(middleware::from_fn(same_site))
}

async fn same_site(request: Request, next: Next) -> Response {
    let foreign = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if foreign && request.method() != Method::GET {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

#[derive(Deserialize)]
struct Range {
    limit: Option<usize>,
}

/// Everything, the newest first.
async fn state(State(simulator): State<Simulator>, Query(range): Query<Range>) -> Json<Value> {
    let limit = range.limit.unwrap_or(SHOWN);
    let ledger = simulator.lock();
    let users: Vec<&User> = ledger.users.rows().rev().take(limit).collect();
    let payments: Vec<&Payment> = ledger.payments.rows().rev().take(limit).collect();
    let refunds: Vec<_> = ledger.refunds.rows().rev().take(limit).collect();
    let callbacks: Vec<&Callback> = ledger.callbacks.rows().rev().take(limit).collect();
    let shipments: Vec<_> = ledger.shipments.rows().rev().take(limit).collect();
    let apps: Vec<&str> = simulator.options().apps.iter().map(|(appid, _)| appid.as_str()).collect();
    Json(json!({
        "now_ms": simulator.now(),
        "mchid": simulator.options().mchid,
        "speed": simulator.options().speed,
        "apps": apps,
        "users": users,
        "payments": payments,
        "refunds": refunds,
        "callbacks": callbacks,
        "messages": ledger.messages.rows().rev().take(limit).collect::<Vec<_>>(),
        "subscriptions": ledger.subscriptions.rows().rev().take(limit).collect::<Vec<_>>(),
        "scenes": ledger.scenes.rows().rev().take(limit).collect::<Vec<_>>(),
        "shipments": shipments,
        "counts": {
            "users": ledger.users.len(), "payments": ledger.payments.len(),
            "refunds": ledger.refunds.len(), "callbacks": ledger.callbacks.len(), "messages": ledger.messages.len(),
            "shipments": ledger.shipments.len(), "scenes": ledger.scenes.len(),
        },
        "faults": simulator.faults().get(),
    }))
}

async fn materials(State(simulator): State<Simulator>) -> Json<Value> {
    let mut view = json!(simulator.materials());
    let apps = simulator.options().apps.iter().map(|(appid, secret)| json!({ "appid": appid, "secret": secret }));
    view["apps"] = apps.collect();
    Json(view)
}

async fn add_user(State(simulator): State<Simulator>, Json(new): Json<NewUser>) -> Result<Json<User>, Error> {
    simulator.add_user(new).map(Json)
}

#[derive(Deserialize)]
struct InApp {
    appid: String,
}

type CodeAnswer = Result<Json<Value>, Error>;

async fn js_code(State(simulator): State<Simulator>, Path(id): Path<String>, Json(app): Json<InApp>) -> CodeAnswer {
    Ok(Json(json!({ "code": simulator.js_code(&app.appid, &id)? })))
}

async fn phone_code(State(simulator): State<Simulator>, Path(id): Path<String>, Json(app): Json<InApp>) -> CodeAnswer {
    Ok(Json(json!({ "code": simulator.phone_code(&app.appid, &id)? })))
}

/// What `wx.requestSubscribeMessage` gives the client.
async fn subscribe(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    Json(tap): Json<SubscribeTap>,
) -> CodeAnswer {
    simulator.subscribe(&id, &tap).map(Json)
}

#[derive(Deserialize)]
struct Scanned {
    appid: String,
    scene: String,
}

/// Which page a code opens, with what.
async fn scan(State(simulator): State<Simulator>, Json(scanned): Json<Scanned>) -> Result<Json<Scene>, Error> {
    simulator.scan(&scanned.appid, &scanned.scene).map(Json)
}

async fn user_info(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    Json(app): Json<InApp>,
) -> Result<Json<UserInfo>, Error> {
    simulator.user_info(&app.appid, &id).map(Json)
}

async fn encrypted_phone(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    Json(app): Json<InApp>,
) -> Result<Json<Encrypted>, Error> {
    simulator.encrypted_phone(&app.appid, &id).map(Json)
}

async fn open_cashier(
    State(simulator): State<Simulator>,
    Json(invocation): Json<Invocation>,
) -> Result<Json<Payment>, Error> {
    simulator.open_cashier(&invocation).map(Json)
}

#[derive(Deserialize)]
struct ByPrepay {
    prepay_id: String,
}

/// What the cashier page shows.
async fn find_prepay(
    State(simulator): State<Simulator>,
    Query(query): Query<ByPrepay>,
) -> Result<Json<Payment>, Error> {
    simulator.payment_of_prepay(&query.prepay_id).map(Json)
}

async fn act_on_payment(
    State(simulator): State<Simulator>,
    Path((out_trade_no, act)): Path<(String, String)>,
) -> Result<Json<Payment>, Error> {
    let payment = match act.as_str() {
        "pay" => simulator.pay(&out_trade_no),
        "fail" => simulator.fail(&out_trade_no),
        "cancel" => simulator.cancel(&out_trade_no),
        "confirm" => simulator.confirm_receipt(&out_trade_no).and_then(|_| simulator.payment(&out_trade_no)),
        "remind" => simulator.remind_shipping(&out_trade_no).and_then(|_| simulator.payment(&out_trade_no)),
        _ => Err(Error::missing("act", &act)),
    };
    payment.map(Json)
}

/// Where a mini-program wants its messages; `null` for nowhere.
async fn push_to(
    State(simulator): State<Simulator>,
    Path(appid): Path<String>,
    Json(target): Json<Option<PushTarget>>,
) -> Result<Json<Option<PushTarget>>, Error> {
    simulator.push_to(&appid, target.clone())?;
    Ok(Json(target))
}

/// What the merchant console does with a refund that could not be handed over.
async fn act_on_refund(
    State(simulator): State<Simulator>,
    Path((out_refund_no, act)): Path<(String, String)>,
) -> Result<Json<Refund>, Error> {
    let refund = match act.as_str() {
        "succeed" => simulator.mend_refund(&out_refund_no, true),
        "close" => simulator.mend_refund(&out_refund_no, false),
        _ => Err(Error::missing("act", &act)),
    };
    refund.map(Json)
}

#[derive(Deserialize)]
struct Wanted {
    /// For `forge`.
    trick: Option<Trick>,
    /// For `duplicate`.
    count: Option<usize>,
    /// For `delay`.
    delay_ms: Option<u32>,
    /// For `resend`: another address than the callback's own.
    to: Option<String>,
    /// For `resend`: sealed with this `APIv3` key.
    api_v3_key: Option<String>,
}

async fn act_on_callback(
    State(simulator): State<Simulator>,
    Path((id, act)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Callback>, Error> {
    let callback = match act.as_str() {
        "resend" => {
            let manner = Manner { trick: Trick::None, to: wanted.to, api_v3_key: wanted.api_v3_key };
            simulator.send_now(&id, &[manner]).await
        }
        "duplicate" => {
            let copies = vec![Manner::default(); wanted.count.unwrap_or(2).clamp(2, 100)];
            simulator.send_now(&id, &copies).await
        }
        "forge" => simulator.send_now(&id, &[wanted.trick.unwrap_or(Trick::ForeignKey).into()]).await,
        "probe" => {
            simulator.send_now(&id, &[Trick::SignTest.into()]).await?;
            simulator.send_now(&id, &[Manner::default()]).await
        }
        "delay" => simulator.plan(&id, Some(wanted.delay_ms.unwrap_or(60_000))),
        "drop" => simulator.plan(&id, None),
        _ => Err(Error::missing("act", &act)),
    };
    callback.map(Json)
}

async fn faults(State(simulator): State<Simulator>) -> Json<Settings> {
    Json(simulator.faults().get())
}

/// Replaces all faults; a field left out is no fault.
async fn set_faults(State(simulator): State<Simulator>, Json(settings): Json<Settings>) -> Json<Settings> {
    simulator.faults().set(settings);
    faults(State(simulator)).await
}

#[cfg(test)]
mod tests {
    use super::super::{
        record::RefundStatus,
        test::{APPID, Merchant},
    };
    use super::*;

    #[tokio::test]
    async fn a_script_can_log_in_open_the_cashier_and_pay() {
        let merchant = Merchant::new();
        let new = merchant.plain("POST", "/_simulator/api/users", json!({ "id": "bob", "name": "小波" })).await;
        assert_eq!(new.json["name"], "小波");
        let code = merchant.plain("POST", "/_simulator/api/users/bob/js_code", json!({ "appid": APPID })).await;
        assert_eq!(code.json["code"].as_str().map(str::len), Some(32));
        let button = "/_simulator/api/users/bob/encrypted_phone";
        let early = merchant.plain("POST", button, json!({ "appid": APPID })).await;
        assert_eq!(
            (early.status, &early.json["error"]),
            (StatusCode::CONFLICT, &json!("refused")),
            "no session key yet"
        );
        let nobody = merchant.plain("POST", "/_simulator/api/users/eve/js_code", json!({ "appid": APPID })).await;
        assert_eq!(nobody.status, StatusCode::NOT_FOUND);

        let package = format!("prepay_id={}", merchant.prepay("order-1", 100).await);
        let (time, nonce) = ("1795320000", "abc");
        let good = json!({ "timeStamp": time, "nonceStr": nonce, "package": package, "signType": "RSA",
                           "paySign": merchant.pay_sign(APPID, time, nonce, &package) });
        let open = async |body: Value| merchant.plain("POST", "/_simulator/api/cashier", body).await;
        assert_eq!(open(good.clone()).await.json["total_fen"], 100);
        for (name, value) in [
            ("nonceStr", json!("abd")),
            ("signType", json!("MD5")),
            ("package", json!("prepay_id=wx0")),
            ("appId", json!("wxother")),
            ("timeStamp", json!("1795320000000")),
            ("paySign", json!(merchant.pay_sign("wxother", time, nonce, &package))),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(open(bad).await.status.is_client_error(), "{name}");
        }
        let paid = merchant.plain("POST", "/_simulator/api/payments/order-1/pay", Value::Null).await;
        assert_eq!(paid.json["state"], "SUCCESS");
        let again = merchant.plain("POST", "/_simulator/api/payments/order-1/pay", Value::Null).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        let callback = merchant.simulator.callbacks()[0].id.clone();
        for (act, attempts) in [("forge", 1), ("forge?trick=stale", 2), ("duplicate?count=3", 5), ("probe", 7)] {
            let path = format!("/_simulator/api/callbacks/{callback}/{act}");
            let reply = merchant.plain("POST", &path, Value::Null).await;
            assert_eq!(reply.json["attempts"].as_array().map(Vec::len), Some(attempts), "{act}");
        }
        let path = format!("/_simulator/api/callbacks/{callback}/drop");
        assert_eq!(merchant.plain("POST", &path, Value::Null).await.json["state"], "dropped");
        assert!(merchant.simulator.pending_callbacks().is_empty());
    }

    #[tokio::test]
    async fn a_refund_that_could_not_be_handed_over_is_ended_by_hand() {
        let merchant = Merchant::new();
        merchant.paid("order-1", 200).await;
        let ask = json!({ "out_trade_no": "order-1", "out_refund_no": "r1", "notify_url": "https://shop.example/r",
            "amount": { "refund": 50, "total": 200, "currency": "CNY" } });
        assert!(merchant.post("/v3/refund/domestic/refunds", ask).await.status.is_success());
        let act =
            async |path: &str| merchant.plain("POST", &format!("/_simulator/api/refunds/{path}"), Value::Null).await;
        assert_eq!(act("r1/succeed").await.status, StatusCode::CONFLICT, "it is on its way");
        merchant.simulator.faults().change(|faults| faults.refund_result = Some(RefundStatus::Abnormal));
        merchant.clock.advance(std::time::Duration::from_secs(11));
        assert_eq!(act("r1/wish").await.status, StatusCode::NOT_FOUND);
        assert_eq!(act("r2/close").await.status, StatusCode::NOT_FOUND);
        assert_eq!(act("r1/succeed").await.json["status"], "SUCCESS");
        assert_eq!(act("r1/close").await.status, StatusCode::CONFLICT, "once");
        let told: Vec<_> = merchant.simulator.callbacks().into_iter().map(|callback| callback.event_type).collect();
        assert_eq!(told[told.len() - 2..], ["REFUND.ABNORMAL", "REFUND.SUCCESS"]);
    }

    #[tokio::test]
    async fn faults_are_set_as_a_whole_and_other_sites_may_not() {
        let merchant = Merchant::new();
        let path = "/_simulator/api/faults";
        let set = merchant.plain("PUT", path, json!({ "duplicate": 2, "callback_key": "mixed" })).await;
        assert_eq!((&set.json["duplicate"], &set.json["callback_key"]), (&json!(2), &json!("mixed")));
        assert!(merchant.plain("PUT", path, json!({ "duplicates": 2 })).await.status.is_client_error());
        let request = Request::builder().method("PUT").uri(path).header("content-type", "application/json");
        let request = request.header("sec-fetch-site", "cross-site").body("{}".into()).expect("request");
        assert_eq!(merchant.send(request).await.status, StatusCode::FORBIDDEN);
        assert_eq!(merchant.simulator.faults().get().duplicate, 2);
        let materials = merchant.plain("GET", "/_simulator/api/materials", Value::Null).await;
        assert_eq!(materials.json["apps"][0]["appid"], APPID);
    }
}
