//! Claims about rows: what is written is read back as it was, by every noun, on the database at hand; and what a session
//! does not commit never was.
//!
//! One insert–find–compare a noun: preparing a statement shows that its SQL is right, only this shows that the Rust
//! types are. Optional columns go both ways, numbers to their bounds, text beyond the first plane.

mod events;
mod goods;
mod house;
mod money;
mod nodes;
mod orders;
mod people;
mod reconcile;
mod session;
mod uploads;

use crate::support::app::{START, TestApp};
use weizhan::{data::Session, model::time::Timestamp};

const TEXT: &str = "微信 🧧 %_'\"\\";
const BYTES: [u8; 5] = [0, 255, 39, 128, 10];
/// The largest id, and a number beyond what a float holds.
const LARGE: i64 = (1 << 53) - 1;
const MOST: i64 = i64::MAX;
const LATER: Timestamp = Timestamp(START.0 + 1);

async fn read(app: &TestApp) -> Session {
    app.app.database.read().await.unwrap()
}

async fn write(app: &TestApp) -> Session {
    app.app.database.write().await.unwrap()
}
