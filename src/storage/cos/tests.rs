//! The client against the official figures, and against a COS that misbehaves.

use super::*;
use crate::{config, model::time::FixedClock};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode},
};
use serde_json::Value;
use sign::{KeyTime, authorize, http_string, name, policy_signature, string_to_sign};
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Printed in Tencent's own documents; the figures belong to them.
const ID: &str = "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q";
const SECRET: &str = "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz";
const BUCKET: &str = "examplebucket-1250000000";
const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

#[test]
fn requests_are_signed_as_the_official_sdks_sign_them() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/requests.json")).unwrap();
    assert_eq!(vectors.len(), 11);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let (params, headers) = (pairs(&vector["params"]), pairs(&vector["headers"]));
        let request = sign::Request { method: text("method"), path: text("path"), params: &params, headers: &headers };
        let time: KeyTime = text("key_time").parse().unwrap();
        let signed = authorize(ID, SECRET, time, &request);
        assert_eq!(signed.header_list.join(";"), text("header_list"), "{}", text("name"));
        assert_eq!(signed.param_list.join(";"), text("param_list"), "{}", text("name"));
        assert_eq!(signed.signature, text("signature"), "{}", text("name"));
        let by_name = |list: &[String], pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let value = |wanted: &String| pairs.iter().find(|(key, _)| name(key) == *wanted).unwrap().1.to_owned();
            list.iter().map(|key| (key.clone(), value(key))).collect()
        };
        let params = by_name(&signed.param_list, &params);
        let http = http_string(text("method"), text("path"), &params, &by_name(&signed.header_list, &headers));
        let expected = format!("sha1\n{time}\n{}\n", text("http_sha1"));
        assert_eq!(string_to_sign(time, &http), expected, "{}", text("name"));
    }
}

/// The documents mask the ends of their signatures; these were computed with the key that their other figures belong to.
/// Names and values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

#[test]
fn the_worked_examples_of_the_documents_hold() {
    let host = ("Host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com");
    let upload = [
        ("Date", "Thu, 16 May 2019 06:45:51 GMT"),
        host,
        ("Content-Type", "text/plain"),
        ("Content-Length", "13"),
        ("Content-MD5", "mQ/fVh815F3k6TAUm8m0eg=="),
        ("x-cos-acl", "private"),
        ("x-cos-grant-read", "uin=\"100000000011\""),
    ];
    let download = [("Date", "Thu, 16 May 2019 06:55:53 GMT"), host];
    let described = [("response-content-type", "application/octet-stream"), ("response-cache-control", "max-age=600")];
    let cases: [(&str, Pairs<'_>, Pairs<'_>, &str, &str); 2] = [
        ("PUT", &[], &upload, "1557989151;1557996351", "3b8851a11a569213c17ba8fa7dcf2abec6935172"),
        ("GET", &described, &download, "1557989753;1557996953", "01681b8c9d798a678e43b685a9f1bba0f6c0e012"),
    ];
    for (method, params, headers, time, signature) in cases {
        let request = sign::Request { method, path: "/exampleobject(腾讯云)", params, headers };
        assert_eq!(authorize(ID, SECRET, time.parse().unwrap(), &request).signature, signature, "{method}");
    }
}

/// Method, path, parameters, headers, signature.
type Signed<'a> = (&'a str, &'a str, Pairs<'a>, Pairs<'a>, &'a str);

#[test]
fn lent_addresses_are_signed_as_the_official_sdks_sign_them() {
    let time = KeyTime { start: 1_700_000_000, end: 1_700_000_660 };
    let host = ("host", HOST);
    let disposition = ("response-content-disposition", "attachment; filename=\"a b.txt\"");
    let token = ("x-cos-security-token", "exampleToken/+=123");
    let picture = ("imageMogr2/thumbnail/!50p", "");
    let chinese = "/用户 上传/头像(1)+a&b=c.png";
    let cases: [Signed<'_>; 8] = [
        ("GET", "/dir/hello.txt", &[], &[host], "ae2cf88815a07e9d75cab0c3213c344142d92a00"),
        ("PUT", chinese, &[], &[("Content-Type", "image/png"), host], "687b55d37ac617540dc147ff5ac0c964ff9a3bd8"),
        ("GET", "/dir/hello.txt", &[disposition], &[host], "ed6b43e4cafd529e724c0cbd41643b01581fc311"),
        ("GET", "/dir/hello.txt", &[token], &[host], "891b7a0880f4ad0a218fe4d8fe88c0b687d2cd8a"),
        ("GET", "/dir/hello.txt", &[], &[], "5b663e8aaabf5b795f546ad02159e05487f20053"),
        ("GET", "/dir/a.jpg", &[picture], &[host], "13280917c5e11df89de90c3a388f791a15390d29"),
        ("GET", "/a//b/./c/../d.txt", &[], &[host], "cbc68fdede75afb5636054cb6257445f7d139ca7"),
        ("post", "/", &[], &[host], "923d049d1b3f107f5714da6031dd49e4827472fc"),
    ];
    for (method, path, params, headers, signature) in cases {
        let request = sign::Request { method, path, params, headers };
        assert_eq!(authorize(ID, SECRET, time, &request).signature, signature, "{method} {path} {params:?}");
    }
    let pairs = [("tmp/u1/9f2c.jpg", 1), ("用户/u1/", 2)];
    assert_eq!(pairs.map(|(key, _)| sign::escape_path(key)), ["tmp/u1/9f2c.jpg", "%E7%94%A8%E6%88%B7/u1/"]);
}

