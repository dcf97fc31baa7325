//! From the leave to the picture that is shown, on each store.

use super::{Store, begin, confirm, files, form, objects, send, sweep, sweep_all, upload};
use crate::support::{client::Client, shop::id};
use image::{DynamicImage, ImageFormat, Rgb};
use serde_json::{Value, json};
use weizhan::model::time::{days, minutes};

async fn bytes_of(client: &Client, url: &Value) -> Vec<u8> {
    let response = client.get(url.as_str().expect("an address")).fetch().await.expect("an answer");
    assert_eq!(response.status(), 200, "{url}");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert!(response.headers()["content-security-policy"].to_str().expect("text").contains("sandbox"));
    response.bytes().await.expect("bytes").to_vec()
}

fn decoded(bytes: &[u8], format: ImageFormat) -> DynamicImage {
    image::load_from_memory_with_format(bytes, format).expect("a picture")
}

#[tokio::test]
async fn a_picture_of_each_type_is_sent_looked_at_and_shown_with_a_small_one() {
    for store in Store::ALL {
        let app = store.open().await;
        let (amy, nobody) = (app.buyer("amy").await, app.nobody());
        for (kind, format, file) in [
            ("image/jpeg", ImageFormat::Jpeg, files::jpeg(900, 600)),
            ("image/png", ImageFormat::Png, files::png(900, 600)),
            ("image/gif", ImageFormat::Gif, files::gif(90, 60, 3)),
            ("image/webp", ImageFormat::WebP, files::webp(900, 600)),
        ] {
            let picture = upload(&app, store, &amy, "refund", kind, &file).await;
            let (width, height) = (picture["width"].as_u64(), picture["height"].as_u64());
            assert_eq!((picture["state"].as_str(), picture["hidden"].as_bool()), (Some("ready"), Some(false)));
            let shown = bytes_of(&nobody, &picture["url"]).await;
            let whole = decoded(&shown, format);
            assert_eq!((width, height), (Some(whole.width().into()), Some(whole.height().into())), "{kind}");
            assert_eq!(whole, decoded(&file, format), "{kind}: not a pixel differs");
            assert_eq!(picture["bytes"].as_u64(), Some(shown.len() as u64));
            let small = decoded(&bytes_of(&nobody, &picture["thumbnail_url"]).await, ImageFormat::Jpeg);
            assert_eq!(small.width().max(small.height()), 400.min(whole.width()), "{kind}");
            let again = amy.get(&format!("/v1/uploads/{}", id(&picture))).send().await.expect(200);
            assert_eq!(again, picture);
            amy.delete(&format!("/v1/uploads/{}", id(&picture))).send().await.expect(204);
            nobody.get(picture["url"].as_str().unwrap()).send().await.expect_problem(404, "object.not_found");
            assert_eq!(objects(&app), Vec::<String>::new(), "{kind}");
        }
        sweep_all(&app).await;
        app.end().await;
    }
}

#[tokio::test]
async fn what_a_camera_notes_is_gone_and_the_picture_is_upright() {
    let app = Store::Directory.open().await;
    let amy = app.buyer("amy").await;
    for (orientation, width, height) in [(1, 64, 48), (3, 64, 48), (6, 48, 64), (8, 48, 64)] {
        let file = files::jpeg_with(&files::exif(orientation));
        assert!(file.windows(6).any(|text| text == b"SECRET"));
        let picture = upload(&app, Store::Directory, &amy, "refund", "image/jpeg", &file).await;
        assert_eq!((picture["width"].as_u64(), picture["height"].as_u64()), (Some(width), Some(height)));
        let shown = bytes_of(&app.nobody(), &picture["url"]).await;
        for word in [b"SECRET".as_slice(), b"Exif"] {
            assert!(!shown.windows(word.len()).any(|text| text == word), "{orientation}");
        }
        let mut expected = decoded(&file, ImageFormat::Jpeg);
        expected.apply_orientation(image::metadata::Orientation::from_exif(orientation).unwrap());
        let near = |one: &Rgb<u8>, other: &Rgb<u8>| one.0.iter().zip(other.0).all(|(a, b)| a.abs_diff(b) < 40);
        let (shown, expected) = (decoded(&shown, ImageFormat::Jpeg).into_rgb8(), expected.into_rgb8());
        for (x, y) in [(3, 3), (3, 44), (44, 3), (44, 44)] {
            assert!(near(shown.get_pixel(x, y), expected.get_pixel(x, y)), "{orientation} at {x} {y}");
        }
    }
    app.end().await;
}

