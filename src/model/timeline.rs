//! The time line of an order: everything that happened to it and its money, in order.

use crate::model::time::Timestamp;

word_enum! {
    /// What sort of thing happened.
    pub enum EventKind {
        /// The order moved.
        Order = "order",
        /// An attempt to be paid was begun.
        Prepay = "prepay",
        /// WeChat was asked something.
        Call = "call",
        /// WeChat called, and was believed.
        Notice = "notice",
        /// WeChat called, and was not believed.
        RefusedNotice = "refused_notice",
        /// Money arrived.
        Payment = "payment",
        /// Money waits for staff.
        Suspense = "suspense",
        /// Money goes back.
        Refund = "refund",
        /// A parcel left.
        Shipment = "shipment",
        /// Work outside a request.
        Job = "job",
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Event {
    /// When.
    #[schema(value_type = i64)]
    pub at_ms: Timestamp,
    /// What sort of thing.
    pub kind: EventKind,
    /// The number or id it is about.
    pub subject: String,
    /// In a word or two: the state reached, what WeChat answered, why it was refused.
    pub outcome: String,
    /// The row behind it, whole.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}
