//! The OpenAPI document: what the routes are, neither more nor less; it holds together; and it changes only on purpose.

use super::{compare, source::files};
use crate::support::app::TestApp;
use reqwest::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Routes that are no operations of the API: the document itself, the page that shows it, and the figures on a listener of
/// their own.
const UNDOCUMENTED: [&str; 5] = ["/docs", "/docs/", "/docs/{*file}", "/metrics", "/openapi.json"];

/// One operation of the document.
pub struct Operation {
    /// `order.place`.
    pub id: String,
    /// How it is called.
    pub method: Method,
    /// With its parameters in braces.
    pub path: String,
    /// All the document says of it.
    pub body: Value,
}

/// The document.
pub fn document() -> Value {
    serde_json::to_value(weizhan::http::openapi::document()).expect("JSON")
}

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths").clone();
    let one = |path: &str, method: String, body: Value| Operation {
        id: body["operationId"].as_str().expect("an operation id").to_owned(),
        method: method.to_uppercase().parse().expect("a method"),
        path: path.to_owned(),
        body,
    };
    let of_path = |(path, item): (String, Value)| {
        let item = item.as_object().expect("an item").clone();
        item.into_iter().map(|(method, body)| one(&path, method, body)).collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(of_path).collect()
}

fn walk<'v>(value: &'v Value, visit: &mut impl FnMut(&'v Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(members) => members.values().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    let mut references = Vec::new();
    walk(&document, &mut |value| references.extend(value.get("$ref").and_then(Value::as_str)));
    assert!(references.len() > 30, "only {} were found", references.len());
    for reference in references {
        let place = reference.strip_prefix('#').expect("a reference into the document");
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn every_operation_is_described() {
    let (document, operations) = (document(), operations());
    let ids: BTreeSet<_> = operations.iter().map(|operation| operation.id.clone()).collect();
    assert_eq!(ids.len(), operations.len(), "two operations have one id");
    let tags = document["tags"].as_array().expect("tags");
    let tags: Vec<_> = tags.iter().map(|tag| &tag["name"]).collect();
    for operation in &operations {
        let (id, body) = (&operation.id, &operation.body);
        assert!(body["summary"].as_str().is_some_and(|text| !text.is_empty()), "{id} has no summary");
        assert!(body["tags"].as_array().is_some_and(|own| own.len() == 1 && tags.contains(&&own[0])), "{id}: tags");
        let responses = body["responses"].as_object().expect("responses");
        assert!(responses.keys().any(|status| status.starts_with('2')), "{id} never succeeds");
        let parameters: Vec<_> = body["parameters"].as_array().into_iter().flatten().collect();
        for name in operation.path.split('{').skip(1).filter_map(|part| part.split('}').next()) {
            let name = name.trim_start_matches('*');
            let declared = parameters.iter().any(|one| one["in"] == "path" && one["name"] == name);
            assert!(declared, "{id} does not declare {name}");
        }
        if body["tags"][0] != "wechat" {
            let problem = &responses["default"]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{id}");
        }
    }
}

/// What a client must send is the word, not what the variant is called in our source.
#[test]
fn the_words_of_the_document_are_those_that_are_sent() {
    let (document, mut words) = (document(), Vec::new());
    walk(&document, &mut |value| {
        words.extend(value.get("enum").and_then(Value::as_array).cloned().unwrap_or_default());
    });
    assert!(words.contains(&Value::from("pending")), "{words:?}");
    let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || b"_./".contains(&byte));
    let odd: Vec<_> = words.iter().filter(|word| !word.as_str().is_some_and(plain)).collect();
    assert_eq!(odd, Vec::<&Value>::new());
}

/// A path with something in place of its parameters.
fn filled(path: &str) -> String {
    path.replace("{*key}", "1")
        .replace("{id}", "1")
        .replace("{sku_id}", "1")
        .replace("{transaction_id}", "1")
        .replace("{day}", "1")
        .replace("{name}", "x")
}

#[tokio::test]
async fn what_the_document_says_is_there_is_there_and_nothing_else() {
    let app = TestApp::new().await;
    let mut methods: BTreeMap<String, Vec<Method>> = BTreeMap::new();
    for operation in operations() {
        methods.entry(operation.path).or_default().push(operation.method);
    }
    for (path, documented) in methods {
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
            let answer = app.nobody().request(method.clone(), &filled(&path)).send().await;
            let is_there = answer.status != 405 && answer.code() != "http.not_found";
            assert_eq!(is_there, documented.contains(&method), "{method} {path}: {}", answer.text);
        }
    }
    let shown = app.nobody().get("/openapi.json").send().await.expect(200);
    assert_eq!(shown, document());
    assert!(app.nobody().get("/docs/").send().await.text.contains("swagger-ui"));
    app.end().await;
}

/// Handlers come into the router through `routes!` alone, which puts them into the document too.
#[test]
fn no_route_goes_around_the_document() {
    let (mut plain, mut handlers, mut registered) = (BTreeSet::new(), 0, 0);
    for source in files("src/http") {
        let text: String = source.text.split_whitespace().collect();
        for part in text.split(".route(\"").skip(1) {
            plain.insert(part.split('"').next().unwrap_or_default().to_owned());
        }
        for other in [".nest(", ".route_service(", ".nest_service(", ".fallback_service("] {
            assert!(!text.contains(other), "{} has {other}", source.path);
        }
        handlers += text.matches("#[utoipa::path(").count();
        let lists = text.split("routes!(").skip(1).filter_map(|part| part.split(')').next());
        registered += lists.map(|list| list.split(',').count()).sum::<usize>();
    }
    assert_eq!(plain, UNDOCUMENTED.map(str::to_owned).into());
    assert_eq!((handlers, registered), (operations().len(), operations().len()));
}

#[test]
fn the_document_changes_only_on_purpose() {
    let text = serde_json::to_string_pretty(&document()).expect("JSON");
    compare("tests/it/snapshots/openapi.json", &format!("{text}\n"));
}
