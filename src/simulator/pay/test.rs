//! The pay interface as a merchant meets it.

use crate::model::time::{days, minutes};
use crate::simulator::{
    Failure, Loss, RefundStatus, ReplyLost, Rotation, TradeState,
    test::{APPID, Merchant},
};
use crate::wechat::pay::sign::{ApiV3Key, PublicKey};
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const PREPAY: &str = "/v3/pay/transactions/jsapi";
const REFUNDS: &str = "/v3/refund/domestic/refunds";

#[tokio::test]
async fn an_order_goes_from_prepay_to_paid_and_every_reply_is_signed() {
    let merchant = Merchant::new();
    let (path, mchid) = ("/v3/pay/transactions/out-trade-no/order-1", merchant.simulator.materials().mchid);
    let path = format!("{path}?mchid={mchid}");
    assert_eq!(merchant.get(&path).await.json["code"], "ORDER_NOT_EXIST");
    merchant.prepay("order-1", 199).await;
    assert_eq!(merchant.get(&path).await.json["trade_state"], "NOTPAY");
    let paid = merchant.simulator.pay("order-1").expect("paid");
    let reply = merchant.get(&path).await;
    assert_eq!(reply.json["trade_state"], "SUCCESS");
    assert_eq!(reply.json["amount"]["payer_total"], 199);
    assert_eq!(reply.json["payer"]["openid"], merchant.openid.as_str());
    let materials = merchant.simulator.materials();
    assert!(reply.signed_by(&PublicKey::from_pem(&materials.public_key_pem).expect("key")));
    assert_eq!(reply.header("wechatpay-serial"), materials.public_key_id);
    let id = paid.transaction_id.expect("id");
    let by_id = merchant.get(&format!("/v3/pay/transactions/id/{id}?mchid={mchid}")).await;
    assert_eq!(by_id.json, reply.json);
    assert_eq!(merchant.get("/v3/pay/transactions/out-trade-no/order-1").await.status, StatusCode::BAD_REQUEST);
    assert!(merchant.simulator.pay("order-1").is_err(), "nobody pays twice");
}

