//! What is sold. Answers come ready-made from the cache.

use super::{
    extract::{Id, Params, place, rows},
    problem::Problem,
};
use crate::{
    app::App,
    model::{
        id::{CategoryId, ProductId},
        page::Page,
        product::{Category, ListQuery, ProductBrief, ProductDetail, ProductSort},
    },
    service::{
        self,
        product::{Show, Shown},
    },
};
use axum::{
    extract::State,
    http::{Uri, header},
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::Deserialize;
use utoipa::IntoParams;

/// What a list is asked for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// On one shelf only.
    #[garde(skip)]
    category_id: Option<CategoryId>,
    /// Text that the title contains.
    #[garde(length(chars, max = 60))]
    #[param(max_length = 60)]
    q: Option<String>,
    /// The order; latest first unless said otherwise.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<ProductSort>,
    /// Where the page starts: `next` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

impl ListParams {
    fn query(self) -> Result<ListQuery, Problem> {
        Ok(ListQuery {
            category: self.category_id,
            text: self.q.unwrap_or_default().trim().to_lowercase(),
            sort: self.sort.unwrap_or(ProductSort::Newest),
            after: place(self.cursor.as_deref())?.map(|place| (place.value, place.id)),
            limit: rows(self.limit)?,
        })
    }
}

/// What is shown, or why it is not.
pub(super) fn answer(shown: Shown) -> Response {
    match shown {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(refused) => Problem::from(refused).into_response(),
    }
}

/// All shelves.
#[utoipa::path(get, path = "/v1/categories", operation_id = "product.categories", tag = "product",
    responses((status = 200, body = Vec<Category>)))]
pub(super) async fn categories(State(app): State<App>) -> Response {
    answer(service::product::categories(&app).await)
}

/// What is on sale.
#[utoipa::path(get, path = "/v1/products", operation_id = "product.list", tag = "product", params(ListParams),
    responses((status = 200, body = inline(Page<ProductBrief>))))]
pub(super) async fn list(State(app): State<App>, Params(params): Params<ListParams>) -> Result<Response, Problem> {
    Ok(answer(service::product::list(&app, &params.query()?).await))
}

/// One product with what can be bought of it.
#[utoipa::path(get, path = "/v1/products/{id}", operation_id = "product.view", tag = "product",
    params(("id" = ProductId, Path)), responses((status = 200, body = ProductDetail)))]
pub(super) async fn view(State(app): State<App>, Id(id): Id<ProductId>) -> Response {
    answer(service::product::view(&app, id).await)
}

/// What [`list`] is asked for.
pub(super) fn list_at(uri: &Uri) -> Option<Show> {
    let Params(params) = Params::<ListParams>::of(uri).ok()?;
    params.query().ok().map(Show::List)
}

/// What [`view`] is asked for.
pub(super) fn product_at(uri: &Uri) -> Option<Show> {
    uri.path().rsplit_once('/')?.1.parse().ok().map(Show::Product)
}
