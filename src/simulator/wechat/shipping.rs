//! Shipping information of paid orders (发货信息管理): without it the real platform keeps the merchant's money.

use super::{Answer, Errcode, Words, read, token};
use crate::model::time::Timestamp;
use crate::simulator::{
    Simulator,
    ledger::{Ledger, Record},
    record::Payment,
    trade::{self, Shipment},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct AskShipping {
    order_key: OrderKey,
    logistics_type: i64,
    delivery_mode: i64,
    #[serde(default)]
    is_all_delivered: Option<bool>,
    shipping_list: Vec<Parcel>,
    upload_time: String,
    payer: Payer,
}

#[derive(Deserialize)]
struct OrderKey {
    order_number_type: i64,
    #[serde(default)]
    transaction_id: Option<String>,
    #[serde(default)]
    mchid: Option<String>,
    #[serde(default)]
    out_trade_no: Option<String>,
}

#[derive(Deserialize)]
struct Parcel {
    #[serde(default)]
    tracking_no: String,
    #[serde(default)]
    express_company: String,
    #[serde(default)]
    item_desc: String,
    #[serde(default)]
    contact: Option<Contact>,
}

#[derive(Deserialize)]
struct Contact {
    #[serde(default)]
    consignor_contact: String,
    #[serde(default)]
    receiver_contact: String,
}

impl Contact {
    /// Whether either number shows its last four digits.
    fn is_shown(&self) -> bool {
        let shown = |number: &str| number.len() >= 4 && number.bytes().rev().take(4).all(|byte| byte.is_ascii_digit());
        shown(&self.consignor_contact) || shown(&self.receiver_contact)
    }
}

#[derive(Deserialize)]
struct Payer {
    openid: String,
}

/// `uploadShippingInfo`.
pub(super) async fn upload(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let ask: AskShipping = read(&body)?;
    let mut request: Value = read(&body)?;
    check(&ask)?;
    let uploaded = Timestamp::parse_rfc3339(&ask.upload_time).ok_or(Errcode(268_485_216))?;
    let now = simulator.now();
    let mut ledger = simulator.lock();
    let key = &ask.order_key;
    let payment = match key.order_number_type {
        1 if key.mchid.as_ref() != Some(&simulator.options().mchid) => return Err(Errcode(268_485_195)),
        1 => ledger.payments.get(key.out_trade_no.as_deref().ok_or(Errcode(268_485_194))?),
        2 => ledger.payment_of_transaction(key.transaction_id.as_deref().ok_or(Errcode(268_485_194))?),
        _ => return Err(Errcode(268_485_194)),
    };
    let payment = visible(&simulator, payment, &appid)?.clone();
    if payment.openid != ask.payer.openid {
        return Err(Errcode(10_060_031));
    }
    // The time of upload differs in each request and is no part of what is said.
    request["upload_time"] = Value::Null;
    let before = ledger.shipments.get(&payment.out_trade_no).cloned();
    let before =
        before.unwrap_or_else(|| Shipment { out_trade_no: payment.out_trade_no.clone(), ..Shipment::default() });
    let row = uploaded_row(&ask, request, uploaded, before)?;
    if trade::order_state(&simulator, &ledger, &payment, now) == 5 {
        return Err(Errcode(10_060_004));
    }
    let records = if row.finished {
        trade::finish(&simulator, &payment, row, now)
    } else {
        vec![Record::Shipment(Box::new(row))]
    };
    ledger.put(records)?;
    Ok(ok())
}

fn ok() -> Json<Value> {
    Json(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// A paid order of this mini-program, as soon as this interface sees it.
fn visible<'a>(simulator: &Simulator, payment: Option<&'a Payment>, appid: &str) -> Result<&'a Payment, Errcode> {
    let lag = std::time::Duration::from_secs(simulator.faults().get().ship_lag_seconds.into());
    let seen = |payment: &&Payment| {
        let paid = payment.success_ms.filter(|_| payment.transaction_id.is_some());
        payment.appid == appid && paid.is_some_and(|paid| simulator.now() >= paid.plus(lag))
    };
    payment.filter(seen).ok_or(Errcode(10_060_001))
}

/// What the order has after this upload.
fn uploaded_row(ask: &AskShipping, request: Value, at: Timestamp, before: Shipment) -> Result<Shipment, Errcode> {
    let first = before.uploads == 0;
    if !first && before.request == request {
        return Err(Errcode(10_060_023));
    }
    if !first && at <= before.uploaded_ms {
        return Err(Errcode(268_485_216));
    }
    if before.confirmed_ms.is_some() {
        return Err(Errcode(10_060_002));
    }
    let same = |name: &str| before.request[name] == request[name];
    // To say more of what is complete, or to go another way, is to ship anew, of which there is one chance.
    let anew = !first && (before.finished || !same("delivery_mode") || !same("logistics_type"));
    if anew && before.reshipped {
        return Err(Errcode(10_060_003));
    }
    let mut parcels = if anew { Vec::new() } else { before.parcels };
    for parcel in &ask.shipping_list {
        let named = (parcel.tracking_no.clone(), parcel.express_company.clone());
        if !parcels.contains(&named) {
            parcels.push(named);
        }
    }
    if parcels.len() > 15 {
        return Err(Errcode(10_060_024));
    }
    Ok(Shipment {
        request,
        uploaded_ms: at,
        parcels,
        finished: ask.delivery_mode == 1 || ask.is_all_delivered == Some(true),
        uploads: before.uploads + 1,
        reshipped: before.reshipped || anew,
        ..before
    })
}

#[derive(Deserialize)]
struct AskOrder {
    #[serde(default)]
    transaction_id: Option<String>,
    #[serde(default)]
    merchant_id: Option<String>,
    #[serde(default)]
    merchant_trade_no: Option<String>,
    #[serde(default)]
    received_time: Option<i64>,
}

impl AskOrder {
    fn payment<'a>(&self, simulator: &Simulator, ledger: &'a Ledger) -> Option<&'a Payment> {
        match (&self.transaction_id, &self.merchant_id, &self.merchant_trade_no) {
            (Some(id), ..) => ledger.payment_of_transaction(id),
            (None, Some(mchid), Some(number)) if *mchid == simulator.options().mchid => ledger.payments.get(number),
            _ => None,
        }
    }
}

