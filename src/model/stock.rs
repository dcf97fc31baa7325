//! How many pieces are left, and why.

word_enum! {
    /// Why the stock of a SKU moved. At most one move of a kind for one order and SKU.
    pub enum MoveKind {
        /// Pieces set aside by placing an order: negative.
        Hold = "hold",
        /// The same pieces given back because the order closed: positive.
        Release = "release",
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
    }
}
plain_refusal!(StockRefusal);
