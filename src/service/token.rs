//! Tokens: a short signed access token, and a refresh token that is used once.
//!
//! Refresh tokens are computed, not stored: `{sign-in}.{generation}.{tag}` where the tag is an HMAC over both and the
//! salt of the sign-in. So a reply that was lost can be given again, and a stolen database holds no token.

use crate::{
    app::{App, random_bytes},
    cache::SignInKey,
    data::{self, Session},
    model::{
        event::{Event, EventKind},
        id::{SignInId, UserId},
        money::Fen,
        time::{Timestamp, days, minutes},
        token::{Audience, Presented, SignIn, Standing, TokenRefusal, Tokens},
    },
    service::{Error, Fault, attempt},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Who issues the tokens.
const ISSUER: &str = "weizhan";
/// How far two nodes' clocks may differ.
const LEEWAY_SECONDS: u64 = 15;

/// What an access token says. All of it is required.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: SignInId,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// A signed-in buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer {
    /// The person.
    pub id: UserId,
    /// The device.
    pub sign_in: SignInId,
    /// The mini-program.
    pub appid: String,
    /// The person in it.
    pub openid: String,
}

/// Begin a sign-in in the session at hand. The tokens count once the session is committed.
pub async fn issue(
    app: &App,
    session: &mut Session,
    audience: Audience,
    holder_id: i64,
    appid: &str,
    openid: &str,
) -> Result<Tokens, Fault> {
    let now = app.now();
    let sign_in = SignIn {
        id: app.ids.next(SignInId),
        audience,
        holder_id,
        appid: appid.to_owned(),
        openid: openid.to_owned(),
        salt: random_bytes::<16>().to_vec(),
        generation: 1,
        rotated_ms: now,
        created_ms: now,
        expires_ms: now.plus(days(app.config.auth.refresh_days)),
        revoked_ms: None,
    };
    data::token::insert(session, &sign_in).await?;
    if audience == Audience::Buyer {
        let fact = Event::fact(EventKind::SignIn, sign_in.id, UserId(holder_id), Fen::ZERO, now);
        data::event::note(session, &[fact]).await?;
    }
    tokens(app, &sign_in, 1, now)
}

fn tokens(app: &App, sign_in: &SignIn, generation: i64, now: Timestamp) -> Result<Tokens, Fault> {
    let life = match sign_in.audience {
        Audience::Buyer => app.config.auth.access_minutes,
        Audience::Staff => app.config.auth.staff_minutes,
    };
    let access_expires = now.plus(minutes(life)).min(sign_in.expires_ms);
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: sign_in.audience.word().to_owned(),
        sub: sign_in.holder_id.to_string(),
        sid: sign_in.id,
        iat: now.seconds(),
        nbf: now.seconds(),
        exp: access_expires.seconds(),
    };
    let key = app.token_keys.sign(sign_in.audience);
    let access = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, key)
        .map_err(|error| Fault::broken(format!("a token could not be signed: {error}")))?;
    let tag = app.token_keys.refresh_tag(&refresh_text(sign_in, generation));
    let refresh = format!("{}.{generation}.{}", sign_in.id, URL_SAFE_NO_PAD.encode(tag));
    Ok(Tokens { access, access_expires, refresh })
}

fn refresh_text(sign_in: &SignIn, generation: i64) -> Vec<u8> {
    let mut text = format!("{}\n{}\n{generation}\n", sign_in.audience, sign_in.id).into_bytes();
    text.extend_from_slice(&sign_in.salt);
    text
}

/// Reads a refresh token: the sign-in, the generation and the tag.
fn parse_refresh(text: &str) -> Option<(SignInId, i64, Vec<u8>)> {
    let mut parts = text.split('.');
    let (id, generation, tag) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || text.len() > 128 {
        return None;
    }
    Some((id.parse().ok()?, generation.parse().ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?))
}

/// Exchange a refresh token for the next pair. A token that comes back after its successor was used ends the sign-in.
pub async fn refresh(app: &App, audience: Audience, token: &str) -> Result<Tokens, Error<TokenRefusal>> {
    let (id, generation, tag) = parse_refresh(token).ok_or(TokenRefusal::Invalid)?;
    attempt(|| refresh_once(app, audience, id, generation, &tag)).await
}

