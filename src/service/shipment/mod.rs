//! Sending parcels, telling WeChat of them, and taking orders for received.
//!
//! What leaves is written together with the intent to tell WeChat and the job that does it; the job calls with the rows of
//! its version and writes what came of it. A later version has a job of its own, and the one of an earlier one does nothing.

mod receive;
mod send;
mod upload;

pub use receive::{receive_by_wechat, receive_in_time};
pub use send::{Sending, correct, inspect, send};
pub use upload::upload;

use crate::{
    model::shipment::{Shipping, ShippingReport},
    service::order::Detail,
};

/// Everything about an order, for staff.
#[derive(Debug, Clone)]
pub struct StaffDetail {
    /// What its buyer sees too.
    pub detail: Detail,
    /// How it is sent; absent before, and for what was sent by an older version of this program.
    pub shipping: Option<Shipping>,
    /// What a person can do about a refused upload.
    pub remedy: Option<&'static str>,
    /// What WeChat told.
    pub report: ShippingReport,
}
