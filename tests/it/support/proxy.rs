//! A road to a server that can be made slow, one-way, silent, or cut.
//!
//! It carries bytes between whoever connects to [`Proxy::port`] and a server of the loopback, and knows no protocol:
//! MariaDB, Redis, WeChat and our own server look the same to it. Delays do not add up: bytes that follow each other
//! arrive after each other, each so much later, as on a long wire.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// What happens to bytes that go one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// They arrive.
    #[default]
    Open,
    /// They arrive so much later.
    Slow(Duration),
    /// They are taken and never arrive.
    Swallowed,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Requests,
    /// From the server to the client. Swallowed replies are the worst of faults: what was asked for is done, and
    /// nobody is told.
    Replies,
}

#[derive(Debug, Default)]
struct State {
    requests: Way,
    replies: Way,
    closed: bool,
    /// Cancelled when the connections of now are cut; then there is another one for those to come.
    cut: CancellationToken,
}

/// The proxy. Dropping it ends every connection.
pub struct Proxy {
    port: u16,
    state: Arc<Mutex<State>>,
    /// Aborts what it holds when it is dropped.
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// In front of what listens on this port of the loopback.
    pub async fn to(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::<Mutex<State>>::default();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, upstream, state.clone()));
        Self { port, state, _accepting: accepting }
    }

    /// Where to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on, also for connections that are open.
    pub fn set(&self, direction: Direction, way: Way) {
        let mut state = lock(&self.state);
        match direction {
            Direction::Requests => state.requests = way,
            Direction::Replies => state.replies = way,
        }
    }

    /// Neither way: the server is taken for dead only by whoever looks at a clock.
    pub fn black_hole(&self) {
        self.set(Direction::Requests, Way::Swallowed);
        self.set(Direction::Replies, Way::Swallowed);
    }

    /// Reset every connection that is open; new ones are taken.
    pub fn cut(&self) {
        std::mem::take(&mut lock(&self.state).cut).cancel();
    }

    /// Reset every connection that is open and each that comes.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.cut();
    }

    /// As at the beginning. Connections that were open while bytes were swallowed stay out of step: cut them.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        (state.closed, state.requests, state.replies) = (false, Way::Open, Way::Open);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, upstream: u16, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(carry(client, upstream, state.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carry one connection until both sides have ended it or it is cut.
async fn carry(mut client: TcpStream, upstream: u16, state: Arc<Mutex<State>>) -> io::Result<()> {
    let (closed, cut) = {
        let state = lock(&state);
        (state.closed, state.cut.clone())
    };
    if closed {
        return client.set_zero_linger();
    }
    let mut server = TcpStream::connect(("127.0.0.1", upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let requests = pump(from_client, to_server, || lock(&state).requests);
    let replies = pump(from_server, to_client, || lock(&state).replies);
    tokio::select! {
        ended = async { tokio::try_join!(requests, replies) } => return ended.map(drop),
        () = cut.cancelled() => {}
    }
    // A reset and not a farewell: both sides learn that something broke.
    client.set_zero_linger()?;
    server.set_zero_linger()
}

async fn pump(from: ReadHalf<'_>, to: WriteHalf<'_>, way: impl Fn() -> Way) -> io::Result<()> {
    let (queue, queued) = mpsc::unbounded_channel();
    tokio::try_join!(take(from, queue, way), give(to, queued)).map(drop)
}

async fn take(
    mut from: ReadHalf<'_>,
    queue: mpsc::UnboundedSender<(Instant, Vec<u8>)>,
    way: impl Fn() -> Way,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let late = match way() {
            Way::Open => Duration::ZERO,
            Way::Slow(late) => late,
            Way::Swallowed => continue,
        };
        if queue.send((Instant::now() + late, buffer[..count].to_vec())).is_err() {
            return Ok(());
        }
    }
}

/// Ends, and closes its side, when the other pump has let go of the queue and all of it was delivered.
async fn give(mut to: WriteHalf<'_>, mut queued: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>) -> io::Result<()> {
    while let Some((due, bytes)) = queued.recv().await {
        tokio::time::sleep_until(due).await;
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}
