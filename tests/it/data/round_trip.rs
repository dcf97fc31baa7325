//! One insert–find–compare a noun: preparing a statement shows that its SQL is right, only this shows that the Rust
//! types are. Optional columns go both ways, numbers to their bounds, text beyond the first plane.

use crate::support::app::{START, TestApp};
use serde_json::{Value, json};
use weizhan::{
    data::{self, Session, audit::AuditRow, lease::Lease, product::SkuRow, stock::StockMove},
    model::{
        address::StoredAddress,
        id::{
            AddressId, CategoryId, IdentityId, JobId, OrderId, PaymentId, PrepayId, ProductId, RefundId, ShipmentId,
            SignInId, SkuId, StaffId, UserId,
        },
        idempotency::StoredReply,
        job::{JobState, Work},
        money::Fen,
        order::{Order, OrderLine, OrderMove, OrderState, OrderTransition},
        payment::{FactSource, Payment, PaymentFact, Prepay, PrepayState, SuspenseReason},
        product::{Category, Product, ProductState},
        refund::{Refund, RefundCause, RefundState},
        shipment::Shipment,
        staff::{Permission, Staff},
        stock::MoveKind,
        time::Timestamp,
        token::{Audience, SignIn},
        user::{Identity, User, UserState},
    },
};

const TEXT: &str = "微信 🧧 %_'\"\\";
const BYTES: [u8; 5] = [0, 255, 39, 128, 10];
/// The largest id, and a number beyond what a float holds.
const LARGE: i64 = (1 << 53) - 1;
const MOST: i64 = i64::MAX;
const LATER: Timestamp = Timestamp(START.0 + 1);

async fn read(app: &TestApp) -> Session {
    app.app.database.read().await.unwrap()
}

async fn write(app: &TestApp) -> Session {
    app.app.database.write().await.unwrap()
}

