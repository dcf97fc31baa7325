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

/// So much of what a client says first is remembered.
const FIRST_WORDS: usize = 2048;

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
    /// Only connections whose client has sent one of these words suffer.
    words: Vec<&'static [u8]>,
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

    /// From now on only connections that say one of these words suffer, and those that have said one since they were
    /// opened; without words all of them.
    pub fn only_where(&self, words: &[&'static str]) {
        lock(&self.state).words = words.iter().map(|word| word.as_bytes()).collect();
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
        state.words.clear();
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
    // The first words of the client say what a connection is for.
    let said = Mutex::new(Vec::new());
    let suffers = |state: &State| {
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let says = |word: &&[u8]| said.windows(word.len()).any(|part| part == *word);
        state.words.is_empty() || state.words.iter().any(says)
    };
    let requests = pump(from_client, to_server, |bytes| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = FIRST_WORDS.saturating_sub(said.len()).min(bytes.len());
        said.extend_from_slice(&bytes[..rest]);
        drop(said);
        let state = lock(&state);
        if suffers(&state) { state.requests } else { Way::Open }
    });
    let replies = pump(from_server, to_client, |_| {
        let state = lock(&state);
        if suffers(&state) { state.replies } else { Way::Open }
    });
    tokio::select! {
        ended = async { tokio::try_join!(requests, replies) } => return ended.map(drop),
        () = cut.cancelled() => {}
    }
    // A reset and not a farewell: both sides learn that something broke.
    client.set_zero_linger()?;
    server.set_zero_linger()
}

async fn pump(from: ReadHalf<'_>, to: WriteHalf<'_>, way: impl Fn(&[u8]) -> Way) -> io::Result<()> {
    let (queue, queued) = mpsc::unbounded_channel();
    tokio::try_join!(take(from, queue, way), give(to, queued)).map(drop)
}

async fn take(
    mut from: ReadHalf<'_>,
    queue: mpsc::UnboundedSender<(Instant, Vec<u8>)>,
    way: impl Fn(&[u8]) -> Way,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let late = match way(&buffer[..count]) {
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
