//! Who leads: a row that ends unless it is renewed, with an epoch that tells a stale leader apart.
//!
//! The row is compared with the database's time, so that no node's clock decides. The holder trusts it for less than it
//! lasts, counted from before it was asked for, by its own clocks: a process that was frozen notices as soon as it wakes.
//! And because it may be frozen right after it noticed nothing, whatever a leader writes is written in a transaction that
//! begins with [`Lease::guard`].

use crate::{
    app::App,
    coordination::Trust,
    data::{self, Session},
    model::time::Timestamp,
    service::Fault,
};

/// This node's view of one lease.
#[derive(Debug)]
pub struct Lease {
    name: &'static str,
    holder: String,
    held: Option<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    epoch: i64,
    trust: Trust,
}

/// What a leader knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Grows with each change of the leader.
    pub epoch: i64,
    /// The time that nodes share, as it was when the lease was renewed.
    pub now: Timestamp,
}

impl Lease {
    /// A view of the lease of that name, in the name of this process.
    pub fn new(app: &App, name: &'static str) -> Self {
        Self { name, holder: app.nodes.holder().to_owned(), held: None }
    }

    /// Renew it, or take it if it has ended; the term if this node leads. A node whose clock is unsure does not.
    pub async fn hold(&mut self, app: &App) -> Result<Option<Term>, Fault> {
        if !app.nodes.is_clock_sure() {
            self.resign(app).await?;
            return Ok(None);
        }
        let trust = Trust::begin(app);
        let held = self.held.filter(|held| held.trust.holds(app));
        let mut session = app.database.write().await?;
        let now = app.shared_now(&mut session).await?;
        let until = now.plus(app.lease());
        let before = held.map(|held| held.epoch);
        let epoch = if let Some(Held { epoch, .. }) = held {
            data::lease::renew(&mut session, self.name, &self.holder, epoch, until, now).await?.then_some(epoch)
        } else {
            match data::lease::find(&mut session, self.name).await? {
                None => data::lease::insert(&mut session, self.name, &self.holder, until).await?.then_some(1),
                Some(seen) if seen.expires_ms < now => {
                    let taken =
                        data::lease::take(&mut session, self.name, &self.holder, seen.epoch, until, now).await?;
                    taken.then_some(seen.epoch + 1)
                }
                Some(_) => None,
            }
        };
        if let Some(epoch) = epoch.filter(|epoch| before != Some(*epoch)) {
            let term = data::lease::Term { epoch, holder: self.holder.clone(), started_ms: now };
            data::lease::insert_term(&mut session, self.name, &term).await?;
        }
        session.commit().await?;
        self.held = epoch.map(|epoch| Held { epoch, trust });
        Ok(epoch.map(|epoch| Term { epoch, now }))
    }

    /// The epoch that is held, while this node still trusts in it.
    pub fn epoch(&self, app: &App) -> Option<i64> {
        self.held.filter(|held| held.trust.holds(app)).map(|held| held.epoch)
    }

    /// Begin a write that only the leader may make: no other can take over before this session ends. An error when another
    /// has done so, and then nothing of it may be committed.
    pub async fn guard(&self, app: &App, session: &mut Session) -> Result<(), Fault> {
        let epoch = self.epoch(app).ok_or_else(|| Fault::broken("leadership is over; nothing is written"))?;
        if data::lease::guard(session, self.name, epoch).await? {
            Ok(())
        } else {
            Err(Fault::broken("another leads by now; nothing is written"))
        }
    }

    /// Lead no more, and let another at once.
    pub async fn resign(&mut self, app: &App) -> Result<(), Fault> {
        let Some(Held { epoch, .. }) = self.held.take() else { return Ok(()) };
        let mut session = app.database.write().await?;
        data::lease::resign(&mut session, self.name, &self.holder, epoch).await?;
        session.commit().await?;
        Ok(())
    }
}
