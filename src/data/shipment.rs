//! Rows of `shipments`, `shippings` and `shipping_reports`.

use super::{Error, Session};
use crate::model::{
    id::OrderId,
    shipment::{Shipment, Shipping, ShippingReport, UploadState},
    time::Timestamp,
};

statements! {
    LIST = "SELECT id, order_id, carrier, tracking_no, created_ms FROM shipments WHERE order_id = ? ORDER BY id";
    INSERT = "INSERT INTO shipments (id, order_id, carrier, tracking_no, created_ms) VALUES (?, ?, ?, ?, ?)";
    DELETE = "DELETE FROM shipments WHERE order_id = ?";
    FIND_SHIPPING = "SELECT order_id, logistics, contents, split, all_sent, whole, version, upload_state, upload_code,
                     upload_cause, tried_ms, uploaded_ms, receive_ms, created_ms FROM shippings WHERE order_id = ?";
    INSERT_SHIPPING = "INSERT INTO shippings (order_id, logistics, contents, split, all_sent, whole, version, upload_state,
                       receive_ms, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// Only a shipping that stands where it was seen is changed.
    CHANGE_SHIPPING = "UPDATE shippings SET logistics = ?, contents = ?, split = ?, all_sent = ?, whole = ?, upload_state = ?,
                       upload_code = NULL, upload_cause = NULL, receive_ms = ?, version = version + 1
                       WHERE order_id = ? AND version = ?";
    /// Each try has a time of its own, later than that of the one before.
    TRY_UPLOAD = "UPDATE shippings SET tried_ms = ?
                  WHERE order_id = ? AND version = ? AND upload_state = 'waiting' AND COALESCE(tried_ms, 0) < ?";
    END_UPLOAD = "UPDATE shippings SET upload_state = ?, upload_code = ?, upload_cause = ?, uploaded_ms = ?
                  WHERE order_id = ? AND version = ? AND upload_state = 'waiting'";
    FIND_REPORT = "SELECT reminded_ms, shipped_ms, estimated_settlement_ms, confirm_method, confirmed_ms, settled_ms
                   FROM shipping_reports WHERE order_id = ?";
    INSERT_REPORT = "INSERT INTO shipping_reports (order_id) VALUES (?)";
    /// What is told fills in what is not known yet; what is known stays, so that the order of messages does not count.
    ADD_REPORT = "UPDATE shipping_reports SET reminded_ms = COALESCE(reminded_ms, ?), shipped_ms = COALESCE(shipped_ms, ?),
                  estimated_settlement_ms = COALESCE(estimated_settlement_ms, ?),
                  confirm_method = COALESCE(confirm_method, ?), confirmed_ms = COALESCE(confirmed_ms, ?),
                  settled_ms = COALESCE(settled_ms, ?) WHERE order_id = ?";
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
/// Forget the parcels of an order, because others take their place.
pub async fn remove(session: &mut Session, order: OrderId) -> Result<u64, Error> {
    session.execute(DELETE, (order,)).await
}
/// How an order is sent.
pub async fn find_shipping(session: &mut Session, order: OrderId) -> Result<Option<Shipping>, Error> {
    session.optional(FIND_SHIPPING, (order,)).await
}
/// The first of an order leaves. It has not been tried to tell WeChat.
pub async fn insert_shipping(session: &mut Session, row: &Shipping) -> Result<(), Error> {
    let values = (
        row.order_id,
        row.logistics,
        row.contents.as_str(),
        row.split,
        row.all_sent,
        row.whole,
        row.version,
        row.upload_state,
        row.receive_ms,
        row.created_ms,
    );
    session.execute(INSERT_SHIPPING, values).await.map(drop)
}
/// More leaves, or something else than was said: the next version of `row`, unless another one was made meanwhile.
pub async fn change_shipping(session: &mut Session, row: &Shipping, seen: i64) -> Result<bool, Error> {
    let (contents, state) = (row.contents.as_str(), row.upload_state);
    let values =
        (row.logistics, contents, row.split, row.all_sent, row.whole, state, row.receive_ms, row.order_id, seen);
    Ok(session.execute(CHANGE_SHIPPING, values).await? == 1)
}
/// WeChat is about to be told, at this time; `false` when there is nothing to tell, or a later try.
pub async fn try_upload(session: &mut Session, order: OrderId, version: i64, at: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(TRY_UPLOAD, (at, order, version, at)).await? == 1)
}
/// What came of telling WeChat this version.
pub async fn end_upload(
    session: &mut Session,
    order: OrderId,
    version: i64,
    state: UploadState,
    refusal: Option<(&str, &str)>,
    now: Timestamp,
) -> Result<bool, Error> {
    let uploaded = (state == UploadState::Uploaded).then_some(now);
    let (code, cause) = refusal.unzip();
    Ok(session.execute(END_UPLOAD, (state, code, cause, uploaded, order, version)).await? == 1)
}
/// What WeChat told of an order.
pub async fn find_report(session: &mut Session, order: OrderId) -> Result<Option<ShippingReport>, Error> {
    session.optional(FIND_REPORT, (order,)).await
}
/// Add what WeChat told of an order to what is known.
pub async fn add_report(session: &mut Session, order: OrderId, told: &ShippingReport) -> Result<(), Error> {
    session.insert_new(INSERT_REPORT, (order,)).await?;
    let ShippingReport { reminded_ms, shipped_ms, estimated_settlement_ms, confirm_method, confirmed_ms, settled_ms } =
        told.clone();
    let values = (reminded_ms, shipped_ms, estimated_settlement_ms, confirm_method, confirmed_ms, settled_ms, order);
    session.execute(ADD_REPORT, values).await.map(drop)
}
