//! Connections that wait for the next who asks.
//!
//! With each connection that comes back, sqlx's pool makes a round trip, a ping, and with MySQL another, the ROLLBACK that
//! undoes what a cancelled `begin()` may have left open. The connection is nobody's meanwhile. A session whose last statement
//! was answered, outside a transaction or by the end of one, has left nothing open, and its connection waits here for the next.
//! Every other goes back to the pool with both, and so does one that has been away from it or has waited for long.
//!
//! One on which a statement was dropped before its answer came is closed. sqlx then does not know how much of MySQL's answer is
//! still to come: it may wait for ever, or pass the ROLLBACK and the ping and take the rest for the answer to what is asked next.
//!
//! The end of a transaction on MySQL begins the next (`COMMIT AND CHAIN`), which saves the next writer a round trip. Such a
//! connection goes to whoever writes; whoever does not gets another, or this one after a ROLLBACK: a statement that is to last
//! by itself would be lost in the transaction.

use super::meter::PoolCounts;
use sqlx::{Pool, pool::PoolConnection};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a connection stays away from its pool at most; the pool looks at its age when it comes back.
const AWAY_MAX: Duration = Duration::from_mins(1);

/// A pool, with the connections of it that wait. A clone is the same.
#[derive(Debug)]
pub struct Spare<DB: sqlx::Database>(Arc<Parts<DB>>);

#[derive(Debug)]
struct Parts<DB: sqlx::Database> {
    pool: Pool<DB>,
    /// One for each connection there may be, so that who waits for one is served in turn.
    turns: Arc<Semaphore>,
    waiting: Mutex<Vec<Waiting<DB>>>,
    /// A connection that has waited for so long is asked whether it still lives, by the pool.
    rest: Duration,
    patience: Duration,
    /// Whether a connection that owes an answer is closed.
    closes_unanswered: bool,
}

#[derive(Debug)]
struct Waiting<DB: sqlx::Database> {
    connection: PoolConnection<DB>,
    left_pool: Instant,
    since: Instant,
    in_transaction: bool,
}

/// A connection that somebody has.
#[derive(Debug)]
pub(super) struct Lent<DB: sqlx::Database> {
    /// Until it is dropped.
    connection: Option<PoolConnection<DB>>,
    left_pool: Instant,
    state: State,
    in_transaction: bool,
    spare: Spare<DB>,
    _turn: OwnedSemaphorePermit,
}

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is open, beside a transaction in which nothing was done.
    Clean,
    /// The last statement was answered, and its transaction is open.
    Open,
    /// A statement was sent, and its answer has not come.
    Unanswered,
}

impl<DB: sqlx::Database> Clone for Spare<DB> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<DB: sqlx::Database> Spare<DB> {
    /// The connections of a pool, of which there may be as many as it allows.
    pub(super) fn new(pool: Pool<DB>, rest: Duration, closes_unanswered: bool) -> Self {
        let options = pool.options();
        let (turns, patience) = (options.get_max_connections(), options.get_acquire_timeout());
        let turns = Arc::new(Semaphore::new(usize::try_from(turns).unwrap_or(1)));
        Self(Arc::new(Parts { pool, turns, waiting: Mutex::default(), rest, patience, closes_unanswered }))
    }

    /// The pool itself.
    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.0.pool
    }

    /// One that waits, or one of the pool's. Preferably in a transaction in which nothing was done, or preferably not: ask
    /// [`Lent::in_transaction`].
    pub(super) async fn acquire(&self, in_transaction: bool) -> Result<Lent<DB>, sqlx::Error> {
        let acquired = async {
            let turn = self.0.turns.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let (connection, left_pool, in_transaction) = match self.next(in_transaction) {
                Some(next) => (next.connection, next.left_pool, next.in_transaction),
                None => (self.0.pool.acquire().await?, Instant::now(), false),
            };
            let connection = Some(connection);
            Ok(Lent { connection, left_pool, state: State::Clean, in_transaction, spare: self.clone(), _turn: turn })
        };
        tokio::time::timeout(self.0.patience, acquired).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Of those that are as wished, or else of all, the one that came back last. If that has waited for long, so have those that
    /// came back before it: all of them go to the pool.
    fn next(&self, in_transaction: bool) -> Option<Waiting<DB>> {
        let mut waiting = self.lock();
        let wished = waiting.iter().rposition(|one| one.in_transaction == in_transaction);
        let place = wished.or_else(|| waiting.len().checked_sub(1))?;
        if waiting[place].since.elapsed() < self.0.rest {
            return Some(waiting.remove(place));
        }
        let tired: Vec<_> = waiting.drain(..=place).collect();
        drop(waiting);
        drop(tired);
        None
    }

    /// How its connections are doing.
    pub(super) fn counts(&self, name: &'static str) -> PoolCounts {
        let waiting = u32::try_from(self.lock().len()).unwrap_or(u32::MAX);
        let counts = PoolCounts::of(name, &self.0.pool);
        PoolCounts { idle: counts.idle.saturating_add(waiting), ..counts }
    }

    /// Let go of all connections.
    pub(super) async fn close(&self) {
        // First: whoever gives one back from here on gives it to the pool.
        self.0.turns.close();
        let waiting = std::mem::take(&mut *self.lock());
        drop(waiting);
        self.0.pool.close().await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting<DB>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: sqlx::Database> Lent<DB> {
    /// To run a statement on. Say with [`Self::answered`] or [`Self::settle`] that its answer has come.
    pub(super) fn connection(&mut self) -> &mut DB::Connection {
        self.state = State::Unanswered;
        self.connection.as_mut().expect("it is there until this is dropped")
    }

    /// Whether it is in a transaction in which nothing was done.
    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// The last statement was answered.
    pub(super) fn answered(&mut self) {
        self.state = State::Open;
    }

    /// The last statement was answered, and nothing is open, or a transaction in which nothing was done.
    pub(super) fn settle(&mut self, in_transaction: bool) {
        (self.state, self.in_transaction) = (State::Clean, in_transaction);
    }

    /// Close it without a word: nobody listens at its other end.
    pub(super) fn discard(mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

impl<DB: sqlx::Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.state == State::Unanswered && self.spare.0.closes_unanswered {
            return drop(connection.detach());
        }
        if self.state != State::Clean || self.left_pool.elapsed() > AWAY_MAX {
            return;
        }
        let mut waiting = self.spare.lock();
        if !self.spare.0.turns.is_closed() {
            let (left_pool, in_transaction) = (self.left_pool, self.in_transaction);
            waiting.push(Waiting { connection, left_pool, since: Instant::now(), in_transaction });
        }
    }
}
