//! Money that comes in. [`settle()`] is the one way: notices, queries and the buyer's "I paid" all end there, and nothing
//! else can mark an order as paid.

mod ask;
mod attempt;
mod book;
mod notice;
mod settle;

pub use crate::wechat::pay::RequestPayment;
pub(super) use ask::{refund as send_refund, refund_state, transaction as find_transaction};
pub use attempt::{Ended, ask, begin, end_attempt, follow};
pub(super) use book::{accepted, give_back, give_back_again, store};
pub use notice::{NoticeAnswer, NoticeKind, notice, replay, sweep};
pub(super) use settle::put_to_order;
pub use settle::{Ending, Outcome, fact, settle};
