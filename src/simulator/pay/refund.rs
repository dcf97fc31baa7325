//! Refunds: asked for, settled after a while, told by a callback.

use super::{Answer, Refusal, check_length, check_notify_url, check_number, read};
use crate::model::{
    money::Fen,
    time::{Timestamp, days},
};
use crate::simulator::{
    Error, Simulator, callback,
    keys::digits,
    ledger::{Ledger, Record},
    record::{Payment, Refund, RefundStatus, TradeState},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Refunds of one order.
const REFUNDS_MAX: usize = 50;
/// Seconds between two refunds of one order.
const PAUSE_SECONDS: u32 = 60;
/// Seconds that a refund takes.
const PROCESSING_SECONDS: u32 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskRefund {
    transaction_id: Option<String>,
    out_trade_no: Option<String>,
    out_refund_no: String,
    reason: Option<String>,
    notify_url: Option<String>,
    funds_account: Option<String>,
    amount: AskAmount,
    #[serde(rename = "goods_detail")]
    _goods_detail: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskAmount {
    refund: i64,
    total: i64,
    currency: String,
    #[serde(rename = "from")]
    _from: Option<Vec<Value>>,
}

/// `POST /v3/refund/domestic/refunds`: 200 means accepted, not paid out.
pub(super) async fn refund(State(simulator): State<Simulator>, body: Bytes) -> Answer {
    let (ask, request): (AskRefund, Value) = read(&body)?;
    check_fields(&ask)?;
    let now = simulator.now();
    let mut ledger = simulator.lock();
    settle(&simulator, &mut ledger, now)?;
    if let Some(known) = ledger.refunds.get(&ask.out_refund_no) {
        if known.request != request {
            let message = "订单金额或退款金额与之前请求不一致，请核实后再试";
            return Err(Refusal::bad("INVALID_REQUEST", message));
        }
        return Ok(Json(refund_view(known)));
    }
    let mut payment = paid_order(&ledger, &ask)?;
    check_amount(&simulator, &ledger, &payment, &ask, now)?;
    let refund = Refund {
        out_refund_no: ask.out_refund_no,
        refund_id: format!("503{}", digits(26)),
        out_trade_no: payment.out_trade_no.clone(),
        transaction_id: payment.transaction_id.clone().unwrap_or_default(),
        reason: ask.reason,
        notify_url: ask.notify_url,
        refund_fen: Fen(ask.amount.refund),
        total_fen: payment.total_fen,
        request,
        status: RefundStatus::Processing,
        created_ms: now,
        settles_ms: Timestamp(now.0 + simulator.options().wait_ms(PROCESSING_SECONDS)),
        success_ms: None,
    };
    let view = refund_view(&refund);
    payment.state = TradeState::Refund;
    ledger.put([Record::Payment(Box::new(payment)), Record::Refund(Box::new(refund))])?;
    drop(ledger);
    simulator.0.bell.notify_one();
    Ok(Json(view))
}

/// The rules of single fields.
fn check_fields(ask: &AskRefund) -> Result<(), Refusal> {
    check_number("/out_refund_no", &ask.out_refund_no, 1, 64, "_-|*@")?;
    if ask.transaction_id.is_none() && ask.out_trade_no.is_none() {
        return Err(Refusal::bad("PARAM_ERROR", "transaction_id和out_trade_no不能同时为空"));
    }
    ask.reason.iter().try_for_each(|reason| check_length("/reason", reason, 80))?;
    ask.notify_url.iter().try_for_each(|url| check_notify_url(url, 256))?;
    if ask.funds_account.as_deref().is_some_and(|account| !["AVAILABLE", "UNSETTLED"].contains(&account)) {
        return Err(Refusal::field("/funds_account", "unknown value"));
    }
    if ask.amount.refund < 1 {
        return Err(Refusal::field("/amount/refund", "must be at least 1 fen"));
    }
    if ask.amount.currency != "CNY" {
        return Err(Refusal::field("/amount/currency", "must be CNY"));
    }
    Ok(())
}

/// The order, which must have been paid.
fn paid_order(ledger: &Ledger, ask: &AskRefund) -> Result<Payment, Refusal> {
    let payment = match (&ask.transaction_id, &ask.out_trade_no) {
        (Some(id), _) => ledger.payment_of_transaction(id),
        (None, Some(number)) => ledger.payments.get(number),
        (None, None) => None,
    };
    let paid = payment.filter(|payment| payment.transaction_id.is_some());
    let payment = paid.ok_or_else(|| Refusal::missing("RESOURCE_NOT_EXISTS", "订单不存在或未支付"))?;
    if ask.out_trade_no.as_ref().is_some_and(|number| *number != payment.out_trade_no) {
        return Err(Refusal::bad("PARAM_ERROR", "transaction_id和out_trade_no不是同一订单"));
    }
    Ok(payment.clone())
}

/// What a new refund may be.
fn check_amount(
    simulator: &Simulator,
    ledger: &Ledger,
    payment: &Payment,
    ask: &AskRefund,
    now: Timestamp,
) -> Result<(), Refusal> {
    if ask.amount.total != payment.total_fen.0 {
        return Err(Refusal::bad("INVALID_REQUEST", "订单金额与原支付订单不一致"));
    }
    if payment.success_ms.is_some_and(|paid| now.since(paid) > days(365)) {
        return Err(Refusal::forbidden("RULE_LIMIT", "订单已超过一年，不能退款"));
    }
    let before = ledger.refunds_of(&payment.out_trade_no);
    let alive = || before.iter().filter(|refund| refund.status != RefundStatus::Closed);
    if alive().count() >= REFUNDS_MAX {
        return Err(Refusal::forbidden("RULE_LIMIT", "一笔订单最多支持50次部分退款"));
    }
    let sum: i64 = alive().map(|refund| refund.refund_fen.0).sum();
    if sum.checked_add(ask.amount.refund).is_none_or(|sum| sum > payment.total_fen.0) {
        return Err(Refusal::bad("INVALID_REQUEST", "申请退款金额大于订单可退金额"));
    }
    let pause = simulator.options().wait_ms(PAUSE_SECONDS);
    if before.last().is_some_and(|last| now.0 - last.created_ms.0 < pause) {
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "FREQUENCY_LIMITED", "频率限制，请1分钟后重试"));
    }
    if simulator.faults().get().not_enough {
        return Err(Refusal::forbidden("NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"));
    }
    Ok(())
}

