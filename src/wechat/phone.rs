//! The phone number a user chose to give.

use super::{Error, ErrorKind, Wechat};
use serde::{Deserialize, Serialize};

/// A number as WeChat holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    /// The number without its country prefix (`purePhoneNumber`).
    pub number: String,
    /// The country's prefix without `+`: `86`.
    pub country_code: String,
}

impl std::fmt::Debug for Phone {
    /// Personal data: not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phone(…)")
    }
}

#[derive(Serialize)]
struct Question<'a> {
    code: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    phone_info: PhoneInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PhoneInfo {
    pure_phone_number: String,
    country_code: CountryCode,
    pub(super) watermark: Watermark,
}

impl PhoneInfo {
    /// The number, if it is one.
    pub(super) fn number(self) -> Option<Phone> {
        let country_code = match self.country_code {
            CountryCode::Text(text) => text,
            CountryCode::Number(number) => number.to_string(),
        };
        let digits =
            |text: &str| !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = digits(&self.pure_phone_number) && digits(&country_code);
        fits.then_some(Phone { number: self.pure_phone_number, country_code })
    }
}

/// The table says string, a published sample shows a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum CountryCode {
    Text(String),
    Number(u32),
}

#[derive(Deserialize)]
pub(super) struct Watermark {
    pub(super) appid: String,
    /// In seconds. What comes straight from WeChat is not asked for it.
    pub(super) timestamp: Option<i64>,
}

impl Wechat {
    /// Exchanges the code of a `getPhoneNumber` button. Official page: 获取手机号 (getPhoneNumber).
    ///
    /// The answer does not name the user: bind it to the caller's own token. A bad access token is renewed once.
    pub async fn phone_number(&self, appid: &str, code: &str) -> Result<Phone, Error> {
        const OPERATION: &str = "phone";
        let path = ["wxa", "business", "getuserphonenumber"];
        let answer: Answer =
            self.post_with_token(OPERATION, appid, &path, &Question { code }).await.map_err(|error| {
                // Here 40013 says that the code was made by another mini-program.
                if error.operation() == OPERATION && error.code() == "40013" {
                    return Error::new(OPERATION, ErrorKind::CodeInvalid, error.code()).message_of(error.message());
                }
                error
            })?;
        let info = answer.phone_info;
        if info.watermark.appid != appid {
            return Err(Error::new(OPERATION, ErrorKind::Forged, "watermark"));
        }
        info.number().ok_or_else(|| Error::new(OPERATION, ErrorKind::Refused, "number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{APPID, Desk, Signer::Nobody};

    fn answer(appid: &str, country: &str) -> String {
        format!(
            r#"{{"errcode":0,"phone_info":{{"phoneNumber":"+8613800000000","purePhoneNumber":"13800000000",
            "countryCode":{country},"watermark":{{"timestamp":1,"appid":"{appid}"}}}}}}"#
        )
    }

    #[tokio::test]
    async fn a_stale_token_is_renewed_once_and_the_call_repeated() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        desk.say(200, r#"{"errcode":40001,"errmsg":"invalid credential"}"#, Nobody);
        desk.say(200, r#"{"access_token":"T2","expires_in":7200}"#, Nobody);
        desk.say(200, &answer(APPID, "86"), Nobody);
        let phone = desk.wechat.phone_number(APPID, "c").await.expect("phone");
        assert_eq!((phone.number.as_str(), phone.country_code.as_str()), ("13800000000", "86"));
        let path = "POST /wxa/business/getuserphonenumber?access_token";
        let token = "POST /cgi-bin/stable_token";
        assert_eq!(desk.lines(), [token, &format!("{path}=T1"), token, &format!("{path}=T2")]);
    }

    #[tokio::test]
    async fn a_number_of_another_app_is_not_taken() {
        let desk = Desk::open(false).await;
        desk.say(200, r#"{"access_token":"T1","expires_in":7200}"#, Nobody);
        desk.say(200, &answer("wx9", "\"86\""), Nobody);
        desk.say(200, r#"{"errcode":40013,"errmsg":"invalid appid"}"#, Nobody);
        for kind in [ErrorKind::Forged, ErrorKind::CodeInvalid] {
            assert_eq!(desk.wechat.phone_number(APPID, "c").await.expect_err("refused").kind(), kind);
        }
    }
}
