//! What is on for whoever asks.

use super::{
    extract::{Anybody, Params},
    problem::Problem,
};
use crate::{
    app::App,
    model::flag::{AppVersion, Who},
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Who asks, as far as a token does not say it.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FlagParams {
    /// The version of the mini-program, such as 1.4.2; without one, what is for certain versions is off.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^[0-9]{1,9}([.][0-9]{1,9}){0,3}$")]
    version: Option<AppVersion>,
    /// The mini-program; a buyer's token says it already.
    #[garde(length(min = 1, max = 32))]
    #[param(min_length = 1, max_length = 32)]
    appid: Option<String>,
    /// A random word that the device keeps, so that it stays in its share while nobody has signed in.
    #[garde(length(min = 8, max = 64), ascii)]
    #[param(min_length = 8, max_length = 64)]
    device: Option<String>,
}

/// What is on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlagsView {
    /// Names of the flags that are on; all others are off.
    on: Vec<String>,
    /// Grows with each change.
    version: i64,
}

/// What is on for a buyer, or for a device on which nobody has signed in. The token is optional.
#[utoipa::path(get, path = "/v1/flags", operation_id = "flag.list", tag = "flag", params(FlagParams),
    responses((status = 200, body = FlagsView)))]
pub(super) async fn list(
    State(app): State<App>,
    Anybody(buyer): Anybody,
    Params(params): Params<FlagParams>,
) -> Result<Json<FlagsView>, Problem> {
    let who = match &buyer {
        Some(buyer) => service::flag::who(buyer, params.version),
        None => Who::device(params.device.as_deref(), params.appid.as_deref(), params.version),
    };
    let on = service::flag::of(&app, &who);
    Ok(Json(FlagsView { on: on.names, version: on.version }))
}