#[tokio::test]
async fn pictures_are_shown_where_they_are_attached_and_go_when_nothing_shows_them() {
    for store in [Store::Directory, Store::Cos] {
        let app = store.open().await;
        let (amy, nobody) = (app.buyer("amy").await, app.nobody());
        let change =
            async |url: &Value| amy.put("/v1/me").json(&json!({ "nickname": "艾米", "avatar_url": url })).send().await;
        let first = upload(&app, store, &amy, "avatar", "image/png", &files::png(32, 32)).await;
        let second = upload(&app, store, &amy, "avatar", "image/jpeg", &files::jpeg(32, 32)).await;
        change(&first["url"]).await.expect(200);
        amy.delete(&format!("/v1/uploads/{}", id(&first))).send().await.expect_problem(409, "upload.in_use");
        // The second is shown nowhere, and a week is over; the first is.
        app.advance(days(8));
        sweep(&app).await;
        bytes_of(&nobody, &first["url"]).await;
        nobody.get(second["url"].as_str().unwrap()).send().await.expect_problem(404, "object.not_found");
        let amy = app.buyer("amy").await;
        let change =
            async |url: &Value| amy.put("/v1/me").json(&json!({ "nickname": "艾米", "avatar_url": url })).send().await;
        change(&second["url"]).await.expect_problem(422, "user.avatar_not_found");
        // A new face: the old one goes after a week.
        let third = upload(&app, store, &amy, "avatar", "image/png", &files::png(16, 16)).await;
        assert_eq!(change(&third["url"]).await.expect(200)["avatar_url"], third["url"]);
        app.advance(days(8));
        sweep(&app).await;
        nobody.get(first["url"].as_str().unwrap()).send().await.expect_problem(404, "object.not_found");
        bytes_of(&nobody, &third["url"]).await;
        assert_eq!(objects(&app).len(), 2);
        app.end().await;
    }
}

#[tokio::test]
async fn staff_show_products_and_see_what_a_buyer_wants_money_back_for() {
    for store in [Store::Directory, Store::Cos] {
        let app = store.open().await;
        let (owner, amy) = (app.owner().await, app.buyer("amy").await);
        let goods = app.goods(1_000, 5).await;
        let picture = upload(&app, store, &owner, "product", "image/jpeg", &files::jpeg(64, 64)).await;
        let pending = begin(&owner, "product", "image/png", 9).await;
        let product = |url: &Value| {
            json!({ "version": 1, "product": { "category_id": goods.category_id, "title": "红茶", "state": "on_sale",
                "pictures": [url], "skus": [{ "id": goods.sku_id, "price_fen": 5 }] } })
        };
        let path = format!("/admin/v1/products/{}", goods.product_id);
        let not_ready: String =
            app.rows().texts("SELECT object_key FROM uploads WHERE state = 'pending'").await.remove(0);
        let wrong = product(&json!(format!("/objects/{not_ready}")));
        owner.put(&path).json(&wrong).send().await.expect_problem(422, "product.picture_missing");
        owner.put(&path).json(&product(&picture["url"])).send().await.expect(200);
        owner.delete(&format!("/admin/v1/uploads/{}", id(&pending))).send().await.expect(204);
        let refused = owner.delete(&format!("/admin/v1/uploads/{}", id(&picture))).send().await;
        refused.expect_problem(409, "upload.in_use");

        let (order, _) = app.paid_order(&amy, &goods, 1).await;
        let proof = upload(&app, store, &amy, "refund", "image/webp", &files::webp(48, 48)).await;
        let ask = async |urls: Value| {
            let body = json!({ "amount_fen": 1, "reason": "破了", "picture_urls": urls });
            amy.post(&format!("/v1/orders/{}/refunds", id(&order))).new_key().json(&body).send().await
        };
        // Neither the shop's own nor one that is not there.
        ask(json!([picture["url"]])).await.expect_problem(422, "refund.picture_missing");
        ask(json!([proof["url"], "/objects/refund/none.png"])).await.expect_problem(422, "refund.picture_missing");
        ask(json!(["https://elsewhere.example/a.png"])).await.expect_problem(422, "http.invalid");
        let asked = ask(json!([proof["url"]])).await.expect(201);
        let list = owner.get("/admin/v1/refunds?state=requested").send().await.expect(200);
        assert_eq!(list["items"][0]["id"], asked["id"], "{list}");
        assert_eq!(list["items"][0]["picture_urls"], json!([proof["url"]]));
        app.advance(days(30));
        sweep(&app).await;
        for url in [&picture["url"], &proof["url"]] {
            bytes_of(&app.nobody(), url).await;
        }
        app.end().await;
    }
}

