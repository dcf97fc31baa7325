//! What people and WeChat do in a round, and what is waited for.

use super::{
    books::{Order, PAID},
    call::{Answer, list, number, text},
    scene::Scene,
    violation::Invariant,
};
use crate::{model::time::minutes, wechat::pay::sign::random_text};
use anyhow::Context as _;
use serde_json::{Value, json};
use std::time::Duration;

/// Within this time every payment is found.
pub(super) const MINUTE: Duration = minutes(1);

impl Scene<'_> {
    /// Begin to pay, as the mini-program does.
    pub(super) async fn begin(&self, order: &Order) -> anyhow::Result<Answer> {
        self.world.shop.post(&format!("/v1/orders/{}/payment", order.id)).token(&order.token).send().await
    }

    /// Begin to pay and open the cashier; gives the `out_trade_no`.
    pub(super) async fn prepay(&mut self, order: &Order) -> anyhow::Result<String> {
        let mut parameters = self.begin(order).await?.good()?;
        parameters["appId"] = json!(self.world.appid);
        let cashier = self.world.wechat.post("/_simulator/api/cashier").json(&parameters).send().await?.good()?;
        let (asked, number_there) = (number(&cashier, "/total_fen"), text(&cashier, "/out_trade_no").to_owned());
        let (subject, seen) = (format!("order {}, out_trade_no {number_there}", order.id), format!("{asked} fen"));
        let expected = format!("the cashier asks for {} fen", order.total_fen);
        self.claim(asked == order.total_fen, Invariant::Amount, &subject, &expected, &seen);
        Ok(number_there)
    }

    /// The buyer pays in the cashier.
    pub(super) async fn pay(&self, out_trade_no: &str) -> anyhow::Result<Answer> {
        self.world.wechat.post(&format!("/_simulator/api/payments/{out_trade_no}/pay")).send().await
    }

    /// The buyer says "I paid".
    pub(super) async fn ask(&self, order: &Order) -> anyhow::Result<Answer> {
        self.world.shop.post(&format!("/v1/orders/{}/payment/query", order.id)).token(&order.token).send().await
    }

    /// The buyer gives up.
    pub(super) async fn cancel(&self, order: &Order) -> anyhow::Result<Answer> {
        self.world.shop.post(&format!("/v1/orders/{}/cancel", order.id)).token(&order.token).send().await
    }

    /// Staff give money back.
    pub(super) async fn refund(&self, order: &Order, amount_fen: i64, key: &str) -> anyhow::Result<Answer> {
        let (path, body) =
            (format!("/admin/v1/orders/{}/refunds", order.id), json!({ "amount_fen": amount_fen, "reason": "混沌" }));
        self.world.staff(|| self.world.shop.post(&path).key(key).json(&body)).await
    }

    /// The order as staff see it.
    pub(super) async fn see(&self, order: &Order) -> anyhow::Result<Value> {
        let path = format!("/admin/v1/orders/{}", order.id);
        self.world.staff(|| self.world.shop.get(&path)).await?.good()
    }

    /// Where the order stands.
    pub(super) async fn state(&self, order: &Order) -> anyhow::Result<String> {
        Ok(text(&self.see(order).await?, "/state").to_owned())
    }

    /// WeChat's books of the order's payments, the oldest first.
    pub(super) async fn there(&self, order: &Order) -> anyhow::Result<Vec<Value>> {
        let truth = self.world.truth().await?;
        let own = list(&truth, "/payments").iter().filter(|payment| text(payment, "/openid") == order.openid);
        Ok(own.rev().cloned().collect())
    }

    /// The callback about an `out_trade_no` or `out_refund_no`, waited for.
    pub(super) async fn callback(&self, subject: &str) -> anyhow::Result<String> {
        let look = async || {
            let truth = self.world.truth().await?;
            let found = list(&truth, "/callbacks").iter().find(|callback| text(callback, "/subject") == subject);
            Ok(found.map(|callback| text(callback, "/id").to_owned()))
        };
        self.world.until(MINUTE, look).await?.with_context(|| format!("WeChat makes no callback about {subject}"))
    }

    /// Deliver a callback in some manner now; gives the statuses of its new deliveries, zero for no answer.
    pub(super) async fn deliver(&self, callback: &str, manner: &str) -> anyhow::Result<Vec<i64>> {
        let path = format!("/_simulator/api/callbacks/{callback}");
        let count = |body: &Value| list(body, "/attempts").len();
        let truth = self.world.truth().await?;
        let before = list(&truth, "/callbacks").iter().find(|known| text(known, "/id") == callback).map_or(0, count);
        let after = self.world.wechat.post(&format!("{path}/{manner}")).send().await?.good()?;
        let status = |attempt: &Value| attempt["status"].as_i64().unwrap_or(0);
        Ok(list(&after, "/attempts").iter().skip(before).map(status).collect())
    }

    /// Callbacks are only sent by hand, and nobody can ask WeChat about this payment: what the shop learns of it, it
    /// learns from a callback.
    pub(super) async fn only_callbacks(&self, out_trade_no: &str) -> anyhow::Result<()> {
        let rule = refusal("GET", &query_path(out_trade_no), 1_000_000, 503, "SYSTEM_ERROR");
        self.world.faults(&json!({ "drop": true, "fail": [rule] })).await
    }

    /// The order is paid within this time; says so when it is not.
    pub(super) async fn found(
        &mut self,
        order: &Order,
        within: Duration,
        invariant: Invariant,
        expected: &str,
    ) -> anyhow::Result<bool> {
        let look = async || Ok(PAID.contains(&self.state(order).await?.as_str()).then_some(()));
        let found = self.world.until(within, look).await?.is_some();
        let seen = if found { String::new() } else { format!("the order is {}", self.state(order).await?) };
        self.claim(found, invariant, &format!("order {}", order.id), expected, &seen);
        Ok(found)
    }

    /// The refund of this number comes to this state.
    pub(super) async fn refund_ends(&mut self, order: &Order, name: &str, state: &str) -> anyhow::Result<()> {
        let of = |seen: &Value| {
            let known = list(seen, "/refunds").iter().find(|refund| text(refund, "/out_refund_no") == name);
            known.map_or("missing", |refund| text(refund, "/state")).to_owned()
        };
        let look = async || Ok((of(&self.see(order).await?) == state).then_some(()));
        let ended = self.world.until(minutes(20), look).await?.is_some();
        let seen = format!("it is {}", of(&self.see(order).await?));
        self.claim(ended, Invariant::Alive, &format!("out_refund_no {name}"), &format!("it is {state}"), &seen);
        Ok(())
    }

    /// An order that is paid, with its `out_trade_no`.
    pub(super) async fn paid(&mut self, price_fen: i64) -> anyhow::Result<(Order, String)> {
        let order = self.order(price_fen).await?;
        let number_there = self.prepay(&order).await?;
        self.pay(&number_there).await?.good()?;
        self.found(&order, MINUTE, Invariant::Found, "paid within a minute").await?;
        Ok((order, number_there))
    }
}

/// A rule that refuses requests without carrying them out.
pub(super) fn refusal(method: &str, path: &str, count: u32, status: u16, code: &str) -> Value {
    json!({ "path": path, "method": method, "count": count, "status": status, "code": code })
}

/// Where WeChat is asked about a payment.
pub(super) fn query_path(out_trade_no: &str) -> String {
    format!("/v3/pay/transactions/out-trade-no/{out_trade_no}")
}

/// Where WeChat is told to close it.
pub(super) fn close_path(out_trade_no: &str) -> String {
    format!("{}/close", query_path(out_trade_no))
}

/// Where orders at WeChat are made.
pub(super) const PREPAY_PATH: &str = "/v3/pay/transactions/jsapi";
/// Where refunds are.
pub(super) const REFUND_PATH: &str = "/v3/refund/domestic/refunds";

/// A key that nobody used.
pub(super) fn new_key() -> String {
    format!("chaos-{}", random_text(24))
}
