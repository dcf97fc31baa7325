//! What WeChat truly signed but fits no order is kept for staff and answered 2xx, since calling again cannot cure it; the
//! order stays as it was. And: which keys are believed.

use crate::support::{
    app::{API_V3_KEY, APPS, Setup, TestApp},
    letter::{sealed, sealed_with},
};
use serde_json::{Value, json};
use weizhan::{
    data,
    model::time::minutes,
    simulator::{CallbackKey, Trick},
};

#[tokio::test]
async fn money_that_fits_no_order_waits_in_suspense() {
    let app = TestApp::new().await;
    let (goods, ann, pen) = (app.goods(100, 5).await, app.buyer("ann").await, app.pen());
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 1).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    app.simulator.pay(&number).unwrap();
    let callback = app.callback_of(&number);
    let cases: [(&str, &str, Value, &str); 7] = [
        ("one fen more", "/amount/total", json!(101), "amount_differs"),
        ("one fen less", "/amount/total", json!(99), "amount_differs"),
        ("dollars", "/amount/currency", json!("USD"), "currency_differs"),
        ("somebody else's money", "/payer/openid", json!("oSomebodyElse"), "payer_differs"),
        ("the payer in another case", "/payer/openid", Value::Null, "payer_differs"),
        ("another mini-program", "/appid", json!(APPS[1].0), "app_differs"),
        ("an order that is not ours", "/out_trade_no", json!("4711-never-asked-for"), "order_unknown"),
    ];
    for (place, (name, pointer, value, reason)) in cases.into_iter().enumerate() {
        let mut content = callback.resource.clone();
        let value =
            if value.is_null() { json!(swapped_case(content["payer"]["openid"].as_str().unwrap())) } else { value };
        *content.pointer_mut(pointer).unwrap() = value;
        content["transaction_id"] = json!(format!("42000000{place}"));
        for again in 0..2 {
            let body =
                sealed_with(API_V3_KEY, &format!("e-{place}-{again}"), &callback.event_type, "transaction", &content);
            let letter = pen.sign(&app, "/callback/wechat/pay", body.to_string().as_bytes());
            assert_eq!(app.post_letter(&letter).await.status, 204, "{name}");
        }
        let kept = format!("SELECT reason FROM suspense WHERE transaction_id = '42000000{place}'");
        assert_eq!(app.rows().texts(&kept).await, [reason], "{name}");
        let seen = ann.see(&order).await;
        assert_eq!((&seen["state"], &seen["version"]), (&json!("pending"), &json!(1)), "{name}");
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM payments").await, 0);
    let mut session = app.app.database.read().await.unwrap();
    assert_eq!(data::suspense::count(&mut session).await.unwrap(), 7);
    drop(session);
    // The true notice pays the order all the same.
    assert_eq!(app.post_letter(&app.letter_of(&number)).await.status, 204);
    assert_eq!(ann.see(&order).await["state"], "paid");
    app.end().await;
}

fn swapped_case(text: &str) -> String {
    text.chars()
        .map(|symbol| if symbol.is_lowercase() { symbol.to_ascii_uppercase() } else { symbol.to_ascii_lowercase() })
        .collect()
}

#[tokio::test]
async fn a_notice_of_another_amount_is_suspended_and_the_true_one_still_counts() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.forge = Some(Trick::WrongAmount));
    let order = ann.order(&goods, 1).await.expect(201);
    app.pay(&ann, &order).await;
    assert_eq!(ann.see(&order).await["state"], "pending");
    assert_eq!(app.number("SELECT COUNT(*) FROM suspense WHERE reason = 'amount_differs'").await, 1);
    let seen = ann.ask_payment(&order).await.expect(200);
    assert_eq!((&seen["state"], &seen["payments"][0]["total_fen"]), (&json!("paid"), &json!(100)));
    app.advance(minutes(1));
    app.run_jobs().await;
    app.end().await;
}

#[tokio::test]
async fn an_order_whose_money_waits_in_suspense_is_neither_released_nor_forgotten() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.simulator.faults().change(|faults| faults.drop = true);
    let order = ann.order(&goods, 2).await.expect(201);
    let number = app.begin_payment(&ann, &order).await;
    app.simulator.pay(&number).unwrap();
    // WeChat names a payer whom we did not ask.
    app.spoil("UPDATE prepays SET openid = CONCAT(openid, '!')").await;
    app.advance(minutes(31));
    app.run_jobs().await;
    assert_eq!((ann.see(&order).await["state"].clone(), app.left(&goods).await), (json!("pending"), 3));
    let refused = ann.cancel(&order).await.expect_problem(409, "order.state_forbids");
    assert_eq!(refused["state"], "pending");
    // Staff mend it; the order is looked at again by itself.
    app.spoil("UPDATE prepays SET openid = REPLACE(openid, '!', '')").await;
    app.advance(minutes(60));
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!((ann.see(&order).await["state"].clone(), app.left(&goods).await), (json!("paid"), 3));
    app.end().await;
}

/// Which kinds of keys an application believes.
#[tokio::test]
async fn each_mode_of_keys_believes_its_own_and_no_other() {
    let none = || vec![("pay.public_key_id", String::new()), ("pay.public_key", String::new())];
    let no_certificates = || vec![("pay.platform_certificates", "false".to_owned())];
    for (overrides, by_public_key, by_certificate) in
        [(vec![], true, true), (none(), false, true), (no_certificates(), true, false)]
    {
        let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
        let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
        app.simulator.faults().change(|faults| faults.drop = true);
        for (key, believed) in [(CallbackKey::PublicKey, by_public_key), (CallbackKey::Certificate, by_certificate)] {
            let order = ann.order(&goods, 1).await.expect(201);
            let number = app.begin_payment(&ann, &order).await;
            app.simulator.pay(&number).unwrap();
            app.simulator.faults().change(|faults| faults.callback_key = key);
            let answer = app.post_letter(&app.letter_of(&number)).await;
            assert_eq!(answer.status.as_u16(), if believed { 204 } else { 401 }, "{key:?}: {}", answer.text);
            assert_eq!(ann.see(&order).await["state"], if believed { "paid" } else { "pending" });
            // What the notice could not say the query does.
            assert_eq!(ann.ask_payment(&order).await.expect(200)["state"], "paid");
        }
        app.end().await;
    }
}

#[tokio::test]
async fn the_api_v3_key_before_the_last_change_still_opens() {
    let fresh = "a-new-APIv3-key-of-32-characters";
    let overrides = vec![("pay.api_v3_key", fresh.to_owned()), ("pay.previous_api_v3_key", API_V3_KEY.to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let (goods, ann, pen) = (app.goods(100, 5).await, app.buyer("ann").await, app.pen());
    app.simulator.faults().change(|faults| faults.drop = true);
    for key in [API_V3_KEY, fresh] {
        let order = ann.order(&goods, 1).await.expect(201);
        let number = app.begin_payment(&ann, &order).await;
        app.simulator.pay(&number).unwrap();
        let callback = app.callback_of(&number);
        let mut body = sealed(&callback, &callback.resource);
        if key == fresh {
            body = sealed_with(fresh, &callback.id, &callback.event_type, "transaction", &callback.resource);
        }
        let letter = pen.sign(&app, "/callback/wechat/pay", body.to_string().as_bytes());
        assert_eq!(app.post_letter(&letter).await.status, 204);
        assert_eq!(ann.see(&order).await["state"], "paid");
    }
    app.end().await;
}
