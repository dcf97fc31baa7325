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
