//! The fund-flow bill of the basic account: each payment comes in when it is paid, each refund goes out when it is taken.

use super::{BillTrick, Row, clock};
use crate::model::{
    money::Fen,
    time::{Day, Timestamp},
};
use std::fmt::Write as _;

/// Official page: 申请资金账单, format.
const COLUMNS: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),\
资金变更提交申请人,备注,业务凭证号";

struct Entry {
    at: Timestamp,
    business_no: String,
    flow_no: String,
    income: bool,
    amount: Fen,
}

/// The file, or `None` for a day without entries.
pub(super) fn write(rows: &[Row], day: Day, tricks: &[BillTrick]) -> Option<String> {
    let mut entries = entries(rows, tricks);
    entries.sort_by_key(|entry| entry.at);
    let mut text = format!("\u{feff}{COLUMNS}\r\n");
    let (mut balance, mut sums) = (Fen::ZERO, [(0, Fen::ZERO); 2]);
    for entry in entries {
        let Entry { at, business_no, flow_no, income, amount } = entry;
        balance = Fen(balance.0 + if income { amount.0 } else { -amount.0 });
        if at.day() != day.0 {
            continue;
        }
        let (count, sum) = &mut sums[usize::from(income)];
        (*count, *sum) = (*count + 1, Fen(sum.0 + amount.0));
        let (kind, way) = if income { ("交易", "收入") } else { ("退款", "支出") };
        let at = clock(at);
        let _ = write!(
            text,
            "`{at},`{business_no},`{flow_no},`{kind},`{kind},`{way},`{amount},`{balance},`system,`,`{business_no}\r\n"
        );
    }
    let [(out_count, out), (in_count, income)] = sums;
    let income = Fen(income.0 + i64::from(tricks.contains(&BillTrick::WrongTotal)));
    let _ = write!(
        text,
        "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`{},`{in_count},`{income},`{out_count},`{out}\r\n",
        in_count + out_count
    );
    (in_count + out_count > 0).then_some(text)
}

fn entries(rows: &[Row], tricks: &[BillTrick]) -> Vec<Entry> {
    let booked = |row: &Row| {
        let (number, amount) = match &row.refund {
            None => (row.transaction_id.clone(), row.total),
            // A refund that failed moved no money.
            Some(refund) if refund.state == "FAIL" => return None,
            Some(refund) => (refund.refund_id.clone(), refund.amount),
        };
        Some(Entry {
            at: row.at,
            flow_no: format!("9{number}"),
            income: row.refund.is_none(),
            amount,
            business_no: number,
        })
    };
    let mut entries: Vec<Entry> = rows.iter().filter_map(booked).collect();
    for trick in tricks {
        match trick {
            BillTrick::DropEntry { business_no } => entries.retain(|entry| entry.business_no != *business_no),
            BillTrick::EntryAmount { business_no, amount_fen } => {
                if let Some(entry) = entries.iter_mut().find(|entry| entry.business_no == *business_no) {
                    entry.amount = *amount_fen;
                }
            }
            BillTrick::AddEntry { business_no, amount_fen, at_ms } => entries.push(Entry {
                at: *at_ms,
                flow_no: format!("8{business_no}"),
                income: true,
                amount: *amount_fen,
                business_no: business_no.clone(),
            }),
            _ => {}
        }
    }
    entries
}
