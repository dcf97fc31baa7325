//! Claims about rows: what is written is read back as it was, by every noun, on the database at hand; and what a session
//! does not commit never was.

mod round_trip;
mod session;
