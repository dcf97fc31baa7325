//! The trade bill of a day: an address that lives five minutes, then a file of backticked columns in yuan.

use super::{Answer, Refusal, check::Unsigned};
use crate::model::{
    money::Fen,
    time::{Timestamp, minutes},
};
use crate::simulator::{
    Simulator,
    ledger::Ledger,
    record::{Payment, Refund, RefundStatus},
};
use axum::{
    Extension, Json,
    extract::{Query, State},
    http::{HeaderMap, header},
};
use serde::Deserialize;
use serde_json::json;
use std::fmt::Write as _;

/// Columns of payments and refunds, of payments, and of refunds. Official page: 申请交易账单, format.
const ALL: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,\
费率,订单金额,申请退款金额,费率备注";
const SUCCESS: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注";
const REFUND: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
货币种类,应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,\
商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";

#[derive(Deserialize)]
pub(super) struct AskBill {
    bill_date: String,
    bill_type: Option<String>,
    tar_type: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Ticket {
    day: i64,
    kind: String,
    zip: bool,
    until: i64,
}

/// `GET /v3/bill/tradebill`.
pub(super) async fn trade(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Query(ask): Query<AskBill>,
) -> Answer {
    let now = simulator.now();
    let start = Timestamp::parse_rfc3339(&format!("{}T00:00:00+08:00", ask.bill_date));
    let start = start.filter(|_| ask.bill_date.len() == 10);
    let start =
        start.filter(|start| *start < now && now.since(*start) < minutes(93 * 24 * 60) && start.day() != now.day());
    let start = start.ok_or_else(|| Refusal::bad("INVALID_REQUEST", "账单日期不合法"))?;
    // Made from nine in the morning on, complete at ten.
    if now < start.plus(minutes((24 + 10) * 60)) {
        return Err(Refusal::bad("STATEMENT_CREATING", "账单生成中，请10点后再试"));
    }
    let kind = ask.bill_type.unwrap_or_else(|| "ALL".to_owned());
    if !["ALL", "SUCCESS", "REFUND"].contains(&kind.as_str()) {
        return Err(Refusal::bad("PARAM_ERROR", "bill_type不合法"));
    }
    let zip = match ask.tar_type.as_deref() {
        None => false,
        Some("GZIP") => true,
        Some(_) => return Err(Refusal::bad("PARAM_ERROR", "tar_type不合法")),
    };
    let text = write(&simulator.lock(), &simulator.options().mchid, start.day(), &kind)
        .ok_or_else(|| Refusal::bad("NO_STATEMENT_EXIST", "账单文件不存在"))?;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let (day, until) = (start.day(), now.plus(minutes(5)).0);
    Ok(Json(json!({
        "hash_type": "SHA1",
        "hash_value": hex::encode(hash),
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
    let text = write(&simulator.lock(), &simulator.options().mchid, ticket.day, &ticket.kind);
    let text = text.ok_or_else(|| Refusal::bad("NO_STATEMENT_EXIST", "账单文件不存在"))?;
    Ok((Extension(Unsigned), if ticket.zip { gzip(text.as_bytes()) } else { text.into_bytes() }))
}

/// The file, or `None` for a day without money.
fn write(ledger: &Ledger, mchid: &str, day: i64, kind: &str) -> Option<String> {
    let columns = match kind {
        "SUCCESS" => SUCCESS,
        "REFUND" => REFUND,
        _ => ALL,
    };
    let paid = ledger.payments.rows().filter(|payment| payment.success_ms.is_some_and(|time| time.day() == day));
    let back = ledger.refunds.rows().filter(|refund| refund.created_ms.day() == day);
    let back = back.filter_map(|refund| Some((ledger.payments.get(&refund.out_trade_no)?, Some(refund))));
    let mut rows: Vec<(&Payment, Option<&Refund>)> = paid.map(|payment| (payment, None)).chain(back).collect();
    rows.retain(|(_, refund)| kind == "ALL" || refund.is_some() == (kind == "REFUND"));
    if rows.is_empty() {
        return None;
    }
    let mut text = format!("\u{feff}{columns}\r\n");
    for (payment, refund) in &rows {
        let cells = columns.split(',').map(|name| format!("`{}", cell(name, mchid, payment, *refund)));
        let _ = write!(text, "{}\r\n", cells.collect::<Vec<_>>().join(","));
    }
    let total = |of: fn(&Payment, Option<&Refund>) -> Fen| {
        Fen(rows.iter().map(|(payment, refund)| of(payment, *refund).0).sum())
    };
    let (count, orders) = (rows.len(), total(order_fen));
    if kind == "SUCCESS" {
        let _ = write!(
            text,
            "总交易单数,应结订单总金额,手续费总金额,订单总金额\r\n`{count},`{orders},`0.00000,`{orders}\r\n"
        );
    } else {
        let back = total(refund_fen);
        let _ = write!(
            text,
            "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n\
             `{count},`{orders},`{back},`0.00,`0.00000,`{orders},`{back}\r\n"
        );
    }
    Some(text)
}

fn order_fen(payment: &Payment, refund: Option<&Refund>) -> Fen {
    if refund.is_some() { Fen::ZERO } else { payment.total_fen }
}

fn refund_fen(_: &Payment, refund: Option<&Refund>) -> Fen {
    refund.map_or(Fen::ZERO, |refund| refund.refund_fen)
}

fn cell(name: &str, mchid: &str, payment: &Payment, refund: Option<&Refund>) -> String {
    let time = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.rfc3339()[..19].replace('T', " "));
    let plain = |text: &str| text.replace([',', '\n', '\r', '`'], " ");
    match name {
        "交易时间" => time(refund.map(|refund| refund.created_ms).or(payment.success_ms)),
        "退款申请时间" => time(refund.map(|refund| refund.created_ms)),
        "退款成功时间" => time(refund.and_then(|refund| refund.success_ms)),
        "公众账号ID" => payment.appid.clone(),
        "商户号" => mchid.to_owned(),
        "微信订单号" => payment.transaction_id.clone().unwrap_or_default(),
        "商户订单号" => payment.out_trade_no.clone(),
        "用户标识" => payment.openid.clone(),
        "交易类型" => "JSAPI".to_owned(),
        "交易状态" => if refund.is_some() { "REFUND" } else { "SUCCESS" }.to_owned(),
        "付款银行" => "OTHERS".to_owned(),
        "货币种类" => "CNY".to_owned(),
        "应结订单金额" | "订单金额" => order_fen(payment, refund).to_string(),
        "代金券金额" | "充值券退款金额" => "0.00".to_owned(),
        "微信退款单号" => refund.map_or("0", |refund| &refund.refund_id).to_owned(),
        "商户退款单号" => refund.map_or("0", |refund| &refund.out_refund_no).to_owned(),
        "退款金额" | "申请退款金额" => refund_fen(payment, refund).to_string(),
        "退款类型" => refund.map_or("", |_| "ORIGINAL").to_owned(),
        "退款状态" => match refund.map(|refund| refund.status) {
            None => "",
            Some(RefundStatus::Processing) => "PROCESSING",
            Some(RefundStatus::Success) => "SUCCESS",
            Some(RefundStatus::Abnormal) => "CHANGE",
            Some(RefundStatus::Closed) => "FAIL",
        }
        .to_owned(),
        "商品名称" => plain(&payment.description),
        "商户数据包" => plain(payment.attach.as_deref().unwrap_or_default()),
        "手续费" => "0.00000".to_owned(),
        "费率" => "0.00%".to_owned(),
        "设备号" | "特约商户号" => if name == "特约商户号" { "0" } else { "" }.to_owned(),
        _ => String::new(),
    }
}

/// gzip (RFC 1952) of stored blocks: a bill of a simulator need not be small, and no codec is linked for it.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)))
    });
    out.extend((!crc).to_le_bytes());
    out.extend(u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0).to_le_bytes());
    out
}
