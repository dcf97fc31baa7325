//! Shipping information of paid orders (小程序发货信息管理服务): without it WeChat keeps the money of many mini-programs.

#[cfg(test)]
mod test;
mod wire;

use super::{Error, ErrorKind, Wechat};
use crate::model::time::Timestamp;
use wire::{Found, Managed, Named, Nothing, OfApp, Order, Question};

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
