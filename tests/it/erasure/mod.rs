//! Claimed: a person who goes leaves nothing personal behind in any table, cache, log, object or export, and every figure stays
//! as it was; while something is under way it cannot go; and however its going meets its other acts, neither is half.
//!
//! Shown: two people live the same life with texts that nobody else has. Every column of every table that the database lists
//! is read, sealed ones opened. The texts of the one who went are nowhere; those of the other are found, so that it is known
//! that the search can find.

mod life;
mod race;
mod scan;

use crate::{
    message::templates,
    support::{
        app::{APPS, Setup, TestApp},
        client::User,
        rows::{changed, columns, dump, tables},
        shop::id,
    },
    upload::{push_here, sweep},
};
use life::{LONG, Life, Person, settle};
use scan::{Kept, forms, holds};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};
use weizhan::{
    cache::SignInKey,
    model::{
        id::SignInId,
        time::{Day, minutes},
    },
    service::figure,
};

const ALICE: Person = Person { mark: "AliceQ7", phone: "13955550101", parcel_phone: "13955550102" };
const BOB: Person = Person { mark: "BobbyZ3", phone: "13966660201", parcel_phone: "13966660202" };

/// Everything that is logged while it lives.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lines").extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The books and the figures: what must not change.
async fn books(app: &TestApp) -> BTreeMap<String, Vec<String>> {
    figure::catch_up(&app.app).await.expect("counted");
    let mut books = app.rows().dump().await;
    let whole = ["order_lines", "order_transitions", "stock", "stock_moves", "products", "skus", "reconciliations"];
    let figures = ["figure_counts", "figure_visitors", "figure_firsts", "figure_sketches", "shippings"];
    books.retain(|table, _| whole.contains(&table.as_str()) || figures.contains(&table.as_str()));
    for (table, columns) in [
        (
            "orders",
            "id, number, user_id, state, version, goods_fen, freight_fen, adjustment_fen, total_fen, refund_held_fen, refunded_fen, created_ms",
        ),
        ("payments", "id, transaction_id, order_id, out_trade_no, total_fen, accepted, source, success_ms"),
        ("prepays", "id, order_id, out_trade_no, mchid, total_fen, state"),
        (
            "refunds",
            "id, order_id, transaction_id, out_refund_no, COALESCE(refund_id, ''), amount_fen, paid_fen, cause, state",
        ),
        ("shipments", "id, order_id, carrier"),
        ("suspense", "transaction_id, reason, out_trade_no, total_fen, resolved, resolution"),
        ("event_log", "partition_no, position, event_id, visitor, kind, occurred_ms, page, channel, amount_fen"),
    ] {
        let rows = app.rows().texts(&format!("SELECT CONCAT_WS(' ', {columns}) FROM {table} ORDER BY 1")).await;
        assert!(!rows.is_empty(), "{table}");
        books.insert(table.to_owned(), rows);
    }
    let staff = app.owner().await;
    for path in ["totals", "series?grain=day", "top", "retention", "funnel"] {
        for form in ["json", "csv"] {
            let join = if path.contains('?') { '&' } else { '?' };
            let path = format!("/admin/v1/figures/{path}{join}from=2026-11-23&to=2026-11-30&format={form}");
            let shown = staff.get(&path).send().await;
            assert!(shown.status.is_success(), "{path}: {}", shown.text);
            books.insert(path, vec![shown.text]);
        }
    }
    books
}

/// A flag that names both, as staff who try something out name people.
async fn flag(app: &TestApp) {
    let body =
        json!({ "version": 0, "on": true, "percent": 0, "openids": [ALICE.openid(0), BOB.openid(0)], "appids": [] });
    app.owner().await.put("/admin/v1/flags/new_cart").json(&body).send().await.expect(200);
}

/// A message of WeChat as versions before kept it.
async fn old_push(app: &TestApp, person: &Person, number: i64) {
    let content = format!("From {} to the shop", person.openid(0));
    app.spoil(&format!(
        "INSERT INTO pushes (id, appid, dedupe_key, event, content, outcome, received_ms) \
         VALUES ({number}, 'wx', 'key{number}', 'e', '{content}', 'noted', 1795406400000)"
    ))
    .await;
}

async fn sign_ins(app: &TestApp, life: &Life) -> Vec<i64> {
    let user = id(&life.user.signed_in["user"]).to_owned();
    app.rows().numbers(&format!("SELECT id FROM sign_ins WHERE audience = 'buyer' AND holder_id = {user}")).await
}

