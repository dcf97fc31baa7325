//! What a signed-in device holds: a short access token and a rotating refresh token.

use crate::model::{id::SignInId, time::Timestamp};
use std::time::Duration;

word_enum! {
    /// Whose token it is. Tokens of one audience are worth nothing to the other.
    pub enum Audience {
        /// A customer in the mini-program.
        Buyer = "buyer",
        /// A member of staff.
        Staff = "staff",
    }
}

/// A signed-in device: the family of all tokens that came from one sign-in.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SignIn {
    /// `sid` of the tokens.
    pub id: SignInId,
    /// Buyer or staff.
    pub audience: Audience,
    /// The user's or staff member's id.
    pub holder_id: i64,
    /// The mini-program, empty for staff.
    pub appid: String,
    /// The person in that mini-program, empty for staff.
    pub openid: String,
    /// Random, mixed into every refresh token of the family.
    pub salt: Vec<u8>,
    /// Number of the one refresh token that may be used.
    pub generation: i64,
    /// When it became that number.
    pub rotated_ms: Timestamp,
    /// When the person signed in.
    pub created_ms: Timestamp,
    /// After this nothing of the family is accepted.
    pub expires_ms: Timestamp,
    /// Set when signed out, disabled or reused.
    pub revoked_ms: Option<Timestamp>,
}

/// What a request needs to know of a sign-in. It is cached: nothing of it is a secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Standing {
    /// Buyer or staff.
    pub audience: Audience,
    /// The user's or staff member's id.
    pub holder_id: i64,
    /// The mini-program, empty for staff.
    pub appid: String,
    /// The person in that mini-program, empty for staff.
    pub openid: String,
    /// After this nothing of the family is accepted.
    pub expires_ms: Timestamp,
    /// Signed out, disabled or reused.
    pub revoked: bool,
}

impl Standing {
    /// Whether the tokens of this family count at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && now < self.expires_ms
    }
}

/// What a presented refresh token means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// The current one: give the next and retire this.
    Rotate,
    /// The one just retired, within the grace: its reply was lost, so the same successor is given again.
    Repeat,
    /// An older one: somebody kept a copy, so the family ends.
    Reused,
    /// The family is over.
    Dead,
}

impl SignIn {
    /// Whether the tokens of this family count at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_ms.is_none() && now < self.expires_ms
    }
    /// What a request needs to know of it.
    pub fn standing(self) -> Standing {
        Standing {
            audience: self.audience,
            holder_id: self.holder_id,
            appid: self.appid,
            openid: self.openid,
            expires_ms: self.expires_ms,
            revoked: self.revoked_ms.is_some(),
        }
    }
    /// What the refresh token of this generation means at `now`.
    pub fn present(&self, generation: i64, now: Timestamp, grace: Duration) -> Presented {
        if !self.is_live(now) {
            return Presented::Dead;
        }
        match self.generation - generation {
            0 => Presented::Rotate,
            1 if now.since(self.rotated_ms) <= grace => Presented::Repeat,
            behind if behind > 0 => Presented::Reused,
            _ => Presented::Dead,
        }
    }
}

/// The text of both tokens, for the device that signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// For the `Authorization: Bearer` header.
    pub access: String,
    /// When the access token ends.
    pub access_expires: Timestamp,
    /// For the refresh route, once.
    pub refresh: String,
}

refusals! {
    /// Why a token was refused. All are 401 and say no more than the client needs.
    pub enum TokenRefusal {
        /// None was sent.
        Absent = Unknown, "token.missing", "sign in first";
        /// It is not one of ours, or altered.
        Invalid = Unknown, "token.invalid", "this token is not valid";
        /// It was valid once: refresh or sign in again.
        Expired = Unknown, "token.expired", "this token has expired";
        /// Signed out, disabled, or ended.
        Revoked = Unknown, "token.revoked", "this sign-in has ended";
        /// A retired refresh token came back: everything from this sign-in has ended.
        Reused = Unknown, "token.reused", "this refresh token was used before; the sign-in has ended";
    }
}
plain_refusal!(TokenRefusal);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::SignInId;

    #[test]
    fn a_retired_token_is_forgiven_once_and_for_a_moment() {
        let grace = Duration::from_secs(30);
        let sign_in = SignIn {
            id: SignInId(1),
            audience: Audience::Buyer,
            holder_id: 7,
            appid: String::new(),
            openid: String::new(),
            salt: vec![],
            generation: 5,
            rotated_ms: Timestamp(1_000),
            created_ms: Timestamp(0),
            expires_ms: Timestamp(900_000),
            revoked_ms: None,
        };
        for (generation, now, expected) in [
            (5, 2_000, Presented::Rotate),
            (4, 31_000, Presented::Repeat),
            (4, 31_001, Presented::Reused),
            (3, 2_000, Presented::Reused),
            (6, 2_000, Presented::Dead),
            (5, 900_000, Presented::Dead),
        ] {
            assert_eq!(sign_in.present(generation, Timestamp(now), grace), expected, "{generation} at {now}");
        }
        let over = SignIn { revoked_ms: Some(Timestamp(5)), ..sign_in };
        assert_eq!(over.present(5, Timestamp(6), grace), Presented::Dead);
    }
}
