//! What a client hands over sealed with the session key of its user (`encryptedData`). Official page: 开放数据校验与解密.
//!
//! Like `pay::sign` it reads no clock, setting or network, so the client and the simulator share it.

use super::{Phone, phone::PhoneInfo};
use crate::model::time::{Timestamp, minutes};
use aws_lc_rs::{
    cipher::{
        AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
        UnboundCipherKey,
    },
    digest, hmac,
    iv::FixedLength,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::time::Duration;

/// How old data may be: the button is pressed and what it gave is sent. So long after that the same data opens nothing.
pub const AGE_MAX: Duration = minutes(10);
/// Bytes of a key, of an initial vector and of a block.
const BLOCK: usize = 16;

/// Why data of a client is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// Not base64, or not of the length that AES-128-CBC has.
    #[error("no data sealed with AES-128-CBC")]
    Form,
    /// It was sealed with another key, or altered.
    #[error("the data does not open with this session key")]
    Sealed,
    /// It opens and does not say what was asked for.
    #[error("the data is about something else")]
    Content,
    /// It was sealed for another mini-program.
    #[error("the data is for another mini-program")]
    AppDiffers,
    /// It was sealed too long ago, or is from the future.
    #[error("the data is too old")]
    Stale,
}

fn block(text: &str) -> Result<[u8; BLOCK], DataError> {
    STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(DataError::Form)
}

fn key(session_key: &str) -> Result<UnboundCipherKey, DataError> {
    UnboundCipherKey::new(&AES_128, &block(session_key)?).map_err(|_| DataError::Form)
}

/// Opens data: the JSON text as it was sealed. The key is base64 of 16 bytes, as `code2Session` gives it; so is the initial
/// vector, as the client has it.
pub fn open(session_key: &str, iv: &str, data: &str) -> Result<Vec<u8>, DataError> {
    let iv = FixedLength::from(block(iv)?);
    let mut bytes = STANDARD.decode(data).map_err(|_| DataError::Form)?;
    if bytes.is_empty() || bytes.len() % BLOCK != 0 {
        return Err(DataError::Form);
    }
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key(session_key)?).map_err(|_| DataError::Form)?;
    let plain = key.decrypt(&mut bytes, DecryptionContext::Iv128(iv)).map_err(|_| DataError::Sealed)?;
    // With another key the padding comes out right once in 256 times, and then the text is none.
    serde_json::from_slice::<serde::de::IgnoredAny>(plain).map_err(|_| DataError::Sealed)?;
    Ok(plain.to_vec())
}

/// Seals a JSON text, as the client of WeChat does.
pub fn seal(session_key: &str, iv: [u8; BLOCK], text: &str) -> Result<String, DataError> {
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key(session_key)?).map_err(|_| DataError::Form)?;
    let mut bytes = text.as_bytes().to_vec();
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(&mut bytes, context).map_err(|_| DataError::Form)?;
    Ok(STANDARD.encode(bytes))
}

/// What proves a session key without showing it: HMAC-SHA256 with the key's text, as it was given, over nothing.
pub fn session_signature(session_key: &str) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, session_key.as_bytes()), b""))
}

