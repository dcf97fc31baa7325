//! weizhan (微栈): a self-hosted backend platform for WeChat mini-programs.

pub mod app;
pub mod cache;
pub mod cli;
pub mod compute;
pub mod config;
pub mod coordination;
pub mod data;
pub mod event_log;
pub mod http;
pub mod model;
mod planted;
#[cfg(feature = "rabbitmq")]
pub mod queue;
pub mod service;
pub mod simulator;
pub mod storage;
pub mod telemetry;
pub mod wechat;
