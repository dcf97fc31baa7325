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
        /// Is gone. Nothing is known of it any more; the row is a name for the orders and figures that stay.
        Deleted = "deleted",
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

/// An account as the person behind it sees it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Seen {
    /// The mini-program.
    pub appid: String,
    /// The person in that mini-program.
    pub openid: String,
    /// First sign-in.
    pub created_ms: Timestamp,
    /// Last sign-in.
    pub seen_ms: Timestamp,
}

/// A name of WeChat's by its first and last four characters: enough to tell two apart, not enough to be used.
pub fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= 12 {
        return "…".to_owned();
    }
    let (head, tail) = (&letters[..4], &letters[letters.len() - 4..]);
    head.iter().chain(&['…']).chain(tail).collect()
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
        /// None of the keys of this account opens it: sign in with `wx.login` before the button is pressed, not after.
        DataInvalid = Invalid, "wechat.data_invalid", "this does not open as a phone number of this account; sign in, then ask again";
        /// It was sealed more than ten minutes ago.
        DataStale = Invalid, "wechat.data_stale", "this was made too long ago; ask again";
        /// WeChat has another session key by now: somebody called `wx.login` and did not sign in here.
        SessionStale = Conflict, "wechat.session_stale", "WeChat has another session for this user; sign in, then ask again";
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
        /// Something is under way that needs the person.
        OrdersOpen = Conflict, "user.orders_open",
            "an order, a refund or a payment of this account is under way; the account can go when it has ended";
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
            Self::DataInvalid | Self::DataStale => Some("/encrypted_data".to_owned()),
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
    fn a_shortened_name_opens_nothing() {
        assert_eq!(shortened("oGZUI0egBJY1zhBYw2KhdUfwVJJE"), "oGZU…VJJE");
        assert_eq!((shortened("oGZUI0egBJY1").as_str(), shortened("").as_str()), ("…", "…"));
    }

    #[test]
    fn an_openid_admits_no_space() {
        assert!(is_openid("oABC_def-123"));
        for text in ["", "o A", "oA ", "微信", "o\n", &"o".repeat(65)] {
            assert!(!is_openid(text), "{text:?}");
        }
    }
}
