//! What is in the files.

use crate::support::app::{START, TestApp};
use parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::Field,
};
use std::{collections::BTreeMap, fs, path::Path, pin::pin, task::Poll};
use weizhan::{
    data::{self, Sql},
    model::{
        event::{Event, EventKind},
        export::ExportTable,
        figure::Grain,
        id::ProductId,
        money::Fen,
        time::{Day, Timestamp, days, minutes},
    },
    service::{
        export::{self, Exported, Outcome, Progress, Span},
        figure,
    },
    storage::{Lake, LakeTable},
};

/// The day on which tests begin.
const TODAY: Day = Day(20_261_123);

fn span(table: ExportTable, from: Day, to: Day) -> Span {
    Span { table, from, to, overwrite: false }
}

fn event(number: i64, occurred_ms: Timestamp) -> Event {
    Event {
        event_id: format!("event-{number}"),
        source: format!("phone-{}", number % 5),
        visitor: format!("sphone-{}", number % 5),
        kind: EventKind::ALL[usize::try_from(number).unwrap() % EventKind::ALL.len()],
        occurred_ms,
        received_ms: occurred_ms.plus(minutes(1)),
        page: "pages/商品/index".to_owned(),
        channel: "1001".to_owned(),
        product_id: (number % 3 == 0).then_some(ProductId(number + 1)),
        amount_fen: Fen(number * 7),
        name: "龙井 🍵".to_owned(),
        detail: "{\"a\":1}".to_owned(),
    }
}

async fn append(app: &TestApp, events: &[Event]) {
    let mut session = app.app.database.write().await.unwrap();
    assert_eq!(data::event::append(&mut session, events).await.unwrap(), events.len());
    session.commit().await.unwrap();
}

async fn run(app: &TestApp, lake: &Lake, span: Span) -> Vec<Exported> {
    export::run(&app.app, lake, span, |_| {}).await.unwrap()
}

fn outcomes(exported: &[Exported]) -> Vec<(Outcome, u64)> {
    exported.iter().map(|day| (day.outcome, day.manifest.rows)).collect()
}

/// The rows of a file, each as its names and values.
fn rows(lake: &Lake, table: &str, day: Day) -> Vec<BTreeMap<String, Field>> {
    let path = lake.root().join(format!("{table}/day={day}/part-0000.parquet"));
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_column_iter().map(|(name, value)| (name.clone(), value.clone())).collect())
        .collect()
}

