//! The signature of Tencent Cloud's API 3.0 (official page: 签名方法 v3), with which STS is asked. Pure; the simulator
//! verifies with the same functions.

use aws_lc_rs::{digest, hmac};

/// What is signed of a request, which is always a `POST` of `/`.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Signed headers by name in lower case, in the order of `SignedHeaders`.
    pub headers: &'a [(&'a str, &'a str)],
    /// As it is sent.
    pub body: &'a [u8],
    /// `X-TC-Timestamp`, in seconds since 1970.
    pub timestamp: i64,
    /// The day of it in UTC, `2023-11-14`.
    pub day: &'a str,
}

impl Request<'_> {
    /// `SignedHeaders`.
    pub fn signed_headers(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }

    /// `Signature`, 64 hexadecimal digits.
    pub fn signature(&self, secret: &str) -> String {
        let mut headers = String::new();
        for (name, value) in self.headers {
            headers.extend([name, ":", &value.trim().to_ascii_lowercase(), "\n"]);
        }
        let canonical = format!("POST\n/\n\n{headers}\n{}\n{}", self.signed_headers(), sha256_hex(self.body));
        let text =
            format!("TC3-HMAC-SHA256\n{}\n{}\n{}", self.timestamp, scope(self.day), sha256_hex(canonical.as_bytes()));
        let mut key = format!("TC3{secret}").into_bytes();
        for step in scope(self.day).split('/') {
            key = hmac_sha256(&key, step.as_bytes());
        }
        hex::encode(hmac_sha256(&key, text.as_bytes()))
    }

    /// The header `Authorization`.
    pub fn authorization(&self, id: &str, secret: &str) -> String {
        format!(
            "TC3-HMAC-SHA256 Credential={id}/{}, SignedHeaders={}, Signature={}",
            scope(self.day),
            self.signed_headers(),
            self.signature(secret)
        )
    }
}

/// `CredentialScope` of STS.
pub fn scope(day: &str) -> String {
    format!("{day}/sts/tc3_request")
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz";
    const POLICY: &str = "%7B%22version%22%3A%222.0%22%2C%22statement%22%3A%5B%7B%22effect%22%3A%22allow%22%2C%22action%22%3A%5B%22name%2Fcos%3APutObject%22%2C%22name%2Fcos%3APostObject%22%5D%2C%22resource%22%3A%5B%22qcs%3A%3Acos%3Aap-guangzhou%3Auid%2F1250000000%3Aexamplebucket-1250000000%2Ftmp%2Fu1%2F%2A%22%5D%7D%5D%7D";

    fn signed(headers: &[(&str, &str)], body: &str) -> String {
        Request { headers, body: body.as_bytes(), timestamp: 1_700_000_000, day: "2023-11-14" }.signature(SECRET)
    }

    #[test]
    fn vectors_s1_and_s2_hold() {
        let body = format!(r#"{{"Name": "cosupload", "Policy": "{POLICY}", "DurationSeconds": 1800}}"#);
        let headers = [("content-type", "application/json"), ("host", "sts.tencentcloudapi.com")];
        assert_eq!(signed(&headers, &body), "a0c363be23d7a988eb3eaa38f3bbc92f4f543af0d0f954511ceac929573bb4ed");
        let body = format!(r#"{{"DurationSeconds":1800,"Name":"cosupload","Policy":"{POLICY}"}}"#);
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("host", "sts.tencentcloudapi.com"),
            ("x-tc-action", "GetFederationToken"),
        ];
        assert_eq!(signed(&headers, &body), "440a1d857a15682bbe96b5ab4be551a6ba5fe3baa30997234871ff89354016d0");
        assert_ne!(signed(&headers, "{}"), signed(&headers, &body));
    }
}
