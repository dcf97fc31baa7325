//! What follows a payment: staff, parcel and refund.

use super::{
    ask::Ask,
    buy::{Buyer, Choice, Order, callback_taken, told},
    transcript::{Tour, demand, list, number, text},
};
use crate::wechat::pay::sign::random_text;
use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

/// A member of staff who is signed in.
pub(super) struct Clerk {
    token: String,
}

pub(super) async fn sign_in(tour: &mut Tour<'_>) -> anyhow::Result<Clerk> {
    let target = tour.target;
    let body = json!({ "name": target.staff_name, "password": target.staff_password.expose() });
    let sign_in = Ask::post("/admin/v1/sign-in").body(body);
    let token = tour.step("员工登录 staff sign in", sign_in, |body| text(body, "/access_token")).await?;
    Ok(Clerk { token })
}

/// What was bought is gone from the shelf, exactly, if nobody else buys.
pub(super) async fn stock_fell(tour: &mut Tour<'_>, staff: &Clerk, choice: &Choice) -> anyhow::Result<()> {
    let alone = tour.target.alone;
    let product = Ask::get(format!("/admin/v1/products/{}", choice.product_id)).bearer(&staff.token);
    tour.step("库存 stock", product, |body| {
        let skus = list(body, "/skus")?;
        let sku = skus.iter().find(|sku| sku["id"] == *choice.sku_id).context("the SKU is not there")?;
        let (left, expected) = (number(sku, "/left_qty")?, choice.left_qty - choice.qty);
        // Beside others nothing can be said: one who buys takes more, one who cancels gives back. `verify` counts all of it.
        let fell = !alone || left == expected;
        demand(fell, || format!("{left} pieces are left, {expected} are expected"))
    })
    .await
}

/// Staff ship, the buyer confirms.
pub(super) async fn deliver(tour: &mut Tour<'_>, staff: &Clerk, buyer: &Buyer, order: &Order) -> anyhow::Result<()> {
    let (path, staff_path) = (format!("/v1/orders/{}", order.id), format!("/admin/v1/orders/{}", order.id));
    let body = json!({ "carrier": "SF", "tracking_no": "SF1234567890123" });
    let look = Ask::get(&staff_path).bearer(&staff.token);
    let ship = Ask::post(format!("{staff_path}/shipment")).bearer(&staff.token).body(body).or_look(look);
    tour.step("发货 ship", ship, |body| is(body, "shipped")).await?;
    let look = Ask::get(&path).bearer(&buyer.token);
    let parcel = |body: &Value| {
        is(body, "shipped")?;
        text(body, "/shipments/0/tracking_no").map(drop)
    };
    tour.step("物流 parcel", look.clone(), parcel).await?;
    told(tour, "订阅消息 message: sent", buyer, 1, order).await?;
    let receive = Ask::post(format!("{path}/receipt")).bearer(&buyer.token).or_look(look);
    tour.step("确认收货 receipt", receive, |body| is(body, "received")).await
}

/// A code for a poster: made by staff, scanned by a customer, resolved by the page that it opens.
pub(super) async fn poster(tour: &mut Tour<'_>, staff: &Clerk, buyer: &Buyer, choice: &Choice) -> anyhow::Result<()> {
    let (page, query) = ("pages/product/product", format!("id={}&from=poster", choice.product_id));
    let wish = json!({ "appid": buyer.appid, "page": page, "query": query });
    let code = Ask::post("/admin/v1/codes").bearer(&staff.token).body(wish);
    let code = tour.step("小程序码 code", code, |body| Ok((text(body, "/scene")?, text(body, "/url")?)));
    let (scene, url) = code.await?;
    tour.step("码的图片 picture", Ask::get(url), |_| Ok(())).await?;
    let scan = json!({ "appid": buyer.appid, "scene": scene });
    let scan = Ask::post("/_simulator/api/scan").of_wechat().body(scan);
    let scene = tour.step("扫码 scan", scan, |body| {
        ensure!(body["page"] == page, "the code opens {}", body["page"]);
        text(body, "/scene")
    });
    let scene = scene.await?;
    let resolve = Ask::get(format!("/v1/scenes/{scene}"));
    tour.step("场景 scene", resolve, |body| demand(body["query"] == *query, || format!("it leads to {body}"))).await
}

