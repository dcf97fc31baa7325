//! Sending parcels.

use crate::{
    app::App,
    data,
    model::{
        id::{OrderId, ShipmentId},
        order::{OrderMove, OrderRefusal},
        shipment::Shipment,
    },
    service::{
        Error, Fault, attempt, audit,
        order::{self, Detail},
        staff::Clerk,
    },
};

/// The parcel of a paid order leaves.
pub async fn send(
    app: &App,
    clerk: &Clerk,
    id: OrderId,
    carrier: &str,
    tracking_no: &str,
) -> Result<Detail, Error<OrderRefusal>> {
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        let seen = data::order::find(&mut act, id).await?.ok_or(OrderRefusal::NotFound)?;
        if !order::advance(app, &mut act, &seen, OrderMove::Ship, &clerk.actor()).await? {
            return Err(Fault::contended("the order moved").into());
        }
        let shipment = Shipment {
            id: app.ids.next(ShipmentId),
            order_id: id,
            carrier: carrier.to_owned(),
            tracking_no: tracking_no.to_owned(),
            created_ms: app.now(),
        };
        data::shipment::insert(&mut act, &shipment).await?;
        act.commit(app, clerk, "order.ship", &format!("order:{id}"), &(carrier, tracking_no)).await
    })
    .await?;
    order::inspect(app, id).await
}
