//! A check that nothing trips proves nothing. Shown on a shop with orders in every state: each check of `verify`, and the
//! audit chain, has a mutant of the rows that trips exactly the checks named; taken back, nothing is found again.

mod mutant;

use crate::support::{
    app::{APPS, PUSH_AES_KEY, PUSH_TOKEN, Setup, TestApp},
    client::User,
    shop::{Goods, failing, id},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use weizhan::{
    data::verify::CHECKS,
    model::time::minutes,
    service,
    simulator::{PushFormat, PushMode, PushTarget},
};

const CLOSE: &str = "/v3/pay/transactions/out-trade-no/";

/// A shop with an order in each state, by the names that mutants use; `{audits}` is the number of the last audit row. Of
/// stock, one move is an adjustment as large as an order's line.
struct Shop {
    app: TestApp,
    ids: Vec<(&'static str, String)>,
}

async fn start_refund(owner: &User, order: &Value, amount: i64) {
    let body = json!({ "amount_fen": amount, "reason": "x" });
    owner.post(&format!("/admin/v1/orders/{}/refunds", id(order))).new_key().json(&body).send().await.expect(201);
}

/// An order that was closed before its money came: with its pieces still there it is revived, otherwise its money is back.
async fn late_order(app: &TestApp, ann: &User, goods: &Goods, sold_out: bool) -> Value {
    let order = ann.order(goods, 1).await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    failing(app, "POST", CLOSE, 1, 400, "ORDER_CLOSED");
    ann.cancel(&order).await.expect(200);
    if sold_out {
        app.paid_order(ann, goods, 1).await;
    }
    app.simulator.pay(&number).unwrap();
    app.deliver().await;
    order
}

/// An order whose payer was another, and whose money staff sent back.
async fn suspended_order(app: &TestApp, ann: &User, owner: &User, goods: &Goods) -> Value {
    let order = ann.order(goods, 1).await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    app.spoil(&format!("UPDATE prepays SET openid = 'oAnother' WHERE out_trade_no = '{number}'")).await;
    let paid = app.simulator.pay(&number).unwrap();
    app.deliver().await;
    let path = format!("/admin/v1/suspense/{}/refund", paid.transaction_id.unwrap());
    owner.post(&path).send().await.expect(200);
    order
}

/// An order whose price staff changed.
async fn repriced_order(ann: &User, owner: &User, goods: &Goods) -> Value {
    let order = ann.order(goods, 1).await.expect(201);
    let price = json!({ "version": 1, "total_fen": 90, "reason": "x" });
    owner.put(&format!("/admin/v1/orders/{}/price", id(&order))).json(&price).send().await.expect(200);
    order
}

impl Shop {
    async fn new() -> Self {
        let overrides = vec![("pay.late_payment", "reserve".to_owned())];
        let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
        let target = PushTarget {
            url: format!("{}/callback/wechat/push/{}", app.base, APPS[0].0),
            token: PUSH_TOKEN.to_owned(),
            aes_key: PUSH_AES_KEY.to_owned(),
            mode: PushMode::Secure,
            format: PushFormat::Json,
        };
        app.simulator.push_to(APPS[0].0, Some(target)).unwrap();
        let (goods, ann, owner) = (app.goods(100, 50).await, app.buyer("ann").await, app.owner().await);
        let stock = format!("/admin/v1/skus/{}/stock", goods.sku_id);
        owner.post(&stock).new_key().json(&json!({ "delta": 2, "reason": "x" })).send().await.expect(200);
        let (refunded, _) = app.paid_order(&ann, &goods, 1).await;
        start_refund(&owner, &refunded, 100).await;
        let revived = late_order(&app, &ann, &goods, false).await;
        let late = late_order(&app, &ann, &app.goods(100, 1).await, true).await;
        let suspended = suspended_order(&app, &ann, &owner, &goods).await;
        let repriced = repriced_order(&ann, &owner, &goods).await;
        app.run_jobs().await;
        app.advance(Duration::from_secs(61));
        app.deliver().await;
        app.run_jobs().await;
        let (shipped, _) = app.paid_order(&ann, &goods, 1).await;
        let parcel = json!({ "carrier": "SF", "tracking_no": "1" });
        owner.post(&format!("/admin/v1/orders/{}/shipment", id(&shipped))).json(&parcel).send().await.expect(200);
        let closed = ann.order(&goods, 1).await.expect(201);
        app.begin_payment(&ann, &closed).await;
        ann.cancel(&closed).await.expect(200);
        let (paid, _) = app.paid_order(&ann, &goods, 2).await;
        let (following, _) = app.paid_order(&ann, &goods, 1).await;
        start_refund(&owner, &following, 50).await;
        app.run_jobs().await;
        let event = app.simulator.push_event(APPS[0].0, "trade_manage_remind_access_api", "o1", &json!({ "msg": "x" }));
        assert!(event.unwrap().is_some());
        app.deliver().await;
        app.run_jobs().await;
        service::event::move_facts(&app.app).await.unwrap();
        let pending = ann.order(&goods, 1).await.expect(201);
        app.begin_payment(&ann, &pending).await;
        let orders = [
            ("{pending}", pending, "pending"),
            ("{paid}", paid, "paid"),
            ("{shipped}", shipped, "shipped"),
            ("{closed}", closed, "closed"),
            ("{late}", late, "closed"),
            ("{refunded}", refunded, "refunded"),
            ("{revived}", revived, "paid"),
            ("{suspended}", suspended, "pending"),
            ("{repriced}", repriced, "pending"),
        ];
        let mut ids = Vec::new();
        for (name, order, state) in orders {
            assert_eq!(ann.see(&order).await["state"], state, "{name}");
            ids.push((name, id(&order).to_owned()));
        }
        ids.push(("{audits}", app.number("SELECT MAX(seq) FROM audit").await.to_string()));
        Self { app, ids }
    }

    async fn change(&self, text: &str) {
        let text = self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id));
        assert!(self.app.rows().execute(&text).await > 0, "{text}: no such row");
    }

    async fn tripped(&self) -> BTreeSet<&'static str> {
        self.app.broken().await.into_iter().map(|(name, _)| name).collect()
    }
}

