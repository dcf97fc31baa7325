//! `weizhan check`.

use super::Sources;
use crate::config::Purpose;
use std::io::Write as _;

/// Shows what `serve` would start with; when the layers themselves are wrong, their faults alone.
pub(super) fn run(sources: &Sources) -> anyhow::Result<()> {
    // The lenient purpose first: settings that can be read are shown even if they are not fit to serve.
    if let Ok(config) = sources.load(Purpose::Dev, &[]) {
        writeln!(std::io::stdout(), "{}", config.redacted())?;
    }
    sources.load(Purpose::Serve, &[])?;
    writeln!(std::io::stdout(), "# the settings are fit to serve")?;
    Ok(())
}
