//! A connection that does not wait for ever: not for the first bytes, which tell HTTP/1 from HTTP/2, and not for a peer
//! that does not read its answers.
//!
//! hyper-util waits for them without a time-out, and the one for the head of a request starts after them: a peer that
//! connects and sends nothing, or the beginning of HTTP/2's preface and no more, would keep its place for ever. So would one that asks and never reads: hyper waits until it can write.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// What a client begins with that speaks HTTP/2 (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection whose reads fail when its first bytes take too long, and whose writes fail when they stand still too long.
#[derive(Debug)]
pub(super) struct Greeting {
    stream: TcpStream,
    /// Bytes of the preface that came so far.
    seen: usize,
    /// Gone once it is known what the peer speaks.
    deadline: Option<Pin<Box<Sleep>>>,
    /// There while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    read_patience: Duration,
}

impl Greeting {
    /// Give the peer so long to say what it speaks, and so long to take anything of what it asked for.
    pub(super) fn new(stream: TcpStream, patience: Duration, read_patience: Duration) -> Self {
        Self { stream, seen: 0, deadline: Some(Box::pin(sleep(patience))), stalled: None, read_patience }
    }

    fn hear(&mut self, new: &[u8]) {
        let rest = &PREFACE[self.seen..];
        let known = !rest.starts_with(new) || new.len() == rest.len();
        self.seen += new.len();
        // An end of the stream says nothing, and needs no deadline either.
        if known || new.is_empty() {
            self.deadline = None;
        }
    }

    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            let patience = self.read_patience;
            let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if self.stalled.is_some() {
            self.stalled = None;
        }
        written
    }
}

impl AsyncRead for Greeting {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Some(deadline) = &mut self.deadline else { return polled };
        if polled.is_pending() {
            ready!(deadline.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.hear(&buffer.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Greeting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.watch(cx, written)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