#[tokio::test]
async fn every_check_is_tripped_by_its_mutant_and_by_nothing_else() {
    let shop = Shop::new().await;
    assert_eq!(shop.tripped().await, BTreeSet::new(), "clean rows trip nothing");
    let mutants = [mutant::STOCK, mutant::ORDERS, mutant::MONEY, mutant::JOBS, mutant::EVENTS, mutant::AUDIT].concat();
    for (names, make, undo) in &mutants {
        shop.change(make).await;
        assert_eq!(shop.tripped().await, names.iter().copied().collect(), "{make}");
        shop.change(undo).await;
        assert_eq!(shop.tripped().await, BTreeSet::new(), "{undo}");
    }
    let covered: BTreeSet<_> = mutants.iter().map(|(names, ..)| names[0]).collect();
    let all: BTreeSet<_> = CHECKS.iter().map(|check| check.name).chain(["audit.chain"]).collect();
    assert_eq!(covered, all, "every check needs a mutant of its own");
    assert_eq!(service::verify::COUNT, all.len(), "names are unique");
    for _ in 0..3 {
        shop.app.advance(minutes(20));
        shop.app.run_jobs().await;
    }
    shop.app.end().await;
}

#[tokio::test]
async fn a_finding_names_the_rows() {
    let shop = Shop::new().await;
    shop.change("UPDATE orders SET openid = CONCAT('x', openid) WHERE id = {paid}").await;
    let paid: i64 = shop.ids.iter().find(|(name, _)| *name == "{paid}").unwrap().1.parse().unwrap();
    assert_eq!(shop.app.broken().await, [("order.paid", vec![paid])]);
    let mut called = 0;
    let findings = service::verify::run(&shop.app.app, |_| called += 1).await.unwrap();
    let finding = findings.iter().find(|finding| !finding.ids.is_empty()).unwrap();
    assert_eq!((called, finding.noun, findings.len()), (service::verify::COUNT, "order", service::verify::COUNT));
    shop.app.stop().await;
}
