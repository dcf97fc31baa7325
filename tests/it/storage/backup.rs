//! `weizhan backup` and `weizhan restore`.

use super::{noise, put, tool::Shop};
use crate::support::{
    app::database_url,
    rows::{dump, same},
};
use std::{collections::BTreeMap, path::Path};
use weizhan::{
    config::{self, Secret},
    data::{Database, Error, transfer::Source},
};

/// Something in every corner: an order that was paid, objects of no bytes and of several parts.
async fn use_it(shop: &Shop) -> BTreeMap<String, Vec<String>> {
    let goods = shop.app.goods(1_990, 10).await;
    let buyer = shop.app.buyer("ann").await;
    shop.app.paid_order(&buyer, &goods, 2).await;
    for (name, length) in [("p/a.png", 100_000), ("p/empty", 0), ("avatar/2026/b.jpg", 1), ("film.mp4", 20_000_000)] {
        put(&shop.app.app.storage, name, &noise(length)).await;
    }
    dump(&shop.app.app.database).await
}

/// All rows of another database, without the list of migrations, which has times of its own.
async fn rows(shop: &Shop, url: &str) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let settings = config::Database { url: Secret::new(url), ..shop.app.app.config.database.clone() };
    let database = Database::open(&settings).await?;
    let rows = dump(&database).await;
    database.close().await;
    Ok(rows)
}

/// What counts of a dump: the list of migrations is each database's own.
fn without_migrations(mut rows: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    rows.remove("migrations");
    rows
}

