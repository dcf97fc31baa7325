//! Claimed: what the server does itself is in the log once, with the fact or not at all, however many move it there.

use super::log;
use crate::support::{
    app::{Setup, TestApp},
    shop::id,
};
use serde_json::json;
use std::collections::BTreeMap;
use tokio::task::JoinSet;
use weizhan::{compute, data, model::event::EventKind, service};

#[tokio::test]
async fn an_order_leaves_its_facts_in_the_log() {
    let app = TestApp::new().await;
    let (goods, ann, owner) = (app.goods(100, 5).await, app.buyer("ann").await, app.owner().await);
    let (order, _) = app.paid_order(&ann, &goods, 2).await;
    let order = id(&order).to_owned();
    let body = json!({ "amount_fen": 30, "reason": "x" });
    let path = format!("/admin/v1/orders/{order}/refunds");
    let refund = owner.post(&path).new_key().json(&body).send().await.expect(201);
    app.run_jobs().await;
    app.advance(std::time::Duration::from_secs(61));
    app.deliver().await;
    app.run_jobs().await;
    // Refused: nothing was placed.
    ann.order(&goods, 50).await.expect_problem(409, "order.out_of_stock");
    assert_eq!(service::event::move_facts(&app.app).await.unwrap(), 4);
    assert_eq!(service::event::move_facts(&app.app).await.unwrap(), 0);
    let total = app.number("SELECT total_fen FROM orders").await;
    let (user, sign_in) = (
        app.number("SELECT id FROM users").await,
        app.number("SELECT id FROM sign_ins WHERE audience = 'buyer'").await,
    );
    let all = log(&app.app.database).await;
    let found: BTreeMap<_, _> =
        all.iter().map(|logged| (logged.event.event_id.clone(), logged.event.amount_fen.0)).collect();
    let expected = [
        (format!("order_paid:{order}"), total),
        (format!("order_placed:{order}"), total),
        (format!("refunded:{}", id(&refund)), 30),
        (format!("sign_in:{sign_in}"), 0),
    ];
    assert_eq!(found, BTreeMap::from(expected));
    for logged in &all {
        let event = &logged.event;
        assert_eq!((event.source.as_str(), event.visitor.as_str()), ("server", format!("u{user}").as_str()));
        assert!(event.event_id.starts_with(event.kind.word()) && !event.kind.is_told(), "{event:?}");
    }
    assert_eq!(all[3].event.kind, EventKind::Refunded, "the last that came");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_movers_move_each_fact_once() {
    let one = TestApp::crowded().await;
    let overrides = vec![("database.acquire_timeout_ms", "60000".to_owned())];
    let url = one.app.config.database.url.expose().to_owned();
    let two = TestApp::with(Setup { overrides, database_url: Some(url), ..Setup::default() }).await;
    let goods = one.goods(100, 1_000).await;
    for buyer in 0..6 {
        let buyer = one.buyer(&format!("buyer{buyer}")).await;
        for _ in 0..5 {
            buyer.order(&goods, 1).await.expect(201);
        }
    }
    let mut movers = JoinSet::new();
    for app in [&one.app, &one.app, &two.app, &two.app] {
        let app = app.clone();
        movers.spawn(async move { service::event::move_facts(&app).await.unwrap() });
    }
    movers.join_all().await;
    // One who finds all of them in others' hands goes away; whoever looks next finds what is left.
    service::event::move_facts(&one.app).await.unwrap();
    assert_eq!(log(&one.app.database).await.len(), 6 + 30);
    assert_eq!(data::event::count_waiting(&mut one.app.database.read().await.unwrap()).await.unwrap(), 0);
    two.stop().await;
    one.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_moves_facts_by_itself() {
    let app = TestApp::new().await;
    let mover = app.app.spawn(compute::event::keep(app.app.clone()));
    app.buyer("ann").await;
    while log(&app.app.database).await.is_empty() {
        tokio::task::yield_now().await;
    }
    app.end().await;
    mover.await.unwrap();
}
