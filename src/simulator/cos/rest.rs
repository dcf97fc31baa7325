//! What is left of a body when its request was refused. Many clients send all of it before they look at the answer, and
//! would find the connection closed instead.

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt as _};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

/// More than this is not read for nothing: the connection is closed.
const REST_BYTES_MAX: usize = 4 << 20;

/// One body in two hands, which read one after the other.
pub(super) struct Rest(Arc<Mutex<BodyDataStream>>);

/// The body, and whatever of it is not read.
pub(super) fn split(body: Body) -> (Body, Rest) {
    let shared = Arc::new(Mutex::new(body.into_data_stream()));
    (Body::from_stream(Rest(shared.clone())), Rest(shared))
}

impl Rest {
    /// Reads to the end, if that is near.
    pub(super) async fn read(mut self) {
        let mut count = 0;
        while let Some(Ok(chunk)) = self.next().await {
            count += chunk.len();
            if count > REST_BYTES_MAX {
                break;
            }
        }
    }
}

impl Stream for Rest {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
    }
}
