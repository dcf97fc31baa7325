//! The daily job: at half past ten, missed days too, again while bills are being made, and loud before WeChat deletes one.

use super::{DAY, catch_up, end, morning_after, open, owner, shop, tricks, until};
use crate::support::{app::TestApp, rows::changed, shop::failing};
use serde_json::{Value, json};
use weizhan::{
    model::time::{Day, days, minutes},
    service::reconcile,
    simulator::BillTrick::{self, *},
};

async fn paid(app: &TestApp) -> String {
    let (goods, ann) = (app.goods(100, 5).await, app.buyer("ann").await);
    app.paid_order(&ann, &goods, 1).await.1
}

async fn states(app: &TestApp) -> Vec<String> {
    app.rows().texts("SELECT CONCAT(day, ' ', state) FROM reconciliations ORDER BY day").await
}

#[tokio::test]
async fn a_day_is_compared_at_half_past_ten_of_the_next() {
    let app = shop().await;
    catch_up(&app).await;
    assert_eq!(states(&app).await, Vec::<String>::new(), "nobody ever tried to pay");
    paid(&app).await;
    let due = morning_after(DAY);
    until(&app, due.minus(minutes(1))).await;
    catch_up(&app).await;
    assert_eq!(states(&app).await, Vec::<String>::new());
    until(&app, due).await;
    for _ in 0..2 {
        catch_up(&app).await;
        assert_eq!(states(&app).await, ["20261123 done"]);
        app.advance(minutes(1));
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM jobs WHERE kind = 'reconcile_bills'").await, 2, "one a day");
    end(app).await;
}

#[tokio::test]
async fn missed_days_are_caught_up_and_only_those() {
    let app = shop().await;
    paid(&app).await;
    until(&app, DAY.end().plus(days(3)).plus(minutes(700))).await;
    catch_up(&app).await;
    assert_eq!(states(&app).await, ["20261123 done", "20261124 done", "20261125 done", "20261126 done"]);
    let before = app.rows().dump().await;
    until(&app, app.app.now().plus(minutes(60))).await;
    catch_up(&app).await;
    let changed = changed(&before, &app.rows().dump().await);
    assert!(!changed.contains(&"reconciliations".to_owned()), "{changed:?}");
    let row = reconcile::run(&app.app, DAY).await.unwrap();
    assert_eq!((row.payments, row.open_differences), (1, 0));
    until(&app, app.app.now().plus(days(1))).await;
    catch_up(&app).await;
    assert_eq!(states(&app).await.last().unwrap(), "20261127 done");
    end(app).await;
}

#[tokio::test]
async fn a_bill_that_is_being_made_is_asked_for_each_half_hour() {
    let app = shop().await;
    paid(&app).await;
    until(&app, morning_after(DAY)).await;
    tricks(&app, vec![Creating]);
    for _ in 0..2 {
        catch_up(&app).await;
        assert_eq!(states(&app).await, ["20261123 waiting"]);
        app.advance(minutes(29));
        assert_eq!(app.run_jobs().await, 0);
        app.advance(minutes(1));
    }
    let told = app.rows().texts("SELECT error FROM reconciliations").await;
    assert_eq!(told, ["WeChat is still making the bill"]);
    tricks(&app, vec![]);
    app.run_jobs().await;
    assert_eq!((states(&app).await, open(&app, DAY).await), (vec!["20261123 done".to_owned()], vec![]));
    assert_eq!(app.rows().texts("SELECT error FROM reconciliations").await, [""]);
    end(app).await;
}

#[tokio::test]
async fn a_bill_that_is_not_wechats_or_not_whole_changes_nothing() {
    let app = shop().await;
    paid(&app).await;
    until(&app, morning_after(DAY)).await;
    let refused = async |what: &str, code: &str| {
        let before = app.rows().dump().await;
        reconcile::run(&app.app, DAY).await.expect_err(what);
        let told = app.rows().texts("SELECT error FROM reconciliations").await;
        assert!(told[0].contains(code), "{what}: {told:?}");
        let changed = changed(&before, &app.rows().dump().await);
        assert!(changed.iter().all(|table| table == "reconciliations"), "{what}: {changed:?}");
        assert_eq!(states(&app).await, ["20261123 waiting"], "{what}");
    };
    tricks(&app, vec![WrongHash]);
    refused("another hash", "bill_hash").await;
    tricks(&app, vec![WrongTotal]);
    refused("other totals", "is not the sum of the rows").await;
    tricks(&app, vec![]);
    app.simulator.faults().change(|faults| faults.unsigned_replies = true);
    refused("no signature", "header_missing").await;
    app.simulator.faults().clear();
    for path in ["/v3/bill/tradebill", "/v3/bill/fundflowbill", "/v3/billdownload"] {
        failing(&app, "GET", path, 1, 429, "FREQUENCY_LIMITED");
        refused(path, "FREQUENCY_LIMITED").await;
    }
    assert_eq!(reconcile::run(&app.app, DAY).await.unwrap().payments, 1);
    end(app).await;
}

#[tokio::test]
async fn a_day_without_any_bill_is_still_compared() {
    let app = shop().await;
    let number = paid(&app).await;
    until(&app, morning_after(DAY)).await;
    let row = reconcile::run(&app.app, Day(20_261_122)).await.unwrap();
    assert_eq!((row.payments, row.entries, row.open_differences), (0, 0, 0), "nothing was paid on the day before");
    tricks(&app, vec![BillTrick::DropPayment { out_trade_no: number }]);
    let row = reconcile::run(&app.app, DAY).await.unwrap();
    assert_eq!((row.payments, row.open_differences), (0, 1), "and on this one WeChat has nothing of what was paid");
    end(app).await;
}

#[tokio::test]
async fn a_day_that_waits_a_week_before_the_bills_are_gone_raises_the_alarm() {
    let app = shop().await;
    paid(&app).await;
    tricks(&app, vec![Creating]);
    until(&app, morning_after(DAY)).await;
    catch_up(&app).await;
    let alarms = async || -> Vec<Value> {
        let page = owner(&app).await.get("/admin/v1/reconciliations?limit=100").send().await.expect(200);
        let rows = page["items"].as_array().unwrap().iter().filter(|row| row["alarm"] == true);
        rows.map(|row| row["day"].clone()).collect()
    };
    until(&app, DAY.start().plus(days(82)).plus(minutes(700))).await;
    assert_eq!(alarms().await, Vec::<Value>::new());
    until(&app, DAY.start().plus(days(83)).plus(minutes(700))).await;
    assert_eq!(alarms().await, [json!("2026-11-23")]);
    tricks(&app, vec![]);
    catch_up(&app).await;
    assert_eq!(alarms().await, Vec::<Value>::new());
    assert_eq!(states(&app).await.len(), 83);
    assert!(states(&app).await.iter().all(|state| state.ends_with("done")));
    let page = owner(&app).await.get("/admin/v1/reconciliations?limit=2").send().await.expect(200);
    let next = page["next"].as_str().expect("more");
    let rest =
        owner(&app).await.get(&format!("/admin/v1/reconciliations?limit=100&cursor={next}")).send().await.expect(200);
    assert_eq!(rest["items"].as_array().unwrap().len(), 81);
    end(app).await;
}
