//! Claims about money that goes back: never more than was paid, never twice, and always followed to its end.
//!
//! `decide`: who may have how much. `send`: what happens between us and WeChat, with replies and notices that get lost. `fail`:
//! what WeChat closes, cannot hand over, or does not take.

mod decide;
mod fail;
mod send;
