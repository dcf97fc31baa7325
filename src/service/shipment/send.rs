//! What leaves, and what is corrected of it.

use super::StaffDetail;
use crate::{
    app::App,
    data,
    model::{
        id::{OrderId, ShipmentId},
        job::Work,
        order::{Order, OrderMove, OrderState},
        shipment::{Logistics, Parcel, Shipment, ShipmentRefusal, Shipping, UploadState, check, contents},
        time::{Timestamp, days},
    },
    service::{
        Error, Fault, attempt,
        audit::{self, Act},
        job, message, order,
        staff::Clerk,
    },
    wechat::UploadVerdict,
};
use serde::Serialize;

/// What staff send.
#[derive(Debug, Clone, Serialize)]
pub struct Sending {
    /// How it travels.
    pub logistics: Logistics,
    /// The parcels; none when no parcel service carries it.
    pub parcels: Vec<Parcel>,
    /// Whether more of the order follows later.
    pub more_to_come: bool,
    /// What WeChat shows as the contents; the order's lines when nothing is said.
    pub contents: Option<String>,
}

impl Sending {
    /// The same for the audit, with the last four characters of each number: by the whole of it a carrier tells who lives where.
    fn audited(&self) -> Self {
        let tail = |number: &str| number.chars().skip(number.chars().count().saturating_sub(4)).collect();
        let parcel = |parcel: &Parcel| Parcel { tracking_no: tail(&parcel.tracking_no), ..parcel.clone() };
        Self { parcels: self.parcels.iter().map(parcel).collect(), ..self.clone() }
    }
}

/// Something of a paid order leaves: all of it, its first part, or more of it.
pub async fn send(
    app: &App,
    clerk: &Clerk,
    id: OrderId,
    sending: &Sending,
) -> Result<StaffDetail, Error<ShipmentRefusal>> {
    attempt(|| send_once(app, clerk, id, sending)).await?;
    app.jobs_due.notify_one();
    inspect(app, id).await
}

async fn send_once(app: &App, clerk: &Clerk, id: OrderId, sending: &Sending) -> Result<(), Error<ShipmentRefusal>> {
    let mut act = audit::begin(app).await?;
    let seen = data::order::find(&mut act, id).await?.ok_or(ShipmentRefusal::NotFound)?;
    let before = data::shipment::find_shipping(&mut act, id).await?;
    match (seen.state, &before) {
        (OrderState::Shipped | OrderState::Received, Some(before)) if !before.all_sent => {
            if before.logistics != sending.logistics {
                return Err(ShipmentRefusal::LogisticsDiffers.into());
            }
            let known = data::shipment::list(&mut act, id).await?.len();
            check(sending.logistics, sending.parcels.len(), known, sending.more_to_come)?;
            // The order must not be refunded away between the look and the parcel.
            if !data::order::hold(&mut act, id, seen.state).await? {
                return Err(Fault::contended("the order moved").into());
            }
            let whole = before.whole && before.upload_state != UploadState::Uploaded;
            let next = next(app, &seen, sending, Some(before), before.contents.clone(), true, whole);
            change(app, &mut act, &next, before).await?;
        }
        _ => {
            let to = seen.state.after(OrderMove::Ship).ok_or(ShipmentRefusal::StateForbids { state: seen.state })?;
            check(sending.logistics, sending.parcels.len(), 0, sending.more_to_come)?;
            if !data::order::advance(&mut act, &seen, OrderMove::Ship, to, &clerk.actor(), app.now()).await? {
                return Err(Fault::contended("the order moved").into());
            }
            let told = said(&mut act, &seen, sending).await?;
            let split = sending.more_to_come || sending.parcels.len() > 1;
            let shipping = next(app, &seen, sending, None, told, split, true);
            data::shipment::insert_shipping(&mut act, &shipping).await?;
            follow(app, &mut act, &shipping).await?;
            message::shipped(app, &mut act, &seen).await?;
        }
    }
    insert(app, &mut act, id, &sending.parcels).await?;
    act.commit(app, clerk, "order.ship", &format!("order:{id}"), &sending.audited()).await
}

