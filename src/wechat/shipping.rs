//! Shipping information of paid orders (小程序发货信息管理服务): without it WeChat keeps the money of many mini-programs.

use super::{Error, ErrorKind, Wechat};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Which order is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKey {
    /// By the merchant and its own number (`order_number_type` 1).
    Number {
        /// The merchant.
        mchid: String,
        /// Its number of the payment.
        out_trade_no: String,
    },
    /// By WeChat's number of the payment (`order_number_type` 2).
    Transaction(String),
}

/// How goods travel (`logistics_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogisticsType {
    /// By a parcel service: each parcel has a number and a carrier.
    Express = 1,
    /// By a courier of the same city.
    SameCity = 2,
    /// Nothing is carried.
    Virtual = 3,
    /// The buyer comes for them.
    PickUp = 4,
}

/// In one step or in several (`delivery_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryMode {
    /// One entry, and nothing follows.
    Unified,
    /// Up to 15 parcels, in one call or in several; express only.
    Split {
        /// Whether nothing more comes (`is_all_delivered`).
        all_delivered: bool,
    },
}

/// One entry of `shipping_list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingParcel {
    /// The carrier's number and WeChat's code of the carrier; for express only.
    pub express: Option<(String, String)>,
    /// What is in it, up to 120 characters.
    pub item_desc: String,
    /// The receiver's number with only its last four digits shown; SF wants one.
    pub receiver_contact: Option<String>,
}

/// What is uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingInfo {
    /// Of which order.
    pub order: OrderKey,
    /// How it travels.
    pub logistics: LogisticsType,
    /// In one step or in several.
    pub mode: DeliveryMode,
    /// The parcels, or one entry without.
    pub parcels: Vec<ShippingParcel>,
    /// Later than in the call before for the same order.
    pub upload_time: Timestamp,
    /// Who paid.
    pub openid: String,
}

/// Where WeChat has an order (`order_state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    /// 1: nothing was uploaded, or not everything.
    ToShip,
    /// 2: all is on its way.
    Shipped,
    /// 3: the buyer confirmed.
    Confirmed,
    /// 4: done.
    Completed,
    /// 5: the money went back.
    Refunded,
    /// 6: the money waits to be settled.
    Settling,
    /// Another number.
    Other(i64),
}

/// An order as WeChat has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippedOrder {
    /// Where it stands.
    pub state: OrderState,
    /// Whether everything was uploaded (`finish_shipping`).
    pub finished: bool,
    /// The parcels it knows: carrier's number, carrier.
    pub parcels: Vec<(String, String)>,
}

/// What to do about an upload that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadVerdict {
    /// The same again, later.
    Later,
    /// It was known already: all is well.
    Known,
    /// WeChat has finished with this order; whether with what we say, only asking tells.
    Compare,
    /// The same will never be taken: a person must look.
    Refused,
}

impl UploadVerdict {
    /// Official page: 发货信息录入, error codes.
    pub fn of(error: &Error) -> Self {
        match error.code() {
            // Nothing changed.
            "10060023" => Self::Known,
            // Finished; shipped anew before; in a state that takes nothing.
            "10060002" | "10060003" | "10060004" => Self::Compare,
            // Not found: right after the payment it may not be there yet. Busy.
            "10060001" | "10060012" | "10060019" => Self::Later,
            // The mini-program may not call this at all.
            "48001" => Self::Refused,
            // A wrong secret or address list is not this order's fault: it is mended in the settings.
            _ if error.kind().is_temporary() || error.kind() == ErrorKind::Config => Self::Later,
            _ => Self::Refused,
        }
    }

    /// What a person can do about a refusal, by its code.
    pub fn remedy(code: &str) -> &'static str {
        match code {
            "10060001" => {
                "WeChat does not find the payment: check that pay.mchid belongs to this mini-program, then send again"
            }
            "10060002" => "WeChat has finished this order with other parcels: compare it in the console",
            "10060003" => "the one chance to send anew is used: what WeChat shows can no longer be changed",
            "10060004" => "WeChat does not let this order be sent: look for a refund or a complaint in the console",
            "10060009" | "10060008" | "10060020" => "give a description of 1 to 120 characters, then send again",
            "10060031" => "the payer differs: the order was paid from another mini-program account",
            "48001" => "open 发货信息管理 for this mini-program, or set shipping.upload = false",
            "268485226" | "268485227" | "10060025" | "10060026" => {
                "correct carrier and tracking number, then send again"
            }
            _ => "correct what was sent as WeChat's text says, or enter it in the console",
        }
    }
}

#[derive(Serialize)]
struct Question<'a> {
    order_key: KeyOnWire<'a>,
    logistics_type: i64,
    delivery_mode: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_all_delivered: Option<bool>,
    shipping_list: Vec<ParcelOnWire<'a>>,
    upload_time: String,
    payer: Payer<'a>,
}

#[derive(Serialize)]
struct KeyOnWire<'a> {
    order_number_type: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mchid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<&'a str>,
}

#[derive(Serialize)]
struct ParcelOnWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    express_company: Option<&'a str>,
    item_desc: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Contact<'a>>,
}

#[derive(Serialize)]
struct Contact<'a> {
    receiver_contact: &'a str,
}

#[derive(Serialize)]
struct Payer<'a> {
    openid: &'a str,
}

