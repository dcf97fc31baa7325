//! Things a test needs in the shop: a product, an address, an order, a paid order.

use super::{
    app::TestApp,
    client::{Answer, User},
};
use serde_json::{Value, json};
use weizhan::{model::staff::Permission, simulator::Failure};

/// A product with one SKU.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "each is the id of another thing")]
pub struct Goods {
    /// The shelf.
    pub category_id: String,
    /// The product.
    pub product_id: String,
    /// Its SKU.
    pub sku_id: String,
}

/// The id of whatever has one.
pub fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// WeChat refuses so many requests of a path with this status and code, without carrying them out.
pub fn failing(app: &TestApp, method: &str, path: &str, count: u32, status: u16, code: &str) {
    let (path, method, code) = (path.to_owned(), Some(method.to_owned()), code.to_owned());
    let failure = Failure { path, method, count, status, code };
    app.simulator.faults().change(|faults| faults.fail.push(failure));
}

impl TestApp {
    /// A member of staff who may do everything.
    pub async fn owner(&self) -> User {
        self.staff(Permission::ALL).await
    }

    /// A product on sale at this price with so many pieces.
    pub async fn goods(&self, price_fen: i64, qty: i64) -> Goods {
        let owner = self.owner().await;
        let category =
            owner.post("/admin/v1/categories").json(&json!({ "name": "茶", "position": 1 })).send().await.expect(201);
        let body = json!({ "category_id": category["id"], "title": "龙井", "state": "on_sale",
            "skus": [{ "name": "50 克", "price_fen": price_fen, "initial_qty": qty }] });
        let product = owner.post("/admin/v1/products").json(&body).send().await.expect(201);
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        Goods {
            category_id: text(&category["id"]),
            product_id: text(&product["id"]),
            sku_id: text(&product["skus"][0]["id"]),
        }
    }

    /// Pieces left of a product's first SKU, as staff see it: from the rows, not from the cache.
    pub async fn left(&self, goods: &Goods) -> i64 {
        let owner = self.owner().await;
        let product = owner.get(&format!("/admin/v1/products/{}", goods.product_id)).send().await.expect(200);
        product["skus"][0]["left_qty"].as_i64().expect("a number")
    }

    /// Pay an order in the cashier: begin, pay, and let WeChat call.
    pub async fn pay(&self, buyer: &User, order: &Value) -> String {
        let out_trade_no = self.begin_payment(buyer, order).await;
        self.simulator.pay(&out_trade_no).expect("paid");
        self.deliver().await;
        out_trade_no
    }

    /// Begin to pay; the number at WeChat.
    pub async fn begin_payment(&self, buyer: &User, order: &Value) -> String {
        let path = format!("/v1/orders/{}/payment", order["id"].as_str().expect("id"));
        let params = buyer.post(&path).send().await.expect(200);
        let handle = params["package"].as_str().and_then(|text| text.strip_prefix("prepay_id=")).expect("a handle");
        self.simulator.payment_of_prepay(handle).expect("the payment").out_trade_no
    }

    /// An order that was paid; with its number at WeChat.
    pub async fn paid_order(&self, buyer: &User, goods: &Goods, qty: i64) -> (Value, String) {
        let order = buyer.order(goods, qty).await.expect(201);
        let out_trade_no = self.pay(buyer, &order).await;
        let order = buyer.see(&order).await;
        assert_eq!(order["state"], "paid");
        (order, out_trade_no)
    }
}

impl User {
    /// An address of this buyer.
    pub async fn address(&self) -> String {
        let body = json!({ "name": "王小明", "phone": "13800000000", "province": "浙江省", "city": "杭州市",
            "district": "西湖区", "detail": "文三路 1 号" });
        let address = self.post("/v1/addresses").json(&body).send().await.expect(201);
        address["id"].as_str().expect("id").to_owned()
    }

    /// Try to order so many pieces.
    pub async fn order(&self, goods: &Goods, qty: i64) -> Answer {
        self.order_to(&self.address().await, goods, qty).await
    }

    /// Try to order so many pieces to this address.
    pub async fn order_to(&self, address: &str, goods: &Goods, qty: i64) -> Answer {
        let body = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": qty }], "address_id": address });
        self.post("/v1/orders").new_key().json(&body).send().await
    }

    /// Give up an order.
    pub async fn cancel(&self, order: &Value) -> Answer {
        self.post(&format!("/v1/orders/{}/cancel", id(order))).send().await
    }

    /// Say that an order was paid.
    pub async fn ask_payment(&self, order: &Value) -> Answer {
        self.post(&format!("/v1/orders/{}/payment/query", id(order))).send().await
    }

    /// Try to begin to pay.
    pub async fn try_payment(&self, order: &Value) -> Answer {
        self.post(&format!("/v1/orders/{}/payment", id(order))).send().await
    }

    /// An order as it stands now.
    pub async fn see(&self, order: &Value) -> Value {
        self.get(&format!("/v1/orders/{}", order["id"].as_str().expect("id"))).send().await.expect(200)
    }
}
