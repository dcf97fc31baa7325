//! The daily batch: what it finds, and that doing it again changes nothing.

use super::{
    events::{event, generate, tell},
    recount::{differing, recount, stored},
};
use crate::support::{
    app::{START, TestApp},
    rows::{changed, dump},
};
use weizhan::{
    data,
    model::{
        event::EventKind,
        figure::{Metric, Period},
        time::{Day, days, minutes},
    },
    service::figure::{self, roll_up},
};

fn period(app: &TestApp, span: u64) -> Period {
    let to = Day(app.app.now().day());
    Period { from: to.before(span - 1), to }
}

#[tokio::test]
async fn a_backfill_can_be_interrupted_and_changes_nothing_when_run_again() {
    let app = TestApp::new().await;
    tell(&app, &generate(3_000, 6, 4_711)).await;
    figure::catch_up(&app.app).await.unwrap();
    let all: Vec<_> = period(&app, 6).days().collect();
    // Interrupted in the middle of the third day.
    for day in &all[..2] {
        assert_eq!(roll_up(&app.app, *day, false, |_| {}).await.unwrap().differences, 0);
    }
    let (running, third) = (app.app.clone(), all[2]);
    let task = app.app.spawn(async move { roll_up(&running, third, false, |_| {}).await });
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let mut due = Vec::new();
    for day in &all {
        due.push(figure::is_due(&app.app, *day).await.unwrap().0);
    }
    assert_eq!(due, [false, false, true, true, true, true]);
    for day in &all[2..] {
        assert_eq!(roll_up(&app.app, *day, false, |_| {}).await.unwrap().differences, 0);
    }
    let before = dump(&app.app.database).await;
    app.advance(minutes(5));
    for day in &all {
        roll_up(&app.app, *day, false, |_| {}).await.unwrap();
    }
    assert_eq!(changed(&before, &dump(&app.app.database).await), Vec::<String>::new());
    app.end().await;
}

#[tokio::test]
async fn streamed_figures_that_are_wrong_are_noted_and_put_right_only_if_that_is_asked() {
    let app = TestApp::new().await;
    let events = generate(1_500, 2, 99);
    tell(&app, &events).await;
    figure::catch_up(&app.app).await.unwrap();
    let day = period(&app, 2).from;
    let start = day.start().0;
    let spoil = |what: &str| format!("UPDATE figure_counts SET {what} AND grain = 'day' AND start_ms = {start}");
    app.spoil(&spoil("total = total + 1 WHERE scope = 'shop' AND metric = 'page_view'")).await;
    app.spoil(&spoil("amount_fen = amount_fen - 1 WHERE scope = 'shop' AND metric = 'order_paid'")).await;
    app.rows().execute(&format!("DELETE FROM figure_visitors WHERE role = 'payers' AND day = {}", day.0)).await;
    let wrong = stored(&app).await;
    assert_ne!(wrong, recount(&events));
    let row = roll_up(&app.app, day, false, |_| {}).await.unwrap();
    assert_eq!(row.differences, 2, "{}", row.example);
    assert_eq!(stored(&app).await, wrong, "nobody asked for it");
    let mut session = app.app.database.read().await.unwrap();
    assert_eq!(data::figure::find_day(&mut session, day).await.unwrap(), Some(row));
    drop(session);
    assert_eq!(roll_up(&app.app, day, true, |_| {}).await.unwrap().differences, 2);
    assert_eq!(differing(&stored(&app).await, &recount(&events)), Vec::<String>::new());
    assert_eq!(roll_up(&app.app, day, false, |_| {}).await.unwrap().differences, 0);
    app.end().await;
}

