//! One effect for one intention, however often it is sent.

/// The client's name for one intention: 16 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header's value.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (16..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }
    /// The text as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was stored for a key.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredReply {
    /// SHA-256 of what was asked.
    pub request_hash: String,
    /// The result, as JSON.
    pub reply: String,
}

/// The same key came with another request. Each noun whose routes take keys has it among its reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyReused;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_enough_to_be_unique() {
        assert!(IdempotencyKey::parse("0123456789abcdef").is_some());
        for text in ["short", "0123456789abcde ", &"x".repeat(256), "0123456789abcdé\u{1}"] {
            assert!(IdempotencyKey::parse(text).is_none(), "{text}");
        }
    }
}
