//! The whole life of a buyer, with texts of its own in every place where a text can be said.

use crate::{
    message,
    support::{
        app::{APPS, TestApp},
        client::{Answer, User},
        shop::{Goods, id},
    },
    upload::{Store, files, upload},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use weizhan::{model::time::days, simulator::NewUser};

/// Somebody whose every text is nobody else's.
pub struct Person {
    /// What all of its texts have in them.
    pub mark: &'static str,
    /// Its phone number at WeChat.
    pub phone: &'static str,
    /// The number in its address.
    pub parcel_phone: &'static str,
}

/// What it left behind.
pub struct Life {
    /// Signed in, in the first mini-program.
    pub user: User,
    /// Texts that it, or somebody about it, said.
    pub texts: BTreeMap<&'static str, String>,
    /// Its order that was paid, sent, received and partly given back.
    pub order: Value,
}

impl Person {
    /// A text of this person.
    pub fn text(&self, what: &str) -> String {
        format!("{}-{what}", self.mark)
    }

    /// What WeChat calls it in a mini-program.
    pub fn openid(&self, place: usize) -> String {
        format!("o{}", self.text(&format!("openid{place}")))
    }

    /// Another order, with a remark, to its address.
    pub async fn order(&self, user: &User, address: &str, goods: &Goods) -> Answer {
        let body = json!({ "lines": [{ "sku_id": goods.sku_id, "qty": 2 }], "address_id": address,
            "remark": self.text("remark") });
        user.post("/v1/orders").new_key().json(&body).send().await
    }

    /// A new address.
    pub async fn address(&self, user: &User) -> String {
        let body = json!({ "name": self.text("name"), "phone": self.parcel_phone, "province": "浙江省", "city": "杭州市",
            "district": self.text("district"), "detail": self.text("street") });
        id(&user.post("/v1/addresses").json(&body).send().await.expect(201)).to_owned()
    }

    /// Live all of it.
    pub async fn live(&self, app: &TestApp, goods: &Goods) -> Life {
        let openids = APPS.iter().enumerate().map(|(place, (appid, _))| ((*appid).to_owned(), self.openid(place)));
        let new = NewUser {
            id: Some(self.mark.to_owned()),
            unionid: Some(self.text("unionid")),
            openids: openids.collect(),
            phone: Some(self.phone.to_owned()),
            ..NewUser::default()
        };
        app.simulator.add_user(new).expect("a user of WeChat");
        let user = app.buyer(self.mark).await;
        app.buyer_in(APPS[1].0, self.mark).await.get("/v1/me").send().await.expect(200);
        let code = app.simulator.phone_code(APPS[0].0, self.mark).expect("code");
        user.post("/v1/me/phone").json(&json!({ "code": code })).send().await.expect(200);
        let avatar = upload(app, Store::Directory, &user, "avatar", "image/png", &files::png(40, 30)).await;
        let body = json!({ "nickname": self.text("nickname"), "avatar_url": avatar["url"] });
        user.put("/v1/me").json(&body).send().await.expect(200);
        let address = self.address(&user).await;
        self.tell(app, &user).await;
        // For what the shop tells of the order; a template more than there are occasions stays unused.
        message::agree(app, &user, self.mark, &[message::PAID, message::SHIPPED, message::REFUNDED]).await;
        message::agree(app, &user, self.mark, &[message::REFUNDED]).await;
        let order = self.buy(app, &user, &address, goods).await;
        let picture = self.give_back(app, &user, &order).await;
        self.suspended(app, &user, &address, goods).await;
        let cart = format!("/v1/cart/items/{}", goods.sku_id);
        user.put(&cart).json(&json!({ "qty": 1 })).send().await.expect(200);
        let key = |url: &Value| url.as_str().expect("an address").trim_start_matches("/objects/").to_owned();
        let session_key = app.simulator.add_user(NewUser { id: Some(self.mark.to_owned()), ..NewUser::default() });
        let session_key = session_key.expect("known").accounts[APPS[0].0].session_key.clone();
        let said = ["unionid", "nickname", "name", "district", "street", "remark", "reason", "staff-reason"];
        let told = ["search", "detail", "tracking", "installation"];
        let mut texts: BTreeMap<_, _> = said.into_iter().chain(told).map(|what| (what, self.text(what))).collect();
        texts.extend([
            ("openid", self.openid(0)),
            ("openid there", self.openid(1)),
            ("phone", self.phone.to_owned()),
            ("phone index", app.app.vault.index("users.phone", &format!("+86{}", self.phone))),
            ("phone of the parcel", self.parcel_phone.to_owned()),
            ("session key", session_key),
            ("avatar", key(&avatar["url"])),
            ("avatar small", key(&avatar["thumbnail_url"])),
            ("picture", key(&picture["url"])),
        ]);
        Life { user, texts, order }
    }

    async fn tell(&self, app: &TestApp, user: &User) {
        let now = app.app.now().0;
        let event = |number: u8, kind: &str| {
            json!({ "id": self.text(&format!("event{number}")), "kind": kind,
            "occurred_ms": now, "page": "pages/index", "name": self.text("search"),
            "detail": { "note": self.text("detail") } })
        };
        let body = json!({ "source": self.text("installation"), "sent_ms": now, "channel": "1001",
            "events": [event(1, "search"), event(2, "custom"), event(3, "product_view")] });
        user.post("/v1/events").json(&body).send().await.expect(200);
    }

    /// Buy, pay, be sent it, have it, and let WeChat settle.
    async fn buy(&self, app: &TestApp, user: &User, address: &str, goods: &Goods) -> Value {
        let order = self.order(user, address, goods).await.expect(201);
        let number = app.pay(user, &order).await;
        self.refused(app, &number).await;
        let parcel = json!({ "carrier": "SF", "tracking_no": self.text("tracking") });
        let path = format!("/admin/v1/orders/{}/shipment", id(&order));
        app.owner().await.post(&path).json(&parcel).send().await.expect(200);
        app.run_jobs().await;
        app.deliver().await;
        user.post(&format!("/v1/orders/{}/receipt", id(&order))).send().await.expect(200);
        app.simulator.confirm_receipt(&number).expect("confirmed");
        app.deliver().await;
        app.run_jobs().await;
        order
    }

    /// The same callback once more, wrongly signed: it is refused and written down.
    async fn refused(&self, app: &TestApp, number: &str) {
        let count = "SELECT COUNT(*) FROM refused_notices";
        let before = app.number(count).await;
        let letter = app.letter_of(number).with("wechatpay-nonce", "another");
        assert_eq!(app.post_letter(&letter).await.status, 401);
        while app.number(count).await == before {
            tokio::task::yield_now().await;
        }
    }

    /// A part of it goes back because the buyer wants it, another because staff do.
    async fn give_back(&self, app: &TestApp, user: &User, order: &Value) -> Value {
        let picture = upload(app, Store::Directory, user, "refund", "image/png", &files::png(50, 30)).await;
        let body = json!({ "amount_fen": 3, "reason": self.text("reason"), "picture_urls": [picture["url"]] });
        let refunds = format!("/v1/orders/{}/refunds", id(order));
        let refund = user.post(&refunds).new_key().json(&body).send().await.expect(201);
        let approve = format!("/admin/v1/refunds/{}/approve", id(&refund));
        app.owner().await.post(&approve).send().await.expect(200);
        settle(app).await;
        let body = json!({ "amount_fen": 4, "reason": self.text("staff-reason") });
        let start = format!("/admin/v1/orders/{}/refunds", id(order));
        app.owner().await.post(&start).new_key().json(&body).send().await.expect(201);
        settle(app).await;
        picture
    }

    /// Money of this person where another's was asked for; staff send it back, and the order closes.
    async fn suspended(&self, app: &TestApp, user: &User, address: &str, goods: &Goods) {
        let order = self.order(user, address, goods).await.expect(201);
        let number = app.begin_payment(user, &order).await;
        app.spoil(&format!("UPDATE prepays SET openid = 'oAnother' WHERE out_trade_no = '{number}'")).await;
        let paid = app.simulator.pay(&number).expect("paid");
        app.deliver().await;
        let transaction = paid.transaction_id.expect("a number");
        let path = format!("/admin/v1/suspense/{transaction}/refund");
        app.owner().await.post(&path).send().await.expect(200);
        settle(app).await;
        user.cancel(&order).await.expect(200);
    }
}

/// Let what is under way come to its end.
pub async fn settle(app: &TestApp) {
    for _ in 0..3 {
        app.run_jobs().await;
        app.advance(Duration::from_secs(61));
        app.deliver().await;
    }
    app.run_jobs().await;
}

/// As long as it takes until nothing of a picture is looked for any more.
pub const LONG: Duration = days(2);