#[tokio::test]
async fn nobody_has_more_than_twenty_uploads_that_wait() {
    let app = Store::Directory.open().await;
    let (amy, bob) = (app.buyer("amy").await, app.buyer("bob").await);
    let body = json!({ "purpose": "avatar", "content_type": "image/png", "bytes": 9 });
    let all = futures_util::future::join_all((0..30).map(|_| amy.post("/v1/uploads").json(&body).send())).await;
    // Of a crowd some are told to come back; nobody gets a twenty-first.
    let taken = all.iter().filter(|answer| answer.status == 201).count();
    for _ in taken..20 {
        amy.post("/v1/uploads").json(&body).send().await.expect(201);
    }
    amy.post("/v1/uploads").json(&body).send().await.expect_problem(429, "upload.too_many");
    assert_eq!(app.number("SELECT COUNT(*) FROM uploads").await, 20);
    bob.post("/v1/uploads").json(&body).send().await.expect(201);
    // Half an hour later none of them can be confirmed, and the sweep makes room.
    app.advance(minutes(31));
    sweep(&app).await;
    amy.post("/v1/uploads").json(&body).send().await.expect(201);
    sweep_all(&app).await;
    app.end().await;
}

#[tokio::test]
async fn a_form_that_is_none_and_a_file_that_breaks_off_are_refused() {
    let app = Store::Directory.open().await;
    let amy = app.buyer("amy").await;
    let leave = begin(&amy, "avatar", "image/png", 1 << 20).await;
    let url = leave["own_url"].as_str().expect("an address");
    let (header, body) = form(&json!({}), "image/png", &files::png(64, 64));
    let other = String::from_utf8_lossy(&body).replace("name=\"file\"", "name=\"photo\"").into_bytes();
    for (name, header, body) in [
        ("JSON", "application/json", b"{}".to_vec()),
        ("no boundary", "multipart/form-data", body.clone()),
        ("another field", header.as_str(), other),
        ("half of it", header.as_str(), body[..body.len() / 2].to_vec()),
        ("nothing", header.as_str(), Vec::new()),
    ] {
        let answer = amy.post(url).header("content-type", header).body(body).send().await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "upload.malformed"), "{name}");
        assert_eq!(objects(&app), Vec::<String>::new(), "{name}");
    }
    assert!(amy.post(url).header("content-type", &header).body(body).send().await.status.is_success());
    confirm(&amy, &leave).await.expect(200);
    app.end().await;
}

#[tokio::test]
async fn figures_tell_what_is_kept_by_purpose() {
    let app = Store::Directory.open().await;
    let amy = app.buyer("amy").await;
    let picture = upload(&app, Store::Directory, &amy, "refund", "image/png", &files::png(64, 64)).await;
    let text = weizhan::service::metric::text(&app.app).await;
    let bytes = format!("weizhan_storage_bytes{{purpose=\"refund\"}} {}", picture["bytes"]);
    for line in [bytes.as_str(), "weizhan_storage_objects{purpose=\"refund\"} 1"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let leave = begin(&amy, "refund", "image/png", 9).await;
    assert!(send(&app, Store::Directory, &amy, &leave, "image/png", b"nothing").await.status.is_success());
    confirm(&amy, &leave).await.expect_problem(422, "picture.unknown");
    app.end().await;
}
