//! Rows of `reconciliations` and `differences`, and what other rows say of the money that a bill names.

use super::{Each, Error, Session};
use crate::model::{
    id::DifferenceId,
    reconcile::{
        Difference, DifferenceKind, DifferenceState, Finding, OwnAttempt, OwnPayment, OwnRefund, Reconciliation,
    },
    time::{Day, Timestamp},
};

/// Most values of one `IN (…)`: both databases take more.
const CHUNK: usize = 500;

macro_rules! days {
    ($rest:literal) => {
        (concat!(
            "SELECT r.day, r.state, r.payments, r.payments_fen, r.refunds, r.refunds_fen, r.entries, r.error, r.created_ms, ",
            "r.done_ms, (SELECT COUNT(*) FROM differences d WHERE d.day = r.day AND d.state = 'open') AS open_differences ",
            "FROM reconciliations r WHERE ",
            $rest
        ))
    };
}

macro_rules! differences {
    ($rest:literal) => {
        (concat!(
            "SELECT id, day, kind, subject, wechat_no, own_no, order_id, bill_fen, own_fen, bill_state, own_state, ",
            "happened_ms, state, note, created_ms, ended_ms FROM differences WHERE ",
            $rest
        ))
    };
}

macro_rules! payments {
    ($rest:literal) => {
        (concat!(
            "SELECT p.transaction_id, p.out_trade_no, p.order_id, p.total_fen, p.accepted, p.success_ms, ",
            "o.state AS order_state, (SELECT COUNT(*) FROM refunds r WHERE r.transaction_id = p.transaction_id ",
            "AND r.state NOT IN ('rejected', 'closed')) AS refunds FROM payments p JOIN orders o ON o.id = p.order_id WHERE ",
            $rest
        ))
    };
}