/// What is below a folder: names, and the bytes of files.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(tree(&path));
        } else {
            all.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_in_the_file_of_its_day_once() {
    let (app, home) = (TestApp::new().await, tempfile::tempdir().unwrap());
    let lake = Lake::at(home.path().to_owned());
    let from = TODAY.before(2);
    // The last moment before the days, their first and last moments, and the first one behind them.
    let edges = [from.start().0 - 1, from.start().0, from.end().0 - 1, from.end().0, TODAY.end().0 - 1, TODAY.end().0];
    let mut all: Vec<_> = (0..).zip(edges).map(|(number, time)| event(number, Timestamp(time))).collect();
    all.extend(
        (6..900).map(|number| event(number, from.start().plus(minutes(u64::try_from(number * 911 % 4_320).unwrap())))),
    );
    for chunk in all.chunks(200) {
        append(&app, chunk).await;
    }
    let (mut total, mut read) = (0, 0);
    let exported = export::run(&app.app, &lake, span(ExportTable::Events, from, TODAY), |progress| match progress {
        Progress::Total(rows) => total = rows,
        Progress::Read(rows) => read += rows,
    });
    let exported = exported.await.unwrap();
    assert_eq!((total, read), (900, 900));
    assert_eq!(exported.iter().map(|day| day.manifest.over).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(exported.iter().map(|day| day.manifest.rows).sum::<u64>(), 898);
    for exported in exported {
        let day = exported.manifest.day;
        let found = rows(&lake, "events", day);
        assert_eq!(found.len() as u64, exported.manifest.rows);
        let mut found: BTreeMap<_, _> = found.into_iter().map(|row| (row["event_id"].to_string(), row)).collect();
        for event in all.iter().filter(|event| event.occurred_ms.day() == day.0) {
            let row = found.remove(&format!("\"{}\"", event.event_id)).unwrap_or_else(|| panic!("{event:?}"));
            let text = |text: &str| Field::Str(text.to_owned());
            let product = event.product_id.map_or(Field::Null, |id| Field::Long(id.0));
            for (name, value) in [
                ("partition_no", Field::Long(event.partition())),
                ("source", text(&event.source)),
                ("visitor", text(&event.visitor)),
                ("kind", text(event.kind.word())),
                ("occurred_ms", Field::Long(event.occurred_ms.0)),
                ("received_ms", Field::Long(event.received_ms.0)),
                ("page", text(&event.page)),
                ("channel", text(&event.channel)),
                ("product_id", product),
                ("amount_fen", Field::Long(event.amount_fen.0)),
                ("name", text(&event.name)),
                ("detail", text(&event.detail)),
            ] {
                assert_eq!(row[name], value, "{name} of {event:?}");
            }
            assert_eq!(row.len(), 14);
        }
        assert!(found.is_empty(), "{found:?}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_again_it_changes_nothing_but_what_is_new() {
    let (app, home) = (TestApp::new().await, tempfile::tempdir().unwrap());
    let lake = Lake::at(home.path().to_owned());
    let span = span(ExportTable::Events, TODAY.before(1), TODAY.before(0));
    let all: Vec<_> =
        (0..50).map(|number| event(number, START.minus(minutes(u64::try_from(number).unwrap() * 40)))).collect();
    append(&app, &all).await;
    let first = outcomes(&run(&app, &lake, span).await);
    assert_eq!(first, [(Outcome::Written, 31), (Outcome::Written, 19)]);
    let before = tree(lake.root());
    let again = outcomes(&run(&app, &lake, span).await);
    assert_eq!(again, [(Outcome::Unchanged, 31), (Outcome::Unchanged, 19)]);
    assert_eq!(tree(lake.root()), before);
    // One that comes late changes its own day.
    append(&app, &[event(50, TODAY.before(1).start())]).await;
    let late = outcomes(&run(&app, &lake, span).await);
    assert_eq!(late, [(Outcome::Written, 32), (Outcome::Unchanged, 19)]);
    // The rows are the same ones when the day is over; what is said of it is not.
    app.advance(days(1));
    let over = run(&app, &lake, span).await;
    assert_eq!(outcomes(&over), [(Outcome::Unchanged, 32), (Outcome::Written, 19)]);
    assert!(over[1].manifest.over);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_shop_has_forgotten_stays_exported() {
    const FORGET: Sql = Sql {
        name: "export::FORGET",
        mysql: "DELETE FROM event_log WHERE position <= 2",
        sqlite: "DELETE FROM event_log WHERE position <= 2",
    };
    let (app, home) = (TestApp::new().await, tempfile::tempdir().unwrap());
    let lake = Lake::at(home.path().to_owned());
    let all: Vec<_> = (0..50).map(|number| event(number, TODAY.start())).collect();
    append(&app, &all).await;
    let mut span = span(ExportTable::Events, TODAY, TODAY);
    run(&app, &lake, span).await;
    let before = tree(lake.root());
    let mut session = app.app.database.write().await.unwrap();
    let forgotten = session.execute(FORGET, ()).await.unwrap();
    session.commit().await.unwrap();
    let left = 50 - forgotten;
    assert!(left > 0 && left < 50);
    assert_eq!(outcomes(&run(&app, &lake, span).await), [(Outcome::Kept(left), 50)]);
    assert_eq!(tree(lake.root()), before);
    span.overwrite = true;
    assert_eq!(outcomes(&run(&app, &lake, span).await), [(Outcome::Written, left)]);
    app.stop().await;
}

/// How often an export is given up at each of its steps.
const PASSES_MAX: usize = 20;

/// Give an export up after that many steps; `None` if it was, else what it came to.
async fn cut_off(app: &TestApp, lake: &Lake, span: Span, after: usize) -> Option<Vec<Exported>> {
    let (mut steps, mut export) = (0, pin!(export::run(&app.app, lake, span, |_| {})));
    std::future::poll_fn(|context| {
        steps += 1;
        match export.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended.unwrap())),
            Poll::Pending if steps > after => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The table, once the writer of an export that was given up has let go of it.
async fn let_go(lake: &Lake, table: &str) -> LakeTable {
    loop {
        match lake.open(table) {
            Ok(table) => return table,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_off_it_leaves_no_day_and_the_next_is_whole() {
    let app = TestApp::new().await;
    let all: Vec<_> = (0..50).map(|number| event(number, TODAY.start())).collect();
    append(&app, &all).await;
    let (span, mut left_nothing) = (span(ExportTable::Events, TODAY, TODAY), 0);
    // Where threads wait for the processor, the database may have answered before it is looked at, and the export is done
    // at its first step: then once more.
    for _ in 0..PASSES_MAX {
        if left_nothing > 0 {
            break;
        }
        // Given up after each of its steps in turn, until it gets to its end.
        for after in 0.. {
            let home = tempfile::tempdir().unwrap();
            let lake = Lake::at(home.path().to_owned());
            if let Some(exported) = cut_off(&app, &lake, span, after).await {
                assert_eq!(outcomes(&exported), [(Outcome::Written, 50)]);
                break;
            }
            let table = let_go(&lake, "events").await;
            if let Some(manifest) = table.find(TODAY).unwrap() {
                // All rows had been handed over: then its writer ended what it had, whole.
                assert_eq!((manifest.rows, rows(&lake, "events", TODAY).len()), (50, 50));
            } else {
                let left = tree(lake.root());
                assert!(left.keys().all(|name| name.strip_suffix(".lock").is_some()), "{:?}", left.keys());
                left_nothing += 1;
            }
            drop(table);
            let next = loop {
                match export::run(&app.app, &lake, span, |_| {}).await {
                    Ok(exported) => break exported,
                    // A writer that had not begun when the table was looked at.
                    Err(error) => assert!(format!("{error:?}").contains("another export"), "{error:?}"),
                }
            };
            assert!(matches!(outcomes(&next)[..], [(Outcome::Written | Outcome::Unchanged, 50)]), "{next:?}");
        }
    }
    assert!(left_nothing > 0, "none was given up early");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_leave_as_they_are_shown() {
    let (app, home) = (TestApp::new().await, tempfile::tempdir().unwrap());
    let lake = Lake::at(home.path().to_owned());
    // Half of them an hour before midnight.
    let all = (0..60).map(|number| event(number, TODAY.start().minus(minutes(if number % 2 == 0 { 60 } else { 0 }))));
    append(&app, &all.collect::<Vec<_>>()).await;
    figure::catch_up(&app.app).await.unwrap();
    let exported = run(&app, &lake, span(ExportTable::Figures, TODAY.before(1), TODAY)).await;
    assert!(matches!(outcomes(&exported)[..], [(Outcome::Written, 1..), (Outcome::Written, 1..)]), "{exported:?}");
    for day in [TODAY.before(1), TODAY] {
        let mut session = app.app.database.read().await.unwrap();
        let mut stored = Vec::new();
        for grain in [Grain::Hour, Grain::Day] {
            let rows = data::figure::list(&mut session, grain, (day.start(), day.end())).await.unwrap();
            stored.extend(rows.into_iter().map(|(window, sum)| {
                let texts = [window.grain.word(), window.scope.word(), &window.scope_key, window.metric.word()];
                (texts.map(str::to_owned), [window.start_ms.0, sum.total, sum.amount_fen.0])
            }));
        }
        let mut found: Vec<_> = rows(&lake, "figures", day)
            .iter()
            .map(|row| {
                let text = |name: &str| if let Field::Str(text) = &row[name] { text.clone() } else { panic!("{name}") };
                let number = |name: &str| if let Field::Long(of) = row[name] { of } else { panic!("{name}") };
                let texts = ["grain", "scope", "scope_key", "metric"].map(text);
                (texts, ["start_ms", "total", "amount_fen"].map(number))
            })
            .collect();
        stored.sort();
        found.sort();
        assert_eq!(found, stored);
        assert!(found.iter().any(|(texts, [_, total, _])| texts[0] == "hour" && texts[1] == "product" && *total > 0));
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_leave_without_who_bought_and_are_not_served() {
    let app = TestApp::new().await;
    let goods = app.goods(1_990, 10).await;
    let buyer = app.buyer("ann").await;
    let (paid, _) = app.paid_order(&buyer, &goods, 2).await;
    let unpaid = buyer.order(&goods, 3).await.expect(201);
    let lake = app.app.storage.lake();
    let exported = run(&app, &lake, span(ExportTable::Orders, TODAY, TODAY)).await;
    assert_eq!(outcomes(&exported), [(Outcome::Written, 2)]);
    let rows = rows(&lake, "orders", TODAY);
    let columns =
        ["adjustment_fen", "appid", "created_ms", "freight_fen", "goods_fen", "id", "number", "paid_ms", "qty"];
    let columns: Vec<_> = columns.into_iter().chain(["refunded_fen", "state", "total_fen", "visitor"]).collect();
    for (row, (order, state, qty)) in rows.iter().zip([(&paid, "paid", 2), (&unpaid, "pending", 3)]) {
        assert_eq!(row.keys().map(String::as_str).collect::<Vec<_>>(), columns);
        assert_eq!(row["id"].to_string(), order["id"].as_str().unwrap());
        assert_eq!((&row["state"], &row["qty"]), (&Field::Str(state.to_owned()), &Field::Long(qty)));
        assert_eq!(row["goods_fen"], Field::Long(1_990 * qty));
        assert_eq!(row["paid_ms"] == Field::Null, state == "pending");
        let told = format!("{row:?}");
        for word in ["ann", "王小明", "13800000000", "文三路", "openid"] {
            assert!(!told.contains(word), "{word} in {told}");
        }
    }
    // By no name that a request can say.
    for name in [".lake/orders/day=2026-11-23/part-0000.parquet", ".lake/manifests/orders/2026-11-23.json"] {
        assert!(app.app.config.storage.directory.join(name).is_file(), "{name}");
        for name in [name.to_owned(), name.replace('=', "%3D"), name.replace('.', "%2E")] {
            app.nobody().get(&format!("/objects/{name}")).send().await.expect(404);
        }
    }
    app.end().await;
}
