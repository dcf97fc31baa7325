//! Parcels.

use crate::model::{
    id::{OrderId, ShipmentId},
    time::Timestamp,
};

/// A parcel that left.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Shipment {
    /// Which.
    pub id: ShipmentId,
    /// For which order.
    pub order_id: OrderId,
    /// Who carries it: WeChat's carrier code, such as `SF`.
    pub carrier: String,
    /// The carrier's number.
    pub tracking_no: String,
    /// When it left.
    pub created_ms: Timestamp,
}
