//! The trade bill (交易账单): payments and refunds.

use super::sheet::{Row, Sheet, Unreadable};
use crate::model::{money::Fen, time::Timestamp};

/// A trade bill, in the order of its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TradeBill {
    /// A row each.
    pub rows: Vec<TradeRow>,
}

/// A row: a payment, or a refund of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeRow {
    /// When it was paid; of a refund, when it was asked for.
    pub at: Timestamp,
    /// The app it was paid in.
    pub appid: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// Our number of it.
    pub out_trade_no: String,
    /// `SUCCESS`, `REFUND`, `REVOKED`.
    pub state: String,
    /// The price of the order (订单金额); nothing for a refund.
    pub total: Fen,
    /// What of it is settled, without WeChat's coupons (应结订单金额).
    pub settled: Fen,
    /// What went back, where the row is about that.
    pub refund: Option<TradeRefund>,
}

/// The refund of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeRefund {
    /// WeChat's number.
    pub refund_id: String,
    /// Our number.
    pub out_refund_no: String,
    /// What was asked for (申请退款金额).
    pub amount: Fen,
    /// What of it is settled (退款金额).
    pub settled: Fen,
    /// `SUCCESS`, `PROCESSING`, `FAIL`, `CHANGE`, as it stood when the bill was made: rows are not updated.
    pub state: String,
}

impl TradeBill {
    /// Reads any of the three kinds: that of payments has no columns of refunds.
    pub(super) fn read(text: &str) -> Result<Self, Unreadable> {
        let sheet = Sheet::read(text, "总交易单数")?;
        let rows =
            sheet.rows().map(|row| TradeRow::read(row, sheet.has("微信退款单号"))).collect::<Result<Vec<_>, _>>()?;
        sheet.count_is("总交易单数", rows.len())?;
        sheet.sum_is("订单总金额", rows.iter().map(|row| row.total))?;
        if sheet.has("申请退款金额") {
            let back = rows.iter().filter_map(|row| row.refund.as_ref()).map(|refund| refund.amount);
            sheet.sum_is("申请退款总金额", back)?;
        }
        Ok(Self { rows })
    }
}

impl TradeRow {
    fn read(row: Row<'_>, may_be_refund: bool) -> Result<Self, Unreadable> {
        let state = row.text("交易状态")?.to_owned();
        let refund = if state == "REFUND" && may_be_refund { Some(TradeRefund::read(row)?) } else { None };
        if row.text("货币种类")? != "CNY" {
            return Err(row.wrong("货币种类"));
        }
        Ok(Self {
            at: row.time("交易时间")?,
            appid: row.text("公众账号ID")?.to_owned(),
            transaction_id: row.number("微信订单号")?,
            out_trade_no: row.number("商户订单号")?,
            state,
            total: row.fen("订单金额")?,
            settled: row.fen("应结订单金额")?,
            refund,
        })
    }
}

impl TradeRefund {
    fn read(row: Row<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            refund_id: row.number("微信退款单号")?,
            out_refund_no: row.number("商户退款单号")?,
            amount: row.fen("申请退款金额")?,
            settled: row.fen("退款金额")?,
            state: row.text("退款状态")?.to_owned(),
        })
    }
}
