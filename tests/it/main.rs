//! The integration tests: the real application on real back ends, one file a noun.

#![expect(unreachable_pub, reason = "nothing outside can reach a test; `pub` marks what one file offers the others")]
#![expect(clippy::unwrap_used, reason = "the hands of a test fail it where it cannot go on")]

mod abuse;
mod access_token;
mod address;
mod cache;
mod cancellation;
mod cart;
mod chaos;
mod cli;
mod cloud;
mod contract;
mod coordination;
mod data;
mod deploy;
mod doctor;
mod door;
mod event;
mod event_log;
mod explain;
mod export;
mod figure;
mod flag;
mod frames;
mod freeze;
mod http;
mod job;
mod kill;
mod limit;
mod manifest;
mod metric;
mod migrate_store;
mod node;
mod order;
mod overload;
mod payment;
mod price;
mod product;
mod queue;
mod reconcile;
mod refund;
mod rolling;
mod schedule;
mod serve;
mod setting;
mod shipment;
mod stock;
mod storage;
mod support;
mod suspense;
mod token;
mod trace;
mod upload;
mod user;
mod verify;
