//! Feature flags, for staff.

use crate::{
    app::App,
    http::{
        extract::{FlagWrite, Id, SettingRead, Staff, Valid},
        problem::Problem,
    },
    model::{
        flag::{AppVersion, Flag, FlagChange, FlagName, FlagRule},
        id::StaffId,
        time::Timestamp,
    },
    service,
};
use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// For whom a flag is on.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RuleView {
    /// Off: for nobody.
    on: bool,
    /// Share of the users, 0 to 100.
    percent: u8,
    /// For these also beyond the share.
    openids: Vec<String>,
    /// Only in these mini-programs; none named: in all.
    appids: Vec<String>,
    /// Only from this version of the mini-program on.
    #[schema(value_type = Option<String>)]
    version_min: Option<AppVersion>,
    /// Only up to this version.
    #[schema(value_type = Option<String>)]
    version_max: Option<AppVersion>,
}

impl From<FlagRule> for RuleView {
    fn from(rule: FlagRule) -> Self {
        let FlagRule { on, percent, openids, appids, version_min, version_max } = rule;
        let (openids, appids) = (openids.into_iter().collect(), appids.into_iter().collect());
        Self { on, percent, openids, appids, version_min, version_max }
    }
}

/// A flag.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct FlagView {
    /// Which.
    name: String,
    /// To be said when it is changed.
    version: i64,
    /// For whom it is on; absent when this node cannot read it, and then it is off.
    rule: Option<RuleView>,
    /// By whom it was changed last.
    staff_id: StaffId,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    changed_ms: Timestamp,
}

impl From<Flag> for FlagView {
    fn from(flag: Flag) -> Self {
        let rule = flag.rule().map(Into::into);
        let Flag { name, version, staff_id, changed_ms, .. } = flag;
        Self { name, version, rule, staff_id, changed_ms }
    }
}

/// All flags.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct AllFlagsView {
    /// By name.
    items: Vec<FlagView>,
}

/// For whom a flag is to be on.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PutFlag {
    /// The version that was seen, 0 for a new one; another refuses the change.
    #[garde(range(min = 0))]
    #[schema(minimum = 0)]
    version: i64,
    /// Off: for nobody, whatever else is said.
    #[garde(skip)]
    on: bool,
    /// Share of the users, 0 to 100; 100 unless said otherwise. Raising it only adds people.
    #[garde(range(max = 100))]
    #[schema(maximum = 100)]
    #[serde(default = "all")]
    percent: u8,
    /// For these also beyond the share.
    #[garde(length(max = 1000), inner(length(min = 1, max = 128)))]
    #[schema(max_items = 1000)]
    #[serde(default)]
    openids: Vec<String>,
    /// Only in these mini-programs; none named: in all.
    #[garde(length(max = 100), inner(length(min = 1, max = 32)))]
    #[schema(max_items = 100)]
    #[serde(default)]
    appids: Vec<String>,
    /// Only from this version of the mini-program on, such as 1.4.2.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    version_min: Option<AppVersion>,
    /// Only up to this version.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    version_max: Option<AppVersion>,
}

const fn all() -> u8 {
    100
}

impl From<PutFlag> for FlagRule {
    fn from(body: PutFlag) -> Self {
        let PutFlag { on, percent, openids, appids, version_min, version_max, .. } = body;
        let (openids, appids) = (openids.into_iter().collect(), appids.into_iter().collect());
        Self { on, percent, openids, appids, version_min, version_max }
    }
}

/// What a flag became.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct FlagChangeView {
    /// The version that began.
    version: i64,
    /// Absent when it was taken away.
    rule: Option<RuleView>,
    /// By whom.
    staff_id: StaffId,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    changed_ms: Timestamp,
}

impl From<FlagChange> for FlagChangeView {
    fn from(change: FlagChange) -> Self {
        let FlagChange { version, rule, staff_id, changed_ms, .. } = change;
        let rule = rule.and_then(|text| serde_json::from_str::<FlagRule>(&text).ok()).map(Into::into);
        Self { version, rule, staff_id, changed_ms }
    }
}

/// The changes of a flag.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct FlagHistoryView {
    /// The latest first, 100 at most.
    items: Vec<FlagChangeView>,
}

/// All flags.
#[utoipa::path(get, path = "/admin/v1/flags", operation_id = "staff.flag.list", tag = "staff",
    security(("staff" = ["setting.read"])), responses((status = 200, body = AllFlagsView)))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<SettingRead>,
) -> Result<Json<AllFlagsView>, Problem> {
    let items = service::flag::list(&app).await?.into_iter().map(Into::into).collect();
    Ok(Json(AllFlagsView { items }))
}

/// Make a flag, or change for whom it is on. Every node follows within two seconds.
#[utoipa::path(put, path = "/admin/v1/flags/{name}", operation_id = "staff.flag.put", tag = "staff",
    security(("staff" = ["flag.write"])), params(("name" = String, Path, pattern = "^[a-z][a-z0-9_]{0,63}$")), request_body = PutFlag,
    responses((status = 200, body = FlagView)))]
pub(in crate::http) async fn put(
    State(app): State<App>,
    Staff(clerk, _): Staff<FlagWrite>,
    Id(name): Id<FlagName>,
    Valid(body): Valid<PutFlag>,
) -> Result<Json<FlagView>, Problem> {
    Ok(Json(service::flag::put(&app, &clerk, &name, body.version, &body.into()).await?.into()))
}

/// Take a flag away: it is off for everybody.
#[utoipa::path(delete, path = "/admin/v1/flags/{name}", operation_id = "staff.flag.remove", tag = "staff",
    security(("staff" = ["flag.write"])), params(("name" = String, Path, pattern = "^[a-z][a-z0-9_]{0,63}$")), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    Staff(clerk, _): Staff<FlagWrite>,
    Id(name): Id<FlagName>,
) -> Result<StatusCode, Problem> {
    service::flag::remove(&app, &clerk, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a flag was before, also when it was taken away.
#[utoipa::path(get, path = "/admin/v1/flags/{name}/history", operation_id = "staff.flag.history", tag = "staff",
    security(("staff" = ["setting.read"])), params(("name" = String, Path, pattern = "^[a-z][a-z0-9_]{0,63}$")),
    responses((status = 200, body = FlagHistoryView)))]
pub(in crate::http) async fn history(
    State(app): State<App>,
    _: Staff<SettingRead>,
    Id(name): Id<FlagName>,
) -> Result<Json<FlagHistoryView>, Problem> {
    let items = service::flag::history(&app, &name).await?.into_iter().map(Into::into).collect();
    Ok(Json(FlagHistoryView { items }))
}