/// `GET /v3/refund/domestic/refunds/{out_refund_no}`.
pub(super) async fn find(State(simulator): State<Simulator>, Path(out_refund_no): Path<String>) -> Answer {
    let now = simulator.now();
    let mut ledger = simulator.lock();
    settle(&simulator, &mut ledger, now)?;
    let refund = ledger.refunds.get(&out_refund_no);
    Ok(Json(refund_view(refund.ok_or_else(|| Refusal::missing("RESOURCE_NOT_EXISTS", "退款单不存在"))?)))
}

fn refund_view(refund: &Refund) -> Value {
    let (total, part) = (refund.total_fen.0, refund.refund_fen.0);
    let mut view = json!({
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": refund.transaction_id,
        "out_trade_no": refund.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": refund.created_ms.rfc3339(),
        "status": refund.status,
        "funds_account": "AVAILABLE",
        "amount": {
            "total": total, "refund": part, "payer_total": total, "payer_refund": part, "settlement_refund": part,
            "settlement_total": total, "discount_refund": 0, "currency": "CNY", "refund_fee": 0,
        },
        "promotion_detail": [],
    });
    if let Some(success) = refund.success_ms {
        view["success_time"] = json!(success.rfc3339());
    }
    view
}

/// Lets every refund end whose time has come, and plans its callback.
pub(in crate::simulator) fn settle(simulator: &Simulator, ledger: &mut Ledger, now: Timestamp) -> Result<(), Error> {
    for refund in ledger.settling(now) {
        let wanted = simulator.faults().get().refund_result;
        let status = wanted.filter(|end| *end != RefundStatus::Processing).unwrap_or(RefundStatus::Success);
        let at = refund.settles_ms;
        end(simulator, ledger, refund, status, at, now)?;
    }
    Ok(())
}

/// Ends a refund this way, and plans its callback.
fn end(
    simulator: &Simulator,
    ledger: &mut Ledger,
    mut refund: Refund,
    status: RefundStatus,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    refund.status = status;
    refund.success_ms = (status == RefundStatus::Success).then_some(at);
    let mut records = vec![];
    if status == RefundStatus::Closed {
        let others = ledger.refunds_of(&refund.out_trade_no);
        let alone = others
            .iter()
            .all(|other| other.out_refund_no == refund.out_refund_no || other.status == RefundStatus::Closed);
        if let Some(payment) = ledger.payments.get(&refund.out_trade_no).filter(|_| alone) {
            records.push(Record::Payment(Box::new(Payment { state: TradeState::Success, ..payment.clone() })));
        }
    }
    records.extend(callback::for_refund(simulator, &refund, now));
    records.push(Record::Refund(Box::new(refund)));
    ledger.put(records)
}

impl Simulator {
    /// Somebody acts in the merchant console (异常退款处理): a refund that could not be handed over is paid out by another
    /// way, or closed.
    pub fn mend_refund(&self, out_refund_no: &str, paid_out: bool) -> Result<Refund, Error> {
        let now = self.now();
        let mut ledger = self.lock();
        settle(self, &mut ledger, now)?;
        let known = ledger.refunds.get(out_refund_no).cloned();
        let refund = known.ok_or_else(|| Error::missing("refund", out_refund_no))?;
        if refund.status != RefundStatus::Abnormal {
            return Err(Error::Refused("the refund is not abnormal"));
        }
        let status = if paid_out { RefundStatus::Success } else { RefundStatus::Closed };
        end(self, &mut ledger, refund.clone(), status, now, now)?;
        drop(ledger);
        self.0.bell.notify_one();
        Ok(Refund { status, success_ms: paid_out.then_some(now), ..refund })
    }
}
