//! What COS answers when it does not do as asked (official page: 错误码).

use std::error::Error as StdError;

/// A call that had no effect, or of which nobody knows whether it had.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// COS said no, or that it cannot now.
    #[error("{0}")]
    Refused(Refusal),
    /// No answer, or half of one.
    #[error("COS did not answer")]
    Unanswered(#[source] Box<dyn StdError + Send + Sync>),
    /// An answer that is none: other bytes than were kept, or not in the form of COS.
    #[error("{0}")]
    Unexpected(&'static str),
}

/// A refusal in COS's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("COS answered {status} {code}: {message} (request {request_id})")]
pub struct Refusal {
    /// Of HTTP; 200 when the refusal came in the body of a success.
    pub status: u16,
    /// `NoSuchKey`; empty where an answer has no body.
    pub code: String,
    /// For people.
    pub message: String,
    /// For Tencent's support.
    pub request_id: String,
}

impl Refusal {
    /// Whether the same call may succeed a moment later.
    pub(super) fn passes(&self) -> bool {
        self.status >= 500 || matches!(self.code.as_str(), "RequestTimeout" | "SlowDown" | "InternalError")
    }

    /// Whether this machine's clock and COS's differ too much. Some answers have the word in the message alone.
    pub(super) fn is_skew(&self) -> bool {
        let words = ["RequestTimeTooSkewed", "Request has expired"];
        self.status == 403 && words.iter().any(|word| self.code == *word || self.message.contains(word))
    }
}

impl Failure {
    /// Whether COS says that there is no such thing.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 404 && refusal.code != "NoSuchBucket")
    }
    /// Whether COS refused by this code.
    pub(super) fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == code)
    }
}
