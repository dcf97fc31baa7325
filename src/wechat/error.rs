//! What can go wrong with WeChat, sorted by what the caller has to do about it.

use std::{fmt, sync::Arc};

/// What a caller does next; the finer reason is [`Error::code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No answer, or "busy" (−1, 202, 429, 5xx, time-out): the same call may pass later. What it did is unknown.
    Busy,
    /// The code of `wx.login` or `getPhoneNumber` is used, expired or of another mini-program: ask for a new one.
    CodeInvalid,
    /// WeChat calls this user risky (40226): refuse in neutral words.
    Risky,
    /// A quota of the platform is used up (45011, 45009, …).
    TooMany,
    /// `out_trade_no` was used with other parameters (`OUT_TRADE_NO_USED`).
    OutTradeNoUsed,
    /// The order is paid already: query it.
    OrderPaid,
    /// The order is closed at WeChat: paying needs a new `out_trade_no`.
    OrderClosed,
    /// WeChat does not know the order or the refund.
    Missing,
    /// The merchant's balance does not cover a refund (`NOT_ENOUGH`): top up, then the same number again.
    NotEnough,
    /// WeChat Pay's rate limit (`FREQUENCY_LIMITED`): later; after a refund, query first.
    Frequency,
    /// The reply was not signed by WeChat Pay, or speaks of something else: believe nothing of it.
    Forged,
    /// Our settings are wrong (secret, key, permission, address list): a person must act.
    Config,
    /// Any other refusal; the same call will be refused again.
    Refused,
}

impl ErrorKind {
    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::CodeInvalid => "code_invalid",
            Self::Risky => "risky",
            Self::TooMany => "too_many",
            Self::OutTradeNoUsed => "out_trade_no_used",
            Self::OrderPaid => "order_paid",
            Self::OrderClosed => "order_closed",
            Self::Missing => "missing",
            Self::NotEnough => "not_enough",
            Self::Frequency => "frequency",
            Self::Forged => "forged",
            Self::Config => "config",
            Self::Refused => "refused",
        }
    }
    /// Whether waiting alone may cure it.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Busy | Self::TooMany | Self::Frequency)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

type Source = Arc<dyn std::error::Error + Send + Sync>;

/// A call to WeChat that failed. It carries no secret, no token and no address with a query; it is `Clone` so that
/// everyone who waited for one shared call can be told.
#[derive(Debug, Clone, thiserror::Error)]
#[error("WeChat {operation}: {kind} ({code}) {message}")]
pub struct Error {
    operation: &'static str,
    kind: ErrorKind,
    code: String,
    message: String,
    source: Option<Source>,
}

impl Error {
    /// Which call failed, in one word.
    pub const fn operation(&self) -> &'static str {
        self.operation
    }
    /// What to do about it.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
    /// WeChat's own code (`40029`, `PARAM_ERROR`), or our word where WeChat gave none.
    pub fn code(&self) -> &str {
        &self.code
    }
    /// WeChat's own text, for people; it changes without notice, so nothing may branch on it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to type to learn what the code means and what to do; for the log.
    pub fn advice(&self) -> String {
        format!("weizhan explain {}", self.code)
    }

    /// [`code`](Self::code) of a call that reached nobody: nothing was sent.
    pub(super) const UNREACHABLE: &'static str = "unreachable";
    /// [`code`](Self::code) of a call that was not made, since the last ones were not answered.
    pub(super) const BREAKER: &'static str = "breaker";

    pub(super) fn new(operation: &'static str, kind: ErrorKind, code: impl Into<String>) -> Self {
        Self { operation, kind, code: code.into(), message: String::new(), source: None }
    }
    /// Adds WeChat's text, on one line and not longer than a line.
    pub(super) fn message_of(mut self, text: &str) -> Self {
        self.message = text.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol }).take(200).collect();
        self
    }
    pub(super) fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
    /// A key or address in the settings that cannot be used.
    pub(super) fn setting(key: &str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::new("settings", ErrorKind::Config, key).because(source)
    }
    /// A failure below HTTP. The address is cut off, since a query may hold a secret or an access token.
    pub(super) fn transport(operation: &'static str, error: reqwest::Error) -> Self {
        let (kind, code) = match &error {
            error if error.is_builder() => (ErrorKind::Config, "request"),
            error if error.is_connect() => (ErrorKind::Busy, Self::UNREACHABLE),
            error if error.is_timeout() => (ErrorKind::Busy, "timeout"),
            _ => (ErrorKind::Busy, "broken"),
        };
        Self::new(operation, kind, code).because(error.without_url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_one_short_line_without_its_source() {
        let error = Error::new("prepay", ErrorKind::Refused, "PARAM_ERROR")
            .message_of(&format!("a\r\nb{}", "长".repeat(500)))
            .because(std::io::Error::other("inner"));
        let text = error.to_string();
        assert!(text.starts_with("WeChat prepay: refused (PARAM_ERROR) a  b长"), "{text}");
        assert!(text.chars().count() < 250 && !text.contains("inner"), "{text}");
        assert!(std::error::Error::source(&error).is_some_and(|source| source.to_string() == "inner"));
    }
}
