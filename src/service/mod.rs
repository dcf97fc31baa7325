//! What the platform does: use cases, one function each, named by a verb.
//!
//! A use case takes `&App` first and then who asks; it opens **one** [`Session`](crate::data::Session), hands it down,
//! and returns a noun or a reason ([`Error`]). It knows no HTTP: the mini-program, staff, WeChat's callbacks and jobs
//! are all served by the same functions. WeChat is never called while a session is open: intent and job first, the call
//! with a number that is the same on every retry, the result after.
//!
//! **How to add one:** rules go to `model` as pure functions, rows to `data`; here stands the list of acts. A unit
//! that writes is run through [`attempt`], so that losing a race is not an error.

mod error;
mod unit;

pub mod address;
pub mod audit;
pub mod binding;
pub mod cart;
pub mod code;
pub mod dossier;
pub mod erasure;
pub mod event;
#[cfg(feature = "parquet")]
pub mod export;
pub mod figure;
pub mod flag;
pub mod health;
pub mod hot;
pub mod idempotency;
pub mod job;
pub mod link;
mod merge;
pub mod message;
pub mod metric;
pub mod node;
pub mod object;
pub mod order;
pub mod payment;
pub mod price;
pub mod product;
pub mod push;
pub mod reconcile;
pub mod refund;
pub mod setting;
pub mod shipment;
pub mod staff;
pub mod stock;
pub mod suspense;
pub mod throttle;
pub mod timeline;
pub mod token;
pub mod upload;
pub mod user;
pub mod verify;
pub mod visit;

pub use error::{Error, Fault, FaultKind, Never};
pub use unit::attempt;