/// `getOrder`.
pub(super) async fn find(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let ask: AskOrder = read(&body)?;
    let now = simulator.now();
    let mut ledger = simulator.lock();
    trade::advance(&simulator, &mut ledger, now)?;
    let payment = visible(&simulator, ask.payment(&simulator, &ledger), &appid)?;
    let row = ledger.shipments.get(&payment.out_trade_no).cloned().unwrap_or_default();
    let parcel = |(number, carrier): &(String, String)| {
        let contents = &row.request["shipping_list"][0]["item_desc"];
        json!({ "tracking_no": number, "express_company": carrier, "goods_desc": contents })
    };
    let parcels: Vec<Value> = row.parcels.iter().map(parcel).collect();
    Ok(Json(json!({ "errcode": 0, "errmsg": "ok", "order": {
        "transaction_id": payment.transaction_id,
        "merchant_id": simulator.options().mchid,
        "merchant_trade_no": payment.out_trade_no,
        "description": payment.description,
        "paid_amount": payment.total_fen,
        "openid": payment.openid,
        "trade_create_time": payment.created_ms.seconds(),
        "pay_time": payment.success_ms.map(Timestamp::seconds),
        "order_state": trade::order_state(&simulator, &ledger, payment, now),
        "in_complaint": false,
        "shipping": {
            "delivery_mode": row.request["delivery_mode"].as_i64().unwrap_or_default(),
            "logistics_type": row.request["logistics_type"].as_i64().unwrap_or_default(),
            "finish_shipping": row.finished,
            "finish_shipping_count": if row.finished { 1 + i64::from(row.reshipped) } else { 0 },
            "goods_desc": row.request["shipping_list"][0]["item_desc"].as_str().unwrap_or_default(),
            "shipping_list": parcels,
        },
    } })))
}

/// `notifyConfirmReceive`.
pub(super) async fn remind(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let ask: AskOrder = read(&body)?;
    let now = simulator.now();
    let mut ledger = simulator.lock();
    let payment = visible(&simulator, ask.payment(&simulator, &ledger), &appid)?;
    let row = ledger.shipments.get(&payment.out_trade_no).cloned().unwrap_or_default();
    let received = ask.received_time.map(Timestamp::from_seconds);
    match received {
        _ if !row.finished || row.confirmed_ms.is_some() => return Err(Errcode(10_060_028)),
        _ if row.request["logistics_type"] != 1 => return Err(Errcode(10_060_032)),
        Some(at) if at <= now && payment.success_ms.is_some_and(|paid| at >= paid) => {}
        _ => return Err(Errcode(10_060_029)),
    }
    if row.asked_ms.is_some() {
        return Err(Errcode(10_060_030));
    }
    ledger.put([Record::Shipment(Box::new(Shipment { asked_ms: Some(now), ..row }))])?;
    Ok(ok())
}

