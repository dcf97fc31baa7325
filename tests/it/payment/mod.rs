//! Claims about money that comes in: it has its effect exactly once, whatever WeChat, the network and strangers do.
//!
//! `checklist`: WeChat Pay's own, line by line. `once`: repeated and reordered notices. `storm`: a great many of them, on
//! nodes that die. `notice`: callbacks are stored first and carried out after. `forged`: a table of notices that are
//! refused and change no row; `mutated`: random ones. `mismatch`: what WeChat truly says but fits no order. `lost`: notices
//! that never come. `late`: money for orders that ended; `revive`: and for shops that rather deliver. `race`: cancelling
//! and expiring against paying; `matrix`: these and refunds, at random. WeChat is the simulator; what it would never send
//! is written by hand.

mod checklist;
mod forged;
mod late;
mod lost;
mod matrix;
mod mismatch;
mod mutated;
mod notice;
mod once;
mod race;
mod revive;
mod storm;