/// Which texts of somebody occur, and where.
fn found(kept: &Kept, life: &Life) -> BTreeMap<&'static str, Vec<String>> {
    let places = |text: &str| kept.places_of(text).into_iter().collect::<Vec<_>>();
    let all = life.texts.iter().map(|(what, text)| (*what, places(text)));
    all.filter(|(_, places)| !places.is_empty()).collect()
}

async fn remove(user: &User) {
    user.delete("/v1/me").send().await.expect(204);
}

#[tokio::test]
async fn who_goes_leaves_nothing_behind_and_every_figure_stays() {
    let lines = Lines::default();
    let writer = lines.clone();
    let logging = tracing_subscriber::fmt().with_env_filter("debug,sqlx=info,h2=info").with_ansi(false);
    let _logging = tracing::subscriber::set_default(logging.with_writer(move || writer.clone()).finish());
    let app = TestApp::with(Setup { overrides: templates(), ..Setup::default() }).await;
    push_here(&app);
    let goods = app.goods(1_000, 100).await;
    let (alice, bob) = (ALICE.live(&app, &goods).await, BOB.live(&app, &goods).await);
    flag(&app).await;
    old_push(&app, &ALICE, 1).await;
    old_push(&app, &BOB, 2).await;
    settle(&app).await;
    weizhan::service::event::move_facts(&app.app).await.expect("moved");

    let kept = Kept::of(&app).await;
    for life in [&alice, &bob] {
        let found = found(&kept, life);
        let missing: Vec<_> = life.texts.keys().filter(|what| !found.contains_key(*what)).collect();
        assert_eq!(missing, Vec::<&&str>::new(), "nothing can be said of what is never found");
    }
    export_has_all(&alice, &bob).await;
    let (before, devices) = (books(&app).await, sign_ins(&app, &alice).await);
    assert!(devices.len() >= 2);

    remove(&alice.user).await;
    alice.user.get("/v1/me").send().await.expect_problem(401, "token.revoked");
    alice.user.delete("/v1/me").send().await.expect_problem(401, "token.revoked");
    let refresh = json!({ "refresh_token": alice.user.refresh_token() });
    app.nobody().post("/v1/token/refresh").json(&refresh).send().await.expect_problem(401, "token.invalid");
    for device in devices {
        let held = app.app.cache.find(&SignInKey(SignInId(device))).await;
        assert!(held.is_none_or(|held| held.is_none()), "a sign-in is still in the cache");
    }
    app.run_jobs().await;
    assert_eq!(found(&Kept::of(&app).await, &alice), rows_of_pictures(&alice), "right after");
    let shown = app.nobody().get(&format!("/objects/{}", alice.texts["avatar"])).send().await;
    assert_eq!(shown.status, 404);
    // What the sweep waits for, and the second pass of the job.
    app.advance(LONG);
    sweep(&app).await;
    app.run_jobs().await;
    let kept = Kept::of(&app).await;
    assert_eq!(found(&kept, &alice), BTreeMap::new(), "text → places");
    assert_eq!(rows_of(&app, &alice).await, ["orders"], "what says whose it is, and no text");
    assert!(rows_of(&app, &bob).await.len() > 3);
    assert_eq!(found(&kept, &bob).len(), bob.texts.len(), "all of Bob's is there");
    let after = books(&app).await;
    assert_eq!(changed(&before, &after), Vec::<String>::new(), "figures");
    let rolled = figure::roll_up(&app.app, Day(20_261_123), false, |_| {}).await.expect("rolled up");
    assert_eq!((rolled.differences, rolled.example.as_str()), (0, ""));

    staff_see_the_books(&app, &alice).await;
    let logged = lines.0.lock().expect("lines").clone();
    assert!(holds(&logged, b"money settled"), "the log was listened to");
    for life in [&alice, &bob] {
        for (what, text) in &life.texts {
            let said = forms(text).iter().any(|form| holds(&logged, form.as_bytes()));
            assert!(!said, "{what} was logged");
        }
    }
    comes_back_as_somebody_else(&app, &alice).await;
    bob.user.get("/v1/me").send().await;
    app.end().await;
}

