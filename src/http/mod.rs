//! The skin: the only place that says 404. May use `app`, `model`, `service` and `config`; **never `data`**.
//!
//! A handler is six lines: extract, call a use case, answer. Everything a request passes on its way stands in `door`;
//! every route, with who may call it, in [`route`].
//!
//! **How to add a route:** the bodies and the handler in the noun's file, with its `#[utoipa::path]` (the path, who may
//! call, what is answered); one line in [`route`]. The contract tests then ask for the rest: it must be in the document,
//! refuse everybody but whom it names, and answer problems with known codes.

mod address;
mod admin;
mod callback;
mod carried;
mod cart;
pub mod class;
mod cloud;
mod csv;
mod docs;
mod door;
mod dossier;
mod event;
mod extract;
mod field;
mod flag;
mod gate;
mod glance;
mod greeting;
mod health;
mod limit;
mod measure;
mod message;
pub mod metrics;
mod object;
pub mod openapi;
mod order;
mod payment;
pub mod problem;
mod product;
mod push;
mod refund;
pub mod route;
mod scene;
mod serve;
mod trace;
mod upload;
mod user;
mod visitors;

pub use serve::{Socket, serve};