#[test]
fn forms_are_signed_as_the_official_documents_do() {
    let documented = [
        "{",
        "    \"expiration\": \"2019-08-30T09:38:12.414Z\",",
        "    \"conditions\": [",
        "        { \"acl\": \"default\" },",
        "        { \"bucket\": \"examplebucket-1250000000\" },",
        "        [ \"starts-with\", \"$key\", \"folder/subfolder/\" ],",
        "        [ \"starts-with\", \"$Content-Type\", \"image/\" ],",
        "        [ \"starts-with\", \"$success_action_redirect\", \"https://my.website/\" ],",
        "        [ \"eq\", \"$x-cos-server-side-encryption\", \"AES256\" ],",
        "        { \"q-sign-algorithm\": \"sha1\" },",
        "        { \"q-ak\": \"AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q\" },",
        "        { \"q-sign-time\": \"1567150692;1567157892\" }",
        "    ]",
        "}",
    ];
    let common = format!(
        "{{\"q-sign-algorithm\":\"sha1\"}},{{\"q-ak\":\"{ID}\"}},{{\"q-sign-time\":\"1700000000;1700000600\"}}]}}"
    );
    let begin = format!("{{\"expiration\":\"2023-11-14T22:23:20.000Z\",\"conditions\":[{{\"bucket\":\"{BUCKET}\"}},");
    let own = "{\"key\":\"tmp/u1/9f2c.jpg\"},[\"content-length-range\",1,10485760],[\"starts-with\",\"$Content-Type\",\"image/\"],{\"success_action_status\":\"200\"},";
    let chinese = "[\"starts-with\",\"$key\",\"用户/u1/\"],[\"content-length-range\",0,1048576],{\"x-cos-security-token\":\"exampleToken/+=123\"},";
    let cases = [
        ("1567150692;1567157892", documented.join("\n"), "7758dc9a832e9d301dca704cacbf9d9f8172fdef"),
        ("1700000000;1700000600", format!("{begin}{own}{common}"), "cade3244b987433db0438e153a9546d9c7fe94fa"),
        ("1700000000;1700000600", format!("{begin}{chinese}{common}"), "a9cae4d76c595477baa0d61b6f7eb5cd7044ac53"),
    ];
    for (time, policy, signature) in cases {
        assert_eq!(policy_signature(SECRET, time.parse().unwrap(), &policy), signature, "{policy}");
    }
}

#[test]
fn the_checksum_is_that_of_the_documents() {
    let figures: [(&[u8], u64); 4] = [
        (b"", 0),
        (b"123456789", 11_051_210_869_376_104_954),
        (b"hello", 11_177_612_005_948_864_433),
        (b"[Object Content]", 16_749_565_679_157_681_890),
    ];
    for (bytes, figure) in figures {
        assert_eq!(CRC64.checksum(bytes), figure);
    }
}

