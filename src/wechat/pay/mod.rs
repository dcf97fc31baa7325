//! WeChat Pay API v3 of a direct merchant.

pub mod sign;