#[tokio::test]
async fn people_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let (plain, joined) = (UserId(LARGE), UserId(1));
    data::user::insert(&mut rows, plain, None, START).await.unwrap();
    data::user::insert(&mut rows, joined, Some("o6-union"), START).await.unwrap();
    assert!(data::user::set_profile(&mut rows, plain, TEXT, "/objects/a", LATER).await.unwrap());
    assert!(data::user::set_phone(&mut rows, plain, &BYTES, "index", LATER).await.unwrap());
    let identity = Identity { id: IdentityId(LARGE), user_id: plain, appid: "wx".into(), openid: "o-A".into() };
    data::user::insert_identity(&mut rows, &identity, &BYTES, START).await.unwrap();
    let sign_in = SignIn {
        id: SignInId(LARGE),
        audience: Audience::Buyer,
        holder_id: LARGE,
        appid: "wx".into(),
        openid: "o-A".into(),
        salt: BYTES.to_vec(),
        generation: MOST,
        rotated_ms: START,
        created_ms: START,
        expires_ms: LATER,
        revoked_ms: None,
    };
    data::token::insert(&mut rows, &sign_in).await.unwrap();
    let staff = Staff {
        id: StaffId(LARGE),
        name: TEXT.into(),
        password_hash: "$argon2id$".into(),
        permissions: "order.read,stock.write,of.tomorrow".into(),
        active: false,
        created_ms: START,
    };
    assert!(data::staff::insert(&mut rows, &staff).await.unwrap());
    assert!(!data::staff::insert(&mut rows, &Staff { id: StaffId(2), ..staff.clone() }).await.unwrap(), "the name");
    rows.commit().await.unwrap();

    let mut rows = read(&app).await;
    let expected = User {
        id: plain,
        unionid: None,
        nickname: TEXT.into(),
        avatar_url: "/objects/a".into(),
        phone_sealed: Some(BYTES.to_vec()),
        state: UserState::Active,
        version: 3,
        created_ms: START,
    };
    assert_eq!(data::user::find(&mut rows, plain).await.unwrap(), Some(expected));
    let other = data::user::find_by_unionid(&mut rows, "o6-union").await.unwrap().unwrap();
    assert_eq!((other.id, other.unionid.as_deref(), other.phone_sealed), (joined, Some("o6-union"), None));
    assert_eq!(data::user::find_identity(&mut rows, "wx", "o-A").await.unwrap(), Some(identity));
    assert_eq!(data::user::find_identity(&mut rows, "wx", "o-a").await.unwrap(), None, "byte for byte");
    assert_eq!(data::token::find(&mut rows, sign_in.id).await.unwrap(), Some(sign_in.clone()));
    assert_eq!(data::staff::find(&mut rows, staff.id).await.unwrap(), Some(staff.clone()));
    assert_eq!(data::staff::find_by_name(&mut rows, TEXT).await.unwrap(), Some(staff.clone()));
    assert_eq!(
        staff.rights(),
        [Permission::OrderRead, Permission::StockWrite],
        "a word of tomorrow counts for nothing"
    );
    drop(rows);
    let mut rows = write(&app).await;
    assert!(data::token::revoke(&mut rows, sign_in.id, LATER).await.unwrap());
    let over = SignIn { revoked_ms: Some(LATER), ..sign_in };
    assert_eq!(data::token::find(&mut rows, over.id).await.unwrap(), Some(over));
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn goods_and_carts_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let shelf = Category { id: CategoryId(LARGE), name: TEXT.into(), position: 7 };
    data::product::insert_category(&mut rows, &shelf, START).await.unwrap();
    let product = Product {
        id: ProductId(LARGE),
        category_id: shelf.id,
        title: TEXT.into(),
        subtitle: String::new(),
        detail: "长".repeat(20_000),
        cover_url: "/objects/a".into(),
        pictures: "[\"/objects/a\"]".into(),
        price_fen: Fen(100_000_000),
        sales: 0,
        state: ProductState::OnSale,
        version: 1,
        created_ms: START,
    };
    data::product::insert(&mut rows, &product).await.unwrap();
    let sku = |id, active| SkuRow {
        id: SkuId(id),
        product_id: product.id,
        name: TEXT.into(),
        price_fen: Fen(1),
        active,
        position: id,
    };
    data::product::insert_skus(&mut rows, &[sku(1, true), sku(2, false)]).await.unwrap();
    data::stock::insert(&mut rows, &[(SkuId(1), 9), (SkuId(2), 0)]).await.unwrap();
    assert!(data::stock::take(&mut rows, SkuId(1), 9).await.unwrap());
    assert!(!data::stock::take(&mut rows, SkuId(1), 1).await.unwrap(), "nothing is left");
    assert!(data::stock::give(&mut rows, SkuId(1), 2).await.unwrap());
    let one = |id, order_id, kind, delta| StockMove {
        id,
        sku_id: SkuId(1),
        order_id,
        kind,
        delta,
        actor: "staff:1".into(),
        created_ms: START,
    };
    let moves = [one(1, Some(OrderId(LARGE)), MoveKind::Hold, -9), one(2, None, MoveKind::Adjust, 2)];
    data::stock::insert_moves(&mut rows, &moves).await.unwrap();
    let again = data::stock::insert_moves(&mut rows, &[one(3, Some(OrderId(LARGE)), MoveKind::Hold, -9)]).await;
    assert!(matches!(again, Err(data::Error::Conflict { .. })), "{again:?}");
    data::cart::put(&mut rows, UserId(1), SkuId(1), 3, START).await.unwrap();
    data::cart::put(&mut rows, UserId(1), SkuId(1), 4, LATER).await.unwrap();
    assert_eq!(data::product::find(&mut rows, product.id).await.unwrap(), Some(product.clone()));
    assert_eq!(data::product::categories(&mut rows).await.unwrap(), [shelf]);
    let skus = data::product::skus(&mut rows, product.id).await.unwrap();
    let found: Vec<_> = skus.iter().map(|sku| (sku.id.0, sku.name.as_str(), sku.active, sku.left_qty)).collect();
    assert_eq!(found, [(1, TEXT, true, 2), (2, TEXT, false, 0)]);
    let priced = data::product::priced(&mut rows, &[SkuId(1), SkuId(2), SkuId(3)]).await.unwrap();
    assert_eq!((priced.len(), priced[0].state, priced[0].price_fen), (2, ProductState::OnSale, Fen(1)));
    let cart = data::cart::list(&mut rows, UserId(1)).await.unwrap();
    let line = (cart[0].qty, cart[0].left_qty, cart[0].active, cart[0].state, cart[0].title.as_str());
    assert_eq!((cart.len(), line), (1, (4, 2, true, ProductState::OnSale, TEXT)));
    assert_eq!(data::cart::remove(&mut rows, UserId(1), &[SkuId(1), SkuId(2)]).await.unwrap(), 1);
    let address = StoredAddress { id: AddressId(LARGE), sealed: BYTES.to_vec(), is_default: true, created_ms: START };
    data::address::insert(&mut rows, UserId(1), &address).await.unwrap();
    assert_eq!(data::address::find(&mut rows, UserId(1), address.id).await.unwrap(), Some(address.clone()));
    assert_eq!(data::address::find(&mut rows, UserId(2), address.id).await.unwrap(), None);
    assert_eq!(data::address::list(&mut rows, UserId(1)).await.unwrap(), [address]);
    drop(rows);
    app.end().await;
}

