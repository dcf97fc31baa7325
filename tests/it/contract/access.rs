//! Who may call what: one table, the same as the document's `security` both ways, and every line of it is really tried.

use super::{
    openapi::{Operation, operations},
    tried::World,
};
use crate::support::rows::{changed, dump};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weizhan::model::staff::Permission;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody.
    Public,
    /// WeChat, by its signature.
    Wechat,
    /// A signed-in buyer.
    Buyer,
    /// Staff with this right, or with any.
    Staff(Option<Permission>),
}

const STAFF: Who = Who::Staff(None);
const ORDER_READ: Who = Who::Staff(Some(Permission::OrderRead));
const ORDER_SHIP: Who = Who::Staff(Some(Permission::OrderShip));
const JOB_WRITE: Who = Who::Staff(Some(Permission::JobWrite));
const PAYMENT_WRITE: Who = Who::Staff(Some(Permission::PaymentWrite));
const REFUND_WRITE: Who = Who::Staff(Some(Permission::RefundWrite));
const PRODUCT_WRITE: Who = Who::Staff(Some(Permission::ProductWrite));
const STOCK_WRITE: Who = Who::Staff(Some(Permission::StockWrite));
const ORDER_PRICE: Who = Who::Staff(Some(Permission::OrderPrice));
const NODE_READ: Who = Who::Staff(Some(Permission::NodeRead));
const SETTING_READ: Who = Who::Staff(Some(Permission::SettingRead));
const SETTING_WRITE: Who = Who::Staff(Some(Permission::SettingWrite));
const FLAG_WRITE: Who = Who::Staff(Some(Permission::FlagWrite));
const FIGURE_READ: Who = Who::Staff(Some(Permission::FigureRead));
const BILL_RECONCILE: Who = Who::Staff(Some(Permission::BillReconcile));

