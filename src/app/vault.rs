//! Personal data at rest: sealed, and findable only by whoever has the key.

use super::random::random_bytes;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};

/// First byte of everything sealed: the number of the key, for the day there are two.
const KEY_NUMBER: u8 = 1;

/// Seals and opens values with AES-256-GCM, and makes blind indexes with HMAC-SHA256.
pub struct Vault {
    key: LessSafeKey,
    index: hmac::Key,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// A key for one purpose, from the one secret that is configured.
pub(super) fn derive(secret: &str, purpose: &str) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), purpose.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(tag.as_ref());
    key
}

impl Vault {
    /// A vault with this secret of at least 32 characters.
    pub fn new(secret: &str) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &derive(secret, "weizhan.data.seal")).expect("32 bytes are a key");
        Self {
            key: LessSafeKey::new(key),
            index: hmac::Key::new(hmac::HMAC_SHA256, &derive(secret, "weizhan.data.index")),
        }
    }
    /// Seal a value for one place (`table.column:id`): in any other place it does not open.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut sealed = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut sealed)
            .expect("a value below 64 GB can be sealed");
        [&[KEY_NUMBER], nonce.as_slice(), &sealed].concat()
    }
    /// Open what was sealed for this place; `None` when it was altered or comes from elsewhere.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (number, rest) = sealed.split_first()?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN)?;
        if *number != KEY_NUMBER {
            return None;
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = rest.to_vec();
        let length = self.key.open_in_place(nonce, Aad::from(place), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
    /// What to look a value up by without storing it: the same text gives the same index, and without the key
    /// trying all phone numbers does not help.
    pub fn index(&self, column: &str, text: &str) -> String {
        hex::encode(hmac::sign(&self.index, format!("{column}\n{text}").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::Vault;

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let vault = Vault::new("a secret of more than thirty-two characters");
        let sealed = vault.seal("users.phone:1", b"13800000000");
        assert_eq!(vault.open("users.phone:1", &sealed).as_deref(), Some(b"13800000000".as_slice()));
        assert_eq!(vault.open("users.phone:2", &sealed), None);
        let mut altered = sealed.clone();
        *altered.last_mut().expect("bytes") ^= 1;
        assert_eq!(vault.open("users.phone:1", &altered), None);
        assert_eq!(vault.open("users.phone:1", &sealed[..5]), None);
        assert_eq!(Vault::new("another secret of more than thirty-two letters").open("users.phone:1", &sealed), None);
        assert_ne!(vault.seal("x", b"1"), vault.seal("x", b"1"), "each nonce is new");
        assert_eq!(vault.index("phone", "1"), vault.index("phone", "1"));
        assert_ne!(vault.index("phone", "1"), vault.index("phone", "2"));
    }
}
