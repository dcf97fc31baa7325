//! Attempts to be paid, money that came, money that goes back.

use super::{LARGE, LATER, MOST, TEXT, write};
use crate::support::app::{START, TestApp};
use serde_json::{Value, json};
use weizhan::{
    data,
    model::{
        call::{Call, Operation},
        id::{CallId, OrderId, PaymentId, PrepayId, RefundId, StaffId, SuspenseId},
        money::Fen,
        notice::{Notice, RefusedNotice, WAITING},
        payment::{FactSource, Payment, PaymentFact, Prepay, PrepayState, SuspenseReason},
        refund::{Refund, RefundCause, RefundState},
        suspense::{Resolution, Suspense},
        time::Timestamp,
    },
};

/// An attempt that could be paid.
fn a_prepay() -> Prepay {
    Prepay {
        id: PrepayId(LARGE),
        order_id: OrderId(LARGE),
        out_trade_no: "T1".into(),
        mchid: "1900000001".into(),
        appid: "wx".into(),
        openid: "o-A".into(),
        total_fen: Fen(MOST),
        state: PrepayState::Open,
        prepay_id: None,
        prepaid_ms: None,
        created_ms: START,
    }
}

#[tokio::test]
async fn money_comes_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let order_id = OrderId(LARGE);
    let prepay = a_prepay();
    data::payment::insert_prepay(&mut rows, &prepay).await.unwrap();
    assert_eq!(data::payment::find_prepay(&mut rows, prepay.id).await.unwrap(), Some(prepay.clone()));
    assert!(data::payment::keep_handle(&mut rows, prepay.id, "wx-handle", LATER).await.unwrap());
    let held = Prepay { prepay_id: Some("wx-handle".into()), prepaid_ms: Some(LATER), ..prepay };
    assert_eq!(data::payment::find_prepay_by_number(&mut rows, "T1").await.unwrap(), Some(held.clone()));
    assert_eq!(data::payment::find_open_prepay(&mut rows, order_id).await.unwrap(), Some(held));
    let payment = Payment {
        id: PaymentId(LARGE),
        transaction_id: "42".into(),
        order_id,
        out_trade_no: "T1".into(),
        total_fen: Fen(MOST),
        openid: "o-A".into(),
        accepted: true,
        source: FactSource::Query,
        success_ms: START,
        created_ms: LATER,
    };
    assert!(data::payment::insert(&mut rows, &payment).await.unwrap());
    let twice = Payment { id: PaymentId(1), accepted: false, ..payment.clone() };
    assert!(!data::payment::insert(&mut rows, &twice).await.unwrap(), "known by WeChat's number");
    assert_eq!(data::payment::find(&mut rows, "42").await.unwrap(), Some(payment.clone()));
    assert_eq!(data::payment::list(&mut rows, order_id).await.unwrap(), [payment]);
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn money_in_suspense_comes_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    data::payment::insert_prepay(&mut rows, &a_prepay()).await.unwrap();
    let fact: PaymentFact = serde_json::from_value::<PaymentFact>(a_fact()).unwrap();
    let (id, amount) = (SuspenseId(LARGE), SuspenseReason::AmountDiffers);
    for new in [true, false] {
        assert_eq!(data::suspense::insert(&mut rows, id, &fact, amount, START).await.unwrap(), new);
    }
    let mut row = Suspense {
        id,
        transaction_id: "43".into(),
        reason: amount,
        out_trade_no: "T1".into(),
        total_fen: Fen(MOST),
        fact: serde_json::to_string(&fact).unwrap(),
        resolved: false,
        resolution: None,
        note: None,
        staff_id: None,
        resolved_ms: None,
        created_ms: START,
        order_id: Some(OrderId(LARGE)),
    };
    assert_eq!(data::suspense::list_of(&mut rows, &[a_prepay()]).await.unwrap(), [row.clone()]);
    assert_eq!(data::suspense::find(&mut rows, "43").await.unwrap(), Some(row.clone()));
    assert_eq!(row.told(), Some(fact.clone()));
    assert_eq!(data::suspense::count(&mut rows).await.unwrap(), 1);
    let dismissed = Resolution::Dismissed;
    for waited in [true, false] {
        let note = Some(TEXT);
        let staff = Some(StaffId(LARGE));
        assert_eq!(data::suspense::resolve(&mut rows, "43", dismissed, note, staff, LATER).await.unwrap(), waited);
    }
    assert_eq!(data::suspense::list(&mut rows, true, MOST, 9).await.unwrap(), []);
    let over = Suspense {
        resolved: true,
        resolution: Some(dismissed),
        note: Some(TEXT.into()),
        staff_id: Some(StaffId(LARGE)),
        resolved_ms: Some(LATER),
        ..row.clone()
    };
    assert_eq!(data::suspense::list(&mut rows, false, MOST, 9).await.unwrap(), [over]);
    let other = PaymentFact { out_trade_no: "T2".into(), ..fact };
    assert!(data::suspense::renew(&mut rows, &other, SuspenseReason::OrderUnknown).await.unwrap());
    row = Suspense {
        reason: SuspenseReason::OrderUnknown,
        out_trade_no: "T2".into(),
        fact: serde_json::to_string(&other).unwrap(),
        order_id: None,
        ..row
    };
    assert_eq!(data::suspense::find(&mut rows, "43").await.unwrap(), Some(row));
    drop(rows);
    app.end().await;
}

fn a_fact() -> Value {
    json!({ "source": "notice", "mchid": "1", "appid": "wx", "out_trade_no": "T1", "transaction_id": "43",
        "total_fen": MOST, "currency": "CNY", "openid": "o-A", "success_ms": 0 })
}

