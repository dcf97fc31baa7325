//! A buyer's cart.

use crate::{
    app::App,
    data,
    model::{
        cart::{CartItem, CartRefusal, LINES_MAX},
        id::{SkuId, UserId},
    },
    service::{Error, attempt},
};

/// The cart with what the shop says of each line now.
pub async fn list(app: &App, user: UserId) -> Result<Vec<CartItem>, Error<CartRefusal>> {
    Ok(data::cart::list(&mut app.database.read().await?, user).await?)
}

/// Want so many pieces of a SKU.
pub async fn put(app: &App, user: UserId, sku: SkuId, qty: i64) -> Result<Vec<CartItem>, Error<CartRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        if data::stock::left(&mut session, sku).await?.is_none() {
            return Err(CartRefusal::SkuMissing.into());
        }
        if data::cart::count_others(&mut session, user, sku).await? >= LINES_MAX {
            return Err(CartRefusal::Full.into());
        }
        data::cart::put(&mut session, user, sku, qty, app.now()).await?;
        let items = data::cart::list(&mut session, user).await?;
        session.commit().await?;
        Ok(items)
    })
    .await
}

/// Want it no more. A line that is not there is gone already.
pub async fn remove(app: &App, user: UserId, sku: SkuId) -> Result<Vec<CartItem>, Error<CartRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::cart::remove(&mut session, user, &[sku]).await?;
        let items = data::cart::list(&mut session, user).await?;
        session.commit().await?;
        Ok(items)
    })
    .await
}