/// What was sent is something else than was said. WeChat takes one such correction once an order is on its way.
pub async fn correct(
    app: &App,
    clerk: &Clerk,
    id: OrderId,
    sending: &Sending,
) -> Result<StaffDetail, Error<ShipmentRefusal>> {
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        let seen = data::order::find(&mut act, id).await?.ok_or(ShipmentRefusal::NotFound)?;
        if !matches!(seen.state, OrderState::Shipped | OrderState::Received) {
            return Err(ShipmentRefusal::StateForbids { state: seen.state }.into());
        }
        let before = data::shipment::find_shipping(&mut act, id).await?.ok_or(ShipmentRefusal::NothingSent)?;
        check(sending.logistics, sending.parcels.len(), 0, sending.more_to_come)?;
        if !data::order::hold(&mut act, id, seen.state).await? {
            return Err(Fault::contended("the order moved").into());
        }
        let told = said(&mut act, &seen, sending).await?;
        let split = sending.more_to_come || sending.parcels.len() > 1;
        let next = next(app, &seen, sending, Some(&before), told, split, true);
        change(app, &mut act, &next, &before).await?;
        data::shipment::remove(&mut act, id).await?;
        insert(app, &mut act, id, &sending.parcels).await?;
        act.commit(app, clerk, "order.correct_shipment", &format!("order:{id}"), &sending.audited()).await
    })
    .await?;
    app.jobs_due.notify_one();
    inspect(app, id).await
}

/// Everything about an order, for staff.
pub async fn inspect(app: &App, id: OrderId) -> Result<StaffDetail, Error<ShipmentRefusal>> {
    let detail = order::inspect(app, id).await.map_err(|error| error.map(|_| ShipmentRefusal::NotFound))?;
    let mut session = app.database.read().await?;
    let shipping = data::shipment::find_shipping(&mut session, id).await?;
    let report = data::shipment::find_report(&mut session, id).await?.unwrap_or_default();
    let code = shipping.as_ref().and_then(|shipping| shipping.upload_code.as_deref());
    let remedy = code.map(UploadVerdict::remedy);
    Ok(StaffDetail { detail, shipping, remedy, report })
}

/// What WeChat shows as the contents.
async fn said(act: &mut Act, order: &Order, sending: &Sending) -> Result<String, data::Error> {
    if let Some(said) = &sending.contents {
        return Ok(said.clone());
    }
    let lines = data::order::lines(act, order.id).await?;
    Ok(contents(lines.iter().map(|line| (line.title.as_str(), line.qty))))
}

/// The shipping as it stands after this.
fn next(
    app: &App,
    order: &Order,
    sending: &Sending,
    before: Option<&Shipping>,
    contents: String,
    split: bool,
    whole: bool,
) -> Shipping {
    let (now, all_sent) = (app.now(), !sending.more_to_come);
    let upload_state = if app.config.shipping.upload { UploadState::Waiting } else { UploadState::Off };
    Shipping {
        order_id: order.id,
        logistics: sending.logistics,
        contents,
        split,
        all_sent,
        whole,
        version: before.map_or(1, |before| before.version + 1),
        upload_state,
        upload_code: None,
        upload_cause: None,
        tried_ms: before.and_then(|before| before.tried_ms),
        uploaded_ms: before.and_then(|before| before.uploaded_ms),
        receive_ms: all_sent.then(|| due(app, now)).flatten(),
        created_ms: before.map_or(now, |before| before.created_ms),
    }
}

/// When an order that leaves now counts as received.
fn due(app: &App, now: Timestamp) -> Option<Timestamp> {
    let count = app.settings.now().live.order.auto_receive_days;
    (count > 0).then(|| now.plus(days(count)))
}

async fn change(app: &App, act: &mut Act, next: &Shipping, before: &Shipping) -> Result<(), Error<ShipmentRefusal>> {
    if !data::shipment::change_shipping(act, next, before.version).await? {
        return Err(Fault::contended("somebody else sent something of this order").into());
    }
    follow(app, act, next).await?;
    Ok(())
}

/// The jobs that follow what leaves.
async fn follow(app: &App, act: &mut Act, shipping: &Shipping) -> Result<(), Fault> {
    let order = shipping.order_id;
    if shipping.upload_state == UploadState::Waiting {
        let work = Work::UploadShipping { order, version: shipping.version };
        job::enqueue(app, act, &work, app.now()).await?;
    }
    if let Some(due) = shipping.receive_ms {
        job::enqueue(app, act, &Work::ReceiveOrder { order }, due).await?;
    }
    Ok(())
}

async fn insert(app: &App, act: &mut Act, id: OrderId, parcels: &[Parcel]) -> Result<(), data::Error> {
    for parcel in parcels {
        let row = Shipment {
            id: app.ids.next(ShipmentId),
            order_id: id,
            carrier: parcel.carrier.clone(),
            tracking_no: parcel.tracking_no.clone(),
            created_ms: app.now(),
        };
        data::shipment::insert(act, &row).await?;
    }
    Ok(())
}
