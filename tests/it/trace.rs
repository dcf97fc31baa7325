//! Claimed: with a collector configured, a request is a span named by its route, below the caller's, with the database and
//! WeChat below it, and no secret in it. Shown: a node as a process of its own sends to a collector of ours.

use crate::support::{Backend, backend, node::Deployment};
use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message;
use std::sync::{Arc, Mutex};
use tokio_util::task::TaskTracker;

type Spans = Arc<Mutex<Vec<Span>>>;

async fn receive(State(spans): State<Spans>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().expect("lock").extend(scopes.flat_map(|scope| scope.spans));
}

/// A collector that takes spans over HTTP.
async fn collector() -> (String, Spans) {
    let spans = Spans::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("address"));
    let router = Router::new().route("/v1/traces", post(receive)).with_state(spans.clone());
    TaskTracker::new().spawn(axum::serve(listener, router).into_future());
    (address, spans)
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key == key)?;
    Some(match found.value.clone()?.value? {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

// Several threads: one waits for the node to end, and the node waits for the collector.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_below_its_caller_with_what_it_did_below_it() {
    if backend() != Backend::Sqlite {
        return;
    }
    let (address, spans) = collector().await;
    let mut deployment = Deployment::new().await;
    deployment.set("telemetry.otlp_endpoint", &address);
    deployment.set("telemetry.otlp_sample_ratio", "1.0");
    let mut node = deployment.serve();
    let login = deployment.code("ann");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let caller = format!("00-{trace}-b7ad6b7169203331-00");
    deployment.nobody().post("/v1/login").header("traceparent", &caller).json(&login).send().await.expect(200);
    assert!(node.terminate().success(), "{}", node.log());
    let spans = spans.lock().expect("lock").clone();
    let ours: Vec<&Span> = spans.iter().filter(|span| hex::encode(&span.trace_id) == trace).collect();
    let names: Vec<_> = ours.iter().map(|span| span.name.as_str()).collect();
    let request = ours.iter().find(|span| span.name == "POST /v1/login").unwrap_or_else(|| panic!("{names:?}"));
    assert_eq!(hex::encode(&request.parent_span_id), "b7ad6b7169203331");
    assert_eq!(attribute(request, "http.response.status_code").as_deref(), Some("200"));
    assert!(!attribute(request, "id").unwrap_or_default().is_empty(), "the request's id leads to the log");
    let call = ours.iter().find(|span| span.name == "wechat.call").unwrap_or_else(|| panic!("{names:?}"));
    assert_eq!(call.parent_span_id, request.span_id);
    assert_eq!(attribute(call, "operation").as_deref(), Some("code2session"));
    assert!(names.contains(&"data.write"), "{names:?}");
    // A look at the queue is no request and no job: nobody wants a trace of it.
    assert!(spans.iter().all(|span| !span.parent_span_id.is_empty() || !span.name.starts_with("data.")), "{names:?}");
    // Nothing that opens anything: neither the code nor the secret, nor a body.
    let all = format!("{spans:?}");
    let code = login["code"].as_str().expect("a code");
    for secret in [code, "test-secret-of-the-first", "session_key", "Bearer"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sample_nothing_is_sent_whatever_the_caller_says() {
    if backend() != Backend::Sqlite {
        return;
    }
    let (address, spans) = collector().await;
    let mut deployment = Deployment::new().await;
    deployment.set("telemetry.otlp_endpoint", &address);
    deployment.set("telemetry.otlp_sample_ratio", "0.0");
    let mut node = deployment.serve();
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    deployment.nobody().get("/v1/products").header("traceparent", caller).send().await.expect(200);
    assert!(node.terminate().success(), "{}", node.log());
    assert_eq!(spans.lock().expect("lock").len(), 0);
}
