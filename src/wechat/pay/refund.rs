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

/// [`Error::code`] of a refund that was held back here and not sent.
pub const BRAKED: &str = "brake";

impl Wechat {
    /// Asks for a refund; what returns is accepted, not yet paid out. After [`ErrorKind::Busy`] or
    /// [`ErrorKind::Frequency`] look with [`find_refund`](Self::find_refund) before sending the same again.
    /// Official page: 退款申请 (`POST /v3/refund/domestic/refunds`).
    ///
    /// While calls fail, some are refused with [`ErrorKind::Frequency`] before they are made: WeChat Pay takes only a few
    /// failing ones a second.
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
        let merchant = &self.0.merchant;
        let leave = merchant.refund_brake.begin(self.0.clock.now());
        let leave = leave.ok_or_else(|| Error::new(OPERATION, ErrorKind::Frequency, BRAKED))?;
        let told: Result<RefundState, Error> = self.pay_json(OPERATION, Method::POST, &url, Some(&body)).await;
        leave.end(told.is_err(), self.0.clock.now());
        same_refund(OPERATION, told?, refund.out_refund_no)
    }

    /// Whether a refund would be sent now, or held back because too many were refused.
    pub fn takes_refunds(&self) -> bool {
        self.0.merchant.refund_brake.is_free(self.0.clock.now())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::{
        desk::{Desk, Signer},
        pay::RefundStatus,
    };

    const STATE: &str = r#"{"refund_id":"5","out_refund_no":"R-1","transaction_id":"42","out_trade_no":"N-1",
        "status":"PROCESSING","create_time":"2026-11-22T10:00:00+08:00","amount":{"refund":3,"total":9}}"#;
    const REFUND: RefundOrder<'static> =
        RefundOrder { transaction_id: "42", out_refund_no: "R-1", reason: "", refund: Fen(3), total: Fen(9) };

    #[tokio::test]
    async fn a_refund_always_names_its_notice_address() {
        let desk = Desk::open(false).await;
        desk.say(200, STATE, Signer::PublicKey);
        let state = desk.wechat.refund(&REFUND).await.expect("refund");
        assert_eq!((state.status, state.refund, state.mchid), (RefundStatus::Processing, Fen(3), None));
        let asked = desk.asked();
        assert!(asked[0].is_signed());
        let sent: serde_json::Value = serde_json::from_str(&asked[0].body).expect("json");
        let expected = serde_json::json!({
            "transaction_id": "42", "out_refund_no": "R-1",
            "notify_url": "https://shop.example/callback/wechat/refund",
            "amount": {"refund": 3, "total": 9, "currency": "CNY"},
        });
        assert_eq!(sent, expected);
    }

    #[tokio::test]
    async fn refusals_and_replies_to_another_question_are_told_apart() {
        let desk = Desk::open(false).await;
        desk.say(403, r#"{"code":"NOT_ENOUGH","message":"?"}"#, Signer::Nobody);
        assert_eq!(desk.wechat.refund(&REFUND).await.expect_err("poor").kind(), ErrorKind::NotEnough);
        desk.say(200, &STATE.replace("R-1", "R-2"), Signer::PublicKey);
        assert_eq!(desk.wechat.refund(&REFUND).await.expect_err("other").kind(), ErrorKind::Forged);
        desk.say(404, r#"{"code":"RESOURCE_NOT_EXISTS","message":"?"}"#, Signer::Nobody);
        assert_eq!(desk.wechat.find_refund("R-1").await.expect("none"), None);
        desk.say(200, STATE, Signer::PublicKey);
        let found = desk.wechat.find_refund("R-1").await.expect("found").expect("some");
        assert_eq!((found.refund_id.as_str(), found.total), ("5", Fen(9)));
    }

    #[tokio::test]
    async fn failing_refunds_stay_below_six_a_second() {
        let desk = Desk::open(false).await;
        let poor = || desk.say(403, r#"{"code":"NOT_ENOUGH","message":"?"}"#, Signer::Nobody);
        for seconds in 0..5 {
            (0..20).for_each(|_| poor());
            let crowd = futures_util::future::join_all((0..20).map(|_| desk.wechat.refund(&REFUND))).await;
            let braked = crowd.iter().filter(|told| told.as_ref().is_err_and(|error| error.code() == BRAKED)).count();
            let asked = desk.lines().len();
            assert_eq!((asked, braked), if seconds == 0 { (6, 14) } else { (2, 18) }, "second {seconds}");
            desk.clock.advance(std::time::Duration::from_secs(1));
        }
    }
}
