//! Questions and answers about shipping as they go over the wire.

use super::{DeliveryMode, OrderKey, ShippingInfo, ShippingParcel};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub(super) struct Question<'a> {
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
pub(super) struct Named<'a> {
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
    pub(super) fn new(order: &'a OrderKey, received: Option<Timestamp>) -> Self {
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
pub(super) struct Nothing {}

#[derive(Deserialize)]
pub(super) struct Found {
    pub(super) order: Order,
}

#[derive(Deserialize)]
pub(super) struct Order {
    pub(super) order_state: i64,
    #[serde(default)]
    pub(super) shipping: Shipping,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Shipping {
    pub(super) finish_shipping: bool,
    pub(super) shipping_list: Vec<Known>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    pub(super) tracking_no: String,
    pub(super) express_company: String,
}

#[derive(Serialize)]
pub(super) struct OfApp<'a> {
    pub(super) appid: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Managed {
    pub(super) is_trade_managed: bool,
}
