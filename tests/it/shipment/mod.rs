//! Parcels leave, WeChat is told of them, and what WeChat tells of them is believed when it is WeChat's.

mod push;
mod receive;
mod send;
mod upload;

use crate::support::{
    app::{APPS, PUSH_AES_KEY, PUSH_TOKEN, TestApp},
    client::{Answer, User},
    shop::id,
};
use serde_json::{Value, json};
use weizhan::simulator::{PushFormat, PushMode, PushTarget};

/// Where shipping information is uploaded.
const UPLOAD: &str = "/wxa/sec/order/upload_shipping_info";

async fn ship(owner: &User, order: &Value) -> Answer {
    send(owner, order, &json!({ "carrier": "SF", "tracking_no": "SF1234567890" })).await
}

async fn send(owner: &User, order: &Value, body: &Value) -> Answer {
    owner.post(&format!("/admin/v1/orders/{}/shipment", id(order))).json(body).send().await
}

async fn correct(owner: &User, order: &Value, body: &Value) -> Answer {
    owner.put(&format!("/admin/v1/orders/{}/shipment", id(order))).json(body).send().await
}

async fn receive(buyer: &User, order: &Value) -> Answer {
    buyer.post(&format!("/v1/orders/{}/receipt", id(order))).send().await
}

/// An order as staff see it, whoever's sign-in may have run out.
async fn inspect(app: &TestApp, order: &Value) -> Value {
    app.owner().await.get(&format!("/admin/v1/orders/{}", id(order))).send().await.expect(200)
}

/// The mini-program of this place wants its messages so. The first takes sealed ones only, the second plain ones.
fn listen(app: &TestApp, place: usize, mode: PushMode, format: PushFormat) {
    let appid = APPS[place].0;
    let target = PushTarget {
        url: format!("{}/callback/wechat/push/{appid}", app.base),
        token: PUSH_TOKEN.to_owned(),
        aes_key: PUSH_AES_KEY.to_owned(),
        mode,
        format,
    };
    app.simulator.push_to(appid, Some(target)).expect("target");
}
