//! The customer's part: from opening the mini-program to a paid order.

use super::{
    ask::{Ask, NoAnswer},
    transcript::{Tour, demand, list, number, text},
};
use crate::{app::random_number, wechat::pay::sign::random_text};
use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use std::time::Instant;

/// Pieces that are bought: two, so that half of them can go back.
const QTY: i64 = 2;

/// Somebody who is logged in.
pub(super) struct Buyer {
    pub(super) token: String,
    pub(super) appid: String,
    /// The simulator's name of the person.
    user: String,
    /// For what is told when an order was paid, and when it was sent.
    pub(super) templates: Vec<String>,
}

/// What is going to be bought.
pub(super) struct Choice {
    pub(super) product_id: String,
    pub(super) sku_id: String,
    pub(super) price_fen: i64,
    /// Pieces there were before.
    pub(super) left_qty: i64,
    pub(super) qty: i64,
}

/// An order that was placed.
pub(super) struct Order {
    pub(super) id: String,
    pub(super) total_fen: i64,
}

/// A new WeChat user opens the mini-program and is logged in.
pub(super) async fn arrive(tour: &mut Tour<'_>) -> anyhow::Result<Buyer> {
    let materials = Ask::get("/_simulator/api/state?limit=1").of_wechat();
    let appid = tour.step("小程序 mini-program", materials, |body| text(body, "/apps/0")).await?;
    let id = format!("tour-{}", random_text(10).to_lowercase());
    let user = json!({ "id": id, "name": format!("客人 {}", &id[5..9]) });
    let user = Ask::post("/_simulator/api/users").of_wechat().body(user);
    let user = tour.step("微信用户 WeChat user", user, |body| text(body, "/id")).await?;
    let began = Instant::now();
    let token = loop {
        let code = Ask::post(format!("/_simulator/api/users/{user}/js_code")).of_wechat();
        let code = tour.step("wx.login", code.body(json!({ "appid": appid })), |body| text(body, "/code")).await?;
        // A code is good for one use: when the answer is lost, the client asks WeChat for another.
        let login = Ask::post("/v1/login").body(json!({ "appid": appid, "code": code })).once();
        let logged_in = tour.step("登录 log in", login, |body| {
            ensure!(body.pointer("/user/id").is_some_and(Value::is_string), "/user/id is not a text");
            text(body, "/refresh_token")?;
            text(body, "/access_token")
        });
        match logged_in.await {
            Err(error) if error.is::<NoAnswer>() && began.elapsed() < tour.target.retry => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            outcome => break outcome?,
        }
    };
    let me = Ask::get("/v1/me").bearer(&token);
    tour.step("我 me", me, |body| text(body, "/id")).await?;
    let mut buyer = Buyer { token, appid, user, templates: Vec::new() };
    give_phone(tour, &buyer).await?;
    buyer.templates = agree_to_messages(tour, &buyer).await?;
    Ok(buyer)
}

/// A tap on a `getPhoneNumber` button. A code is good for one use, so a lost answer asks for another.
async fn give_phone(tour: &mut Tour<'_>, buyer: &Buyer) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let path = format!("/_simulator/api/users/{}/phone_code", buyer.user);
        let code = Ask::post(path).of_wechat().body(json!({ "appid": buyer.appid }));
        let code = tour.step("授权手机号 phone button", code, |body| text(body, "/code")).await?;
        let bind = Ask::post("/v1/me/phone").bearer(&buyer.token).body(json!({ "code": code })).once();
        let bound = tour.step("绑定手机号 bind the phone", bind, |body| {
            let phone = text(body, "/phone")?;
            demand(phone.starts_with("+86") && phone.len() == 14, || format!("{phone} is no mainland number"))
        });
        match bound.await {
            Err(error) if error.is::<NoAnswer>() && began.elapsed() < tour.target.retry => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            outcome => return outcome,
        }
    }
}

/// What the shop would tell by subscribe messages, and a tap on "allow".
async fn agree_to_messages(tour: &mut Tour<'_>, buyer: &Buyer) -> anyhow::Result<Vec<String>> {
    let ask = Ask::get("/v1/messages/templates").bearer(&buyer.token);
    let templates = tour.step("订阅模板 templates", ask, |body| {
        list(body, "")?.iter().map(|template| text(template, "/template_id")).collect::<anyhow::Result<Vec<_>>>()
    });
    let templates = templates.await?;
    if templates.is_empty() {
        return Ok(templates);
    }
    let tap = json!({ "appid": buyer.appid, "template_ids": templates, "accept": true });
    let tap = Ask::post(format!("/_simulator/api/users/{}/subscriptions", buyer.user)).of_wechat().body(tap);
    let answers = tour.step("同意订阅 allow", tap, |body| {
        ensure!(templates.iter().all(|template| body[template] == "accept"), "not every template was accepted");
        Ok(body.clone())
    });
    let answers = answers.await?;
    let tell = Ask::post("/v1/messages/consents").bearer(&buyer.token).body(json!({ "answers": answers }));
    tour.step("告知同意 tell the shop", tell, |_| Ok(())).await?;
    Ok(templates)
}