/// What proves that a text of a client is its WeChat's: SHA-1 over the text and the session key's text.
pub fn raw_data_signature(raw_data: &str, session_key: &str) -> String {
    let text = [raw_data, session_key].concat();
    hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// The phone number that data of a `getPhoneNumber` button has, if any of these keys opens it, it was sealed for this
/// mini-program, and not long ago.
pub fn phone(
    session_keys: &[String],
    (iv, data): (&str, &str),
    appid: &str,
    now: Timestamp,
) -> Result<Phone, DataError> {
    let mut outcome = Err(DataError::Sealed);
    for session_key in session_keys {
        match open(session_key, iv, data) {
            Ok(plain) => return read(&plain, appid, now),
            // A key that is none, as WeChat Cloud Run gives it, opens nothing.
            Err(error) => outcome = Err(error),
        }
    }
    outcome
}

fn read(plain: &[u8], appid: &str, now: Timestamp) -> Result<Phone, DataError> {
    let info: PhoneInfo = serde_json::from_slice(plain).map_err(|_| DataError::Content)?;
    if info.watermark.appid != appid {
        return Err(DataError::AppDiffers);
    }
    let seconds = info.watermark.timestamp.filter(|seconds| (0..1 << 40).contains(seconds));
    let sealed = Timestamp::from_seconds(seconds.ok_or(DataError::Content)?);
    if now.since(sealed) > AGE_MAX || sealed.since(now) > AGE_MAX {
        return Err(DataError::Stale);
    }
    info.number().ok_or(DataError::Content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const APPID: &str = "wx4f4bc4dec97d474b";
    const KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";
    const IV: &str = "r7BXXKkLb8qrSNn05n0qiA==";
    const DATA: &str = "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4l\
        GOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz\
        /YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5a\
        naHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG\
        20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==";
    const NOW: Timestamp = Timestamp::from_seconds(1_795_406_400);

    fn sealed(seconds: i64, appid: &str) -> String {
        let text = json!({ "phoneNumber": "+8613800000000", "purePhoneNumber": "13800000000", "countryCode": "86",
            "watermark": { "timestamp": seconds, "appid": appid } });
        let iv = STANDARD.decode(IV).ok().and_then(|iv| iv.try_into().ok()).expect("an initial vector");
        seal(KEY, iv, &text.to_string()).expect("sealed")
    }

    #[test]
    fn the_signature_of_a_key_comes_out() {
        let expected = "252b75c92698025afe925b29cca5517fdf9ee67aae072cf3225ebf3a53783058";
        assert_eq!(session_signature("HyVFkGl5F5OQWJZZaNzBBg=="), expected);
    }

    #[test]
    fn the_published_signature_of_a_text_comes_out() {
        let raw = concat!(
            r#"{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","#,
            r#""avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpuj"#,
            r#"xyzYsrztuuICqIM5ibXQ/0"}"#
        );
        let expected = "75e81ceda165f4ffa64f4068af58c64b8f54b88c";
        assert_eq!(raw_data_signature(raw, "HyVFkGl5F5OQWJZZaNzBBg=="), expected);
        assert_ne!(raw_data_signature(raw, "HyVFkGl5F5OQWJZZaNzBBg="), expected);
    }

    #[test]
    fn the_published_data_opens() {
        let plain = open(KEY, IV, DATA).expect("open");
        let hash = hex::encode(digest::digest(&digest::SHA256, &plain));
        assert_eq!(hash, "3237d8a5dbd413523c194882c7156544d8a06e2afcc97383cc300c17bd09391b");
        let said: serde_json::Value = serde_json::from_slice(&plain).expect("JSON");
        assert_eq!(
            (&said["openId"], &said["watermark"]["appid"]),
            (&json!("oGZUI0egBJY1zhBYw2KhdUfwVJJE"), &json!(APPID))
        );
        let text = String::from_utf8(plain).expect("text");
        let iv = STANDARD.decode(IV).expect("base64").try_into().expect("16 bytes");
        assert_eq!(seal(KEY, iv, &text).as_deref(), Ok(DATA));
        // It says who somebody is and has no number.
        assert_eq!(phone(&[KEY.to_owned()], (IV, DATA), APPID, NOW).err(), Some(DataError::Content));
    }

    #[test]
    fn a_number_is_taken_from_its_own_app_while_it_is_fresh() {
        let other = STANDARD.encode([7_u8; 16]);
        let keys = [other.clone(), String::new(), KEY.to_owned()];
        let (now, limit) = (NOW.seconds(), 600);
        for seconds in [now, now - limit, now + limit] {
            let taken = phone(&keys, (IV, &sealed(seconds, APPID)), APPID, NOW).expect("a number");
            assert_eq!((taken.country_code.as_str(), taken.number.as_str()), ("86", "13800000000"));
        }
        for (data, error) in [
            (sealed(now, "wx9"), DataError::AppDiffers),
            (sealed(now - limit - 1, APPID), DataError::Stale),
            (sealed(now + limit + 1, APPID), DataError::Stale),
            (sealed(i64::MIN, APPID), DataError::Content),
        ] {
            assert_eq!(phone(&keys, (IV, &data), APPID, NOW).err(), Some(error));
        }
        assert_eq!(phone(&[other], (IV, &sealed(now, APPID)), APPID, NOW).err(), Some(DataError::Sealed));
        assert_eq!(phone(&[], (IV, &sealed(now, APPID)), APPID, NOW).err(), Some(DataError::Sealed));
    }

    #[test]
    fn what_is_no_data_opens_nothing() {
        for (iv, data) in [("", DATA), ("AAAA", DATA), (IV, ""), (IV, "AAAA"), (IV, "*"), ("*", DATA)] {
            assert_eq!(open(KEY, iv, data), Err(DataError::Form), "{iv} {data}");
        }
        assert_eq!(open("AAAA", IV, DATA), Err(DataError::Form));
        let mut bytes = STANDARD.decode(DATA).expect("base64");
        *bytes.last_mut().expect("bytes") ^= 0x40;
        assert_eq!(open(KEY, IV, &STANDARD.encode(bytes)), Err(DataError::Sealed));
    }
}
