//! Orders with their lines, moves and parcels.

use super::{BYTES, LARGE, LATER, MOST, TEXT, write};
use crate::support::app::{START, TestApp};
use weizhan::{
    data,
    model::{
        id::{OrderId, ProductId, ShipmentId, SkuId, UserId},
        money::Fen,
        order::{Order, OrderLine, OrderMove, OrderState, OrderTransition},
        shipment::{ConfirmMethod, Logistics, Shipment, Shipping, ShippingReport, UploadState},
    },
};

fn an_order() -> (Order, Vec<OrderLine>) {
    let order = Order {
        id: OrderId(LARGE),
        number: "90071992547409910001".into(),
        user_id: UserId(1),
        appid: "wx".into(),
        openid: "o-A".into(),
        state: OrderState::Pending,
        version: 1,
        goods_fen: Fen(MOST - 1),
        freight_fen: Fen(3),
        adjustment_fen: Fen(-2),
        total_fen: Fen(MOST),
        refund_held_fen: Fen(0),
        refunded_fen: Fen(0),
        address_sealed: BYTES.to_vec(),
        remark: TEXT.into(),
        expires_ms: LATER,
        created_ms: START,
        paid_ms: None,
    };
    let line = |sku| OrderLine {
        sku_id: SkuId(sku),
        product_id: ProductId(1),
        title: TEXT.into(),
        sku_name: String::new(),
        cover_url: String::new(),
        price_fen: Fen(MOST),
        qty: 99,
    };
    (order, vec![line(1), line(2)])
}

#[tokio::test]
async fn orders_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let (order, lines) = an_order();
    data::order::insert(&mut rows, &order, &lines, "buyer").await.unwrap();
    assert_eq!(data::order::find(&mut rows, order.id).await.unwrap(), Some(order.clone()));
    assert_eq!(data::order::find_of(&mut rows, UserId(2), order.id).await.unwrap(), None);
    assert_eq!(data::order::lines(&mut rows, order.id).await.unwrap(), lines);
    let of = data::order::lines_of(&mut rows, &[order.id, OrderId(1)]).await.unwrap();
    assert!(of.len() == 2 && of.iter().zip(&lines).all(|(of, line)| of.order_id == order.id && of.line == *line));
    assert!(data::order::reprice(&mut rows, &order, Fen(-3), Fen(MOST - 1), "staff:1", START).await.unwrap());
    assert!(!data::order::reprice(&mut rows, &order, Fen(-4), Fen(1), "staff:1", START).await.unwrap(), "it moved");
    let order = Order { version: 2, adjustment_fen: Fen(-3), total_fen: Fen(MOST - 1), ..order };
    assert_eq!(data::order::find(&mut rows, order.id).await.unwrap(), Some(order.clone()));
    let (pay, paid) = (OrderMove::Pay, OrderState::Paid);
    assert!(data::order::advance(&mut rows, &order, pay, paid, "wechat", LATER).await.unwrap());
    assert!(!data::order::advance(&mut rows, &order, pay, paid, "wechat", LATER).await.unwrap(), "it moved");
    let moved = Order { state: paid, version: 3, paid_ms: Some(LATER), ..order.clone() };
    assert_eq!(data::order::find(&mut rows, order.id).await.unwrap(), Some(moved));
    let first = OrderTransition {
        version: 1,
        step: OrderMove::Place,
        from_state: None,
        to_state: OrderState::Pending,
        actor: "buyer".into(),
        created_ms: START,
    };
    let second = OrderTransition {
        version: 2,
        step: OrderMove::Reprice,
        from_state: Some(OrderState::Pending),
        to_state: OrderState::Pending,
        actor: "staff:1".into(),
        created_ms: START,
    };
    let third = OrderTransition {
        version: 3,
        step: pay,
        from_state: Some(OrderState::Pending),
        to_state: paid,
        actor: "wechat".into(),
        created_ms: LATER,
    };
    assert_eq!(data::order::transitions(&mut rows, order.id).await.unwrap(), [first, second, third]);
    let parcel = Shipment {
        id: ShipmentId(LARGE),
        order_id: order.id,
        carrier: "SF".into(),
        tracking_no: "SF-1".into(),
        created_ms: START,
    };
    data::shipment::insert(&mut rows, &parcel).await.unwrap();
    assert_eq!(data::shipment::list(&mut rows, order.id).await.unwrap(), [parcel]);
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn how_an_order_is_sent_comes_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let id = OrderId(LARGE);
    let first = Shipping {
        order_id: id,
        logistics: Logistics::SameCity,
        contents: TEXT.into(),
        split: false,
        all_sent: true,
        whole: true,
        version: 1,
        upload_state: UploadState::Waiting,
        upload_code: None,
        upload_cause: None,
        tried_ms: None,
        uploaded_ms: None,
        receive_ms: None,
        created_ms: START,
    };
    data::shipment::insert_shipping(&mut rows, &first).await.unwrap();
    assert_eq!(data::shipment::find_shipping(&mut rows, id).await.unwrap(), Some(first.clone()));
    let next = Shipping {
        logistics: Logistics::Express,
        split: true,
        all_sent: false,
        whole: false,
        version: 2,
        receive_ms: Some(LATER),
        ..first
    };
    assert!(data::shipment::change_shipping(&mut rows, &next, 1).await.unwrap());
    assert!(!data::shipment::change_shipping(&mut rows, &next, 1).await.unwrap(), "it has another version");
    assert_eq!(data::shipment::find_shipping(&mut rows, id).await.unwrap(), Some(next.clone()));
    for (version, at, taken) in [(1, LATER, false), (2, LATER, true), (2, LATER, false)] {
        assert_eq!(data::shipment::try_upload(&mut rows, id, version, at).await.unwrap(), taken, "each try is later");
    }
    let refused = UploadState::Refused;
    assert!(!data::shipment::end_upload(&mut rows, id, 1, refused, Some(("1", "x")), LATER).await.unwrap());
    assert!(data::shipment::end_upload(&mut rows, id, 2, refused, Some(("1", TEXT)), LATER).await.unwrap());
    let (code, cause) = (Some("1".to_owned()), Some(TEXT.to_owned()));
    let ended =
        Shipping { upload_state: refused, upload_code: code, upload_cause: cause, tried_ms: Some(LATER), ..next };
    assert_eq!(data::shipment::find_shipping(&mut rows, id).await.unwrap(), Some(ended));
    assert_eq!(data::shipment::find_report(&mut rows, id).await.unwrap(), None);
    let settled = ShippingReport {
        confirm_method: Some(ConfirmMethod::Manual),
        confirmed_ms: Some(START),
        settled_ms: Some(LATER),
        ..ShippingReport::default()
    };
    let shipped = ShippingReport {
        reminded_ms: Some(START),
        shipped_ms: Some(START),
        estimated_settlement_ms: Some(LATER),
        confirm_method: Some(ConfirmMethod::Auto),
        ..ShippingReport::default()
    };
    for told in [&settled, &shipped] {
        data::shipment::add_report(&mut rows, id, told).await.unwrap();
    }
    let both = ShippingReport { confirm_method: Some(ConfirmMethod::Manual), ..shipped };
    let both = ShippingReport { confirmed_ms: Some(START), settled_ms: Some(LATER), ..both };
    assert_eq!(data::shipment::find_report(&mut rows, id).await.unwrap(), Some(both), "what is known stays");
    drop(rows);
    app.end().await;
}
