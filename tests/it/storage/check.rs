//! `weizhan storage check`.

use super::{put, tool::Shop};
use crate::support::rows::same;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_and_what_no_row_names_is_told_and_only_that_is_removed() {
    for shop in Shop::each().await {
        shop.app.goods(1_990, 10).await;
        shop.app.buyer("ann").await;
        let told = shop.succeed(&["storage", "check"]);
        assert!(told.contains("0 objects; 0 missing; 0 named by no row"), "{told}");
        let change = async |text: &str| {
            let mut session = shop.app.app.database.write().await.unwrap();
            session.execute(same(text.to_owned()), ()).await.unwrap();
            session.commit().await.unwrap();
        };
        let pictures = r#"["/objects/p/one.png","https://elsewhere.test/objects/none.png"]"#;
        change(&format!("UPDATE products SET cover_url = '/objects/p/cover.png', pictures = '{pictures}'")).await;
        change("UPDATE users SET avatar_url = '/objects/avatar/a.jpg'").await;
        change(
            "INSERT INTO codes (id, scene, fingerprint, appid, page, query, version, width, picture_url, created_ms) \
             VALUES (1, 's', 'f', 'wx', 'p', '', 'release', 430, '/objects/code/s.png', 0)",
        )
        .await;
        let names = ["p/one.png", "p/cover.png", "avatar/a.jpg", "code/s.png", "orphan/a.png", "orphan/b.png"];
        for name in names {
            put(&shop.app.app.storage, name, b"12345").await;
        }
        let told = shop.succeed(&["storage", "check"]);
        assert!(told.contains("6 objects; 0 missing; 2 named by no row, 10 B"), "{told}");
        for name in ["p/one.png", "avatar/a.jpg"] {
            shop.app.app.storage.delete(&super::key(name)).await.unwrap();
        }
        let (status, told) = tokio::task::block_in_place(|| shop.run(&["storage", "check"]));
        assert!(status == Some(1) && told.contains("2 missing"), "{told}");
        assert!(told.contains("p/one.png is missing: products.pictures of "), "{told}");
        assert!(told.contains("avatar/a.jpg is missing: users.avatar_url of "), "{told}");
        put(&shop.app.app.storage, "p/one.png", b"12345").await;
        put(&shop.app.app.storage, "avatar/a.jpg", b"12345").await;
        // A backup is no orphan, whatever it is called.
        shop.succeed(&["backup"]);
        let told = shop.succeed(&["storage", "check", "--remove-orphans"]);
        assert!(told.contains("orphan/a.png is named by no row") && told.contains("nothing was removed"), "{told}");
        assert_eq!(shop.objects().await.len(), 6);
        let (status, told) = tokio::task::block_in_place(|| shop.run(&["storage", "check", "--yes"]));
        assert!(status == Some(2) && told.contains("--remove-orphans"), "{told}");
        let told = shop.succeed(&["storage", "check", "--remove-orphans", "--yes"]);
        assert!(told.contains("2 objects removed, 10 B"), "{told}");
        let left: Vec<_> = shop.objects().await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(left, ["avatar/a.jpg", "code/s.png", "p/cover.png", "p/one.png"]);
        assert_eq!(shop.succeed(&["backup", "--list"]).lines().count(), 1);
        shop.app.end().await;
    }
}
