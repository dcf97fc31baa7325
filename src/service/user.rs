//! Signing in with WeChat, and what a person keeps here.

use crate::{
    app::App,
    data::{self, Session, user::Account},
    model::{
        id::{IdentityId, UserId},
        token::{Audience, Tokens},
        upload::{Owner, Purpose},
        user::{Identity, User, UserRefusal, UserState, is_openid},
    },
    service::{
        Error, Fault, attempt,
        hot::{self, Mark},
        merge,
        token::{self, Buyer},
        upload,
    },
    wechat::{
        self, ErrorKind, LoginSession, Phone, Secret,
        encrypted::{self, DataError},
        security::Suggestion,
    },
};

/// A person as it sees itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The row.
    pub user: User,
    /// The phone number, opened.
    pub phone: Option<String>,
}

/// Sign in with a code of `wx.login`. The first sign-in makes the person.
pub async fn sign_in(app: &App, appid: &str, code: &str) -> Result<(Profile, Tokens), Error<UserRefusal>> {
    if !app.wechat.knows_app(appid) {
        return Err(UserRefusal::AppUnknown.into());
    }
    let login = app.wechat.code2session(appid, code).await.map_err(refused)?;
    if !is_openid(&login.openid) {
        return Err(Fault::broken("WeChat named a user in a way that cannot be stored").into());
    }
    let LoginSession { openid, unionid, session_key } = &login;
    let known = Known { appid, openid, unionid: unionid.as_deref(), session_key: Some(session_key) };
    attempt(|| sign_in_once(app, known)).await
}

/// Sign in whom WeChat Cloud Run names. Its gateway vouches for the names, so there is no code and no session key.
pub async fn sign_in_from_cloud(
    app: &App,
    appid: &str,
    openid: &str,
    unionid: Option<&str>,
) -> Result<(Profile, Tokens), Error<UserRefusal>> {
    if !app.wechat.knows_app(appid) {
        return Err(UserRefusal::AppUnknown.into());
    }
    let known = Known { appid, openid, unionid, session_key: None };
    attempt(|| sign_in_once(app, known)).await
}

/// Who signs in, as WeChat says.
#[derive(Clone, Copy)]
struct Known<'a> {
    appid: &'a str,
    openid: &'a str,
    unionid: Option<&'a str>,
    session_key: Option<&'a Secret>,
}

/// WeChat's no, in our words.
fn refused(error: wechat::Error) -> Error<UserRefusal> {
    match error.kind() {
        ErrorKind::CodeInvalid => UserRefusal::CodeInvalid.into(),
        ErrorKind::Risky => UserRefusal::Risky.into(),
        ErrorKind::TooMany | ErrorKind::Frequency => UserRefusal::WechatTooMany.into(),
        _ => error.into(),
    }
}

async fn sign_in_once(app: &App, known: Known<'_>) -> Result<(Profile, Tokens), Error<UserRefusal>> {
    let mut session = app.database.write().await?;
    let (user, merged) = recognise(app, &mut session, known).await?;
    if user.state == UserState::Disabled {
        return Err(UserRefusal::Disabled.into());
    }
    let tokens = token::issue(app, &mut session, Audience::Buyer, user.id.0, known.appid, known.openid).await?;
    session.commit().await?;
    if let Some(mark) = merged {
        hot::forget(app, mark).await;
    }
    app.ingest.facts.notify_one();
    Ok((profile_of(app, user)?, tokens))
}

/// Whose identity this is; a new person when nobody's. Two first sign-ins at once meet in a unique key, and the loser
/// runs again and finds the winner's. Where it turns out that another is the same person, the two become one; then there is
/// something to forget after the commit.
async fn recognise(app: &App, session: &mut Session, login: Known<'_>) -> Result<(User, Option<Mark>), Fault> {
    let (now, Known { appid, openid, unionid, session_key }) = (app.now(), login);
    if let Some(account) = data::user::find_account_held(session, appid, openid).await? {
        keep_key(app, session, &account, session_key).await?;
        return match unionid.filter(|_| account.user.unionid.is_none()) {
            Some(unionid) => join(app, session, account.user, unionid).await,
            None => Ok((account.user, None)),
        };
    }
    let same_person = match unionid {
        Some(unionid) => data::user::find_by_unionid(session, unionid).await?,
        None => None,
    };
    let user = if let Some(user) = same_person {
        user
    } else {
        let id = app.ids.next(UserId);
        data::user::insert(session, id, unionid, now).await?;
        data::user::find(session, id).await?.ok_or(Fault::broken("a person who was just stored is not there"))?
    };
    let id = app.ids.next(IdentityId);
    let identity = Identity { id, user_id: user.id, appid: appid.to_owned(), openid: openid.to_owned() };
    let key = session_key.map_or("", Secret::expose);
    data::user::insert_identity(session, &identity, &app.vault.seal(&key_place(id), key.as_bytes()), now).await?;
    Ok((user, None))
}