fn is(order: &Value, state: &str) -> anyhow::Result<()> {
    demand(order["state"] == *state, || format!("the order is {}, not {state}", order["state"]))
}

/// Half of the money goes back; gives how much.
pub(super) async fn refund(
    tour: &mut Tour<'_>,
    staff: &Clerk,
    buyer: &Buyer,
    order: &Order,
    out_trade_no: &str,
) -> anyhow::Result<i64> {
    let path = format!("/v1/orders/{}", order.id);
    let amount = order.total_fen / 2;
    let body = json!({ "amount_fen": amount, "reason": "一件有瑕疵" });
    let key = format!("tour-{}", random_text(24));
    let ask = Ask::post(format!("{path}/refunds")).bearer(&buyer.token).key(&key).body(body);
    let (id, out_refund_no) = tour
        .step("申请退款 ask for a refund", ask, |body| {
            ensure!(number(body, "/amount_fen")? == amount, "another amount");
            Ok((text(body, "/id")?, text(body, "/out_refund_no")?))
        })
        .await?;
    let waiting = Ask::get("/admin/v1/refunds?state=requested").bearer(&staff.token);
    tour.step("待审退款 refunds to decide", waiting, |body| {
        let rows = if body.is_array() { list(body, "") } else { list(body, "/items") }?;
        demand(!rows.is_empty(), || "no refund waits for a decision".to_owned())
    })
    .await?;
    // Approving twice is no harm to look past: what counts is that the money arrives, and that is waited for.
    let look = Ask::get(format!("/admin/v1/orders/{}", order.id)).bearer(&staff.token);
    let approve = Ask::post(format!("/admin/v1/refunds/{id}/approve")).bearer(&staff.token).or_look(look);
    tour.step("同意退款 approve", approve, |body| text(body, "/id").map(drop)).await?;
    let seen = Ask::get(&path).bearer(&buyer.token);
    let refunded = tour.until("等到退款到账 refunded", seen, |body| {
        let refund = list(body, "/refunds")?.iter().find(|refund| refund["id"] == *id);
        match refund.context("the order does not show the refund")?["state"].as_str() {
            Some("succeeded") => number(body, "/refunded_fen").map(Some),
            Some("approved" | "processing") => Ok(None),
            other => bail!("the refund is {}", other.unwrap_or("without a state")),
        }
    });
    let refunded = refunded.await?;
    ensure!(refunded == amount, "the order says {refunded} fen went back, not {amount}");
    callback_taken(tour, "退款回调 callback", &out_refund_no).await?;
    books_agree(tour, order, out_trade_no, &out_refund_no, amount).await?;
    Ok(amount)
}

/// WeChat's ledger says the same.
async fn books_agree(
    tour: &mut Tour<'_>,
    order: &Order,
    out_trade_no: &str,
    out_refund_no: &str,
    amount: i64,
) -> anyhow::Result<()> {
    let state = Ask::get("/_simulator/api/state?limit=1000").of_wechat();
    tour.step("对账 the books agree", state, |body| {
        let payment = list(body, "/payments")?.iter().find(|payment| payment["out_trade_no"] == *out_trade_no);
        let payment = payment.context("WeChat knows no such payment")?;
        ensure!(number(payment, "/total_fen")? == order.total_fen, "WeChat was paid another amount");
        let refunds = list(body, "/refunds")?.iter().filter(|refund| refund["out_trade_no"] == *out_trade_no);
        let refunds: Vec<_> = refunds.collect();
        ensure!(refunds.len() == 1, "WeChat gave back {} times", refunds.len());
        ensure!(refunds[0]["out_refund_no"] == *out_refund_no, "under another number");
        ensure!(refunds[0]["status"] == "SUCCESS", "WeChat's refund is {}", refunds[0]["status"]);
        demand(number(refunds[0], "/refund_fen")? == amount, || "WeChat gave back another amount".to_owned())
    })
    .await
}
