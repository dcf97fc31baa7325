//! What a buyer means to buy.

use super::{
    extract::{Buyer, Id, Valid},
    problem::Problem,
};
use crate::{
    app::App,
    model::{
        cart::CartItem,
        id::{ProductId, SkuId},
        money::Fen,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CartItemView {
    /// What.
    sku_id: SkuId,
    /// Of which product.
    product_id: ProductId,
    /// The product's name.
    title: String,
    /// The SKU's name.
    sku_name: String,
    /// The product's first picture.
    cover_url: String,
    /// Present price of one piece, in fen.
    price_fen: Fen,
    /// Pieces wanted.
    qty: i64,
    /// Pieces that can still be bought.
    left_qty: i64,
    /// Whether an order for this line would be accepted now.
    buyable: bool,
}

/// A cart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CartView {
    /// The lines, last touched first.
    items: Vec<CartItemView>,
    /// Sum of the lines that can be bought, in fen, without delivery.
    total_fen: Fen,
}

impl From<Vec<CartItem>> for CartView {
    fn from(items: Vec<CartItem>) -> Self {
        let buyable = items.iter().filter(|item| item.is_buyable());
        let total =
            buyable.fold(Fen::ZERO, |sum, item| Fen(sum.0.saturating_add(item.price_fen.0.saturating_mul(item.qty))));
        let view = |item: CartItem| CartItemView {
            buyable: item.is_buyable(),
            sku_id: item.sku_id,
            product_id: item.product_id,
            title: item.title,
            sku_name: item.sku_name,
            cover_url: item.cover_url,
            price_fen: item.price_fen,
            qty: item.qty,
            left_qty: item.left_qty,
        };
        Self { items: items.into_iter().map(view).collect(), total_fen: total }
    }
}

/// How many pieces.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutCartItem {
    /// Pieces wanted.
    #[garde(range(min = 1, max = 999))]
    #[schema(minimum = 1, maximum = 999)]
    qty: i64,
}

/// The cart.
#[utoipa::path(get, path = "/v1/cart", operation_id = "cart.list", tag = "cart", security(("buyer" = [])),
    responses((status = 200, body = CartView)))]
pub(super) async fn list(State(app): State<App>, Buyer(buyer): Buyer) -> Result<Json<CartView>, Problem> {
    Ok(Json(service::cart::list(&app, buyer.id).await?.into()))
}

/// Want so many pieces of a SKU.
#[utoipa::path(put, path = "/v1/cart/items/{sku_id}", operation_id = "cart.put", tag = "cart", security(("buyer" = [])),
    params(("sku_id" = SkuId, Path)), request_body = PutCartItem, responses((status = 200, body = CartView)))]
pub(super) async fn put(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(sku): Id<SkuId>,
    Valid(body): Valid<PutCartItem>,
) -> Result<Json<CartView>, Problem> {
    Ok(Json(service::cart::put(&app, buyer.id, sku, body.qty).await?.into()))
}

/// Want a SKU no more.
#[utoipa::path(delete, path = "/v1/cart/items/{sku_id}", operation_id = "cart.remove", tag = "cart",
    security(("buyer" = [])), params(("sku_id" = SkuId, Path)), responses((status = 200, body = CartView)))]
pub(super) async fn remove(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(sku): Id<SkuId>,
) -> Result<Json<CartView>, Problem> {
    Ok(Json(service::cart::remove(&app, buyer.id, sku).await?.into()))
}
