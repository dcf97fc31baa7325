//! For the people who run the shop. Every handler names the right it asks for in its `Staff<…>`.

pub(super) mod code;
pub(super) mod figure;
pub(super) mod flag;
pub(super) mod job;
pub(super) mod link;
pub(super) mod message;
pub(super) mod node;
pub(super) mod order;
pub(super) mod product;
pub(super) mod reconcile;
pub(super) mod refund;
pub(super) mod setting;
pub(super) mod staff;
pub(super) mod stock;
pub(super) mod suspense;
pub(super) mod timeline;
pub(super) mod upload;
