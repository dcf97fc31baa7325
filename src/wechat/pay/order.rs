//! A payment order at WeChat Pay: made, handed to the client, asked for, closed.

use super::{
    sign::{payment_message, random_text},
    types::Transaction,
};
use crate::{
    model::{money::Fen, time::Timestamp},
    wechat::{Error, ErrorKind, Wechat},
};
use axum::http::Method;
use serde::{Deserialize, Serialize};

/// What a payment order is made of. The same number must always come with the same values; [`ErrorKind::OutTradeNoUsed`] says
/// it did not.
#[derive(Debug, Clone, Copy)]
pub struct Prepay<'a> {
    /// The mini-program in which it will be paid.
    pub appid: &'a str,
    /// Who will pay, as that mini-program knows them.
    pub openid: &'a str,
    /// 6 to 32 of `[0-9A-Za-z_-]`, unique for the merchant.
    pub out_trade_no: &'a str,
    /// Shown in the buyer's bill; up to 127 characters.
    pub description: &'a str,
    /// The price, at least one fen.
    pub total: Fen,
    /// The last moment to pay, at least a minute ahead. It does not close the order.
    pub expires: Timestamp,
}

/// What `wx.requestPayment` takes, name by name. The appid is signed, not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestPayment {
    /// Seconds since 1970, as text.
    pub time_stamp: String,
    /// Text used once.
    pub nonce_str: String,
    /// `prepay_id=…`.
    pub package: String,
    /// Always `RSA`.
    pub sign_type: String,
    /// The merchant's signature.
    pub pay_sign: String,
}

/// How closing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Nobody can pay it any more; only now may its stock go.
    Closed,
    /// The buyer was faster: query it.
    AlreadyPaid,
}

#[derive(Serialize)]
struct PrepayBody<'a> {
    appid: &'a str,
    mchid: &'a str,
    description: &'a str,
    out_trade_no: &'a str,
    time_expire: String,
    notify_url: &'a str,
    amount: Amount,
    payer: Payer<'a>,
}

#[derive(Serialize)]
struct Amount {
    total: Fen,
    currency: &'static str,
}

#[derive(Serialize)]
struct Payer<'a> {
    openid: &'a str,
}

#[derive(Deserialize)]
struct PrepayReply {
    prepay_id: String,
}

#[derive(Serialize)]
struct CloseBody<'a> {
    mchid: &'a str,
}

impl Wechat {
    /// Makes the order and gives its `prepay_id`, which lives two hours; calling again with the same values gives a
    /// fresh one. Official page: 小程序下单 (`POST /v3/pay/transactions/jsapi`).
    pub async fn prepay(&self, prepay: &Prepay<'_>) -> Result<String, Error> {
        const OPERATION: &str = "prepay";
        self.app(OPERATION, prepay.appid)?;
        let merchant = &self.0.merchant;
        let body = PrepayBody {
            appid: prepay.appid,
            mchid: &merchant.mchid,
            description: prepay.description,
            out_trade_no: prepay.out_trade_no,
            time_expire: prepay.expires.rfc3339(),
            notify_url: &merchant.pay_notify_url,
            amount: Amount { total: prepay.total, currency: "CNY" },
            payer: Payer { openid: prepay.openid },
        };
        let url = self.pay_address(&["v3", "pay", "transactions", "jsapi"]);
        let reply: PrepayReply = self.pay_json(OPERATION, Method::POST, &url, Some(&body)).await?;
        if reply.prepay_id.is_empty() {
            return Err(Error::new(OPERATION, ErrorKind::Busy, "unreadable"));
        }
        Ok(reply.prepay_id)
    }

    /// Signs a `prepay_id` for the client. Costs half a millisecond of computing and no call.
    /// Official page: 小程序调起支付.
    pub fn request_payment(&self, appid: &str, prepay_id: &str) -> Result<RequestPayment, Error> {
        self.app("request_payment", appid)?;
        let (time_stamp, nonce_str) = (self.0.clock.now().seconds().to_string(), random_text(32));
        let package = format!("prepay_id={prepay_id}");
        let pay_sign = self.0.merchant.key.sign(&payment_message(appid, &time_stamp, &nonce_str, &package));
        Ok(RequestPayment { time_stamp, nonce_str, package, sign_type: "RSA".to_owned(), pay_sign })
    }

    /// The order in whatever state; `None` when WeChat Pay does not know the number.
    /// Official page: 商户订单号查询订单.
    pub async fn find_transaction(&self, out_trade_no: &str) -> Result<Option<Transaction>, Error> {
        const OPERATION: &str = "find_transaction";
        let mchid = &self.0.merchant.mchid;
        let mut url = self.pay_address(&["v3", "pay", "transactions", "out-trade-no", out_trade_no]);
        url.query_pairs_mut().append_pair("mchid", mchid);
        let transaction: Transaction = match self.pay_json(OPERATION, Method::GET, &url, None::<&()>).await {
            Err(error) if error.kind() == ErrorKind::Missing => return Ok(None),
            other => other?,
        };
        // A signature does not cover the question: a reply to another one could have been put in its place.
        if transaction.out_trade_no != out_trade_no || transaction.mchid != *mchid {
            return Err(Error::new(OPERATION, ErrorKind::Forged, "other_order"));
        }
        Ok(Some(transaction))
    }

