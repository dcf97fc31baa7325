//! Nouns and pure rules: the words every layer shares.
//!
//! Architecture invariant: nothing here can fail to connect. No I/O, no async, no clock of its own, nothing of
//! ours is imported, so a rule can be tested as a table at the foot of its file.
//!
//! **How to add a noun:** one file named like its table in the singular; the struct, its states as a
//! `word_enum!`, the pure rules that move it, and one `…Refusal` enum with every reason to say no
//! (see [`refusal`]). Then the same file name in `data`, `service`, `http` and `tests/it`.

#[macro_use]
mod word;
#[macro_use]
pub mod refusal;
pub mod address;
pub mod binding;
pub mod call;
pub mod cart;
pub mod code;
pub mod event;
pub mod export;
pub mod figure;
pub mod flag;
pub mod hot;
pub mod id;
pub mod idempotency;
pub mod job;
pub mod link;
pub mod mask;
pub mod message;
pub mod money;
pub mod node;
pub mod notice;
pub mod object;
pub mod order;
pub mod page;
pub mod payment;
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
pub mod time;
pub mod timeline;
pub mod token;
pub mod upload;
pub mod user;
pub mod visit;
