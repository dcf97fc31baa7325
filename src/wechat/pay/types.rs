//! What WeChat Pay says of payments and refunds: one type for a reply and a notice, so that both go one way.

use crate::model::{money::Fen, time::Timestamp};
use serde::Deserialize;
use std::fmt;

/// A payment order as WeChat Pay knows it. Official page: 查询订单, 支付通知.
///
/// Reading is lenient: a missing amount reads as zero in no currency, which no order of ours equals, so that the one
/// function which compares facts with orders also judges odd ones.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "TransactionWire")]
pub struct Transaction {
    /// The merchant who is paid.
    pub mchid: String,
    /// The app it was paid in.
    pub appid: String,
    /// Our number of the order.
    pub out_trade_no: String,
    /// WeChat's number; only paid orders have one.
    pub transaction_id: Option<String>,
    /// Where it stands.
    pub trade_state: TradeState,
    /// The price of the order in fen, not what was paid after WeChat's coupons.
    pub total: Fen,
    /// `CNY`, or empty.
    pub currency: String,
    /// Who paid.
    pub openid: Option<String>,
    /// When it was paid.
    pub success: Option<Timestamp>,
}

impl Transaction {
    /// Whether the money came in. `REFUND` is a paid order with a refund asked for, perhaps of a part.
    pub const fn is_paid(&self) -> bool {
        matches!(self.trade_state, TradeState::Success | TradeState::Refund)
    }
}

/// `trade_state`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum TradeState {
    /// Paid.
    Success,
    /// Paid, and a refund was asked for.
    Refund,
    /// Not paid yet.
    NotPay,
    /// Closed unpaid.
    Closed,
    /// Taken back; code payment only.
    Revoked,
    /// The user is typing; code payment only.
    UserPaying,
    /// Failed; code payment only.
    PayError,
    /// A word this version does not know.
    Other(String),
}

impl TradeState {
    /// WeChat's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::NotPay => "NOTPAY",
            Self::Closed => "CLOSED",
            Self::Revoked => "REVOKED",
            Self::UserPaying => "USERPAYING",
            Self::PayError => "PAYERROR",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for TradeState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "SUCCESS" => Self::Success,
            "REFUND" => Self::Refund,
            "NOTPAY" => Self::NotPay,
            "CLOSED" => Self::Closed,
            "REVOKED" => Self::Revoked,
            "USERPAYING" => Self::UserPaying,
            "PAYERROR" => Self::PayError,
            _ => Self::Other(word),
        }
    }
}

#[derive(Deserialize)]
struct TransactionWire {
    mchid: String,
    appid: String,
    out_trade_no: String,
    transaction_id: Option<String>,
    trade_state: TradeState,
    success_time: Option<String>,
    amount: Option<TransactionAmount>,
    payer: Option<Payer>,
}

#[derive(Deserialize, Default)]
struct TransactionAmount {
    total: Option<Fen>,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct Payer {
    openid: Option<String>,
}

impl From<TransactionWire> for Transaction {
    fn from(wire: TransactionWire) -> Self {
        let amount = wire.amount.unwrap_or_default();
        Self {
            mchid: wire.mchid,
            appid: wire.appid,
            out_trade_no: wire.out_trade_no,
            transaction_id: filled(wire.transaction_id),
            trade_state: wire.trade_state,
            total: amount.total.unwrap_or(Fen::ZERO),
            currency: amount.currency.unwrap_or_default(),
            openid: wire.payer.and_then(|payer| filled(payer.openid)),
            success: wire.success_time.as_deref().and_then(Timestamp::parse_rfc3339),
        }
    }
}

/// A refund as WeChat Pay knows it; `status` of a reply and `refund_status` of a notice are one field here.
/// Official page: 申请退款, 查询单笔退款, 退款结果通知.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RefundWire")]
pub struct RefundState {
    /// The merchant; only notices say it.
    pub mchid: Option<String>,
    /// Our number of the order.
    pub out_trade_no: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// Our number of the refund.
    pub out_refund_no: String,
    /// WeChat's number of the refund.
    pub refund_id: String,
    /// Where it stands.
    pub status: RefundStatus,
    /// What goes back, in fen.
    pub refund: Fen,
    /// The price of the order, in fen.
    pub total: Fen,
    /// When the money arrived.
    pub success: Option<Timestamp>,
}

/// `status` of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RefundStatus {
    /// The money is back.
    Success,
    /// It will not happen under this number; another attempt needs a new one.
    Closed,
    /// Accepted, under way.
    Processing,
    /// The user's account cannot take it: a person must act in the merchant console.
    Abnormal,
}