/// Wait until the person has got the message of a template about an order.
pub(super) async fn told(
    tour: &mut Tour<'_>,
    name: &'static str,
    buyer: &Buyer,
    place: usize,
    order: &Order,
) -> anyhow::Result<()> {
    // A node that dies while it sends leaves it unknown, and it is not sent twice: nothing to wait for where nodes die.
    let Some(template) = buyer.templates.get(place).filter(|_| tour.target.retry.is_zero()) else { return Ok(()) };
    let state = Ask::get("/_simulator/api/state?limit=1000").of_wechat();
    let order_id = order.id.clone();
    tour.until(name, state, move |body| {
        let about = |message: &&Value| message["page"].as_str().is_some_and(|page| page.ends_with(&order_id));
        let mut messages = list(body, "/messages")?.iter().filter(|message| message["template_id"] == **template);
        Ok(messages.find(about).map(|_| ()))
    })
    .await
}

/// Look around and put something into the cart.
pub(super) async fn browse(tour: &mut Tour<'_>, buyer: &Buyer) -> anyhow::Result<Choice> {
    let shelves = Ask::get("/v1/categories");
    tour.step("分类 categories", shelves, |body| demand(!list(body, "")?.is_empty(), || "no category".to_owned()))
        .await?;
    let products = tour.step("商品 products", Ask::get("/v1/products?sort=newest&limit=50"), |body| {
        list(body, "/items")?.iter().map(|item| text(item, "/id")).collect::<anyhow::Result<Vec<_>>>()
    });
    let products = products.await?;
    ensure!(!products.is_empty(), "the shop is empty; `weizhan seed` fills it");
    // Several tours spread over the shelf; one alone always buys the same.
    let first = if tour.target.alone { 0 } else { random_number(products.len().try_into()?).try_into()? };
    let mut sku = None;
    for id in products.iter().cycle().skip(first).take(products.len()) {
        let product = Ask::get(format!("/v1/products/{id}"));
        sku = tour.step("商品详情 product", product, |body| Ok(buyable(body)?.map(|sku| (id.clone(), sku)))).await?;
        if sku.is_some() {
            break;
        }
    }
    let (product_id, sku_id) = sku.context("nothing in the shop can be bought twice")?;
    let put = Ask::put(format!("/v1/cart/items/{sku_id}")).bearer(&buyer.token).body(json!({ "qty": QTY }));
    tour.step("加购物车 into the cart", put, |body| text(body, "/items/0/sku_id")).await?;
    let cart = Ask::get("/v1/cart").bearer(&buyer.token);
    let choice = tour.step("购物车 cart", cart, |body| {
        let items = list(body, "/items")?;
        let item = items.iter().find(|item| item["sku_id"] == *sku_id).context("the cart does not hold it")?;
        let (price_fen, qty) = (number(item, "/price_fen")?, number(item, "/qty")?);
        ensure!(qty == QTY && item["buyable"] == true, "not {QTY} buyable pieces");
        ensure!(number(body, "/total_fen")? == price_fen * qty, "the total is not price times pieces");
        let (product_id, sku_id) = (product_id.clone(), sku_id.clone());
        Ok(Choice { product_id, sku_id, price_fen, left_qty: number(item, "/left_qty")?, qty })
    });
    choice.await
}

/// A SKU of which enough is left; tours in a crowd do not all take the same.
fn buyable(product: &Value) -> anyhow::Result<Option<String>> {
    let mut best: Option<(i64, String)> = None;
    for sku in list(product, "/skus")? {
        let (left, price) = (number(sku, "/left_qty")?, number(sku, "/price_fen")?);
        let enough = sku["active"] == true && left >= QTY && price > 1;
        if enough && best.as_ref().is_none_or(|(most, _)| left > *most) {
            best = Some((left, text(sku, "/id")?));
        }
    }
    Ok(best.map(|(_, id)| id))
}

