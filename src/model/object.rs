//! Objects: pictures and files.

refusals! {
    /// Why an object could not be had.
    pub enum ObjectRefusal {
        /// There is none of that key.
        NotFound = Missing, "object.not_found", "no such object";
    }
}
plain_refusal!(ObjectRefusal);
