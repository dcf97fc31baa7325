//! Comparing one day.

use crate::{
    app::App,
    data::{self, Session},
    model::{
        id::DifferenceId,
        money::Fen,
        reconcile::{
            self, Bill, BillEntry, BillPayment, BillRefund, Difference, DifferenceKind, DifferenceState, EDGE,
            EntryKind, Finding, HORIZON_DAYS, Own, ReconcileRefusal, Reconciliation, Rules,
        },
        refusal::Refusal,
        time::{Day, Timestamp},
    },
    service::{Error, Fault, Never, attempt},
    wechat::{
        self, ErrorKind,
        pay::{FundBill, FundKind, Statement, TradeBill},
    },
};
use std::collections::{HashMap, HashSet};

/// Most characters of an error that a day keeps.
const ERROR_CHARS_MAX: usize = 500;

/// Compare a day with its bills, and keep what differs. Doing it again changes nothing but what has changed since: a difference
/// that is gone is resolved, one that is back is open again, and what staff dismissed stays so.
///
/// While WeChat is still making a bill, the day goes on waiting and that is no error.
pub async fn run(app: &App, day: Day) -> Result<Reconciliation, Error<ReconcileRefusal>> {
    let today = Day(app.now().day());
    if day >= today || day < today.before(HORIZON_DAYS) {
        return Err(ReconcileRefusal::DayInvalid.into());
    }
    attempt(|| begin(app, day)).await?;
    match compare(app, day).await {
        Ok(true) => {}
        Ok(false) => fail(app, day, "WeChat is still making the bill").await?,
        Err(error) => {
            let text = match &error {
                Error::Fault(fault) => fault.chain(),
                Error::Refused(never) => match *never {},
            };
            fail(app, day, &text).await?;
            return Err(error.map(|never| match never {}));
        }
    }
    let row = data::reconcile::find_day(&mut app.database.read().await?, day).await?;
    Ok(row.ok_or_else(|| Fault::broken(format!("the row of {day} is gone")))?)
}

async fn begin(app: &App, day: Day) -> Result<(), Error<ReconcileRefusal>> {
    if data::reconcile::find_day(&mut app.database.read().await?, day).await?.is_some() {
        return Ok(());
    }
    let mut session = app.database.write().await?;
    data::reconcile::insert_day(&mut session, &Reconciliation::waiting(day, app.now())).await?;
    Ok(session.commit().await?)
}

async fn fail<R: Refusal>(app: &App, day: Day, error: &str) -> Result<(), Error<R>> {
    let error: String = error.chars().take(ERROR_CHARS_MAX).collect();
    tracing::warn!(%day, error, "a day could not be compared with its bills");
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::reconcile::fail_day(&mut session, day, &error).await?;
        Ok(session.commit().await?)
    })
    .await
}

/// Fetch, compare, keep; `false` while a bill is being made.
async fn compare(app: &App, day: Day) -> Result<bool, Error<Never>> {
    let Some(bill) = fetch(app, day).await? else { return Ok(false) };
    let own = gather(app, &bill, Some(day)).await?;
    let day_before = if reconcile::unmatched_at_edge(day, &bill, &own) { neighbour(app, day).await? } else { None };
    let rules = Rules { day_before, settles_at_once: app.config.pay.settles_at_once };
    let found = reconcile::diff(day, &bill, &own, &rules);
    let (open, new) = attempt(|| keep(app, day, &bill, &found)).await?;
    if new > 0 {
        tracing::error!(%day, new, open, "the shop and WeChat's bill differ: look at it");
    } else {
        tracing::info!(%day, open, payments = bill.payments.len(), refunds = bill.refunds.len(), "a day was reconciled");
    }
    Ok(true)
}

async fn fetch(app: &App, day: Day) -> Result<Option<Bill>, wechat::Error> {
    let mut bill = Bill::default();
    match app.wechat.trade_bill(day).await? {
        Statement::Ready(trade) => read_trade(&mut bill, trade),
        Statement::Nothing => {}
        Statement::Creating => return Ok(None),
    }
    match app.wechat.fund_bill(day).await? {
        Statement::Ready(fund) => bill.entries = read_fund(fund),
        Statement::Nothing => {}
        Statement::Creating => return Ok(None),
    }
    Ok(Some(bill))
}

/// The numbers in the bill of the day before; `None` when WeChat has it no more.
async fn neighbour(app: &App, day: Day) -> Result<Option<HashSet<String>>, wechat::Error> {
    let mut bill = Bill::default();
    match app.wechat.trade_bill(day.before(1)).await {
        Ok(Statement::Ready(trade)) => read_trade(&mut bill, trade),
        Ok(Statement::Nothing) => {}
        Ok(Statement::Creating) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::Refused => return Ok(None),
        Err(error) => return Err(error),
    }
    let payments = bill.payments.into_iter().map(|row| row.transaction_id);
    Ok(Some(payments.chain(bill.refunds.into_iter().map(|row| row.out_refund_no)).collect()))
}

