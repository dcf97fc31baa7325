//! Mini-program codes, for staff.

use crate::{
    app::App,
    http::{
        extract::{Created, PageParams, Params, ProductWrite, Staff, Valid, place, rows},
        problem::Problem,
    },
    model::{
        code::{Code, CodeVersion, CodeWish, PAGE_CHARS_MAX, QUERY_CHARS_MAX},
        id::CodeId,
        page::Page,
        time::Timestamp,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a code is to lead to.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CreateCode {
    /// Of which mini-program; the first of the settings unless another is named.
    #[garde(length(max = 32))]
    #[schema(max_length = 32)]
    appid: Option<String>,
    /// The path of a page, without `/` before it and without a query.
    #[garde(length(chars, min = 1, max = PAGE_CHARS_MAX), pattern(r"^[^/?#][^?#]*$"))]
    #[schema(min_length = 1, max_length = 128, pattern = "^[^/?#][^?#]*$")]
    page: String,
    /// What the page is given, such as `id=7&from=poster`; it may be longer than the 32 characters that a code can hold.
    #[garde(length(chars, max = QUERY_CHARS_MAX))]
    #[schema(max_length = 1024)]
    #[serde(default)]
    query: String,
    /// Which version of the mini-program it opens; `release` unless said otherwise.
    #[garde(skip)]
    version: Option<CodeVersion>,
    /// Of the picture, in pixels; 430 unless said otherwise.
    #[garde(inner(range(min = 280, max = 1280)))]
    #[schema(minimum = 280, maximum = 1280)]
    width: Option<i64>,
}

/// A code.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CodeView {
    /// Which.
    id: CodeId,
    /// What stands in the picture, for `GET /v1/scenes/{scene}`.
    scene: String,
    /// Of which mini-program.
    appid: String,
    /// To which page it leads.
    page: String,
    /// What the page is given.
    query: String,
    /// In which version.
    version: CodeVersion,
    /// Of the picture, in pixels.
    width: i64,
    /// Where the picture is; absent when WeChat has not drawn it: ask for the same code again.
    url: Option<String>,
    /// When it was asked for.
    created_ms: Timestamp,
}

impl From<Code> for CodeView {
    fn from(code: Code) -> Self {
        let Code { id, scene, appid, page, query, version, width, picture_url: url, created_ms } = code;
        Self { id, scene, appid, page, query, version, width, url, created_ms }
    }
}

/// Have a code drawn; the same for the same wish.
#[utoipa::path(post, path = "/admin/v1/codes", operation_id = "staff.code.create", tag = "staff",
    security(("staff" = ["product.write"])), request_body = CreateCode, responses((status = 201, body = CodeView)))]
pub(in crate::http) async fn create(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Valid(body): Valid<CreateCode>,
) -> Result<Created<CodeView>, Problem> {
    let CreateCode { appid, page, query, version, width } = body;
    let appid = appid.or_else(|| app.config.wechat.apps.first().map(|known| known.appid.clone())).unwrap_or_default();
    let (version, width) = (version.unwrap_or(CodeVersion::Release), width.unwrap_or(430));
    let wish = CodeWish { appid, page, query, version, width };
    Ok(Created(service::code::create(&app, &clerk, &wish).await?.into()))
}

/// Codes, latest first.
#[utoipa::path(get, path = "/admin/v1/codes", operation_id = "staff.code.list", tag = "staff",
    security(("staff" = ["product.write"])), params(PageParams),
    responses((status = 200, body = inline(Page<CodeView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<ProductWrite>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<CodeView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::code::list(&app, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}