async fn refresh_once(
    app: &App,
    audience: Audience,
    id: SignInId,
    generation: i64,
    tag: &[u8],
) -> Result<Tokens, Error<TokenRefusal>> {
    let mut session = app.database.write().await?;
    let sign_in = data::token::find(&mut session, id).await?.ok_or(TokenRefusal::Invalid)?;
    if sign_in.audience != audience || !app.token_keys.refresh_verify(&refresh_text(&sign_in, generation), tag) {
        return Err(TokenRefusal::Invalid.into());
    }
    let now = app.now();
    match sign_in.present(generation, now, Duration::from_secs(app.config.auth.refresh_grace_seconds)) {
        Presented::Rotate => {
            if !data::token::rotate(&mut session, id, generation, now).await? {
                return Err(Fault::contended("the refresh token was used at the same time").into());
            }
            session.commit().await?;
            Ok(tokens(app, &sign_in, generation + 1, now)?)
        }
        Presented::Repeat => {
            session.commit().await?;
            Ok(tokens(app, &sign_in, generation + 1, now)?)
        }
        Presented::Reused => {
            tracing::warn!(sign_in.id = %id, "a retired refresh token came back; the sign-in is ended");
            data::token::revoke(&mut session, id, now).await?;
            session.commit().await?;
            app.cache.forget(&SignInKey(id)).await;
            Err(TokenRefusal::Reused.into())
        }
        Presented::Dead => Err(TokenRefusal::Revoked.into()),
    }
}

/// End a sign-in.
pub async fn sign_out(app: &App, id: SignInId) -> Result<(), Error<TokenRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::token::revoke(&mut session, id, app.now()).await?;
        session.commit().await?;
        app.cache.forget(&SignInKey(id)).await;
        Ok(())
    })
    .await
}

/// Who holds this access token: the sign-in, and how it stood at most
/// [`SIGN_IN_BELIEVED`](crate::cache::SIGN_IN_BELIEVED) ago on whatever node.
pub async fn authenticate(
    app: &App,
    audience: Audience,
    token: &str,
) -> Result<(SignInId, Arc<Standing>), Error<TokenRefusal>> {
    let claims = read(app, audience, token)?;
    let id = claims.sid;
    let load = || async {
        let sign_in = data::token::find(&mut app.database.read().await?, id).await?;
        Ok::<_, Fault>(sign_in.map(SignIn::standing))
    };
    let standing = app.cache.get_or_load(&SignInKey(id), load).await?.ok_or(TokenRefusal::Revoked)?;
    let is_holder = claims.sub.parse() == Ok(standing.holder_id);
    if standing.audience != audience || !is_holder || !standing.is_live(app.now()) {
        return Err(TokenRefusal::Revoked.into());
    }
    Ok((id, standing))
}

/// What a token must be, beside well signed. Worked out once: it is asked for by nearly every request.
static BUYER_RULES: LazyLock<Validation> = LazyLock::new(|| rules(Audience::Buyer));
static STAFF_RULES: LazyLock<Validation> = LazyLock::new(|| rules(Audience::Staff));

fn rules(audience: Audience) -> Validation {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&[audience.word()]);
    rules.set_issuer(&[ISSUER]);
    rules.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    // The times are compared below, with the application's clock.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules
}

fn read(app: &App, audience: Audience, token: &str) -> Result<Claims, TokenRefusal> {
    let rules = match audience {
        Audience::Buyer => &*BUYER_RULES,
        Audience::Staff => &*STAFF_RULES,
    };
    let keys = app.token_keys.verify(audience);
    let claims = keys.iter().find_map(|key| jsonwebtoken::decode::<Claims>(token, key, rules).ok());
    let claims = claims.ok_or(TokenRefusal::Invalid)?.claims;
    let (now, leeway) = (app.now().seconds(), i64::try_from(LEEWAY_SECONDS).unwrap_or(0));
    if now >= claims.exp {
        return Err(TokenRefusal::Expired);
    }
    if claims.nbf > now + leeway { Err(TokenRefusal::Invalid) } else { Ok(claims) }
}

/// The buyer who holds this access token.
pub async fn buyer(app: &App, token: &str) -> Result<Buyer, Error<TokenRefusal>> {
    let (sign_in, standing) = authenticate(app, Audience::Buyer, token).await?;
    Ok(Buyer {
        id: UserId(standing.holder_id),
        sign_in,
        appid: standing.appid.clone(),
        openid: standing.openid.clone(),
    })
}
