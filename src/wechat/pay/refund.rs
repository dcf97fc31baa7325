//! A refund at WeChat Pay: asked for, and asked about.

use super::types::RefundState;
use crate::{
    model::money::Fen,
    wechat::{Error, ErrorKind, Wechat},
};
use axum::http::Method;
use serde::Serialize;

/// What a refund is made of.
#[derive(Debug, Clone, Copy)]
pub struct RefundOrder<'a> {
    /// WeChat's number of the payment.
    pub transaction_id: &'a str,
    /// Our number of the refund, up to 64 of `[0-9A-Za-z_|*@-]`. It is the idempotency key: every retry carries the
    /// same one, since a new number is a second refund.
    pub out_refund_no: &'a str,
    /// Shown to the buyer; up to 80 characters.
    pub reason: &'a str,
    /// What goes back.
    pub refund: Fen,
    /// The price of the whole order.
    pub total: Fen,
}

#[derive(Serialize)]
struct RefundBody<'a> {
    transaction_id: &'a str,
    out_refund_no: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    notify_url: &'a str,
    amount: Amount,
}

#[derive(Serialize)]
struct Amount {
    refund: Fen,
    total: Fen,
    currency: &'static str,
}

impl Wechat {
    /// Asks for a refund; what returns is accepted, not yet paid out. After [`ErrorKind::Busy`] or
    /// [`ErrorKind::Frequency`] look with [`find_refund`](Self::find_refund) before sending the same again.
    /// Official page: 退款申请 (`POST /v3/refund/domestic/refunds`).
    ///
    /// The notice address is always sent: without it, a console setting would bring a notice of API v2.
    pub async fn refund(&self, refund: &RefundOrder<'_>) -> Result<RefundState, Error> {
        const OPERATION: &str = "refund";
        let body = RefundBody {
            transaction_id: refund.transaction_id,
            out_refund_no: refund.out_refund_no,
            reason: refund.reason,
            notify_url: &self.0.merchant.refund_notify_url,
            amount: Amount { refund: refund.refund, total: refund.total, currency: "CNY" },
        };
        let url = self.pay_address(&["v3", "refund", "domestic", "refunds"]);
        let state: RefundState = self.pay_json(OPERATION, Method::POST, &url, Some(&body)).await?;
        same_refund(OPERATION, state, refund.out_refund_no)
    }

    /// The refund in whatever state; `None` when WeChat Pay does not know the number.
    /// Official page: 查询单笔退款（通过商户退款单号）.
    pub async fn find_refund(&self, out_refund_no: &str) -> Result<Option<RefundState>, Error> {
        const OPERATION: &str = "find_refund";
        let url = self.pay_address(&["v3", "refund", "domestic", "refunds", out_refund_no]);
        match self.pay_json(OPERATION, Method::GET, &url, None::<&()>).await {
            Err(error) if error.kind() == ErrorKind::Missing => Ok(None),
            other => same_refund(OPERATION, other?, out_refund_no).map(Some),
        }
    }
}

/// A signature does not cover the question: a reply to another one could have been put in its place.
fn same_refund(operation: &'static str, state: RefundState, out_refund_no: &str) -> Result<RefundState, Error> {
    if state.out_refund_no == out_refund_no {
        return Ok(state);
    }
    Err(Error::new(operation, ErrorKind::Forged, "other_refund"))
}
