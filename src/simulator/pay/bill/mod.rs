//! Bills of a day: an address that lives five minutes, then a file of backticked columns in yuan.

mod fund;
mod trade;
mod trick;

pub use trick::BillTrick;

use super::{Answer, Refusal, check::Unsigned};
use crate::model::{
    money::Fen,
    time::{Day, Timestamp, minutes},
};
use crate::simulator::{Simulator, ledger::Ledger, record::RefundStatus};
use axum::{
    Extension, Json,
    extract::{Query, State},
    http::{HeaderMap, header},
};
use serde::Deserialize;
use serde_json::json;
use std::io::Write as _;

#[derive(Deserialize)]
pub(super) struct AskTrade {
    bill_date: String,
    bill_type: Option<String>,
    tar_type: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct AskFund {
    bill_date: String,
    account_type: Option<String>,
    tar_type: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Ticket {
    day: i64,
    kind: String,
    zip: bool,
    until: i64,
}

/// What a row of a bill is made of.
#[derive(Debug, Clone)]
struct Row {
    at: Timestamp,
    appid: String,
    openid: String,
    transaction_id: String,
    out_trade_no: String,
    description: String,
    attach: String,
    state: String,
    total: Fen,
    refund: Option<Back>,
}

/// The refund of a row.
#[derive(Debug, Clone)]
struct Back {
    refund_id: String,
    out_refund_no: String,
    amount: Fen,
    state: String,
    success: Option<Timestamp>,
}

/// `GET /v3/bill/tradebill`.
pub(super) async fn trade(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Query(ask): Query<AskTrade>,
) -> Answer {
    let kind = ask.bill_type.unwrap_or_else(|| "ALL".to_owned());
    if !["ALL", "SUCCESS", "REFUND"].contains(&kind.as_str()) {
        return Err(Refusal::bad("PARAM_ERROR", "bill_type不合法"));
    }
    answer(&simulator, &headers, &ask.bill_date, &kind, ask.tar_type.as_deref())
}

/// `GET /v3/bill/fundflowbill`. Nothing ever happens on the accounts besides the basic one.
pub(super) async fn fund(State(simulator): State<Simulator>, headers: HeaderMap, Query(ask): Query<AskFund>) -> Answer {
    let kind = ask.account_type.unwrap_or_else(|| "BASIC".to_owned());
    if !["BASIC", "OPERATION", "FEES"].contains(&kind.as_str()) {
        return Err(Refusal::bad("PARAM_ERROR", "account_type不合法"));
    }
    answer(&simulator, &headers, &ask.bill_date, &kind, ask.tar_type.as_deref())
}

fn answer(simulator: &Simulator, headers: &HeaderMap, date: &str, kind: &str, zip: Option<&str>) -> Answer {
    let now = simulator.now();
    let day: Option<Day> = date.parse().ok();
    let start = day.map(Day::start);
    let start =
        start.filter(|start| *start < now && now.since(*start) < minutes(93 * 24 * 60) && start.day() != now.day());
    let start = start.ok_or_else(|| Refusal::bad("INVALID_REQUEST", "账单日期不合法"))?;
    let tricks = simulator.faults().get().bill;
    // Made from nine in the morning on, complete at ten.
    if now < start.plus(minutes((24 + 10) * 60)) || tricks.contains(&BillTrick::Creating) {
        return Err(Refusal::bad("STATEMENT_CREATING", "账单生成中，请10点后再试"));
    }
    let zip = match zip {
        None => false,
        Some("GZIP") => true,
        Some(_) => return Err(Refusal::bad("PARAM_ERROR", "tar_type不合法")),
    };
    let text = write(simulator, Day(start.day()), kind)?;
    let mut hash =
        hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
    if tricks.contains(&BillTrick::WrongHash) {
        hash = hash.chars().rev().collect();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let (day, until) = (start.day(), now.plus(minutes(5)).0);
    Ok(Json(json!({
        "hash_type": "SHA1",
        "hash_value": hash,
        "download_url": format!(
            "http://{host}/v3/billdownload/file?day={day}&kind={kind}&zip={zip}&until={until}"
        ),
    })))
}

/// `GET /v3/billdownload/file`: signed by the merchant, not by us.
pub(super) async fn download(
    State(simulator): State<Simulator>,
    Query(ticket): Query<Ticket>,
) -> Result<(Extension<Unsigned>, Vec<u8>), Refusal> {
    if ticket.until < simulator.now().0 {
        return Err(Refusal::bad("INVALID_REQUEST", "下载地址已过期"));
    }
    let text = write(&simulator, Day(ticket.day), &ticket.kind)?;
    Ok((Extension(Unsigned), if ticket.zip { gzip(text.as_bytes())? } else { text.into_bytes() }))
}

/// The file, unless it is a day without money.
fn write(simulator: &Simulator, day: Day, kind: &str) -> Result<String, Refusal> {
    let tricks = simulator.faults().get().bill;
    let rows = trick::altered(rows(&simulator.lock()), &tricks);
    let text = match kind {
        "BASIC" => fund::write(&rows, day, &tricks),
        "OPERATION" | "FEES" => None,
        _ => trade::write(&rows, &simulator.options().mchid, day, kind, &tricks),
    };
    text.ok_or_else(|| Refusal::bad("NO_STATEMENT_EXIST", "账单文件不存在"))
}

/// Every payment and refund there ever was.
fn rows(ledger: &Ledger) -> Vec<Row> {
    let paid = |payment: &crate::simulator::record::Payment| {
        Some(Row {
            at: payment.success_ms?,
            appid: payment.appid.clone(),
            openid: payment.openid.clone(),
            transaction_id: payment.transaction_id.clone()?,
            out_trade_no: payment.out_trade_no.clone(),
            description: payment.description.clone(),
            attach: payment.attach.clone().unwrap_or_default(),
            state: "SUCCESS".to_owned(),
            total: payment.total_fen,
            refund: None,
        })
    };
    let back = |refund: &crate::simulator::record::Refund| {
        let row = paid(ledger.payments.get(&refund.out_trade_no)?)?;
        let state = match refund.status {
            RefundStatus::Processing => "PROCESSING",
            RefundStatus::Success => "SUCCESS",
            RefundStatus::Abnormal => "CHANGE",
            RefundStatus::Closed => "FAIL",
        };
        let refund_of = Back {
            refund_id: refund.refund_id.clone(),
            out_refund_no: refund.out_refund_no.clone(),
            amount: refund.refund_fen,
            state: state.to_owned(),
            success: refund.success_ms,
        };
        let (state, total) = ("REFUND".to_owned(), Fen::ZERO);
        Some(Row { at: refund.created_ms, state, total, refund: Some(refund_of), ..row })
    };
    ledger.payments.rows().filter_map(paid).chain(ledger.refunds.rows().filter_map(back)).collect()
}

/// Beijing time, as bills write it.
fn clock(time: Timestamp) -> String {
    time.rfc3339()[..19].replace('T', " ")
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let packed = packer.write_all(bytes).and_then(|()| packer.finish());
    packed.map_err(|_| Refusal::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "SYSTEM_ERROR", "系统异常"))
}
