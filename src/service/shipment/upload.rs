//! Telling WeChat what was sent.

use crate::{
    app::App,
    data,
    model::{
        id::OrderId,
        job::{Claim, Work},
        order::{Order, OrderRefusal, OrderState},
        shipment::{Logistics, Shipment, Shipping, UploadState, masked},
        time::Timestamp,
    },
    service::{
        Error, Fault, attempt,
        job::{self, Next},
        order,
    },
    wechat::{self, DeliveryMode, LogisticsType, OrderKey, ShippedOrder, ShippingInfo, ShippingParcel, UploadVerdict},
};
use std::time::Duration;

/// The carrier that wants to know whom to call.
const WANTS_CONTACT: &str = "SF";

/// What is told, as the rows have it.
struct Told {
    order: Order,
    shipping: Shipping,
    parcels: Vec<Shipment>,
    key: OrderKey,
}

/// What came of it.
struct Ended {
    state: UploadState,
    refusal: Option<wechat::Error>,
}

impl Ended {
    const UPLOADED: Self = Self { state: UploadState::Uploaded, refusal: None };
    const VOID: Self = Self { state: UploadState::Void, refusal: None };
    fn refused(error: wechat::Error) -> Self {
        Self { state: UploadState::Refused, refusal: Some(error) }
    }
}

/// Tell WeChat this version of what was sent of an order, once, however often the job runs.
pub async fn upload(app: &App, claim: &Claim, id: OrderId, version: i64) -> Result<(), Error<OrderRefusal>> {
    let Some(told) = read(app, id, version).await? else {
        return job::end_alone(app, claim, &Next::Done).await;
    };
    let ended = match told.order.state {
        OrderState::Refunded => Ended::VOID,
        _ => match tell(app, &told).await {
            Ok(ended) => ended,
            // The job waits and tries again; at its last try somebody must know.
            Err(Error::Fault(fault)) => return give_up(app, claim, &told, fault).await,
            Err(refused) => return Err(refused),
        },
    };
    if let Some(error) = &ended.refusal {
        let (code, remedy) = (error.code(), UploadVerdict::remedy(error.code()));
        tracing::error!(order.id = %id, code, %error, remedy, "WeChat did not take what was sent: look at it");
    }
    conclude(app, claim, &told.shipping, &ended).await
}

/// The rows, if this version is still to be told.
async fn read(app: &App, id: OrderId, version: i64) -> Result<Option<Told>, Error<OrderRefusal>> {
    let mut session = app.database.read().await?;
    let shipping = data::shipment::find_shipping(&mut session, id).await?;
    let waits = |shipping: &Shipping| shipping.version == version && shipping.upload_state == UploadState::Waiting;
    let Some(shipping) = shipping.filter(waits) else { return Ok(None) };
    let order = data::order::find(&mut session, id).await?;
    let order = order.ok_or_else(|| Fault::broken(format!("order {id} is sent and not there")))?;
    let parcels = data::shipment::list(&mut session, id).await?;
    let paid = data::payment::list(&mut session, id).await?.into_iter().find(|payment| payment.accepted);
    let paid = paid.ok_or_else(|| Fault::broken(format!("order {id} was sent without its payment")))?;
    Ok(Some(Told { order, shipping, parcels, key: OrderKey::Transaction(paid.transaction_id) }))
}

/// Ask and tell; an error is one that waiting may cure.
async fn tell(app: &App, told: &Told) -> Result<Ended, Error<OrderRefusal>> {
    // Only what WeChat lacks is added to what it has. Whether an earlier try arrived, it knows itself.
    let known = if told.shipping.whole { None } else { Some(ask(app, told).await?) };
    if known.as_ref().is_some_and(|known| is_told(told, known)) {
        attempt(|| take_time(app, &told.shipping)).await?;
        return Ok(Ended::UPLOADED);
    }
    let Some(upload_time) = attempt(|| take_time(app, &told.shipping)).await? else {
        return Err(Fault::contended("somebody else tells WeChat of this order").into());
    };
    let info = info(app, told, known.as_ref(), upload_time)?;
    let Err(error) = app.wechat.upload_shipping_info(&told.order.appid, &info).await else {
        return Ok(Ended::UPLOADED);
    };
    match UploadVerdict::of(&error) {
        UploadVerdict::Known => Ok(Ended::UPLOADED),
        UploadVerdict::Later => Err(error.into()),
        UploadVerdict::Refused => Ok(Ended::refused(error)),
        UploadVerdict::Compare => {
            let known = ask(app, told).await?;
            Ok(if is_told(told, &known) { Ended::UPLOADED } else { Ended::refused(error) })
        }
    }
}

async fn ask(app: &App, told: &Told) -> Result<ShippedOrder, wechat::Error> {
    app.wechat.find_shipped_order(&told.order.appid, &told.key).await
}

