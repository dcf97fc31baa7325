//! Orders, for staff.

use crate::{
    app::App,
    http::{
        extract::{Id, OrderPrice, OrderRead, OrderShip, Params, Staff, Valid, place, rows},
        order::{OrderDetailView, OrderParams, OrderView},
        problem::Problem,
    },
    model::{
        id::OrderId,
        money::Fen,
        order::OrderState,
        page::Page,
        shipment::{ConfirmMethod, Logistics, Parcel, ShipmentRefusal, Shipping, ShippingReport, UploadState},
        time::Timestamp,
    },
    service::{
        self, Error,
        shipment::{Sending, StaffDetail},
    },
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A parcel.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SendParcel {
    /// WeChat's carrier code, such as `SF`.
    #[garde(length(min = 1, max = 32), pattern(r"^[A-Za-z0-9_]+$"))]
    #[schema(min_length = 1, max_length = 32, pattern = r"^[A-Za-z0-9_]+$")]
    carrier: String,
    /// The carrier's number.
    #[garde(length(min = 1, max = 64), pattern(r"^[A-Za-z0-9-]+$"))]
    #[schema(min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9-]+$")]
    tracking_no: String,
}

/// What leaves: one parcel by `carrier` and `tracking_no`, or several by `parcels`, or none when no parcel service
/// carries it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SendShipment {
    /// WeChat's carrier code, such as `SF`.
    #[garde(length(min = 1, max = 32), pattern(r"^[A-Za-z0-9_]+$"))]
    #[schema(min_length = 1, max_length = 32, pattern = r"^[A-Za-z0-9_]+$")]
    carrier: Option<String>,
    /// The carrier's number.
    #[garde(length(min = 1, max = 64), pattern(r"^[A-Za-z0-9-]+$"))]
    #[schema(min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9-]+$")]
    tracking_no: Option<String>,
    /// Several parcels; an order has at most 15.
    #[garde(length(max = 15), dive)]
    #[schema(max_items = 15)]
    parcels: Option<Vec<SendParcel>>,
    /// How it travels; `express` unless said otherwise.
    #[garde(skip)]
    logistics: Option<Logistics>,
    /// Whether more of the order follows later. The last call says that nothing does, with or without a parcel.
    #[garde(skip)]
    #[serde(default)]
    more_to_come: bool,
    /// What WeChat shows the buyer as the contents; the lines of the order when nothing is said.
    #[garde(length(chars, min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    description: Option<String>,
}

impl SendShipment {
    fn sending(self) -> Result<Sending, Error<ShipmentRefusal>> {
        let parcels = match (self.carrier, self.tracking_no, self.parcels) {
            (None, None, parcels) => parcels.unwrap_or_default(),
            (Some(carrier), Some(tracking_no), None) => vec![SendParcel { carrier, tracking_no }],
            (_, _, None) => return Err(ShipmentRefusal::ParcelMissing.into()),
            (_, _, Some(_)) => return Err(ShipmentRefusal::ParcelTwice.into()),
        };
        let parcel = |SendParcel { carrier, tracking_no }: SendParcel| Parcel { carrier, tracking_no };
        Ok(Sending {
            logistics: self.logistics.unwrap_or(Logistics::Express),
            parcels: parcels.into_iter().map(parcel).collect(),
            more_to_come: self.more_to_come,
            contents: self.description,
        })
    }
}

/// What WeChat knows of what was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct UploadView {
    /// Where it stands.
    state: UploadState,
    /// WeChat's code, when it did not take it.
    code: Option<String>,
    /// WeChat's text, when it did not take it.
    cause: Option<String>,
    /// What to do then.
    remedy: Option<String>,
    /// When it last took something.
    uploaded_ms: Option<Timestamp>,
}

/// How an order is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ShippingView {
    /// How it travels.
    logistics: Logistics,
    /// What WeChat shows as the contents.
    description: String,
    /// Whether more is to follow.
    more_to_come: bool,
    /// What WeChat knows of it.
    upload: UploadView,
    /// When the order counts as received if nobody says so.
    receive_ms: Option<Timestamp>,
    /// When the first of it left.
    created_ms: Timestamp,
}

/// What WeChat told of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ShippingReportView {
    /// WeChat reminded us, and still nothing was sent: the alarm.
    overdue: bool,
    /// When it first reminded us, 48 hours after the payment.
    reminded_ms: Option<Timestamp>,
    /// When it took the order for sent.
    shipped_ms: Option<Timestamp>,
    /// When it means to settle the money.
    estimated_settlement_ms: Option<Timestamp>,
    /// How the buyer confirmed at WeChat.
    confirm_method: Option<ConfirmMethod>,
    /// When the buyer confirmed at WeChat.
    confirmed_ms: Option<Timestamp>,
    /// When the money was settled.
    settled_ms: Option<Timestamp>,
}

/// Everything about an order, with what only staff see.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StaffOrderView {
    #[serde(flatten)]
    order: OrderDetailView,
    /// How it is sent; absent before.
    shipping: Option<ShippingView>,
    /// What WeChat told of it.
    wechat: ShippingReportView,
}

