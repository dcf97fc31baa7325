//! One round of one kind: a product of its own, buyers of its own, the faults it asks for, and at its end the books.

use super::{
    books::{self, Order, PAID},
    call::{Answer, list, number, text},
    dice::Dice,
    violation::{Invariant, Violation},
    world::World,
};
use crate::{model::time::minutes, wechat::pay::sign::random_text};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::time::Duration;

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
        let login =
            shop.post("/v1/login").json(&json!({ "appid": appid, "code": code["code"] })).send().await?.good()?;
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
