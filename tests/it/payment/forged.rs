//! Whatever is not WeChat's, or cannot be read, is refused in WeChat's own form, and no row changes. Shown by a table of
//! named forgeries, each sent alone, with every row of every table compared before and after; but for the one table in
//! which refusals of WeChat's own content are written down.

use crate::support::{
    app::{API_V3_KEY, MCHID, TestApp},
    letter::{Letter, Pen, sealed, sealed_with},
    rows::changed,
    shop::id,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use weizhan::{
    simulator::{Callback, Trick},
    wechat::pay::sign::{PrivateKey, reply_message},
};

const PAY: &str = "/callback/wechat/pay";
const REFUND: &str = "/callback/wechat/refund";

/// What forgers have at hand.
pub(super) struct Loot {
    pub(super) app: TestApp,
    pub(super) pen: Pen,
    /// Of a payment that is not settled yet.
    pub(super) payment: Callback,
    /// Of a refund that is not settled yet.
    pub(super) refund: Callback,
    /// The true notice of the payment.
    pub(super) letter: Letter,
    /// That of the refund.
    pub(super) refund_letter: Letter,
    /// A key that is nobody's.
    pub(super) stranger: PrivateKey,
}

impl Loot {
    pub(super) async fn new() -> Self {
        let app = TestApp::new().await;
        let (goods, ann, owner) = (app.goods(100, 50).await, app.buyer("ann").await, app.owner().await);
        let (order, _) = app.paid_order(&ann, &goods, 1).await;
        let ask = json!({ "amount_fen": 40, "reason": "少了" });
        let refund = owner.post(&format!("/admin/v1/orders/{}/refunds", id(&order))).new_key().json(&ask).send().await;
        let refund = refund.expect(201)["out_refund_no"].as_str().unwrap().to_owned();
        app.run_jobs().await;
        app.simulator.faults().change(|faults| faults.drop = true);
        app.advance(Duration::from_secs(11));
        app.deliver().await;
        let number = app.begin_payment(&ann, &ann.order(&goods, 1).await.expect(201)).await;
        app.simulator.pay(&number).unwrap();
        let (letter, refund_letter) = (app.letter_of(&number), app.letter_of(&refund));
        let (payment, refund) = (app.callback_of(&number), app.callback_of(&refund));
        let (pen, stranger) = (app.pen(), PrivateKey::generate().unwrap().0);
        Self { app, pen, payment, refund, letter, refund_letter, stranger }
    }
    fn body(&self) -> Value {
        sealed(&self.payment, &self.payment.resource)
    }
    /// Truly signed, whatever it is.
    fn signed(&self, body: impl AsRef<[u8]>) -> Letter {
        self.pen.sign(&self.app, PAY, body.as_ref())
    }
    /// Truly signed, with one thing in the body changed before.
    fn altered(&self, pointer: &str, value: Value) -> Letter {
        let mut body = self.body();
        *body.pointer_mut(pointer).expect("pointer") = value;
        self.signed(body.to_string())
    }
    /// Truly signed and sealed, with one thing in what is sealed changed before.
    fn resealed(&self, pointer: &str, value: Value) -> Letter {
        let mut content = self.payment.resource.clone();
        *content.pointer_mut(pointer).expect("pointer") = value;
        self.signed(sealed(&self.payment, &content).to_string())
    }
    fn trick(&self, trick: Trick) -> Letter {
        self.app.simulator.notice(&self.payment.id, trick).unwrap().into()
    }
    pub(super) fn signed_by(&self, key: &PrivateKey, serial: &str) -> Letter {
        let (letter, body) = (self.letter.clone(), &self.letter.body);
        let message = reply_message(&letter.header("wechatpay-timestamp"), &letter.header("wechatpay-nonce"), body);
        letter.with("wechatpay-signature", &key.sign(&message)).with("wechatpay-serial", serial)
    }
    fn aged(&self, seconds: i64) -> Letter {
        let time = (self.app.app.now().seconds() + seconds).to_string();
        self.pen.sign_at(&time, "a-nonce-of-thirty-two-characters", PAY, self.body().to_string().as_bytes())
    }
    fn signature_bytes(&self, change: impl FnOnce(&mut Vec<u8>)) -> Letter {
        let mut bytes = STANDARD.decode(self.letter.header("wechatpay-signature")).unwrap();
        change(&mut bytes);
        self.letter.clone().with("wechatpay-signature", &STANDARD.encode(bytes))
    }
    fn body_bytes(&self, change: impl FnOnce(&mut Vec<u8>)) -> Letter {
        let mut body = self.letter.body.clone();
        change(&mut body);
        self.letter.clone().carrying(body)
    }
    fn event(&self, event: &str, original: &str) -> Letter {
        let body = sealed_with(API_V3_KEY, &self.payment.id, event, original, &self.payment.resource);
        self.signed(body.to_string())
    }
}

/// A forgery: its name, the status it deserves, and how it is made.
type Forgery = (&'static str, u16, fn(&Loot) -> Letter);

const HEADERS: &[Forgery] = &[
    ("no headers at all", 401, |loot| loot.trick(Trick::Unsigned)),
    ("no serial", 401, |loot| loot.letter.clone().without("wechatpay-serial")),
    ("no signature", 401, |loot| loot.letter.clone().without("wechatpay-signature")),
    ("no timestamp", 401, |loot| loot.letter.clone().without("wechatpay-timestamp")),
    ("no nonce", 401, |loot| loot.letter.clone().without("wechatpay-nonce")),
    ("an empty signature", 401, |loot| loot.letter.clone().with("wechatpay-signature", "")),
    ("two serials", 401, |loot| loot.letter.clone().and("wechatpay-serial", &loot.pen.materials.platform_serial)),
    ("two signatures", 401, |loot| loot.letter.clone().and("wechatpay-signature", "AAAA")),
    ("the same timestamp twice", 401, |loot| {
        let time = loot.letter.header("wechatpay-timestamp");
        loot.letter.clone().and("wechatpay-timestamp", &time)
    }),
    ("two nonces", 401, |loot| loot.letter.clone().and("wechatpay-nonce", "other")),
    ("another signature type", 401, |loot| {
        loot.letter.clone().with("wechatpay-signature-type", "WECHATPAY2-SM2-WITH-SM3")
    }),
    ("five minutes old", 401, |loot| loot.aged(-300)),
    ("ten minutes old, from the simulator", 401, |loot| loot.trick(Trick::Stale)),
    ("five minutes from the future", 401, |loot| loot.aged(300)),
    ("a timestamp in milliseconds", 401, |loot| loot.aged(1_795_406_400_000)),
    ("a timestamp in words", 401, |loot| loot.letter.clone().with("wechatpay-timestamp", "now")),
    ("a replay with a fresh timestamp", 401, |loot| {
        let later = (loot.app.app.now().seconds() + 1).to_string();
        loot.letter.clone().with("wechatpay-timestamp", &later)
    }),
    ("another nonce in the header", 401, |loot| loot.letter.clone().with("wechatpay-nonce", "swapped")),
    ("an unknown serial", 401, |loot| loot.trick(Trick::UnknownSerial)),
    ("the serial in lower case", 401, |loot| {
        let serial = loot.letter.header("wechatpay-serial").to_lowercase();
        loot.letter.clone().with("wechatpay-serial", &serial)
    }),
    ("the serial of the other kind of key", 401, |loot| {
        loot.letter.clone().with("wechatpay-serial", &loot.pen.materials.platform_serial)
    }),
    ("the merchant's own serial", 401, |loot| {
        loot.letter.clone().with("wechatpay-serial", &loot.pen.materials.merchant_serial)
    }),
];

const SIGNATURES: &[Forgery] = &[
    ("WeChat's own probe", 401, |loot| loot.trick(Trick::SignTest)),
    ("signed by a stranger", 401, |loot| loot.trick(Trick::ForeignKey)),
    ("signed by a stranger as the certificate", 401, |loot| {
        loot.signed_by(&loot.stranger, &loot.pen.materials.platform_serial)
    }),
    ("signed by the certificate as the public key", 401, |loot| {
        loot.signed_by(&loot.pen.platform_key, &loot.pen.materials.public_key_id)
    }),
    ("a truncated signature", 401, |loot| loot.signature_bytes(|bytes| bytes.truncate(255))),
    ("a flipped bit of the signature", 401, |loot| loot.signature_bytes(|bytes| bytes[100] ^= 1)),
    ("a signature of zeros", 401, |loot| loot.signature_bytes(|bytes| bytes.fill(0))),
    ("a signature that is no base64", 401, |loot| loot.letter.clone().with("wechatpay-signature", "%%%")),
    ("the signature of another notice", 401, |loot| {
        loot.letter.clone().with("wechatpay-signature", &loot.refund_letter.header("wechatpay-signature"))
    }),
    ("all headers of another notice", 401, |loot| Letter {
        headers: loot.refund_letter.headers.clone(),
        ..loot.letter.clone()
    }),
    ("a flipped bit of the body", 401, |loot| loot.body_bytes(|body| body[40] ^= 1)),
    ("a truncated body", 401, |loot| loot.body_bytes(|body| body.truncate(200))),
    ("a line feed after the body", 401, |loot| loot.body_bytes(|body| body.push(b'\n'))),
    ("the body written anew", 401, |loot| {
        loot.body_bytes(|body| {
            *body = serde_json::to_vec_pretty(&serde_json::from_slice::<Value>(body).unwrap()).unwrap();
        })
    }),
    ("an empty body", 401, |loot| loot.letter.clone().carrying(Vec::new())),
    ("a huge body", 400, |loot| loot.letter.clone().carrying(vec![b' '; 70_000])),
    ("a body above every limit", 400, |loot| loot.letter.clone().carrying(vec![b' '; 1 << 20])),
];

const CONTENTS: &[Forgery] = &[
    ("signed, but empty", 500, |loot| loot.signed("")),
    ("signed, but not JSON", 500, |loot| loot.signed("<xml></xml>")),
    ("signed, but a list", 500, |loot| loot.signed("[]")),
    ("signed, but not UTF-8", 500, |loot| loot.signed([b'"', 0xff, b'"'])),
    ("signed, without an id", 500, |loot| loot.altered("/id", json!(""))),
    ("signed, with an endless id", 500, |loot| loot.altered("/id", json!("x".repeat(65)))),
    ("another resource type", 500, |loot| loot.altered("/resource_type", json!("plain-resource"))),
    ("another algorithm", 500, |loot| loot.altered("/resource/algorithm", json!("AEAD_SM4_GCM"))),
    ("swapped associated data", 500, |loot| loot.altered("/resource/associated_data", json!("refund"))),
    ("no associated data", 500, |loot| loot.altered("/resource/associated_data", Value::Null)),
    ("a swapped inner nonce", 500, |loot| loot.altered("/resource/nonce", json!("0123456789ab"))),
    ("a short inner nonce", 500, |loot| loot.altered("/resource/nonce", json!("0"))),
    ("ciphertext that is no base64", 500, |loot| loot.altered("/resource/ciphertext", json!("!"))),
    ("ciphertext of another notice", 500, |loot| {
        let other = sealed(&loot.refund, &loot.refund.resource);
        loot.altered("/resource/ciphertext", other["resource"]["ciphertext"].clone())
    }),
    ("sealed with another APIv3 key", 500, |loot| {
        let key = "vutsrqponmlkjihgfedcba9876543210";
        let body = sealed_with(key, "e-1", "TRANSACTION.SUCCESS", "transaction", &loot.payment.resource);
        loot.signed(body.to_string())
    }),
    ("for another merchant", 401, |loot| loot.resealed("/mchid", json!("1900000002"))),
    ("without an amount of the right type", 500, |loot| loot.resealed("/amount/total", json!("100"))),
    ("paid without a payer", 500, |loot| loot.resealed("/payer", json!({}))),
    ("paid without WeChat's number", 500, |loot| loot.resealed("/transaction_id", json!(""))),
    ("paid at no time", 500, |loot| loot.resealed("/success_time", json!("yesterday"))),
    ("an event that the content does not bear", 500, |loot| loot.event("REFUND.SUCCESS", "refund")),
    ("an event of another family than the resource", 500, |loot| loot.event("TRANSACTION.SUCCESS", "refund")),
    ("a refund's end that its status denies", 500, |loot| {
        let body = sealed_with(API_V3_KEY, "e-2", "REFUND.CLOSED", "refund", &loot.refund.resource);
        loot.pen.sign(&loot.app, REFUND, body.to_string().as_bytes())
    }),
    ("a refund at the address of payments", 400, |loot| Letter { path: PAY.to_owned(), ..loot.refund_letter.clone() }),
    ("a payment at the address of refunds", 400, |loot| Letter { path: REFUND.to_owned(), ..loot.letter.clone() }),
];

const NONE: [String; 0] = [];

/// All rows but the notes about refusals.
pub(super) async fn shop_rows(loot: &Loot) -> BTreeMap<String, Vec<String>> {
    let mut rows = loot.app.rows().dump().await;
    rows.remove("refused_notices").expect("the table of refusals");
    rows
}

#[tokio::test]
async fn what_is_not_wechats_is_refused_in_its_form_and_changes_nothing() {
    let loot = Loot::new().await;
    let before = shop_rows(&loot).await;
    let all: Vec<_> = [HEADERS, SIGNATURES, CONTENTS].concat();
    assert!(all.len() >= 60, "{}", all.len());
    for (name, status, forge) in all {
        let answer = loot.app.post_letter(&forge(&loot)).await;
        judge(name, status, &answer);
        assert_eq!(changed(&before, &shop_rows(&loot).await), NONE, "{name}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = loot.app.nobody().request(method.clone(), PAY).send().await;
        judge(method.as_str(), 405, &answer);
    }
    assert_eq!(changed(&before, &shop_rows(&loot).await), NONE);
    // All of them were made of these two, which are good.
    for letter in [&loot.letter, &loot.refund_letter] {
        assert_eq!(loot.app.post_letter(letter).await.status, 204);
    }
    assert_ne!(changed(&before, &shop_rows(&loot).await), NONE);
    loot.app.advance(Duration::from_mins(1));
    loot.app.run_jobs().await;
    loot.app.end().await;
}

fn judge(name: &str, status: u16, answer: &crate::support::client::Answer) {
    assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/json", "{name}");
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("{name}: {}", answer.text));
    assert_eq!((&body["code"], body.as_object().unwrap().len()), (&json!("FAIL"), 2), "{name}");
    assert!(!answer.text.contains(MCHID) && body["message"].is_string(), "{name}");
}
