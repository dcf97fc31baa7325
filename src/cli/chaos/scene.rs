//! One round of one kind: a product of its own, buyers of its own, the faults it asks for, and at its end the books.

use super::{
    books::{self, Order, PAID},
    call::{Answer, list, number, text},
    dice::Dice,
    violation::{Invariant, Violation},
    world::World,
};
use crate::{
    model::time::minutes,
    wechat::pay::sign::random_text,
};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// Within this time every payment is found.
pub(super) const MINUTE: Duration = minutes(1);
/// How long callbacks, jobs and refunds are given at the end before the books are compared.
const REST: Duration = minutes(4);

/// A product with one SKU.
#[derive(Debug, Clone)]
struct Goods {
    product_id: String,
    sku_id: String,
    price_fen: i64,
    qty: i64,
}

/// The round at hand.
pub(super) struct Scene<'w> {
    pub(super) world: &'w World,
    pub(super) dice: Dice,
    pub(super) violations: Vec<Violation>,
    kind: &'static str,
    category_id: String,
    goods: Vec<Goods>,
    orders: Vec<Order>,
}

impl<'w> Scene<'w> {
    /// An empty one.
    pub(super) async fn open(world: &'w World, kind: &'static str, dice: Dice) -> anyhow::Result<Self> {
        let body = json!({ "name": "混沌", "position": 1 });
        let category = world.staff(|| world.shop.post("/admin/v1/categories").json(&body)).await?.good()?;
        let category_id = text(&category, "/id").to_owned();
        Ok(Self { world, dice, violations: vec![], kind, category_id, goods: vec![], orders: vec![] })
    }

    /// Say that this must hold.
    pub(super) fn claim(&mut self, holds: bool, invariant: Invariant, subject: &str, expected: &str, seen: &str) {
        if !holds {
            let [subject, expected, seen] = [subject, expected, seen].map(str::to_owned);
            self.violations.push(Violation { kind: self.kind, invariant, subject, expected, seen });
        }
    }

    /// A product at this price with so many pieces.
    pub(super) async fn stock(&mut self, price_fen: i64, qty: i64) -> anyhow::Result<usize> {
        let body = json!({ "category_id": self.category_id, "title": format!("混沌 {}", self.kind), "state": "on_sale",
            "skus": [{ "name": "一件", "price_fen": price_fen, "initial_qty": qty }] });
        let product = self.world.staff(|| self.world.shop.post("/admin/v1/products").json(&body)).await?.good()?;
        let (product_id, sku_id) = (text(&product, "/id").to_owned(), text(&product, "/skus/0/id").to_owned());
        self.goods.push(Goods { product_id, sku_id, price_fen, qty });
        Ok(self.goods.len() - 1)
    }

    /// A new buyer: their token, their openid and the id of their address.
    async fn buyer(&self) -> anyhow::Result<(String, String, String)> {
        let (shop, wechat) = (&self.world.shop, &self.world.wechat);
        let id = format!("chaos-{}", random_text(12).to_lowercase());
        wechat.post("/_simulator/api/users").json(&json!({ "id": id })).send().await?.good()?;
        let appid = &self.world.appid;
        let code = wechat.post(&format!("/_simulator/api/users/{id}/js_code")).json(&json!({ "appid": appid }));
        let code = code.send().await?.good()?;
        let login = shop.post("/v1/login").json(&json!({ "appid": appid, "code": code["code"] })).send().await?.good()?;
        let token = text(&login, "/access_token").to_owned();
        let address = json!({ "name": "林小茶", "phone": "13800138000", "province": "浙江省", "city": "杭州市",
            "district": "西湖区", "detail": "龙井路一号", "is_default": true });
        let address = shop.post("/v1/addresses").token(&token).json(&address).send().await?.good()?;
        let truth = wechat.get("/_simulator/api/state?limit=100").send().await?.good()?;
        let user = list(&truth, "/users").iter().find(|user| text(user, "/id") == id).unwrap_or(&Value::Null);
        let openid = text(user, &format!("/accounts/{appid}/openid")).to_owned();
        ensure!(!openid.is_empty(), "the simulator does not tell the openid of {id}");
        Ok((token, openid, text(&address, "/id").to_owned()))
    }

