//! Orders.

use super::{
    extract::{Buyer, Created, Id, IdempotencyKey, Params, Valid, place as place_of, rows},
    limit::limit,
    problem::Problem,
    refund::RefundView,
};
use crate::{
    app::{App, Caller, Limited},
    model::{
        address::Address,
        id::{AddressId, OrderId, ShipmentId, SkuId},
        money::Fen,
        order::{OrderLine, OrderState, OrderTransition, Wanted},
        page::Page,
        payment::{FactSource, Payment},
        shipment::Shipment,
        time::Timestamp,
    },
    service::{
        self,
        order::{Ask, Bought, Detail},
    },
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Pieces of a SKU.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedLine {
    /// What.
    #[garde(skip)]
    sku_id: SkuId,
    /// Pieces.
    #[garde(range(min = 1, max = 999))]
    #[schema(minimum = 1, maximum = 999)]
    qty: i64,
}

/// An order to be placed. Prices have no place here: they are the shop's.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceOrder {
    /// What is wanted.
    #[garde(length(min = 1, max = 100), dive)]
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<WantedLine>,
    /// Where to.
    #[garde(skip)]
    address_id: AddressId,
    /// In words.
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    #[serde(default)]
    remark: String,
    /// The total the buyer saw, in fen: with another one the order is refused.
    #[garde(skip)]
    expected_total_fen: Option<Fen>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderView {
    /// Which.
    id: OrderId,
    /// What people read to each other.
    number: String,
    /// Where it stands.
    state: OrderState,
    /// Number of moves so far.
    version: i64,
    /// Sum of the lines, in fen.
    goods_fen: Fen,
    /// Delivery, in fen.
    freight_fen: Fen,
    /// What the shop added to the price, or took off it when negative, in fen: goods, delivery and this are the total.
    adjustment_fen: Fen,
    /// What is to be paid, in fen.
    total_fen: Fen,
    /// Given back, in fen.
    refunded_fen: Fen,
    /// What the buyer wishes.
    remark: String,
    /// When it closes if it is not paid.
    expires_ms: Timestamp,
    /// When it was placed.
    created_ms: Timestamp,
    /// When it was paid.
    paid_ms: Option<Timestamp>,
    /// What was bought.
    lines: Vec<OrderLine>,
}

impl From<Bought> for OrderView {
    fn from(Bought { order, lines }: Bought) -> Self {
        Self {
            id: order.id,
            number: order.number,
            state: order.state,
            version: order.version,
            goods_fen: order.goods_fen,
            freight_fen: order.freight_fen,
            adjustment_fen: order.adjustment_fen,
            total_fen: order.total_fen,
            refunded_fen: order.refunded_fen,
            remark: order.remark,
            expires_ms: order.expires_ms,
            created_ms: order.created_ms,
            paid_ms: order.paid_ms,
            lines,
        }
    }
}

/// Money that arrived.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentView {
    /// WeChat's number.
    transaction_id: String,
    /// How much, in fen.
    total_fen: Fen,
    /// Whether it paid the order; if not it goes back.
    accepted: bool,
    /// How we learned of it.
    source: FactSource,
    /// When.
    success_ms: Timestamp,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        let Payment { transaction_id, total_fen, accepted, source, success_ms, .. } = payment;
        Self { transaction_id, total_fen, accepted, source, success_ms }
    }
}

/// A parcel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShipmentView {
    /// Which.
    id: ShipmentId,
    /// Who carries it.
    carrier: String,
    /// The carrier's number.
    tracking_no: String,
    /// When it left.
    created_ms: Timestamp,
}

impl From<Shipment> for ShipmentView {
    fn from(Shipment { id, carrier, tracking_no, created_ms, .. }: Shipment) -> Self {
        Self { id, carrier, tracking_no, created_ms }
    }
}

/// Everything about an order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderDetailView {
    #[serde(flatten)]
    order: OrderView,
    /// Where to.
    address: Address,
    /// Every move.
    history: Vec<OrderTransition>,
    /// Money that arrived.
    payments: Vec<PaymentView>,
    /// Money that goes back.
    refunds: Vec<RefundView>,
    /// Parcels.
    shipments: Vec<ShipmentView>,
}

impl From<Detail> for OrderDetailView {
    fn from(detail: Detail) -> Self {
        Self {
            order: detail.bought.into(),
            address: detail.address,
            history: detail.transitions,
            payments: detail.payments.into_iter().map(Into::into).collect(),
            refunds: detail.refunds.into_iter().map(Into::into).collect(),
            shipments: detail.shipments.into_iter().map(Into::into).collect(),
        }
    }
}

/// What a list of orders is asked for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OrderParams {
    /// In this state only.
    #[garde(skip)]
    #[param(inline)]
    pub(super) state: Option<OrderState>,
    /// Where the page starts: `next` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    pub(super) cursor: Option<String>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: Option<i64>,
}

/// Place an order. The stock is set aside until it is paid, cancelled, or its time is over.
#[utoipa::path(post, path = "/v1/orders", operation_id = "order.place", tag = "order", security(("buyer" = [])),
    params(("Idempotency-Key" = String, Header, min_length = 16, max_length = 255)), request_body = PlaceOrder,
    responses((status = 201, body = OrderView)))]
pub(super) async fn place(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    IdempotencyKey(key): IdempotencyKey,
    Valid(body): Valid<PlaceOrder>,
) -> Result<Created<OrderView>, Problem> {
    limit(&app, Limited::Order, Caller::User(buyer.id.0)).await?;
    let ask = Ask {
        lines: body.lines.iter().map(|line| Wanted { sku_id: line.sku_id, qty: line.qty }).collect(),
        address_id: body.address_id,
        remark: body.remark,
        expected_total: body.expected_total_fen,
    };
    Ok(Created(service::order::place(&app, &buyer, &key, &ask).await?.into()))
}

/// My orders, latest first.
#[utoipa::path(get, path = "/v1/orders", operation_id = "order.list", tag = "order", security(("buyer" = [])),
    params(OrderParams), responses((status = 200, body = inline(Page<OrderView>))))]
pub(super) async fn list(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Params(params): Params<OrderParams>,
) -> Result<Json<Page<OrderView>>, Problem> {
    let before = place_of(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::order::list(&app, &buyer, params.state, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}

/// Everything about one of my orders.
#[utoipa::path(get, path = "/v1/orders/{id}", operation_id = "order.view", tag = "order", security(("buyer" = [])),
    params(("id" = OrderId, Path)), responses((status = 200, body = OrderDetailView)))]
pub(super) async fn view(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<OrderId>,
) -> Result<Json<OrderDetailView>, Problem> {
    Ok(Json(service::order::view(&app, &buyer, id).await?.into()))
}

/// Give up an order that is not paid. Doing it twice does no harm.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel", operation_id = "order.cancel", tag = "order",
    security(("buyer" = [])), params(("id" = OrderId, Path)), responses((status = 200, body = OrderDetailView)))]
pub(super) async fn cancel(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<OrderId>,
) -> Result<Json<OrderDetailView>, Problem> {
    Ok(Json(service::order::cancel(&app, &buyer, id).await?.into()))
}

/// I have the goods. Saying it twice does no harm.
#[utoipa::path(post, path = "/v1/orders/{id}/receipt", operation_id = "order.receive", tag = "order",
    security(("buyer" = [])), params(("id" = OrderId, Path)), responses((status = 200, body = OrderDetailView)))]
pub(super) async fn receive(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<OrderId>,
) -> Result<Json<OrderDetailView>, Problem> {
    Ok(Json(service::order::receive(&app, &buyer, id).await?.into()))
}
