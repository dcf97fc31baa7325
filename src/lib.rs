//! weizhan (微栈): a self-hosted backend platform for WeChat mini-programs.

pub mod cache;
pub mod config;
pub mod data;
pub mod http;
pub mod model;
pub mod storage;
