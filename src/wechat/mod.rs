//! The WeChat client.

pub mod pay;
