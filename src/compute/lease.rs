//! Who leads: a row that ends unless it is renewed, with an epoch that tells a stale leader apart.
//!
//! What a leader does must be harmless if two believe that they lead: it only enqueues jobs under unique keys.

use crate::{
    app::{App, random_bytes},
    data,
    model::time::Timestamp,
    service::Fault,
};
use std::time::Duration;

/// How long a lease lasts unless it is renewed.
pub const LEASE: Duration = Duration::from_secs(15);
/// How long before its end a holder stops believing in it.
const MARGIN: Duration = Duration::from_secs(3);

/// This node's view of one lease.
#[derive(Debug)]
pub struct Lease {
    name: &'static str,
    holder: String,
    /// The epoch held and when to stop believing in it.
    held: Option<(i64, Timestamp)>,
}

impl Lease {
    /// A view of the lease of that name. Each process is a holder of its own, also after a restart.
    pub fn new(app: &App, name: &'static str) -> Self {
        let holder = format!("{}-{}", app.config.node.id, hex::encode(random_bytes::<8>()));
        Self { name, holder, held: None }
    }
    /// Renew it, or take it if it has ended; whether this node leads.
    pub async fn hold(&mut self, app: &App) -> Result<bool, Fault> {
        let now = app.now();
        self.held = self.held.filter(|(_, until)| now < *until);
        let until = now.plus(LEASE);
        let mut session = app.database.write().await?;
        let epoch = if let Some((epoch, _)) = self.held {
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
        session.commit().await?;
        self.held = epoch.map(|epoch| (epoch, until.minus(MARGIN)));
        Ok(epoch.is_some())
    }
    /// The epoch that is held, for writes that must carry it.
    pub fn epoch(&self) -> Option<i64> {
        self.held.map(|(epoch, _)| epoch)
    }
}
