//! The people who use this WeChat, and the one-time codes their clients are given.

use super::{
    Error, Simulator,
    keys::digits,
    ledger::{Ledger, Record},
    record::{Account, Code, Purpose, User},
};
use crate::model::time::{Timestamp, days, minutes};
use crate::wechat::{encrypted, pay::sign::random_text};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// A user to add; what is not given is made up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewUser {
    /// The simulator's name for them, by which a script finds them again; adding it twice changes nothing.
    pub id: Option<String>,
    /// Shown in the console.
    pub name: Option<String>,
    /// Without one, they get one where there are several mini-programs: a lone one is seldom bound to an
    /// open-platform account.
    pub unionid: Option<String>,
    /// Openids by appid; others are made when first needed.
    pub openids: BTreeMap<String, String>,
    /// A mainland number.
    pub phone: Option<String>,
    /// Logins are answered 40226.
    pub risky: bool,
}

/// What a client gets of its user sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Encrypted {
    /// `e.detail.encryptedData`.
    pub encrypted_data: String,
    /// `e.detail.iv`.
    pub iv: String,
}

/// What an old client gets of its user in plain (`wx.getUserInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInfo {
    /// The user as JSON.
    pub raw_data: String,
    /// Over it and the session key.
    pub signature: String,
}

impl Simulator {
    /// Adds somebody, or finds them when that id exists.
    pub fn add_user(&self, new: NewUser) -> Result<User, Error> {
        let now = self.now();
        let mut ledger = self.lock();
        let id = new.id.unwrap_or_else(|| format!("user{}", ledger.users.len() + 1));
        if let Some(known) = ledger.users.get(&id) {
            return Ok(known.clone());
        }
        if new.openids.values().any(|openid| ledger.user_of_openid(openid).is_some()) {
            return Err(Error::Refused("that openid belongs to somebody else"));
        }
        let several = self.options().apps.len() > 1;
        let account = |openid| Account { openid, session_key: String::new(), session_key_ms: Timestamp(0) };
        let user = User {
            name: new.name.unwrap_or_else(|| format!("微信用户 {}", ledger.users.len() + 1)),
            unionid: new.unionid.or_else(|| several.then(|| format!("o6{}", random_text(26)))),
            phone: new.phone.unwrap_or_else(|| format!("138{}", digits(8))),
            risky: new.risky,
            accounts: new.openids.into_iter().map(|(appid, openid)| (appid, account(openid))).collect(),
            created_ms: now,
            id,
        };
        ledger.put([Record::User(user.clone())])?;
        Ok(user)
    }

    /// Their openid in a mini-program.
    pub fn openid(&self, appid: &str, user: &str) -> Result<String, Error> {
        self.secret_of(appid).ok_or_else(|| Error::missing("appid", appid))?;
        let mut ledger = self.lock();
        Ok(with_account(&mut ledger, appid, user)?.accounts[appid].openid.clone())
    }

    /// What `wx.login` gives them in a mini-program: five minutes, once.
    pub fn js_code(&self, appid: &str, user: &str) -> Result<String, Error> {
        self.code(Purpose::Login, appid, user)
    }

    /// What a `getPhoneNumber` button gives them: five minutes, once, not a login code.
    pub fn phone_code(&self, appid: &str, user: &str) -> Result<String, Error> {
        self.code(Purpose::Phone, appid, user)
    }

    /// What a `getPhoneNumber` button gives an old client: sealed with the session key that is valid now. Whoever has never
    /// logged in has none.
    pub fn encrypted_phone(&self, appid: &str, user: &str) -> Result<Encrypted, Error> {
        self.secret_of(appid).ok_or_else(|| Error::missing("appid", appid))?;
        let now = self.now();
        let mut ledger = self.lock();
        let user = with_account(&mut ledger, appid, user)?;
        let text = json!({ "phoneNumber": user.phone, "purePhoneNumber": user.phone, "countryCode": "86",
            "watermark": { "timestamp": now.seconds(), "appid": appid } });
        let mut iv = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut iv).map_err(|_| Error::Refused("no randomness"))?;
        let sealed = encrypted::seal(&user.accounts[appid].session_key, iv, &text.to_string());
        let encrypted_data = sealed.map_err(|_| Error::Refused("log in first: there is no session key"))?;
        Ok(Encrypted { encrypted_data, iv: STANDARD.encode(iv) })
    }

    /// What `wx.getUserInfo` gives an old client, signed with the session key that is valid now.
    pub fn user_info(&self, appid: &str, user: &str) -> Result<UserInfo, Error> {
        self.secret_of(appid).ok_or_else(|| Error::missing("appid", appid))?;
        let mut ledger = self.lock();
        let user = with_account(&mut ledger, appid, user)?;
        let raw_data = json!({ "nickName": user.name, "gender": 0, "language": "zh_CN", "city": "", "province": "",
            "country": "", "avatarUrl": "" })
        .to_string();
        let signature = encrypted::raw_data_signature(&raw_data, &user.accounts[appid].session_key);
        Ok(UserInfo { raw_data, signature })
    }

    fn code(&self, purpose: Purpose, appid: &str, user: &str) -> Result<String, Error> {
        self.secret_of(appid).ok_or_else(|| Error::missing("appid", appid))?;
        let expires_ms = self.now().plus(minutes(5));
        let mut ledger = self.lock();
        with_account(&mut ledger, appid, user)?;
        let code = match purpose {
            Purpose::Login => format!("0{}", random_text(31)),
            Purpose::Phone => random_text(64),
        };
        let record =
            Code { text: code.clone(), purpose, appid: appid.into(), user: user.into(), expires_ms, used: false };
        ledger.put([Record::Code(record)])?;
        Ok(code)
    }
}

/// The user, with an account in that mini-program.
pub(super) fn with_account(ledger: &mut Ledger, appid: &str, user: &str) -> Result<User, Error> {
    let mut user = ledger.users.get(user).cloned().ok_or_else(|| Error::missing("user", user))?;
    if !user.accounts.contains_key(appid) {
        let openid = format!("o{}", random_text(27));
        let account = Account { openid, session_key: String::new(), session_key_ms: Timestamp(0) };
        user.accounts.insert(appid.to_owned(), account);
        ledger.put([Record::User(user.clone())])?;
    }
    Ok(user)
}

/// Marks a login code used and gives the user with the session key now valid. WeChat keeps a key for a while, so not
/// every login makes a new one; there is never more than one.
pub(super) fn log_in(ledger: &mut Ledger, code: &Code, now: Timestamp, rotate: bool) -> Result<User, Error> {
    let mut user = with_account(ledger, &code.appid, &code.user)?;
    if let Some(account) = user.accounts.get_mut(&code.appid)
        && (rotate || account.session_key.is_empty() || now.since(account.session_key_ms) >= days(1))
    {
        let mut key = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| Error::Refused("no randomness"))?;
        account.session_key = STANDARD.encode(key);
        account.session_key_ms = now;
    }
    let spent = Code { used: true, ..code.clone() };
    ledger.put([Record::User(user.clone()), Record::Code(spent)])?;
    Ok(user)
}