impl<'a> From<&'a ShippingInfo> for Question<'a> {
    fn from(info: &'a ShippingInfo) -> Self {
        let order_key = match &info.order {
            OrderKey::Number { mchid, out_trade_no } => KeyOnWire {
                order_number_type: 1,
                transaction_id: None,
                mchid: Some(mchid),
                out_trade_no: Some(out_trade_no),
            },
            OrderKey::Transaction(id) => {
                KeyOnWire { order_number_type: 2, transaction_id: Some(id), mchid: None, out_trade_no: None }
            }
        };
        let (delivery_mode, is_all_delivered) = match info.mode {
            DeliveryMode::Unified => (1, None),
            DeliveryMode::Split { all_delivered } => (2, Some(all_delivered)),
        };
        let parcel = |parcel: &'a ShippingParcel| ParcelOnWire {
            tracking_no: parcel.express.as_ref().map(|(number, _)| number.as_str()),
            express_company: parcel.express.as_ref().map(|(_, carrier)| carrier.as_str()),
            item_desc: &parcel.item_desc,
            contact: parcel.receiver_contact.as_deref().map(|receiver_contact| Contact { receiver_contact }),
        };
        Self {
            order_key,
            logistics_type: info.logistics as i64,
            delivery_mode,
            is_all_delivered,
            shipping_list: info.parcels.iter().map(parcel).collect(),
            upload_time: info.upload_time.rfc3339_ms(),
            payer: Payer { openid: &info.openid },
        }
    }
}

/// Here the merchant's numbers have other names than in the upload.
#[derive(Serialize)]
struct Named<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_trade_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_time: Option<i64>,
}

impl<'a> Named<'a> {
    fn new(order: &'a OrderKey, received: Option<Timestamp>) -> Self {
        let received_time = received.map(Timestamp::seconds);
        match order {
            OrderKey::Number { mchid, out_trade_no } => Self {
                transaction_id: None,
                merchant_id: Some(mchid),
                merchant_trade_no: Some(out_trade_no),
                received_time,
            },
            OrderKey::Transaction(id) => {
                Self { transaction_id: Some(id), merchant_id: None, merchant_trade_no: None, received_time }
            }
        }
    }
}

#[derive(Deserialize)]
struct Nothing {}

#[derive(Deserialize)]
struct Found {
    order: Order,
}

#[derive(Deserialize)]
struct Order {
    order_state: i64,
    #[serde(default)]
    shipping: Shipping,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Shipping {
    finish_shipping: bool,
    shipping_list: Vec<Known>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Known {
    tracking_no: String,
    express_company: String,
}

#[derive(Serialize)]
struct OfApp<'a> {
    appid: &'a str,
}

#[derive(Deserialize)]
struct Managed {
    is_trade_managed: bool,
}

impl Wechat {
    /// Tells WeChat what was sent; [`UploadVerdict::of`] says what to do about a refusal. The same again is taken as
    /// [`UploadVerdict::Known`]. Official page: 发货信息录入 (uploadShippingInfo).
    pub async fn upload_shipping_info(&self, appid: &str, info: &ShippingInfo) -> Result<(), Error> {
        let path = ["wxa", "sec", "order", "upload_shipping_info"];
        let Nothing {} = self.post_with_token("upload_shipping_info", appid, &path, &Question::from(info)).await?;
        Ok(())
    }

    /// Asks how an order stands. Official page: 查询订单发货状态 (getOrder).
    pub async fn find_shipped_order(&self, appid: &str, order: &OrderKey) -> Result<ShippedOrder, Error> {
        let path = ["wxa", "sec", "order", "get_order"];
        let found: Found = self.post_with_token("get_order", appid, &path, &Named::new(order, None)).await?;
        let Order { order_state, shipping } = found.order;
        let state = match order_state {
            1 => OrderState::ToShip,
            2 => OrderState::Shipped,
            3 => OrderState::Confirmed,
            4 => OrderState::Completed,
            5 => OrderState::Refunded,
            6 => OrderState::Settling,
            other => OrderState::Other(other),
        };
        let parcels = shipping.shipping_list.into_iter().map(|known| (known.tracking_no, known.express_company));
        Ok(ShippedOrder { state, finished: shipping.finish_shipping, parcels: parcels.collect() })
    }

    /// Asks the buyer to confirm goods that arrived at `received`: once an order, express only, after all was uploaded.
    /// Official page: 确认收货提醒 (notifyConfirmReceive).
    pub async fn notify_confirm_receive(
        &self,
        appid: &str,
        order: &OrderKey,
        received: Timestamp,
    ) -> Result<(), Error> {
        let path = ["wxa", "sec", "order", "notify_confirm_receive"];
        let question = Named::new(order, Some(received));
        let Nothing {} = self.post_with_token("notify_confirm_receive", appid, &path, &question).await?;
        Ok(())
    }

    /// Whether a mini-program has to upload what it sends. Official page: 查询小程序是否已开通发货信息管理服务
    /// (isTradeManaged).
    pub async fn is_trade_managed(&self, appid: &str) -> Result<bool, Error> {
        let path = ["wxa", "sec", "order", "is_trade_managed"];
        let answer: Managed = self.post_with_token("is_trade_managed", appid, &path, &OfApp { appid }).await?;
        Ok(answer.is_trade_managed)
    }
}

#[cfg(test)]
mod tests {
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
}
