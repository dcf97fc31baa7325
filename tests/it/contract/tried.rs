//! A shop in which every operation has something to be called on, and the call for each.

use super::openapi::{Operation, operations};
use crate::{
    support::{
        app::{APPS, MCHID, START, TestApp},
        client::{Answer, Client, Request, User},
        shop::Goods,
    },
    upload::{self, Store, files},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weizhan::{
    data,
    model::{
        id::{DifferenceId, JobId},
        job::Work,
        money::Fen,
        payment::{FactSource, PaymentFact},
        reconcile::{Difference, DifferenceKind, DifferenceState, Finding},
        time::Day,
    },
    service::{
        Never,
        payment::{self, Ending, Outcome},
    },
    simulator::Encrypted,
};

/// An id that nothing has.
const NOTHING: &str = "4242424242424242";

/// Ann's things, and what staff decide about.
pub struct World {
    /// The application.
    pub app: TestApp,
    /// To whom everything belongs.
    pub ann: User,
    operations: BTreeMap<String, Operation>,
    goods: Goods,
    address: String,
    spare_address: String,
    /// Waits for its money.
    pending: String,
    /// Was paid.
    paid: String,
    /// Asked for, one to be approved, one to be rejected; and one that WeChat closed.
    refunds: [String; 3],
    /// Money in suspense: WeChat confirms the first, the second is of nobody.
    suspended: [String; 2],
    /// Of the payment that was paid.
    notice: String,
    /// Was given up.
    job: String,
    /// Of a paid order that the shop does not know as paid: one to be repaired and one to be dismissed.
    differences: [String; 2],
    phone_code: String,
    encrypted_phone: Encrypted,
    /// One to be sent and confirmed; two that WeChat is not sure of; one of staff, which the test hands to a clerk.
    uploads: [String; 4],
}

/// A request that would succeed, were it sent by whom it is for.
pub struct Call {
    operation: Operation,
    /// What its path is about.
    pub path_id: String,
    /// What it says.
    pub body: Option<Value>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}

/// WeChat has closed a refund; what it had set aside is free again.
async fn close_refund(app: &TestApp, id: &str) {
    app.spoil(&format!("UPDATE refunds SET state = 'closed', ended_ms = created_ms WHERE id = {id}")).await;
    app.spoil("UPDATE orders SET refund_held_fen = refund_held_fen - 1 WHERE refund_held_fen > 0").await;
}

/// Money of a payer whom we did not ask; WeChat's number of it.
async fn suspended(app: &TestApp, ann: &User, goods: &Goods) -> String {
    let order = ann.order(goods, 1).await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    app.spoil(&format!("UPDATE prepays SET openid = 'oAnother' WHERE out_trade_no = '{number}'")).await;
    let paid = app.simulator.pay(&number).expect("paid");
    ann.ask_payment(&order).await.expect(200);
    paid.transaction_id.expect("a number")
}

/// Money under a number that we never asked for.
async fn suspended_of_nobody(app: &TestApp) -> String {
    let fact = PaymentFact {
        source: FactSource::Notice,
        mchid: MCHID.to_owned(),
        appid: APPS[0].0.to_owned(),
        out_trade_no: "4711-of-another-system".to_owned(),
        transaction_id: "4200000000000000000000000001".to_owned(),
        total_fen: Fen(5),
        currency: "CNY".to_owned(),
        openid: "oNobody".to_owned(),
        success_ms: app.app.now(),
    };
    let outcome = payment::settle::<Never>(&app.app, &fact, &Ending::Nothing).await.expect("settled");
    assert_eq!(outcome, Outcome::Suspended);
    fact.transaction_id
}

/// Two differences about an order that was paid without anybody telling.
async fn differences(app: &TestApp, ann: &User, goods: &Goods) -> [String; 2] {
    let order = ann.order(goods, 1).await.expect(201);
    let number = app.begin_payment(ann, &order).await;
    let paid = app.simulator.pay(&number).expect("paid");
    let mut session = app.app.database.write().await.expect("write");
    let mut ids = [String::new(), String::new()];
    for (id, kind) in ids.iter_mut().zip([DifferenceKind::PaymentMissingHere, DifferenceKind::DuplicateRow]) {
        let transaction_id = paid.transaction_id.clone().expect("a number");
        let row = Difference {
            id: app.app.ids.next(DifferenceId),
            day: Day(20_261_123),
            finding: Finding {
                kind,
                subject: transaction_id.clone(),
                wechat_no: transaction_id,
                own_no: number.clone(),
                order_id: None,
                bill_fen: Some(paid.total_fen),
                own_fen: None,
                bill_state: "SUCCESS".to_owned(),
                own_state: String::new(),
                happened_ms: START,
            },
            state: DifferenceState::Open,
            note: String::new(),
            created_ms: START,
            ended_ms: None,
        };
        data::reconcile::insert(&mut session, &row).await.expect("a difference");
        *id = row.id.to_string();
    }
    session.commit().await.expect("commit");
    ids
}

/// Uploads of Ann's and one of staff.
async fn uploads(app: &TestApp, ann: &User) -> [String; 4] {
    let file = files::png(8, 8);
    let mut held = [String::new(), String::new()];
    for id in &mut held {
        *id = text(&upload::upload(app, Store::Directory, ann, "avatar", "image/png", &file).await["id"]);
        app.spoil(&format!("UPDATE uploads SET verdict = 'review' WHERE id = {id}")).await;
    }
    let fresh = text(&upload::begin(ann, "avatar", "image/png", 4_096).await["id"]);
    let of_staff = text(&upload::begin(&app.owner().await.client, "product", "image/png", 4_096).await["id"]);
    let [first, second] = held;
    [fresh, first, second, of_staff]
}

impl World {
    /// The shop and Ann.
    pub async fn new() -> Self {
        let app = TestApp::new().await;
        let (goods, ann) = (app.goods(1_000, 50).await, app.buyer("ann").await);
        let (paid, number) = app.paid_order(&ann, &goods, 2).await;
        let notice = app.callback_of(&number).id;
        let paid = text(&paid["id"]);
        let pending = text(&ann.order(&goods, 1).await.expect(201)["id"]);
        let mut refunds = [String::new(), String::new(), String::new()];
        for refund in &mut refunds {
            let path = format!("/v1/orders/{paid}/refunds");
            let body = json!({ "amount_fen": 1, "reason": "少了" });
            *refund = text(&ann.post(&path).new_key().json(&body).send().await.expect(201)["id"]);
        }
        close_refund(&app, &refunds[2]).await;
        let suspended = [suspended(&app, &ann, &goods).await, suspended_of_nobody(&app).await];
        let differences = differences(&app, &ann, &goods).await;
        let (address, spare_address) = (ann.address().await, ann.address().await);
        let mut rows = app.app.database.write().await.expect("write");
        let (work, now) = (Work::CleanUp { slot: 1 }, app.app.now());
        let job = app.app.ids.next(JobId);
        assert!(data::job::enqueue(&mut rows, job, &work, now, None, now).await.expect("a job"));
        rows.commit().await.expect("commit");
        app.spoil(&format!("UPDATE jobs SET state = 'dead' WHERE id = {job}")).await;
        let phone_code = app.simulator.phone_code(APPS[0].0, "ann").expect("code");
        let encrypted_phone = app.simulator.encrypted_phone(APPS[0].0, "ann").expect("sealed");
        let uploads = uploads(&app, &ann).await;
        let operations = operations().into_iter().map(|one| (one.id.clone(), one)).collect();
        Self {
            app,
            ann,
            operations,
            goods,
            address,
            spare_address,
            pending,
            paid,
            refunds,
            suspended,
            notice,
            job: job.to_string(),
            differences,
            phone_code,
            encrypted_phone,
            uploads,
        }
    }

    /// The upload of staff belongs to the one who may do nothing but change products.
    pub async fn hand_over_upload(&self) {
        let clerk = "SELECT id FROM staff WHERE permissions = 'product.write'";
        self.app.spoil(&format!("UPDATE uploads SET owner_id = ({clerk}) WHERE owner = 'staff'")).await;
    }

    /// Try what was given up once more, and end.
    pub async fn end(self) {
        self.app.rows().execute("UPDATE jobs SET state = 'ready' WHERE state = 'dead'").await;
        self.app.run_jobs().await;
        self.app.end().await;
    }

    /// The call of an operation. A new operation needs a line here as well as one in the table.
    pub fn call(&self, id: &str) -> Call {
        let known = self.operations.get(id).expect("an operation of the document");
        let operation = Operation {
            id: known.id.clone(),
            method: known.method.clone(),
            path: known.path.clone(),
            body: known.body.clone(),
        };
        Call { operation, path_id: self.path_id(id).to_owned(), body: self.body(id) }
    }

    fn path_id(&self, id: &str) -> &str {
        match id {
            "staff.refund.approve" => &self.refunds[0],
            "staff.refund.reject" => &self.refunds[1],
            "staff.difference.repair" => &self.differences[0],
            "staff.difference.dismiss" => &self.differences[1],
            "staff.reconciliation.run" => "2026-11-22",
            "order.receive"
            | "refund.request"
            | "staff.order.view"
            | "staff.order.ship"
            | "staff.refund.start"
            | "staff.order.timeline"
            | "staff.order.correct_shipment" => &self.paid,
            "callback.push" | "callback.verify_push" => APPS[1].0,
            "staff.refund.retry" => &self.refunds[2],
            "staff.suspense.retry" | "staff.suspense.refund" => &self.suspended[0],
            "staff.suspense.dismiss" => &self.suspended[1],
            "staff.job.redrive" => &self.job,
            "staff.notice.replay" => &self.notice,
            "product.view" | "staff.product.view" | "staff.product.change" => &self.goods.product_id,
            "cart.put" | "cart.remove" | "staff.stock.adjust" => &self.goods.sku_id,
            "address.change" | "address.remove" => &self.spare_address,
            "staff.setting.change" | "staff.setting.history" => "order.unpaid_minutes",
            "staff.flag.put" | "staff.flag.remove" | "staff.flag.history" => "new_cart",
            "upload.send" | "upload.confirm" | "upload.view" | "upload.remove" => &self.uploads[0],
            "staff.upload.allow" => &self.uploads[1],
            "staff.upload.block" => &self.uploads[2],
            "staff.upload.send" | "staff.upload.confirm" | "staff.upload.remove" => &self.uploads[3],
            "object.view" => "no/such.png",
            "scene.view" => "nosuchscene",
            _ => &self.pending,
        }
    }

    fn body(&self, id: &str) -> Option<Value> {
        let address =
            json!({ "name": "安", "phone": "13900000000", "province": "上海", "city": "上海", "detail": "1 号" });
        let product = json!({ "category_id": self.goods.category_id, "title": "红茶", "state": "on_sale",
            "skus": [{ "price_fen": 5 }] });
        Some(match id {
            "user.sign_in" => json!({ "appid": APPS[0].0, "code": "no-such-code" }),
            "event.take" => json!({ "source": "an-installation", "sent_ms": 0, "events": [] }),
            "user.refresh" | "staff.refresh" => json!({ "refresh_token": "1.1.AAAA" }),
            "staff.sign_in" => json!({ "name": "nobody", "password": "nothing" }),
            "callback.pay" | "callback.refund" => json!({ "id": "a notice that nobody signed" }),
            "user.change" => json!({ "nickname": "安安", "avatar_url": "" }),
            "user.bind_phone" => json!({ "code": self.phone_code }),
            "user.bind_encrypted_phone" => json!(self.encrypted_phone),
            "cart.put" => json!({ "qty": 2 }),
            "address.add" | "address.change" => address,
            "order.place" => {
                json!({ "lines": [{ "sku_id": self.goods.sku_id, "qty": 1 }], "address_id": self.address })
            }
            "refund.request" | "staff.refund.start" => json!({ "amount_fen": 2, "reason": "破了" }),
            "message.consent" => json!({ "answers": { "T": "accept", "errMsg": "ok" } }),
            "upload.begin" => json!({ "purpose": "avatar", "content_type": "image/png", "bytes": 4096 }),
            "staff.upload.begin" => json!({ "purpose": "product", "content_type": "image/png", "bytes": 4096 }),
            "staff.code.create" => json!({ "page": "pages/index/index", "query": "id=7" }),
            "staff.link.create" => json!({ "kind": "link", "page": "pages/index/index", "query": "id=7" }),
            "staff.category.create" => json!({ "name": "红茶" }),
            "staff.product.create" => product,
            "staff.product.change" => json!({ "version": 1, "product": product }),
            "staff.stock.adjust" => json!({ "delta": 1, "reason": "盘点" }),
            "callback.push" => json!({ "MsgType": "event", "Event": "a message that nobody signed" }),
            "staff.order.correct_shipment" => json!({ "parcels": [{ "carrier": "YTO", "tracking_no": "YT2" }],
                "logistics": "express", "more_to_come": false, "description": "两包茶" }),
            "staff.order.price" => json!({ "version": 1, "total_fen": 900, "reason": "老客户" }),
            "staff.suspense.dismiss" => json!({ "note": "另一个系统的钱" }),
            "staff.difference.dismiss" => json!({ "note": "别的系统的钱" }),
            "staff.setting.change" => json!({ "version": 0, "value": 20 }),
            "staff.flag.put" => json!({ "version": 0, "on": true, "percent": 10, "openids": ["oAnn"], "appids": [],
                "version_min": "1.4.2" }),
            "staff.order.ship" => json!({ "carrier": "SF", "tracking_no": "SF1" }),
            _ => return None,
        })
    }
}

impl Call {
    /// The same about things that never were; `None` when it names nothing that belongs to a buyer.
    pub fn of_nothing(&self) -> Option<Self> {
        let Operation { id, method, path, body } = &self.operation;
        let operation = Operation { id: id.clone(), method: method.clone(), path: path.clone(), body: body.clone() };
        let mut other = Self { operation, path_id: NOTHING.to_owned(), body: self.body.clone() };
        let in_body = other.body.as_mut().and_then(|body| body.get_mut("address_id"));
        let named_in_body = in_body.map(|address| *address = json!(NOTHING)).is_some();
        (named_in_body || path.contains("{id}")).then_some(other)
    }

    /// Whether its path names a thing by its id.
    pub fn names_an_id(&self) -> bool {
        self.operation.path.contains("id}") || self.operation.path.contains("{day}")
    }

    /// The request without its body.
    pub fn request(&self, client: &Client) -> Request {
        let Operation { method, path, body, .. } = &self.operation;
        let path =
            ["{id}", "{sku_id}", "{appid}", "{transaction_id}", "{notify_id}", "{day}", "{name}", "{scene}", "{*key}"]
                .iter()
                .fold(path.clone(), |path, name| path.replace(name, &self.path_id));
        let mut request = client.request(method.clone(), &path);
        let parameters = body["parameters"].as_array();
        if parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key")) {
            request = request.new_key();
        }
        request
    }

    /// Send it.
    pub async fn send(&self, client: &Client) -> Answer {
        let request = self.request(client);
        if self.operation.id.ends_with("upload.send") {
            let (header, body) = upload::form(&json!({}), "image/png", &files::png(8, 8));
            return request.header("content-type", &header).body(body).send().await;
        }
        match &self.body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }
}
