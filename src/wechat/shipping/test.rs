//! What is asked of WeChat about shipping, and what its answers mean.

use super::*;
use crate::wechat::desk::{APPID, Desk, Signer::Nobody};
use serde_json::{Value, json};

fn info() -> ShippingInfo {
    ShippingInfo {
        order: OrderKey::Transaction("4200".into()),
        logistics: LogisticsType::Express,
        mode: DeliveryMode::Split { all_delivered: false },
        parcels: vec![ShippingParcel {
            express: Some(("T1".into(), "SF".into())),
            item_desc: "茶".into(),
            receiver_contact: Some("189****1234".into()),
        }],
        upload_time: Timestamp(1_671_082_175_120),
        openid: "o1".into(),
    }
}

#[tokio::test]
async fn what_is_asked_has_the_published_form() {
    let desk = Desk::open(false).await;
    desk.say(200, r#"{"access_token":"T","expires_in":7200}"#, Nobody);
    desk.say(200, r#"{"errcode":0,"errmsg":"ok"}"#, Nobody);
    desk.wechat.upload_shipping_info(APPID, &info()).await.expect("uploaded");
    let number = OrderKey::Number { mchid: "19".into(), out_trade_no: "n1".into() };
    let plain = ShippingParcel { express: None, item_desc: "券".into(), receiver_contact: None };
    let virtual_goods = ShippingInfo {
        order: number.clone(),
        logistics: LogisticsType::Virtual,
        mode: DeliveryMode::Unified,
        parcels: vec![plain],
        ..info()
    };
    desk.say(200, r#"{"errcode":10060023,"errmsg":"x rid: 1"}"#, Nobody);
    let error = desk.wechat.upload_shipping_info(APPID, &virtual_goods).await.expect_err("known");
    assert_eq!(UploadVerdict::of(&error), UploadVerdict::Known);
    desk.say(200, r#"{"errcode":0}"#, Nobody);
    desk.wechat.notify_confirm_receive(APPID, &number, Timestamp(1_700_000_000_999)).await.expect("reminded");
    let asked = desk.asked();
    let body = |at: usize| serde_json::from_str::<Value>(&asked[at].body).expect("JSON");
    assert_eq!(asked[1].line, "POST /wxa/sec/order/upload_shipping_info?access_token=T");
    let expected = json!({ "order_key": { "order_number_type": 2, "transaction_id": "4200" }, "logistics_type": 1,
        "delivery_mode": 2, "is_all_delivered": false, "shipping_list": [{ "tracking_no": "T1", "express_company": "SF",
        "item_desc": "茶", "contact": { "receiver_contact": "189****1234" } }],
        "upload_time": "2022-12-15T13:29:35.120+08:00", "payer": { "openid": "o1" } });
    assert_eq!(body(1), expected);
    let expected = json!({ "order_key": { "order_number_type": 1, "mchid": "19", "out_trade_no": "n1" },
        "logistics_type": 3, "delivery_mode": 1, "shipping_list": [{ "item_desc": "券" }],
        "upload_time": "2022-12-15T13:29:35.120+08:00", "payer": { "openid": "o1" } });
    assert_eq!(body(2), expected);
    let expected = json!({ "merchant_id": "19", "merchant_trade_no": "n1", "received_time": 1_700_000_000 });
    assert_eq!(body(3), expected);
}

#[tokio::test]
async fn an_order_is_read_and_so_is_whether_uploads_are_wanted() {
    let desk = Desk::open(false).await;
    desk.say(200, r#"{"access_token":"T","expires_in":7200}"#, Nobody);
    let order = r#"{"errcode":0,"order":{"transaction_id":"4200","order_state":2,"in_complaint":false,
        "shipping":{"delivery_mode":2,"logistics_type":1,"finish_shipping":true,"finish_shipping_count":1,
        "shipping_list":[{"tracking_no":"T1","express_company":"SF","goods_desc":"茶"}]}}}"#;
    desk.say(200, order, Nobody);
    let key = OrderKey::Transaction("4200".into());
    let found = desk.wechat.find_shipped_order(APPID, &key).await.expect("found");
    let expected =
        ShippedOrder { state: OrderState::Shipped, finished: true, parcels: vec![("T1".into(), "SF".into())] };
    assert_eq!(found, expected);
    desk.say(200, r#"{"errcode":0,"order":{"order_state":9}}"#, Nobody);
    let bare = desk.wechat.find_shipped_order(APPID, &key).await.expect("found");
    assert_eq!(bare, ShippedOrder { state: OrderState::Other(9), finished: false, parcels: Vec::new() });
    desk.say(200, r#"{"errcode":0,"is_trade_managed":true}"#, Nobody);
    assert!(desk.wechat.is_trade_managed(APPID).await.expect("answer"));
}

#[test]
fn codes_become_what_to_do() {
    let verdict = |code: &str, kind| UploadVerdict::of(&Error::new("upload_shipping_info", kind, code));
    for (code, expected) in [
        ("10060023", UploadVerdict::Known),
        ("10060001", UploadVerdict::Later),
        ("10060012", UploadVerdict::Later),
        ("10060019", UploadVerdict::Later),
        ("10060002", UploadVerdict::Compare),
        ("10060003", UploadVerdict::Compare),
        ("10060004", UploadVerdict::Compare),
        ("10060031", UploadVerdict::Refused),
        ("268485216", UploadVerdict::Refused),
        ("268485228", UploadVerdict::Refused),
    ] {
        assert_eq!(verdict(code, ErrorKind::Refused), expected, "{code}");
    }
    assert_eq!(verdict("-1", ErrorKind::Busy), UploadVerdict::Later);
    assert_eq!(verdict("timeout", ErrorKind::Busy), UploadVerdict::Later);
    assert_eq!(verdict("40164", ErrorKind::Config), UploadVerdict::Later);
    assert_eq!(verdict("48001", ErrorKind::Config), UploadVerdict::Refused);
}
