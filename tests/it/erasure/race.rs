//! A person goes, and does something else at the same moment.

use super::settle;
use crate::support::{
    app::{APPS, TestApp},
    client::User,
    shop::id,
};
use serde_json::json;
use weizhan::{
    model::{
        id::{SignInId, UserId},
        time::minutes,
    },
    service::{self, token::Buyer},
};

const ROUNDS: usize = 12;

async fn rest(app: &TestApp) {
    settle(app).await;
    app.advance(minutes(20));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_placed_or_its_buyer_goes_and_never_both() {
    let app = TestApp::crowded().await;
    let goods = app.goods(100, 1_000).await;
    let (mut gone, mut placed) = (0, 0);
    for round in 0..ROUNDS {
        let ann = app.buyer(&format!("ann{round}")).await;
        let address = ann.address().await;
        // Both ways round, so that each has a chance to be first.
        let (removed, order) = if round % 2 == 0 {
            futures_util::join!(ann.delete("/v1/me").send(), ann.order_to(&address, &goods, 1))
        } else {
            let (order, removed) = futures_util::join!(ann.order_to(&address, &goods, 1), ann.delete("/v1/me").send());
            (removed, order)
        };
        let user = id(&ann.signed_in["user"]).to_owned();
        let of_user = format!("SELECT COUNT(*) FROM orders WHERE user_id = {user}");
        match removed.status.as_u16() {
            204 => {
                gone += 1;
                assert!(["order.address_missing", "token.revoked"].contains(&order.code().as_str()), "{}", order.text);
                assert_eq!(app.number(&of_user).await, 0);
            }
            409 => {
                placed += 1;
                assert_eq!((order.status.as_u16(), removed.code().as_str()), (201, "user.orders_open"));
                assert_eq!(app.number(&of_user).await, 1);
                ann.get("/v1/me").send().await.expect(200);
            }
            _ => panic!("{} and {}", removed.text, order.text),
        }
    }
    println!("{gone} went, {placed} ordered");
    assert_eq!(gone + placed, ROUNDS);
    assert_eq!(app.left(&goods).await, 1_000 - i64::try_from(placed).unwrap());
    rest(&app).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_while_it_goes_is_the_old_one_who_went_or_a_new_one() {
    let app = TestApp::crowded().await;
    for round in 0..ROUNDS {
        let name = format!("ann{round}");
        let ann = app.buyer(&name).await;
        let code = app.simulator.js_code(APPS[0].0, &name).expect("code");
        let body = json!({ "appid": APPS[0].0, "code": code });
        let nobody = app.nobody();
        let (removed, again) =
            futures_util::join!(ann.delete("/v1/me").send(), nobody.post("/v1/login").json(&body).send());
        removed.expect(204);
        let again = User::new(&nobody, &again.expect(200));
        let me = again.get("/v1/me").send().await;
        if again.signed_in["user"]["id"] == ann.signed_in["user"]["id"] {
            me.expect_problem(401, "token.revoked");
        } else {
            me.expect(200);
        }
    }
    let of_the_gone = "SELECT COUNT(*) FROM identities i JOIN users u ON u.id = i.user_id WHERE u.state = 'deleted'";
    assert_eq!(app.number(of_the_gone).await, 0);
    let signed_in = "SELECT COUNT(*) FROM sign_ins s JOIN users u ON u.id = s.holder_id WHERE u.state = 'deleted'";
    assert_eq!(app.number(signed_in).await, 0);
    rest(&app).await;
    app.end().await;
}

/// Another node believes a token for some seconds after it was ended.
#[tokio::test]
async fn what_a_token_of_before_still_does_is_removed_too() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let user = UserId(id(&ann.signed_in["user"]).parse().expect("an id"));
    let sign_in = SignInId(app.number("SELECT id FROM sign_ins WHERE audience = 'buyer'").await);
    let openid = app.simulator.openid(APPS[0].0, "ann").expect("an openid");
    let believed = Buyer { id: user, sign_in, appid: APPS[0].0.to_owned(), openid };
    ann.address().await;
    ann.delete("/v1/me").send().await.expect(204);
    let before = app.rows().dump().await;
    service::erasure::remove(&app.app, &believed).await.expect("done again");
    assert_eq!(before, app.rows().dump().await);
    let sku = goods.sku_id.parse().expect("an id");
    service::cart::put(&app.app, user, sku, 1).await.expect("a cart");
    assert!(service::user::change(&app.app, &believed, "安妮", "").await.is_err());
    assert!(service::user::view(&app.app, &believed).await.is_err());
    assert_eq!(app.number("SELECT COUNT(*) FROM cart_items").await, 1);
    rest(&app).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM cart_items").await, 0);
    app.end().await;
}