impl From<StaffDetail> for StaffOrderView {
    fn from(StaffDetail { detail, shipping, remedy, report }: StaffDetail) -> Self {
        let state = detail.bought.order.state;
        let view = |shipping: Shipping| ShippingView {
            logistics: shipping.logistics,
            description: shipping.contents,
            more_to_come: !shipping.all_sent,
            upload: UploadView {
                state: shipping.upload_state,
                code: shipping.upload_code,
                cause: shipping.upload_cause,
                remedy: remedy.map(str::to_owned),
                uploaded_ms: shipping.uploaded_ms,
            },
            receive_ms: shipping.receive_ms,
            created_ms: shipping.created_ms,
        };
        let ShippingReport {
            reminded_ms,
            shipped_ms,
            estimated_settlement_ms,
            confirm_method,
            confirmed_ms,
            settled_ms,
        } = report;
        Self {
            order: detail.into(),
            shipping: shipping.map(view),
            wechat: ShippingReportView {
                overdue: reminded_ms.is_some() && state == OrderState::Paid,
                reminded_ms,
                shipped_ms,
                estimated_settlement_ms,
                confirm_method,
                confirmed_ms,
                settled_ms,
            },
        }
    }
}

/// Another price for an order that is not paid.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChangePrice {
    /// The version that was seen; if the order moved since, this change is refused.
    #[garde(range(min = 1))]
    #[schema(minimum = 1)]
    version: i64,
    /// What the order is to cost, delivery included, in fen: from 1 to 100 000 000.
    #[garde(custom(payable))]
    #[schema(minimum = 1, maximum = 100_000_000)]
    total_fen: Fen,
    /// Why, for the audit.
    #[garde(length(chars, min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the validator hands out references")]
fn payable(total: &Fen, (): &()) -> garde::Result {
    let fits = (1..=Fen::ORDER_MAX.0).contains(&total.0);
    if fits { Ok(()) } else { Err(garde::Error::new("between 1 and 100000000 fen")) }
}

/// All orders, latest first.
#[utoipa::path(get, path = "/admin/v1/orders", operation_id = "staff.order.list", tag = "staff",
    security(("staff" = ["order.read"])), params(OrderParams), responses((status = 200, body = inline(Page<OrderView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Params(params): Params<OrderParams>,
) -> Result<Json<Page<OrderView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::order::list_all(&app, params.state, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}

/// Everything about an order.
#[utoipa::path(get, path = "/admin/v1/orders/{id}", operation_id = "staff.order.view", tag = "staff",
    security(("staff" = ["order.read"])), params(("id" = OrderId, Path)), responses((status = 200, body = StaffOrderView)))]
pub(in crate::http) async fn view(
    State(app): State<App>,
    _: Staff<OrderRead>,
    Id(id): Id<OrderId>,
) -> Result<Json<StaffOrderView>, Problem> {
    Ok(Json(service::shipment::inspect(&app, id).await?.into()))
}

/// Something of a paid order leaves. With `more_to_come` the next call adds to it. WeChat is told of it.
#[utoipa::path(post, path = "/admin/v1/orders/{id}/shipment", operation_id = "staff.order.ship", tag = "staff",
    security(("staff" = ["order.ship"])), params(("id" = OrderId, Path)), request_body = SendShipment,
    responses((status = 200, body = StaffOrderView)))]
pub(in crate::http) async fn ship(
    State(app): State<App>,
    Staff(clerk, _): Staff<OrderShip>,
    Id(id): Id<OrderId>,
    Valid(body): Valid<SendShipment>,
) -> Result<Json<StaffOrderView>, Problem> {
    Ok(Json(service::shipment::send(&app, &clerk, id, &body.sending()?).await?.into()))
}

/// Correct what was sent, or tell WeChat once more: the parcels named take the place of those before. WeChat takes one
/// correction of an order that is on its way.
#[utoipa::path(put, path = "/admin/v1/orders/{id}/shipment", operation_id = "staff.order.correct_shipment", tag = "staff",
    security(("staff" = ["order.ship"])), params(("id" = OrderId, Path)), request_body = SendShipment,
    responses((status = 200, body = StaffOrderView)))]
pub(in crate::http) async fn correct(
    State(app): State<App>,
    Staff(clerk, _): Staff<OrderShip>,
    Id(id): Id<OrderId>,
    Valid(body): Valid<SendShipment>,
) -> Result<Json<StaffOrderView>, Problem> {
    Ok(Json(service::shipment::correct(&app, &clerk, id, &body.sending()?).await?.into()))
}

/// Change the price of an order that is not paid (改价). What could be paid at the old price is closed at WeChat first; a
/// buyer who pays meanwhile wins.
#[utoipa::path(put, path = "/admin/v1/orders/{id}/price", operation_id = "staff.order.price", tag = "staff",
    security(("staff" = ["order.price"])), params(("id" = OrderId, Path)), request_body = ChangePrice,
    responses((status = 200, body = OrderDetailView)))]
pub(in crate::http) async fn price(
    State(app): State<App>,
    Staff(clerk, _): Staff<OrderPrice>,
    Id(id): Id<OrderId>,
    Valid(body): Valid<ChangePrice>,
) -> Result<Json<OrderDetailView>, Problem> {
    let detail = service::price::change(&app, &clerk, id, body.version, body.total_fen, &body.reason).await?;
    Ok(Json(detail.into()))
}