/// The tables that have rows of somebody, by whatever column says so.
async fn rows_of(app: &TestApp, life: &Life) -> Vec<String> {
    let (user, mut found) = (id(&life.user.signed_in["user"]), Vec::new());
    for table in tables(&app.app.database).await {
        for column in columns(&app.app.database, &table).await {
            let count = match column.as_str() {
                "user_id" => format!("SELECT COUNT(*) FROM {table} WHERE user_id = {user}"),
                "holder_id" => format!("SELECT COUNT(*) FROM {table} WHERE audience = 'buyer' AND holder_id = {user}"),
                "owner_id" => format!("SELECT COUNT(*) FROM {table} WHERE owner = 'user' AND owner_id = {user}"),
                "scope" => format!("SELECT COUNT(*) FROM {table} WHERE scope = 'buyer:{user}'"),
                _ => continue,
            };
            if app.number(&count).await > 0 {
                found.push(table.clone());
            }
        }
    }
    found
}

/// What is held of a person the person is given, and nobody else's; what opens something or is WeChat's is not spelt out.
async fn export_has_all(of: &Life, other: &Life) {
    let export = of.user.get("/v1/me/export").send().await;
    let header = |name: &str| export.headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-disposition"), "attachment; filename=\"weizhan-export.json\"");
    assert_eq!(
        (header("cache-control"), header("content-type")),
        ("no-store".to_owned(), "application/json".to_owned())
    );
    let text = export.text.clone();
    let document = export.expect(200);
    let own = [
        "nickname",
        "name",
        "district",
        "street",
        "remark",
        "reason",
        "staff-reason",
        "tracking",
        "phone",
        "phone of the parcel",
        "avatar",
        "avatar small",
        "picture",
    ];
    for what in own {
        assert!(text.contains(&of.texts[what]), "{what} is not in the export");
    }
    let hidden: Vec<_> = ["openid", "openid there", "unionid", "session key", "phone index"].into();
    for what in hidden {
        assert!(!text.contains(&of.texts[what]), "{what} is in the export");
    }
    assert!(other.texts.values().all(|text_of_other| !text.contains(text_of_other)));
    let counts = ["accounts", "sign_ins", "addresses", "uploads", "orders", "consents", "messages"]
        .map(|list| document[list].as_array().map(Vec::len));
    assert_eq!(counts, [2, 2, 1, 2, 2, 3, 4].map(Some));
    assert_eq!(document["cart"]["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(document["user"]["phone"], format!("+86{}", of.texts["phone"]));
}

/// However many orders there are, each is in it once.
#[tokio::test]
async fn an_export_has_every_order() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 100).await, app.buyer("ann").await);
    assert_eq!(ann.get("/v1/me/export").send().await.expect(200)["orders"], json!([]));
    let address = ann.address().await;
    let mut placed = Vec::new();
    for _ in 0..41 {
        placed.push(ann.order_to(&address, &goods, 1).await.expect(201)["id"].clone());
    }
    placed.reverse();
    let document = ann.get("/v1/me/export").send().await.expect(200);
    let orders: Vec<_> =
        document["orders"].as_array().expect("orders").iter().map(|order| order["id"].clone()).collect();
    assert_eq!(orders, placed);
    app.end().await;
}

/// The names of pictures stay in their rows for a day, so that whatever is still put there is removed.
fn rows_of_pictures(life: &Life) -> BTreeMap<&'static str, Vec<String>> {
    let all = [("avatar", "object_key"), ("avatar small", "thumbnail_key"), ("picture", "object_key")];
    assert!(all.iter().all(|(what, _)| life.texts.contains_key(what)));
    all.into_iter().map(|(what, column)| (what, vec![format!("uploads.{column}")])).collect()
}

/// Staff see the order, without its person; a callback without content is not carried out again.
async fn staff_see_the_books(app: &TestApp, alice: &Life) {
    let staff = app.owner().await;
    let path = format!("/admin/v1/orders/{}", id(&alice.order));
    let order = staff.get(&path).send().await.expect(200);
    assert_eq!((&order["state"], &order["address"]["name"]), (&json!("received"), &json!("")));
    let timeline = staff.get(&format!("{path}/timeline")).send().await.expect(200);
    assert!(timeline.to_string().len() > 100);
    let notice = app.rows().texts("SELECT notify_id FROM notices WHERE body = '' ORDER BY notify_id").await;
    let replay = format!("/admin/v1/notices/{}/replay", notice[0]);
    staff.post(&replay).send().await.expect_problem(409, "notice.erased");
    let went = app.rows().texts("SELECT detail FROM audit WHERE action = 'user.remove'").await;
    assert_eq!(went, [json!({ "orders": 2, "sign_ins": 2 }).to_string()]);
}

