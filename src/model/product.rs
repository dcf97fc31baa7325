//! What is sold.

use crate::model::{
    id::{CategoryId, ProductId, SkuId},
    money::Fen,
    time::Timestamp,
};

word_enum! {
    /// Whether a product can be seen and bought.
    pub enum ProductState {
        /// Being prepared: staff only.
        Draft = "draft",
        /// In the shop.
        OnSale = "on_sale",
        /// Taken out of the shop.
        OffSale = "off_sale",
    }
}

word_enum! {
    /// Order of a product list.
    pub enum ProductSort {
        /// Latest first.
        Newest = "newest",
        /// Most sold first.
        Sales = "sales",
        /// Cheapest first.
        PriceUp = "price_up",
        /// Dearest first.
        PriceDown = "price_down",
    }
}

/// A shelf.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Category {
    /// Which.
    pub id: CategoryId,
    /// Shown name.
    pub name: String,
    /// Smaller comes first.
    pub position: i64,
}

/// A product in a list.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct ProductBrief {
    /// Which.
    pub id: ProductId,
    /// Where it stands.
    pub category_id: CategoryId,
    /// Shown name.
    pub title: String,
    /// First picture, or empty.
    pub cover_url: String,
    /// Lowest price of its SKUs, in fen.
    pub price_fen: Fen,
    /// Pieces paid for so far.
    pub sales: i64,
    /// Whether it can be bought.
    pub state: ProductState,
}

/// A product by itself.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Product {
    /// Which.
    pub id: ProductId,
    /// Where it stands.
    pub category_id: CategoryId,
    /// Shown name, up to 60 characters.
    pub title: String,
    /// One line beneath it.
    pub subtitle: String,
    /// The long text.
    pub detail: String,
    /// First picture.
    pub cover_url: String,
    /// All pictures, a JSON array of addresses.
    pub pictures: String,
    /// Lowest price of its SKUs, in fen.
    pub price_fen: Fen,
    /// Pieces paid for so far.
    pub sales: i64,
    /// Whether it can be bought.
    pub state: ProductState,
    /// Grows with each change.
    pub version: i64,
    /// When it was made.
    pub created_ms: Timestamp,
}

/// One thing of a product that can be bought: a colour and size, say. Also the price at which it is sold.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Sku {
    /// Which.
    pub id: SkuId,
    /// Of which product.
    pub product_id: ProductId,
    /// `Sand / L`; empty when the product has one SKU only.
    pub name: String,
    /// Price of one piece, in fen.
    pub price_fen: Fen,
    /// Whether it can be bought.
    pub active: bool,
    /// Pieces that can still be bought.
    pub left_qty: i64,
}

/// A product as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct ProductDetail {
    /// Which.
    pub id: ProductId,
    /// Where it stands.
    pub category_id: CategoryId,
    /// Shown name.
    pub title: String,
    /// One line beneath it.
    pub subtitle: String,
    /// The long text.
    pub detail: String,
    /// All pictures, the cover first.
    pub pictures: Vec<String>,
    /// Lowest price of its SKUs, in fen.
    pub price_fen: Fen,
    /// Pieces paid for so far.
    pub sales: i64,
    /// Whether it can be bought.
    pub state: ProductState,
    /// Grows with each change.
    pub version: i64,
    /// What can be bought.
    pub skus: Vec<Sku>,
}

impl ProductDetail {
    /// Put a product and its SKUs together.
    ///
    /// `None` when the stored list of pictures is not a JSON array of strings.
    pub fn of(product: Product, skus: Vec<Sku>) -> Option<Self> {
        Some(Self {
            id: product.id,
            category_id: product.category_id,
            title: product.title,
            subtitle: product.subtitle,
            detail: product.detail,
            pictures: serde_json::from_str(&product.pictures).ok()?,
            price_fen: product.price_fen,
            sales: product.sales,
            state: product.state,
            version: product.version,
            skus,
        })
    }
}

/// What a list of products is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListQuery {
    /// On one shelf only.
    pub category: Option<CategoryId>,
    /// Lower-case text that the title contains; empty for all.
    pub text: String,
    /// The order.
    pub sort: ProductSort,
    /// After this row.
    pub after: Option<(i64, i64)>,
    /// Most rows.
    pub limit: i64,
}

refusals! {
    /// Why a product could not be shown or changed.
    pub enum ProductRefusal {
        /// No such product in the shop.
        NotFound = Missing, "product.not_found", "no such product";
        /// No such category.
        CategoryMissing = Invalid, "product.category_missing", "no such category";
        /// A picture was uploaded, and is not there any more, or not yet.
        PictureMissing = Invalid, "product.picture_missing", "a picture is not there; upload and confirm it first";
        /// The product has no such SKU.
        SkuMissing = Invalid, "product.sku_missing", "the product has no such SKU";
        /// It was changed by somebody else in between.
        Changed = Conflict, "product.changed", "the product was changed in between; load it again";
        /// The cursor was not made by this server.
        CursorInvalid = Invalid, "page.cursor_invalid", "this cursor was not made by this list";
    }
}
plain_refusal!(ProductRefusal);
