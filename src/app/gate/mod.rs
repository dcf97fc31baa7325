//! How many requests are worked on at a time, by what they are about.
//!
//! More at once than the database can serve only makes all of them late. So each class has a number of places, which grows
//! while its requests are quick and shrinks when they are not; who finds none waits a moment in a line as long as will be
//! served in time, and who finds that full is told at once to come back. What matters more comes first: while requests about money wait,
//! those that browse give up places, and bulk before them.

mod control;
mod line;
#[cfg(test)]
mod test;

use crate::config;
use control::{Bounds, Control};
use line::Line;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// What a request is about, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// WeChat's callbacks and health checks: never refused, never behind others.
    Vital,
    /// Signing in, ordering, paying, refunds.
    Money,
    /// Looking around.
    Browse,
    /// Events, exports, staff's lists and reports.
    Bulk,
}

impl Class {
    /// All of them, the most important first.
    pub const ALL: [Self; 4] = [Self::Vital, Self::Money, Self::Browse, Self::Bulk];
    /// As it is called in figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vital => "vital",
            Self::Money => "money",
            Self::Browse => "browse",
            Self::Bulk => "bulk",
        }
    }
    fn bounds(self, start: u32, target: Duration) -> Bounds {
        let at_least_one = |count: u32| count.max(1);
        let (floor, yielding, start, ceiling, target) = match self {
            Self::Vital => (u32::MAX, u32::MAX, u32::MAX, u32::MAX, target),
            Self::Money => (start / 2, start / 2, start, start.saturating_mul(4), target * 4),
            Self::Browse => (start / 2, start / 4, start, start.saturating_mul(2), target),
            Self::Bulk => (start / 16, start / 16, start / 8, start / 4, target * 8),
        };
        let [floor, yielding, start, ceiling] = [floor, yielding, start, ceiling].map(at_least_one);
        Bounds { floor, yielding, start, ceiling, target }
    }
}

/// The gates of all classes.
#[derive(Debug)]
pub struct Gates([Arc<Gate>; 4]);

impl Gates {
    /// For a node with so many connections to its database.
    pub fn new(settings: &config::Overload, connections: u32) -> Self {
        let start = settings.requests_per_connection.saturating_mul(connections).max(1);
        let (target, patience) = (Duration::from_millis(settings.target_ms), Duration::from_millis(settings.queue_ms));
        let gate = |class: Class, above| Arc::new(Gate::new(class, class.bounds(start, target), patience, above));
        let vital = gate(Class::Vital, None);
        let money = gate(Class::Money, None);
        let browse = gate(Class::Browse, Some(money.clone()));
        let bulk = gate(Class::Bulk, Some(browse.clone()));
        Self([vital, money, browse, bulk])
    }
    /// The gate of a class.
    pub fn of(&self, class: Class) -> &Arc<Gate> {
        &self.0[class as usize]
    }
    /// How each class fares.
    pub fn counts(&self) -> [GateCounts; 4] {
        Class::ALL.map(|class| self.of(class).counts())
    }
}

/// How a class fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateCounts {
    /// Which.
    pub class: Class,
    /// Requests that were let in so far, those that waited among them.
    pub accepted: u64,
    /// Requests that waited so far.
    pub queued: u64,
    /// Requests that were refused so far.
    pub refused: u64,
    /// Places now; `u32::MAX` where there is no limit.
    pub limit: u32,
    /// Requests that are worked on now.
    pub in_flight: u32,
    /// Requests that wait now.
    pub waiting: u32,
}

/// The places of one class.
#[derive(Debug)]
pub struct Gate {
    class: Class,
    limit: AtomicU32,
    /// How many may stand in line.
    room: AtomicU32,
    in_flight: AtomicU32,
    /// As many as stand in line; to be read without the lock.
    waiting: AtomicU32,
    line: Mutex<Line<oneshot::Sender<Permit>>>,
    control: Mutex<Control>,
    /// Whether somebody found no place since the control last looked.
    was_full: AtomicBool,
    /// Whether somebody of this class, or of a more important one, had to wait lately.
    pressed: AtomicBool,
    above: Option<Arc<Gate>>,
    patience: Duration,
    began: Instant,
    accepted: AtomicU64,
    queued: AtomicU64,
    refused: AtomicU64,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Permit(Option<Arc<Gate>>);

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.leave();
        }
    }
}

