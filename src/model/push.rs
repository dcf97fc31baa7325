//! Messages that WeChat pushes (消息推送).

use crate::model::{id::PushId, time::Timestamp};

/// A message as it is kept. Its key is the same for every delivery of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Push {
    /// Which.
    pub id: PushId,
    /// To which mini-program.
    pub appid: String,
    /// SHA-256 over what tells one message from another.
    pub dedupe_key: String,
    /// The event, or the sort of message.
    pub event: String,
    /// What it says, as JSON; empty for what nobody here reads.
    pub content: String,
    /// What came of it; absent while a job has it.
    pub outcome: Option<String>,
    /// When it came.
    pub received_ms: Timestamp,
}
