//! Shelves, products, stock, carts, addresses.

use super::{BYTES, LARGE, LATER, TEXT, write};
use crate::support::app::{START, TestApp};
use weizhan::{
    data::{self, product::SkuRow, stock::StockMove},
    model::{
        address::StoredAddress,
        id::{AddressId, CategoryId, OrderId, ProductId, SkuId, UserId},
        money::Fen,
        product::{Category, Product, ProductState},
        stock::MoveKind,
    },
};

#[tokio::test]
async fn goods_and_carts_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let shelf = Category { id: CategoryId(LARGE), name: TEXT.into(), position: 7 };
    data::product::insert_category(&mut rows, &shelf, START).await.unwrap();
    let product = Product {
        id: ProductId(LARGE),
        category_id: shelf.id,
        title: TEXT.into(),
        subtitle: String::new(),
        detail: "长".repeat(20_000),
        cover_url: "/objects/a".into(),
        pictures: "[\"/objects/a\"]".into(),
        price_fen: Fen(100_000_000),
        sales: 0,
        state: ProductState::OnSale,
        version: 1,
        created_ms: START,
    };
    data::product::insert(&mut rows, &product).await.unwrap();
    let sku = |id, active| SkuRow {
        id: SkuId(id),
        product_id: product.id,
        name: TEXT.into(),
        price_fen: Fen(1),
        active,
        position: id,
    };
    data::product::insert_skus(&mut rows, &[sku(1, true), sku(2, false)]).await.unwrap();
    data::stock::insert(&mut rows, &[(SkuId(1), 9), (SkuId(2), 0)]).await.unwrap();
    assert!(data::stock::take(&mut rows, SkuId(1), 9).await.unwrap());
    assert!(!data::stock::take(&mut rows, SkuId(1), 1).await.unwrap(), "nothing is left");
    assert!(data::stock::give(&mut rows, SkuId(1), 2).await.unwrap());
    let one = |id, order_id, kind, delta| StockMove {
        id,
        sku_id: SkuId(1),
        order_id,
        kind,
        delta,
        actor: "staff:1".into(),
        created_ms: START,
    };
    let moves = [one(1, Some(OrderId(LARGE)), MoveKind::Hold, -9), one(2, None, MoveKind::Adjust, 2)];
    data::stock::insert_moves(&mut rows, &moves).await.unwrap();
    data::cart::put(&mut rows, UserId(1), SkuId(1), 3, START).await.unwrap();
    data::cart::put(&mut rows, UserId(1), SkuId(1), 4, LATER).await.unwrap();
    assert_eq!(data::product::find(&mut rows, product.id).await.unwrap(), Some(product.clone()));
    assert_eq!(data::product::categories(&mut rows).await.unwrap(), [shelf]);
    let skus = data::product::skus(&mut rows, product.id).await.unwrap();
    let found: Vec<_> = skus.iter().map(|sku| (sku.id.0, sku.name.as_str(), sku.active, sku.left_qty)).collect();
    assert_eq!(found, [(1, TEXT, true, 2), (2, TEXT, false, 0)]);
    let priced = data::product::priced(&mut rows, &[SkuId(1), SkuId(2), SkuId(3)]).await.unwrap();
    assert_eq!((priced.len(), priced[0].state, priced[0].price_fen), (2, ProductState::OnSale, Fen(1)));
    let cart = data::cart::list(&mut rows, UserId(1)).await.unwrap();
    let line = (cart[0].qty, cart[0].left_qty, cart[0].active, cart[0].state, cart[0].title.as_str());
    assert_eq!((cart.len(), line), (1, (4, 2, true, ProductState::OnSale, TEXT)));
    data::cart::remove(&mut rows, UserId(1), &[SkuId(1), SkuId(2)]).await.unwrap();
    assert_eq!(data::cart::list(&mut rows, UserId(1)).await.unwrap(), []);
    let address = StoredAddress { id: AddressId(LARGE), sealed: BYTES.to_vec(), is_default: true, created_ms: START };
    data::address::insert(&mut rows, UserId(1), &address).await.unwrap();
    assert_eq!(data::address::find(&mut rows, UserId(1), address.id).await.unwrap(), Some(address.clone()));
    assert_eq!(data::address::find(&mut rows, UserId(2), address.id).await.unwrap(), None);
    assert_eq!(data::address::list(&mut rows, UserId(1)).await.unwrap(), [address]);
    rows.commit().await.unwrap();
    assert!(is_refused(&app, &one(3, Some(OrderId(LARGE)), MoveKind::Hold, -9)).await, "it was held before");
    assert!(!is_refused(&app, &one(3, None, MoveKind::Adjust, 0)).await);
    app.end().await;
}

/// Whether a move of the ledger cannot be made.
async fn is_refused(app: &TestApp, one: &StockMove) -> bool {
    let mut rows = write(app).await;
    match data::stock::insert_moves(&mut rows, std::slice::from_ref(one)).await {
        Ok(()) => rows.commit().await,
        Err(error) => Err(error),
    }
    .is_err_and(|error| error.is_contended())
}
