//! Private servers: a MariaDB and a Redis of this test process alone, and any program that a test may kill.
//!
//! They listen on free loopback ports, keep their data in a temporary folder and end with the test process, however it
//! ends (see [`process`]). Nothing of the machine's own servers is touched.
//!
//! [`mariadb()`] and [`redis()`] are shared by all tests of the process: a test that kills, freezes or restarts one takes a
//! private one ([`Mariadb::private`], [`Redis::private`]).
//!
//! **How to add one:** a file with `pub fn name() -> &'static Name` over a `OnceLock`, a [`ServerProcess`] inside, and a
//! readiness check that speaks the server's protocol.

mod mariadb;
pub mod process;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod redis;
#[cfg(feature = "zookeeper")]
mod zookeeper;

pub use mariadb::{Mariadb, mariadb};
pub use process::{Folder, ServerProcess, wait_until};
#[cfg(feature = "rabbitmq")]
pub use rabbitmq::{Rabbitmq, rabbitmq};
pub use redis::{Redis, redis};
#[cfg(feature = "zookeeper")]
pub use zookeeper::zookeeper;

mod tests;
