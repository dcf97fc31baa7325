//! Rows of `shipments`.

use super::{Error, Session};
use crate::model::{id::OrderId, shipment::Shipment};

statements! {
    LIST = "SELECT id, order_id, carrier, tracking_no, created_ms FROM shipments WHERE order_id = ? ORDER BY id";
    INSERT = "INSERT INTO shipments (id, order_id, carrier, tracking_no, created_ms) VALUES (?, ?, ?, ?, ?)";
}

/// The parcels of an order.
pub async fn list(session: &mut Session, order: OrderId) -> Result<Vec<Shipment>, Error> {
    session.all(LIST, (order,)).await
}
/// A new parcel.
pub async fn insert(session: &mut Session, row: &Shipment) -> Result<(), Error> {
    let values = (row.id, row.order_id, row.carrier.as_str(), row.tracking_no.as_str(), row.created_ms);
    session.execute(INSERT, values).await.map(drop)
}
