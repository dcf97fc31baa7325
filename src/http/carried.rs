//! A request is carried to its end, whether its client waits or not.

use crate::app::App;
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::runtime::Handle;
use tracing::{Instrument as _, Span, instrument::Instrumented};

/// Work that goes on in a task of its own when it is dropped before its end.
///
/// So what writes ends in a commit or an undo and never in between. What reads too: a statement that is dropped while the
/// database prepares it leaves sqlx waiting for the rest of another answer, and the connection never comes back to the pool.
pub(super) struct Carried<F: Future<Output: Send> + Send + 'static> {
    app: App,
    work: Option<Instrumented<Pin<Box<F>>>>,
}

impl<F: Future<Output: Send> + Send + 'static> Carried<F> {
    /// Carry this, with `span` around what it says.
    pub(super) fn new(app: &App, work: Pin<Box<F>>, span: Span) -> Self {
        Self { app: app.clone(), work: Some(work.instrument(span)) }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Carried<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let ended = std::task::ready!(Pin::new(work).poll(cx));
        self.work = None;
        Poll::Ready(ended)
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Carried<F> {
    fn drop(&mut self) {
        // A runtime that has ended carries nothing any more.
        if let (Some(work), Ok(_)) = (self.work.take(), Handle::try_current()) {
            self.app.spawn(work);
        }
    }
}