async fn wipe(shop: &Shop) {
    for (name, _) in shop.app.app.storage.list("").await.unwrap() {
        assert!(shop.app.app.storage.delete(&super::key(&name)).await.unwrap());
    }
    assert!(shop.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_wiped_comes_back_with_every_row_and_every_object() {
    for shop in Shop::each().await {
        let before = without_migrations(use_it(&shop).await);
        let objects = shop.objects().await;
        assert_eq!(objects.len(), 4);
        let told = shop.succeed(&["backup", "--to", "shop.backup"]);
        assert!(told.contains("4 objects") && told.contains("read once more and whole"), "{told}");
        let told = shop.succeed(&["backup"]);
        let name = told.split(':').next().unwrap().to_owned();
        let listed = shop.succeed(&["backup", "--list"]);
        assert!(listed.starts_with(&name) && listed.lines().count() == 1, "{name} {listed}");
        for source in [&["restore", "--from", "shop.backup"][..], &["restore", &name]] {
            wipe(&shop).await;
            let url = database_url(&shop.folder).await;
            let directory = &shop.app.app.config.storage.directory;
            let (status, told) = tokio::task::block_in_place(|| shop.run_on(&url, directory, source));
            assert!(status == Some(0) && told.contains("checks hold") && told.contains("4 objects"), "{told}");
            assert_eq!(without_migrations(rows(&shop, &url).await.unwrap()), before);
            assert!(shop.objects().await == objects, "other objects came back");
            let (status, told) = tokio::task::block_in_place(|| shop.run_on(&url, directory, source));
            assert!(status == Some(1) && told.contains("the target is not empty"), "{told}");
            if let Some(file) = url.strip_prefix("sqlite:") {
                std::fs::remove_file(file).unwrap();
            }
        }
        // Nobody gets it who has a name for it.
        let file = format!("/objects/.backup/{name}");
        for path in [file.clone(), file.replace("/.", "/%2E")] {
            shop.app.nobody().get(&path).send().await.expect(404);
        }
        shop.app.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_an_open_shop_is_of_one_moment() {
    for shop in Shop::each().await {
        use_it(&shop).await;
        // Somebody is in the middle of a change, which is not in it, and is not in its way.
        let mut session = shop.app.app.database.write().await.unwrap();
        session.execute(same("UPDATE users SET nickname = 'later'".to_owned()), ()).await.unwrap();
        shop.succeed(&["backup", "--to", "open.backup"]);
        session.commit().await.unwrap();
        let after = without_migrations(dump(&shop.app.app.database).await);
        let url = database_url(&shop.folder).await;
        let directory = shop.folder.path().join("elsewhere");
        let (status, told) =
            tokio::task::block_in_place(|| shop.run_on(&url, &directory, &["restore", "--from", "open.backup"]));
        assert_eq!(status, Some(0), "{told}");
        let restored = without_migrations(rows(&shop, &url).await.unwrap());
        let differ: Vec<_> = after.iter().filter(|(table, rows)| restored.get(*table) != Some(*rows)).collect();
        assert_eq!(differ.iter().map(|(table, _)| table.as_str()).collect::<Vec<_>>(), ["users"]);
        shop.app.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_after_its_moment_is_not_in_a_backup() {
    let [shop, other] = Shop::each().await;
    use_it(&shop).await;
    let database = &shop.app.app.config.database;
    let mut source = Source::snapshot(database).await.unwrap();
    // Neither in a table that was read before nor in one that was not.
    let all = source.tables().to_vec();
    let users = all.iter().find(|table| table.name == "users").unwrap();
    let before = source.digest(users, |_| ()).await.unwrap();
    let mut session = shop.app.app.database.write().await.unwrap();
    for table in ["users SET nickname = 'later'", "products SET title = 'later'"] {
        session.execute(same(format!("UPDATE {table}")), ()).await.unwrap();
    }
    session.commit().await.unwrap();
    let mut later = Source::snapshot(database).await.unwrap();
    for table in &all {
        let (then, now) = (source.digest(table, |_| ()).await.unwrap(), later.digest(table, |_| ()).await.unwrap());
        assert_eq!(then != now, ["users", "products"].contains(&table.name.as_str()), "{}", table.name);
    }
    assert_eq!(source.digest(users, |_| ()).await.unwrap(), before);
    source.close().await.unwrap();
    later.close().await.unwrap();
    shop.app.end().await;
    other.app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_backup_or_an_altered_one_is_none() {
    let [shop, other] = Shop::each().await;
    use_it(&shop).await;
    shop.succeed(&["backup", "--to", "whole.backup"]);
    let told = shop.succeed(&["restore", "--from", "whole.backup", "--check"]);
    assert!(told.contains("it is whole; nothing was written"), "{told}");
    let whole = std::fs::read(shop.path("whole.backup")).unwrap();
    for word in ["orders", "p/a.png", "13800000000", "schema"] {
        assert!(!whole.windows(word.len()).any(|part| part == word.as_bytes()), "{word} can be read");
    }
    let frame = 4 + (256 << 10) + 16;
    let (first, second) = (48, 48 + frame);
    let mut swapped = whole.clone();
    swapped[first..second].copy_from_slice(&whole[second..second + frame]);
    swapped[second..second + frame].copy_from_slice(&whole[first..second]);
    let altered = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let doubled = [&whole[..second], &whole[first..]].concat();
    let cases = [
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("cut at a frame", whole[..second].to_vec()),
        ("more", [&whole[..], b"x"].concat()),
        ("nothing", Vec::new()),
        ("another file", b"PK\x03\x04 and so on, for more than the bytes of a header".to_vec()),
        ("salt", altered(20)),
        ("a bit of a frame", altered(1_000)),
        ("the last bit", altered(whole.len() - 1)),
        ("the mark of the last", altered(first)),
        ("swapped", swapped),
        ("doubled", doubled),
    ];
    let url = database_url(&shop.folder).await;
    for (what, bytes) in cases {
        std::fs::write(shop.path("bad.backup"), bytes).unwrap();
        let (status, told) = shop.run_on(&url, Path::new("never"), &["restore", "--from", "bad.backup"]);
        assert!(status == Some(1) && told.contains("weizhan: "), "{what}: {told}");
        assert!(!told.contains("tables with"), "{what}: {told}");
        let (status, told) = shop.run(&["restore", "--from", "bad.backup", "--check"]);
        assert_eq!(status, Some(1), "{what}: {told}");
    }
    // What an unfinished restore left is served by nobody, and started over.
    let refused = rows(&shop, &url).await;
    assert!(matches!(&refused, Err(Error::Unfit(text)) if text.contains("not finished")), "{refused:?}");
    let (status, told) = shop.run_on(&url, Path::new("again"), &["restore", "--from", "whole.backup"]);
    assert!(status == Some(0) && told.contains("started over"), "{told}");
    // Another key; a key that is none; a file that is there.
    std::fs::write(shop.path("other-key"), "another key of the tests, as long as the first").unwrap();
    let (status, told) = shop.run(&["restore", "--from", "whole.backup", "--check", "--key-file", "other-key"]);
    assert!(status == Some(1) && told.contains("the key is another"), "{told}");
    std::fs::write(shop.path("other-key"), "short").unwrap();
    let (status, told) = shop.run(&["backup", "--to", "new.backup", "--key-file", "other-key"]);
    assert!(status == Some(1) && told.contains("it is no key") && !told.contains("short"), "{told}");
    let (status, told) = shop.run(&["backup", "--to", "whole.backup"]);
    assert!(status == Some(1) && told.contains("is there already"), "{told}");
    let (status, told) = shop.run(&["restore", "../key"]);
    assert!(status == Some(1) && told.contains("not an object key"), "{told}");
    let left: Vec<_> = std::fs::read_dir(shop.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".draft")), "{left:?}");
    shop.app.end().await;
    other.app.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_cannot_be_finished_leaves_nothing() {
    use weizhan::simulator::{CosFault, CosOperation, CosTrouble};
    let [folder, shop] = Shop::each().await;
    use_it(&shop).await;
    let simulator = &shop.bucket.as_ref().unwrap().cos;
    let refuse = CosTrouble::Refuse { status: 403, code: "AccessDenied".to_owned() };
    for (operation, prefix, count) in [
        (CosOperation::CompleteMultipartUpload, ".backup/", 1),
        (CosOperation::GetObject, "film", 99),
        (CosOperation::GetObject, ".backup/", 99),
    ] {
        let (prefix, trouble) = (prefix.to_owned(), refuse.clone());
        simulator.set_faults(vec![CosFault { operation: Some(operation), prefix, count, trouble }]);
        let (status, told) = tokio::task::block_in_place(|| shop.run(&["backup"]));
        assert!(status == Some(1) && told.contains("AccessDenied"), "{operation:?}: {told}");
        simulator.set_faults(Vec::new());
        let kept: Vec<_> = simulator.objects().into_iter().filter(|(name, _)| name.starts_with('.')).collect();
        assert_eq!((kept, simulator.uploads()), (Vec::new(), 0), "{operation:?}");
    }
    // By name and sum: the bytes of the bucket are looked after by somebody else, and must be there.
    let told = shop.succeed(&["backup", "--without-objects", "--to", "rows.backup"]);
    assert!(told.contains("4 objects"), "{told}");
    assert!(std::fs::metadata(shop.path("rows.backup")).unwrap().len() < 1_000_000);
    let restore = ["restore", "--from", "rows.backup"];
    let url = database_url(&shop.folder).await;
    put(&shop.app.app.storage, "p/a.png", b"another picture").await;
    let here = &shop.app.app.config.storage.directory;
    let (status, told) = tokio::task::block_in_place(|| shop.run_on(&url, here, &restore));
    assert!(status == Some(1) && told.contains("object p/a.png is another than it was"), "{told}");
    put(&shop.app.app.storage, "p/a.png", &noise(100_000)).await;
    let (status, told) = tokio::task::block_in_place(|| shop.run_on(&url, here, &restore));
    assert!(status == Some(0) && told.contains("objects by name and sum"), "{told}");
    shop.app.end().await;
    folder.app.end().await;
}
