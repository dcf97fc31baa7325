//! Claims about figures: they are those of the events, whatever happens on the way.

mod backfill;
mod events;
mod recount;
mod replay;
mod show;
