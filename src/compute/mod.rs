//! Work outside a request: due jobs, and what recurs.
//!
//! A job is a row that was written in the transaction of the change that needs it. A worker claims it for the length of
//! a lease, runs a use case of `service`, and that use case ends the job in the transaction of its effect. Whoever is
//! killed in between loses the lease; another worker runs the job again, which does no harm.
//!
//! May use `app`, `model`, `service`, and of `data` the job and lease tables.
//!
//! **How to add a job:** a variant of [`Work`](crate::model::job::Work), its arm in [`worker`], a use case that takes the
//! [`Claim`](crate::model::job::Claim). What recurs gets a line in [`schedule`].

pub mod event;
pub mod hot;
pub mod lease;
pub mod node;
pub mod notice;
pub mod schedule;
pub mod setting;
pub mod stream;
pub mod worker;

use crate::app::App;

/// Start the worker, the schedule, the looks for callbacks, for changed settings and for what other nodes changed, the mover
/// of facts into the log, the counting of events, and the heartbeat of this node; they stop with the application.
pub fn start(app: &App) {
    app.spawn(node::keep(app.clone()));
    app.spawn(setting::keep(app.clone()));
    app.spawn(worker::work(app.clone()));
    app.spawn(schedule::keep(app.clone()));
    app.spawn(notice::keep(app.clone()));
    app.spawn(hot::keep(app.clone()));
    app.spawn(event::keep(app.clone()));
    app.spawn(stream::keep(app.clone()));
}
