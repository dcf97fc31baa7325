//! The section `cos`.

use super::{
    Secret,
    check::{Check, is_sample},
    settings::{parsed_or_empty, path_or_empty},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// A bucket of Tencent COS.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cos {
    /// Name and account: `shop-1250000000`.
    pub bucket: String,
    /// `ap-guangzhou`.
    pub region: String,
    /// `SecretId`.
    pub secret_id: String,
    /// `SecretKey`.
    pub secret_key: Secret,
    /// File that holds `secret_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub secret_key_file: Option<PathBuf>,
    /// Address of the bucket, if it is not the usual one.
    #[serde(deserialize_with = "parsed_or_empty")]
    pub base_url: Option<Url>,
    /// Address of STS.
    pub sts_base_url: Url,
    /// Where readers get public objects, if not from this server.
    #[serde(deserialize_with = "parsed_or_empty")]
    pub public_base_url: Option<Url>,
    /// Key of the CDN's type D, or empty.
    pub cdn_key: Secret,
    /// File that holds `cdn_key`.
    #[serde(deserialize_with = "path_or_empty")]
    pub cdn_key_file: Option<PathBuf>,
    /// How long one call may take.
    pub timeout_ms: u64,
    /// Pause before the second try.
    pub retry_ms: u64,
}

impl Cos {
    /// The number of the account, which ends the bucket's name.
    pub fn app_id(&self) -> &str {
        self.bucket.rsplit('-').next().unwrap_or_default()
    }
}

impl Check {
    /// What a bucket that is used needs.
    pub(super) fn bucket(&mut self, cos: &Cos) {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || b"0123456789-".contains(&byte));
        let app_id = cos.app_id();
        let whole = cos.bucket.len() > app_id.len() + 1 && cos.bucket.len() <= 60;
        let form =
            whole && !app_id.is_empty() && app_id.bytes().all(|byte| byte.is_ascii_digit()) && plain(&cos.bucket);
        self.demand(form, "cos.bucket", "the name with the number of the account is expected, as in shop-1250000000");
        self.demand(!is_sample(&cos.bucket), "cos.bucket", "is the sample");
        self.demand(
            !cos.region.is_empty() && plain(&cos.region),
            "cos.region",
            "a region is expected, as in ap-guangzhou",
        );
        let form = !cos.secret_id.is_empty() && cos.secret_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.demand(form && !is_sample(&cos.secret_id), "cos.secret_id", "the SecretId of a sub-account is expected");
        self.strong("cos.secret_key", &cos.secret_key);
        let key = cos.cdn_key.expose();
        let form = (6..=40).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.demand(key.is_empty() || form, "cos.cdn_key", "6 to 40 letters and digits are expected");
        let pointless = !key.is_empty() && cos.public_base_url.is_none();
        self.demand(!pointless, "cos.cdn_key", "is set without cos.public_base_url");
        self.https("cos.sts_base_url", &cos.sts_base_url);
        for (name, url) in [("cos.base_url", &cos.base_url), ("cos.public_base_url", &cos.public_base_url)] {
            if let Some(url) = url {
                self.https(name, url);
            }
        }
    }
}
