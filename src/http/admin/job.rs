//! Jobs, for staff.

use crate::{
    app::App,
    http::{
        extract::{Id, JobWrite, Params, Staff, place, rows},
        problem::Problem,
    },
    model::{
        id::JobId,
        job::{JobRow, JobState},
        page::Page,
        time::Timestamp,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What a list of jobs is asked for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct JobParams {
    /// In this state; those that were given up unless said otherwise.
    #[garde(skip)]
    #[param(inline)]
    state: Option<JobState>,
    /// Where the page starts: `next` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct JobView {
    /// Which.
    id: JobId,
    /// What there is to do.
    kind: String,
    /// What it follows, such as `send_refund:7`.
    subject: Option<String>,
    /// Where it stands.
    state: JobState,
    /// How often it was tried.
    attempt: i64,
    /// How often it may be tried.
    attempts_max: i64,
    /// Why it failed last.
    last_error: Option<String>,
    /// When it is or was due, in milliseconds since 1970.
    #[schema(value_type = i64)]
    run_ms: Timestamp,
    /// When it was enqueued.
    #[schema(value_type = i64)]
    created_ms: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<i64>)]
    ended_ms: Option<Timestamp>,
}

impl From<JobRow> for JobView {
    fn from(job: JobRow) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            subject: job.dedupe_key,
            state: job.state,
            attempt: job.attempt,
            attempts_max: job.attempts_max,
            last_error: job.last_error,
            run_ms: job.run_ms,
            created_ms: job.created_ms,
            ended_ms: job.ended_ms,
        }
    }
}

/// Jobs, latest first: those that were given up, or in another state.
#[utoipa::path(get, path = "/admin/v1/jobs", operation_id = "staff.job.list", tag = "staff",
    security(("staff" = ["job.write"])), params(JobParams), responses((status = 200, body = inline(Page<JobView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<JobWrite>,
    Params(params): Params<JobParams>,
) -> Result<Json<Page<JobView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let state = params.state.unwrap_or(JobState::Dead);
    let page = service::job::list(&app, state, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}

/// Try a job that was given up once more.
#[utoipa::path(post, path = "/admin/v1/jobs/{id}/redrive", operation_id = "staff.job.redrive", tag = "staff",
    security(("staff" = ["job.write"])), params(("id" = JobId, Path)), responses((status = 200, body = JobView)))]
pub(in crate::http) async fn redrive(
    State(app): State<App>,
    Staff(clerk, _): Staff<JobWrite>,
    Id(id): Id<JobId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(service::job::redrive(&app, &clerk, id).await?.into()))
}
