//! weizhan (微栈): a self-hosted backend platform for WeChat mini-programs.

pub mod config;
pub mod model;
pub mod simulator;
pub mod wechat;
