//! Reconciliation (对账): each day's bills of WeChat against payments, refunds and orders. What differs becomes a row for staff;
//! what can be mended goes the one way of all money, [`payment::settle`](crate::service::payment::settle()), after WeChat was asked anew.

mod compare;
mod decide;
mod due;

pub use compare::run;
pub use decide::{Wanted, differences, dismiss, list, list_of_day, order_run, repair};
pub use due::catch_up;
