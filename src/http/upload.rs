//! Pictures that buyers send. Staff do the same under `/admin`: see [`admin::upload`](super::admin::upload).
//!
//! The file itself goes to the object store with a form, or comes by way of this server, whatever the store.

use super::{
    extract::{Buyer, Created, Id, Valid},
    problem::Problem,
};
use crate::{
    app::App,
    model::{
        id::UploadId,
        time::Timestamp,
        upload::{Owner, PictureType, Purpose, SEND_TIME, Upload, UploadRefusal, UploadState},
    },
    service::{
        self,
        upload::{Leave, OBJECTS, Receiving, Sender, Wish},
    },
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State, multipart::Field},
    http::StatusCode,
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use utoipa::ToSchema;

/// The largest picture, and a form around it.
const BODY_BYTES_MAX: usize = (10 << 20) + (64 << 10);

/// A picture that is going to be sent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginUpload {
    /// What it is for.
    #[garde(skip)]
    #[schema(inline)]
    pub(super) purpose: Purpose,
    /// Of which type it is.
    #[garde(skip)]
    #[schema(inline)]
    pub(super) content_type: PictureType,
    /// Its bytes, or a bound of them; at most 10 MiB.
    #[garde(range(min = 1, max = 10_485_760))]
    #[schema(minimum = 1, maximum = 10_485_760)]
    pub(super) bytes: i64,
}

impl From<&BeginUpload> for Wish {
    fn from(body: &BeginUpload) -> Self {
        Self { purpose: body.purpose, content_type: body.content_type, bytes: body.bytes }
    }
}

/// Leave to send one file: `wx.uploadFile({ url, name: "file", formData: fields, filePath })`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeaveView {
    /// Which upload.
    id: UploadId,
    /// Where to. Without a host it is this server, which wants the token of the caller as always.
    url: String,
    /// What is sent with the file, as it is.
    fields: BTreeMap<&'static str, String>,
    /// Where to by way of this server, without fields: for clients that cannot reach `url`.
    own_url: String,
    /// Until when, in milliseconds since 1970.
    expires_ms: Timestamp,
}

impl From<Leave> for LeaveView {
    fn from(Leave { id, url, fields, own_url, expires_ms }: Leave) -> Self {
        Self { id, url, fields: fields.into_iter().collect(), own_url, expires_ms }
    }
}

/// A picture, or leave to send one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UploadView {
    /// Which.
    id: UploadId,
    /// `ready` once it was confirmed.
    state: UploadState,
    /// Where it is shown once it is ready, and how other calls name it.
    url: String,
    /// The same, at most 400 pixels on a side.
    thumbnail_url: String,
    /// Whether WeChat or staff have still to look at it. It may be named meanwhile, and is shown to nobody.
    hidden: bool,
    /// In pixels.
    width: i64,
    /// In pixels.
    height: i64,
    /// As it is kept.
    bytes: i64,
}

impl From<Upload> for UploadView {
    fn from(upload: Upload) -> Self {
        Self {
            id: upload.id,
            state: upload.state,
            hidden: upload.verdict.hides(),
            url: format!("{OBJECTS}{}", upload.object_key),
            thumbnail_url: format!("{OBJECTS}{}", upload.thumbnail_key),
            width: upload.width,
            height: upload.height,
            bytes: upload.bytes,
        }
    }
}

/// Leave to send a picture.
#[utoipa::path(post, path = "/v1/uploads", operation_id = "upload.begin", tag = "upload", security(("buyer" = [])),
    request_body = BeginUpload, responses((status = 201, body = LeaveView)))]
pub(super) async fn begin(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Valid(body): Valid<BeginUpload>,
) -> Result<Created<LeaveView>, Problem> {
    let sender = Sender { owner: Owner::User(buyer.id), appid: &buyer.appid };
    Ok(Created(service::upload::begin(&app, sender, (&body).into()).await?.into()))
}

