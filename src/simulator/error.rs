//! What can go wrong inside the simulator, apart from what it refuses in WeChat's own words.

/// Why the simulator could not do as its operator asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal or the folder of keys cannot be read or written.
    #[error("simulator file {path}")]
    File {
        /// Which file or folder.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the journal is not a record of this version.
    #[error("simulator journal, line {line}")]
    Journal {
        /// Counted from one.
        line: usize,
        /// Why it is none.
        source: serde_json::Error,
    },
    /// A key, certificate or `APIv3` key cannot be made or read.
    #[error("simulator keys: {0}")]
    Keys(String),
    /// No record of that kind has that name.
    #[error("there is no {kind} {id}")]
    Missing {
        /// `user`, `payment`, `callback` or `appid`.
        kind: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The act is not possible in the present state, for instance paying twice.
    #[error("{0}")]
    Refused(&'static str),
}

impl Error {
    /// There is no such record.
    pub(super) fn missing(kind: &'static str, id: &str) -> Self {
        Self::Missing { kind, id: id.to_owned() }
    }

    /// A failed file operation.
    pub(super) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
