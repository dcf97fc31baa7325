//! However a notice is bent, it is refused and changes no row. Shown with a great many random mutations of two true
//! notices: bits and bytes of the body, headers, signatures, times, serials, and what is sealed within, the last truly
//! signed, so that only the seal stands against them.

use super::forged::{Loot, shop_rows};
use crate::support::{
    full,
    letter::{Letter, sealed},
    rows::changed,
    seed::Seed,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use weizhan::{simulator::Callback, wechat::pay::sign::random_text};

/// Letters under way at the same time.
const AT_ONCE: usize = 16;
/// Headers without which a letter is nothing.
const HEADERS: [&str; 4] = ["wechatpay-serial", "wechatpay-signature", "wechatpay-timestamp", "wechatpay-nonce"];

/// Bends a letter in one manner.
type Mutation = (&'static str, fn(&Seed, &Loot, Letter) -> Letter);

const MUTATIONS: &[Mutation] = &[
    ("bits of the body", |seed, _, letter| {
        bent(letter, |body| {
            for _ in 0..=seed.below(4) {
                let place = seed.below(body.len());
                body[place] ^= 1 << seed.below(8);
            }
        })
    }),
    ("a truncated body", |seed, _, letter| bent(letter, |body| body.truncate(seed.below(body.len())))),
    ("a byte more in the body", |seed, _, letter| {
        bent(letter, |body| body.insert(seed.below(body.len() + 1), u8::try_from(seed.below(256)).unwrap()))
    }),
    ("two bytes of the body swapped", |seed, _, letter| {
        bent(letter, |body| {
            let (one, other) = (seed.below(body.len()), seed.below(body.len()));
            body.swap(one, other);
        })
    }),
    ("another symbol in a header", |seed, _, letter| {
        let name = HEADERS[seed.below(4)];
        let value = other_symbol(seed, &letter.header(name));
        letter.with(name, &value)
    }),
    ("a truncated header", |seed, _, letter| {
        let name = HEADERS[seed.below(4)];
        let value = letter.header(name);
        letter.with(name, &value[..seed.below(value.len())])
    }),
    ("a header less", |seed, _, letter| letter.without(HEADERS[seed.below(4)])),
    ("a header twice", |seed, _, letter| {
        let name = HEADERS[seed.below(4)];
        let value = letter.header(name);
        let value = if seed.one_in(2) { value } else { other_symbol(seed, &value) };
        letter.and(name, &value)
    }),
    ("a random signature", |seed, _, letter| {
        let bytes: Vec<u8> = (0..256).map(|_| u8::try_from(seed.below(256)).unwrap()).collect();
        letter.with("wechatpay-signature", &STANDARD.encode(bytes))
    }),
    ("a probing signature", |_, _, letter| {
        let value = format!("WECHATPAY/SIGNTEST/{}", letter.header("wechatpay-signature"));
        letter.with("wechatpay-signature", &value)
    }),
    ("headers of the other notice", |seed, loot, letter| {
        let other = if letter.body == loot.letter.body { &loot.refund_letter } else { &loot.letter };
        // Not the time alone: both were signed in the same second.
        let name = ["wechatpay-signature", "wechatpay-nonce"][seed.below(2)];
        if seed.one_in(3) {
            Letter { headers: other.headers.clone(), ..letter }
        } else {
            letter.with(name, &other.header(name))
        }
    }),
    ("an unknown serial", |seed, _, letter| {
        let serial =
            if seed.one_in(2) { format!("PUB_KEY_ID_{:028}", seed.next()) } else { format!("{:040X}", seed.next()) };
        letter.with("wechatpay-serial", &serial)
    }),
    ("another time, truly signed", |seed, loot, letter| {
        let seconds = i64::try_from(300 + seed.below(1_000_000)).unwrap();
        let now = loot.app.app.now().seconds();
        let time = if seed.one_in(2) { now - seconds } else { now + seconds };
        loot.pen.sign_at(&time.to_string(), &random_text(32), &letter.path, &letter.body)
    }),
    ("signed by a stranger", |seed, loot, _| {
        let materials = &loot.pen.materials;
        loot.signed_by(
            &loot.stranger,
            if seed.one_in(2) { &materials.public_key_id } else { &materials.platform_serial },
        )
    }),
    ("to the other address", |_, loot, letter| {
        let path = if letter.path == loot.letter.path { &loot.refund_letter.path } else { &loot.letter.path };
        Letter { path: path.clone(), ..letter }
    }),
    ("what is sealed, bent, truly signed", |seed, loot, letter| {
        resigned(loot, &letter, |resource| {
            let mut bytes = STANDARD.decode(resource["ciphertext"].as_str().unwrap()).unwrap();
            let place = seed.below(bytes.len());
            bytes[place] ^= 1 << seed.below(8);
            resource["ciphertext"] = json!(STANDARD.encode(bytes));
        })
    }),
    ("the inner nonce or data swapped, truly signed", |seed, loot, letter| {
        resigned(loot, &letter, |resource| {
            let name = ["nonce", "associated_data"][seed.below(2)];
            resource[name] = json!(other_symbol(seed, resource[name].as_str().unwrap()));
        })
    }),
    ("the sealed part of the other notice, truly signed", |_, loot, letter| {
        let of_payment = letter.path == loot.letter.path;
        let other: &Callback = if of_payment { &loot.refund } else { &loot.payment };
        let other = sealed(other, &other.resource);
        resigned(loot, &letter, |resource| resource["ciphertext"] = other["resource"]["ciphertext"].clone())
    }),
    ("for another merchant, truly sealed and signed", |seed, loot, letter| {
        let of_payment = letter.path == loot.letter.path;
        let callback = if of_payment { &loot.payment } else { &loot.refund };
        let mut content = callback.resource.clone();
        content["mchid"] = json!(other_symbol(seed, content["mchid"].as_str().unwrap()));
        loot.pen.sign(&loot.app, &letter.path, sealed(callback, &content).to_string().as_bytes())
    }),
    ("noise, truly signed", |seed, loot, letter| {
        let noise: Vec<u8> = (0..seed.below(300)).map(|_| u8::try_from(seed.below(256)).unwrap()).collect();
        loot.pen.sign(&loot.app, &letter.path, &noise)
    }),
];

/// With another body; if chance left it as it was, one bit of it is turned.
fn bent(letter: Letter, change: impl FnOnce(&mut Vec<u8>)) -> Letter {
    let mut body = letter.body.clone();
    change(&mut body);
    if body == letter.body {
        body[0] ^= 1;
    }
    letter.carrying(body)
}

/// One symbol replaced by another letter or digit.
fn other_symbol(seed: &Seed, text: &str) -> String {
    const SYMBOLS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut bytes = text.as_bytes().to_vec();
    let place = seed.below(bytes.len());
    let others: Vec<u8> = SYMBOLS.iter().copied().filter(|symbol| *symbol != bytes[place]).collect();
    bytes[place] = others[seed.below(others.len())];
    String::from_utf8(bytes).unwrap()
}

/// The body with another resource, signed by WeChat's own key.
fn resigned(loot: &Loot, letter: &Letter, change: impl FnOnce(&mut Value)) -> Letter {
    let mut body: Value = serde_json::from_slice(&letter.body).unwrap();
    change(&mut body["resource"]);
    loot.pen.sign(&loot.app, &letter.path, body.to_string().as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mutated_notice_is_taken_or_changes_a_row() {
    let (loot, seed) = (Loot::new().await, Seed::of_run());
    let before = shop_rows(&loot).await;
    let count = if full() { 100_000 } else { 600 };
    let answers = stream::iter(0..count).map(|number| {
        // Each manner in turn; what it does is left to chance.
        let (name, mutate) = MUTATIONS[number % MUTATIONS.len()];
        let letter = if seed.one_in(3) { &loot.refund_letter } else { &loot.letter };
        let letter = mutate(&seed, &loot, letter.clone());
        let app = &loot.app;
        async move { (name, app.post_letter(&letter).await) }
    });
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    let mut answers = answers.buffer_unordered(AT_ONCE);
    while let Some((name, answer)) = answers.next().await {
        let status = answer.status.as_u16();
        assert!([400, 401, 500].contains(&status), "{name}: {status} {}", answer.text);
        assert_eq!(answer.body()["code"], "FAIL", "{name}");
        // What a panic is answered with.
        assert_ne!(answer.body()["message"], "fault", "{name}: a panic");
        *seen.entry(status).or_default() += 1;
    }
    println!("{count} mutated callbacks, {} manners: answered {seen:?}; accepted 0, panics 0", MUTATIONS.len());
    let after = shop_rows(&loot).await;
    assert_eq!(changed(&before, &after), Vec::<String>::new(), "rows changed in these tables");
    assert_eq!(before.len(), after.len());
    for letter in [&loot.letter, &loot.refund_letter] {
        assert_eq!(loot.app.post_letter(letter).await.status, 204, "they were made of good ones");
    }
    loot.app.advance(Duration::from_mins(1));
    loot.app.run_jobs().await;
    drop(answers);
    loot.app.end().await;
}