#[tokio::test]
async fn a_request_that_is_not_rightly_signed_is_refused() {
    let merchant = Merchant::new();
    let body = merchant.order("order-1", 1).to_string();
    let good = || merchant.request("POST", PREPAY, &body);
    let mut cases = vec![merchant.request("POST", PREPAY, &body.replace("\"total\":1", "\"total\":2"))];
    *cases[0].body_mut() = body.clone().into();
    for (name, value) in [("authorization", ""), ("authorization", "WECHATPAY2-SHA256-RSA2048 mchid=\"1\"")] {
        let mut request = good();
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        cases.push(request);
    }
    for (from, to) in [("1900000001", "1900000002"), ("serial_no=\"", "serial_no=\"0")] {
        let mut request = good();
        let changed = request.headers()["authorization"].to_str().expect("text").replace(from, to);
        request.headers_mut().insert("authorization", HeaderValue::from_str(&changed).expect("value"));
        cases.push(request);
    }
    for request in cases {
        let reply = merchant.send(request).await;
        assert_eq!((reply.status, &reply.json["code"]), (StatusCode::UNAUTHORIZED, &json!("SIGN_ERROR")));
        assert_eq!(reply.header("wechatpay-signature"), "", "the door signs nothing");
    }
    let late = good();
    merchant.clock.advance(minutes(5) + std::time::Duration::from_secs(1));
    assert_eq!(merchant.send(late).await.status, StatusCode::UNAUTHORIZED);
    let mut nameless = good();
    nameless.headers_mut().remove("user-agent");
    assert_eq!(merchant.send(nameless).await.json["code"], "INVALID_REQUEST");
    assert!(merchant.simulator.ledger().payments.is_empty());
    assert_eq!(merchant.send(good()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn fields_are_checked_as_strictly_as_there() {
    let merchant = Merchant::new();
    for (pointer, value) in [
        ("/amount/total", json!(0)),
        ("/amount/total", json!(1.5)),
        ("/amount/total", json!("100")),
        ("/amount/currency", json!("USD")),
        ("/amount/more", json!(1)),
        ("/out_trade_no", json!("short")),
        ("/out_trade_no", json!("order 123")),
        ("/notify_url", json!("https://shop.example/pay?order=1")),
        ("/description", json!("")),
        ("/attach", Value::Null),
        ("/time_expire", json!("2026-11-22 12:00:00")),
        ("/payer/openid", json!("oSomebodyElse")),
        ("/mchid", json!("1900000002")),
        ("/surprise", json!(true)),
    ] {
        let mut order = merchant.order("order-1", 100);
        let (parent, name) = pointer.rsplit_once('/').expect("pointer");
        order.pointer_mut(parent).expect("parent")[name] = value;
        let reply = merchant.post(PREPAY, order).await;
        assert_eq!((reply.status, &reply.json["code"]), (StatusCode::BAD_REQUEST, &json!("PARAM_ERROR")), "{pointer}");
    }
    let mut order = merchant.order("order-1", 100);
    order["appid"] = json!("wxunbound");
    assert_eq!(merchant.post(PREPAY, order).await.json["code"], "APPID_MCHID_NOT_MATCH");
}

#[tokio::test]
async fn a_number_is_used_for_one_order_only() {
    let merchant = Merchant::new();
    let first = merchant.prepay("order-1", 100).await;
    assert_ne!(merchant.prepay("order-1", 100).await, first, "the same again is fine");
    let changed = merchant.post(PREPAY, merchant.order("order-1", 101)).await;
    assert_eq!((changed.status, &changed.json["code"]), (StatusCode::FORBIDDEN, &json!("OUT_TRADE_NO_USED")));
    merchant.paid("order-2", 100).await;
    assert_eq!(merchant.post(PREPAY, merchant.order("order-2", 100)).await.json["code"], "ORDERPAID");
    let close = json!({ "mchid": merchant.simulator.materials().mchid });
    for _ in 0..2 {
        let reply = merchant.post("/v3/pay/transactions/out-trade-no/order-1/close", close.clone()).await;
        assert_eq!((reply.status, reply.bytes.len()), (StatusCode::NO_CONTENT, 0));
        assert!(!reply.header("wechatpay-signature").is_empty());
    }
    assert_eq!(merchant.post(PREPAY, merchant.order("order-1", 100)).await.json["code"], "ORDER_CLOSED");
    assert!(merchant.simulator.pay("order-1").is_err());
    let reply = merchant.post("/v3/pay/transactions/out-trade-no/order-2/close", close).await;
    assert_eq!(reply.json["code"], "ORDER_PAID");
}

#[tokio::test]
async fn time_ends_prepay_ids_and_orders() {
    let merchant = Merchant::new();
    merchant.prepay("order-1", 100).await;
    merchant.clock.advance(minutes(121));
    assert!(merchant.simulator.pay("order-1").is_err(), "the prepay id lives two hours");
    merchant.prepay("order-1", 100).await;
    assert!(merchant.simulator.pay("order-1").is_ok());
    let mut order = merchant.order("order-2", 100);
    order["time_expire"] = json!(merchant.simulator.now().plus(minutes(10)).rfc3339());
    assert_eq!(merchant.post(PREPAY, order).await.status, StatusCode::OK);
    merchant.clock.advance(minutes(10));
    assert!(merchant.simulator.pay("order-2").is_err());
    assert_eq!(merchant.simulator.ledger().payments[1].state, TradeState::NotPay, "time_expire does not close");
    merchant.clock.advance(days(8));
    let path = format!("/v3/pay/transactions/out-trade-no/order-2?mchid={}", merchant.simulator.materials().mchid);
    assert_eq!(merchant.get(&path).await.json["trade_state"], "CLOSED");
}

fn refund(number: &str, fen: i64) -> Value {
    json!({ "out_trade_no": "order-1", "out_refund_no": number, "notify_url": "http://127.0.0.1:1/refund",
            "amount": { "refund": fen, "total": 100, "currency": "CNY" } })
}

#[tokio::test]
async fn refunds_never_exceed_what_was_paid() {
    let merchant = Merchant::new();
    merchant.prepay("order-1", 100).await;
    assert_eq!(merchant.post(REFUNDS, refund("r1", 60)).await.json["code"], "RESOURCE_NOT_EXISTS");
    merchant.simulator.pay("order-1").expect("paid");
    let first = merchant.post(REFUNDS, refund("r1", 60)).await;
    assert_eq!((first.status, &first.json["status"]), (StatusCode::OK, &json!("PROCESSING")));
    assert_eq!(merchant.post(REFUNDS, refund("r1", 60)).await.json["refund_id"], first.json["refund_id"]);
    assert_eq!(merchant.post(REFUNDS, refund("r1", 61)).await.json["code"], "INVALID_REQUEST");
    assert_eq!(merchant.post(REFUNDS, refund("r2", 41)).await.json["code"], "INVALID_REQUEST");
    let soon = merchant.post(REFUNDS, refund("r2", 40)).await;
    assert_eq!((soon.status, &soon.json["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("FREQUENCY_LIMITED")));
    merchant.clock.advance(minutes(1));
    merchant.simulator.faults().change(|faults| faults.not_enough = true);
    assert_eq!(merchant.post(REFUNDS, refund("r2", 40)).await.json["code"], "NOT_ENOUGH");
    merchant.simulator.faults().clear();
    assert_eq!(merchant.post(REFUNDS, refund("r2", 40)).await.status, StatusCode::OK);
    let found = merchant.get(&format!("{REFUNDS}/r1")).await;
    assert_eq!(found.json["status"], "SUCCESS", "ten seconds have passed");
    assert_eq!(merchant.get(&format!("{REFUNDS}/r3")).await.json["code"], "RESOURCE_NOT_EXISTS");
    let truth = merchant.simulator.ledger();
    assert_eq!(truth.refunds.iter().map(|refund| refund.refund_fen.0).sum::<i64>(), 100);
    assert_eq!(truth.payments[0].state, TradeState::Refund);
}

#[tokio::test]
async fn a_closed_refund_gives_its_sum_back() {
    let merchant = Merchant::new();
    merchant.paid("order-1", 100).await;
    merchant.simulator.faults().change(|faults| faults.refund_result = Some(RefundStatus::Closed));
    merchant.post(REFUNDS, refund("r1", 100)).await;
    merchant.clock.advance(minutes(1));
    assert_eq!(merchant.get(&format!("{REFUNDS}/r1")).await.json["status"], "CLOSED");
    assert_eq!(merchant.simulator.ledger().payments[0].state, TradeState::Success);
    merchant.simulator.faults().clear();
    assert_eq!(merchant.post(REFUNDS, refund("r2", 100)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_platform_certificate_comes_sealed_and_signs_by_default() {
    let merchant = Merchant::new();
    let mut request = merchant.request("GET", "/v3/certificates", "");
    request.headers_mut().remove("wechatpay-serial");
    let reply = merchant.send(request).await;
    let (item, materials) = (&reply.json["data"][0], merchant.simulator.materials());
    let sealed = &item["encrypt_certificate"];
    let text = |name: &str| sealed[name].as_str().expect("text");
    let key = ApiV3Key::new(&materials.api_v3_key).expect("key");
    let pem = key.open(text("nonce"), text("associated_data"), text("ciphertext")).expect("opened");
    let (key, particulars) =
        PublicKey::from_certificate_pem(std::str::from_utf8(&pem).expect("PEM")).expect("certificate");
    assert_eq!(item["serial_no"], particulars.serial.as_str());
    assert!(reply.signed_by(&key));
    merchant.simulator.faults().change(|faults| faults.no_platform_certificate = true);
    assert_eq!(merchant.get("/v3/certificates").await.json["code"], "RESOURCE_NOT_EXISTS");
}

#[tokio::test]
async fn a_platform_certificate_is_listed_beside_the_old_one_before_it_signs() {
    let merchant = Merchant::new();
    let old = merchant.simulator.materials().platform_serial;
    let mut seen = Vec::new();
    for rotation in [Rotation::Before, Rotation::Listed, Rotation::Signing, Rotation::Over] {
        merchant.simulator.faults().change(|faults| faults.rotation = rotation);
        let mut request = merchant.request("GET", "/v3/certificates", "");
        request.headers_mut().remove("wechatpay-serial");
        let reply = merchant.send(request).await;
        let serials = reply.json["data"].as_array().expect("list").iter().map(|item| item["serial_no"].clone());
        seen.push((serials.collect::<Vec<_>>(), reply.header("wechatpay-serial").to_owned()));
    }
    let next = seen[3].1.clone();
    assert!(next != old && next.len() == 40);
    let both = vec![json!(old), json!(next)];
    assert_eq!(seen[0], (vec![json!(old)], old.clone()));
    assert_eq!((&seen[1], &seen[2]), (&(both.clone(), old), &(both, next.clone())));
    assert_eq!(seen[3], (vec![json!(next)], next));
}

#[tokio::test]
async fn faults_fail_before_the_work_or_lose_the_reply_after_it() {
    let merchant = Merchant::new();
    let (path, code) = (PREPAY.to_owned(), "SYSTEM_ERROR".to_owned());
    merchant.simulator.faults().change(|faults| {
        faults.fail.push(Failure { path: path.clone(), method: None, count: 1, status: 500, code });
        faults.reply_lost.push(Loss { path: path.clone(), method: None, count: 1 });
        faults.probe_replies = 1;
    });
    let failed = merchant.post(PREPAY, merchant.order("order-1", 100)).await;
    assert_eq!((failed.status, &failed.json["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("SYSTEM_ERROR")));
    assert!(merchant.simulator.ledger().payments.is_empty());
    let request = merchant.request("POST", PREPAY, &merchant.order("order-1", 100).to_string());
    let lost = merchant.simulator.router().oneshot(request).await.expect("infallible");
    assert!(lost.extensions().get::<ReplyLost>().is_some());
    assert_eq!(merchant.simulator.ledger().payments.len(), 1, "the work was done");
    let path = format!("/v3/pay/transactions/out-trade-no/order-1?mchid={}", merchant.simulator.materials().mchid);
    let key = PublicKey::from_pem(&merchant.simulator.materials().public_key_pem).expect("key");
    // The lost reply took the probe with it.
    merchant.simulator.faults().change(|faults| faults.probe_replies = 1);
    let probed = merchant.get(&path).await;
    assert!(probed.header("wechatpay-signature").starts_with("WECHATPAY/SIGNTEST/") && !probed.signed_by(&key));
    assert!(merchant.get(&path).await.signed_by(&key));
    merchant.simulator.faults().change(|faults| faults.unsigned_replies = true);
    assert_eq!(merchant.get(&path).await.header("wechatpay-signature"), "");
}

#[tokio::test]
async fn the_bill_of_a_day_says_what_was_paid_and_hashes_to_what_was_told() {
    let merchant = Merchant::new();
    merchant.paid("order-1", 1234).await;
    let bill = "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL";
    assert_eq!(merchant.get(bill).await.json["code"], "INVALID_REQUEST", "today");
    merchant.clock.advance(minutes(20 * 60));
    assert_eq!(merchant.get(bill).await.json["code"], "STATEMENT_CREATING");
    merchant.clock.advance(minutes(2 * 60));
    let other = merchant.get("/v3/bill/tradebill?bill_date=2026-11-21").await;
    assert_eq!(other.json["code"], "NO_STATEMENT_EXIST");
    for zip in ["", "&tar_type=GZIP"] {
        let told = merchant.get(&format!("{bill}{zip}")).await.json;
        let url = url::Url::parse(told["download_url"].as_str().expect("url")).expect("url");
        let file = merchant.get(&format!("{}?{}", url.path(), url.query().expect("query"))).await;
        assert_eq!(file.header("wechatpay-signature"), "", "files are not signed");
        let bytes = if zip.is_empty() { file.bytes.to_vec() } else { gunzip(&file.bytes) };
        let sha1 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes);
        assert_eq!(told["hash_value"], hex::encode(sha1));
        let text = String::from_utf8(bytes).expect("UTF-8");
        let row = text.lines().nth(1).expect("row");
        assert!(row.starts_with("`2026-11-22 12:00:00,`") && row.contains(",`order-1,"), "{row}");
        assert!(row.contains(APPID) && row.ends_with(",`12.34,`0.00,`"), "{row}");
        assert_eq!(row.split(',').count(), 27);
    }
    merchant.clock.advance(minutes(6));
}

#[tokio::test]
async fn the_fund_flow_bill_has_an_entry_for_each_payment_and_refund() {
    let merchant = Merchant::new();
    let payment = merchant.paid("order-1", 1234).await;
    let body = json!({ "out_trade_no": "order-1", "out_refund_no": "r1",
        "amount": { "refund": 34, "total": 1234, "currency": "CNY" } });
    merchant.post(REFUNDS, body).await;
    let bill = "/v3/bill/fundflowbill?bill_date=2026-11-22&tar_type=GZIP";
    merchant.clock.advance(minutes(22 * 60));
    assert_eq!(merchant.get(&format!("{bill}&account_type=FEES")).await.json["code"], "NO_STATEMENT_EXIST");
    assert_eq!(merchant.get(&format!("{bill}&account_type=ALL")).await.json["code"], "PARAM_ERROR");
    let told = merchant.get(bill).await.json;
    let url = url::Url::parse(told["download_url"].as_str().expect("url")).expect("url");
    let file = merchant.get(&format!("{}?{}", url.path(), url.query().expect("query"))).await;
    let text = String::from_utf8(gunzip(&file.bytes)).expect("UTF-8");
    let lines: Vec<_> = text.lines().collect();
    let number = payment.transaction_id.expect("paid");
    let came = format!("`2026-11-22 12:00:00,`{number},`9{number},`交易,`交易,`收入,`12.34,`12.34,`system,`,`{number}");
    assert_eq!((lines.len(), lines[1]), (5, came.as_str()));
    assert!(lines[2].contains(",`退款,`退款,`支出,`0.34,`12.00,"), "{}", lines[2]);
    assert_eq!(lines[4], "`2,`1,`12.34,`1,`0.34");
}

/// By the system's own program, so that our header and checksum are judged by somebody else.
fn gunzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut program = std::process::Command::new("gzip");
    let pipe = std::process::Stdio::piped;
    let mut child = program.arg("-dc").stdin(pipe()).stdout(pipe()).spawn().expect("gzip is installed");
    child.stdin.take().expect("stdin").write_all(bytes).expect("written");
    let output = child.wait_with_output().expect("output");
    assert!(output.status.success());
    output.stdout
}
