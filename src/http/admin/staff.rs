//! Staff sign in and out.

use crate::{
    app::{App, Limited},
    http::{
        extract::{Anyone, Origin, Staff, Valid},
        problem::Problem,
        user::{RefreshToken, TokensView},
    },
    model::{id::StaffId, staff::Permission, token::Audience},
    service,
};
use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Name and password.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct StaffSignIn {
    /// Name.
    #[garde(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Password.
    #[garde(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    password: String,
}

/// A member of staff.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StaffView {
    /// Who.
    id: StaffId,
    /// Name.
    name: String,
    /// What may be done.
    permissions: Vec<Permission>,
}

/// A member of staff who has signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StaffSignedIn {
    #[serde(flatten)]
    tokens: TokensView,
    /// Who.
    staff: StaffView,
}

/// Sign in.
#[utoipa::path(post, path = "/admin/v1/sign-in", operation_id = "staff.sign_in", tag = "staff",
    request_body = StaffSignIn, responses((status = 200, body = StaffSignedIn)))]
pub(in crate::http) async fn sign_in(
    State(app): State<App>,
    origin: Origin,
    Valid(body): Valid<StaffSignIn>,
) -> Result<Json<StaffSignedIn>, Problem> {
    origin.limit(&app, Limited::StaffSignIn).await?;
    let (staff, tokens) = service::staff::sign_in(&app, &body.name, &body.password).await?;
    let view = StaffView { id: staff.id, permissions: staff.rights(), name: staff.name };
    Ok(Json(StaffSignedIn { tokens: tokens.into(), staff: view }))
}

/// Exchange the refresh token for the next pair.
#[utoipa::path(post, path = "/admin/v1/token/refresh", operation_id = "staff.refresh", tag = "staff",
    request_body = RefreshToken, responses((status = 200, body = TokensView)))]
pub(in crate::http) async fn refresh(
    State(app): State<App>,
    origin: Origin,
    Valid(body): Valid<RefreshToken>,
) -> Result<Json<TokensView>, Problem> {
    origin.limit(&app, Limited::StaffSignIn).await?;
    Ok(Json(service::token::refresh(&app, Audience::Staff, &body.refresh_token).await?.into()))
}

/// End this sign-in.
#[utoipa::path(post, path = "/admin/v1/sign-out", operation_id = "staff.sign_out", tag = "staff",
    security(("staff" = [])), responses((status = 204)))]
pub(in crate::http) async fn sign_out(
    State(app): State<App>,
    Staff(clerk, _): Staff<Anyone>,
) -> Result<StatusCode, Problem> {
    service::token::sign_out(&app, clerk.sign_in).await?;
    Ok(StatusCode::NO_CONTENT)
}
