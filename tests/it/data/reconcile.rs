//! Days, differences, and what is asked about the money of a bill.

use super::{LARGE, LATER, MOST, TEXT, write};
use crate::support::app::{START, TestApp};
use weizhan::{
    data,
    model::{
        id::{DifferenceId, OrderId},
        money::Fen,
        reconcile::{DayState, Difference, DifferenceKind, DifferenceState, Finding, Reconciliation},
        time::Day,
    },
};

const DAY: Day = Day(20_261_122);

fn difference() -> Difference {
    Difference {
        id: DifferenceId(LARGE),
        day: DAY,
        finding: Finding {
            kind: DifferenceKind::PaymentForeign,
            subject: "42".into(),
            wechat_no: "42".into(),
            own_no: "T1".into(),
            order_id: Some(OrderId(LARGE)),
            bill_fen: Some(Fen(MOST)),
            own_fen: None,
            bill_state: "SUCCESS".into(),
            own_state: String::new(),
            happened_ms: START,
        },
        state: DifferenceState::Open,
        note: String::new(),
        created_ms: LATER,
        ended_ms: None,
    }
}

#[tokio::test]
async fn days_and_differences_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let waiting = Reconciliation::waiting(DAY, START);
    assert!(data::reconcile::insert_day(&mut rows, &waiting).await.unwrap());
    assert!(!data::reconcile::insert_day(&mut rows, &waiting).await.unwrap());
    assert!(data::reconcile::fail_day(&mut rows, DAY, TEXT).await.unwrap());
    let failed = Reconciliation { error: TEXT.into(), ..waiting };
    assert_eq!(data::reconcile::find_day(&mut rows, DAY).await.unwrap(), Some(failed.clone()));
    assert_eq!(data::reconcile::list_days(&mut rows, DAY.0 + 1, 1).await.unwrap(), std::slice::from_ref(&failed));
    let found = difference();
    data::reconcile::insert(&mut rows, &found).await.unwrap();
    assert_eq!(data::reconcile::find(&mut rows, found.id).await.unwrap(), Some(found.clone()));
    let twice = data::reconcile::insert(&mut rows, &Difference { id: DifferenceId(1), ..found.clone() }).await;
    assert!(matches!(twice, Err(data::Error::Conflict { .. })), "one a day, kind and subject");
    for (day, state, kind, count) in [
        (None, None, None, 1),
        (Some(DAY), Some(DifferenceState::Open), Some(DifferenceKind::PaymentForeign), 1),
        (Some(Day(1)), None, None, 0),
        (None, Some(DifferenceState::Dismissed), None, 0),
        (None, None, Some(DifferenceKind::DuplicateRow), 0),
    ] {
        let list = data::reconcile::list(&mut rows, day, state, kind, MOST, 9).await.unwrap();
        assert_eq!(list.len(), count, "{day:?} {state:?} {kind:?}");
    }
    assert_eq!(data::reconcile::list_noted(&mut rows, &["42".into(), "43".into()]).await.unwrap(), ["42"]);
    let figures = Reconciliation {
        state: DayState::Done,
        payments: 1,
        payments_fen: Fen(MOST),
        refunds: 2,
        refunds_fen: Fen(3),
        entries: 4,
        error: String::new(),
        done_ms: Some(LATER),
        open_differences: 1,
        ..failed
    };
    assert!(data::reconcile::finish_day(&mut rows, &figures, LATER).await.unwrap());
    assert_eq!(data::reconcile::list_days_from(&mut rows, DAY).await.unwrap(), [figures]);
    assert!(!data::reconcile::fail_day(&mut rows, DAY, "x").await.unwrap(), "what was compared stays compared");
    let (id, dismissed) = (found.id, DifferenceState::Dismissed);
    assert!(data::reconcile::close(&mut rows, id, dismissed, TEXT, LATER).await.unwrap());
    assert!(!data::reconcile::close(&mut rows, id, DifferenceState::Repaired, "", LATER).await.unwrap(), "closed once");
    assert!(!data::reconcile::reopen(&mut rows, id, &found.finding).await.unwrap(), "dismissed for good");
    let after = Difference { state: dismissed, note: TEXT.into(), ended_ms: Some(LATER), ..found };
    assert_eq!(data::reconcile::list_of_day(&mut rows, DAY).await.unwrap(), [after]);
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn a_bill_may_name_more_numbers_than_a_statement_takes() {
    let app = TestApp::new().await;
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    let (_, number) = app.paid_order(&ann, &goods, 1).await;
    let transaction = app.rows().texts("SELECT transaction_id FROM payments").await.remove(0);
    let mut rows = write(&app).await;
    let among = |wanted: &str| -> Vec<String> {
        (0..1_234).map(|other| format!("no-{other}")).chain([wanted.to_owned()]).collect()
    };
    let payments = data::reconcile::list_payments(&mut rows, &among(&transaction)).await.unwrap();
    assert_eq!((payments.len(), payments[0].out_trade_no.as_str(), payments[0].refunds), (1, number.as_str(), 0));
    let attempts = data::reconcile::list_attempts(&mut rows, &among(&number)).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].total_fen), (1, Fen(100)));
    for empty in [
        data::reconcile::list_suspended(&mut rows, &among("x")).await.unwrap().len(),
        data::reconcile::list_refunds(&mut rows, &among("x")).await.unwrap().len(),
        data::reconcile::list_refunds_by_wechat(&mut rows, &[]).await.unwrap().len(),
        data::reconcile::list_refunds_of_time(&mut rows, START, LATER).await.unwrap().len(),
    ] {
        assert_eq!(empty, 0);
    }
    let of_time = data::reconcile::list_payments_of_time(&mut rows, START, LATER).await.unwrap();
    assert_eq!(of_time, payments);
    assert_eq!(data::reconcile::list_payments_of_time(&mut rows, LATER, START).await.unwrap(), []);
    drop(rows);
    app.end().await;
}