/// Say where to, and order; then order the same again, as a client does whose answer was lost.
pub(super) async fn order(tour: &mut Tour<'_>, buyer: &Buyer, choice: &Choice) -> anyhow::Result<Order> {
    let address = json!({
        "name": "林小茶", "phone": "13800138000", "province": "浙江省", "city": "杭州市", "district": "西湖区",
        "detail": "龙井路一号", "is_default": true,
    });
    let address = Ask::post("/v1/addresses").bearer(&buyer.token).body(address);
    let address_id = tour.step("收货地址 address", address, |body| text(body, "/id")).await?;
    let body = json!({
        "lines": [{ "sku_id": choice.sku_id, "qty": choice.qty }], "address_id": address_id, "remark": "请尽快发货",
    });
    let key = format!("tour-{}", random_text(24));
    let place = Ask::post("/v1/orders").bearer(&buyer.token).key(&key).body(body);
    let order = tour.step("下单 order", place.clone(), |body| {
        ensure!(body["state"] == "pending", "a new order is pending, not {}", body["state"]);
        let goods = number(body, "/goods_fen")?;
        ensure!(goods == choice.price_fen * choice.qty, "the goods cost {goods} fen, not what the cart said");
        let total_fen = number(body, "/total_fen")?;
        ensure!(total_fen == goods + number(body, "/freight_fen")?, "the total is not goods and freight");
        Ok(Order { id: text(body, "/id")?, total_fen })
    });
    let order = order.await?;
    let repeated = |body: &Value| {
        let id = text(body, "/id")?;
        ensure!(id == order.id, "the same request with the same key made another order: {id}");
        Ok(())
    };
    tour.step("重复下单 same key again", place, repeated).await?;
    let one = Ask::get("/v1/orders?limit=10").bearer(&buyer.token);
    let one_only = |body: &Value| demand(list(body, "/items")?.len() == 1, || "one order is expected".to_owned());
    tour.step("我的订单 my orders", one, one_only).await?;
    Ok(order)
}

/// Pay in the cashier, and wait until the shop knows from WeChat's callback; gives the number at WeChat.
pub(super) async fn pay(tour: &mut Tour<'_>, buyer: &Buyer, order: &Order) -> anyhow::Result<String> {
    let path = format!("/v1/orders/{}", order.id);
    let payment = Ask::post(format!("{path}/payment")).bearer(&buyer.token);
    let mut parameters = tour.step("支付参数 payment", payment, payment_parameters).await?;
    let prepay_id = text(&parameters, "/package")?.trim_start_matches("prepay_id=").to_owned();
    // The client adds the appid it runs under; it is part of what was signed.
    parameters["appId"] = json!(buyer.appid);
    let cashier = Ask::post("/_simulator/api/cashier").of_wechat().body(parameters);
    let out_trade_no = tour.step("收银台 cashier", cashier, |body| {
        let total = number(body, "/total_fen")?;
        ensure!(total == order.total_fen, "the cashier asks for {total} fen, the order for {}", order.total_fen);
        text(body, "/out_trade_no")
    });
    let out_trade_no = out_trade_no.await?;
    let paid = Ask::get(format!("/_simulator/api/cashier?prepay_id={prepay_id}")).of_wechat();
    let pay = Ask::post(format!("/_simulator/api/payments/{out_trade_no}/pay")).of_wechat().or_look(paid);
    let success =
        |body: &Value| demand(body["state"] == "SUCCESS", || format!("WeChat has the state {}", body["state"]));
    tour.step("付款 pay", pay, success).await?;
    let seen = Ask::get(&path).bearer(&buyer.token);
    tour.until("等到已付款 paid", seen, |body| match text(body, "/state")?.as_str() {
        "pending" => Ok(None),
        "paid" => Ok(Some(())),
        other => bail!("the order is {other}"),
    })
    .await?;
    callback_taken(tour, "支付回调 callback", &out_trade_no).await?;
    told(tour, "订阅消息 message: paid", buyer, 0, order).await?;
    Ok(out_trade_no)
}

/// Exactly what `wx.requestPayment` takes (official page: 小程序调起支付).
fn payment_parameters(body: &Value) -> anyhow::Result<Value> {
    let time = text(body, "/timeStamp")?;
    ensure!(time.len() == 10 && time.bytes().all(|byte| byte.is_ascii_digit()), "timeStamp is not seconds as a text");
    ensure!((1..=32).contains(&text(body, "/nonceStr")?.len()), "nonceStr has not 1 to 32 characters");
    ensure!(text(body, "/package")?.starts_with("prepay_id="), "package is not prepay_id=…");
    ensure!(body["signType"] == "RSA", "signType is not RSA");
    text(body, "/paySign")?;
    Ok(body.clone())
}

/// The shop took WeChat's signed and sealed callback about this number, and believed no forgery.
pub(super) async fn callback_taken(tour: &mut Tour<'_>, name: &'static str, subject: &str) -> anyhow::Result<()> {
    let state = Ask::get("/_simulator/api/state?limit=1000").of_wechat();
    tour.until(name, state, |body| {
        let callback = list(body, "/callbacks")?.iter().find(|callback| callback["subject"] == *subject);
        let Some(callback) = callback else { return Ok(None) };
        match callback["state"].as_str() {
            Some("waiting") => Ok(None),
            Some("done") => Ok(Some(())),
            _ => bail!("the callback is {}", callback["state"]),
        }
    })
    .await
}
