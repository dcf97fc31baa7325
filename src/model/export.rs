//! What leaves the shop for other programs: tables of many rows, cut into the days of Shanghai.
//!
//! Neither names, phone numbers, addresses, openids nor what a buyer wrote to the shop are ever in them; a person is the
//! visitor of the log, `u` and a number.

use crate::model::{
    id::{OrderId, UserId},
    money::Fen,
    time::{Day, Timestamp},
};

word_enum! {
    /// A table that can be exported.
    pub enum ExportTable {
        /// The log of events, by the day on which they happened.
        Events = "events",
        /// Orders, by the day on which they were placed, as they stand now.
        Orders = "orders",
        /// Figures by hour and by day, as they stand now.
        Figures = "figures",
    }
}

/// An order without what is personal.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ExportedOrder {
    /// Which.
    pub id: OrderId,
    /// The number that people see.
    pub number: String,
    /// Whose; shown as the visitor of the log.
    pub user_id: UserId,
    /// In which mini-program.
    pub appid: String,
    /// Its state now.
    pub state: String,
    /// What the goods cost.
    pub goods_fen: Fen,
    /// Freight.
    pub freight_fen: Fen,
    /// What staff added or took off.
    pub adjustment_fen: Fen,
    /// What is to be paid.
    pub total_fen: Fen,
    /// What went back.
    pub refunded_fen: Fen,
    /// When it was placed.
    pub created_ms: Timestamp,
    /// When it was paid, if it was.
    pub paid_ms: Option<Timestamp>,
    /// Pieces in all its lines.
    pub qty: i64,
}

/// What is known of an exported day, so that whoever reads it can tell whether it is whole.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manifest {
    /// The table.
    pub table: String,
    /// The day.
    pub day: Day,
    /// In which days are counted: `Asia/Shanghai`.
    pub time_zone: String,
    /// Whether the day was over when it was written; if not, there is more to come.
    pub over: bool,
    /// The name of its file.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}
