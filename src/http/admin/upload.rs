//! Pictures that staff send, and those of buyers that staff decide on.

use crate::{
    app::App,
    http::{
        extract::{Created, Id, PageParams, Params, ProductWrite, Staff, Valid, place, rows},
        problem::Problem,
        upload::{BeginUpload, LeaveView, UploadView, receive},
    },
    model::{
        id::{UploadId, UserId},
        page::Page,
        time::Timestamp,
        upload::{Owner, Purpose, Verdict},
    },
    service::{
        self,
        upload::{Held, Sender},
    },
};
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A picture that WeChat is against, or not sure of.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HeldView {
    /// Which.
    id: UploadId,
    /// Whose.
    user_id: UserId,
    /// What for.
    #[schema(inline)]
    purpose: Purpose,
    /// What WeChat thinks: `risky`, or `review` also where it said nothing.
    #[schema(inline)]
    verdict: Verdict,
    /// Whether it would be shown somewhere.
    attached: bool,
    /// Where to look at it, for ten minutes.
    url: String,
    /// When it was begun.
    created_ms: Timestamp,
}

impl From<Held> for HeldView {
    fn from(Held { upload, url }: Held) -> Self {
        Self {
            id: upload.id,
            user_id: UserId(upload.owner_id),
            purpose: upload.purpose,
            verdict: upload.verdict,
            attached: upload.attached,
            url,
            created_ms: upload.created_ms,
        }
    }
}

/// Leave to send a picture of a product.
#[utoipa::path(post, path = "/admin/v1/uploads", operation_id = "staff.upload.begin", tag = "staff",
    security(("staff" = ["product.write"])), request_body = BeginUpload, responses((status = 201, body = LeaveView)))]
pub(in crate::http) async fn begin(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Valid(body): Valid<BeginUpload>,
) -> Result<Created<LeaveView>, Problem> {
    let sender = Sender { owner: Owner::Staff(clerk.id), appid: "" };
    Ok(Created(service::upload::begin(&app, sender, (&body).into()).await?.into()))
}

/// The file, by way of this server.
#[utoipa::path(post, path = "/admin/v1/uploads/{id}/file", operation_id = "staff.upload.send", tag = "staff",
    security(("staff" = ["product.write"])), params(("id" = UploadId, Path)),
    request_body(content = String, content_type = "multipart/form-data", description = "One field named file"),
    responses((status = 204)))]
pub(in crate::http) async fn send(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Id(id): Id<UploadId>,
    request: Request,
) -> Result<StatusCode, Problem> {
    receive(&app, Owner::Staff(clerk.id), id, request).await
}

/// The file has come: look at it and keep it. May be asked again.
#[utoipa::path(post, path = "/admin/v1/uploads/{id}/confirm", operation_id = "staff.upload.confirm", tag = "staff",
    security(("staff" = ["product.write"])), params(("id" = UploadId, Path)),
    responses((status = 200, body = UploadView)))]
pub(in crate::http) async fn confirm(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Id(id): Id<UploadId>,
) -> Result<Json<UploadView>, Problem> {
    Ok(Json(service::upload::confirm(&app, Owner::Staff(clerk.id), id).await?.into()))
}

/// Give it up, if nothing shows it.
#[utoipa::path(delete, path = "/admin/v1/uploads/{id}", operation_id = "staff.upload.remove", tag = "staff",
    security(("staff" = ["product.write"])), params(("id" = UploadId, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Id(id): Id<UploadId>,
) -> Result<StatusCode, Problem> {
    service::upload::remove(&app, Owner::Staff(clerk.id), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pictures of buyers that nobody sees until staff decide, latest first.
#[utoipa::path(get, path = "/admin/v1/uploads/held", operation_id = "staff.upload.held", tag = "staff",
    security(("staff" = ["product.write"])), params(PageParams), responses((status = 200, body = inline(Page<HeldView>))))]
pub(in crate::http) async fn held(
    State(app): State<App>,
    _: Staff<ProductWrite>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<HeldView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::upload::held(&app, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}

/// Let a picture be shown.
#[utoipa::path(post, path = "/admin/v1/uploads/{id}/allow", operation_id = "staff.upload.allow", tag = "staff",
    security(("staff" = ["product.write"])), params(("id" = UploadId, Path)),
    responses((status = 200, body = UploadView)))]
pub(in crate::http) async fn allow(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Id(id): Id<UploadId>,
) -> Result<Json<UploadView>, Problem> {
    Ok(Json(service::upload::allow(&app, &clerk, id).await?.into()))
}

/// Remove a picture, also from where it would be shown.
#[utoipa::path(post, path = "/admin/v1/uploads/{id}/block", operation_id = "staff.upload.block", tag = "staff",
    security(("staff" = ["product.write"])), params(("id" = UploadId, Path)), responses((status = 204)))]
pub(in crate::http) async fn block(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Id(id): Id<UploadId>,
) -> Result<StatusCode, Problem> {
    service::upload::block(&app, &clerk, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