#[tokio::test]
async fn a_late_event_moves_the_first_day_of_its_visitor() {
    let app = TestApp::new().await;
    let new_on = async |back: u64| {
        let day = Day(START.day()).before(back);
        let period = Period { from: day, to: day };
        figure::retention(&app.app, period).await.unwrap()[0].new_visitors
    };
    let at = |back: u64| START.minus(days(back));
    tell(&app, &[event(1, 1, EventKind::PageView, at(1))]).await;
    figure::catch_up(&app.app).await.unwrap();
    assert_eq!([new_on(3).await, new_on(1).await], [0, 1]);
    tell(&app, &[event(2, 1, EventKind::PageView, at(3)), event(3, 1, EventKind::PageView, at(2))]).await;
    figure::catch_up(&app.app).await.unwrap();
    assert_eq!([new_on(3).await, new_on(2).await, new_on(1).await], [1, 0, 0]);
    app.end().await;
}

#[tokio::test]
async fn who_came_back_and_how_far_they_got_is_counted_by_the_job_of_the_day() {
    let app = TestApp::new().await;
    let at = |back: u64| START.minus(days(back));
    let kinds = [EventKind::ProductView, EventKind::CartAdd, EventKind::OrderPlaced, EventKind::OrderPaid];
    let mut events = Vec::new();
    for (number, visitor) in [3_u64, 6, 9, 12].into_iter().enumerate() {
        // Each goes one step less far than the one before.
        for (step, kind) in kinds.iter().take(4 - number).enumerate() {
            let id = u64::try_from(number * 10 + step).unwrap();
            events.push(event(id, visitor, *kind, at(2)));
        }
    }
    events.push(event(100, 3, EventKind::PageView, at(1)));
    events.push(event(101, 6, EventKind::PageView, at(1)));
    // Bought without having looked: not in the funnel.
    events.push(event(102, 15, EventKind::OrderPaid, at(2)));
    tell(&app, &events).await;
    let mut lease = weizhan::compute::lease::Lease::new(&app.app, "schedule");
    weizhan::compute::schedule::turn(&app.app, &mut lease).await.unwrap();
    app.run_jobs().await;
    let days = Period { from: Day(at(2).day()), to: Day(at(2).day()) };
    let funnel = figure::funnel(&app.app, days).await.unwrap();
    let steps = [Metric::Viewers, Metric::FunnelCart, Metric::FunnelOrder, Metric::FunnelPaid];
    assert_eq!(funnel, steps.into_iter().zip([4, 3, 2, 1]).collect::<Vec<_>>());
    let retention = figure::retention(&app.app, days).await.unwrap();
    assert_eq!((retention[0].new_visitors, retention[0].retained.as_slice()), (4, [(1, 2)].as_slice()));
    app.end().await;
}

#[tokio::test]
async fn who_was_seen_is_forgotten_with_the_events_and_the_figures_stay() {
    let app = TestApp::new().await;
    tell(&app, &generate(9_000, 4, 17)).await;
    figure::catch_up(&app.app).await.unwrap();
    let all: Vec<_> = period(&app, 4).days().collect();
    for day in &all {
        roll_up(&app.app, *day, false, |_| {}).await.unwrap();
    }
    let seen = "SELECT COUNT(*) FROM figure_visitors";
    let (before, mut rows, mut more) = (stored(&app).await, vec![app.number(seen).await], Vec::new());
    loop {
        let mut session = app.app.database.write().await.unwrap();
        more.push(data::figure::forget_before(&mut session, all[2]).await.unwrap());
        session.commit().await.unwrap();
        rows.push(app.number(seen).await);
        if more.last() == Some(&false) {
            break;
        }
    }
    assert!(more.len() > 3, "in parts: {rows:?}");
    assert!(rows.windows(2).all(|two| two[0] - two[1] < 2_100), "{rows:?}");
    let kept = format!("{seen} WHERE day >= {}", all[2].0);
    assert_eq!(app.number(&kept).await, app.number(seen).await);
    assert!(app.number(seen).await > 0);
    app.advance(days(app.app.config.events.retain_days + 1));
    // What was derived from them is not made anew from nothing.
    for day in &all {
        roll_up(&app.app, *day, false, |_| {}).await.unwrap();
    }
    assert_eq!(stored(&app).await, before);
    app.end().await;
}
