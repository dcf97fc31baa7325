//! What is sold: shown from the cache, changed by staff.

use crate::{
    app::App,
    cache::{CategoriesKey, Key, ProductKey, ProductListKey},
    data::{self, product::SkuRow},
    model::{
        id::{CategoryId, ProductId, SkuId},
        money::Fen,
        page::Page,
        product::{Category, ListQuery, Product, ProductBrief, ProductDetail, ProductRefusal, ProductState},
        upload::Purpose,
    },
    service::{Error, Fault, attempt, audit, hot, staff::Clerk, upload},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// JSON text to be answered as it is.
pub type Shown = Result<Bytes, Error<ProductRefusal>>;

/// All shelves: JSON of `Vec<Category>`.
pub async fn categories(app: &App) -> Shown {
    let load = || async {
        let list = data::product::categories(&mut app.database.read().await?).await?;
        Ok::<_, Fault>(Some(list))
    };
    shown(app.cache.get_or_load(&CategoriesKey, load).await?)
}

/// A page of what is on sale: JSON of `Page<ProductBrief>`.
pub async fn list(app: &App, query: &ListQuery) -> Shown {
    let load = || async {
        let asked = ListQuery { limit: query.limit + 1, ..query.clone() };
        let rows = data::product::list(&mut app.database.read().await?, &asked).await?;
        Ok::<_, Fault>(Some(Page::cut(rows, query.limit, |row| data::product::place(row, query.sort))))
    };
    shown(app.cache.get_or_load(&ProductListKey(query.clone()), load).await?)
}

/// A product as its page shows it: JSON of `ProductDetail`. Only what is on sale is shown.
pub async fn view(app: &App, id: ProductId) -> Shown {
    let load = || async {
        let mut session = app.database.read().await?;
        let Some(product) = data::product::find(&mut session, id).await? else { return Ok(None) };
        if product.state != ProductState::OnSale {
            return Ok(None);
        }
        let skus = data::product::skus(&mut session, id).await?;
        detail(product, skus).map(Some)
    };
    shown(app.cache.get_or_load(&ProductKey(id), load).await?)
}

/// What is answered from the cache.
#[derive(Debug)]
pub enum Show {
    /// [`categories`].
    Categories,
    /// [`list`].
    List(ListQuery),
    /// [`view`].
    Product(ProductId),
}

/// The same answer if the cache holds it; nothing is loaded.
pub async fn hot(app: &App, show: Show) -> Option<Shown> {
    let text = match show {
        Show::Categories => app.cache.find(&CategoriesKey).await,
        Show::List(query) => app.cache.find(&ProductListKey(query)).await,
        Show::Product(id) => app.cache.find(&ProductKey(id)).await,
    };
    text.map(shown)
}

/// Lists and shelves may be empty but are never absent.
fn shown(text: Option<Bytes>) -> Shown {
    text.ok_or_else(|| ProductRefusal::NotFound.into())
}

fn detail(product: Product, mut skus: Vec<crate::model::product::Sku>) -> Result<ProductDetail, Fault> {
    let id = product.id;
    skus.retain(|sku| sku.active);
    ProductDetail::of(product, skus)
        .ok_or_else(|| data::Error::Corrupt { table: "products", column: "pictures", row: id.to_string() }.into())
}

/// All products in every state, for staff.
pub async fn list_all(app: &App, before: Option<i64>, limit: i64) -> Result<Page<ProductBrief>, Error<ProductRefusal>> {
    let mut session = app.database.read().await?;
    let rows = data::product::list_all(&mut session, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |row| crate::model::page::Place { value: 0, id: row.id.0 }))
}

/// A product in any state with all its SKUs, for staff.
pub async fn inspect(app: &App, id: ProductId) -> Result<ProductDetail, Error<ProductRefusal>> {
    let mut session = app.database.read().await?;
    let product = data::product::find(&mut session, id).await?.ok_or(ProductRefusal::NotFound)?;
    let skus = data::product::skus(&mut session, id).await?;
    ProductDetail::of(product, skus).ok_or_else(|| Fault::broken("pictures of a product are not a JSON array").into())
}

/// A SKU as staff write it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SkuDraft {
    /// Which to change; absent for a new one.
    pub id: Option<SkuId>,
    /// `Sand / L`.
    pub name: String,
    /// Price of one piece, in fen.
    pub price_fen: Fen,
    /// Whether it can be bought.
    pub active: bool,
    /// Pieces there are at first, of a new one.
    pub initial_qty: i64,
}

/// A product as staff write it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProductDraft {
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
    /// Whether it can be bought.
    pub state: ProductState,
    /// What can be bought; at least one.
    pub skus: Vec<SkuDraft>,
}

impl ProductDraft {
    fn row(&self, id: ProductId, version: i64, app: &App) -> Product {
        let prices = self.skus.iter().filter(|sku| sku.active).map(|sku| sku.price_fen);
        Product {
            id,
            category_id: self.category_id,
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            detail: self.detail.clone(),
            cover_url: self.pictures.first().cloned().unwrap_or_default(),
            pictures: serde_json::to_string(&self.pictures).unwrap_or_default(),
            price_fen: prices.min().unwrap_or_default(),
            sales: 0,
            state: self.state,
            version,
            created_ms: app.now(),
        }
    }
}

