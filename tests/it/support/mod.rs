//! What tests stand on: back ends, private servers, the application under test, its rows, and notices by hand.

pub mod app;
pub mod books;
pub mod bucket;
pub mod client;
pub mod cluster;
pub mod letter;
pub mod node;
pub mod proxy;
pub mod rows;
pub mod seed;
pub mod servers;
pub mod shop;
pub mod sql;

/// What the suite runs on. The same tests run on each; `tests/run` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A SQLite file and memory: nothing to install.
    Sqlite,
    /// MariaDB or MySQL, started by [`servers`]; with Redis or, see [`with_redis`], without.
    Mariadb,
}

/// The back end of this run: `WEIZHAN_TEST_BACKEND`, `sqlite` (the default), `mariadb` (with Redis), `mariadb-alone` (without)
/// or `mysql` (MySQL itself, with Redis).
pub fn backend() -> Backend {
    match variable("WEIZHAN_TEST_BACKEND").as_deref() {
        None | Some("sqlite") => Backend::Sqlite,
        Some("mariadb" | "mariadb-alone" | "mysql") => Backend::Mariadb,
        Some(other) => panic!("WEIZHAN_TEST_BACKEND is sqlite, mariadb, mariadb-alone or mysql, not {other}"),
    }
}

/// Whether the application of this run has a Redis. A test that starts one of its own needs no more than [`backend`].
pub fn with_redis() -> bool {
    matches!(variable("WEIZHAN_TEST_BACKEND").as_deref(), Some("mariadb" | "mysql"))
}

/// Whether the server is to be MySQL itself.
pub fn on_mysql() -> bool {
    variable("WEIZHAN_TEST_BACKEND").as_deref() == Some("mysql")
}

/// Whether long runs use their full figures: `WEIZHAN_TEST_FULL=1`.
pub fn full() -> bool {
    variable("WEIZHAN_TEST_FULL").as_deref() == Some("1")
}

/// Whether committed texts are written anew instead of compared: `WEIZHAN_TEST_UPDATE=1`.
pub fn update() -> bool {
    variable("WEIZHAN_TEST_UPDATE").as_deref() == Some("1")
}

#[expect(clippy::disallowed_methods, reason = "a process that a test starts is told by its environment what to do")]
/// The environment of this process.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars().collect()
}

#[expect(clippy::disallowed_methods, reason = "tests have no command line of their own: tests/run speaks to them so")]
/// A variable of the environment, if it says anything.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