async fn comes_back_as_somebody_else(app: &TestApp, alice: &Life) {
    let again = app.buyer(ALICE.mark).await;
    assert_ne!(again.signed_in["user"]["id"], alice.user.signed_in["user"]["id"]);
    let me = again.get("/v1/me").send().await.expect(200);
    assert_eq!((&me["nickname"], &me["phone"]), (&json!(""), &Value::Null));
    assert_eq!(again.get("/v1/orders").send().await.expect(200)["items"], json!([]));
    let gone = "SELECT COUNT(*) FROM users WHERE state = 'deleted' AND deleted_ms > 0 AND unionid IS NULL";
    assert_eq!(app.number(gone).await, 1);
}

#[tokio::test]
async fn nobody_goes_while_something_is_under_way() {
    let app = TestApp::new().await;
    let (goods, owner) = (app.goods(1_000, 50).await, app.owner().await);
    let ann = app.buyer("ann").await;
    let refused = async |why: &str| {
        let before = dump(&app.app.database).await;
        let refusal = ann.delete("/v1/me").send().await;
        assert_eq!(refusal.code(), "user.orders_open", "{why}: {}", refusal.text);
        assert_eq!(changed(&before, &dump(&app.app.database).await), Vec::<String>::new(), "{why}");
    };
    let waiting = ann.order(&goods, 1).await.expect(201);
    refused("an order waits for its money").await;
    ann.cancel(&waiting).await.expect(200);
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    refused("an order is paid").await;
    let parcel = json!({ "carrier": "YTO", "tracking_no": "YT1" });
    let path = format!("/admin/v1/orders/{}/shipment", id(&order));
    owner.post(&path).json(&parcel).send().await.expect(200);
    app.run_jobs().await;
    refused("an order is on its way").await;
    ann.post(&format!("/v1/orders/{}/receipt", id(&order))).send().await.expect(200);
    let body = json!({ "amount_fen": 1, "reason": "少了" });
    let refunds = format!("/v1/orders/{}/refunds", id(&order));
    let refund = ann.post(&refunds).new_key().json(&body).send().await.expect(201);
    refused("a refund is not decided").await;
    owner.post(&format!("/admin/v1/refunds/{}/approve", id(&refund))).send().await.expect(200);
    refused("a refund is not paid out").await;
    settle(&app).await;
    app.spoil("UPDATE shippings SET upload_state = 'waiting', uploaded_ms = NULL").await;
    refused("WeChat was not told what was sent").await;
    app.spoil("UPDATE shippings SET upload_state = 'uploaded', uploaded_ms = tried_ms").await;
    app.rows().execute("UPDATE notices SET outcome = 'waiting', settled_ms = NULL").await;
    refused("a callback is not settled").await;
    app.rows().execute("UPDATE notices SET outcome = 'accepted', settled_ms = last_ms").await;
    remove(&ann).await;
    app.run_jobs().await;
    app.advance(minutes(20));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn money_that_comes_after_its_payer_went_goes_back_and_names_nobody() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(1_000, 50).await, app.buyer("ann").await);
    let openid = app.simulator.openid(APPS[0].0, "ann").expect("an openid");
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    // WeChat says that it is closed, and takes the money all the same.
    crate::support::shop::failing(&app, "POST", "/v3/pay/transactions/out-trade-no", 1, 400, "ORDER_CLOSED");
    ann.cancel(&order).await.expect(200);
    remove(&ann).await;
    app.simulator.pay(&number).expect("paid");
    for _ in 0..2 {
        app.deliver().await;
        settle(&app).await;
    }
    assert_eq!(app.rows().texts("SELECT CONCAT_WS(' ', cause, state) FROM refunds").await, ["late_payment succeeded"]);
    assert_eq!(app.number("SELECT COUNT(*) FROM suspense").await, 0);
    assert_eq!(app.rows().texts("SELECT openid FROM payments").await, [""]);
    let kept = Kept::of(&app).await;
    let expected = ["notices.body".to_owned()];
    assert!(kept.places_of(&openid).iter().all(|place| expected.contains(place)), "{:?}", kept.places_of(&openid));
    app.advance(minutes(20));
    app.run_jobs().await;
    assert!(Kept::of(&app).await.places_of(&openid).is_empty());
    app.end().await;
}
