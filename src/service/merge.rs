//! Two people turn out to be one: both signed in before WeChat told that they have one unionid (a mini-program was bound to the
//! Open Platform account later, or one was added). Whoever was there first stays, and the other becomes part of it.
//!
//! | what | rule |
//! | --- | --- |
//! | accounts, orders, pictures | all move |
//! | addresses | all move; the default one of whoever stays remains the default |
//! | cart | all moves; of a SKU in both, the larger number of pieces |
//! | nickname, avatar, phone number | those of whoever stays; where it has none, the other's |
//! | answers to idempotency keys | all move, so that a repeated request still has one effect |
//! | sign-ins | those of the other end: its devices sign in again, which mini-programs do by themselves |
//! | events and figures | stay as they were counted: yesterday's two visitors remain two |
//!
//! All of it in the transaction of the sign-in that tells. Who is disabled does not get out of it so: if either is, the sign-in is
//! refused and nothing moves.

use crate::{
    app::App,
    cache::{Key as _, SignInKey},
    data::{self, Session},
    model::{
        upload::{Owner, Purpose},
        user::User,
    },
    service::{
        Fault, audit,
        hot::{self, Mark},
        upload,
        user::phone_place,
    },
};

/// Make one person of two whose rows this session holds; the one who stays, and what is to be forgotten after the commit.
pub(super) async fn merge(
    app: &App,
    session: &mut Session,
    one: User,
    other: User,
    unionid: &str,
) -> Result<(User, Mark), Fault> {
    let first = |user: &User| (user.created_ms, user.id);
    let (keeper, gone) = if first(&one) <= first(&other) { (one, other) } else { (other, one) };
    let now = app.now();
    let devices = data::token::list_of(session, gone.id).await?;
    let hot = devices.iter().map(|device| SignInKey(device.id).hot()).collect();
    let has_addresses = data::address::count(session, keeper.id).await? > 0;
    // First of all, since a unionid and a phone number have one place each.
    if !data::merge::leave(session, gone.id, keeper.id, now).await? {
        return Err(Fault::contended("the person has gone meanwhile"));
    }
    let orders = data::merge::carry(session, gone.id, keeper.id, now).await?;
    data::merge::carry_addresses(session, gone.id, keeper.id, has_addresses, now).await?;
    data::merge::carry_cart(session, gone.id, keeper.id).await?;
    data::merge::carry_replies(session, gone.id, keeper.id).await?;
    take_profile(app, session, &keeper, &gone).await?;
    if keeper.unionid.is_none() {
        data::user::join_union(session, keeper.id, unionid, now).await?;
    }
    let detail = serde_json::json!({ "merged": gone.id, "orders": orders, "sign_ins": devices.len() });
    audit::note(app, session, "user.merge", &format!("user:{}", keeper.id), &detail).await?;
    let mark = hot::mark(app, session, hot).await?;
    let merged = data::user::find(session, keeper.id).await?;
    Ok((merged.ok_or_else(|| Fault::broken("a person whose row is held is not there"))?, mark))
}

/// What the one who stays lacks it takes from the other.
async fn take_profile(app: &App, session: &mut Session, keeper: &User, gone: &User) -> Result<(), Fault> {
    let now = app.now();
    let nickname = if keeper.nickname.is_empty() { &gone.nickname } else { &keeper.nickname };
    let avatar = if keeper.avatar_url.is_empty() { &gone.avatar_url } else { &keeper.avatar_url };
    if (nickname, avatar) != (&keeper.nickname, &keeper.avatar_url) {
        data::user::set_profile(session, keeper.id, nickname, avatar, now).await?;
    }
    if avatar != &gone.avatar_url {
        upload::detach(app, session, Owner::User(keeper.id), Purpose::Avatar, &gone.avatar_url).await?;
    }
    if let (None, Some(sealed)) = (&keeper.phone_sealed, &gone.phone_sealed) {
        let plain = app.vault.open(&phone_place(gone.id), sealed);
        let plain = plain.ok_or_else(|| Fault::broken("a phone number does not open with privacy.data_key"))?;
        let number = String::from_utf8(plain).map_err(|error| Fault::broken(error.to_string()))?;
        let sealed = app.vault.seal(&phone_place(keeper.id), number.as_bytes());
        let index = app.vault.index("users.phone", &number);
        data::user::set_phone(session, keeper.id, &sealed, &index, now).await?;
    }
    Ok(())
}
