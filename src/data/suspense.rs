//! Rows of `suspense`.

use super::{Each, Error, Session};
use crate::model::{
    id::{StaffId, SuspenseId},
    money::Fen,
    payment::{PaymentFact, Prepay, SuspenseReason},
    suspense::{Resolution, Suspense},
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT COALESCE(s.id, s.created_ms) AS id, s.transaction_id, s.reason, s.out_trade_no, s.total_fen, s.fact, ",
            "s.resolved, s.resolution, s.note, s.staff_id, s.resolved_ms, s.created_ms, a.order_id ",
            "FROM suspense s LEFT JOIN prepays a ON a.out_trade_no = s.out_trade_no WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND = (select!("s.transaction_id = ?"));
    LIST = (select!("COALESCE(s.id, s.created_ms) < ? ORDER BY COALESCE(s.id, s.created_ms) DESC LIMIT ?"));
    LIST_OPEN = (select!("s.resolved = 0 AND COALESCE(s.id, s.created_ms) < ? ORDER BY COALESCE(s.id, s.created_ms) DESC LIMIT ?"));
    LIST_OF = (select!("s.out_trade_no IN ({?}) ORDER BY s.created_ms, s.transaction_id"));
    INSERT = "INSERT INTO suspense (id, transaction_id, reason, out_trade_no, total_fen, fact, resolved, created_ms)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    /// WeChat says something else of it by now: what was found before does not hold.
    RENEW = "UPDATE suspense SET reason = ?, out_trade_no = ?, total_fen = ?, fact = ?, resolved = 0, resolution = NULL,
             note = NULL, staff_id = NULL, resolved_ms = NULL WHERE transaction_id = ?";
    RESOLVE = "UPDATE suspense SET resolved = 1, resolution = ?, note = ?, staff_id = ?, resolved_ms = ?
               WHERE transaction_id = ? AND resolved = 0";
    SIGN = "UPDATE suspense SET staff_id = ? WHERE transaction_id = ? AND resolved = 1";
    COUNT = "SELECT COUNT(*) FROM suspense WHERE resolved = ?";
    SUM = "SELECT CAST(SUM(total_fen) AS SIGNED) FROM suspense WHERE resolved = ?";
}

/// The money with WeChat's number.
pub async fn find(session: &mut Session, transaction_id: &str) -> Result<Option<Suspense>, Error> {
    session.optional(FIND, (transaction_id,)).await
}
/// The inbox, latest first: what waits, or all there ever was.
pub async fn list(session: &mut Session, open: bool, before: i64, limit: i64) -> Result<Vec<Suspense>, Error> {
    session.all(if open { LIST_OPEN } else { LIST }, (before, limit)).await
}
/// Money that came under the numbers of these attempts and did not fit.
pub async fn list_of(session: &mut Session, prepays: &[Prepay]) -> Result<Vec<Suspense>, Error> {
    if prepays.is_empty() {
        return Ok(Vec::new());
    }
    session.all(LIST_OF, Each(prepays.iter().map(|prepay| (prepay.out_trade_no.as_str(),)).collect())).await
}
/// Money that fits no order; `false` when it is there already.
pub async fn insert(
    session: &mut Session,
    id: SuspenseId,
    fact: &PaymentFact,
    reason: SuspenseReason,
    now: Timestamp,
) -> Result<bool, Error> {
    let text = serde_json::to_string(fact).unwrap_or_default();
    let (transaction, number) = (fact.transaction_id.as_str(), fact.out_trade_no.as_str());
    let row = (id, transaction, reason, number, fact.total_fen, text, false, now);
    session.insert_new(INSERT, row).await
}
/// WeChat says something else of money that is here: it waits (again) with what is said now.
pub async fn renew(session: &mut Session, fact: &PaymentFact, reason: SuspenseReason) -> Result<bool, Error> {
    let text = serde_json::to_string(fact).unwrap_or_default();
    let (transaction, number) = (fact.transaction_id.as_str(), fact.out_trade_no.as_str());
    Ok(session.execute(RENEW, (reason, number, fact.total_fen, text, transaction)).await? == 1)
}
/// It waits no more; `false` when it did not wait.
pub async fn resolve(
    session: &mut Session,
    transaction_id: &str,
    resolution: Resolution,
    note: Option<&str>,
    staff: Option<StaffId>,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(RESOLVE, (resolution, note, staff, now, transaction_id)).await? == 1)
}
/// Name who had it resolved, where the rules did it at their word.
pub async fn sign(session: &mut Session, transaction_id: &str, staff: StaffId) -> Result<bool, Error> {
    Ok(session.execute(SIGN, (staff, transaction_id)).await? == 1)
}
/// How much money waits for staff, in pieces.
pub async fn count(session: &mut Session) -> Result<i64, Error> {
    session.number(COUNT, (false,)).await
}
/// How much money waits for staff.
pub async fn sum(session: &mut Session) -> Result<Fen, Error> {
    session.number(SUM, (false,)).await.map(Fen)
}
