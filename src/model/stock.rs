//! How many pieces are left, and why.

use crate::model::idempotency::KeyReused;

word_enum! {
    /// Why the stock of a SKU moved. At most one move of a kind for one order and SKU.
    pub enum MoveKind {
        /// Pieces set aside by placing an order: negative.
        Hold = "hold",
        /// The same pieces given back because the order closed: positive.
        Release = "release",
        /// The same pieces set aside again, because its money came after all: negative.
        Retake = "retake",
        /// Changed by staff: either.
        Adjust = "adjust",
    }
}

refusals! {
    /// Why stock could not be changed.
    pub enum StockRefusal {
        /// No such SKU.
        NotFound = Missing, "stock.not_found", "no such SKU";
        /// The change would leave less than nothing.
        NotEnough { left: i64 } = Conflict, "stock.not_enough", "only {left} left";
        /// The idempotency key came with another request before.
        KeyReused = Invalid, "idempotency.key_reused", "this Idempotency-Key was used for another request";
    }
}

impl From<KeyReused> for StockRefusal {
    fn from(_: KeyReused) -> Self {
        Self::KeyReused
    }
}
plain_refusal!(StockRefusal);
