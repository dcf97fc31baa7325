//! Signed addresses of a CDN in front of a bucket (official pages: 鉴权方式 A 类型 and D 类型). Pure.
//!
//! The time is that of signing: how long an address is good is set at the CDN. What is signed is the path as it is sent,
//! and an address has no other query.

use crate::model::time::Timestamp;
use md5::{Digest as _, Md5};
use url::Url;

/// `sign` of type D: of the path, and the time as it stands in `t`, in seconds as a decimal or hexadecimal number.
pub fn sign_d(key: &str, path: &str, time: &str) -> String {
    md5_hex(&format!("{key}{path}{time}"))
}

/// The last part of `sign` of type A, which is `<time>-<random>-<uid>-<this>`.
pub fn sign_a(key: &str, path: &str, time: &str, random: &str, uid: &str) -> String {
    md5_hex(&format!("{path}-{time}-{random}-{uid}-{key}"))
}

/// An address with its signature of type D; without a key it is as it was.
pub(super) fn address(mut url: Url, key: &str, now: Timestamp) -> Url {
    if !key.is_empty() {
        let time = now.seconds().to_string();
        let sign = sign_d(key, url.path(), &time);
        url.set_query(Some(&format!("sign={sign}&t={time}")));
    }
    url
}

fn md5_hex(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dimtm5evg50ijsx2hvuwyfoiu65";

    #[test]
    fn addresses_are_signed_as_the_official_documents_do() {
        assert_eq!(sign_d(KEY, "/test.jpg", "1582791032"), "900a5049aa8ac1ab144527d9c2be4cea");
        assert_eq!(sign_d(KEY, "/test.jpg", "5e577978"), "7913fc0c5c9e92dd3633b7895152bbb2");
        let (time, random) = ("1582791032", "im1acp76sx9sdqe601v");
        assert_eq!(sign_a(KEY, "/test.jpg", time, random, "0"), "3fbb88382c9356b6faaf9d68c7b2ae3a");
        let url: Url = "https://p.shop.test/test.jpg".parse().unwrap();
        assert_eq!(address(url.clone(), "", Timestamp::from_seconds(1)), url);
        let signed = address(url, KEY, Timestamp::from_seconds(1_582_791_032));
        let expected = "https://p.shop.test/test.jpg?sign=900a5049aa8ac1ab144527d9c2be4cea&t=1582791032";
        assert_eq!(signed.as_str(), expected);
    }
}