    /// Makes the order unpayable; may be repeated. [`ErrorKind::Missing`] when WeChat Pay never heard of it.
    /// Official page: 关闭订单.
    pub async fn close(&self, out_trade_no: &str) -> Result<Closing, Error> {
        const OPERATION: &str = "close";
        let url = self.pay_address(&["v3", "pay", "transactions", "out-trade-no", out_trade_no, "close"]);
        let body = CloseBody { mchid: &self.0.merchant.mchid };
        match self.pay_call(OPERATION, Method::POST, &url, Some(&json(&body))).await {
            Ok(_) => Ok(Closing::Closed),
            Err(error) if error.kind() == ErrorKind::OrderClosed => Ok(Closing::Closed),
            Err(error) if error.kind() == ErrorKind::OrderPaid => Ok(Closing::AlreadyPaid),
            Err(error) => Err(error),
        }
    }

    /// A call whose body and reply are JSON.
    pub(super) async fn pay_json<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        method: Method,
        url: &url::Url,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, Error> {
        let body = body.map(json);
        let reply = self.pay_call(operation, method, url, body.as_deref()).await?;
        let unreadable = |error| Error::new(operation, ErrorKind::Busy, "unreadable").because(error);
        serde_json::from_slice(&reply).map_err(unreadable)
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("a struct of texts and numbers can be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{APPID, Desk, MCHID, Signer};

    #[tokio::test]
    async fn a_prepay_sends_these_fields_and_no_others() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"prepay_id":"wx20"}"#, Signer::PublicKey);
        let expires = Timestamp::parse_rfc3339("2026-11-22T10:00:00Z").expect("time");
        let prepay =
            Prepay { appid: APPID, openid: "o", out_trade_no: "N-1", description: "茶", total: Fen(9), expires };
        assert_eq!(desk.wechat.prepay(&prepay).await.expect("prepay"), "wx20");
        let asked = desk.asked();
        assert!(asked[0].is_signed());
        assert_eq!(asked[0].line, "POST /v3/pay/transactions/jsapi");
        let sent: serde_json::Value = serde_json::from_str(&asked[0].body).expect("json");
        let expected = serde_json::json!({
            "appid": APPID, "mchid": MCHID, "description": "茶", "out_trade_no": "N-1",
            "time_expire": "2026-11-22T18:00:00+08:00",
            "notify_url": "https://shop.example/callback/wechat/pay",
            "amount": {"total": 9, "currency": "CNY"}, "payer": {"openid": "o"},
        });
        assert_eq!(sent, expected);
    }

    #[tokio::test]
    async fn the_client_gets_what_it_hands_to_request_payment() {
        let desk = Desk::open(false).await;
        let payment = desk.wechat.request_payment(APPID, "wx20").expect("payment");
        let value = serde_json::to_value(&payment).expect("json");
        let mut names: Vec<_> = value.as_object().expect("object").keys().cloned().collect();
        names.sort();
        assert_eq!(names, ["nonceStr", "package", "paySign", "signType", "timeStamp"]);
        assert_eq!((payment.package.as_str(), payment.sign_type.as_str()), ("prepay_id=wx20", "RSA"));
        assert!(crate::wechat::desk::merchant_signed(
            &payment_message(APPID, &payment.time_stamp, &payment.nonce_str, &payment.package),
            &payment.pay_sign
        ));
        assert_eq!(desk.wechat.request_payment("wx9", "wx20").expect_err("foreign").kind(), ErrorKind::Config);
    }

    #[tokio::test]
    async fn closing_tells_closed_from_paid_and_from_unknown() {
        let desk = Desk::open(false).await;
        desk.say(204, "", Signer::PublicKey);
        desk.say(400, r#"{"code":"ORDER_PAID","message":"paid"}"#, Signer::Nobody);
        desk.say(404, r#"{"code":"ORDER_NOT_EXIST","message":"?"}"#, Signer::Nobody);
        desk.say(204, "", Signer::Nobody);
        let mut results = Vec::new();
        for _ in 0..4 {
            results.push(desk.wechat.close("N-1").await.map_err(|error| error.kind()));
        }
        let expected = [Ok(Closing::Closed), Ok(Closing::AlreadyPaid), Err(ErrorKind::Missing), Err(ErrorKind::Forged)];
        assert_eq!(results, expected);
        let asked = desk.asked();
        assert_eq!(asked[0].line, "POST /v3/pay/transactions/out-trade-no/N-1/close");
        assert_eq!(asked[0].body, r#"{"mchid":"1900000001"}"#);
    }

    #[tokio::test]
    async fn an_unknown_order_is_none() {
        let desk = Desk::open(false).await;
        desk.say(404, r#"{"code":"ORDER_NOT_EXIST","message":"?"}"#, Signer::Nobody);
        desk.say(404, "", Signer::Nobody);
        assert_eq!(desk.wechat.find_transaction("N-1").await.expect("none"), None);
        assert_eq!(desk.wechat.find_transaction("N-1").await.expect_err("no such path").kind(), ErrorKind::Refused);
    }
}
