//! Rows of `categories`, `products` and `skus`.

use super::{Each, Error, Session, Sql};
use crate::model::{
    id::{CategoryId, ProductId, SkuId},
    money::Fen,
    order::PricedSku,
    page::Place,
    product::{Category, ListQuery, Product, ProductBrief, ProductSort, Sku},
    time::Timestamp,
};

/// A list text: the shelf (or all), the text (or all), the place, the order. Four orders with and without a shelf make
/// eight constant texts, each of which finds its index.
macro_rules! list {
    ($shelf:literal, $place:literal, $order:literal) => {
        (concat!(
            "SELECT id, category_id, title, cover_url, price_fen, sales, state FROM products WHERE ",
            $shelf,
            "state = 'on_sale' AND (? = '' OR LOWER(title) LIKE ? ESCAPE '!') AND ",
            $place,
            " ORDER BY ",
            $order,
            " LIMIT ?"
        ))
    };
}

statements! {
    CATEGORIES = "SELECT id, name, position FROM categories ORDER BY position, id";
    FIND_CATEGORY = "SELECT id, name, position FROM categories WHERE id = ?";
    INSERT_CATEGORY = "INSERT INTO categories (id, name, position, created_ms) VALUES (?, ?, ?, ?)";
    NEWEST = (list!("", "id < ?", "id DESC"));
    NEWEST_IN = (list!("category_id = ? AND ", "id < ?", "id DESC"));
    SALES = (list!("", "(sales < ? OR (sales = ? AND id < ?))", "sales DESC, id DESC"));
    SALES_IN = (list!("category_id = ? AND ", "(sales < ? OR (sales = ? AND id < ?))", "sales DESC, id DESC"));
    PRICE_UP = (list!("", "(price_fen > ? OR (price_fen = ? AND id > ?))", "price_fen, id"));
    PRICE_UP_IN = (list!("category_id = ? AND ", "(price_fen > ? OR (price_fen = ? AND id > ?))", "price_fen, id"));
    PRICE_DOWN = (list!("", "(price_fen < ? OR (price_fen = ? AND id < ?))", "price_fen DESC, id DESC"));
    PRICE_DOWN_IN = (list!("category_id = ? AND ", "(price_fen < ? OR (price_fen = ? AND id < ?))", "price_fen DESC, id DESC"));
    LIST_ALL = "SELECT id, category_id, title, cover_url, price_fen, sales, state FROM products
                WHERE id < ? ORDER BY id DESC LIMIT ?";
    FIND = "SELECT id, category_id, title, subtitle, detail, cover_url, pictures, price_fen, sales, state, version,
            created_ms FROM products WHERE id = ?";
    INSERT = "INSERT INTO products (id, category_id, title, subtitle, detail, cover_url, pictures, price_fen, sales, state,
              version, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 1, ?, ?)";
    /// Only the version that was seen is changed.
    UPDATE = "UPDATE products SET category_id = ?, title = ?, subtitle = ?, detail = ?, cover_url = ?, pictures = ?,
              price_fen = ?, state = ?, version = version + 1, updated_ms = ? WHERE id = ? AND version = ?";
    SELL = "UPDATE products SET sales = sales + ? WHERE id = ?";
    SKUS = "SELECT k.id, k.product_id, k.name, k.price_fen, k.active, s.left_qty
            FROM skus k JOIN stock s ON s.sku_id = k.id WHERE k.product_id = ? ORDER BY k.position, k.id";
    INSERT_SKUS = "INSERT INTO skus (id, product_id, name, price_fen, active, position) VALUES {(?, ?, ?, ?, ?, ?)}";
    UPDATE_SKU = "UPDATE skus SET name = ?, price_fen = ?, active = ?, position = ? WHERE id = ? AND product_id = ?";
    PRICED = "SELECT k.id AS sku_id, k.product_id, p.title, k.name AS sku_name, p.cover_url, k.price_fen, k.active, p.state
              FROM skus k JOIN products p ON p.id = k.product_id WHERE k.id IN ({?})";
}

/// All shelves, in their order.
pub async fn categories(session: &mut Session) -> Result<Vec<Category>, Error> {
    session.all(CATEGORIES, ()).await
}
/// One shelf.
pub async fn find_category(session: &mut Session, id: CategoryId) -> Result<Option<Category>, Error> {
    session.optional(FIND_CATEGORY, (id,)).await
}
/// A new shelf.
pub async fn insert_category(session: &mut Session, category: &Category, now: Timestamp) -> Result<(), Error> {
    let Category { id, name, position } = category;
    session.execute(INSERT_CATEGORY, (*id, name.as_str(), *position, now)).await.map(drop)
}

