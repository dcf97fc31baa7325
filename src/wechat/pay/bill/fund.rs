//! The fund-flow bill (资金账单): entries of the merchant's account.

use super::sheet::{Row, Sheet, Unreadable};
use crate::model::{money::Fen, time::Timestamp};

/// A fund-flow bill, in the order of its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FundBill {
    /// An entry each.
    pub rows: Vec<FundRow>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundRow {
    /// When it was booked.
    pub at: Timestamp,
    /// WeChat's number of what it is for: a payment's or a refund's (微信支付业务单号).
    pub business_no: String,
    /// The number of the entry itself (资金流水单号).
    pub flow_no: String,
    /// What it is.
    pub kind: FundKind,
    /// Whether money came; else it went.
    pub income: bool,
    /// How much.
    pub amount: Fen,
}

/// What an entry is (业务类型).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FundKind {
    /// A payment (交易).
    Trade,
    /// A refund (退款).
    Refund,
    /// A fee, taken or given back (…手续费).
    Fee,
    /// Anything that belongs to no trade: withdrawals, top-ups, transfers.
    Other,
}

impl FundBill {
    pub(super) fn read(text: &str) -> Result<Self, Unreadable> {
        let sheet = Sheet::read(text, "资金流水总笔数")?;
        let rows = sheet.rows().map(FundRow::read).collect::<Result<Vec<_>, _>>()?;
        sheet.count_is("资金流水总笔数", rows.len())?;
        for (income, count, sum) in [(true, "收入笔数", "收入金额"), (false, "支出笔数", "支出金额")] {
            let those = || rows.iter().filter(|row| row.income == income);
            sheet.count_is(count, those().count())?;
            sheet.sum_is(sum, those().map(|row| row.amount))?;
        }
        Ok(Self { rows })
    }
}

impl FundRow {
    fn read(row: Row<'_>) -> Result<Self, Unreadable> {
        const DIRECTION: &str = "收支类型";
        Ok(Self {
            at: row.time("记账时间")?,
            business_no: row.text("微信支付业务单号")?.to_owned(),
            flow_no: row.number("资金流水单号")?,
            kind: match row.text("业务类型")? {
                "交易" => FundKind::Trade,
                "退款" => FundKind::Refund,
                fee if fee.contains("手续费") => FundKind::Fee,
                _ => FundKind::Other,
            },
            income: match row.text(DIRECTION)? {
                "收入" => true,
                "支出" => false,
                _ => return Err(row.wrong(DIRECTION)),
            },
            amount: row.fen("收支金额(元)")?,
        })
    }
}
