//! Signing in, and what a person keeps here.

use super::{
    cloud::CloudCaller,
    extract::{Buyer, Origin, Valid},
    limit::limit,
    problem::Problem,
};
use crate::{
    app::{App, Caller, Limited},
    model::{
        id::UserId,
        time::Timestamp,
        token::{Audience, Tokens},
    },
    service::{self, user::Profile},
};
use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What `wx.login` gave.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// The mini-program.
    #[garde(length(min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32)]
    appid: String,
    /// `res.code` of `wx.login`, used once within five minutes.
    #[garde(length(min = 1, max = 128))]
    #[schema(min_length = 1, max_length = 128)]
    code: String,
}

/// A refresh token.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshToken {
    /// The one that came last.
    #[garde(length(min = 1, max = 128))]
    #[schema(min_length = 1, max_length = 128)]
    pub(super) refresh_token: String,
}

/// Both tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokensView {
    /// For the header `Authorization: Bearer …`.
    access_token: String,
    /// When it ends.
    expires_ms: Timestamp,
    /// To be exchanged for the next pair, once.
    refresh_token: String,
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self { access_token: tokens.access, expires_ms: tokens.access_expires, refresh_token: tokens.refresh }
    }
}

/// A person, to itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserView {
    /// Who.
    id: UserId,
    /// Chosen name, empty at first.
    nickname: String,
    /// Chosen picture, or empty.
    avatar_url: String,
    /// With its country, such as `+8613800000000`.
    phone: Option<String>,
}

impl From<Profile> for UserView {
    fn from(Profile { user, phone }: Profile) -> Self {
        Self { id: user.id, nickname: user.nickname, avatar_url: user.avatar_url, phone }
    }
}

/// A person who has signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignedIn {
    #[serde(flatten)]
    tokens: TokensView,
    /// Who.
    user: UserView,
}

/// What a person wants to be called and to look like.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeProfile {
    /// Up to 32 characters.
    #[garde(length(chars, max = 32))]
    #[schema(max_length = 32)]
    nickname: String,
    /// An object of this shop (`/objects/…`), or empty.
    #[garde(length(max = 255), pattern(r"^(/objects/[a-z0-9/_.-]+)?$"))]
    #[schema(max_length = 255, pattern = r"^(/objects/[a-z0-9/_.-]+)?$")]
    avatar_url: String,
}

/// What the phone-number button gave.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BindPhone {
    /// `e.detail.code` of `getPhoneNumber`.
    #[garde(length(min = 1, max = 128))]
    #[schema(min_length = 1, max_length = 128)]
    code: String,
}

/// What the phone-number button gave an old client.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BindEncryptedPhone {
    /// `e.detail.encryptedData` of `getPhoneNumber`, base64.
    #[garde(length(min = 1, max = 4_096))]
    #[schema(min_length = 1, max_length = 4_096)]
    encrypted_data: String,
    /// `e.detail.iv`, base64 of 16 bytes.
    #[garde(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    iv: String,
}

/// Sign in with WeChat. The first time makes the person.
#[utoipa::path(post, path = "/v1/login", operation_id = "user.sign_in", tag = "user", request_body = SignIn,
    responses((status = 200, body = SignedIn)))]
pub(super) async fn sign_in(
    State(app): State<App>,
    origin: Origin,
    Valid(body): Valid<SignIn>,
) -> Result<Json<SignedIn>, Problem> {
    origin.limit(&app, Limited::SignIn).await?;
    let (profile, tokens) = service::user::sign_in(&app, &body.appid, &body.code).await?;
    Ok(Json(SignedIn { tokens: tokens.into(), user: profile.into() }))
}

/// Sign in whom WeChat Cloud Run (微信云托管) names, without a code: its gateway adds `X-WX-SOURCE`, `X-WX-OPENID`,
/// `X-WX-APPID` and, where there is one, `X-WX-UNIONID`. Only with `server.cloud_run`; elsewhere nobody is named.
#[utoipa::path(post, path = "/v1/login/cloud", operation_id = "user.sign_in_from_cloud", tag = "user",
    responses((status = 200, body = SignedIn)))]
pub(super) async fn sign_in_from_cloud(
    State(app): State<App>,
    origin: Origin,
    CloudCaller { appid, openid, unionid, .. }: CloudCaller,
) -> Result<Json<SignedIn>, Problem> {
    origin.limit(&app, Limited::SignIn).await?;
    let (profile, tokens) = service::user::sign_in_from_cloud(&app, &appid, &openid, unionid.as_deref()).await?;
    Ok(Json(SignedIn { tokens: tokens.into(), user: profile.into() }))
}