impl fmt::Display for RefundStatus {
    /// WeChat's word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "SUCCESS",
            Self::Closed => "CLOSED",
            Self::Processing => "PROCESSING",
            Self::Abnormal => "ABNORMAL",
        })
    }
}

#[derive(Deserialize)]
struct RefundWire {
    mchid: Option<String>,
    out_trade_no: String,
    transaction_id: String,
    out_refund_no: String,
    refund_id: String,
    #[serde(alias = "refund_status")]
    status: RefundStatus,
    success_time: Option<String>,
    amount: RefundAmount,
}

#[derive(Deserialize)]
struct RefundAmount {
    refund: Fen,
    total: Fen,
}

impl From<RefundWire> for RefundState {
    fn from(wire: RefundWire) -> Self {
        Self {
            mchid: filled(wire.mchid),
            out_trade_no: wire.out_trade_no,
            transaction_id: wire.transaction_id,
            out_refund_no: wire.out_refund_no,
            refund_id: wire.refund_id,
            status: wire.status,
            refund: wire.amount.refund,
            total: wire.amount.total,
            success: wire.success_time.as_deref().and_then(Timestamp::parse_rfc3339),
        }
    }
}

/// WeChat writes "none" as an absent, a null or an empty text.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_and_a_notice_of_a_refund_are_one_type() {
        let text = |field: &str| {
            format!(
                r#"{{"out_trade_no":"o","transaction_id":"t","out_refund_no":"r","refund_id":"5","{field}":"SUCCESS",
                "success_time":"2026-11-22T10:00:00+08:00","amount":{{"refund":1,"total":9,"payer_total":9}}}}"#
            )
        };
        let read = |field| serde_json::from_str::<RefundState>(&text(field));
        let state = read("status").expect("reply");
        assert_eq!(state, read("refund_status").expect("notice"));
        assert_eq!((state.refund, state.total, state.status), (Fen(1), Fen(9), RefundStatus::Success));
        assert!(read("state").is_err());
    }

    #[test]
    fn an_order_with_a_refund_was_paid() {
        for (state, paid) in [
            ("SUCCESS", true),
            ("REFUND", true),
            ("NOTPAY", false),
            ("CLOSED", false),
            ("REVOKED", false),
            ("USERPAYING", false),
            ("PAYERROR", false),
            ("NEW", false),
        ] {
            let order = serde_json::json!({"mchid": "m", "appid": "a", "out_trade_no": "n", "trade_state": state});
            let order: Transaction = serde_json::from_value(order).expect("an order");
            assert_eq!(order.is_paid(), paid, "{state}");
        }
    }

    #[test]
    fn an_unpaid_order_lacks_most_fields() {
        let order: Transaction = serde_json::from_str(
            r#"{"mchid":"1","appid":"wx","out_trade_no":"o","trade_state":"NOTPAY","payer":{},"transaction_id":""}"#,
        )
        .expect("order");
        assert!(!order.is_paid() && order.transaction_id.is_none() && order.openid.is_none());
        assert_eq!((order.total, order.currency.as_str()), (Fen::ZERO, ""));
        assert_eq!(TradeState::from("NEW".to_owned()).as_str(), "NEW");
    }
}
