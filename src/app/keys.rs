//! The keys that tokens are signed with: one a purpose, all from `auth.token_key`.

use super::vault::derive;
use crate::{config, model::token::Audience};
use aws_lc_rs::hmac;
use jsonwebtoken::{DecodingKey, EncodingKey};

/// Keys of one secret.
struct Ring {
    buyer: [u8; 32],
    staff: [u8; 32],
    refresh: hmac::Key,
}

impl Ring {
    fn new(secret: &str) -> Self {
        Self {
            buyer: derive(secret, "weizhan.token.buyer"),
            staff: derive(secret, "weizhan.token.staff"),
            refresh: hmac::Key::new(hmac::HMAC_SHA256, &derive(secret, "weizhan.token.refresh")),
        }
    }
    const fn of(&self, audience: Audience) -> &[u8; 32] {
        match audience {
            Audience::Buyer => &self.buyer,
            Audience::Staff => &self.staff,
        }
    }
}

/// The keys of the present secret and, during a change, of the one before.
pub struct TokenKeys {
    buyer: (EncodingKey, Vec<DecodingKey>),
    staff: (EncodingKey, Vec<DecodingKey>),
    refresh: Vec<hmac::Key>,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKeys(…)")
    }
}

impl TokenKeys {
    /// The keys of the settings.
    pub fn new(settings: &config::Auth) -> Self {
        let mut rings = vec![Ring::new(settings.token_key.expose())];
        if !settings.previous_token_key.is_empty() {
            rings.push(Ring::new(settings.previous_token_key.expose()));
        }
        let keys = |audience| {
            let sign = EncodingKey::from_secret(rings[0].of(audience));
            (sign, rings.iter().map(|ring| DecodingKey::from_secret(ring.of(audience))).collect())
        };
        Self {
            buyer: keys(Audience::Buyer),
            staff: keys(Audience::Staff),
            refresh: rings.into_iter().map(|ring| ring.refresh).collect(),
        }
    }
    /// The key that signs access tokens of an audience.
    pub const fn sign(&self, audience: Audience) -> &EncodingKey {
        match audience {
            Audience::Buyer => &self.buyer.0,
            Audience::Staff => &self.staff.0,
        }
    }
    /// The keys that may have signed one.
    pub fn verify(&self, audience: Audience) -> &[DecodingKey] {
        match audience {
            Audience::Buyer => &self.buyer.1,
            Audience::Staff => &self.staff.1,
        }
    }
    /// The secret part of a refresh token.
    pub fn refresh_tag(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.refresh[0], text).as_ref().to_vec()
    }
    /// Whether the secret part is right, in constant time.
    pub fn refresh_verify(&self, text: &[u8], tag: &[u8]) -> bool {
        self.refresh.iter().any(|key| hmac::verify(key, text, tag).is_ok())
    }
}
