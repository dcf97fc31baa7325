//! The integration tests: the real application on real back ends, one file a noun.

#![expect(unreachable_pub, reason = "nothing outside can reach a test; `pub` marks what one file offers the others")]
#![expect(clippy::unwrap_used, reason = "the hands of a test fail it where it cannot go on")]

mod cache;
mod deploy;
mod order;
mod support;
