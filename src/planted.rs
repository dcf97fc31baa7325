//! Ten bugs on purpose, each known from shops that lost money by it. A debug build can switch one on for the life of
//! its process, so that a test sees the fault matrix catch it (`weizhan chaos pay --plant`); in a release build
//! [`planted`] is `false` and the bugs are not there.
//!
//! May be used wherever a guard stands, and uses nothing of ours but amounts. **How to add one:** a variant, one line `if planted(…)`
//! at the guarded place, and its case in `tests/it/chaos.rs`.

use crate::model::money::Fen;
use std::sync::OnceLock;

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bug {
    /// The amount of a payment is not compared with the order's.
    MissingAmountCheck,
    /// A callback is answered before it is stored, and the storing is then dropped.
    UnawaitedUpdate,
    /// Money that comes after an order was closed pays it, although its stock is gone.
    PaidAfterCancel,
    /// An order is closed here, whatever becomes of it at WeChat.
    LocalFirstClose,
    /// Each try of a refund has a number of its own.
    NewRefundNumber,
    /// A callback that failed is answered as if it had not.
    OkOnFailure,
    /// The signature is verified over JSON that was read and written again.
    ReserialisedBody,
    /// A payment that is known has its effect once more.
    DuplicateEffect,
    /// Nobody asks for which merchant a notice is.
    ForeignMerchant,
    /// Amounts go through yuan as binary fractions.
    FloatYuan,
}

static PLANTED: OnceLock<Bug> = OnceLock::new();

/// Whether this bug is planted: never, but in a debug build that was told to.
pub(crate) fn planted(bug: Bug) -> bool {
    cfg!(debug_assertions) && PLANTED.get() == Some(&bug)
}

/// Plant it for the rest of this process; `false` when another one is planted.
#[cfg(debug_assertions)]
pub(crate) fn plant(bug: Bug) -> bool {
    *PLANTED.get_or_init(|| bug) == bug
}

/// Fen that went through yuan as a binary fraction and were cut off: 1990 becomes 1989.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "that is the bug")]
pub(crate) fn through_yuan(amount: Fen) -> Fen {
    Fen(((amount.0 as f64 / 100.0) * 100.0) as i64)
}

/// JSON that was read and written again: the same words in other bytes.
pub(crate) fn written_again(body: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<serde_json::Value>(body)
        .map_or_else(|_| body.to_vec(), |value| value.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_planted_and_the_float_loses_a_fen() {
        assert!(!planted(Bug::FloatYuan));
        let amounts = [29, 1990, 100].map(|fen| through_yuan(Fen(fen)).0);
        assert_eq!(amounts, [28, 1989, 100]);
        assert_eq!(written_again(br#"{ "a" : "\u0041" }"#), br#"{"a":"A"}"#);
    }
}
