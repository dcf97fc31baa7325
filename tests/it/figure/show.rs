//! What staff are shown.

use super::events::{event, tell};
use crate::support::app::{START, TestApp};
use serde_json::json;
use weizhan::{
    model::{event::EventKind, staff::Permission, time::days},
    service::figure,
};

async fn shop() -> TestApp {
    let app = TestApp::new().await;
    let mut events = Vec::new();
    for number in 0..10 {
        events.push(event(number, number % 4, EventKind::PageView, START));
        events.push(event(100 + number, 3, EventKind::ProductView, START.minus(days(1))));
    }
    events.push(event(200, 3, EventKind::OrderPlaced, START));
    events.push(event(201, 3, EventKind::OrderPaid, START));
    tell(&app, &events).await;
    figure::catch_up(&app.app).await.expect("counted");
    app
}

#[tokio::test]
async fn a_series_has_every_window_and_the_period_before() {
    let app = shop().await;
    let staff = app.staff(&[Permission::FigureRead]).await;
    let path = "/admin/v1/figures/series?from=2026-11-23&to=2026-11-23&grain=hour";
    let shown = staff.get(path).send().await.expect(200);
    let points = shown["points"].as_array().expect("points");
    assert_eq!(points.len(), 24);
    assert_eq!(points[12], json!({ "start_ms": START.0, "total": 10, "amount_fen": 0 }));
    assert_eq!(points.iter().filter(|point| point["total"] != 0).count(), 1);
    let path = "/admin/v1/figures/series?from=2026-11-23&to=2026-11-23&metric=product_view&compare=previous";
    let shown = staff.get(path).send().await.expect(200);
    assert_eq!((&shown["points"][0]["total"], &shown["previous"][0]["total"]), (&json!(0), &json!(10)));
    // Ninety days unless nothing happened are ninety points.
    let path = "/admin/v1/figures/series?from=2026-08-26&to=2026-11-23&scope=channel&key=1001";
    let shown = staff.get(path).send().await.expect(200);
    assert_eq!(shown["points"].as_array().map(Vec::len), Some(90));
    assert_eq!(shown["points"][89]["total"], 3);
    app.end().await;
}

#[tokio::test]
async fn totals_say_how_many_came_and_how_many_paid() {
    let app = shop().await;
    let staff = app.staff(&[Permission::FigureRead]).await;
    let shown = staff.get("/admin/v1/figures/totals?from=2026-11-23&to=2026-11-23").send().await.expect(200);
    let of = |metric: &str| {
        let all = shown["totals"].as_array().expect("totals");
        all.iter().find(|one| one["metric"] == metric).expect("the metric").clone()
    };
    assert_eq!((&of("visitors")["total"], &of("visitors")["previous_total"]), (&json!(4), &json!(1)));
    assert_eq!((&of("order_paid")["total"], &of("order_paid")["amount_fen"]), (&json!(1), &json!(202)));
    assert_eq!((&shown["returning_visitors"], &shown["conversion_per_10000"]), (&json!(1), &json!(2_500)));
    assert_eq!(shown["unique_visitors"], json!({ "total": 4, "previous_total": 1, "error_percent": 0 }));
    let shown = staff.get("/admin/v1/figures/totals").send().await.expect(200);
    assert_eq!(shown["unique_visitors"]["error_percent"], 5);
    let shown = staff.get("/admin/v1/figures/top?limit=2").send().await.expect(200);
    assert_eq!(
        shown,
        json!([{ "key": "10", "total": 1, "amount_fen": 0 }, { "key": "11", "total": 1, "amount_fen": 0 }])
    );
    app.end().await;
}

#[tokio::test]
async fn a_channel_that_looks_like_a_formula_is_a_text_in_the_table() {
    let app = shop().await;
    let staff = app.staff(&[Permission::FigureRead]).await;
    let path = "/admin/v1/figures/top?scope=channel&metric=page_view&format=csv";
    let answer = staff.get(path).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text, "key,total,amount_fen\n1001,3,0\n1047,2,0\n'=poster,2,0\n");
    let paths = ["series?format=csv", "totals?format=csv", "retention?format=csv", "funnel?format=csv"];
    for path in paths {
        let answer = staff.get(&format!("/admin/v1/figures/{path}")).send().await;
        assert!(answer.status.is_success() && answer.text.lines().count() > 1, "{path}: {}", answer.text);
    }
    app.end().await;
}

#[tokio::test]
async fn what_there_is_not_is_refused() {
    let app = TestApp::new().await;
    let staff = app.staff(&[Permission::FigureRead]).await;
    for (query, code) in [
        ("from=2026-11-24&to=2026-11-23", "figure.period_wrong"),
        ("from=2024-11-24&to=2026-11-23", "figure.period_wrong"),
        ("grain=minute&from=2026-11-20&to=2026-11-23", "figure.period_wrong"),
        ("grain=hour&metric=visitors", "figure.grain_wrong"),
        ("metric=nothing", "http.invalid"),
        ("from=yesterday", "http.invalid"),
        ("more=1", "http.invalid"),
    ] {
        staff.get(&format!("/admin/v1/figures/series?{query}")).send().await.expect_problem(422, code);
    }
    app.end().await;
}
