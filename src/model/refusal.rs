//! Why the answer is no, before anyone says 409.

/// A stored or received word that no variant has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {noun}: {word:?}")]
pub struct UnknownWord {
    /// Which enum was asked.
    pub noun: &'static str,
    /// What was given.
    pub word: String,
}

/// What sort of no it is. Knows nothing of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The caller has not proved who it is.
    Unknown,
    /// The caller may not do this.
    Forbidden,
    /// It does not exist, or the caller may not know that it does.
    Missing,
    /// The present state forbids it; the caller may look again.
    Conflict,
    /// What was sent is well formed but wrong.
    Invalid,
    /// Too often; later it may work.
    TooMany,
    /// Something we depend on is away; the same request may be sent again.
    Unavailable,
}

/// A reason that the caller can act on.
pub trait Refusal: std::error::Error + Send + Sync + 'static {
    /// What sort of no it is.
    fn kind(&self) -> Kind;
    /// Stable word, `noun.reason`; clients match on it and it never changes its meaning.
    fn code(&self) -> &'static str;
    /// The field at fault, as a JSON pointer into the request body, when there is one.
    fn pointer(&self) -> Option<String> {
        None
    }
    /// The present state, for a [`Kind::Conflict`] about a state.
    fn state(&self) -> Option<&'static str> {
        None
    }
}

/// Declare the reasons of one noun: `Variant { fields } = Kind, "code", "message";`.
///
/// Besides the enum this writes its `CODES`, which the contract test compares with the table in README.
#[macro_export]
macro_rules! refusals {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$doc:meta])* $variant:ident $({ $($field:ident: $ty:ty),+ $(,)? })? = $kind:ident, $code:literal, $text:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        $vis enum $name { $($(#[$doc])* #[error($text)] $variant $({ $(#[doc = stringify!($field)] $field: $ty),+ })?,)+ }
        impl $name {
            /// Every code of this noun with its kind and text.
            pub const CODES: &'static [(&'static str, $crate::model::refusal::Kind, &'static str)] =
                &[$(($code, $crate::model::refusal::Kind::$kind, $text)),+];
            const fn kind_of(&self) -> $crate::model::refusal::Kind {
                match self { $(Self::$variant $({ $($field: _),+ })? => $crate::model::refusal::Kind::$kind),+ }
            }
            const fn code_of(&self) -> &'static str {
                match self { $(Self::$variant $({ $($field: _),+ })? => $code),+ }
            }
        }
    };
}

/// The plain [`Refusal`] of an enum made by [`refusals!`].
#[macro_export]
macro_rules! plain_refusal {
    ($name:ident) => {
        impl $crate::model::refusal::Refusal for $name {
            fn kind(&self) -> $crate::model::refusal::Kind {
                self.kind_of()
            }
            fn code(&self) -> &'static str {
                self.code_of()
            }
        }
    };
}
