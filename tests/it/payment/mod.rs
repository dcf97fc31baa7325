//! Claims about money that comes in: it has its effect exactly once, whatever WeChat, the network and strangers do.
//!
//! `once`: repeated and reordered notices. `forged`: a table of notices that are refused and change no row. `mismatch`: what
//! WeChat truly says but fits no order. `lost`: notices that never come. `late`: money for orders that ended; `revive`:
//! and for shops that rather deliver. `notice`: callbacks that are stored first and carried out after. `race`:
//! cancelling and expiring against paying. WeChat is the simulator; what it would never send is written by hand.

mod forged;
mod late;
mod lost;
mod mismatch;
mod notice;
mod once;
mod race;
mod revive;