macro_rules! refunds {
    ($rest:literal) => {
        (concat!(
            "SELECT out_refund_no, refund_id, order_id, amount_fen, state, last_sent_ms FROM refunds WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND_DAY = (days!("r.day = ?"));
    LIST_DAYS = (days!("r.day < ? ORDER BY r.day DESC LIMIT ?"));
    LIST_DAYS_FROM = (days!("r.day >= ? ORDER BY r.day"));
    INSERT_DAY = "INSERT INTO reconciliations (day, state, payments, payments_fen, refunds, refunds_fen, entries, error,
                  created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// Comparing a day again leaves the time when it was first done.
    FINISH_DAY = "UPDATE reconciliations SET state = 'done', payments = ?, payments_fen = ?, refunds = ?, refunds_fen = ?,
                  entries = ?, error = '', done_ms = COALESCE(done_ms, ?) WHERE day = ?";
    FAIL_DAY = "UPDATE reconciliations SET error = ? WHERE day = ? AND state = 'waiting'";
    FIND = (differences!("id = ?"));
    LIST_OF_DAY = (differences!("day = ? ORDER BY id"));
    LIST = (differences!("id < ? AND (? = 0 OR day = ?) AND (? = '' OR state = ?) AND (? = '' OR kind = ?) ORDER BY id DESC LIMIT ?"));
    INSERT = "INSERT INTO differences (id, day, kind, subject, wechat_no, own_no, order_id, bill_fen, own_fen, bill_state,
              own_state, happened_ms, state, note, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// What staff dismissed stays dismissed.
    REOPEN = "UPDATE differences SET state = 'open', note = '', ended_ms = NULL, wechat_no = ?, own_no = ?, order_id = ?,
              bill_fen = ?, own_fen = ?, bill_state = ?, own_state = ?, happened_ms = ?
              WHERE id = ? AND state IN ('open', 'repaired', 'resolved')";
    CLOSE = "UPDATE differences SET state = ?, note = ?, ended_ms = ? WHERE id = ? AND state = 'open'";
    /// Money of other days that staff know of already.
    LIST_NOTED = "SELECT wechat_no FROM differences WHERE kind IN ('payment_missing_here', 'payment_foreign',
                  'payment_state_differs', 'refund_missing_here') AND wechat_no IN ({?})";
    FIRST_ATTEMPT = "SELECT created_ms FROM prepays ORDER BY id LIMIT 1";
    LIST_PAYMENTS = (payments!("p.transaction_id IN ({?})"));
    LIST_PAYMENTS_OF_TIME = (payments!("p.success_ms >= ? AND p.success_ms < ?"));
    LIST_ATTEMPTS = "SELECT a.out_trade_no, a.order_id, a.total_fen, o.state AS order_state FROM prepays a
                     JOIN orders o ON o.id = a.order_id WHERE a.out_trade_no IN ({?})";
    LIST_SUSPENDED = "SELECT transaction_id FROM suspense WHERE transaction_id IN ({?})";
    LIST_REFUNDS = (refunds!("out_refund_no IN ({?})"));
    LIST_REFUNDS_BY_WECHAT = (refunds!("refund_id IN ({?})"));
    /// WeChat counts a refund to the day on which it took it: that of the last sending, since one that was taken is not sent again.
    LIST_REFUNDS_OF_TIME = (refunds!("last_sent_ms >= ? AND last_sent_ms < ?"));
}

/// One day.
pub async fn find_day(session: &mut Session, day: Day) -> Result<Option<Reconciliation>, Error> {
    session.optional(FIND_DAY, (day,)).await
}
/// Days before this one, latest first.
pub async fn list_days(session: &mut Session, before: i64, limit: i64) -> Result<Vec<Reconciliation>, Error> {
    session.all(LIST_DAYS, (before, limit)).await
}
/// Days from this one on.
pub async fn list_days_from(session: &mut Session, day: Day) -> Result<Vec<Reconciliation>, Error> {
    session.all(LIST_DAYS_FROM, (day,)).await
}
/// A day that is to be compared; `false` when it is there.
pub async fn insert_day(session: &mut Session, row: &Reconciliation) -> Result<bool, Error> {
    let Reconciliation { day, state, payments, payments_fen, refunds, refunds_fen, entries, error, created_ms, .. } =
        row;
    let values =
        (*day, *state, *payments, *payments_fen, *refunds, *refunds_fen, *entries, error.as_str(), *created_ms);
    session.insert_new(INSERT_DAY, values).await
}
/// The day was compared with bills of these figures.
pub async fn finish_day(session: &mut Session, row: &Reconciliation, now: Timestamp) -> Result<bool, Error> {
    let Reconciliation { day, payments, payments_fen, refunds, refunds_fen, entries, .. } = row;
    let values = (*payments, *payments_fen, *refunds, *refunds_fen, *entries, now, *day);
    Ok(session.execute(FINISH_DAY, values).await? == 1)
}
/// The day could not be compared.
pub async fn fail_day(session: &mut Session, day: Day, error: &str) -> Result<bool, Error> {
    Ok(session.execute(FAIL_DAY, (error, day)).await? == 1)
}
/// One difference.
pub async fn find(session: &mut Session, id: DifferenceId) -> Result<Option<Difference>, Error> {
    session.optional(FIND, (id,)).await
}
/// The differences of a day.
pub async fn list_of_day(session: &mut Session, day: Day) -> Result<Vec<Difference>, Error> {
    session.all(LIST_OF_DAY, (day,)).await
}
/// Differences, latest first.
pub async fn list(
    session: &mut Session,
    day: Option<Day>,
    state: Option<DifferenceState>,
    kind: Option<DifferenceKind>,
    before: i64,
    limit: i64,
) -> Result<Vec<Difference>, Error> {
    let (day, state, kind) =
        (day.map_or(0, |day| day.0), state.map_or("", DifferenceState::word), kind.map_or("", DifferenceKind::word));
    session.all(LIST, (before, day, day, state, state, kind, kind, limit)).await
}
/// A difference that was not known. One of the same day, kind and subject is a conflict.
pub async fn insert(session: &mut Session, row: &Difference) -> Result<(), Error> {
    let finding = &row.finding;
    let values = (
        row.id,
        row.day,
        finding.kind,
        finding.subject.as_str(),
        finding.wechat_no.as_str(),
        finding.own_no.as_str(),
        finding.order_id,
        finding.bill_fen,
        finding.own_fen,
        finding.bill_state.as_str(),
        finding.own_state.as_str(),
        finding.happened_ms,
        row.state,
        row.note.as_str(),
        row.created_ms,
    );
    session.execute(INSERT, values).await.map(drop)
}
/// It was found again, perhaps with other figures; `false` when it was dismissed.
pub async fn reopen(session: &mut Session, id: DifferenceId, finding: &Finding) -> Result<bool, Error> {
    let values = (
        finding.wechat_no.as_str(),
        finding.own_no.as_str(),
        finding.order_id,
        finding.bill_fen,
        finding.own_fen,
        finding.bill_state.as_str(),
        finding.own_state.as_str(),
        finding.happened_ms,
        id,
    );
    Ok(session.execute(REOPEN, values).await? == 1)
}
/// It is open no more.
pub async fn close(
    session: &mut Session,
    id: DifferenceId,
    to: DifferenceState,
    note: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(CLOSE, (to, note, now, id)).await? == 1)
}
/// Which of WeChat's numbers are in differences about trades.
pub async fn list_noted(session: &mut Session, wechat_nos: &[String]) -> Result<Vec<String>, Error> {
    Ok(named::<(String,)>(session, LIST_NOTED, wechat_nos).await?.into_iter().map(|(number,)| number).collect())
}
/// When somebody first tried to pay.
pub async fn first_attempt(session: &mut Session) -> Result<Option<Timestamp>, Error> {
    Ok(session.optional::<(Timestamp,)>(FIRST_ATTEMPT, ()).await?.map(|(at,)| at))
}
/// Payments with these numbers of WeChat.
pub async fn list_payments(session: &mut Session, transaction_ids: &[String]) -> Result<Vec<OwnPayment>, Error> {
    named(session, LIST_PAYMENTS, transaction_ids).await
}
/// Payments that were made from a moment until before another.
pub async fn list_payments_of_time(
    session: &mut Session,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<OwnPayment>, Error> {
    session.all(LIST_PAYMENTS_OF_TIME, (from, until)).await
}
/// Attempts with these numbers of ours.
pub async fn list_attempts(session: &mut Session, out_trade_nos: &[String]) -> Result<Vec<OwnAttempt>, Error> {
    named(session, LIST_ATTEMPTS, out_trade_nos).await
}
/// Which of WeChat's numbers wait in suspense, or did.
pub async fn list_suspended(session: &mut Session, transaction_ids: &[String]) -> Result<Vec<String>, Error> {
    Ok(named::<(String,)>(session, LIST_SUSPENDED, transaction_ids)
        .await?
        .into_iter()
        .map(|(number,)| number)
        .collect())
}
/// Refunds with these numbers of ours.
pub async fn list_refunds(session: &mut Session, out_refund_nos: &[String]) -> Result<Vec<OwnRefund>, Error> {
    named(session, LIST_REFUNDS, out_refund_nos).await
}
/// Refunds with these numbers of WeChat.
pub async fn list_refunds_by_wechat(session: &mut Session, refund_ids: &[String]) -> Result<Vec<OwnRefund>, Error> {
    named(session, LIST_REFUNDS_BY_WECHAT, refund_ids).await
}
/// Refunds that were sent from a moment until before another.
pub async fn list_refunds_of_time(
    session: &mut Session,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<OwnRefund>, Error> {
    session.all(LIST_REFUNDS_OF_TIME, (from, until)).await
}

async fn named<T: super::Row>(session: &mut Session, sql: super::Sql, names: &[String]) -> Result<Vec<T>, Error> {
    let mut rows = Vec::new();
    for part in names.chunks(CHUNK) {
        let values = part.iter().map(|name| (name.as_str(),)).collect();
        rows.extend(session.all::<T>(sql, Each(values)).await?);
    }
    Ok(rows)
}
