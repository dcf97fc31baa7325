//! The trade bill.

use super::{BillTrick, Row, clock};
use crate::model::{money::Fen, time::Day};
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

/// The file, or `None` for a day without money.
pub(super) fn write(all: &[Row], mchid: &str, day: Day, kind: &str, tricks: &[BillTrick]) -> Option<String> {
    let columns = match kind {
        "SUCCESS" => SUCCESS,
        "REFUND" => REFUND,
        _ => ALL,
    };
    let mut rows: Vec<&Row> = all.iter().filter(|row| row.at.day() == day.0).collect();
    rows.retain(|row| kind == "ALL" || row.refund.is_some() == (kind == "REFUND"));
    rows.extend(rows.clone().into_iter().filter(|row| tricks.iter().any(|trick| trick.repeats(row))));
    if rows.is_empty() {
        return None;
    }
    let mut text = format!("\u{feff}{columns}\r\n");
    for row in &rows {
        let cells = columns.split(',').map(|name| format!("`{}", cell(name, mchid, row)));
        let _ = write!(text, "{}\r\n", cells.collect::<Vec<_>>().join(","));
    }
    let total = |of: fn(&Row) -> Fen| Fen(rows.iter().map(|row| of(row).0).sum());
    let wrong = i64::from(tricks.contains(&BillTrick::WrongTotal));
    let (count, orders) = (rows.len(), Fen(total(|row| row.total).0 + wrong));
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

fn refund_fen(row: &Row) -> Fen {
    row.refund.as_ref().map_or(Fen::ZERO, |refund| refund.amount)
}

fn cell(name: &str, mchid: &str, row: &Row) -> String {
    let refund = row.refund.as_ref();
    let plain = |text: &str| text.replace([',', '\n', '\r', '`'], " ");
    match name {
        "交易时间" => clock(row.at),
        "退款申请时间" => refund.map_or_else(String::new, |_| clock(row.at)),
        "退款成功时间" => refund.and_then(|refund| refund.success).map_or_else(String::new, clock),
        "公众账号ID" => row.appid.clone(),
        "商户号" => mchid.to_owned(),
        "微信订单号" => row.transaction_id.clone(),
        "商户订单号" => row.out_trade_no.clone(),
        "用户标识" => row.openid.clone(),
        "交易类型" => "JSAPI".to_owned(),
        "交易状态" => row.state.clone(),
        "付款银行" => "OTHERS".to_owned(),
        "货币种类" => "CNY".to_owned(),
        "应结订单金额" | "订单金额" => row.total.to_string(),
        "代金券金额" | "充值券退款金额" => "0.00".to_owned(),
        "微信退款单号" => refund.map_or("0", |refund| &refund.refund_id).to_owned(),
        "商户退款单号" => refund.map_or("0", |refund| &refund.out_refund_no).to_owned(),
        "退款金额" | "申请退款金额" => refund_fen(row).to_string(),
        "退款类型" => refund.map_or("", |_| "ORIGINAL").to_owned(),
        "退款状态" => refund.map_or_else(String::new, |refund| refund.state.clone()),
        "商品名称" => plain(&row.description),
        "商户数据包" => plain(&row.attach),
        "手续费" => "0.00000".to_owned(),
        "费率" => "0.00%".to_owned(),
        "设备号" | "特约商户号" => if name == "特约商户号" { "0" } else { "" }.to_owned(),
        _ => String::new(),
    }
}
