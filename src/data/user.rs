//! Rows of `users` and `identities`.

use super::{Error, Session};
use crate::model::{
    id::{IdentityId, UserId},
    time::Timestamp,
    user::{Identity, Seen, User, UserState},
};

statements! {
    FIND = "SELECT id, unionid, nickname, avatar_url, phone_sealed, state, version, created_ms FROM users WHERE id = ?";
    FIND_BY_UNIONID = {
        mysql: "SELECT id, unionid, nickname, avatar_url, phone_sealed, state, version, created_ms
                FROM users WHERE unionid = ? FOR UPDATE",
        sqlite: "SELECT id, unionid, nickname, avatar_url, phone_sealed, state, version, created_ms
                 FROM users WHERE unionid = ?",
    };
    INSERT = "INSERT INTO users (id, unionid, nickname, avatar_url, state, version, created_ms, updated_ms)
              VALUES (?, ?, '', '', ?, 1, ?, ?)";
    JOIN_UNION = "UPDATE users SET unionid = ?, version = version + 1, updated_ms = ? WHERE id = ? AND unionid IS NULL";
    SET_PROFILE = "UPDATE users SET nickname = ?, avatar_url = ?, version = version + 1, updated_ms = ?
                   WHERE id = ? AND state <> 'deleted'";
    SET_PHONE = "UPDATE users SET phone_sealed = ?, phone_index = ?, version = version + 1, updated_ms = ?
                 WHERE id = ? AND state <> 'deleted'";
    FIND_ACCOUNT = "SELECT i.id AS identity_id, i.session_key_sealed, i.earlier_keys_sealed, u.id, u.unionid, u.nickname,
                    u.avatar_url, u.phone_sealed, u.state, u.version, u.created_ms
                    FROM identities i JOIN users u ON u.id = i.user_id WHERE i.appid = ? AND i.openid = ?";
    FIND_ACCOUNT_HELD = {
        mysql: "SELECT i.id AS identity_id, i.session_key_sealed, i.earlier_keys_sealed, u.id, u.unionid, u.nickname,
                u.avatar_url, u.phone_sealed, u.state, u.version, u.created_ms
                FROM identities i JOIN users u ON u.id = i.user_id WHERE i.appid = ? AND i.openid = ? FOR UPDATE",
        sqlite: "SELECT i.id AS identity_id, i.session_key_sealed, i.earlier_keys_sealed, u.id, u.unionid, u.nickname,
                 u.avatar_url, u.phone_sealed, u.state, u.version, u.created_ms
                 FROM identities i JOIN users u ON u.id = i.user_id WHERE i.appid = ? AND i.openid = ?",
    };
    INSERT_IDENTITY = "INSERT INTO identities (id, user_id, appid, openid, session_key_sealed, created_ms, seen_ms)
                       VALUES (?, ?, ?, ?, ?, ?, ?)";
    SEE_IDENTITY = "UPDATE identities SET session_key_sealed = ?, earlier_keys_sealed = ?, seen_ms = ? WHERE id = ?";
    CLEAR_AVATAR = "UPDATE users SET avatar_url = '', version = version + 1, updated_ms = ? WHERE id = ? AND avatar_url = ?";
    FIND_OPENID = "SELECT openid FROM identities WHERE user_id = ? AND appid = ? ORDER BY seen_ms DESC LIMIT 1";
    LIST_SEEN = "SELECT appid, openid, created_ms, seen_ms FROM identities WHERE user_id = ? ORDER BY id";
    MEET_IDENTITY = "UPDATE identities SET seen_ms = ? WHERE id = ?";
}

/// One person.
pub async fn find(session: &mut Session, id: UserId) -> Result<Option<User>, Error> {
    session.optional(FIND, (id,)).await
}
/// The person of all mini-programs of one Open Platform account, who stays as it is until the session ends.
pub async fn find_by_unionid(session: &mut Session, unionid: &str) -> Result<Option<User>, Error> {
    session.optional(FIND_BY_UNIONID, (unionid,)).await
}
/// A new person. `Conflict` when the unionid is known.
pub async fn insert(session: &mut Session, id: UserId, unionid: Option<&str>, now: Timestamp) -> Result<(), Error> {
    session.execute(INSERT, (id, unionid, UserState::Active, now, now)).await.map(drop)
}
/// Learn the unionid of a person who had none. `Conflict` when another person has it.
pub async fn join_union(session: &mut Session, id: UserId, unionid: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(JOIN_UNION, (unionid, now, id)).await? == 1)
}
/// What the person chose to be called and to look like.
pub async fn set_profile(
    session: &mut Session,
    id: UserId,
    nickname: &str,
    avatar_url: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(SET_PROFILE, (nickname, avatar_url, now, id)).await? == 1)
}
/// The person no longer looks like that; `false` when it did not.
pub async fn clear_avatar(session: &mut Session, id: UserId, avatar_url: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(CLEAR_AVATAR, (now, id, avatar_url)).await? == 1)
}
/// The person in a mini-program, as WeChat names it.
pub async fn find_openid(session: &mut Session, id: UserId, appid: &str) -> Result<Option<String>, Error> {
    Ok(session.optional::<(String,)>(FIND_OPENID, (id, appid)).await?.map(|(openid,)| openid))
}
/// The sealed number and its blind index. `Conflict` when another person has the number.
pub async fn set_phone(
    session: &mut Session,
    id: UserId,
    sealed: &[u8],
    index: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(SET_PHONE, (sealed, index, now, id)).await? == 1)
}
/// A person's accounts, the oldest first.
pub async fn list_seen(session: &mut Session, id: UserId) -> Result<Vec<Seen>, Error> {
    session.all(LIST_SEEN, (id,)).await
}
/// A person's account in one mini-program, with the person.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Account {
    /// The account.
    pub identity_id: IdentityId,
    /// WeChat's present key for it, sealed.
    pub session_key_sealed: Vec<u8>,
    /// The keys before that, sealed together.
    pub earlier_keys_sealed: Option<Vec<u8>>,
    /// The person.
    #[sqlx(flatten)]
    pub user: User,
}
/// Whose account this is.
pub async fn find_account(session: &mut Session, appid: &str, openid: &str) -> Result<Option<Account>, Error> {
    session.optional(FIND_ACCOUNT, (appid, openid)).await
}
/// The same; until the session ends nobody else signs in to the account, and the person does not go.
pub async fn find_account_held(session: &mut Session, appid: &str, openid: &str) -> Result<Option<Account>, Error> {
    session.optional(FIND_ACCOUNT_HELD, (appid, openid)).await
}
/// A new account. `Conflict` when it is known.
pub async fn insert_identity(
    session: &mut Session,
    identity: &Identity,
    session_key_sealed: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    let Identity { id, user_id, appid, openid } = identity;
    let row = (*id, *user_id, appid.as_str(), openid.as_str(), session_key_sealed, now, now);
    session.execute(INSERT_IDENTITY, row).await.map(drop)
}
/// The account signed in again, with a new key beside the earlier ones.
pub async fn see_identity(
    session: &mut Session,
    id: IdentityId,
    (session_key_sealed, earlier_keys_sealed): (&[u8], &[u8]),
    now: Timestamp,
) -> Result<(), Error> {
    session.execute_later(SEE_IDENTITY, (session_key_sealed, earlier_keys_sealed, now, id)).await
}
/// The account signed in again, and WeChat told no key or the same.
pub async fn meet_identity(session: &mut Session, id: IdentityId, now: Timestamp) -> Result<(), Error> {
    session.execute_later(MEET_IDENTITY, (now, id)).await
}