impl Gate {
    fn new(class: Class, bounds: Bounds, patience: Duration, above: Option<Arc<Self>>) -> Self {
        Self {
            class,
            limit: AtomicU32::new(bounds.start),
            room: AtomicU32::new(bounds.start),
            in_flight: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            line: Mutex::new(Line::new(patience)),
            control: Mutex::new(Control::new(bounds)),
            was_full: AtomicBool::new(false),
            pressed: AtomicBool::new(false),
            above,
            patience,
            began: Instant::now(),
            accepted: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// A place, if there is one and nobody waits for it.
    pub fn try_enter(self: &Arc<Self>) -> Option<Permit> {
        (self.waiting.load(Ordering::SeqCst) == 0 && self.take()).then(|| self.permit())
    }

    /// A place, after a while in line; `None` when the line is full or the time is over: the gate's own, or what is left of
    /// the caller's `deadline`.
    pub async fn enter(self: &Arc<Self>, deadline: Option<Duration>) -> Option<Permit> {
        if let Some(permit) = self.try_enter() {
            return Some(permit);
        }
        let (began, patience) = (Instant::now(), deadline.map_or(self.patience, |left| left.min(self.patience)));
        let permit = match self.stand_in_line() {
            Stood::Inside(permit) => Some(permit),
            Stood::Waiting(mut told) => {
                self.queued.fetch_add(1, Ordering::Relaxed);
                let permit = tokio::time::timeout(patience, &mut told).await.ok().and_then(Result::ok);
                permit.or_else(|| self.give_up(told))
            }
            Stood::Full => None,
        };
        // A place that comes too late is for somebody else.
        let permit = permit.filter(|_| began.elapsed() <= patience);
        if permit.is_none() {
            self.refuse();
        }
        permit
    }

    /// Whether a request that came now would be refused at once.
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.room.load(Ordering::Relaxed)
    }

    /// Count a request that was refused.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// So long took a request that had to wait for something.
    pub fn note(self: &Arc<Self>, took: Duration) {
        if self.class == Class::Vital {
            return;
        }
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if control.note(took, self.began.elapsed()) {
            self.decide(control);
        }
    }

    /// How many places there are from now on.
    fn decide(self: &Arc<Self>, mut control: MutexGuard<'_, Control>) {
        let was_full = self.was_full.swap(false, Ordering::Relaxed);
        let pressed_above = self.above.as_ref().is_some_and(|above| above.is_pressed());
        self.pressed.store(was_full || pressed_above, Ordering::Relaxed);
        let decided = control.decide(was_full, pressed_above, self.patience);
        self.limit.store(decided.limit, Ordering::SeqCst);
        self.room.store(decided.room, Ordering::Relaxed);
        drop(control);
        self.call_in();
    }

    /// How the class fares.
    pub fn counts(&self) -> GateCounts {
        GateCounts {
            class: self.class,
            accepted: self.accepted.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            limit: self.limit.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// Whether somebody waits here, or has lately had to.
    fn is_pressed(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
            || (self.pressed.load(Ordering::Relaxed) && self.in_flight.load(Ordering::Relaxed) > 0)
    }

    fn permit(self: &Arc<Self>) -> Permit {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Permit(Some(self.clone()))
    }

    /// Take a place if one is free.
    fn take(&self) -> bool {
        let limit = self.limit.load(Ordering::SeqCst);
        let more = |count: u32| (count < limit).then_some(count + 1);
        self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    fn stand_in_line(self: &Arc<Self>) -> Stood {
        self.was_full.store(true, Ordering::Relaxed);
        let mut line = self.lock();
        // Said before looking again: whoever leaves from here on sees that somebody waits.
        self.waiting.store(line.len() + 1, Ordering::SeqCst);
        let stood = if line.len() == 0 && self.take() {
            Stood::Inside(self.permit())
        } else {
            let (tell, told) = oneshot::channel();
            line.forget(oneshot::Sender::is_closed);
            if line.len() < self.room.load(Ordering::Relaxed) {
                line.push(tell, self.began.elapsed());
                Stood::Waiting(told)
            } else {
                Stood::Full
            }
        };
        self.waiting.store(line.len(), Ordering::SeqCst);
        stood
    }

    /// Leave the line; a place that was given meanwhile is taken all the same.
    fn give_up(&self, mut told: oneshot::Receiver<Permit>) -> Option<Permit> {
        told.close();
        let permit = told.try_recv().ok();
        let mut line = self.lock();
        line.forget(oneshot::Sender::is_closed);
        self.waiting.store(line.len(), Ordering::SeqCst);
        permit
    }

    fn leave(self: &Arc<Self>) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.call_in();
        }
    }

    /// Give free places to those who wait.
    fn call_in(self: &Arc<Self>) {
        let mut line = self.lock();
        while line.len() > 0 && self.take() {
            let given = match line.next(self.began.elapsed()) {
                Some(tell) => tell.send(Permit(Some(self.clone()))),
                None => Err(Permit(None)),
            };
            match given {
                Ok(()) => drop(self.accepted.fetch_add(1, Ordering::Relaxed)),
                // Its client has gone. The place is still ours; giving it back by dropping the permit would lock the line.
                Err(mut permit) => {
                    permit.0 = None;
                    self.in_flight.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
        self.waiting.store(line.len(), Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Line<oneshot::Sender<Permit>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Stood {
    Inside(Permit),
    Waiting(oneshot::Receiver<Permit>),
    Full,
}
