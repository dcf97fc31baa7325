//! The client of COS, against the simulated one.

use super::{House, key, noise, put, read};
use std::time::Duration;
use weizhan::{
    model::object::{ByteRange, Reader},
    simulator::{CosFault, CosOperation, CosTrouble},
    storage::{Cos, Storage},
};

fn fault(operation: CosOperation, count: u32, trouble: CosTrouble) -> CosFault {
    CosFault { operation: Some(operation), prefix: String::new(), count, trouble }
}

fn cos(house: &House) -> Cos {
    match &house.storage {
        Storage::Cos(cos, _) => cos.clone(),
        Storage::Directory(_) => panic!("a bucket was expected"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_breaks_off_is_taken_up_where_it_was() {
    let house = House::in_bucket().await;
    let (bytes, simulator) = (noise(3_000_000), &house.bucket.as_ref().unwrap().cos);
    put(&house.storage, "a", &bytes).await;
    let break_off = |count, after| fault(CosOperation::GetObject, count, CosTrouble::BreakOff { after });
    // Also before its head: that is asked for thrice.
    simulator.set_faults(vec![break_off(1, 1_000_000), break_off(2, 0), break_off(1, 500_000), break_off(1, 0)]);
    assert!(read(&house.storage, &key("a"), &Reader::default()).await.unwrap().0 == bytes);
    // Not for ever.
    simulator.set_faults(vec![break_off(99, 0)]);
    assert!(read(&house.storage, &key("a"), &Reader::default()).await.is_err());
    // Nor with the rest of another object, also where there is no sum of all bytes to compare.
    simulator.set_faults(vec![break_off(1, 1_000_000)]);
    let part = Reader { range: Some(ByteRange::From(1, Some(2_999_999))), ..Reader::default() };
    let Some(weizhan::storage::Found::Reading(mut reading)) = house.storage.read(&key("a"), &part).await.unwrap()
    else {
        panic!("it is there");
    };
    assert!(reading.next().await.unwrap().is_some());
    put(&house.storage, "a", &noise(3_000_001)).await;
    let mut ended = Ok(());
    while let Some(next) = reading.next().await.transpose() {
        if let Err(error) = next {
            ended = Err(error);
            break;
        }
    }
    assert!(ended.is_err(), "half of one and half of the other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_pieces_is_put_in_parts_and_given_up_without_a_trace() {
    let house = House::in_bucket().await;
    let (bytes, simulator) = (noise(20_000_000), &house.bucket.as_ref().unwrap().cos);
    for (name, length) in [("small", 1_000), ("edge", 8 << 20), ("large", 20_000_000), ("empty", 0)] {
        let mut writing = house.storage.write(&key(name)).await.unwrap();
        for piece in bytes[..length].chunks(700_001) {
            writing.write(piece).await.unwrap();
        }
        assert_eq!(house.storage.size(&key(name)).await.unwrap(), None, "{name} before its end");
        writing.end().await.unwrap();
        assert!(read(&house.storage, &key(name), &Reader::default()).await.unwrap().0 == bytes[..length], "{name}");
    }
    assert_eq!(simulator.uploads(), 0);
    let mut writing = house.storage.write(&key("given-up")).await.unwrap();
    writing.write(&bytes).await.unwrap();
    assert_eq!(simulator.uploads(), 1);
    writing.abandon().await;
    // The end of it is refused.
    let mut writing = house.storage.write(&key("refused")).await.unwrap();
    writing.write(&bytes).await.unwrap();
    let refuse = CosTrouble::RefuseInside { code: "AccessDenied".to_owned() };
    simulator.set_faults(vec![fault(CosOperation::CompleteMultipartUpload, 1, refuse)]);
    assert!(writing.end().await.is_err());
    assert_eq!((simulator.uploads(), house.objects().len()), (0, 4));
    // Answers are lost: it is there all the same.
    let lost = |operation| fault(operation, 1, CosTrouble::ReplyLost);
    simulator.set_faults(vec![
        lost(CosOperation::InitiateMultipartUpload),
        lost(CosOperation::UploadPart),
        lost(CosOperation::CompleteMultipartUpload),
    ]);
    let mut writing = house.storage.write(&key("lost")).await.unwrap();
    writing.write(&bytes).await.unwrap();
    writing.end().await.unwrap();
    assert!(read(&house.storage, &key("lost"), &Reader::default()).await.unwrap().0 == bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_on_where_it_stopped() {
    let house = House::in_bucket().await;
    let (bytes, simulator) = (noise(40_000_000), &house.bucket.as_ref().unwrap().cos);
    let path = house.folder.path().join("file");
    std::fs::write(&path, &bytes).unwrap();
    let refuse = || {
        let trouble = CosTrouble::Refuse { status: 403, code: "AccessDenied".to_owned() };
        vec![fault(CosOperation::UploadPart, 9, trouble)]
    };
    // The third part is refused.
    let begin = async || {
        let mut sent = 0;
        let mut told = |bytes: u64| {
            sent += bytes;
            if sent == 16 << 20 {
                simulator.set_faults(refuse());
            }
        };
        assert!(house.storage.put_file(&key("film"), &path, &mut told).await.is_err());
        assert_eq!(sent, 16 << 20);
        simulator.uploads()
    };
    assert_eq!((begin().await, house.objects().len()), (1, 0));
    // No part is sent again: that would be refused.
    let mut parts = 0;
    let mut told = |_| {
        parts += 1;
        if parts == 2 {
            simulator.set_faults(Vec::new());
        }
    };
    house.storage.put_file(&key("film"), &path, &mut told).await.unwrap();
    assert_eq!((parts, simulator.uploads()), (5, 0));
    assert!(read(&house.storage, &key("film"), &Reader::default()).await.unwrap().0 == bytes);
    // Parts of another file under that name do not count.
    let mut other = bytes.clone();
    other[3] ^= 1;
    std::fs::write(&path, &other).unwrap();
    assert_eq!(begin().await, 1);
    simulator.set_faults(Vec::new());
    std::fs::write(&path, &bytes).unwrap();
    house.storage.put_file(&key("film"), &path, &mut |_| ()).await.unwrap();
    assert!(read(&house.storage, &key("film"), &Reader::default()).await.unwrap().0 == bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_lent_is_good_for_one_prefix_and_one_while() {
    let house = House::in_bucket().await;
    let bucket = house.bucket.as_ref().unwrap();
    put(&house.storage, "large/one/there", b"there").await;
    let lent = cos(&house).lend_key(&key("large/one"), Duration::from_mins(30)).await.unwrap();
    assert_eq!(lent.expires_ms.seconds(), crate::support::app::START.seconds() + 1800);
    let shown = format!("{lent:?}");
    assert!(!shown.contains(lent.secret.expose()) && !shown.contains(lent.token.expose()), "{shown}");
    let guest = Guest { base: &bucket.base, lent: &lent };
    assert_eq!(guest.ask("PUT", "large/one/film.mp4", &[], "film").await.0, 200);
    let (status, begun) = guest.ask("POST", "large/one/parts", &[("uploads", "")], "").await;
    assert_eq!(status, 200, "{begun}");
    let id = begun.split("<UploadId>").nth(1).unwrap().split("</UploadId>").next().unwrap();
    let upload = [("uploadId", id)];
    assert_eq!(guest.ask("PUT", "large/one/parts", &[("partNumber", "1"), upload[0]], "x").await.0, 200);
    assert_eq!(guest.ask("GET", "large/one/parts", &upload, "").await.0, 200);
    assert_eq!(guest.ask("DELETE", "large/one/parts", &upload, "").await.0, 204);
    for (method, name, params) in [
        ("PUT", "large/two/film.mp4", &[][..]),
        ("PUT", "large/one", &[]),
        ("PUT", "large/one-more/film.mp4", &[]),
        ("GET", "large/one/there", &[]),
        ("DELETE", "large/one/there", &[]),
        ("GET", "", &[("prefix", "large/one/")]),
    ] {
        let (status, told) = guest.ask(method, name, params, if method == "PUT" { "x" } else { "" }).await;
        assert!(status == 403 && told.contains("AccessDenied"), "{method} {name}: {status} {told}");
    }
    let names: Vec<_> = house.objects().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["large/one/film.mp4", "large/one/there"]);

    // What STS refuses is told in its words.
    let refused = cos(&house).lend_key(&key("large/one"), Duration::from_hours(48)).await.unwrap_err().to_string();
    assert!(refused.contains("InvalidParameter.OverTimeError"), "{refused}");
    let mut config = bucket.config(&house.folder);
    config.cos.secret_key = weizhan::config::Secret::new("another secret, as long as the right one");
    let Storage::Cos(stranger, _) = super::open(&config).await else { panic!("a bucket was expected") };
    let refused = stranger.lend_key(&key("large/one"), Duration::from_mins(30)).await.unwrap_err().to_string();
    assert!(refused.contains("AuthFailure.SignatureFailure"), "{refused}");
}

/// Somebody with a key that was lent, who signs by it.
struct Guest<'a> {
    base: &'a str,
    lent: &'a weizhan::storage::cos::Credential,
}

impl Guest<'_> {
    async fn ask(&self, method: &str, name: &str, params: &[(&str, &str)], body: &str) -> (u16, String) {
        use weizhan::storage::cos::sign::{KeyTime, Request, authorize};
        let host = self.base.strip_prefix("http://").unwrap();
        let now = crate::support::app::START.seconds();
        let (path, token) = (format!("/{name}"), self.lent.token.expose());
        let headers = [("host", host), ("x-cos-security-token", token)];
        let request = Request { method, path: &path, params, headers: &headers };
        let time = KeyTime { start: now - 60, end: now + 600 };
        let signed = authorize(&self.lent.id, self.lent.secret.expose(), time, &request);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http
            .request(method.parse().unwrap(), format!("{}{path}", self.base))
            .query(params)
            .header("authorization", signed.to_string())
            .header("x-cos-security-token", token)
            .body(body.to_owned());
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}
