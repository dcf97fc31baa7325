//! What staff do about differences.

use super::compare::{gather, run};
use crate::{
    app::App,
    data,
    model::{
        id::DifferenceId,
        page::{Page, Place},
        payment::FactSource,
        reconcile::{self, Difference, DifferenceKind, DifferenceState, Finding, ReconcileRefusal, Reconciliation},
        time::Day,
    },
    service::{
        Error, Fault, attempt, audit,
        payment::{self, Ending},
        refund,
        staff::Clerk,
    },
    wechat::pay::{RefundState, Transaction},
};
use serde_json::json;

/// A page of days, latest first.
pub async fn list(app: &App, before: Option<i64>, limit: i64) -> Result<Page<Reconciliation>, Error<ReconcileRefusal>> {
    let mut session = app.database.read().await?;
    let rows = data::reconcile::list_days(&mut session, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |row| Place { value: 0, id: row.day.0 }))
}

/// Which differences are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this day.
    pub day: Option<Day>,
    /// In this state.
    pub state: Option<DifferenceState>,
    /// Of this kind.
    pub kind: Option<DifferenceKind>,
}

/// A page of differences, latest first.
pub async fn differences(
    app: &App,
    wanted: Wanted,
    before: Option<i64>,
    limit: i64,
) -> Result<Page<Difference>, Error<ReconcileRefusal>> {
    let Wanted { day, state, kind } = wanted;
    let mut session = app.database.read().await?;
    let rows = data::reconcile::list(&mut session, day, state, kind, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |row| Place { value: 0, id: row.id.0 }))
}

/// Every difference of a day, in the order they were found.
pub async fn list_of_day(app: &App, day: Day) -> Result<Vec<Difference>, Error<ReconcileRefusal>> {
    Ok(data::reconcile::list_of_day(&mut app.database.read().await?, day).await?)
}

/// Staff have a day compared now.
pub async fn order_run(app: &App, clerk: &Clerk, day: Day) -> Result<Reconciliation, Error<ReconcileRefusal>> {
    let row = run(app, day).await?;
    attempt(|| async {
        let act = audit::begin(app).await?;
        let detail = json!({ "state": row.state, "open_differences": row.open_differences });
        act.commit(app, clerk, "reconciliation.run", &format!("day:{day}"), &detail).await
    })
    .await?;
    Ok(row)
}

/// Ask WeChat anew about the money of a difference and put what it says through the one way of all money. The bill alone is not
/// believed: between it and now, money may have gone back.
pub async fn repair(app: &App, clerk: &Clerk, id: DifferenceId) -> Result<Difference, Error<ReconcileRefusal>> {
    let seen = open(app, id).await?;
    let finding = &seen.finding;
    if !finding.kind.is_repairable() {
        return Err(ReconcileRefusal::NotRepairable { kind: finding.kind }.into());
    }
    let outcome = if finding.kind == DifferenceKind::RefundStateDiffers {
        let fact = refund::fact(&confirmed_refund(app, finding).await?);
        refund::learn::<ReconcileRefusal>(app, &fact, &Ending::Nothing).await?;
        fact.state.word()
    } else {
        let fact = payment::fact(&confirmed_payment(app, finding).await?, FactSource::Bill)?;
        payment::settle::<ReconcileRefusal>(app, &fact, &Ending::Nothing).await?.word()
    };
    let own = gather(app, &finding.as_bill(), None).await?;
    if reconcile::remains(finding, &own) {
        return Err(ReconcileRefusal::Remains.into());
    }
    close(app, clerk, &seen, DifferenceState::Repaired, outcome, "difference.repair").await
}

/// The payment as WeChat has it now; a line in the time line of its order, where it has one.
async fn confirmed_payment(app: &App, finding: &Finding) -> Result<Transaction, Error<ReconcileRefusal>> {
    let told = match finding.order_id {
        Some(order) => payment::find_transaction(app, order, &finding.own_no).await?,
        None => app.wechat.find_transaction(&finding.own_no).await?,
    };
    let told = told.filter(|told| told.is_paid() && told.transaction_id.as_ref() == Some(&finding.wechat_no));
    Ok(told.ok_or(ReconcileRefusal::NotConfirmed)?)
}

/// The refund as WeChat has it now.
async fn confirmed_refund(app: &App, finding: &Finding) -> Result<RefundState, Error<ReconcileRefusal>> {
    let told = match finding.order_id {
        Some(order) => payment::refund_state(app, order, &finding.own_no).await?,
        None => app.wechat.find_refund(&finding.own_no).await?,
    };
    Ok(told.ok_or(ReconcileRefusal::NotConfirmed)?)
}

/// Staff looked at it, and it may stay; they say why.
pub async fn dismiss(
    app: &App,
    clerk: &Clerk,
    id: DifferenceId,
    note: &str,
) -> Result<Difference, Error<ReconcileRefusal>> {
    let seen = open(app, id).await?;
    close(app, clerk, &seen, DifferenceState::Dismissed, note, "difference.dismiss").await
}

async fn open(app: &App, id: DifferenceId) -> Result<Difference, Error<ReconcileRefusal>> {
    let seen = data::reconcile::find(&mut app.database.read().await?, id).await?.ok_or(ReconcileRefusal::NotFound)?;
    if seen.state == DifferenceState::Open {
        Ok(seen)
    } else {
        Err(ReconcileRefusal::StateForbids { state: seen.state }.into())
    }
}

async fn close(
    app: &App,
    clerk: &Clerk,
    seen: &Difference,
    to: DifferenceState,
    note: &str,
    action: &str,
) -> Result<Difference, Error<ReconcileRefusal>> {
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        if !data::reconcile::close(&mut act, seen.id, to, note, app.now()).await? {
            let now = data::reconcile::find(&mut act, seen.id).await?.ok_or(ReconcileRefusal::NotFound)?;
            return Err(ReconcileRefusal::StateForbids { state: now.state }.into());
        }
        let after = data::reconcile::find(&mut act, seen.id).await?;
        let after = after.ok_or_else(|| Fault::broken("a difference that was just closed is gone"))?;
        let detail =
            json!({ "day": seen.day, "kind": seen.finding.kind, "subject": seen.finding.subject, "note": note });
        act.commit(app, clerk, action, &format!("difference:{}", seen.id), &detail).await.map(|()| after)
    })
    .await
}
