//! WeChat does not answer: whoever has signed in notices nothing, whoever signs in is told so at once, and when it is back
//! everything goes on.

use crate::{
    message::{PAID, agree, templates},
    support::{
        app::{APPS, Setup, TestApp},
        client::User,
        full,
        shop::Goods,
    },
};
use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};
use weizhan::{model::time::minutes, simulator::NewUser};

/// What WeChat is asked while people come and go.
const CALLS: [&str; 4] = [
    "/sns/jscode2session",
    "/cgi-bin/stable_token",
    "/cgi-bin/message/subscribe/send",
    "/wxa/business/getuserphonenumber",
];

/// A shop that waits for WeChat shortly, and limits nobody.
async fn shop() -> TestApp {
    let mut overrides = templates();
    overrides.extend([
        ("wechat.timeout_ms", "300".to_owned()),
        ("database.acquire_timeout_ms", "60000".to_owned()),
        // Longer than an access token of WeChat, which is to run out.
        ("auth.access_minutes", "1000000".to_owned()),
    ]);
    for key in [
        "limits.per_ip_per_minute",
        "limits.per_user_per_minute",
        "limits.login_per_ip_per_minute",
        "limits.order_per_user_per_minute",
        "limits.phone_per_user_per_minute",
    ] {
        overrides.push((key, "10000000".to_owned()));
    }
    TestApp::with(Setup { overrides, ..Setup::default() }).await
}

fn silence(app: &TestApp, silent: bool) {
    app.simulator.faults().change(|faults| {
        faults.silent = if silent { CALLS.map(str::to_owned).to_vec() } else { Vec::new() };
    });
}

/// Try to sign in, with a code that is good.
async fn sign_in(app: &TestApp, name: &str) -> (u16, String) {
    app.simulator.add_user(NewUser { id: Some(name.to_owned()), ..NewUser::default() }).expect("user");
    let code = app.simulator.js_code(APPS[0].0, name).expect("code");
    let body = json!({ "appid": APPS[0].0, "code": code });
    let answer = app.nobody().post("/v1/login").json(&body).send().await;
    (answer.status.as_u16(), answer.code())
}

async fn give_phone(app: &TestApp, user: &User, name: &str) -> (u16, String) {
    let code = app.simulator.phone_code(APPS[0].0, name).expect("code");
    let answer = user.post("/v1/me/phone").json(&json!({ "code": code })).send().await;
    (answer.status.as_u16(), answer.code())
}

/// How often a call was made.
fn made(app: &TestApp, call: &str) -> u64 {
    let calls = app.app.wechat.meter().calls.read();
    calls.iter().filter(|(what, ..)| *what == call).map(|(_, _, reading)| reading.count()).sum()
}

#[tokio::test]
async fn a_call_that_wechat_does_not_answer_is_refused_at_once_until_it_does() {
    let app = shop().await;
    let ann = app.buyer("ann").await;
    assert_eq!(give_phone(&app, &ann, "ann").await.0, 200);
    silence(&app, true);
    let (logins, phones) = (made(&app, "code2session"), made(&app, "phone"));
    for _ in 0..5 {
        assert_eq!(sign_in(&app, "bob").await, (503, "wechat.busy".to_owned()));
    }
    assert_eq!(made(&app, "code2session") - logins, 5);
    for _ in 0..20 {
        assert_eq!(sign_in(&app, "bob").await, (503, "wechat.busy".to_owned()));
    }
    assert_eq!(
        (made(&app, "code2session") - logins, made(&app, "phone") - phones),
        (5, 0),
        "nobody waits for it any more"
    );
    // What is not silent is asked: a phone number, whose access token is at hand.
    app.simulator.faults().change(|faults| faults.silent.retain(|path| !path.contains("phone")));
    assert_eq!(give_phone(&app, &ann, "ann").await.0, 200);
    // One of those who come later tries, in vain.
    app.advance(Duration::from_secs(5));
    let crowd = futures_util::future::join_all((0..10).map(|_| sign_in(&app, "bob"))).await;
    assert!(crowd.iter().all(|answer| *answer == (503, "wechat.busy".to_owned())));
    assert_eq!(made(&app, "code2session") - logins, 6);
    silence(&app, false);
    assert_eq!(sign_in(&app, "bob").await.0, 503);
    app.advance(Duration::from_secs(5));
    for _ in 0..3 {
        assert_eq!(sign_in(&app, "bob").await.0, 200);
    }
    app.end().await;
}