/// WeChat tells the unionid of a person who had none: it is this person's from now on, or another's who is the same.
async fn join(app: &App, session: &mut Session, mut user: User, unionid: &str) -> Result<(User, Option<Mark>), Fault> {
    match data::user::find_by_unionid(session, unionid).await? {
        // Nobody gets around being disabled; the sign-in is refused.
        Some(other) if other.state == UserState::Disabled => Ok((other, None)),
        Some(_) if user.state == UserState::Disabled => Ok((user, None)),
        Some(other) => {
            let (user, mark) = merge::merge(app, session, user, other, unionid).await?;
            Ok((user, Some(mark)))
        }
        None => {
            if data::user::join_union(session, user.id, unionid, app.now()).await? {
                user.unionid = Some(unionid.to_owned());
                user.version += 1;
            }
            Ok((user, None))
        }
    }
}

fn key_place(id: IdentityId) -> String {
    format!("identities.session_key:{id}")
}

fn earlier_keys_place(id: IdentityId) -> String {
    format!("identities.earlier_keys:{id}")
}

/// Most keys of an account that are kept besides the present one. WeChat knows one at a time, but answers of logins at the same
/// time come in any order, and what a client sealed with the key of one may come after another.
const EARLIER_KEYS_MAX: usize = 16;

/// The keys of an account, the latest first.
fn keys_of(app: &App, account: &Account) -> Vec<String> {
    let id = account.identity_id;
    let present = app.vault.open(&key_place(id), &account.session_key_sealed);
    let earlier = account.earlier_keys_sealed.as_ref().and_then(|keys| app.vault.open(&earlier_keys_place(id), keys));
    let mut keys: Vec<_> = present.and_then(|key| String::from_utf8(key).ok()).into_iter().collect();
    keys.extend(earlier.and_then(|keys| serde_json::from_slice::<Vec<String>>(&keys).ok()).unwrap_or_default());
    keys.retain(|key| !key.is_empty());
    keys
}

/// Keep the key of a sign-in, and some of those before.
async fn keep_key(app: &App, session: &mut Session, account: &Account, key: Option<&Secret>) -> Result<(), Fault> {
    let (id, mut earlier) = (account.identity_id, keys_of(app, account));
    let Some(key) = key.map(Secret::expose).filter(|key| earlier.first().map(String::as_str) != Some(key)) else {
        return Ok(data::user::meet_identity(session, id, app.now()).await?);
    };
    earlier.retain(|known| known != key);
    earlier.truncate(EARLIER_KEYS_MAX);
    let earlier = serde_json::to_vec(&earlier).map_err(|error| Fault::broken(error.to_string()))?;
    let present = app.vault.seal(&key_place(id), key.as_bytes());
    let earlier = app.vault.seal(&earlier_keys_place(id), &earlier);
    Ok(data::user::see_identity(session, id, (&present, &earlier), app.now()).await?)
}

pub(super) fn phone_place(id: UserId) -> String {
    format!("users.phone:{id}")
}

fn profile_of(app: &App, user: User) -> Result<Profile, Fault> {
    let opened = user.phone_sealed.as_ref().map(|sealed| app.vault.open(&phone_place(user.id), sealed));
    let phone = match opened {
        None => None,
        Some(Some(plain)) => String::from_utf8(plain).ok(),
        Some(None) => return Err(Fault::broken("a phone number does not open with privacy.data_key")),
    };
    Ok(Profile { user, phone })
}

/// The person behind a token.
pub async fn view(app: &App, buyer: &Buyer) -> Result<Profile, Error<UserRefusal>> {
    let mut session = app.database.read().await?;
    let user = data::user::find(&mut session, buyer.id).await?;
    let user = user.filter(|user| user.state != UserState::Deleted).ok_or(UserRefusal::NotFound)?;
    drop(session);
    Ok(profile_of(app, user)?)
}