/// Every operation, in an order in which all of them succeed when one after the other is called by whoever may.
pub const TABLE: &[(&str, Who)] = &[
    ("health.alive", Who::Public),
    ("health.ready", Who::Public),
    ("object.view", Who::Public),
    ("scene.view", Who::Public),
    ("flag.list", Who::Public),
    ("event.take", Who::Public),
    ("product.categories", Who::Public),
    ("product.list", Who::Public),
    ("product.view", Who::Public),
    ("user.sign_in", Who::Public),
    ("user.sign_in_from_cloud", Who::Public),
    ("user.refresh", Who::Public),
    ("staff.sign_in", Who::Public),
    ("staff.refresh", Who::Public),
    ("callback.pay", Who::Wechat),
    ("callback.refund", Who::Wechat),
    ("callback.verify_push", Who::Wechat),
    ("callback.push", Who::Wechat),
    ("staff.category.create", PRODUCT_WRITE),
    ("staff.product.list", PRODUCT_WRITE),
    ("staff.product.create", PRODUCT_WRITE),
    ("staff.code.list", PRODUCT_WRITE),
    ("staff.code.create", PRODUCT_WRITE),
    ("staff.link.list", PRODUCT_WRITE),
    ("staff.link.create", PRODUCT_WRITE),
    ("staff.product.view", PRODUCT_WRITE),
    ("staff.product.change", PRODUCT_WRITE),
    ("staff.upload.begin", PRODUCT_WRITE),
    ("staff.upload.send", PRODUCT_WRITE),
    ("staff.upload.confirm", PRODUCT_WRITE),
    ("staff.upload.remove", PRODUCT_WRITE),
    ("staff.upload.held", PRODUCT_WRITE),
    ("staff.upload.allow", PRODUCT_WRITE),
    ("staff.upload.block", PRODUCT_WRITE),
    ("staff.stock.adjust", STOCK_WRITE),
    ("staff.order.list", ORDER_READ),
    ("staff.order.view", ORDER_READ),
    ("staff.order.timeline", ORDER_READ),
    ("staff.notice.replay", PAYMENT_WRITE),
    ("staff.order.ship", ORDER_SHIP),
    ("staff.order.correct_shipment", ORDER_SHIP),
    ("staff.order.price", ORDER_PRICE),
    ("staff.refund.list", ORDER_READ),
    ("staff.refund.start", REFUND_WRITE),
    ("staff.refund.approve", REFUND_WRITE),
    ("staff.refund.reject", REFUND_WRITE),
    ("staff.refund.retry", REFUND_WRITE),
    ("staff.message.list", ORDER_READ),
    ("staff.suspense.list", ORDER_READ),
    ("staff.suspense.retry", PAYMENT_WRITE),
    ("staff.suspense.refund", REFUND_WRITE),
    ("staff.suspense.dismiss", PAYMENT_WRITE),
    ("staff.job.list", JOB_WRITE),
    ("staff.job.redrive", JOB_WRITE),
    ("staff.reconciliation.run", BILL_RECONCILE),
    ("staff.reconciliation.list", BILL_RECONCILE),
    ("staff.difference.list", BILL_RECONCILE),
    ("staff.difference.repair", BILL_RECONCILE),
    ("staff.difference.dismiss", BILL_RECONCILE),
    ("staff.node.list", NODE_READ),
    ("staff.setting.list", SETTING_READ),
    ("staff.setting.change", SETTING_WRITE),
    ("staff.setting.history", SETTING_READ),
    ("staff.flag.list", SETTING_READ),
    ("staff.flag.put", FLAG_WRITE),
    ("staff.flag.history", SETTING_READ),
    ("staff.flag.remove", FLAG_WRITE),
    ("staff.figure.series", FIGURE_READ),
    ("staff.figure.totals", FIGURE_READ),
    ("staff.figure.top", FIGURE_READ),
    ("staff.figure.retention", FIGURE_READ),
    ("staff.figure.funnel", FIGURE_READ),
    ("staff.figure.wechat", FIGURE_READ),
    ("staff.sign_out", STAFF),
    ("user.view", Who::Buyer),
    ("user.change", Who::Buyer),
    ("user.export", Who::Buyer),
    ("user.bind_phone", Who::Buyer),
    ("user.bind_encrypted_phone", Who::Buyer),
    ("cart.list", Who::Buyer),
    ("cart.put", Who::Buyer),
    ("cart.remove", Who::Buyer),
    ("upload.begin", Who::Buyer),
    ("upload.send", Who::Buyer),
    ("upload.confirm", Who::Buyer),
    ("upload.view", Who::Buyer),
    ("upload.remove", Who::Buyer),
    ("address.list", Who::Buyer),
    ("address.add", Who::Buyer),
    ("address.change", Who::Buyer),
    ("address.remove", Who::Buyer),
    ("order.place", Who::Buyer),
    ("message.templates", Who::Buyer),
    ("message.consent", Who::Buyer),
    ("order.list", Who::Buyer),
    ("order.view", Who::Buyer),
    ("order.receive", Who::Buyer),
    ("refund.request", Who::Buyer),
    ("payment.begin", Who::Buyer),
    ("payment.ask", Who::Buyer),
    ("order.cancel", Who::Buyer),
    ("user.sign_out", Who::Buyer),
    ("user.remove", Who::Buyer),
];

/// What the document says of an operation.
fn documented(operation: &Operation) -> Who {
    let security = operation.body["security"].as_array().cloned().unwrap_or_default();
    let [rule] = security.as_slice() else {
        assert!(security.is_empty(), "{}: one rule is expected", operation.id);
        return if operation.body["tags"][0] == "wechat" { Who::Wechat } else { Who::Public };
    };
    if let Some(scopes) = rule.get("buyer") {
        assert_eq!(scopes, &json!([]), "{}", operation.id);
        return Who::Buyer;
    }
    let scopes = rule["staff"].as_array().expect("buyer or staff");
    assert!(scopes.len() <= 1, "{}", operation.id);
    let word = scopes.first().and_then(Value::as_str);
    Who::Staff(word.map(|word| word.parse().expect("a permission")))
}

#[test]
fn the_table_is_the_document() {
    let table: BTreeMap<_, _> = TABLE.iter().map(|(id, who)| ((*id).to_owned(), *who)).collect();
    assert_eq!(table.len(), TABLE.len(), "an operation stands twice");
    let document: BTreeMap<_, _> = operations().iter().map(|one| (one.id.clone(), documented(one))).collect();
    for (id, who) in &document {
        assert_eq!(table.get(id), Some(who), "{id} in the document and in the table");
    }
    for id in table.keys() {
        assert!(document.contains_key(id), "{id} is in the table only");
    }
}

