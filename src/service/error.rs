//! A reason that the caller can act on, or a fault that nobody can: written once for all nouns.

use crate::{data, model::refusal, model::refusal::Refusal, storage, wechat};

/// Why a use case gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error<R: Refusal> {
    /// The answer is no, for a reason.
    #[error(transparent)]
    Refused(R),
    /// Something broke or is away.
    #[error(transparent)]
    Fault(Fault),
}

/// What sort of fault it is: whether coming back helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A fault of ours.
    Broken,
    /// Another writer was in the way; the unit may be run again at once.
    Contended,
    /// The database is away.
    Database,
    /// WeChat is away or busy.
    Wechat,
}

/// What nobody can act on, with its chain for the log.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct Fault {
    /// Whether coming back helps.
    pub kind: FaultKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Fault {
    /// A fault of ours that no layer reported: an invariant that does not hold.
    pub fn broken(text: impl Into<String>) -> Self {
        Self { kind: FaultKind::Broken, source: text.into().into() }
    }
    /// A race that was lost: the unit may be run again.
    pub fn contended(text: &'static str) -> Self {
        Self { kind: FaultKind::Contended, source: text.into() }
    }
    /// The database said nothing.
    pub fn silent(text: &'static str) -> Self {
        Self { kind: FaultKind::Database, source: text.into() }
    }
    /// What WeChat said, if it is WeChat's.
    pub fn wechat(&self) -> Option<&wechat::Error> {
        self.source.downcast_ref()
    }
    /// The whole chain, for the log.
    pub fn chain(&self) -> String {
        let mut text = self.source.to_string();
        let mut next = self.source.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl<R: Refusal> Error<R> {
    /// Whether running the unit again may help at once.
    pub fn is_contended(&self) -> bool {
        matches!(self, Self::Fault(Fault { kind: FaultKind::Contended, .. }))
    }
    /// The same error where another noun's reasons are expected.
    pub fn map<S: Refusal>(self, change: impl FnOnce(R) -> S) -> Error<S> {
        match self {
            Self::Refused(reason) => Error::Refused(change(reason)),
            Self::Fault(fault) => Error::Fault(fault),
        }
    }
}

impl<R: Refusal> From<R> for Error<R> {
    fn from(reason: R) -> Self {
        Self::Refused(reason)
    }
}

impl<R: Refusal> From<Fault> for Error<R> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

const fn kind_of(error: &data::Error) -> FaultKind {
    match error {
        // A unique value that a use case did not expect to be taken was taken by a twin: look again.
        data::Error::Conflict { .. } | data::Error::Contended { .. } => FaultKind::Contended,
        data::Error::Unavailable { .. } => FaultKind::Database,
        _ => FaultKind::Broken,
    }
}

impl From<data::Error> for Fault {
    fn from(error: data::Error) -> Self {
        Self { kind: kind_of(&error), source: Box::new(error) }
    }
}

/// The fault of a unit that several shared.
impl From<std::sync::Arc<data::Error>> for Fault {
    fn from(error: std::sync::Arc<data::Error>) -> Self {
        Self { kind: kind_of(&error), source: Box::new(error) }
    }
}

impl From<storage::Error> for Fault {
    fn from(error: storage::Error) -> Self {
        Self { kind: FaultKind::Broken, source: Box::new(error) }
    }
}

impl From<wechat::Error> for Fault {
    fn from(error: wechat::Error) -> Self {
        // A reply that is not WeChat's is as good as none.
        let away = error.kind().is_temporary() || error.kind() == wechat::ErrorKind::Forged;
        Self { kind: if away { FaultKind::Wechat } else { FaultKind::Broken }, source: Box::new(error) }
    }
}

macro_rules! faults {
    ($($layer:ty),+) => { $(
        impl<R: Refusal> From<$layer> for Error<R> {
            fn from(error: $layer) -> Self {
                Self::Fault(error.into())
            }
        }
    )+ };
}
faults!(data::Error, storage::Error, wechat::Error);

/// The reasons of a use case that never says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Never {}

impl Refusal for Never {
    fn kind(&self) -> refusal::Kind {
        match *self {}
    }
    fn code(&self) -> &'static str {
        match *self {}
    }
}