fn an_order() -> (Order, Vec<OrderLine>) {
    let order = Order {
        id: OrderId(LARGE),
        number: "90071992547409910001".into(),
        user_id: UserId(1),
        appid: "wx".into(),
        openid: "o-A".into(),
        state: OrderState::Pending,
        version: 1,
        goods_fen: Fen(MOST - 1),
        freight_fen: Fen(1),
        total_fen: Fen(MOST),
        refund_held_fen: Fen(0),
        refunded_fen: Fen(0),
        address_sealed: BYTES.to_vec(),
        remark: TEXT.into(),
        expires_ms: LATER,
        created_ms: START,
        paid_ms: None,
    };
    let line = |sku| OrderLine {
        sku_id: SkuId(sku),
        product_id: ProductId(1),
        title: TEXT.into(),
        sku_name: String::new(),
        cover_url: String::new(),
        price_fen: Fen(MOST),
        qty: 99,
    };
    (order, vec![line(1), line(2)])
}

#[tokio::test]
async fn orders_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let (order, lines) = an_order();
    data::order::insert(&mut rows, &order, &lines, "buyer").await.unwrap();
    assert_eq!(data::order::find(&mut rows, order.id).await.unwrap(), Some(order.clone()));
    assert_eq!(data::order::find_of(&mut rows, UserId(2), order.id).await.unwrap(), None);
    assert_eq!(data::order::lines(&mut rows, order.id).await.unwrap(), lines);
    let of = data::order::lines_of(&mut rows, &[order.id, OrderId(1)]).await.unwrap();
    assert!(of.len() == 2 && of.iter().zip(&lines).all(|(of, line)| of.order_id == order.id && of.line == *line));
    let (pay, paid) = (OrderMove::Pay, OrderState::Paid);
    assert!(data::order::advance(&mut rows, &order, pay, paid, "wechat", LATER).await.unwrap());
    assert!(!data::order::advance(&mut rows, &order, pay, paid, "wechat", LATER).await.unwrap(), "it moved");
    let moved = Order { state: paid, version: 2, paid_ms: Some(LATER), ..order.clone() };
    assert_eq!(data::order::find(&mut rows, order.id).await.unwrap(), Some(moved));
    let first = OrderTransition {
        version: 1,
        step: OrderMove::Place,
        from_state: None,
        to_state: OrderState::Pending,
        actor: "buyer".into(),
        created_ms: START,
    };
    let second = OrderTransition {
        version: 2,
        step: pay,
        from_state: Some(OrderState::Pending),
        to_state: paid,
        actor: "wechat".into(),
        created_ms: LATER,
    };
    assert_eq!(data::order::transitions(&mut rows, order.id).await.unwrap(), [first, second]);
    let parcel = Shipment {
        id: ShipmentId(LARGE),
        order_id: order.id,
        carrier: "SF".into(),
        tracking_no: "SF-1".into(),
        created_ms: START,
    };
    data::shipment::insert(&mut rows, &parcel).await.unwrap();
    assert_eq!(data::shipment::list(&mut rows, order.id).await.unwrap(), [parcel]);
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn money_comes_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let order_id = OrderId(LARGE);
    let prepay = Prepay {
        id: PrepayId(LARGE),
        order_id,
        out_trade_no: "T1".into(),
        mchid: "1900000001".into(),
        appid: "wx".into(),
        openid: "o-A".into(),
        total_fen: Fen(MOST),
        state: PrepayState::Open,
        prepay_id: None,
        prepaid_ms: None,
        created_ms: START,
    };
    data::payment::insert_prepay(&mut rows, &prepay).await.unwrap();
    assert_eq!(data::payment::find_prepay(&mut rows, prepay.id).await.unwrap(), Some(prepay.clone()));
    assert!(data::payment::keep_handle(&mut rows, prepay.id, "wx-handle", LATER).await.unwrap());
    let held = Prepay { prepay_id: Some("wx-handle".into()), prepaid_ms: Some(LATER), ..prepay };
    assert_eq!(data::payment::find_prepay_by_number(&mut rows, "T1").await.unwrap(), Some(held.clone()));
    assert_eq!(data::payment::find_open_prepay(&mut rows, order_id).await.unwrap(), Some(held));
    let payment = Payment {
        id: PaymentId(LARGE),
        transaction_id: "42".into(),
        order_id,
        out_trade_no: "T1".into(),
        total_fen: Fen(MOST),
        openid: "o-A".into(),
        accepted: true,
        source: FactSource::Query,
        success_ms: START,
        created_ms: LATER,
    };
    assert!(data::payment::insert(&mut rows, &payment).await.unwrap());
    let twice = Payment { id: PaymentId(1), accepted: false, ..payment.clone() };
    assert!(!data::payment::insert(&mut rows, &twice).await.unwrap(), "known by WeChat's number");
    assert_eq!(data::payment::find(&mut rows, "42").await.unwrap(), Some(payment.clone()));
    assert_eq!(data::payment::list(&mut rows, order_id).await.unwrap(), [payment]);
    for new in [true, false] {
        assert_eq!(data::payment::insert_notice(&mut rows, "n", "k", "hash", "paid", START).await.unwrap(), new);
    }
    let fact: PaymentFact = serde_json::from_value::<PaymentFact>(a_fact()).unwrap();
    assert!(data::payment::suspend(&mut rows, &fact, SuspenseReason::AmountDiffers, START).await.unwrap());
    assert_eq!(data::payment::count_suspense(&mut rows).await.unwrap(), 1);
    let refund = Refund {
        id: RefundId(LARGE),
        order_id,
        transaction_id: "42".into(),
        out_refund_no: "R1".into(),
        refund_id: None,
        amount_fen: Fen(MOST),
        paid_fen: Fen(MOST),
        cause: RefundCause::SecondPayment,
        reason: TEXT.into(),
        state: RefundState::Approved,
        created_ms: START,
        sent_ms: None,
        ended_ms: None,
    };
    assert!(data::refund::insert(&mut rows, &refund).await.unwrap());
    assert_eq!(data::refund::find(&mut rows, refund.id).await.unwrap(), Some(refund.clone()));
    assert!(data::refund::send(&mut rows, refund.id, LATER).await.unwrap());
    assert!(data::refund::advance(&mut rows, &refund, RefundState::Succeeded, Some("50"), LATER).await.unwrap());
    let over = Refund {
        refund_id: Some("50".into()),
        state: RefundState::Succeeded,
        sent_ms: Some(LATER),
        ended_ms: Some(LATER),
        ..refund
    };
    assert_eq!(data::refund::find_by_number(&mut rows, "R1").await.unwrap(), Some(over.clone()));
    assert_eq!(data::refund::list_all(&mut rows, Some(RefundState::Succeeded), MOST, 9).await.unwrap(), [over]);
    assert_eq!(data::refund::last_sent(&mut rows, "42").await.unwrap(), Some(LATER));
    assert_eq!(data::refund::last_sent(&mut rows, "43").await.unwrap(), None);
    drop(rows);
    app.end().await;
}

