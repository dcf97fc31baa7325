//! Rows that the shop starts with, written as the server itself writes them.

use crate::{
    wechat::Wechat,
    world::{Awaiting, Buyer, Goods},
};
use weizhan::{
    app::App,
    data::{self, Session, product::SkuRow},
    model::{
        id::{CategoryId, OrderId, PrepayId, ProductId, SkuId, UserId},
        money::Fen,
        order::{Order, OrderLine, OrderState},
        payment::{Prepay, PrepayState},
        product::{Product, ProductState},
    },
};

/// A product with its id, its SKU and plenty of it.
pub fn goods(app: &App, number: i64, shelf: CategoryId) -> Goods {
    Goods {
        product: app.ids.next(|id| id),
        sku: app.ids.next(|id| id),
        shelf: shelf.0,
        title: format!("Linen shirt, long sleeve, style {number}"),
        subtitle: "Light cloth for warm days, machine wash".to_owned(),
        detail: "A plain everyday shirt with a soft collar and two chest pockets. ".repeat(10),
        pictures: (1..=4).map(|view| format!("https://cdn.test/p/{number}/{view}.jpg")).collect(),
        price: 9900 + number,
        left: 1_000_000_000,
    }
}

/// Write it to our tables.
pub async fn put(app: &App, session: &mut Session, goods: &Goods) -> anyhow::Result<()> {
    let (id, sku, price_fen) = (ProductId(goods.product), SkuId(goods.sku), Fen(goods.price));
    let product = Product {
        id,
        category_id: CategoryId(goods.shelf),
        title: goods.title.clone(),
        subtitle: goods.subtitle.clone(),
        detail: goods.detail.clone(),
        cover_url: goods.pictures[0].clone(),
        pictures: serde_json::to_string(&goods.pictures)?,
        price_fen,
        sales: 0,
        state: ProductState::OnSale,
        version: 1,
        created_ms: app.now(),
    };
    data::product::insert(session, &product).await?;
    let row = SkuRow { id: sku, product_id: id, name: String::new(), price_fen, active: true, position: 0 };
    data::product::insert_skus(session, &[row]).await?;
    Ok(data::stock::insert(session, &[(sku, goods.left)]).await?)
}

/// Write an order that the buyer has begun to pay.
pub async fn await_money(
    app: &App,
    session: &mut Session,
    buyer: &Buyer,
    goods: &Goods,
    wechat: &Wechat,
) -> anyhow::Result<Awaiting> {
    let (id, now, total) = (app.ids.next(OrderId), app.now(), Fen(goods.price));
    let order = Order {
        id,
        number: format!("{id}0000"),
        user_id: UserId(1),
        appid: wechat.appid.clone(),
        openid: buyer.openid.clone(),
        state: OrderState::Pending,
        version: 1,
        goods_fen: total,
        freight_fen: Fen::ZERO,
        adjustment_fen: Fen::ZERO,
        total_fen: total,
        refund_held_fen: Fen::ZERO,
        refunded_fen: Fen::ZERO,
        address_sealed: vec![0; 120],
        remark: String::new(),
        expires_ms: now,
        created_ms: now,
        paid_ms: None,
    };
    let line = OrderLine {
        sku_id: SkuId(goods.sku),
        product_id: ProductId(goods.product),
        title: goods.title.clone(),
        sku_name: String::new(),
        cover_url: goods.pictures[0].clone(),
        price_fen: total,
        qty: 1,
    };
    data::order::insert(session, &order, &[line], "buyer").await?;
    let prepay = Prepay {
        id: app.ids.next(PrepayId),
        order_id: id,
        out_trade_no: format!("P{id}"),
        mchid: wechat.simulator.materials().mchid,
        appid: wechat.appid.clone(),
        openid: buyer.openid.clone(),
        total_fen: total,
        state: PrepayState::Open,
        prepay_id: None,
        prepaid_ms: None,
        created_ms: now,
    };
    data::payment::insert_prepay(session, &prepay).await?;
    Ok(Awaiting { id: id.0, out_trade_no: prepay.out_trade_no, openid: prepay.openid, total: total.0 })
}