/// What is on sale, up to `limit` rows.
pub async fn list(session: &mut Session, query: &ListQuery) -> Result<Vec<ProductBrief>, Error> {
    let like = format!("%{}%", escape_like(&query.text));
    let (text, like, limit) = (query.text.as_str(), like.as_str(), query.limit);
    let up = query.sort == ProductSort::PriceUp;
    let start = if up { (i64::MIN, i64::MIN) } else { (i64::MAX, i64::MAX) };
    let (value, id) = query.after.unwrap_or(start);
    let (all, on_shelf): (Sql, Sql) = match query.sort {
        ProductSort::Newest => {
            return match query.category {
                None => session.all(NEWEST, (text, like, id, limit)).await,
                Some(shelf) => session.all(NEWEST_IN, (shelf, text, like, id, limit)).await,
            };
        }
        ProductSort::Sales => (SALES, SALES_IN),
        ProductSort::PriceUp => (PRICE_UP, PRICE_UP_IN),
        ProductSort::PriceDown => (PRICE_DOWN, PRICE_DOWN_IN),
    };
    match query.category {
        None => session.all(all, (text, like, value, value, id, limit)).await,
        Some(shelf) => session.all(on_shelf, (shelf, text, like, value, value, id, limit)).await,
    }
}

/// `%`, `_` and `!` of a search text stand for themselves.
fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// Where the next page of a list starts.
pub fn place(row: &ProductBrief, sort: ProductSort) -> Place {
    let value = match sort {
        ProductSort::Newest => 0,
        ProductSort::Sales => row.sales,
        ProductSort::PriceUp | ProductSort::PriceDown => row.price_fen.0,
    };
    Place { value, id: row.id.0 }
}

/// All products in every state, latest first.
pub async fn list_all(session: &mut Session, before: i64, limit: i64) -> Result<Vec<ProductBrief>, Error> {
    session.all(LIST_ALL, (before, limit)).await
}
/// One product.
pub async fn find(session: &mut Session, id: ProductId) -> Result<Option<Product>, Error> {
    session.optional(FIND, (id,)).await
}
/// A new product.
pub async fn insert(session: &mut Session, product: &Product) -> Result<(), Error> {
    let values = (
        product.id,
        product.category_id,
        product.title.as_str(),
        product.subtitle.as_str(),
        product.detail.as_str(),
        product.cover_url.as_str(),
        product.pictures.as_str(),
        product.price_fen,
        product.state,
        product.created_ms,
        product.created_ms,
    );
    session.execute(INSERT, values).await.map(drop)
}
/// Change the product if it still is at `product.version`; `false` when somebody else was faster.
pub async fn update(session: &mut Session, product: &Product, now: Timestamp) -> Result<bool, Error> {
    let values = (
        product.category_id,
        product.title.as_str(),
        product.subtitle.as_str(),
        product.detail.as_str(),
        product.cover_url.as_str(),
        product.pictures.as_str(),
        product.price_fen,
        product.state,
        now,
        product.id,
        product.version,
    );
    Ok(session.execute(UPDATE, values).await? == 1)
}
/// Count pieces as sold.
pub async fn sell(session: &mut Session, id: ProductId, qty: i64) -> Result<bool, Error> {
    Ok(session.execute(SELL, (qty, id)).await? == 1)
}
/// The SKUs of a product with what is left of them.
pub async fn skus(session: &mut Session, product: ProductId) -> Result<Vec<Sku>, Error> {
    session.all(SKUS, (product,)).await
}
/// A SKU as staff write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkuRow {
    /// Which.
    pub id: SkuId,
    /// Of which product.
    pub product_id: ProductId,
    /// `Sand / L`.
    pub name: String,
    /// Price of one piece, in fen.
    pub price_fen: Fen,
    /// Whether it can be bought.
    pub active: bool,
    /// Smaller comes first.
    pub position: i64,
}
/// New SKUs.
pub async fn insert_skus(session: &mut Session, skus: &[SkuRow]) -> Result<(), Error> {
    let row = |sku: &SkuRow| (sku.id, sku.product_id, sku.name.clone(), sku.price_fen, sku.active, sku.position);
    session.execute(INSERT_SKUS, Each(skus.iter().map(row).collect())).await.map(drop)
}
/// Change a SKU; `false` when the product has no such SKU.
pub async fn update_sku(session: &mut Session, sku: &SkuRow) -> Result<bool, Error> {
    let values = (sku.name.as_str(), sku.price_fen, sku.active, sku.position, sku.id, sku.product_id);
    Ok(session.execute(UPDATE_SKU, values).await? == 1)
}
/// The SKUs as they are priced at this moment, for an order.
pub async fn priced(session: &mut Session, skus: &[SkuId]) -> Result<Vec<PricedSku>, Error> {
    session.all(PRICED, Each(skus.iter().map(|sku| (*sku,)).collect())).await
}
