//! Bills: what WeChat Pay says was paid, given back and booked on a day.
//!
//! WeChat answers a signed question with a signed address and hash. The file behind the address is not signed: it is
//! believed because its SHA-1, over the unpacked bytes, is the one that was signed.

mod fund;
mod sheet;
#[cfg(test)]
mod test;
mod trade;

pub use fund::{FundBill, FundKind, FundRow};
pub use trade::{TradeBill, TradeRefund, TradeRow};

use crate::{
    model::time::Day,
    wechat::{Error, ErrorKind, Wechat},
};
use aws_lc_rs::digest;
use axum::http::Method;
use serde::Deserialize;
use std::io::Read as _;

/// Unpacked, a bill is some ten times as large; more is an attack or a mistake.
const BILL_BYTES_MAX: u64 = 256 << 20;

/// Where bills lie, besides the address of the settings. Official page: 下载账单.
const HOSTS: [&str; 2] = ["api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"];

/// A bill that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement<T> {
    /// Here it is.
    Ready(T),
    /// Nothing happened on that day (`NO_STATEMENT_EXIST`).
    Nothing,
    /// It is being made (`STATEMENT_CREATING`): ask again in half an hour.
    Creating,
}

#[derive(Deserialize)]
struct Told {
    hash_type: String,
    hash_value: String,
    download_url: String,
}

impl Wechat {
    /// Payments and refunds of a day, each refund on the day it was asked for. There is one from ten in the morning of the next day on,
    /// for three months. Official page: 申请交易账单 (`GET /v3/bill/tradebill`), `bill_type=ALL`.
    pub async fn trade_bill(&self, day: Day) -> Result<Statement<TradeBill>, Error> {
        const OPERATION: &str = "trade_bill";
        let query = [("bill_date", day.to_string()), ("bill_type", "ALL".to_owned())];
        self.bill(OPERATION, "tradebill", &query, TradeBill::read).await
    }

    /// Entries of the merchant's basic account on a day. Official page: 申请资金账单 (`GET /v3/bill/fundflowbill`),
    /// `account_type=BASIC`.
    pub async fn fund_bill(&self, day: Day) -> Result<Statement<FundBill>, Error> {
        const OPERATION: &str = "fund_bill";
        let query = [("bill_date", day.to_string()), ("account_type", "BASIC".to_owned())];
        self.bill(OPERATION, "fundflowbill", &query, FundBill::read).await
    }

    async fn bill<T: Send + 'static>(
        &self,
        operation: &'static str,
        path: &str,
        query: &[(&str, String)],
        read: fn(&str) -> Result<T, sheet::Unreadable>,
    ) -> Result<Statement<T>, Error> {
        let mut url = self.pay_address(&["v3", "bill", path]);
        url.query_pairs_mut().extend_pairs(query).append_pair("tar_type", "GZIP");
        let told: Told = match self.pay_json(operation, Method::GET, &url, None::<&()>).await {
            Err(error) if error.code() == "NO_STATEMENT_EXIST" => return Ok(Statement::Nothing),
            Err(error) if error.code() == "STATEMENT_CREATING" => return Ok(Statement::Creating),
            other => other?,
        };
        let address = self.file_address(operation, &told.download_url)?;
        let packed = self.pay_file(operation, &address).await?;
        // A large bill takes a second: it must not stop the threads that serve.
        let opened = tokio::task::spawn_blocking(move || {
            open(operation, &packed, &told).and_then(|text| {
                read(&text).map_err(|error| Error::new(operation, ErrorKind::Busy, "bill_unreadable").because(error))
            })
        });
        opened
            .await
            .map_err(|error| Error::new(operation, ErrorKind::Busy, "bill_unreadable").because(error))?
            .map(Statement::Ready)
    }

    /// The address of a file: WeChat Pay's, since our signature goes there.
    fn file_address(&self, operation: &'static str, text: &str) -> Result<url::Url, Error> {
        let ours = &self.0.merchant.base;
        let known = |url: &url::Url| {
            let documented = url.scheme() == "https" && url.port().is_none();
            url.origin() == ours.origin() || (documented && HOSTS.contains(&url.host_str().unwrap_or_default()))
        };
        let url = url::Url::parse(text).ok().filter(known);
        url.ok_or_else(|| Error::new(operation, ErrorKind::Forged, "bill_address"))
    }
}

/// Unpacks the file and compares its hash.
fn open(operation: &'static str, packed: &[u8], told: &Told) -> Result<String, Error> {
    let unreadable = || Error::new(operation, ErrorKind::Busy, "bill_unreadable");
    let mut bytes = Vec::new();
    let mut unpacked = flate2::read::MultiGzDecoder::new(packed).take(BILL_BYTES_MAX + 1);
    unpacked.read_to_end(&mut bytes).map_err(|error| unreadable().because(error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > BILL_BYTES_MAX) {
        return Err(Error::new(operation, ErrorKind::Busy, "body_too_large"));
    }
    let hash = hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes));
    if !told.hash_type.eq_ignore_ascii_case("SHA1") || !told.hash_value.eq_ignore_ascii_case(&hash) {
        return Err(Error::new(operation, ErrorKind::Forged, "bill_hash"));
    }
    String::from_utf8(bytes).map_err(|error| unreadable().because(error))
}
