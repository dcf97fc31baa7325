//! Orders: prepay, query, close.

use super::{Answer, Refusal, check_length, check_notify_url, check_number, read};
use crate::model::{
    money::Fen,
    time::{Timestamp, days, minutes},
};
use crate::simulator::{
    Error, Simulator,
    ledger::{Ledger, Record},
    record::{Payment, Prepay, TradeState},
};
use crate::wechat::pay::sign::random_text;
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskPrepay {
    appid: String,
    mchid: String,
    description: String,
    out_trade_no: String,
    time_expire: Option<String>,
    attach: Option<String>,
    notify_url: String,
    goods_tag: Option<String>,
    limit_pay: Option<Vec<String>>,
    #[serde(rename = "support_fapiao")]
    _support_fapiao: Option<bool>,
    amount: AskAmount,
    payer: AskPayer,
    #[serde(rename = "detail")]
    _detail: Option<serde_json::Map<String, Value>>,
    #[serde(rename = "scene_info")]
    _scene_info: Option<serde_json::Map<String, Value>>,
    #[serde(rename = "settle_info")]
    _settle_info: Option<AskSettle>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskAmount {
    total: i64,
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskPayer {
    openid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskSettle {
    #[serde(rename = "profit_sharing")]
    _profit_sharing: Option<bool>,
}

/// `POST /v3/pay/transactions/jsapi`.
pub(super) async fn prepay(State(simulator): State<Simulator>, body: Bytes) -> Answer {
    let (ask, request): (AskPrepay, Value) = read(&body)?;
    check_fields(&simulator, &ask)?;
    let now = simulator.now();
    let prepay = Prepay { id: prepay_id(now), expires_ms: now.plus(minutes(120)) };
    let mut ledger = simulator.lock();
    let user = ledger.user_of_openid(&ask.payer.openid);
    if user.and_then(|user| user.accounts.get(&ask.appid)).is_none_or(|account| account.openid != ask.payer.openid) {
        return Err(Refusal::bad("PARAM_ERROR", "appid和openid不匹配"));
    }
    let mut payment = match current(&mut ledger, &ask.out_trade_no, now)? {
        Some(known) => repeat(known, &request, now)?,
        None => new_payment(&ask, request, now)?,
    };
    payment.prepay_ids.push(prepay.clone());
    ledger.put([Record::Payment(Box::new(payment))])?;
    Ok(Json(json!({ "prepay_id": prepay.id })))
}

/// The rules of single fields.
fn check_fields(simulator: &Simulator, ask: &AskPrepay) -> Result<(), Refusal> {
    if ask.mchid != simulator.options().mchid {
        return Err(Refusal::field("/mchid", "differs from the mchid that signed the request"));
    }
    if simulator.secret_of(&ask.appid).is_none() {
        return Err(Refusal::bad("APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配，请检查后再试"));
    }
    check_length("/description", &ask.description, 127)?;
    check_number("/out_trade_no", &ask.out_trade_no, 6, 32, "_-|*")?;
    check_notify_url(&ask.notify_url, 255)?;
    check_length("/payer/openid", &ask.payer.openid, 128)?;
    ask.attach.iter().try_for_each(|attach| check_length("/attach", attach, 128))?;
    ask.goods_tag.iter().try_for_each(|tag| check_length("/goods_tag", tag, 32))?;
    let means = ["no_balance", "no_credit", "no_debit", "balance_only"];
    if ask.limit_pay.iter().flatten().any(|mean| !means.contains(&mean.as_str())) {
        return Err(Refusal::field("/limit_pay", "unknown value"));
    }
    if ask.amount.total < 1 {
        return Err(Refusal::field("/amount/total", "must be at least 1 fen"));
    }
    if ask.amount.currency.as_deref().is_some_and(|currency| currency != "CNY") {
        return Err(Refusal::field("/amount/currency", "must be CNY"));
    }
    Ok(())
}

/// A first request.
fn new_payment(ask: &AskPrepay, request: Value, now: Timestamp) -> Result<Payment, Refusal> {
    let time_expire_ms = match &ask.time_expire {
        None => None,
        Some(text) => {
            let time = Timestamp::parse_rfc3339(text);
            let time = time.ok_or_else(|| Refusal::field("/time_expire", "is not RFC 3339 with an offset"))?;
            if time > now.plus(days(7)) {
                return Err(Refusal::field("/time_expire", "is more than 7 days ahead"));
            }
            // WeChat moves a moment that is too near rather than refuse it.
            Some(time.max(now.plus(minutes(1))))
        }
    };
    Ok(Payment {
        out_trade_no: ask.out_trade_no.clone(),
        appid: ask.appid.clone(),
        openid: ask.payer.openid.clone(),
        description: ask.description.clone(),
        attach: ask.attach.clone(),
        notify_url: ask.notify_url.clone(),
        total_fen: Fen(ask.amount.total),
        time_expire_ms,
        request,
        prepay_ids: Vec::new(),
        state: TradeState::NotPay,
        transaction_id: None,
        failed_attempts: 0,
        cancels: 0,
        created_ms: now,
        success_ms: None,
    })
}

/// A repeated request, which must say the same of an order that can still be paid.
fn repeat(known: Payment, request: &Value, now: Timestamp) -> Result<Payment, Refusal> {
    match known.state {
        TradeState::Closed => return Err(Refusal::bad("ORDER_CLOSED", "该订单已关闭，请重新下单")),
        TradeState::Success | TradeState::Refund => return Err(Refusal::bad("ORDERPAID", "该订单已支付")),
        TradeState::NotPay => {}
    }
    if known.request != *request {
        return Err(Refusal::forbidden("OUT_TRADE_NO_USED", "商户订单号重复，请求重入时参数与首次请求不一致"));
    }
    if known.time_expire_ms.is_some_and(|end| end <= now) {
        return Err(Refusal::bad("INVALID_REQUEST", "订单已过期，请使用新的商户订单号"));
    }
    Ok(known)
}

fn prepay_id(now: Timestamp) -> String {
    let time: String = now.rfc3339().chars().filter(char::is_ascii_digit).take(14).collect();
    format!("wx{time}{}0000", random_text(16).to_lowercase())
}

/// The order as it stands: one that nobody paid for seven days is closed by now.
pub(in crate::simulator) fn current(
    ledger: &mut Ledger,
    out_trade_no: &str,
    now: Timestamp,
) -> Result<Option<Payment>, Error> {
    let Some(mut payment) = ledger.payments.get(out_trade_no).cloned() else { return Ok(None) };
    if payment.state == TradeState::NotPay && now.since(payment.created_ms) > days(7) {
        payment.state = TradeState::Closed;
        ledger.put([Record::Payment(Box::new(payment.clone()))])?;
    }
    Ok(Some(payment))
}

fn check_mchid(simulator: &Simulator, words: &HashMap<String, String>) -> Result<(), Refusal> {
    if words.get("mchid") == Some(&simulator.options().mchid) {
        return Ok(());
    }
    Err(Refusal::bad("PARAM_ERROR", "查询参数mchid缺失或与签名的商户号不一致"))
}

/// `GET /v3/pay/transactions/out-trade-no/{out_trade_no}?mchid=`.
pub(super) async fn find(
    State(simulator): State<Simulator>,
    Path(out_trade_no): Path<String>,
    Query(words): Query<HashMap<String, String>>,
) -> Answer {
    check_mchid(&simulator, &words)?;
    let now = simulator.now();
    let found = current(&mut simulator.lock(), &out_trade_no, now)?;
    let payment = found.ok_or_else(|| Refusal::missing("ORDER_NOT_EXIST", "订单不存在"))?;
    Ok(Json(transaction_view(&payment, &simulator.options().mchid)))
}

/// `GET /v3/pay/transactions/id/{transaction_id}?mchid=`.
pub(super) async fn find_by_id(
    State(simulator): State<Simulator>,
    Path(transaction_id): Path<String>,
    Query(words): Query<HashMap<String, String>>,
) -> Answer {
    check_mchid(&simulator, &words)?;
    let ledger = simulator.lock();
    let payment = ledger.payment_of_transaction(&transaction_id);
    let payment = payment.ok_or_else(|| Refusal::missing("ORDER_NOT_EXIST", "订单不存在"))?;
    Ok(Json(transaction_view(payment, &simulator.options().mchid)))
}

/// The order as queries and notices show it.
pub(in crate::simulator) fn transaction_view(payment: &Payment, mchid: &str) -> Value {
    let total = payment.total_fen.0;
    let describe = match payment.state {
        TradeState::NotPay => "订单未支付",
        TradeState::Success => "支付成功",
        TradeState::Refund => "订单发生过退款，退款详情请查询退款单",
        TradeState::Closed => "订单已关闭",
    };
    let mut view = json!({
        "appid": payment.appid,
        "mchid": mchid,
        "out_trade_no": payment.out_trade_no,
        "trade_state": payment.state,
        "trade_state_desc": describe,
        "amount": { "total": total, "currency": "CNY", "payer_currency": "CNY" },
        "promotion_detail": [],
    });
    if let Some(attach) = &payment.attach {
        view["attach"] = json!(attach);
    }
    if let (Some(transaction), Some(success)) = (&payment.transaction_id, payment.success_ms) {
        view["transaction_id"] = json!(transaction);
        view["trade_type"] = json!("JSAPI");
        view["bank_type"] = json!("OTHERS");
        view["success_time"] = json!(success.rfc3339());
        view["payer"] = json!({ "openid": payment.openid });
        view["amount"]["payer_total"] = json!(total);
    }
    view
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskClose {
    mchid: String,
}

/// `POST …/{out_trade_no}/close`; closing again is well.
pub(super) async fn close(
    State(simulator): State<Simulator>,
    Path(out_trade_no): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let (ask, _): (AskClose, Value) = read(&body)?;
    if ask.mchid != simulator.options().mchid {
        return Err(Refusal::field("/mchid", "differs from the mchid that signed the request"));
    }
    if simulator.faults().take_payment() {
        // Refused when it cannot be paid, and then it is closed as if nobody had tried.
        drop(simulator.pay(&out_trade_no));
    }
    let now = simulator.now();
    let mut ledger = simulator.lock();
    let found = current(&mut ledger, &out_trade_no, now)?;
    let mut payment = found.ok_or_else(|| Refusal::missing("ORDER_NOT_EXIST", "订单不存在"))?;
    match payment.state {
        TradeState::Closed => {}
        TradeState::NotPay => {
            payment.state = TradeState::Closed;
            ledger.put([Record::Payment(Box::new(payment))])?;
        }
        TradeState::Success | TradeState::Refund => {
            return Err(Refusal::bad("ORDER_PAID", "该订单已支付，不能关闭"));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
