//! What the whole project promises about itself, each promise checked against the code as it is.
//!
//! Where a text is compared (the OpenAPI document, the table of codes), `WEIZHAN_TEST_UPDATE=1` writes it anew; the
//! change is then read in the diff.
//!
//! **How to add one:** a file here; it reads the sources through [`source`], the application through
//! [`TestApp`](crate::support::app::TestApp).

mod access;
mod class;
mod garbage;
mod migrate;
pub mod openapi;
mod problems;
mod schema;
pub mod source;
mod statements;
mod tidy;
mod tried;

use crate::support::update;
use std::path::{Path, PathBuf};

/// A file of the project.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compare a committed text with what it must be, byte for byte; or write it, when that is asked for.
#[track_caller]
pub fn compare(path: &str, expected: &str) {
    let path = file(path);
    if update() {
        return std::fs::write(&path, expected).expect("the project can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(expected.lines()).enumerate().find(|(_, (old, new))| old != new);
    assert!(
        committed == expected,
        "{} is not what the code says; first at {differs:?}. If the change is meant, WEIZHAN_TEST_UPDATE=1 writes it",
        path.display()
    );
}