#[tokio::test]
async fn without_a_token_or_with_one_of_the_other_kind_nothing_opens() {
    let world = World::new().await;
    let (owner, nobody) = (world.app.owner().await, world.app.nobody());
    let before = dump(&world.app.app.database).await;
    for (id, who) in TABLE {
        let call = world.call(id);
        let alone = call.send(&nobody).await;
        match who {
            Who::Public => assert_ne!(alone.code(), "token.missing", "{id}"),
            Who::Wechat => {
                assert!(alone.status.is_client_error(), "{id}: {}", alone.text);
                assert_eq!(alone.body()["code"], "FAIL", "{id}");
            }
            Who::Buyer => {
                alone.expect_problem(401, "token.missing");
                call.send(&owner).await.expect_problem(401, "token.invalid");
            }
            Who::Staff(_) => {
                alone.expect_problem(401, "token.missing");
                call.send(&world.ann).await.expect_problem(401, "token.invalid");
            }
        }
    }
    let after = dump(&world.app.app.database).await;
    // Public operations were called as well, and wrongly: none of them wrote.
    assert_eq!(changed(&before, &after), Vec::<String>::new());
    world.end().await;
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let world = World::new().await;
    let bob = world.app.buyer("bob").await;
    let before = dump(&world.app.app.database).await;
    let mut tried = 0;
    for (id, _) in TABLE.iter().filter(|(_, who)| *who == Who::Buyer) {
        let call = world.call(id);
        let Some(missing) = call.of_nothing() else { continue };
        tried += 1;
        let (anns, nothing) = (call.send(&bob).await, missing.send(&bob).await);
        // An id in the path names the thing itself; one in the body is a wrong field. Either way a stranger's reads
        // exactly like one that never was.
        assert_eq!(anns.status.as_u16(), if *id == "order.place" { 422 } else { 404 }, "{id}: {}", anns.text);
        assert_eq!((anns.status, anns.code()), (nothing.status, nothing.code()), "{id}");
        assert_eq!(anns.body()["detail"], nothing.body()["detail"], "{id}");
    }
    assert_eq!(tried, 13);
    assert_eq!(changed(&before, &dump(&world.app.app.database).await), Vec::<String>::new());
    world.end().await;
}

#[tokio::test]
async fn staff_without_the_right_are_refused_and_change_nothing() {
    let world = World::new().await;
    for right in Permission::ALL {
        let others: Vec<_> = Permission::ALL.iter().copied().filter(|other| other != right).collect();
        let clerk = world.app.staff(&others).await;
        let before = dump(&world.app.app.database).await;
        for (id, _) in TABLE.iter().filter(|(_, who)| *who == Who::Staff(Some(*right))) {
            let problem = world.call(id).send(&clerk).await.expect_problem(403, "staff.forbidden");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(right.word())), "{id}");
        }
        assert_eq!(changed(&before, &dump(&world.app.app.database).await), Vec::<String>::new(), "{right}");
    }
    world.end().await;
}

/// The other half of the refusals above: with the right and nothing else the very same calls succeed.
#[tokio::test]
async fn the_right_alone_is_enough() {
    let world = World::new().await;
    let mut clerks = BTreeMap::new();
    for (id, who) in TABLE {
        let caller = match who {
            Who::Public | Who::Wechat => continue,
            // Who has an open order may not go.
            Who::Buyer if *id == "user.remove" => world.app.buyer("cat").await,
            Who::Buyer => world.ann.clone(),
            Who::Staff(right) => {
                let name = right.map_or("none", Permission::word);
                if !clerks.contains_key(name) {
                    clerks.insert(name, world.app.staff(&right.map_or(vec![], |right| vec![right])).await);
                }
                clerks[name].clone()
            }
        };
        if *id == "staff.upload.begin" {
            world.hand_over_upload().await;
        }
        let answer = world.call(id).send(&caller).await;
        assert!(answer.status.is_success(), "{id} as {who:?}: {}", answer.text);
    }
    assert_eq!(clerks.len(), Permission::ALL.len() + 1);
    world.app.run_jobs().await;
    world.end().await;
}
