//! Products, for staff.

use crate::{
    app::App,
    http::{
        extract::{Created, Id, PageParams, Params, ProductWrite, Staff, Valid, place, rows},
        problem::Problem,
    },
    model::{
        id::{CategoryId, ProductId, SkuId},
        money::Fen,
        page::Page,
        product::{Category, ProductBrief, ProductDetail, ProductState},
    },
    service::{
        self,
        product::{ProductDraft, SkuDraft},
    },
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

/// A shelf to be made.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CreateCategory {
    /// Shown name.
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(min_length = 1, max_length = 30)]
    name: String,
    /// Smaller comes first.
    #[garde(range(min = 0, max = 1_000_000))]
    #[schema(minimum = 0, maximum = 1_000_000)]
    #[serde(default)]
    position: i64,
}

/// A SKU as written.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WriteSku {
    /// Which to change; absent for a new one.
    #[garde(skip)]
    id: Option<SkuId>,
    /// `Sand / L`; empty when the product has one SKU only.
    #[garde(length(chars, max = 60))]
    #[schema(max_length = 60)]
    #[serde(default)]
    name: String,
    /// Price of one piece, in fen: from 1 to 100 000 000.
    #[garde(custom(sellable))]
    #[schema(minimum = 1, maximum = 100_000_000)]
    price_fen: Fen,
    /// Whether it can be bought.
    #[garde(skip)]
    #[serde(default = "yes")]
    active: bool,
    /// Pieces there are at first; only of a new one, later see the stock route.
    #[garde(range(min = 0, max = 1_000_000))]
    #[schema(minimum = 0, maximum = 1_000_000)]
    #[serde(default)]
    initial_qty: i64,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the validator hands out references")]
fn sellable(price: &Fen, (): &()) -> garde::Result {
    let fits = (1..=Fen::ORDER_MAX.0).contains(&price.0);
    if fits { Ok(()) } else { Err(garde::Error::new("between 1 and 100000000 fen")) }
}

/// A product as written.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WriteProduct {
    /// Where it stands.
    #[garde(skip)]
    category_id: CategoryId,
    /// Shown name.
    #[garde(length(chars, min = 1, max = 60))]
    #[schema(min_length = 1, max_length = 60)]
    title: String,
    /// One line beneath it.
    #[garde(length(chars, max = 120))]
    #[schema(max_length = 120)]
    #[serde(default)]
    subtitle: String,
    /// The long text.
    #[garde(length(chars, max = 20_000))]
    #[schema(max_length = 20_000)]
    #[serde(default)]
    detail: String,
    /// All pictures, the cover first.
    #[garde(length(max = 20), inner(length(min = 1, max = 255), pattern(r"^(https://|/objects/)[!-~]+$")))]
    #[schema(max_items = 20)]
    #[serde(default)]
    pictures: Vec<String>,
    /// Whether it can be bought.
    #[garde(skip)]
    #[schema(inline)]
    state: ProductState,
    /// What can be bought.
    #[garde(length(min = 1, max = 100), dive)]
    #[schema(min_items = 1, max_items = 100)]
    skus: Vec<WriteSku>,
}

impl From<WriteProduct> for ProductDraft {
    fn from(body: WriteProduct) -> Self {
        let sku = |sku: WriteSku| SkuDraft {
            id: sku.id,
            name: sku.name,
            price_fen: sku.price_fen,
            active: sku.active,
            initial_qty: sku.initial_qty,
        };
        Self {
            category_id: body.category_id,
            title: body.title,
            subtitle: body.subtitle,
            detail: body.detail,
            pictures: body.pictures,
            state: body.state,
            skus: body.skus.into_iter().map(sku).collect(),
        }
    }
}

/// A product to be changed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChangeProduct {
    /// The version that was seen; if somebody changed the product since, this change is refused.
    #[garde(range(min = 1))]
    #[schema(minimum = 1)]
    version: i64,
    /// What it is to be.
    #[garde(dive)]
    product: WriteProduct,
}

/// A new shelf.
#[utoipa::path(post, path = "/admin/v1/categories", operation_id = "staff.category.create", tag = "staff",
    security(("staff" = ["product.write"])), request_body = CreateCategory, responses((status = 201, body = Category)))]
pub(in crate::http) async fn create_category(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Valid(body): Valid<CreateCategory>,
) -> Result<Created<Category>, Problem> {
    Ok(Created(service::product::create_category(&app, &clerk, &body.name, body.position).await?))
}

/// All products in every state, latest first.
#[utoipa::path(get, path = "/admin/v1/products", operation_id = "staff.product.list", tag = "staff",
    security(("staff" = ["product.write"])), params(PageParams), responses((status = 200, body = inline(Page<ProductBrief>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<ProductWrite>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<ProductBrief>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    Ok(Json(service::product::list_all(&app, before, rows(params.limit)?).await?))
}

/// A new product with its SKUs and their stock.
#[utoipa::path(post, path = "/admin/v1/products", operation_id = "staff.product.create", tag = "staff",
    security(("staff" = ["product.write"])), request_body = WriteProduct, responses((status = 201, body = ProductDetail)))]
pub(in crate::http) async fn create(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Valid(body): Valid<WriteProduct>,
) -> Result<Created<ProductDetail>, Problem> {
    Ok(Created(service::product::create(&app, &clerk, &body.into()).await?))
}

/// A product in any state, with all its SKUs.
#[utoipa::path(get, path = "/admin/v1/products/{id}", operation_id = "staff.product.view", tag = "staff",
    security(("staff" = ["product.write"])), params(("id" = ProductId, Path)), responses((status = 200, body = ProductDetail)))]
pub(in crate::http) async fn view(
    State(app): State<App>,
    _: Staff<ProductWrite>,
    Id(id): Id<ProductId>,
) -> Result<Json<ProductDetail>, Problem> {
    Ok(Json(service::product::inspect(&app, id).await?))
}

/// Change a product. A SKU that is not named stays as it is.
#[utoipa::path(put, path = "/admin/v1/products/{id}", operation_id = "staff.product.change", tag = "staff",
    security(("staff" = ["product.write"])), params(("id" = ProductId, Path)), request_body = ChangeProduct,
    responses((status = 200, body = ProductDetail)))]
pub(in crate::http) async fn change(
    State(app): State<App>,
    Staff(clerk, _): Staff<ProductWrite>,
    Id(id): Id<ProductId>,
    Valid(body): Valid<ChangeProduct>,
) -> Result<Json<ProductDetail>, Problem> {
    Ok(Json(service::product::change(&app, &clerk, id, body.version, &body.product.into()).await?))
}
