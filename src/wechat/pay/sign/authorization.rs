//! The `Authorization` header of a request to WeChat Pay.

use std::{fmt, str::FromStr};

/// The only scheme of API v3 for RSA keys; also the value of `Wechatpay-Signature-Type`.
pub const AUTHORIZATION_SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// Who signed a request, when, and the signature. `Display` writes the header's value, `FromStr` reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The merchant.
    pub mchid: String,
    /// Text used once, up to 32 letters and digits.
    pub nonce: String,
    /// Seconds since 1970; WeChat refuses more than five minutes of difference.
    pub timestamp: i64,
    /// Serial of the merchant's certificate.
    pub serial: String,
    /// Base64 of the signature over [`request_message`](super::request_message).
    pub signature: String,
}

/// The header is not what API v3 describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed WeChat Pay authorization")]
pub struct AuthorizationError;

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mchid, nonce, timestamp, serial, signature } = self;
        write!(
            f,
            "{AUTHORIZATION_SCHEME} mchid=\"{mchid}\",nonce_str=\"{nonce}\",timestamp=\"{timestamp}\",\
             serial_no=\"{serial}\",signature=\"{signature}\""
        )
    }
}

impl FromStr for Authorization {
    type Err = AuthorizationError;

    /// Strict: one space after the scheme, each of the five names once, in any order, quoted, nothing else.
    fn from_str(text: &str) -> Result<Self, AuthorizationError> {
        const NAMES: [&str; 5] = ["mchid", "nonce_str", "timestamp", "serial_no", "signature"];
        let list = text.strip_prefix(AUTHORIZATION_SCHEME).and_then(|rest| rest.strip_prefix(' '));
        let mut values: [Option<&str>; 5] = [None; 5];
        for item in list.ok_or(AuthorizationError)?.split(',') {
            let (name, quoted) = item.split_once('=').ok_or(AuthorizationError)?;
            let value = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(AuthorizationError)?;
            let place = NAMES.iter().position(|known| *known == name).ok_or(AuthorizationError)?;
            let fit = |symbol: u8| symbol.is_ascii_graphic() && symbol != b'"';
            if value.is_empty() || !value.bytes().all(fit) || values[place].replace(value).is_some() {
                return Err(AuthorizationError);
            }
        }
        let [Some(mchid), Some(nonce), Some(timestamp), Some(serial), Some(signature)] = values else {
            return Err(AuthorizationError);
        };
        if !timestamp.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(AuthorizationError);
        }
        Ok(Self {
            mchid: mchid.to_owned(),
            nonce: nonce.to_owned(),
            timestamp: timestamp.parse().map_err(|_| AuthorizationError)?,
            serial: serial.to_owned(),
            signature: signature.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_survives_writing_and_reading() {
        let written = Authorization {
            mchid: "1900".to_owned(),
            nonce: "n0".to_owned(),
            timestamp: 1_554_208_460,
            serial: "4B".to_owned(),
            signature: "ab+/==".to_owned(),
        };
        assert_eq!(written.to_string().parse(), Ok(written.clone()));
        let turned = r#"WECHATPAY2-SHA256-RSA2048 signature="ab+/==",serial_no="4B",timestamp="1554208460",mchid="1900",nonce_str="n0""#;
        assert_eq!(turned.parse(), Ok(written));
    }

    #[test]
    fn anything_else_is_refused() {
        let good = r#"WECHATPAY2-SHA256-RSA2048 mchid="1",nonce_str="n",timestamp="7",serial_no="4B",signature="s""#;
        assert!(good.parse::<Authorization>().is_ok());
        for (from, to) in [
            ("2048 ", "2048  "),
            ("RSA2048", "RSA4096"),
            (",", ", "),
            ("\"1\"", "1"),
            ("\"1\"", "\"\""),
            ("\"7\"", "\"+7\""),
            ("\"7\"", "\"99999999999999999999\""),
            ("serial_no", "serial"),
            ("serial_no=\"4B\"", "mchid=\"1\""),
            ("\"s\"", "\"s\","),
            ("\"s\"", "\"s\"\"\""),
            (",signature=\"s\"", ""),
        ] {
            assert_eq!(good.replace(from, to).parse::<Authorization>(), Err(AuthorizationError), "{from} {to}");
        }
    }
}
