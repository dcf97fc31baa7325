//! Where settings come from.

use crate::config::{Config, DEV_MARK, Faults, Purpose};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// The file of `--config` and the environment.
#[derive(Debug)]
pub(super) struct Sources {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    notify: Option<OsString>,
    search_path: Option<OsString>,
}

impl Sources {
    /// Reads the environment of the process: the only place that does.
    pub(super) fn of_process(file: Option<PathBuf>) -> Self {
        // A value that is not text becomes one that no key accepts, so it is told and not passed over.
        let named = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        let ours = |(name, _): &(String, String)| name.starts_with("WEIZHAN__");
        Self {
            file,
            environment: std::env::vars_os().filter_map(named).filter(ours).collect(),
            notify: std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()),
            search_path: std::env::var_os("PATH"),
        }
    }

    /// Where whoever started this process listens for its being ready.
    pub(super) fn notify(&self) -> Option<&OsStr> {
        self.notify.as_deref()
    }

    /// Where programs are looked for.
    pub(super) fn search_path(&self) -> Option<&OsStr> {
        self.search_path.as_deref()
    }

    /// The file of `--config`.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The same environment over another file.
    pub(super) fn over(&self, file: &Path) -> Self {
        Self {
            file: Some(file.to_owned()),
            environment: self.environment.clone(),
            notify: self.notify.clone(),
            search_path: self.search_path.clone(),
        }
    }

    /// All layers, checked for this purpose.
    pub(super) fn load(&self, purpose: Purpose, options: &[(&str, String)]) -> Result<Config, Faults> {
        Config::load_for(purpose, self.file(), self.environment.iter().cloned(), options)
    }

    /// All layers, checked for a command that serves nobody: as strictly as `serve`, except for the made-up secrets
    /// of `weizhan dev`, whose directory may be looked at too (`--config .weizhan/config.toml`).
    pub(super) fn for_tools(&self) -> Result<Config, Faults> {
        let config = self.load(Purpose::Dev, &[]);
        match config {
            Ok(config) if config.auth.token_key.expose().contains(DEV_MARK) => Ok(config),
            _ => self.load(Purpose::Serve, &[]),
        }
    }
}
