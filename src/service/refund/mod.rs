//! Money that goes back: decided here with its number, sent by a job, ended by what WeChat says of it.

mod decide;
mod learn;
mod send;

pub use decide::{Asked, approve, list, reject, request, retry, start};
pub use learn::{fact, learn};
pub use send::{poll, send};