/// What the person wants to be called and to look like.
pub async fn change(app: &App, buyer: &Buyer, nickname: &str, avatar_url: &str) -> Result<Profile, Error<UserRefusal>> {
    check_name(app, buyer, nickname).await?;
    attempt(|| async {
        let mut session = app.database.write().await?;
        let user = data::user::find(&mut session, buyer.id).await?.ok_or(UserRefusal::NotFound)?;
        if user.avatar_url != avatar_url {
            let owner = Owner::User(buyer.id);
            if !upload::attach(app, &mut session, owner, Purpose::Avatar, avatar_url).await? {
                return Err(UserRefusal::AvatarNotFound.into());
            }
            upload::detach(app, &mut session, owner, Purpose::Avatar, &user.avatar_url).await?;
        }
        if !data::user::set_profile(&mut session, buyer.id, nickname, avatar_url, app.now()).await? {
            return Err(UserRefusal::NotFound.into());
        }
        session.commit().await?;
        Ok(())
    })
    .await?;
    view(app, buyer).await
}

/// Have WeChat look at a name that is new. What it is not sure of is not taken either: another name is soon found.
async fn check_name(app: &App, buyer: &Buyer, nickname: &str) -> Result<(), Error<UserRefusal>> {
    if !app.config.moderation.names || nickname.trim().is_empty() {
        return Ok(());
    }
    let user = data::user::find(&mut app.database.read().await?, buyer.id).await?;
    if user.is_some_and(|user| user.nickname == nickname) {
        return Ok(());
    }
    match app.wechat.check_name(&buyer.appid, &buyer.openid, nickname).await.map_err(refused)? {
        Suggestion::Pass => Ok(()),
        Suggestion::Review | Suggestion::Risky => Err(UserRefusal::NicknameRefused.into()),
    }
}

/// Exchange a code of the phone-number button, and keep the number with the person who sent it.
pub async fn bind_phone(app: &App, buyer: &Buyer, code: &str) -> Result<Profile, Error<UserRefusal>> {
    let phone = app.wechat.phone_number(&buyer.appid, code).await.map_err(refused)?;
    keep_phone(app, buyer, &phone).await
}

/// Open what the phone-number button gave as `encryptedData` with the keys of the sender's account, and keep the number. The
/// keys never leave the server.
pub async fn bind_encrypted_phone(
    app: &App,
    buyer: &Buyer,
    iv: &str,
    data: &str,
) -> Result<Profile, Error<UserRefusal>> {
    let mut session = app.database.read().await?;
    let account = data::user::find_account(&mut session, &buyer.appid, &buyer.openid).await?;
    drop(session);
    let account = account.filter(|account| account.user.id == buyer.id).ok_or(UserRefusal::NotFound)?;
    let keys = keys_of(app, &account);
    let phone = match encrypted::phone(&keys, (iv, data), &buyer.appid, app.now()) {
        Ok(phone) => phone,
        Err(DataError::Stale) => return Err(UserRefusal::DataStale.into()),
        Err(DataError::Sealed) if is_replaced(app, buyer, keys.first()).await => {
            return Err(UserRefusal::SessionStale.into());
        }
        Err(_) => return Err(UserRefusal::DataInvalid.into()),
    };
    keep_phone(app, buyer, &phone).await
}

/// Whether WeChat has another session key than our newest: somebody logged in without telling us. Only a plain yes is one.
async fn is_replaced(app: &App, buyer: &Buyer, newest: Option<&String>) -> bool {
    let Some(newest) = newest else { return false };
    matches!(app.wechat.is_session_key_valid(&buyer.appid, &buyer.openid, newest).await, Ok(false))
}

async fn keep_phone(app: &App, buyer: &Buyer, phone: &Phone) -> Result<Profile, Error<UserRefusal>> {
    let number = format!("+{}{}", phone.country_code, phone.number);
    let sealed = app.vault.seal(&phone_place(buyer.id), number.as_bytes());
    let index = app.vault.index("users.phone", &number);
    attempt(|| async {
        let mut session = app.database.write().await?;
        match data::user::set_phone(&mut session, buyer.id, &sealed, &index, app.now()).await {
            Ok(true) => Ok(session.commit().await?),
            Ok(false) => Err(UserRefusal::NotFound.into()),
            Err(data::Error::Conflict { .. }) => Err(UserRefusal::PhoneTaken.into()),
            Err(error) => Err(error.into()),
        }
    })
    .await?;
    view(app, buyer).await
}