/// People who come, in a circle, until told to stop; how many there were.
async fn come(app: &TestApp, place: usize, ann: &User, stop: &AtomicBool, count: &AtomicU64) {
    while !stop.load(Relaxed) {
        let (login, phone) = (sign_in(app, &format!("guest{place}")).await, give_phone(app, ann, "ann").await);
        for (status, code) in [login, phone] {
            assert!(status == 200 || (status, code.as_str()) == (503, "wechat.busy"), "{status} {code}");
        }
        count.fetch_add(1, Relaxed);
        // Once in a while one tries again.
        app.advance(Duration::from_millis(100));
    }
}

/// What somebody does who has signed in; how long each took.
async fn shop_around(user: &User, goods: &Goods, rounds: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    let product = format!("/v1/products/{}", goods.product_id);
    let item = format!("/v1/cart/items/{}", goods.sku_id);
    for _ in 0..rounds {
        for path in [product.as_str(), "/v1/me", "/v1/cart", "/v1/orders"] {
            let began = Instant::now();
            user.get(path).send().await.expect(200);
            took.push(began.elapsed());
        }
        let began = Instant::now();
        user.put(&item).json(&json!({ "qty": 1 })).send().await.expect(200);
        took.push(began.elapsed());
    }
    took
}

fn at(took: &mut [Duration], percent: usize) -> Duration {
    took.sort();
    took[took.len() * percent / 100]
}

#[tokio::test]
async fn whoever_has_signed_in_notices_nothing() {
    let app = shop().await;
    let goods = app.goods(100, 1_000).await;
    let (ann, bob) = (app.buyer("ann").await, app.buyer("bob").await);
    let address = bob.address().await;
    let (rounds, length) = if full() { (10, 200) } else { (2, 20) };
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..rounds * 2 {
        let silent = round % 2 == 1;
        agree(&app, &bob, "bob", &[PAID]).await;
        // The access token runs out, so that the next who needs one asks for it.
        app.advance(minutes(121));
        silence(&app, silent);
        let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
        let guests = (0..4).map(|place| come(&app, place, &ann, &stop, &count));
        let shopping = async {
            // Not before WeChat's silence is felt: a call of each sort has run out of time.
            while count.load(Relaxed) < 4 {
                tokio::task::yield_now().await;
            }
            let users = [&ann, &bob, &ann, &bob].map(|user| shop_around(user, &goods, length));
            let all: Vec<Duration> = futures_util::future::join_all(users).await.concat();
            // A message follows, which waits where WeChat is silent and holds nobody up.
            let order = bob.order_to(&address, &goods, 1).await.expect(201);
            app.pay(&bob, &order).await;
            app.run_jobs().await;
            assert_eq!(bob.see(&order).await["state"], "paid");
            stop.store(true, Relaxed);
            all
        };
        let (all, _) = tokio::join!(shopping, futures_util::future::join_all(guests));
        took[usize::from(silent)].extend(all);
    }
    let [mut well, mut away] = took;
    let [well, away] = [&mut well, &mut away].map(|took| (at(took, 50), at(took, 99)));
    println!("signed-in users: WeChat well p50 {:?} p99 {:?}, away p50 {:?} p99 {:?}", well.0, well.1, away.0, away.1);
    if full() {
        assert!(away.1.as_secs_f64() <= well.1.as_secs_f64() * 1.1, "p99 {:?} against {:?}", away.1, well.1);
    }
    silence(&app, false);
    // What could not be told is told then.
    for _ in 0..12 {
        app.advance(minutes(20));
        app.run_jobs().await;
    }
    let told = app.simulator.messages().len();
    assert_eq!(told, rounds * 2, "each payment is told of once");
    app.end().await;
}