/// Whether WeChat has what we would tell it.
fn is_told(told: &Told, known: &ShippedOrder) -> bool {
    if told.shipping.logistics != Logistics::Express {
        return known.finished;
    }
    let all = told.parcels.iter().all(|parcel| has(known, parcel));
    all && known.finished == told.shipping.all_sent
        && (!told.shipping.whole || known.parcels.len() == told.parcels.len())
}

fn has(known: &ShippedOrder, parcel: &Shipment) -> bool {
    known.parcels.iter().any(|(number, carrier)| *number == parcel.tracking_no && *carrier == parcel.carrier)
}

/// Write down that WeChat is about to be told, at a time later than any before; `None` when a later version is there.
async fn take_time(app: &App, shipping: &Shipping) -> Result<Option<Timestamp>, Error<OrderRefusal>> {
    let mut session = app.database.write().await?;
    let seen = data::shipment::find_shipping(&mut session, shipping.order_id).await?;
    let last = seen.and_then(|seen| seen.tried_ms).unwrap_or_default();
    let time = app.now().max(last.plus(Duration::from_millis(1)));
    if !data::shipment::try_upload(&mut session, shipping.order_id, shipping.version, time).await? {
        return Ok(None);
    }
    session.commit().await?;
    Ok(Some(time))
}

fn info(
    app: &App,
    told: &Told,
    known: Option<&ShippedOrder>,
    upload_time: Timestamp,
) -> Result<ShippingInfo, Error<OrderRefusal>> {
    let Told { order, shipping, parcels, key } = told;
    let lacking: Vec<_> = parcels.iter().filter(|parcel| known.is_none_or(|known| !has(known, parcel))).collect();
    // That nothing more comes is said with some parcel, be it a known one.
    let lacking = if lacking.is_empty() { parcels.iter().collect() } else { lacking };
    let contact = if lacking.iter().any(|parcel| parcel.carrier == WANTS_CONTACT) {
        Some(masked(&order::destination(app, order)?.phone))
    } else {
        None
    };
    let entry = |express: Option<(String, String)>| ShippingParcel {
        receiver_contact: contact.clone().filter(|_| express.as_ref().is_some_and(|(_, name)| name == WANTS_CONTACT)),
        express,
        item_desc: shipping.contents.clone(),
    };
    let parcels = if shipping.logistics == Logistics::Express {
        let named = |parcel: &&Shipment| entry(Some((parcel.tracking_no.clone(), parcel.carrier.clone())));
        lacking.iter().map(named).collect()
    } else {
        vec![entry(None)]
    };
    let split = shipping.split && shipping.logistics == Logistics::Express;
    Ok(ShippingInfo {
        order: key.clone(),
        logistics: match shipping.logistics {
            Logistics::Express => LogisticsType::Express,
            Logistics::SameCity => LogisticsType::SameCity,
            Logistics::Virtual => LogisticsType::Virtual,
            Logistics::PickUp => LogisticsType::PickUp,
        },
        mode: if split { DeliveryMode::Split { all_delivered: shipping.all_sent } } else { DeliveryMode::Unified },
        parcels,
        upload_time,
        openid: order.openid.clone(),
    })
}

/// Write what came of it, unless a later version has made it worthless, and end the job.
async fn conclude(app: &App, claim: &Claim, shipping: &Shipping, ended: &Ended) -> Result<(), Error<OrderRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let refusal = ended.refusal.as_ref().map(|error| (error.code(), error.message()));
        let (order, version, now) = (shipping.order_id, shipping.version, app.now());
        data::shipment::end_upload(&mut session, order, version, ended.state, refusal, now).await?;
        job::end(&mut session, claim, &Next::Done, now).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}

/// A try that failed for now. The last one ends as a refusal, which staff see and may send again: a dead job would only
/// be seen by whoever looks for dead jobs.
async fn give_up(app: &App, claim: &Claim, told: &Told, fault: Fault) -> Result<(), Error<OrderRefusal>> {
    let (order, version) = (told.order.id, told.shipping.version);
    if claim.attempt < (Work::UploadShipping { order, version }).attempts_max() {
        return Err(fault.into());
    }
    let (code, cause) = fault.wechat().map_or(("unreachable", ""), |error| (error.code(), error.message()));
    tracing::error!(order.id = %order, code, error = fault.chain(), "WeChat could not be told what was sent: look at it");
    attempt(|| async {
        let (mut session, now) = (app.database.write().await?, app.now());
        let refusal = Some((code, cause));
        data::shipment::end_upload(&mut session, order, version, UploadState::Refused, refusal, now).await?;
        job::end(&mut session, claim, &Next::Done, now).await?;
        session.commit().await?;
        Ok(())
    })
    .await
}