/// Exchange the refresh token for the next pair. If the answer is lost, the same token may be sent again for half a
/// minute; a token that comes back later ends the sign-in.
#[utoipa::path(post, path = "/v1/token/refresh", operation_id = "user.refresh", tag = "user", request_body = RefreshToken,
    responses((status = 200, body = TokensView)))]
pub(super) async fn refresh(
    State(app): State<App>,
    origin: Origin,
    Valid(body): Valid<RefreshToken>,
) -> Result<Json<TokensView>, Problem> {
    origin.limit(&app, Limited::SignIn).await?;
    Ok(Json(service::token::refresh(&app, Audience::Buyer, &body.refresh_token).await?.into()))
}

/// End this sign-in.
#[utoipa::path(post, path = "/v1/logout", operation_id = "user.sign_out", tag = "user", security(("buyer" = [])),
    responses((status = 204)))]
pub(super) async fn sign_out(State(app): State<App>, Buyer(buyer): Buyer) -> Result<StatusCode, Problem> {
    service::token::sign_out(&app, buyer.sign_in).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who I am.
#[utoipa::path(get, path = "/v1/me", operation_id = "user.view", tag = "user", security(("buyer" = [])),
    responses((status = 200, body = UserView)))]
pub(super) async fn view(State(app): State<App>, Buyer(buyer): Buyer) -> Result<Json<UserView>, Problem> {
    Ok(Json(service::user::view(&app, &buyer).await?.into()))
}

/// Change name and picture.
#[utoipa::path(put, path = "/v1/me", operation_id = "user.change", tag = "user", security(("buyer" = [])),
    request_body = ChangeProfile, responses((status = 200, body = UserView)))]
pub(super) async fn change(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Valid(body): Valid<ChangeProfile>,
) -> Result<Json<UserView>, Problem> {
    Ok(Json(service::user::change(&app, &buyer, &body.nickname, &body.avatar_url).await?.into()))
}

/// Delete my account (注销), for good. All that is personal goes: names, openids, phone number, addresses, pictures, cart, what
/// was written to the shop; orders and money stay in the shop's books without it. Every sign-in ends at once, so the same
/// request once more is answered 401: it is done. Whoever signs in again afterwards is somebody new.
///
/// 409 `user.orders_open` while something is under way: an order that waits for its money, is paid or on its way; a refund
/// that is not decided or not paid out; a payment that is not settled.
#[utoipa::path(delete, path = "/v1/me", operation_id = "user.remove", tag = "user", security(("buyer" = [])),
    responses((status = 204)))]
pub(super) async fn remove(State(app): State<App>, Buyer(buyer): Buyer) -> Result<StatusCode, Problem> {
    service::erasure::remove(&app, &buyer).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keep the phone number that the phone-number button stands for.
#[utoipa::path(post, path = "/v1/me/phone", operation_id = "user.bind_phone", tag = "user", security(("buyer" = [])),
    request_body = BindPhone, responses((status = 200, body = UserView)))]
pub(super) async fn bind_phone(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Valid(body): Valid<BindPhone>,
) -> Result<Json<UserView>, Problem> {
    limit(&app, Limited::Phone, Caller::User(buyer.id.0)).await?;
    Ok(Json(service::user::bind_phone(&app, &buyer, &body.code).await?.into()))
}

/// Keep the phone number that a client gives sealed, as those before base library 2.21.2 do: `encryptedData` and `iv`. Sign in
/// with `wx.login` before the button is pressed; what was sealed with a key from shortly before is opened too. Newer
/// clients send the code instead.
#[utoipa::path(post, path = "/v1/me/phone/encrypted", operation_id = "user.bind_encrypted_phone", tag = "user",
    security(("buyer" = [])), request_body = BindEncryptedPhone, responses((status = 200, body = UserView)))]
pub(super) async fn bind_encrypted_phone(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Valid(body): Valid<BindEncryptedPhone>,
) -> Result<Json<UserView>, Problem> {
    limit(&app, Limited::Phone, Caller::User(buyer.id.0)).await?;
    let BindEncryptedPhone { encrypted_data, iv } = &body;
    Ok(Json(service::user::bind_encrypted_phone(&app, &buyer, iv, encrypted_data).await?.into()))
}
