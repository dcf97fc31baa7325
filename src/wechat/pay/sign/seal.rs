//! Sealed texts of WeChat Pay: notices and platform certificates travel in AES-256-GCM under the `APIv3` key.

use super::KeyError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The only algorithm of sealed texts, as `resource.algorithm` names it.
pub const SEAL_ALGORITHM: &str = "AEAD_AES_256_GCM";

/// The `APIv3` key: 32 bytes, used as they are written, without decoding.
pub struct ApiV3Key(LessSafeKey);

impl std::fmt::Debug for ApiV3Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiV3Key(…)")
    }
}

impl ApiV3Key {
    /// Takes the key as the merchant console shows it.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let key = UnboundKey::new(&AES_256_GCM, text.as_bytes()).map_err(|_| KeyError::Length)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Opens `ciphertext` (base64, the last 16 bytes are the tag). `nonce` has 12 bytes; `associated_data` may be
    /// empty. Official page: 如何解密回调报文.
    pub fn open(&self, nonce: &str, associated_data: &str, ciphertext_base64: &str) -> Result<Vec<u8>, KeyError> {
        let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).map_err(|_| KeyError::Sealed)?;
        let mut bytes = STANDARD.decode(ciphertext_base64).map_err(|_| KeyError::Sealed)?;
        let aad = Aad::from(associated_data.as_bytes());
        let plain = self.0.open_in_place(nonce, aad, &mut bytes).map_err(|_| KeyError::Sealed)?.len();
        bytes.truncate(plain);
        Ok(bytes)
    }

    /// Seals `plain` as WeChat does; `nonce` must have 12 bytes, for instance of
    /// [`random_text`](super::random_text), and be new. A nonce of another length is a programming error and panics.
    pub fn seal(&self, nonce: &str, associated_data: &str, plain: &[u8]) -> String {
        let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).expect("a nonce has 12 bytes");
        let mut bytes = plain.to_vec();
        self.0
            .seal_in_place_append_tag(nonce, Aad::from(associated_data.as_bytes()), &mut bytes)
            .expect("a text in memory is shorter than the cipher's limit");
        STANDARD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random_text;
    use super::*;

    #[test]
    fn only_the_same_key_nonce_and_data_open_a_seal() {
        let text = random_text(32);
        let (key, other) = (ApiV3Key::new(&text).expect("key"), ApiV3Key::new(&random_text(32)).expect("key"));
        let sealed = key.seal("0123456789ab", "transaction", "微信".as_bytes());
        assert_eq!(key.open("0123456789ab", "transaction", &sealed), Ok("微信".as_bytes().to_vec()));
        assert_eq!(other.open("0123456789ab", "transaction", &sealed), Err(KeyError::Sealed));
        assert_eq!(key.open("0123456789ac", "transaction", &sealed), Err(KeyError::Sealed));
        assert_eq!(key.open("0123456789ab", "", &sealed), Err(KeyError::Sealed));
        for (nonce, text) in [("", sealed.as_str()), ("0123456789ab", ""), ("0123456789ab", "AAAA"), ("微", "!")] {
            assert_eq!(key.open(nonce, "", text), Err(KeyError::Sealed));
        }
    }

    #[test]
    fn a_key_has_32_bytes() {
        assert_eq!(ApiV3Key::new("short").err(), Some(KeyError::Length));
        assert_eq!(ApiV3Key::new(&random_text(33)).err(), Some(KeyError::Length));
        assert_eq!(ApiV3Key::new(&"微".repeat(32)).err(), Some(KeyError::Length));
    }
}