fn read_trade(bill: &mut Bill, trade: TradeBill) {
    for row in trade.rows {
        match row.refund {
            None => bill.payments.push(BillPayment {
                transaction_id: row.transaction_id,
                out_trade_no: row.out_trade_no,
                total_fen: row.total,
                settled_fen: row.settled,
                state: row.state,
                at_ms: row.at,
            }),
            Some(refund) => bill.refunds.push(BillRefund {
                refund_id: refund.refund_id,
                out_refund_no: refund.out_refund_no,
                amount_fen: refund.amount,
                settled_fen: refund.settled,
                state: refund.state,
                at_ms: row.at,
            }),
        }
    }
}

fn read_fund(fund: FundBill) -> Vec<BillEntry> {
    let entry = |row: wechat::pay::FundRow| {
        let kind = match row.kind {
            FundKind::Trade => EntryKind::Trade,
            FundKind::Refund => EntryKind::Refund,
            FundKind::Fee => EntryKind::Fee,
            FundKind::Other => return None,
        };
        let (flow_no, business_no) = (row.flow_no, row.business_no);
        Some(BillEntry { flow_no, business_no, kind, amount_fen: row.amount, at_ms: row.at })
    };
    fund.rows.into_iter().filter_map(entry).collect()
}

/// What the rows say of everything that the bill names; with a day, also of everything of that day.
pub(super) async fn gather(app: &App, bill: &Bill, day: Option<Day>) -> Result<Own, data::Error> {
    let mut session = app.database.read().await?;
    let mut own = Own::default();
    let booked: Vec<_> = bill.entries.iter().map(|row| row.business_no.clone()).collect();
    let mut paid: Vec<_> = bill.payments.iter().map(|row| row.transaction_id.clone()).collect();
    paid.extend_from_slice(&booked);
    let attempts: Vec<_> = bill.payments.iter().map(|row| row.out_trade_no.clone()).collect();
    let back: Vec<_> = bill.refunds.iter().map(|row| row.out_refund_no.clone()).collect();
    let mut payments = data::reconcile::list_payments(&mut session, &paid).await?;
    let mut refunds = data::reconcile::list_refunds(&mut session, &back).await?;
    refunds.extend(data::reconcile::list_refunds_by_wechat(&mut session, &booked).await?);
    if let Some(day) = day {
        let (from, until) = (day.start().minus(EDGE), day.end());
        payments.extend(data::reconcile::list_payments_of_time(&mut session, from, until).await?);
        refunds.extend(data::reconcile::list_refunds_of_time(&mut session, from, until).await?);
    }
    own.payments = payments.into_iter().map(|row| (row.transaction_id.clone(), row)).collect();
    own.refunds = refunds.into_iter().map(|row| (row.out_refund_no.clone(), row)).collect();
    let rows = data::reconcile::list_attempts(&mut session, &attempts).await?;
    own.attempts = rows.into_iter().map(|row| (row.out_trade_no.clone(), row)).collect();
    own.suspended = data::reconcile::list_suspended(&mut session, &paid).await?.into_iter().collect();
    own.noted = data::reconcile::list_noted(&mut session, &booked).await?.into_iter().collect();
    Ok(own)
}

/// Write down what differs, close what differs no more, and finish the day; how many are open, and how many of them new.
async fn keep(app: &App, day: Day, bill: &Bill, found: &[Finding]) -> Result<(usize, usize), Error<Never>> {
    let now = app.now();
    let mut session = app.database.write().await?;
    let known = data::reconcile::list_of_day(&mut session, day).await?;
    let mut known: HashMap<_, _> = known.iter().map(|row| (key(&row.finding), row)).collect();
    let (mut open, mut new) = (0, 0);
    for finding in found {
        match known.remove(&key(finding)) {
            Some(row) if row.state == DifferenceState::Dismissed => continue,
            Some(row) if row.state == DifferenceState::Open && row.finding == *finding => {}
            Some(row) => {
                new += usize::from(row.state != DifferenceState::Open);
                data::reconcile::reopen(&mut session, row.id, finding).await?;
            }
            None => {
                new += 1;
                insert(app, &mut session, day, finding, now).await?;
            }
        }
        open += 1;
    }
    for row in known.values().filter(|row| row.state == DifferenceState::Open) {
        data::reconcile::close(&mut session, row.id, DifferenceState::Resolved, "", now).await?;
    }
    data::reconcile::finish_day(&mut session, &figures(day, bill, now), now).await?;
    session.commit().await?;
    Ok((open, new))
}

/// What names a difference within its day.
fn key(finding: &Finding) -> (DifferenceKind, &str) {
    (finding.kind, &finding.subject)
}

async fn insert(
    app: &App,
    session: &mut Session,
    day: Day,
    finding: &Finding,
    now: Timestamp,
) -> Result<(), data::Error> {
    let row = Difference {
        id: app.ids.next(DifferenceId),
        day,
        finding: finding.clone(),
        state: DifferenceState::Open,
        note: String::new(),
        created_ms: now,
        ended_ms: None,
    };
    data::reconcile::insert(session, &row).await
}

/// What the bills sum up to.
fn figures(day: Day, bill: &Bill, now: Timestamp) -> Reconciliation {
    let count = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    Reconciliation {
        payments: count(bill.payments.len()),
        payments_fen: Fen(bill.payments.iter().map(|row| row.total_fen.0).sum()),
        refunds: count(bill.refunds.len()),
        refunds_fen: Fen(bill.refunds.iter().map(|row| row.amount_fen.0).sum()),
        entries: count(bill.entries.len()),
        ..Reconciliation::waiting(day, now)
    }
}