/// Status, headers, body.
type Answer = (u16, Vec<(&'static str, String)>, String);

/// Answers that are given, in this order; what was asked is kept.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<Vec<Answer>>,
    asked: Mutex<Vec<(String, String)>>,
}

/// A COS that says what it is told to, and its client.
struct Stage {
    cos: Cos,
    script: Arc<Script>,
    clock: Arc<FixedClock>,
    _server: AbortOnDropHandle<()>,
}

impl Stage {
    async fn new(mut answers: Vec<Answer>) -> Self {
        answers.reverse();
        let script = Arc::new(Script { answers: Mutex::new(answers), asked: Mutex::default() });
        let answer = async |State(script): State<Arc<Script>>, request: Request| {
            let signature = request.headers()["authorization"].to_str().unwrap().to_owned();
            let line = format!("{} {}", request.method(), request.uri());
            script.asked.lock().unwrap().push((line, signature));
            let (status, headers, body) = script.answers.lock().unwrap().pop().expect("no more questions are expected");
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let router = Router::new().fallback(answer).with_state(script.clone());
        let server = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
        let mut settings: config::Config = config::DEFAULT.parse::<toml::Table>().unwrap().try_into().unwrap();
        settings.cos.base_url = Some(base);
        settings.cos.bucket = BUCKET.to_owned();
        settings.cos.secret_id = ID.to_owned();
        settings.cos.secret_key = config::Secret::new(SECRET);
        settings.cos.retry_ms = 0;
        let clock = Arc::new(FixedClock::new(Timestamp::from_seconds(1_700_000_060)));
        let cos = Cos::open(&settings.cos, clock.clone()).unwrap();
        Self { cos, script, clock, _server: AbortOnDropHandle::new(server) }
    }
    fn asked(&self) -> Vec<String> {
        self.script.asked.lock().unwrap().iter().map(|(line, _)| line.clone()).collect()
    }
}

fn error(code: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>{code}</Code>\n\t<Message>a &amp; b</Message>\n\t<RequestId>NjU=</RequestId>\n</Error>"
    )
}

fn key() -> ObjectKey {
    ObjectKey::parse("product/a.png").unwrap()
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_told() {
    let stage = Stage::new(vec![
        (503, vec![], error("SlowDown")),
        (500, vec![], String::new()),
        (200, vec![("x-cos-hash-crc64ecma", "11177612005948864433".into())], String::new()),
    ]);
    let stage = stage.await;
    stage.cos.put(&key(), Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(stage.asked(), ["PUT /product/a.png"; 3]);
    let signed = "&q-header-list=content-type;host&q-url-param-list=&";
    assert!(stage.script.asked.lock().unwrap().iter().all(|(_, signature)| signature.contains(signed)), "and the host");

    let stage = Stage::new(vec![(403, vec![("x-cos-request-id", "NjU=".into())], error("AccessDenied"))]).await;
    let refused = stage.cos.put(&key(), Bytes::from_static(b"hello")).await.unwrap_err();
    assert_eq!(refused.to_string(), "COS answered 403 AccessDenied: a & b (request NjU=)");

    let stage = Stage::new(vec![(503, vec![], String::new()); 3]).await;
    assert!(stage.cos.get(&key()).await.is_err(), "no fourth try");
}

#[tokio::test]
async fn other_bytes_than_were_sent_are_no_success() {
    let told = || vec![("x-cos-hash-crc64ecma", "1".to_owned())];
    let stage = Stage::new(vec![(200, told(), String::new()), (200, told(), "hello".to_owned())]).await;
    assert!(matches!(stage.cos.put(&key(), Bytes::from_static(b"hello")).await, Err(Failure::Unexpected(_))));
    assert!(matches!(stage.cos.get(&key()).await, Err(Failure::Unexpected(_))));
}

#[tokio::test]
async fn an_error_under_status_200_is_an_error() {
    let copied = "<CopyObjectResult><ETag>\"e\"</ETag><LastModified>x</LastModified></CopyObjectResult>";
    let stage = Stage::new(vec![
        (200, vec![], format!("   {}", error("InternalError"))),
        (200, vec![], copied.to_owned()),
        (200, vec![], error("AccessDenied")),
        (412, vec![], error("PreconditionFailed")),
        (404, vec![], error("NoSuchKey")),
        (404, vec![], error("NoSuchBucket")),
    ]);
    let (stage, to) = (stage.await, ObjectKey::parse("b.png").unwrap());
    assert!(stage.cos.copy(&key(), "\"e\"", &to).await.unwrap(), "the second try");
    assert!(stage.cos.copy(&key(), "\"e\"", &to).await.unwrap_err().is("AccessDenied"));
    assert!(!stage.cos.copy(&key(), "\"e\"", &to).await.unwrap(), "another object by now");
    assert!(!stage.cos.copy(&key(), "\"e\"", &to).await.unwrap(), "gone");
    assert!(stage.cos.copy(&key(), "\"e\"", &to).await.is_err(), "a bucket that is missing is no missing object");
}

#[tokio::test]
async fn the_clock_of_cos_is_learned_once() {
    let skewed = || (403, vec![("date", "Tue, 14 Nov 2023 23:14:20 GMT".to_owned())], error("RequestTimeTooSkewed"));
    let stage = Stage::new(vec![skewed(), (404, vec![], String::new()), skewed()]).await;
    assert_eq!(stage.cos.get(&key()).await.unwrap(), None);
    let signed: Vec<String> = stage.script.asked.lock().unwrap().iter().map(|(_, signed)| signed.clone()).collect();
    assert!(signed[0].contains("q-sign-time=1700000000;1700000960&"), "{}", signed[0]);
    assert!(signed[1].contains("q-sign-time=1700003600;1700004560&"), "an hour later: {}", signed[1]);
    assert!(stage.cos.get(&key()).await.is_err(), "the same time again is no news, and no reason to try again");
    stage.clock.advance(Duration::from_secs(10));
    let lent = stage.cos.lend(&key(), Timestamp::from_seconds(1_700_010_000));
    assert!(lent.query().unwrap().contains("q-sign-time=1700003610%3B1700010000"), "{lent}");
}

#[tokio::test]
async fn missing_objects_are_none_and_deleting_says_what_was() {
    let stage = Stage::new(vec![
        (404, vec![], error("NoSuchKey")),
        (404, vec![], String::new()),
        (204, vec![], String::new()),
        (200, vec![], String::new()),
        (204, vec![], String::new()),
    ]);
    let stage = stage.await;
    assert_eq!(stage.cos.get(&key()).await.unwrap(), None);
    assert!(!stage.cos.delete(&key()).await.unwrap());
    assert!(stage.cos.delete(&key()).await.unwrap());
}

#[tokio::test]
async fn lists_are_read_and_what_was_not_deleted_is_told() {
    let listed = "<?xml version='1.0' encoding='utf-8' ?><ListBucketResult><Name>b</Name><EncodingType>url</EncodingType>\
        <Prefix>tmp%2F</Prefix><Marker/><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated><NextMarker>tmp/b%20c</NextMarker>\
        <Contents><Key>tmp/a</Key><LastModified>2020-12-10T03:37:30.000Z</LastModified><ETag>\"e\"</ETag><Size>5</Size>\
        <Owner><ID>1</ID><DisplayName>1</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>\
        <Contents><Key>tmp/b%20c</Key><LastModified>x</LastModified><ETag>e</ETag><Size>0</Size></Contents></ListBucketResult>";
    let empty =
        "<ListBucketResult><Name>b</Name><MaxKeys>2</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>";
    let left = "<DeleteResult><Error><Key>product/a.png</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>";
    let answers = [listed, empty, left, "<DeleteResult/>"].map(|body| (200, vec![], body.to_owned()));
    let stage = Stage::new(answers.to_vec()).await;
    let page = stage.cos.list("tmp/", "", 2).await.unwrap();
    assert_eq!(page, Page { objects: vec![("tmp/a".to_owned(), 5), ("tmp/b c".to_owned(), 0)], more: true });
    assert_eq!(stage.asked(), ["GET /?prefix=tmp%2F&marker=&max-keys=2&encoding-type=url"]);
    assert_eq!(stage.cos.list("tmp/", "tmp/b c", 2).await.unwrap(), Page { objects: vec![], more: false });
    assert_eq!(stage.cos.delete_many(&[key()]).await.unwrap(), ["product/a.png"]);
    assert_eq!(stage.cos.delete_many(&[key()]).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_form_pins_all_that_could_do_harm() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let stage = Stage::new(Vec::new()).await;
    let wanted = Wanted {
        key: &key(),
        bytes_max: 1000,
        content_type: "image/png",
        expires_ms: Timestamp::from_seconds(1_700_000_660),
    };
    let form = stage.cos.form(&wanted);
    let field = |name: &str| form.fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str()).unwrap();
    let policy = String::from_utf8(STANDARD.decode(field("policy")).unwrap()).unwrap();
    let time = "1700000000;1700000660";
    assert_eq!(field("q-key-time"), time);
    assert_eq!(field("q-signature"), policy_signature(SECRET, time.parse().unwrap(), &policy));
    let policy: Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["expiration"], "2023-11-14T22:24:20.000Z");
    let conditions = policy["conditions"].as_array().unwrap();
    let exact = conditions.iter().filter_map(Value::as_object).flatten();
    for (name, value) in exact {
        let there = match name.as_str() {
            "bucket" => BUCKET,
            "q-sign-time" => time,
            name => field(name),
        };
        assert_eq!(value, there, "every field that is conditioned is in the form");
    }
    assert!(conditions.contains(&serde_json::json!(["content-length-range", 1, 1000])));
    assert_eq!(conditions.len(), 9);
}
