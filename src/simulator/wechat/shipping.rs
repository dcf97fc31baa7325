//! Shipping information of paid orders (发货信息管理): without it the real platform keeps the merchant's money.

use super::{Answer, Errcode, Words, read, token};
use crate::model::time::Timestamp;
use crate::simulator::{Simulator, ledger::Record, record::Shipment};
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
    contact: Option<Value>,
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
    let mut ledger = simulator.lock();
    let key = &ask.order_key;
    let payment = match key.order_number_type {
        1 if key.mchid.as_ref() != Some(&simulator.options().mchid) => return Err(Errcode(268_485_195)),
        1 => ledger.payments.get(key.out_trade_no.as_deref().ok_or(Errcode(268_485_194))?),
        2 => ledger.payment_of_transaction(key.transaction_id.as_deref().ok_or(Errcode(268_485_194))?),
        _ => return Err(Errcode(268_485_194)),
    };
    let paid = payment.filter(|payment| payment.appid == appid && payment.transaction_id.is_some());
    let payment = paid.ok_or(Errcode(10_060_001))?;
    if payment.openid != ask.payer.openid {
        return Err(Errcode(10_060_031));
    }
    // The time of upload differs in each request and is no part of what is said.
    request["upload_time"] = Value::Null;
    let out_trade_no = payment.out_trade_no.clone();
    let uploads = match ledger.shipments.get(&out_trade_no) {
        None => 1,
        Some(before) if before.request == request => return Err(Errcode(10_060_023)),
        Some(before) if uploaded <= before.uploaded_ms => return Err(Errcode(268_485_216)),
        // After completion there is one chance to ship again.
        Some(before) if before.finished && before.uploads > 1 => return Err(Errcode(10_060_003)),
        Some(before) => before.uploads + 1,
    };
    let finished = ask.delivery_mode == 1 || ask.is_all_delivered == Some(true);
    let shipment = Shipment { out_trade_no, request, uploaded_ms: uploaded, finished, uploads };
    ledger.put([Record::Shipment(Box::new(shipment))])?;
    Ok(Json(json!({ "errcode": 0, "errmsg": "ok" })))
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
        parcel if parcel.express_company == "SF" && parcel.contact.is_none() => Some(10_060_014),
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
