//! Settings that can be changed while the shop runs, for staff.

use crate::{
    app::App,
    http::{
        extract::{Id, SettingRead, SettingWrite, Staff, Valid},
        problem::Problem,
    },
    model::{id::StaffId, setting::SettingChange, time::Timestamp},
    service::{self, setting::Standing},
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A setting.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SettingView {
    /// `order.unpaid_minutes`; `config/default.toml` says what it means.
    name: String,
    /// What holds.
    value: Value,
    /// What the files say.
    default: Value,
    /// To be said when it is changed; 0: it is as the files say.
    version: i64,
    /// By whom it was changed last.
    staff_id: Option<StaffId>,
    /// When, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    changed_ms: Option<Timestamp>,
}

impl From<Standing> for SettingView {
    fn from(Standing { name, value, default, changed }: Standing) -> Self {
        let version = changed.as_ref().map_or(0, |row| row.version);
        let (staff_id, changed_ms) = changed.map(|row| (row.staff_id, row.changed_ms)).unzip();
        Self { name, value, default, version, staff_id, changed_ms }
    }
}

/// All settings that can be changed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SettingsView {
    /// In the order of `config/default.toml`.
    items: Vec<SettingView>,
}

/// What a setting is to be.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChangeSetting {
    /// The version that was seen; another refuses the change.
    #[garde(range(min = 0))]
    #[schema(minimum = 0)]
    version: i64,
    /// A number or a text, as the setting has; null: what the files say.
    #[garde(skip)]
    value: Value,
}

/// What a setting became.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SettingChangeView {
    /// The version that began.
    version: i64,
    /// Absent when it was given back to the files.
    value: Option<Value>,
    /// By whom.
    staff_id: StaffId,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    changed_ms: Timestamp,
}

impl From<SettingChange> for SettingChangeView {
    fn from(change: SettingChange) -> Self {
        let SettingChange { version, value, staff_id, changed_ms, .. } = change;
        let value = value.and_then(|text| serde_json::from_str(&text).ok());
        Self { version, value, staff_id, changed_ms }
    }
}

/// The changes of a setting.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SettingHistoryView {
    /// The latest first, 100 at most.
    items: Vec<SettingChangeView>,
}

/// The settings that can be changed while the shop runs.
#[utoipa::path(get, path = "/admin/v1/settings", operation_id = "staff.setting.list", tag = "staff",
    security(("staff" = ["setting.read"])), responses((status = 200, body = SettingsView)))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<SettingRead>,
) -> Result<Json<SettingsView>, Problem> {
    let items = service::setting::list(&app).await?.into_iter().map(Into::into).collect();
    Ok(Json(SettingsView { items }))
}

/// Change a setting. It passes the rules of the start, and every node follows within two seconds.
#[utoipa::path(put, path = "/admin/v1/settings/{name}", operation_id = "staff.setting.change", tag = "staff",
    security(("staff" = ["setting.write"])), params(("name" = String, Path)), request_body = ChangeSetting,
    responses((status = 200, body = SettingView)))]
pub(in crate::http) async fn change(
    State(app): State<App>,
    Staff(clerk, _): Staff<SettingWrite>,
    Id(name): Id<String>,
    Valid(body): Valid<ChangeSetting>,
) -> Result<Json<SettingView>, Problem> {
    let value = Some(&body.value).filter(|value| !value.is_null());
    Ok(Json(service::setting::change(&app, &clerk, &name, body.version, value).await?.into()))
}

/// What a setting was before.
#[utoipa::path(get, path = "/admin/v1/settings/{name}/history", operation_id = "staff.setting.history", tag = "staff",
    security(("staff" = ["setting.read"])), params(("name" = String, Path)),
    responses((status = 200, body = SettingHistoryView)))]
pub(in crate::http) async fn history(
    State(app): State<App>,
    _: Staff<SettingRead>,
    Id(name): Id<String>,
) -> Result<Json<SettingHistoryView>, Problem> {
    let items = service::setting::history(&app, &name).await?.into_iter().map(Into::into).collect();
    Ok(Json(SettingHistoryView { items }))
}
