//! Links from outside into a mini-program, for staff.

use crate::{
    app::App,
    http::{
        extract::{Created, PageParams, Params, ProductWrite, Staff, Valid, place, rows},
        problem::Problem,
    },
    model::{
        code::{CodeVersion, PAGE_CHARS_MAX, QUERY_CHARS_MAX},
        id::LinkId,
        link::{DAYS_MAX, Link, LinkKind, LinkWish},
        page::Page,
        time::Timestamp,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a link is to lead to.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CreateLink {
    /// What sort of link.
    #[garde(skip)]
    kind: LinkKind,
    /// Into which mini-program; the first of the settings unless another is named.
    #[garde(length(max = 32))]
    #[schema(max_length = 32)]
    appid: Option<String>,
    /// The path of a page, without `/` before it and without a query.
    #[garde(length(chars, min = 1, max = PAGE_CHARS_MAX), pattern(r"^[^/?#][^?#]*$"))]
    #[schema(min_length = 1, max_length = 128, pattern = "^[^/?#][^?#]*$")]
    page: String,
    /// What the page is given, such as `id=7&from=sms`.
    #[garde(length(chars, max = QUERY_CHARS_MAX))]
    #[schema(max_length = 1024)]
    #[serde(default)]
    query: String,
    /// Into which version of the mini-program; `release` unless said otherwise.
    #[garde(skip)]
    version: Option<CodeVersion>,
    /// For how many days it opens; 30 unless said otherwise.
    #[garde(inner(range(min = 1, max = DAYS_MAX)))]
    #[schema(minimum = 1, maximum = 30)]
    days: Option<i64>,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LinkView {
    /// Which.
    id: LinkId,
    /// What sort.
    kind: LinkKind,
    /// The link itself.
    url: String,
    /// Into which mini-program.
    appid: String,
    /// To which page.
    page: String,
    /// What the page is given.
    query: String,
    /// Into which version.
    version: CodeVersion,
    /// Until when it opens.
    expires_ms: Timestamp,
    /// When it was made.
    created_ms: Timestamp,
}

impl From<Link> for LinkView {
    fn from(link: Link) -> Self {
        let Link { id, kind, appid, page, query, version, url, expires_ms, created_ms } = link;
        Self { id, kind, url, appid, page, query, version, expires_ms, created_ms }
    }
}

/// Have a link made; the same for the same wish while it opens for a day and more.
#[utoipa::path(post, path = "/admin/v1/links", operation_id = "staff.link.create", tag = "staff",
    security(("staff" = ["product.write"])), request_body = CreateLink, responses((status = 201, body = LinkView)))]
pub(in crate::http) async fn create(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Valid(body): Valid<CreateLink>,
) -> Result<Created<LinkView>, Problem> {
    let CreateLink { kind, appid, page, query, version, days } = body;
    let appid = appid.or_else(|| app.config.wechat.apps.first().map(|known| known.appid.clone())).unwrap_or_default();
    let (version, days) = (version.unwrap_or(CodeVersion::Release), days.unwrap_or(DAYS_MAX));
    let wish = LinkWish { kind, appid, page, query, version, days };
    Ok(Created(service::link::create(&app, &clerk, &wish).await?.into()))
}

/// Links, latest first.
#[utoipa::path(get, path = "/admin/v1/links", operation_id = "staff.link.list", tag = "staff",
    security(("staff" = ["product.write"])), params(PageParams),
    responses((status = 200, body = inline(Page<LinkView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<ProductWrite>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<LinkView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::link::list(&app, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}