/// A new shelf.
pub async fn create_category(
    app: &App,
    clerk: &Clerk,
    name: &str,
    position: i64,
) -> Result<Category, Error<ProductRefusal>> {
    let (category, mark) = attempt(|| async {
        let mut act = audit::begin(app).await?;
        let category = Category { id: app.ids.next(CategoryId), name: name.to_owned(), position };
        data::product::insert_category(&mut act, &category, app.now()).await?;
        let mark = hot::mark(app, &mut act, vec![CategoriesKey.hot()]).await?;
        let target = format!("category:{}", category.id);
        act.commit::<ProductRefusal>(app, clerk, "category.create", &target, &category).await?;
        Ok::<_, Error<ProductRefusal>>((category, mark))
    })
    .await?;
    hot::forget(app, mark).await;
    Ok(category)
}

/// The pictures of a product are kept for good: other products and the lines of old orders may show them too.
async fn show_pictures(
    app: &App,
    session: &mut data::Session,
    draft: &ProductDraft,
) -> Result<(), Error<ProductRefusal>> {
    for url in &draft.pictures {
        if !upload::attach_for_good(app, session, Purpose::Product, url).await? {
            return Err(ProductRefusal::PictureMissing.into());
        }
    }
    Ok(())
}

/// A new product with its SKUs and their stock.
pub async fn create(app: &App, clerk: &Clerk, draft: &ProductDraft) -> Result<ProductDetail, Error<ProductRefusal>> {
    let (id, mark) = attempt(|| async {
        let mut act = audit::begin(app).await?;
        data::product::find_category(&mut act, draft.category_id).await?.ok_or(ProductRefusal::CategoryMissing)?;
        let id = app.ids.next(ProductId);
        show_pictures(app, &mut act, draft).await?;
        data::product::insert(&mut act, &draft.row(id, 1, app)).await?;
        insert_skus(app, &mut act, id, draft).await?;
        let mark = changed(app, &mut act, id).await?;
        act.commit::<ProductRefusal>(app, clerk, "product.create", &format!("product:{id}"), draft).await?;
        Ok::<_, Error<ProductRefusal>>((id, mark))
    })
    .await?;
    hot::forget(app, mark).await;
    inspect(app, id).await
}

/// Change a product that is still at `version`, and its SKUs. A SKU that is not named stays as it is: it may stand in
/// orders, so it can be made inactive but not deleted.
pub async fn change(
    app: &App,
    clerk: &Clerk,
    id: ProductId,
    version: i64,
    draft: &ProductDraft,
) -> Result<ProductDetail, Error<ProductRefusal>> {
    let mark = attempt(|| async {
        let mut act = audit::begin(app).await?;
        data::product::find_category(&mut act, draft.category_id).await?.ok_or(ProductRefusal::CategoryMissing)?;
        data::product::find(&mut act, id).await?.ok_or(ProductRefusal::NotFound)?;
        show_pictures(app, &mut act, draft).await?;
        if !data::product::update(&mut act, &draft.row(id, version, app), app.now()).await? {
            return Err(ProductRefusal::Changed.into());
        }
        for (position, sku) in (0_i64..).zip(&draft.skus) {
            let Some(sku_id) = sku.id else { continue };
            if !data::product::update_sku(&mut act, &sku_row(sku_id, id, sku, position)).await? {
                return Err(ProductRefusal::SkuMissing.into());
            }
        }
        insert_skus(app, &mut act, id, draft).await?;
        let mark = changed(app, &mut act, id).await?;
        act.commit(app, clerk, "product.change", &format!("product:{id}"), draft).await?;
        Ok(mark)
    })
    .await?;
    hot::forget(app, mark).await;
    inspect(app, id).await
}

fn sku_row(id: SkuId, product_id: ProductId, sku: &SkuDraft, position: i64) -> SkuRow {
    SkuRow { id, product_id, name: sku.name.clone(), price_fen: sku.price_fen, active: sku.active, position }
}

async fn insert_skus(
    app: &App,
    session: &mut data::Session,
    product: ProductId,
    draft: &ProductDraft,
) -> Result<(), data::Error> {
    let new = (0_i64..).zip(&draft.skus).filter(|(_, sku)| sku.id.is_none());
    let (mut rows, mut stock) = (Vec::new(), Vec::new());
    for (position, sku) in new {
        let id = app.ids.next(SkuId);
        rows.push(sku_row(id, product, sku, position));
        stock.push((id, sku.initial_qty));
    }
    if rows.is_empty() {
        return Ok(());
    }
    data::product::insert_skus(session, &rows).await?;
    data::stock::insert(session, &stock).await
}

/// Say in the transaction of a change that the hot copies of a product are old by it, and every list.
pub async fn changed(app: &App, session: &mut data::Session, id: ProductId) -> Result<hot::Mark, Fault> {
    hot::mark(app, session, vec![ProductKey(id).hot(), ProductListKey::all()]).await
}
