//! Where parcels go.

use super::{
    extract::{Buyer, Created, Id, Valid},
    problem::Problem,
};
use crate::{
    app::App,
    model::{address::Address, id::AddressId},
    service::{self, address::Entry},
};
use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address as written.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteAddress {
    /// Who takes the parcel.
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(min_length = 1, max_length = 30)]
    name: String,
    /// Digits, with an optional leading `+` and hyphens.
    #[garde(pattern(r"^\+?[0-9][0-9-]{4,18}[0-9]$"))]
    #[schema(pattern = r"^\+?[0-9][0-9-]{4,18}[0-9]$")]
    phone: String,
    /// 省.
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(min_length = 1, max_length = 30)]
    province: String,
    /// 市.
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(min_length = 1, max_length = 30)]
    city: String,
    /// 区; empty where there is none.
    #[garde(length(chars, max = 30))]
    #[schema(max_length = 30)]
    #[serde(default)]
    district: String,
    /// Street, house, door.
    #[garde(length(chars, min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    detail: String,
    /// Whether it is offered first. The first address is, whatever is said.
    #[garde(skip)]
    #[serde(default)]
    is_default: bool,
}

impl From<WriteAddress> for Address {
    fn from(body: WriteAddress) -> Self {
        let WriteAddress { name, phone, province, city, district, detail, is_default: _ } = body;
        Self { name, phone, province, city, district, detail }
    }
}

/// An address.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AddressView {
    /// Which.
    id: AddressId,
    /// Whether it is offered first.
    is_default: bool,
    #[serde(flatten)]
    address: Address,
}

impl From<Entry> for AddressView {
    fn from(Entry { id, address, is_default }: Entry) -> Self {
        Self { id, is_default, address }
    }
}

/// My addresses, the default one first.
#[utoipa::path(get, path = "/v1/addresses", operation_id = "address.list", tag = "address", security(("buyer" = [])),
    responses((status = 200, body = Vec<AddressView>)))]
pub(super) async fn list(State(app): State<App>, Buyer(buyer): Buyer) -> Result<Json<Vec<AddressView>>, Problem> {
    let entries = service::address::list(&app, buyer.id).await?;
    Ok(Json(entries.into_iter().map(Into::into).collect()))
}

/// A new address.
#[utoipa::path(post, path = "/v1/addresses", operation_id = "address.add", tag = "address", security(("buyer" = [])),
    request_body = WriteAddress, responses((status = 201, body = AddressView)))]
pub(super) async fn add(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Valid(body): Valid<WriteAddress>,
) -> Result<Created<AddressView>, Problem> {
    let is_default = body.is_default;
    Ok(Created(service::address::add(&app, buyer.id, &body.into(), is_default).await?.into()))
}

/// Change an address. Orders keep the one they were placed with.
#[utoipa::path(put, path = "/v1/addresses/{id}", operation_id = "address.change", tag = "address",
    security(("buyer" = [])), params(("id" = AddressId, Path)), request_body = WriteAddress,
    responses((status = 200, body = AddressView)))]
pub(super) async fn change(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<AddressId>,
    Valid(body): Valid<WriteAddress>,
) -> Result<Json<AddressView>, Problem> {
    let is_default = body.is_default;
    Ok(Json(service::address::change(&app, buyer.id, id, &body.into(), is_default).await?.into()))
}

/// Forget an address.
#[utoipa::path(delete, path = "/v1/addresses/{id}", operation_id = "address.remove", tag = "address",
    security(("buyer" = [])), params(("id" = AddressId, Path)), responses((status = 204)))]
pub(super) async fn remove(
    State(app): State<App>,
    Buyer(buyer): Buyer,
    Id(id): Id<AddressId>,
) -> Result<StatusCode, Problem> {
    service::address::remove(&app, buyer.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
