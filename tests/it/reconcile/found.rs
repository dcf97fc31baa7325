//! Every injected difference is found and called by its name; a clean day has none; comparing a day again changes nothing.

use super::{Busy, DAY, busy_day, end, morning_after, open, run, shop, tricks, until};
use crate::support::rows::changed;
use std::{collections::BTreeSet, time::Duration};
use weizhan::{
    model::{
        money::Fen,
        reconcile::{DayState, DifferenceKind},
        time::{Timestamp, minutes},
    },
    simulator::BillTrick::{self, *},
};

/// One trick a kind of difference, with the kind and what it is about.
fn injected(busy: &Busy) -> Vec<(BillTrick, &'static str, String)> {
    let (paid, wechat_paid) = busy.payment.clone();
    let (back, wechat_back) = busy.refund.clone();
    let at_ms = DAY.start().plus(minutes(600));
    let foreign = |number: &str| format!("42000000000000000000000000{number}");
    vec![
        (DropPayment { out_trade_no: paid.clone() }, "payment_missing_in_bill", wechat_paid.clone()),
        (DropRefund { out_refund_no: back.clone() }, "refund_missing_in_bill", back.clone()),
        (
            PaymentAmount { out_trade_no: paid.clone(), total_fen: Fen(1_001) },
            "payment_amount_differs",
            wechat_paid.clone(),
        ),
        (RefundAmount { out_refund_no: back.clone(), refund_fen: Fen(301) }, "refund_amount_differs", back.clone()),
        (
            PaymentState { out_trade_no: paid.clone(), state: "REVOKED".into() },
            "payment_state_differs",
            wechat_paid.clone(),
        ),
        (RefundState { out_refund_no: back.clone(), state: "FAIL".into() }, "refund_state_differs", back.clone()),
        (
            PaymentNumber { out_trade_no: paid.clone(), to: busy.parted.clone() },
            "payment_number_differs",
            wechat_paid.clone(),
        ),
        (
            AddPayment { out_trade_no: "OTHER-1".into(), transaction_id: foreign("01"), total_fen: Fen(5), at_ms },
            "payment_foreign",
            foreign("01"),
        ),
        (
            AddRefund {
                out_trade_no: paid.clone(),
                out_refund_no: "OTHER-R1".into(),
                refund_id: foreign("02"),
                refund_fen: Fen(5),
                at_ms,
            },
            "refund_missing_here",
            "OTHER-R1".into(),
        ),
        (Repeat { number: paid }, "duplicate_row", wechat_paid.clone()),
        (Repeat { number: back.clone() }, "duplicate_row", back),
        (DropEntry { business_no: wechat_paid.clone() }, "trade_without_fund", wechat_paid.clone()),
        (
            AddEntry { business_no: foreign("03"), amount_fen: Fen(7), at_ms },
            "fund_without_trade",
            format!("8{}", foreign("03")),
        ),
        (
            EntryAmount { business_no: wechat_paid.clone(), amount_fen: Fen(999) },
            "fund_amount_differs",
            format!("9{wechat_paid}"),
        ),
        (
            EntryAmount { business_no: wechat_back.clone(), amount_fen: Fen(299) },
            "fund_amount_differs",
            format!("9{wechat_back}"),
        ),
    ]
}

#[tokio::test]
async fn a_day_with_all_that_may_happen_has_no_difference() {
    let app = shop().await;
    busy_day(&app).await;
    let row = run(&app, DAY).await;
    assert_eq!((row.state, row.open_differences, row.error.as_str()), (DayState::Done, 0, ""));
    // 1000 and 2000 fen, late and second money, the first money of the order paid twice, and that of midnight.
    assert_eq!((row.payments, row.payments_fen, row.refunds, row.refunds_fen), (6, Fen(7_000), 4, Fen(2_329)));
    assert_eq!((row.entries, open(&app, DAY).await), (10, vec![]));
    until(&app, morning_after(DAY.next())).await;
    let row = run(&app, DAY.next()).await;
    assert_eq!((row.payments, row.open_differences), (0, 0), "what was paid at midnight is nowhere missed");
    end(app).await;
}

