//! The private database servers of the tests.

#[path = "../../tests/it/support/servers/mariadb.rs"]
#[expect(dead_code, reason = "tests do more to a server than measure with it")]
mod mariadb;
#[path = "../../tests/it/support/servers/process.rs"]
#[expect(dead_code, reason = "tests do more to a server than measure with it")]
pub mod process;
#[path = "../../tests/it/support/servers/redis.rs"]
#[expect(dead_code, reason = "tests do more to a server than measure with it")]
mod redis;

pub use mariadb::Mariadb;
pub use process::{Folder, ServerProcess, free_port};
pub use redis::Redis;

/// Whether a program is where packages put it; without one its back end is left out.
pub fn installed(names: &[&str]) -> bool {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
    names.iter().any(|name| folders.iter().any(|folder| std::path::Path::new(folder).join(name).is_file()))
}
