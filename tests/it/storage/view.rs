//! `GET /objects/{key}`, and reading in pieces.

use super::{House, key, noise, open, put, read};
use crate::support::{
    app::{Setup, TestApp},
    bucket::Bucket,
    servers::Folder,
};
use weizhan::{
    model::object::{ByteRange, Reader},
    storage::Found,
};

/// The application with its objects in a folder, and in a bucket.
async fn each() -> [(TestApp, Option<Bucket>); 2] {
    let bucket = Bucket::new().await;
    let in_bucket = TestApp::with(bucket.setup()).await;
    [(TestApp::new().await, None), (in_bucket, Some(bucket))]
}

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut request = http.get(format!("{}{path}", app.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, told) = (response.status().as_u16(), response.headers().clone());
    (status, told, response.bytes().await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_served_whole_in_part_or_not_again() {
    for (app, _bucket) in each().await {
        let bytes = noise(1_000_000);
        put(&app.app.storage, "p/film.mp4", &bytes).await;
        let (status, told, body) = get(&app, "/objects/p/film.mp4", &[]).await;
        assert_eq!((status, body == bytes), (200, true));
        let tag = told["etag"].to_str().unwrap().to_owned();
        let header = |name: &str| told[name].to_str().unwrap().to_owned();
        assert_eq!([header("content-length"), header("content-type")], ["1000000", "video/mp4"]);
        assert_eq!([header("accept-ranges"), header("x-content-type-options")], ["bytes", "nosniff"]);
        assert!(
            header("cache-control").contains("max-age=86400") && header("content-security-policy").contains("sandbox")
        );
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=500000-", 500_000, 999_999),
            ("bytes=-5", 999_995, 999_999),
            ("bytes=9-2000000", 9, 999_999),
        ] {
            for headers in [&[("range", range)][..], &[("range", range), ("if-range", &tag)]] {
                let (status, told, body) = get(&app, "/objects/p/film.mp4", headers).await;
                assert_eq!((status, &body[..]), (206, &bytes[first..=last]), "{range}");
                assert_eq!(told["content-range"], format!("bytes {first}-{last}/1000000"));
                assert_eq!(told["etag"], tag.as_str());
            }
        }
        // The part of another object than the one that the reader has the beginning of.
        let (status, _, body) =
            get(&app, "/objects/p/film.mp4", &[("range", "bytes=5-9"), ("if-range", "\"old\"")]).await;
        assert_eq!((status, body.len()), (200, 1_000_000));
        for range in ["bytes=3-2", "bytes=1-2,4-5", "lines=1-2"] {
            assert_eq!(get(&app, "/objects/p/film.mp4", &[("range", range)]).await.0, 200, "{range}");
        }
        let (status, told, body) = get(&app, "/objects/p/film.mp4", &[("range", "bytes=1000000-")]).await;
        assert_eq!((status, &told["content-range"]), (416, &"bytes */1000000".parse().unwrap()));
        assert!(String::from_utf8(body).unwrap().contains("http.range_not_satisfiable"));
        for has in [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}"), "*".to_owned()] {
            let (status, _, body) = get(&app, "/objects/p/film.mp4", &[("if-none-match", &has)]).await;
            assert_eq!((status, body.len()), (304, 0), "{has}");
        }
        assert_eq!(get(&app, "/objects/p/film.mp4", &[("if-none-match", "\"a\"")]).await.0, 200);
        // Its tag is another when it is.
        put(&app.app.storage, "p/film.mp4", b"").await;
        let (status, told, body) = get(&app, "/objects/p/film.mp4", &[("if-none-match", &tag)]).await;
        assert_eq!((status, body.len(), &told["content-length"]), (200, 0, &"0".parse().unwrap()));
        assert_eq!(get(&app, "/objects/p/film.mp4", &[("range", "bytes=0-")]).await.0, 416);
        assert_eq!(get(&app, "/objects/p/none.mp4", &[("range", "bytes=0-")]).await.0, 404);
        app.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_read_in_pieces() {
    for house in House::each().await {
        let bytes = noise(5_000_000);
        put(&house.storage, "a", &bytes).await;
        let (all, largest) = read(&house.storage, &key("a"), &Reader::default()).await.unwrap();
        assert!(all == bytes && largest <= 1 << 20, "{largest}");
        let reader = Reader { range: Some(ByteRange::Last(1_500_000)), ..Reader::default() };
        assert!(read(&house.storage, &key("a"), &reader).await.unwrap().0 == bytes[3_500_000..]);
        assert!(house.storage.read(&key("b"), &reader).await.unwrap().is_none());
        let beyond = Reader { range: Some(ByteRange::From(5_000_000, None)), ..Reader::default() };
        let found = house.storage.read(&key("a"), &beyond).await.unwrap();
        assert!(matches!(found, Some(Found::Beyond(5_000_000))), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_are_sent_to_the_cdn_with_a_signature() {
    let bucket = Bucket::new().await;
    let mut overrides = bucket.settings();
    overrides.push(("cos.public_base_url", "https://p.shop.test/shop".to_owned()));
    overrides.push(("cos.cdn_key", "dimtm5evg50ijsx2hvuwyfoiu65".to_owned()));
    let app = TestApp::with(Setup { overrides, ..Setup::default() }).await;
    let (status, told, _) = get(&app, "/objects/p/a.jpg", &[]).await;
    let time = app.clock_seconds().to_string();
    let sign = weizhan::storage::cos::cdn::sign_d("dimtm5evg50ijsx2hvuwyfoiu65", "/shop/p/a.jpg", &time);
    assert_eq!(
        (status, &told["location"]),
        (302, &format!("https://p.shop.test/shop/p/a.jpg?sign={sign}&t={time}").parse().unwrap())
    );
    assert_eq!(told["cache-control"], "public, max-age=60");
    assert_eq!(get(&app, "/objects/p/.lake", &[]).await.0, 404, "a name that is none leads nowhere");
    app.end().await;
    // Without a key the domain is the shop's own, and open.
    let folder = Folder::new("storage");
    let mut config = bucket.config(&folder);
    config.cos.public_base_url = Some("https://p.shop.test".parse().unwrap());
    let url = open(&config).await.public_url(&key("p/a.jpg"), crate::support::app::START).unwrap();
    assert_eq!(url.as_str(), "https://p.shop.test/p/a.jpg");
}