    /// An order of a product of this scene by a new buyer; sent so many times at once with the same key.
    pub(super) async fn place(&mut self, goods: usize, qty: i64, times: usize) -> anyhow::Result<Order> {
        let (token, openid, address_id) = self.buyer().await?;
        let (sku_id, price_fen) = (self.goods[goods].sku_id.clone(), self.goods[goods].price_fen);
        let body = json!({ "lines": [{ "sku_id": sku_id, "qty": qty }], "address_id": address_id });
        let key = format!("chaos-{}", random_text(24));
        let ask = || self.world.shop.post("/v1/orders").token(&token).key(&key).json(&body).send();
        let answers = futures_util::future::try_join_all((0..times.max(1)).map(|_| ask())).await?;
        let mut good = answers.into_iter().filter(Answer::is_good).map(|answer| answer.body);
        let first = match good.next() {
            Some(first) => first,
            None => ask().await?.good()?,
        };
        let id = text(&first, "/id").to_owned();
        let other = good.find(|other| text(other, "/id") != id);
        if let Some(other) = other {
            let seen = format!("order {} and order {}", id, text(&other, "/id"));
            self.claim(false, Invariant::Idempotent, &format!("Idempotency-Key {key}"), "one order", &seen);
        }
        let total_fen = price_fen * qty + number(&first, "/freight_fen").max(0);
        let order = Order { id, total_fen, token, openid, goods, qty };
        self.orders.push(order.clone());
        Ok(order)
    }

    /// One piece of a new product.
    pub(super) async fn order(&mut self, price_fen: i64) -> anyhow::Result<Order> {
        let goods = self.stock(price_fen, 5).await?;
        self.place(goods, 1, 1).await
    }

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
        let (path, body) = (
            format!("/admin/v1/orders/{}/refunds", order.id),
            json!({ "amount_fen": amount_fen, "reason": "混沌" }),
        );
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

    /// Mend WeChat, let everything come to its end, compare the books, and leave nothing open behind.
    pub(super) async fn close(mut self) -> anyhow::Result<Vec<Violation>> {
        self.world.faults(&json!({})).await?;
        self.settle().await?;
        let truth = self.world.truth().await?;
        let mut seen = Vec::new();
        for order in self.orders.clone() {
            let view = self.see(&order).await?;
            for (invariant, subject, expected, seen) in books::examine(&order, &view, &truth) {
                self.claim(false, invariant, &subject, &expected, &seen);
            }
            seen.push((order, view));
        }
        self.shelves(&seen).await?;
        if let Some(house) = &self.world.house {
            for finding in house.verify().await? {
                let seen = format!("not so for {} {:?}", finding.noun, finding.ids);
                self.claim(false, Invariant::Rows, finding.name, finding.claim, &seen);
            }
        }
        for (order, view) in seen.iter().filter(|(_, view)| view["state"] == "pending") {
            // Else its timer would ask WeChat in the middle of a later round.
            drop(self.cancel(order).await.with_context(|| format!("{} cannot be ended", view["id"])));
        }
        Ok(self.violations)
    }

    /// Wait until nothing is under way.
    async fn settle(&self) -> anyhow::Result<()> {
        if self.world.house.is_some() {
            return self.world.pass(REST).await;
        }
        let quiet = async || {
            for order in &self.orders {
                let seen = self.see(order).await?;
                let under_way = |refund: &Value| refund["state"] == "approved" || refund["state"] == "processing";
                let unknown = self.there(order).await?.iter().any(|payment| {
                    let id = text(payment, "/transaction_id");
                    !id.is_empty() && !list(&seen, "/payments").iter().any(|known| text(known, "/transaction_id") == id)
                });
                if unknown || list(&seen, "/refunds").iter().any(under_way) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        };
        self.world.until(REST, quiet).await.map(drop)
    }

    /// Stock and sales of every product are what its orders say.
    async fn shelves(&mut self, seen: &[(Order, Value)]) -> anyhow::Result<()> {
        for (place, goods) in self.goods.clone().into_iter().enumerate() {
            let path = format!("/admin/v1/products/{}", goods.product_id);
            let product = self.world.staff(|| self.world.shop.get(&path)).await?.good()?;
            let pieces = |wanted: &dyn Fn(&str) -> bool| -> i64 {
                let own = seen.iter().filter(|(order, view)| order.goods == place && wanted(text(view, "/state")));
                own.map(|(order, _)| order.qty).sum()
            };
            let left = goods.qty - pieces(&|state| state != "closed");
            let sold = pieces(&|state| PAID.contains(&state));
            let (left_seen, sold_seen) = (number(&product, "/skus/0/left_qty"), number(&product, "/sales"));
            let subject = format!("SKU {}", goods.sku_id);
            let told = |count: i64| format!("{count}");
            self.claim(left == left_seen, Invariant::Stock, &subject, &format!("{left} left"), &told(left_seen));
            self.claim(sold == sold_seen, Invariant::Once, &subject, &format!("{sold} sold"), &told(sold_seen));
        }
        Ok(())
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