#[derive(Deserialize)]
struct AskManaged {
    appid: String,
}

/// `isTradeManaged`: here every mini-program is under 发货信息管理.
pub(super) async fn is_managed(State(simulator): State<Simulator>, Query(words): Words, body: Bytes) -> Answer {
    let appid = token::check(&simulator, &words)?;
    let ask: AskManaged = read(&body)?;
    if ask.appid != appid {
        return Err(Errcode(40013));
    }
    Ok(Json(json!({ "errcode": 0, "errmsg": "ok", "is_trade_managed": true })))
}

/// The rules of single fields. Official page: 发货信息录入接口, error codes.
fn check(ask: &AskShipping) -> Result<(), Errcode> {
    let code = match ask {
        ask if !(1..=4).contains(&ask.logistics_type) => 10_060_005,
        ask if !(1..=2).contains(&ask.delivery_mode) => 268_485_224,
        ask if ask.delivery_mode == 2 && ask.logistics_type != 1 => 10_060_006,
        ask if ask.delivery_mode == 2 && ask.is_all_delivered.is_none() => 10_060_007,
        ask if ask.delivery_mode == 1 && ask.shipping_list.len() != 1 => 268_485_228,
        ask if ask.shipping_list.len() > 15 => 10_060_024,
        ask => ask.shipping_list.iter().find_map(|parcel| fault(parcel, ask.logistics_type)).unwrap_or(0),
    };
    if code == 0 { Ok(()) } else { Err(Errcode(code)) }
}

fn fault(parcel: &Parcel, logistics_type: i64) -> Option<i64> {
    match parcel {
        parcel if parcel.item_desc.is_empty() => Some(10_060_008),
        parcel if parcel.item_desc.chars().count() > 120 => Some(10_060_009),
        parcel if logistics_type == 1 && parcel.tracking_no.is_empty() => Some(268_485_226),
        parcel if logistics_type == 1 && parcel.express_company.is_empty() => Some(268_485_227),
        parcel if parcel.tracking_no.len() > 128 => Some(10_060_025),
        parcel if parcel.express_company.len() > 128 => Some(10_060_026),
        parcel if parcel.express_company == "SF" && !parcel.contact.as_ref().is_some_and(Contact::is_shown) => {
            Some(10_060_014)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::tests::stable;
    use super::*;
    use crate::model::time::minutes;
    use crate::simulator::test::Merchant;

    #[tokio::test]
    async fn only_a_paid_order_of_that_payer_is_shipped_and_only_news_are_taken() {
        let merchant = Merchant::new();
        let token = stable(&merchant, false).await["access_token"].as_str().expect("token").to_owned();
        let upload = async |change: &dyn Fn(&mut Value)| {
            let mut ask = json!({
                "order_key": { "order_number_type": 1, "mchid": "1900000001", "out_trade_no": "order-1" },
                "logistics_type": 1, "delivery_mode": 1,
                "shipping_list": [{ "tracking_no": "T1", "express_company": "YTO", "item_desc": "一件商品" }],
                "upload_time": merchant.simulator.now().rfc3339(),
                "payer": { "openid": merchant.openid },
            });
            change(&mut ask);
            let path = format!("/wxa/sec/order/upload_shipping_info?access_token={token}");
            merchant.plain("POST", &path, ask).await.json["errcode"].clone()
        };
        merchant.prepay("order-1", 100).await;
        assert_eq!(upload(&|_| {}).await, 10_060_001, "unpaid");
        merchant.simulator.pay("order-1").expect("paid");
        assert_eq!(upload(&|ask| ask["payer"]["openid"] = json!("oNobody")).await, 10_060_031);
        assert_eq!(upload(&|ask| ask["shipping_list"][0]["tracking_no"] = json!("")).await, 268_485_226);
        assert_eq!(upload(&|ask| ask["shipping_list"][0]["express_company"] = json!("SF")).await, 10_060_014);
        assert_eq!(upload(&|_| {}).await, 0);
        merchant.clock.advance(minutes(1));
        assert_eq!(upload(&|_| {}).await, 10_060_023, "nothing new");
        assert_eq!(upload(&|ask| ask["shipping_list"][0]["tracking_no"] = json!("T2")).await, 0, "one more chance");
        merchant.clock.advance(minutes(1));
        assert_eq!(upload(&|ask| ask["shipping_list"][0]["tracking_no"] = json!("T3")).await, 10_060_003);
        let shipments = merchant.simulator.shipments();
        assert_eq!((shipments.len(), shipments[0].uploads, shipments[0].finished), (1, 2, true));
    }
}
