//! Rows. The only place with SQL; may use `model` and `config`.
//!
//! A use case opens **one** [`Session`] and hands it down; a dropped one leaves nothing behind. Never ask the
//! database for a session while holding one: on SQLite the second writer would wait for the first.
//!
//! **How to add a table:** a migration of the same name in both folders (see `migrations/README.md`), a file here
//! named after the noun, its statements in [`statements!`](crate::statements), the module in [`STATEMENTS`], and
//! one insert–find–compare round trip in `tests/it/data.rs`: preparing catches wrong SQL, only a round trip
//! catches a wrong Rust type.
//!
//! **Verbs** are a closed set: `find`, `find_by_…`, `list`, `insert`, `count`, and moves named after the move
//! (`pay`, `take`), which compare and set and return whether this call made the move.
//!
//! **SQL that both databases read the same way** (each line was run on both):
//!
//! | do | not |
//! | --- | --- |
//! | BIGINT, VARCHAR, TEXT, BOOLEAN, BLOB | DATETIME, DECIMAL, ENUM, unsigned, AUTO_INCREMENT, JSON functions |
//! | ids and times from the caller; what nodes share, such as a lease, from [`clock::now`] | `RETURNING`, `LAST_INSERT_ID`, `NOW()` |
//! | plain INSERT, and [`Session::insert_new`] to learn whether it was new | counts of an upsert, `INSERT IGNORE` |
//! | `CAST(SUM(x) AS SIGNED)` | `SUM(x)`, `AVG`, `/` |
//! | `LOWER(x) LIKE ? ESCAPE '!'` | `LIKE` alone, `LENGTH` |
//! | the old state in the WHERE of an UPDATE | reading first, isolation levels |
//! | `CASE` | `MAX(a, b)`, `GREATEST` |

#[macro_use]
mod statement;
pub mod clock;
mod doctor;
mod error;
mod intake;
mod meter;
mod migrate;
mod open;
mod session;
mod spare;
mod wire;
mod writer;

pub mod access_token;
pub mod address;
pub mod audit;
pub mod binding;
pub mod cache;
pub mod call;
pub mod cart;
pub mod code;
pub mod erasure;
pub mod event;
pub mod export;
pub mod figure;
pub mod flag;
pub mod idempotency;
pub mod job;
pub mod lease;
pub mod link;
pub mod merge;
pub mod message;
pub mod node;
pub mod notice;
pub mod order;
pub mod payment;
pub mod product;
pub mod push;
pub mod reconcile;
pub mod record;
pub mod refund;
pub mod setting;
pub mod shipment;
pub mod staff;
pub mod stock;
pub mod suspense;
pub mod throttle;
pub mod token;
pub mod transfer;
pub mod upload;
pub mod user;
pub mod verify;
pub mod visit;

pub use doctor::{Symptom, Vitals};
pub use error::Error;
pub use intake::Intake;
pub use meter::{Meter, PoolCounts};
pub use open::Guards;
pub use session::{Database, Session};
pub use statement::{Args, Each, Row, Sql, Then};

/// Every statement of every noun, for the test that prepares them all.
pub const STATEMENTS: &[&[Sql]] = &[
    access_token::STATEMENTS,
    address::STATEMENTS,
    audit::STATEMENTS,
    binding::STATEMENTS,
    call::STATEMENTS,
    cache::STATEMENTS,
    cart::STATEMENTS,
    code::STATEMENTS,
    clock::STATEMENTS,
    erasure::STATEMENTS,
    event::STATEMENTS,
    export::STATEMENTS,
    figure::STATEMENTS,
    flag::STATEMENTS,
    idempotency::STATEMENTS,
    job::STATEMENTS,
    lease::STATEMENTS,
    link::STATEMENTS,
    message::STATEMENTS,
    merge::STATEMENTS,
    node::STATEMENTS,
    notice::STATEMENTS,
    order::STATEMENTS,
    payment::STATEMENTS,
    product::STATEMENTS,
    push::STATEMENTS,
    reconcile::STATEMENTS,
    record::STATEMENTS,
    refund::STATEMENTS,
    setting::STATEMENTS,
    shipment::STATEMENTS,
    staff::STATEMENTS,
    stock::STATEMENTS,
    suspense::STATEMENTS,
    throttle::STATEMENTS,
    token::STATEMENTS,
    upload::STATEMENTS,
    user::STATEMENTS,
    verify::STATEMENTS,
    visit::STATEMENTS,
];
