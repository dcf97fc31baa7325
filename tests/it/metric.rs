//! Claimed: figures are on a listener of their own and nowhere else, they are right, and every name on the board and in the
//! alert rules is one of them. Shown: a shop that sells, fails and is paid, scraped as Prometheus would.

use crate::support::{
    app::{Setup, TestApp},
    shop::{failing, id},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use weizhan::{http, model::time::minutes, service};

/// A scrape: figures by name and labels, as they are written.
async fn scrape(app: &TestApp) -> BTreeMap<String, f64> {
    let text = service::metric::text(&app.app).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let figure = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a figure");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(figure).collect()
}

#[track_caller]
fn figure(all: &BTreeMap<String, f64>, name: &str) -> f64 {
    *all.get(name).unwrap_or_else(|| panic!("{name} in {:#?}", all.keys().collect::<Vec<_>>()))
}

/// A shop in which everything that is counted has happened.
async fn busy() -> TestApp {
    let overrides = vec![("limits.login_per_ip_per_minute", "3".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let (ann, goods) = (app.buyer("ann").await, app.goods(1_990, 5).await);
    for _ in 0..2 {
        ann.get(&format!("/v1/products/{}", goods.product_id)).send().await.expect(200);
    }
    let (order, _) = app.paid_order(&ann, &goods, 1).await;
    let unpaid = ann.order(&goods, 1).await.expect(201);
    failing(&app, "POST", "/v3/pay/transactions/jsapi", 1, 403, "NO_AUTH");
    ann.try_payment(&unpaid).await;
    // What is signed by nobody.
    app.nobody().post("/callback/wechat/pay").json(&serde_json::json!({ "id": "x" })).send().await;
    let login = serde_json::json!({ "appid": "wxa111111111111111", "code": "nothing" });
    for _ in 0..4 {
        app.nobody().post("/v1/login").json(&login).send().await;
    }
    app.advance(minutes(31));
    app.run_jobs().await;
    weizhan::compute::schedule::turn(&app.app, &mut weizhan::compute::lease::Lease::new(&app.app, "schedule"))
        .await
        .expect("a turn of the schedule");
    app.run_jobs().await;
    let mut session = app.app.database.write().await.expect("write");
    weizhan::data::event::hold(&mut session, "figures", 0, app.app.now()).await.expect("a consumer of the log");
    session.commit().await.expect("commit");
    assert_eq!(ann.see(&order).await["state"], "paid");
    assert!(!id(&unpaid).is_empty());
    app
}

#[tokio::test]
async fn what_happens_is_counted_where_it_happens() {
    let app = busy().await;
    let all = scrape(&app).await;
    let at = |route: &str, method: &str, status: &str| {
        figure(
            &all,
            &format!("weizhan_http_request_seconds_count{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}"),
        )
    };
    assert_eq!((at("/v1/products/{id}", "GET", "2xx"), at("/v1/orders", "POST", "2xx")), (2.0, 2.0));
    assert_eq!((at("/callback/wechat/pay", "POST", "4xx"), figure(&all, "weizhan_http_in_flight")), (1.0, 0.0));
    let refused = figure(&all, "weizhan_limited_total{limit=\"login\"}");
    let accepted = figure(&all, "weizhan_gate_requests_total{class=\"money\",end=\"accepted\"}");
    assert!(refused >= 1.0 && accepted >= 2.0, "{refused} {accepted}");
    assert!(figure(&all, "weizhan_problems_total{code=\"limit.too_many\"}") >= 1.0);
    let callbacks = |outcome: &str| figure(&all, &format!("weizhan_callbacks_total{{outcome=\"{outcome}\"}}"));
    assert_eq!((callbacks("stored"), callbacks("settled"), callbacks("refused")), (1.0, 1.0, 1.0));
    let calls = |call: &str, outcome: &str| {
        figure(&all, &format!("weizhan_wechat_call_seconds_count{{call=\"{call}\",outcome=\"{outcome}\"}}"))
    };
    assert_eq!((calls("prepay", "ok"), calls("prepay", "config")), (1.0, 1.0));
    assert!(figure(&all, "weizhan_job_run_seconds_count{kind=\"close_unpaid_order\",end=\"done\"}") >= 1.0);
    assert_eq!((figure(&all, "weizhan_jobs{state=\"dead\"}"), figure(&all, "weizhan_suspense_fen")), (0.0, 0.0));
    assert_eq!((figure(&all, "weizhan_led"), figure(&all, "weizhan_leader")), (1.0, 1.0));
    let reads = |outcome: &str| {
        let name = format!("weizhan_cache_reads_total{{namespace=\"product\",outcome=\"{outcome}\"}}");
        all.get(&name).copied().unwrap_or(0.0)
    };
    assert!(reads("loaded") >= 1.0 && reads("memory") >= 1.0, "{:?}", (reads("loaded"), reads("memory")));
    assert!(figure(&all, "weizhan_database_acquire_seconds_count") > 10.0);
    #[cfg(target_os = "linux")]
    assert!(figure(&all, "process_resident_memory_bytes") > 1e6);
    // No figure names a person, a number of an order or an address: the labels are as many as the routes.
    let wordy = |name: &String| name.bytes().filter(u8::is_ascii_digit).count() < 12 || name.contains("serial=");
    assert!(all.keys().all(wordy), "{:?}", all.keys().find(|name| !wordy(name)));
    app.end().await;
}

#[tokio::test]
async fn money_that_waits_and_jobs_that_died_are_figures() {
    let app = TestApp::new().await;
    app.spoil(
        "INSERT INTO suspense (id, transaction_id, reason, out_trade_no, total_fen, fact, resolved, created_ms)
               VALUES (1, '42', 'order_unknown', 'N', 250, 'x', 0, 0)",
    )
    .await;
    app.spoil(
        "INSERT INTO jobs (id, kind, payload, state, run_ms, attempt, attempts_max, lease_ms, lease_token, created_ms)
               VALUES (1, 'clean_up', 'x', 'dead', 0, 5, 5, 0, 0, 0)",
    )
    .await;
    app.spoil(
        "INSERT INTO jobs (id, kind, payload, state, run_ms, attempt, attempts_max, lease_ms, lease_token, created_ms)
               VALUES (2, 'clean_up', 'x', 'ready', 1795406390000, 0, 5, 0, 0, 0)",
    )
    .await;
    app.spoil(
        "INSERT INTO notices (notify_id, event_type, subject, headers, body, outcome, received, failures, due_ms,
               received_ms, last_ms) VALUES ('n', 'e', 's', 'x', 'x', 'waiting', 1, 0, 0, 1795406370000, 0)",
    )
    .await;
    let all = scrape(&app).await;
    assert_eq!((figure(&all, "weizhan_suspense"), figure(&all, "weizhan_suspense_fen")), (1.0, 250.0));
    assert_eq!((figure(&all, "weizhan_jobs{state=\"dead\"}"), figure(&all, "weizhan_jobs{state=\"due\"}")), (1.0, 1.0));
    assert_eq!((figure(&all, "weizhan_job_wait_seconds"), figure(&all, "weizhan_callback_wait_seconds")), (10.0, 30.0));
    assert_eq!((figure(&all, "weizhan_callbacks_unsettled"), figure(&all, "weizhan_led")), (1.0, 0.0));
    // Within five seconds nobody asks the database again, however often somebody scrapes.
    app.spoil("DELETE FROM suspense").await;
    assert!((figure(&scrape(&app).await, "weizhan_suspense") - 1.0).abs() < 0.5);
    app.stop().await;
}

#[tokio::test]
async fn figures_are_on_their_own_listener_alone() {
    let app = TestApp::new().await;
    app.nobody().get("/metrics").send().await.expect_problem(404, "http.not_found");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("address");
    let (served, tasks) = (app.app.clone(), TaskTracker::new());
    tasks.spawn(async move { http::metrics::serve(&served, listener).await.expect("served") });
    tasks.close();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("client");
    let answer = client.get(format!("http://{address}/metrics")).send().await.expect("an answer");
    assert!(answer.headers()["content-type"].to_str().expect("text").starts_with("text/plain"));
    assert!(answer.text().await.expect("text").contains("\nweizhan_build_info{"));
    assert_eq!(client.get(format!("http://{address}/v1/products")).send().await.expect("an answer").status(), 404);
    app.end().await;
    tasks.wait().await;
}

/// The names of figures in a query of Prometheus.
fn names(query: &str) -> BTreeSet<String> {
    let words = query.split(|symbol: char| !symbol.is_ascii_alphanumeric() && symbol != '_');
    words.filter(|word| word.starts_with("weizhan_") || word.starts_with("process_")).map(str::to_owned).collect()
}

fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if ["expr", "query", "definition"].contains(&key.as_str()) => {
                        found.push(text.clone());
                    }
                    value => queries(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_board_and_the_alerts_ask_for_figures_that_are_there() {
    let board: Value = serde_json::from_str(include_str!("../../deploy/grafana/weizhan.json")).expect("JSON");
    let alerts: Value = serde_saphyr::from_str(include_str!("../../deploy/prometheus/alerts.yml")).expect("YAML");
    let mut asked = Vec::new();
    queries(&board, &mut asked);
    let of_board = asked.len();
    queries(&alerts, &mut asked);
    assert!(of_board > 30 && asked.len() > of_board + 10, "{asked:#?}");
    let app = busy().await;
    let there: BTreeSet<String> = scrape(&app).await.into_keys().collect();
    let exported: BTreeSet<&str> = there.iter().filter_map(|name| name.split('{').next()).collect();
    let wanted: BTreeSet<String> = asked.iter().flat_map(|query| names(query)).collect();
    let missing: Vec<_> = wanted.iter().filter(|name| !exported.contains(name.as_str())).collect();
    let linux = cfg!(target_os = "linux");
    let missing: Vec<_> = missing.into_iter().filter(|name| linux || !name.starts_with("process_")).collect();
    assert!(missing.is_empty(), "nobody exports {missing:?}");
    // And the other way: a figure that nobody looks at is one too many.
    let shown = |name: &str| wanted.iter().any(|wanted| wanted == name);
    let families: BTreeSet<&str> = exported
        .iter()
        .map(|name| ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name))
        .collect();
    for family in families.iter().filter(|family| family.starts_with("weizhan_")) {
        let ends = ["", "_bucket", "_sum", "_count"];
        assert!(ends.iter().any(|end| shown(&format!("{family}{end}"))), "{family} is on no board and in no rule");
    }
    app.end().await;
}
