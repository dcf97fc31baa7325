//! `weizhan openapi`.

use crate::http;
use std::io::Write as _;

pub(super) fn run() -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{}", http::openapi::document().to_pretty_json()?)?;
    Ok(())
}