#[tokio::test]
async fn every_injected_difference_is_found_alone_and_by_its_name() {
    let app = shop().await;
    let busy = busy_day(&app).await;
    let mut covered = BTreeSet::new();
    for (trick, kind, subject) in injected(&busy) {
        let shown = format!("{trick:?}");
        tricks(&app, vec![trick]);
        let row = run(&app, DAY).await;
        assert_eq!(open(&app, DAY).await, [(kind, subject)], "{shown}");
        assert_eq!(row.open_differences, 1, "{shown}");
        covered.insert(kind);
        tricks(&app, vec![]);
        run(&app, DAY).await;
        assert_eq!(open(&app, DAY).await, [], "it is gone from the bill, so it is resolved: {shown}");
    }
    // The one kind that no bill can bring about by itself has a test of its own: `repair`.
    let all: BTreeSet<_> = DifferenceKind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(all.difference(&covered).copied().collect::<Vec<_>>(), ["payment_missing_here"]);
    end(app).await;
}

#[tokio::test]
async fn many_differences_at_once_are_told_apart_and_comparing_again_changes_nothing() {
    let app = shop().await;
    let busy = busy_day(&app).await;
    // Those that concern different money.
    let picked =
        ["refund_amount_differs", "payment_foreign", "refund_missing_here", "fund_without_trade", "trade_without_fund"];
    let all: Vec<_> = injected(&busy).into_iter().filter(|(_, kind, _)| picked.contains(kind)).collect();
    tricks(&app, all.iter().map(|(trick, ..)| trick.clone()).collect());
    run(&app, DAY).await;
    let mut expected: Vec<_> = all.into_iter().map(|(_, kind, subject)| (kind, subject)).collect();
    expected.sort();
    assert_eq!(open(&app, DAY).await, expected);
    let before = app.rows().dump().await;
    for _ in 0..2 {
        app.advance(minutes(1));
        run(&app, DAY).await;
        assert_eq!(changed(&before, &app.rows().dump().await), Vec::<String>::new());
    }
    // Two nodes that compare the same day at the same time write it once.
    let (one, other) = tokio::join!(run(&app, DAY), run(&app, DAY));
    assert_eq!((one, changed(&before, &app.rows().dump().await)), (other, Vec::<String>::new()));
    end(app).await;
}

#[tokio::test]
async fn around_midnight_the_day_may_differ_but_money_may_not_be_lost() {
    let app = shop().await;
    let (goods, ann) = (app.goods(100, 9).await, app.buyer("ann").await);
    until(&app, DAY.end().minus(minutes(5))).await;
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let order = ann.order(&goods, 1).await.expect(201);
        numbers.push(app.begin_payment(&ann, &order).await);
    }
    let end_of_day = DAY.end();
    until(&app, Timestamp(end_of_day.0 - 2_000)).await;
    app.simulator.pay(&numbers[0]).expect("paid");
    app.simulator.pay(&numbers[1]).expect("paid");
    app.deliver().await;
    app.advance(Duration::from_secs(5));
    app.simulator.pay(&numbers[2]).expect("paid");
    app.deliver().await;
    until(&app, morning_after(DAY)).await;
    let moved = |number: &str, at_ms: Timestamp| Move { number: number.to_owned(), at_ms };
    // One of the last second stands in the next day's bill, one of the first seconds in that of the day before.
    let shifted = [moved(&numbers[0], end_of_day), moved(&numbers[2], Timestamp(end_of_day.0 - 1_000))];
    tricks(&app, shifted.to_vec());
    assert_eq!((run(&app, DAY).await.payments, open(&app, DAY).await), (2, vec![]));
    until(&app, morning_after(DAY.next())).await;
    assert_eq!((run(&app, DAY.next()).await.payments, open(&app, DAY.next()).await), (1, vec![]));
    // One that is in neither is found, once, on the later day.
    let dropped = DropPayment { out_trade_no: numbers[1].clone() };
    tricks(&app, shifted.iter().cloned().chain([dropped]).collect());
    for day in [DAY, DAY.next()] {
        run(&app, day).await;
    }
    assert_eq!(open(&app, DAY).await, []);
    let missing = open(&app, DAY.next()).await;
    assert_eq!((missing.len(), missing[0].0), (1, "payment_missing_in_bill"));
    end(app).await;
}