/// The file, by way of this server.
#[utoipa::path(post, path = "/v1/uploads/{id}/file", operation_id = "upload.send", tag = "upload",
    security(("buyer" = [])), params(("id" = UploadId, Path)),
    request_body(content = String, content_type = "multipart/form-data", description = "One field named file"),
    responses((status = 204)))]
pub(super) async fn send(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<UploadId>,
    request: Request,
) -> Result<StatusCode, Problem> {
    receive(&app, Owner::User(buyer.id), id, request).await
}

/// The file has come: look at it and keep it. May be asked again.
#[utoipa::path(post, path = "/v1/uploads/{id}/confirm", operation_id = "upload.confirm", tag = "upload",
    security(("buyer" = [])), params(("id" = UploadId, Path)), responses((status = 200, body = UploadView)))]
pub(super) async fn confirm(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<UploadId>,
) -> Result<Json<UploadView>, Problem> {
    Ok(Json(service::upload::confirm(&app, Owner::User(buyer.id), id).await?.into()))
}

/// How it stands.
#[utoipa::path(get, path = "/v1/uploads/{id}", operation_id = "upload.view", tag = "upload",
    security(("buyer" = [])), params(("id" = UploadId, Path)), responses((status = 200, body = UploadView)))]
pub(super) async fn view(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<UploadId>,
) -> Result<Json<UploadView>, Problem> {
    Ok(Json(service::upload::view(&app, Owner::User(buyer.id), id).await?.into()))
}

/// Give it up, if nothing shows it.
#[utoipa::path(delete, path = "/v1/uploads/{id}", operation_id = "upload.remove", tag = "upload",
    security(("buyer" = [])), params(("id" = UploadId, Path)), responses((status = 204)))]
pub(super) async fn remove(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<UploadId>,
) -> Result<StatusCode, Problem> {
    service::upload::remove(&app, Owner::User(buyer.id), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take the file of a form piece by piece: it is never in memory as a whole.
pub(super) async fn receive(
    app: &App,
    owner: Owner,
    id: UploadId,
    mut request: Request,
) -> Result<StatusCode, Problem> {
    let Ok(_turn) = app.uploads.try_acquire() else {
        return Err(Problem::of("server.busy").retry_after(1));
    };
    let mut receiving = service::upload::receive(app, owner, id).await?;
    // The upload says how much may come; this bounds what stands around it.
    DefaultBodyLimit::max(BODY_BYTES_MAX).apply(&mut request);
    // Whoever sends a byte now and then would have a place for ever.
    match tokio::time::timeout(SEND_TIME, copy(app, request, &mut receiving)).await {
        Ok(Ok(())) => receiving.end(app).await?,
        Ok(Err(problem)) => {
            receiving.abandon().await;
            return Err(problem);
        }
        Err(_) => {
            receiving.abandon().await;
            return Err(Problem::of("http.body_timeout"));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn copy(app: &App, request: Request, receiving: &mut Receiving) -> Result<(), Problem> {
    let malformed = || Problem::from(service::Error::from(UploadRefusal::Malformed));
    let mut form = Multipart::from_request(request, app).await.map_err(|_| malformed())?;
    let patience = Duration::from_millis(app.config.server.body_timeout_ms);
    let late = || Problem::of("http.body_timeout");
    loop {
        let field = tokio::time::timeout(patience, form.next_field()).await.map_err(|_| late())?;
        let mut field: Field<'_> = field.map_err(|_| malformed())?.ok_or_else(malformed)?;
        if field.name() != Some("file") {
            continue;
        }
        let mut written = Ok(());
        while let Some(piece) =
            tokio::time::timeout(patience, field.chunk()).await.map_err(|_| late())?.map_err(|_| malformed())?
        {
            // What is refused is written no further, and read to its end: who still sends would not hear the answer.
            if written.is_ok() {
                written = receiving.write(&piece).await;
            }
        }
        return Ok(written?);
    }
}
