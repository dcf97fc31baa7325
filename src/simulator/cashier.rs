//! What the user does in front of the cashier: pays, fails, walks away.

use super::{
    Error, Simulator, callback,
    keys::digits,
    ledger::Record,
    pay,
    record::{Payment, TradeState},
    trade,
};
use crate::wechat::pay::sign::payment_message;
use serde::Deserialize;

/// What the mini-program hands to `wx.requestPayment`; the client adds its own appid.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation {
    pub(super) app_id: Option<String>,
    pub(super) time_stamp: String,
    pub(super) nonce_str: String,
    pub(super) package: String,
    pub(super) sign_type: String,
    pub(super) pay_sign: String,
}

impl Simulator {
    /// The user pays. The callback is planned in the same write as the payment.
    pub fn pay(&self, out_trade_no: &str) -> Result<Payment, Error> {
        let now = self.now();
        let mut ledger = self.lock();
        let mut payment = self.payable(&mut ledger, out_trade_no)?;
        let day: String = now.rfc3339().chars().filter(char::is_ascii_digit).take(8).collect();
        payment.state = TradeState::Success;
        payment.success_ms = Some(now);
        payment.transaction_id = Some(format!("4200{}{day}{}", digits(6), digits(10)));
        let callback = callback::for_payment(self, &payment, now);
        let trade = trade::begin(self, out_trade_no, now);
        ledger.put([Record::Payment(Box::new(payment.clone())), callback, trade])?;
        drop(ledger);
        self.0.bell.notify_one();
        Ok(payment)
    }

    /// The user's bank says no: the order stays unpaid, nothing is told.
    pub fn fail(&self, out_trade_no: &str) -> Result<Payment, Error> {
        self.turn_away(out_trade_no, |payment| payment.failed_attempts += 1)
    }

    /// The user closes the cashier: the order stays unpaid, nothing is told.
    pub fn cancel(&self, out_trade_no: &str) -> Result<Payment, Error> {
        self.turn_away(out_trade_no, |payment| payment.cancels += 1)
    }

    fn turn_away(&self, out_trade_no: &str, count: impl FnOnce(&mut Payment)) -> Result<Payment, Error> {
        let mut ledger = self.lock();
        let mut payment = self.payable(&mut ledger, out_trade_no)?;
        count(&mut payment);
        ledger.put([Record::Payment(Box::new(payment.clone()))])?;
        Ok(payment)
    }

    /// An order for which the cashier opens.
    fn payable(&self, ledger: &mut super::Ledger, out_trade_no: &str) -> Result<Payment, Error> {
        let now = self.now();
        let payment = pay::current(ledger, out_trade_no, now)?;
        let payment = payment.ok_or_else(|| Error::missing("payment", out_trade_no))?;
        match payment.state {
            TradeState::Success | TradeState::Refund => return Err(Error::Refused("the order is paid")),
            TradeState::Closed => return Err(Error::Refused("the order is closed")),
            TradeState::NotPay => {}
        }
        if payment.time_expire_ms.is_some_and(|end| end <= now) {
            return Err(Error::Refused("the order's time to pay is over"));
        }
        if payment.prepay_ids.iter().all(|prepay| prepay.expires_ms <= now) {
            return Err(Error::Refused("the prepay id has expired"));
        }
        Ok(payment)
    }

    /// The order of a prepay id that is still good.
    pub fn payment_of_prepay(&self, prepay_id: &str) -> Result<Payment, Error> {
        let now = self.now();
        let ledger = self.lock();
        let payment = ledger.payment_of_prepay(prepay_id).ok_or_else(|| Error::missing("prepay_id", prepay_id))?;
        if payment.prepay_ids.iter().any(|prepay| prepay.id == prepay_id && prepay.expires_ms <= now) {
            return Err(Error::Refused("the prepay id has expired"));
        }
        Ok(payment.clone())
    }

    /// The order of that number.
    pub(super) fn payment(&self, out_trade_no: &str) -> Result<Payment, Error> {
        let payment = self.lock().payments.get(out_trade_no).cloned();
        payment.ok_or_else(|| Error::missing("payment", out_trade_no))
    }

    /// Opens the cashier as the client does: only for parameters that the merchant signed.
    pub(super) fn open_cashier(&self, invocation: &Invocation) -> Result<Payment, Error> {
        let prepay_id = invocation.package.strip_prefix("prepay_id=");
        let prepay_id = prepay_id.ok_or(Error::Refused("package must be prepay_id=…"))?;
        if invocation.sign_type != "RSA" {
            return Err(Error::Refused("signType must be RSA"));
        }
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(&invocation.time_stamp) || invocation.time_stamp.len() != 10 {
            return Err(Error::Refused("timeStamp must be seconds, as a string"));
        }
        if invocation.nonce_str.is_empty() || invocation.nonce_str.len() > 32 {
            return Err(Error::Refused("nonceStr must have 1 to 32 characters"));
        }
        let payment = self.payment_of_prepay(prepay_id)?;
        let appid = invocation.app_id.as_deref().unwrap_or(&payment.appid);
        let message = payment_message(appid, &invocation.time_stamp, &invocation.nonce_str, &invocation.package);
        if appid != payment.appid || !self.0.keys.merchant.verify(&message, &invocation.pay_sign) {
            return Err(Error::Refused("paySign does not fit: the client would say 支付验证签名失败"));
        }
        self.payable(&mut self.lock(), &payment.out_trade_no)
    }
}
