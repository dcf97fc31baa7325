//! A change and what it makes old: forgotten also when the writer dies after its commit, and on nodes that nobody tells.

use crate::support::{
    app::{Setup, TestApp},
    client::User,
    shop::Goods,
};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use weizhan::{
    model::{id::ProductId, job::JobState},
    service,
};

/// The title under which a product is shown.
async fn title(app: &TestApp, goods: &Goods) -> String {
    let product = app.nobody().get(&format!("/v1/products/{}", goods.product_id)).send().await.expect(200);
    product["title"].as_str().expect("a title").to_owned()
}

/// The titles of a list.
async fn titles(app: &TestApp) -> Vec<String> {
    let page = app.nobody().get("/v1/products").send().await.expect(200);
    let items = page["items"].as_array().expect("items").iter();
    items.map(|item| item["title"].as_str().expect("a title").to_owned()).collect()
}

/// Change the title as a writer does that is killed between its commit and its forgetting.
async fn change_and_die(app: &TestApp, goods: &Goods, title: &str) {
    let id: ProductId = goods.product_id.parse().expect("id");
    let mut session = app.app.database.write().await.expect("write");
    let mut product = weizhan::data::product::find(&mut session, id).await.expect("find").expect("a product");
    title.clone_into(&mut product.title);
    assert!(weizhan::data::product::update(&mut session, &product, app.app.now()).await.expect("update"));
    let _never = service::product::changed(&app.app, &mut session, id).await.expect("mark");
    session.commit().await.expect("commit");
}

/// Without Redis its own memory is all a node has: what another run of this suite tells is not heard.
async fn alone() -> TestApp {
    TestApp::with(Setup { overrides: vec![("cache.redis_url", String::new())], ..Setup::default() }).await
}

#[tokio::test]
async fn a_writer_that_dies_after_its_commit_leaves_nothing_old_behind() {
    let app = alone().await;
    let goods = app.goods(100, 1).await;
    assert_eq!((title(&app, &goods).await, titles(&app).await), ("龙井".to_owned(), vec!["龙井".to_owned()]));
    change_and_die(&app, &goods, "碧螺春").await;
    assert_eq!(title(&app, &goods).await, "龙井", "nobody has forgotten it yet");
    app.advance(Duration::from_secs(1));
    assert_eq!(title(&app, &goods).await, "龙井", "its budget is longer than that");
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!((title(&app, &goods).await, titles(&app).await), ("碧螺春".to_owned(), vec!["碧螺春".to_owned()]));
    app.end().await;
}

#[tokio::test]
async fn changes_leave_no_jobs_behind() {
    let app = alone().await;
    let (goods, owner) = (app.goods(100, 1).await, app.owner().await);
    let jobs = "SELECT COUNT(*) FROM jobs WHERE kind = 'forget_cached'";
    assert_eq!(app.number(jobs).await, 0, "what was forgotten in time has withdrawn its job");
    change_and_die(&app, &goods, "碧螺春").await;
    change_and_die(&app, &goods, "铁观音").await;
    assert_eq!(app.number(jobs).await, 2);
    app.advance(Duration::from_secs(1));
    assert_eq!(app.run_jobs().await, 2);
    assert_eq!(app.number(jobs).await, 0, "one that is done is not kept");
    create_shelf(&owner, "杯").await;
    assert_eq!(app.number(jobs).await, 0);
    app.end().await;
}

async fn create_shelf(owner: &User, name: &str) {
    owner.post("/admin/v1/categories").json(&json!({ "name": name, "position": 9 })).send().await.expect(201);
}

#[tokio::test]
async fn a_job_that_redis_does_not_hear_is_tried_again() {
    // Nothing listens on port 1.
    let overrides = vec![("cache.redis_url", "redis://127.0.0.1:1".to_owned())];
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let goods = app.goods(100, 1).await;
    change_and_die(&app, &goods, "碧螺春").await;
    app.advance(Duration::from_secs(1));
    let count = app.number("SELECT COUNT(*) FROM jobs WHERE kind = 'forget_cached'").await;
    assert_eq!(count, 3, "those of the shelf and of the product were not heard either");
    assert_eq!(app.run_jobs().await, 3);
    let mut session = app.app.database.read().await.expect("read");
    let waiting = weizhan::data::job::list(&mut session, JobState::Ready, i64::MAX, 9).await.expect("jobs");
    drop(session);
    assert_eq!(waiting.iter().filter(|job| job.kind == "forget_cached" && job.attempt == 1).count(), 3);
    assert_eq!(title(&app, &goods).await, "碧螺春", "this node has forgotten all the same");
    app.stop().await;
}

#[tokio::test]
async fn nodes_without_redis_see_a_new_shelf_after_a_look_and_not_after_five_minutes() {
    let one = alone().await;
    let database_url = Some(one.app.config.database.url.expose().to_owned());
    let overrides = vec![("cache.redis_url", String::new()), ("node.id", "1".to_owned())];
    let other = TestApp::with(Setup { overrides, database_url, ..Setup::default() }).await;
    let shelves = async |app: &TestApp| {
        let list = app.nobody().get("/v1/categories").send().await.expect(200);
        list.as_array().expect("a list").len()
    };
    let (owner, mut seen) = (one.owner().await, BTreeMap::new());
    for count in 1..=3 {
        create_shelf(&owner, &format!("{count}")).await;
        assert_eq!(shelves(&one).await, count);
        assert_eq!(shelves(&other).await, count - usize::from(count > 1), "nobody tells the other node");
        service::hot::look(&other.app, &mut seen).await.expect("look");
        assert_eq!(shelves(&other).await, count);
    }
    // Nothing new: what is there stays.
    let loads = || other.app.cache.counts().iter().find(|counts| counts.namespace == "categories").map(|c| c.loads);
    let before = loads();
    service::hot::look(&other.app, &mut seen).await.expect("look");
    assert_eq!((shelves(&other).await, loads()), (3, before));
    // The database is the first one's.
    other.end().await;
    one.end().await;
}
