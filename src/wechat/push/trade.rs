//! The events of 发货信息管理: reminders, and what becomes of the money. Official page: 小程序发货信息管理服务, 相关消息推送.

use super::Content;
use crate::model::time::Timestamp;

/// An event about the sending of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TradeEvent {
    /// `trade_manage_remind_access_api`: the mini-program shall begin to upload what it sends.
    RemindAccess {
        /// WeChat's text.
        message: String,
    },
    /// `trade_manage_remind_shipping`: an order was paid more than 48 hours ago and nothing was uploaded.
    RemindShipping {
        /// Which.
        trade: Trade,
    },
    /// `trade_manage_order_settlement`: an order was sent, was received, or its money was settled. Two pushes share the
    /// name, and differ by the fields they have.
    Settlement {
        /// Which.
        trade: Trade,
        /// When WeChat took it for sent.
        shipped: Option<Timestamp>,
        /// When it means to settle.
        estimated_settlement: Option<Timestamp>,
        /// 1 by time, 2 by hand.
        confirm_method: Option<i64>,
        /// When the buyer confirmed.
        confirmed: Option<Timestamp>,
        /// When the money was settled.
        settled: Option<Timestamp>,
    },
}

/// The order that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant, if it is named.
    pub mchid: Option<String>,
    /// The merchant's number of the payment, if it is named.
    pub out_trade_no: Option<String>,
}

impl TradeEvent {
    /// The events that [`read`](Self::read) knows.
    pub const NAMES: [&str; 3] =
        ["trade_manage_remind_access_api", "trade_manage_remind_shipping", "trade_manage_order_settlement"];

    /// Reads an event of one of these names; `None` for another, or without the number of its payment.
    pub fn read(event: &str, content: &Content) -> Option<Self> {
        if event == Self::NAMES[0] {
            return Some(Self::RemindAccess { message: content.text("msg").unwrap_or_default() });
        }
        if !Self::NAMES.contains(&event) {
            return None;
        }
        let trade = Trade {
            transaction_id: content.text("transaction_id")?,
            mchid: content.text("merchant_id"),
            out_trade_no: content.text("merchant_trade_no"),
        };
        // Zero, like nothing, says that it has not happened.
        let at = |name: &str| content.number(name).filter(|at| (1..1 << 40).contains(at)).map(Timestamp::from_seconds);
        Some(if event == Self::NAMES[1] {
            Self::RemindShipping { trade }
        } else {
            Self::Settlement {
                trade,
                shipped: at("shipped_time"),
                estimated_settlement: at("estimated_settlement_time"),
                confirm_method: content.number("confirm_receive_method"),
                confirmed: at("confirm_receive_time"),
                settled: at("settlement_time"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str, text: &str) -> Option<TradeEvent> {
        TradeEvent::read(event, &Content::read(text.as_bytes()).expect("content"))
    }

    #[test]
    fn the_two_pushes_of_one_name_are_told_apart_by_their_fields() {
        let name = "trade_manage_order_settlement";
        let sent = r#"{"transaction_id":"42","merchant_id":"19","merchant_trade_no":"n","shipped_time":1700000000,
                       "estimated_settlement_time":"1700864000","confirm_receive_time":0}"#;
        let settled = "<xml><transaction_id>42</transaction_id><confirm_receive_method>2</confirm_receive_method>\
                       <confirm_receive_time>1700000100</confirm_receive_time><settlement_time>1700000200</settlement_time></xml>";
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        let trade = Trade { transaction_id: "42".into(), mchid: Some("19".into()), out_trade_no: Some("n".into()) };
        let expected = TradeEvent::Settlement {
            trade: trade.clone(),
            shipped: at(1_700_000_000),
            estimated_settlement: at(1_700_864_000),
            confirm_method: None,
            confirmed: None,
            settled: None,
        };
        assert_eq!(read(name, sent), Some(expected));
        let expected = TradeEvent::Settlement {
            trade: Trade { mchid: None, out_trade_no: None, ..trade },
            shipped: None,
            estimated_settlement: None,
            confirm_method: Some(2),
            confirmed: at(1_700_000_100),
            settled: at(1_700_000_200),
        };
        assert_eq!(read(name, settled), Some(expected));
        assert_eq!(read(name, r#"{"settlement_time":1}"#), None, "of no payment");
        assert_eq!(read("subscribe_msg_sent_event", sent), None);
        assert!(matches!(read("trade_manage_remind_shipping", sent), Some(TradeEvent::RemindShipping { .. })));
        let message = TradeEvent::RemindAccess { message: "接入".into() };
        assert_eq!(read("trade_manage_remind_access_api", r#"{"msg":"接入"}"#), Some(message));
    }
}