#[tokio::test]
async fn money_that_goes_back_comes_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let refund = Refund {
        id: RefundId(LARGE),
        order_id: OrderId(LARGE),
        transaction_id: "42".into(),
        out_refund_no: "R1".into(),
        refund_id: None,
        amount_fen: Fen(MOST),
        paid_fen: Fen(MOST),
        cause: RefundCause::SecondPayment,
        reason: TEXT.into(),
        state: RefundState::Approved,
        created_ms: START,
        sent_ms: None,
        last_sent_ms: None,
        last_error: None,
        retry_of: Some(RefundId(LARGE - 1)),
        ended_ms: None,
        pictures: Some("[\"/objects/refund/a.jpg\"]".into()),
    };
    assert!(data::refund::insert(&mut rows, &refund).await.unwrap());
    let twin = Refund { id: RefundId(1), out_refund_no: "R2".into(), ..refund.clone() };
    assert!(!data::refund::insert(&mut rows, &twin).await.unwrap(), "one takes the place of another once");
    assert_eq!(data::refund::find_retry(&mut rows, RefundId(LARGE - 1)).await.unwrap(), Some(refund.clone()));
    assert_eq!(data::refund::find(&mut rows, refund.id).await.unwrap(), Some(refund.clone()));
    assert!(data::refund::send(&mut rows, refund.id, START).await.unwrap());
    assert!(data::refund::send(&mut rows, refund.id, LATER).await.unwrap());
    assert!(data::refund::explain(&mut rows, refund.id, TEXT).await.unwrap());
    let sent =
        Refund { sent_ms: Some(START), last_sent_ms: Some(LATER), last_error: Some(TEXT.into()), ..refund.clone() };
    assert_eq!(data::refund::find(&mut rows, refund.id).await.unwrap(), Some(sent));
    assert!(data::refund::advance(&mut rows, &refund, RefundState::Succeeded, Some("50"), LATER).await.unwrap());
    let over = Refund {
        refund_id: Some("50".into()),
        state: RefundState::Succeeded,
        sent_ms: Some(START),
        last_sent_ms: Some(LATER),
        ended_ms: Some(LATER),
        ..refund
    };
    assert_eq!(data::refund::find_by_number(&mut rows, "R1").await.unwrap(), Some(over.clone()));
    assert_eq!(data::refund::list_all(&mut rows, Some(RefundState::Succeeded), MOST, 9).await.unwrap(), [over]);
    assert_eq!(data::refund::last_sent(&mut rows, "42", RefundId(1)).await.unwrap(), Some(LATER));
    assert_eq!(data::refund::last_sent(&mut rows, "42", RefundId(LARGE)).await.unwrap(), None, "but for this one");
    assert_eq!(data::refund::last_sent(&mut rows, "43", RefundId(1)).await.unwrap(), None);
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn callbacks_and_calls_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let notice = Notice {
        notify_id: "n-1".into(),
        event_type: "TRANSACTION.SUCCESS".into(),
        subject: "T1".into(),
        headers: r#"{"wechatpay-serial":"x"}"#.into(),
        body: format!(r#"{{"text":"{TEXT}"}}"#),
        outcome: WAITING.into(),
        received: 1,
        failures: 0,
        due_ms: LATER,
        received_ms: START,
        last_ms: START,
        settled_ms: None,
    };
    for new in [true, false] {
        assert_eq!(data::notice::insert(&mut rows, &notice).await.unwrap(), new);
    }
    assert_eq!(data::notice::list_waiting(&mut rows, START).await.unwrap(), [], "not due");
    assert_eq!(data::notice::list_waiting(&mut rows, LATER).await.unwrap(), std::slice::from_ref(&notice));
    assert!(data::notice::come_again(&mut rows, "n-1", LATER).await.unwrap());
    assert!(data::notice::put_off(&mut rows, "n-1", Timestamp(LATER.0 + 1)).await.unwrap());
    for first in [true, false] {
        assert_eq!(data::notice::settle(&mut rows, "n-1", "accepted", LATER).await.unwrap(), first);
    }
    let settled = Notice {
        outcome: "accepted".into(),
        received: 2,
        failures: 1,
        due_ms: Timestamp(LATER.0 + 1),
        last_ms: LATER,
        settled_ms: Some(LATER),
        ..notice.clone()
    };
    assert_eq!(data::notice::find(&mut rows, "n-1").await.unwrap(), Some(settled.clone()));
    assert_eq!(data::notice::list(&mut rows, &["T0", "T1"]).await.unwrap(), [settled]);
    let Notice { notify_id, event_type, subject, headers, body, .. } = notice;
    let refused = RefusedNotice {
        notify_id,
        reason: "timestamp".into(),
        event_type,
        subject,
        headers,
        body,
        received: 1,
        received_ms: START,
        last_ms: START,
    };
    data::notice::insert_refused(&mut rows, &refused).await.unwrap();
    data::notice::insert_refused(&mut rows, &RefusedNotice { last_ms: LATER, ..refused.clone() }).await.unwrap();
    let twice = RefusedNotice { received: 2, last_ms: LATER, ..refused };
    assert_eq!(data::notice::list_refused(&mut rows, &["T1"]).await.unwrap(), [twice]);
    let call = Call {
        id: CallId(LARGE),
        order_id: OrderId(LARGE),
        operation: Operation::QueryRefund,
        subject: "R1".into(),
        answer: "SYSTEM_ERROR".into(),
        message: TEXT.into(),
        took_ms: 5,
        created_ms: START,
    };
    data::call::insert(&mut rows, &call).await.unwrap();
    assert_eq!(data::call::list(&mut rows, OrderId(LARGE)).await.unwrap(), [call]);
    assert_eq!(data::call::purge(&mut rows, LATER).await.unwrap(), 1);
    drop(rows);
    app.end().await;
}
