//! People and their accounts in our mini-programs.

use crate::model::{
    id::{IdentityId, UserId},
    refusal::{Kind, Refusal},
    time::Timestamp,
};

word_enum! {
    /// Whether a person may use the shop.
    pub enum UserState {
        /// May.
        Active = "active",
        /// May not: staff said so.
        Disabled = "disabled",
    }
}

/// A person. One person may use several mini-programs.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Same person over all mini-programs of one WeChat Open Platform account.
    pub unionid: Option<String>,
    /// Chosen by the person, up to 32 characters; empty at first.
    pub nickname: String,
    /// An object of this shop, or empty.
    pub avatar_url: String,
    /// The phone number, sealed (see `app::Vault`).
    pub phone_sealed: Option<Vec<u8>>,
    /// Whether the person may use the shop.
    pub state: UserState,
    /// Grows with each change.
    pub version: i64,
    /// First sign-in.
    pub created_ms: Timestamp,
}

/// A person's account in one mini-program. `(appid, openid)` is unique, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Identity {
    /// Which.
    pub id: IdentityId,
    /// Whose.
    pub user_id: UserId,
    /// The mini-program.
    pub appid: String,
    /// The person in that mini-program.
    pub openid: String,
}

/// WeChat's name for a person in one mini-program: visible ASCII without spaces, up to 64 characters.
///
/// A space at the end would make two people one in MySQL, whose comparison pads.
pub fn is_openid(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

refusals! {
    /// Why signing in or changing a profile was refused.
    pub enum UserRefusal {
        /// The mini-program is not one of ours.
        AppUnknown = Invalid, "user.app_unknown", "this appid is not configured here";
        /// Used, expired or of another mini-program: call `wx.login` again.
        CodeInvalid = Invalid, "wechat.code_invalid", "WeChat does not accept this code; ask for a new one";
        /// WeChat considers the person high risk.
        Risky = Forbidden, "wechat.user_blocked", "WeChat has blocked this user";
        /// WeChat's quota for this call is used up.
        WechatTooMany = TooMany, "wechat.too_many", "WeChat asks to slow down";
        /// Staff have disabled the person.
        Disabled = Forbidden, "user.disabled", "this account is disabled";
        /// No such person.
        NotFound = Missing, "user.not_found", "no such user";
        /// No picture of that person.
        AvatarNotFound = Invalid, "user.avatar_not_found", "upload the picture first: this is none of yours";
        /// WeChat would not have it shown.
        NicknameRefused = Invalid, "user.nickname_refused", "WeChat advises against this name; choose another";
        /// The number belongs to another person.
        PhoneTaken = Conflict, "user.phone_taken", "this phone number belongs to another account";
    }
}

impl Refusal for UserRefusal {
    fn kind(&self) -> Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn pointer(&self) -> Option<String> {
        match self {
            Self::AppUnknown => Some("/appid".to_owned()),
            Self::CodeInvalid => Some("/code".to_owned()),
            Self::AvatarNotFound => Some("/avatar_url".to_owned()),
            Self::NicknameRefused => Some("/nickname".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_openid_admits_no_space() {
        assert!(is_openid("oABC_def-123"));
        for text in ["", "o A", "oA ", "微信", "o\n", &"o".repeat(65)] {
            assert!(!is_openid(text), "{text:?}");
        }
    }
}
