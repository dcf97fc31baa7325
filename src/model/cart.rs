//! What a buyer means to buy.

use crate::model::{
    id::{ProductId, SkuId},
    money::Fen,
    product::ProductState,
};

/// Most different SKUs in one cart.
pub const LINES_MAX: i64 = 100;

/// One line of a cart with what the shop says of it now.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CartItem {
    /// What.
    pub sku_id: SkuId,
    /// Of which product.
    pub product_id: ProductId,
    /// The product's name.
    pub title: String,
    /// The SKU's name.
    pub sku_name: String,
    /// The product's first picture.
    pub cover_url: String,
    /// Present price of one piece, in fen.
    pub price_fen: Fen,
    /// Pieces wanted.
    pub qty: i64,
    /// Pieces that can still be bought.
    pub left_qty: i64,
    /// Whether the SKU can be bought.
    pub active: bool,
    /// Whether the product can be bought.
    pub state: ProductState,
}

impl CartItem {
    /// Whether an order for this line would be accepted now.
    pub fn is_buyable(&self) -> bool {
        self.active && self.state == ProductState::OnSale && self.left_qty >= self.qty
    }
}

refusals! {
    /// Why a cart could not be changed.
    pub enum CartRefusal {
        /// No such SKU in the shop.
        SkuMissing = Missing, "cart.sku_missing", "no such SKU";
        /// The cart is full.
        Full = Conflict, "cart.full", "the cart is full";
    }
}
plain_refusal!(CartRefusal);