fn a_fact() -> Value {
    json!({ "source": "notice", "mchid": "1", "appid": "wx", "out_trade_no": "T2", "transaction_id": "43",
        "total_fen": 1, "currency": "CNY", "openid": "o-A", "success_ms": 0 })
}

#[tokio::test]
async fn what_the_house_keeps_for_itself_comes_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let row = AuditRow {
        seq: MOST,
        at_ms: START,
        staff_id: StaffId(LARGE),
        ip: "2001:db8::1".into(),
        action: "order.ship".into(),
        target: "order:1".into(),
        detail: json!({ "text": TEXT }).to_string(),
        request_id: "r".into(),
        prev_hash: "0".repeat(64),
        hash: "f".repeat(64),
    };
    assert_eq!(data::audit::step(&mut rows).await.unwrap(), (1, "0".repeat(64)));
    data::audit::insert(&mut rows, &row).await.unwrap();
    assert_eq!(data::audit::head(&mut rows).await.unwrap(), (1, row.hash.clone()));
    assert_eq!(data::audit::list(&mut rows, 0, 9).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(data::audit::list_of(&mut rows, "order:1", 9).await.unwrap(), [row]);
    let reply = StoredReply { request_hash: "h".into(), reply: json!([TEXT]).to_string() };
    for new in [true, false] {
        assert_eq!(data::idempotency::insert(&mut rows, "scope", "key", &reply, START).await.unwrap(), new);
    }
    assert_eq!(data::idempotency::find(&mut rows, "scope", "key").await.unwrap(), Some(reply));
    assert_eq!(data::idempotency::find(&mut rows, "Scope", "key").await.unwrap(), None);
    for new in [true, false] {
        assert_eq!(data::lease::insert(&mut rows, "leader", "node-1", LATER).await.unwrap(), new);
    }
    let lease = Lease { holder: "node-1".into(), epoch: 1, expires_ms: LATER };
    assert_eq!(data::lease::find(&mut rows, "leader").await.unwrap(), Some(lease));
    let work = Work::QueryPayment { prepay: PrepayId(LARGE), step: 6 };
    for (id, key, new) in [(1, Some("k"), true), (2, Some("k"), false), (3, None, true), (4, None, true)] {
        assert_eq!(data::job::enqueue(&mut rows, JobId(id), &work, START, key, START).await.unwrap(), new, "{id}");
    }
    assert_eq!(data::job::next_due(&mut rows).await.unwrap(), Some(START));
    let claimed = data::job::claim(&mut rows, 2, MOST, LATER, START).await.unwrap();
    let found: Vec<_> = claimed.iter().map(|job| (job.claim.id.0, job.claim.attempt, job.claim.lease_token)).collect();
    assert_eq!(found, [(1, 1, MOST), (3, 1, MOST)]);
    assert!(claimed.iter().all(|job| job.work == work && job.run_ms == START && job.attempts_max == 60));
    assert!(data::job::bury(&mut rows, &claimed[0].claim, TEXT, LATER).await.unwrap());
    assert_eq!(data::job::count(&mut rows, JobState::Dead).await.unwrap(), 1);
    drop(rows);
    app.end().await;
}
