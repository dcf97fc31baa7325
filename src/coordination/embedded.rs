//! Names and records in the database: rows of `leases` and `records`.
//!
//! A name is a lease that says something. It lasts as long as `node.lease_ms` after the last sign of life, by the
//! database's time, and its row stays when it is free, so that its terms go on: names are taken from a bounded set.

use super::{Entry, Error, Kind, Put, Trust, watch::Hints};
use crate::{
    app::{App, random_bytes, random_number},
    data,
    model::time::Timestamp,
};
use std::{collections::BTreeMap, time::Duration};

/// The topic of the hints.
const CHANGED: &str = "coordination";
/// How often a unit is tried again when another writer was in the way.
const AGAIN_MAX: u32 = 5;

/// The database as coordinator.
#[derive(Debug, Clone)]
pub struct Embedded(App);

/// Run a unit, again if another writer was in the way.
async fn again<T, F: Future<Output = Result<T, Error>>>(unit: impl Fn() -> F) -> Result<T, Error> {
    for _ in 0..AGAIN_MAX {
        match unit().await {
            Err(Error::Data(data::Error::Contended { .. } | data::Error::Conflict { .. })) => {
                tokio::time::sleep(Duration::from_millis(2 + random_number(20))).await;
            }
            outcome => return outcome,
        }
    }
    unit().await
}

impl Embedded {
    /// The database of an application.
    pub fn new(app: &App) -> Self {
        Self(app.clone())
    }

    pub(super) async fn open(&self) -> Result<Session, Error> {
        let trust = Trust::begin(&self.0);
        // A session begins only where its names can be kept.
        self.0.database.ping().await?;
        let holder = hex::encode(random_bytes::<12>());
        Ok(Session { app: self.0.clone(), holder, trust, names: BTreeMap::new() })
    }

    pub(super) async fn find(&self, kind: Kind, name: &str) -> Result<Option<Entry>, Error> {
        let found = self.list(kind, name).await?.into_iter().next();
        Ok(found.filter(|entry| entry.name == name))
    }

    pub(super) async fn list(&self, kind: Kind, prefix: &str) -> Result<Vec<Entry>, Error> {
        let mut session = self.0.database.read().await?;
        let rows = match kind {
            Kind::Name => {
                let now = self.0.shared_now(&mut session).await?;
                let rows = data::lease::list_held(&mut session, prefix, now).await?;
                rows.into_iter().map(|row| (row.name, row.epoch, row.value)).collect::<Vec<_>>()
            }
            Kind::Record => {
                let rows = data::record::list(&mut session, prefix).await?;
                rows.into_iter().map(|row| (row.name, row.version, row.value)).collect()
            }
        };
        Ok(rows.into_iter().map(|(name, number, value)| Entry { name, number, value }).collect())
    }

    pub(super) async fn put(
        &self,
        name: &str,
        from: i64,
        value: &str,
        under: Option<(&str, i64)>,
    ) -> Result<Put, Error> {
        let put = again(|| self.try_put(name, from, value, under)).await?;
        if matches!(put, Put::Written(_)) {
            self.0.cache.tell(CHANGED).await;
        }
        Ok(put)
    }

    async fn try_put(&self, name: &str, from: i64, value: &str, under: Option<(&str, i64)>) -> Result<Put, Error> {
        let mut session = self.0.database.write().await?;
        if let Some((lock, term)) = under
            && !data::lease::guard(&mut session, lock, term).await?
        {
            return Ok(Put::Late);
        }
        let now = self.0.shared_now(&mut session).await?;
        let written = if from == 0 {
            data::record::insert(&mut session, name, value, now).await?
        } else {
            data::record::change(&mut session, name, value, from, now).await?
        };
        session.commit().await?;
        Ok(if written { Put::Written(from + 1) } else { Put::Changed })
    }

    pub(super) fn hints(&self) -> Hints {
        Hints::Bell(self.0.cache.heard(CHANGED))
    }
}

/// An owner of rows.
#[derive(Debug)]
pub struct Session {
    app: App,
    /// Random: a restart is another.
    holder: String,
    trust: Trust,
    /// What it has, and in which term.
    names: BTreeMap<String, i64>,
}

impl Session {
    /// Renew all that it has, in order of name, in a transaction that may do more. What has ended or is another's ends the
    /// session: names that were taken together must not part.
    async fn renew(&self) -> Result<(data::Session, Timestamp), Error> {
        if !self.trust.holds(&self.app) {
            return Err(Error::Ended);
        }
        let mut session = self.app.database.write().await?;
        let now = self.app.shared_now(&mut session).await?;
        let until = now.plus(self.app.lease());
        for (name, term) in &self.names {
            if !data::lease::renew(&mut session, name, &self.holder, *term, until, now).await? {
                return Err(Error::Ended);
            }
        }
        Ok((session, now))
    }

    /// What an error makes of the session, and a success of its trust.
    fn settle<T>(&mut self, begun: Trust, outcome: Result<T, Error>) -> Result<T, Error> {
        match &outcome {
            Ok(_) => self.trust = begun,
            Err(Error::Ended) => self.names.clear(),
            Err(_) => {}
        }
        outcome
    }

    /// Whether somebody else has the name now.
    async fn is_anothers(&self, name: &str) -> Result<bool, Error> {
        let mut session = self.app.database.read().await?;
        let now = self.app.shared_now(&mut session).await?;
        let seen = data::lease::find(&mut session, name).await?;
        Ok(seen.is_some_and(|seen| seen.holder != self.holder && seen.expires_ms >= now))
    }

    pub(super) async fn take(&mut self, name: &str, value: &str) -> Result<Option<i64>, Error> {
        // Looking first: who asks again and again for what is another's must not keep the owner from writing.
        if self.trust.holds(&self.app) && !self.names.contains_key(name) && self.is_anothers(name).await? {
            return Ok(None);
        }
        let begun = Trust::begin(&self.app);
        let taken = again(|| self.try_take(name, value)).await;
        let term = self.settle(begun, taken)?;
        if let Some(term) = term
            && self.names.insert(name.to_owned(), term).is_none()
        {
            self.app.cache.tell(CHANGED).await;
        }
        Ok(term)
    }

    async fn try_take(&self, name: &str, value: &str) -> Result<Option<i64>, Error> {
        let (mut session, now) = self.renew().await?;
        let (until, holder) = (now.plus(self.app.lease()), &self.holder);
        let term = match (self.names.get(name), data::lease::find(&mut session, name).await?) {
            (Some(term), _) => Some(*term),
            // Taken before, and the answer was lost.
            (None, Some(seen)) if seen.holder == *holder && seen.expires_ms >= now => Some(seen.epoch),
            // As with leading: a node whose clock is wrong takes nothing.
            _ if !self.app.nodes.is_clock_sure() => None,
            (None, None) => data::lease::insert(&mut session, name, holder, until).await?.then_some(1),
            (None, Some(seen)) if seen.expires_ms < now => {
                let taken = data::lease::take(&mut session, name, holder, seen.epoch, until, now).await?;
                taken.then_some(seen.epoch + 1)
            }
            (None, Some(_)) => None,
        };
        if let Some(term) = term.filter(|_| !self.names.contains_key(name)) {
            data::lease::say(&mut session, name, term, value).await?;
        }
        session.commit().await?;
        Ok(term)
    }

    pub(super) async fn keep(&mut self) -> Result<(), Error> {
        let begun = Trust::begin(&self.app);
        let kept = again(|| self.try_keep()).await;
        self.settle(begun, kept)
    }

    async fn try_keep(&self) -> Result<(), Error> {
        Ok(self.renew().await?.0.commit().await?)
    }

    pub(super) fn term(&self, name: &str) -> Option<i64> {
        self.names.get(name).copied().filter(|_| self.trust.holds(&self.app))
    }

    pub(super) async fn release(&mut self, name: &str) -> Result<bool, Error> {
        let Some(term) = self.names.get(name).copied() else { return Ok(false) };
        let released = again(|| self.try_release(name, term)).await?;
        self.names.remove(name);
        self.app.cache.tell(CHANGED).await;
        Ok(released)
    }

    async fn try_release(&self, name: &str, term: i64) -> Result<bool, Error> {
        let mut session = self.app.database.write().await?;
        let released = data::lease::resign(&mut session, name, &self.holder, term).await?;
        session.commit().await?;
        Ok(released)
    }

    pub(super) async fn close(mut self) -> Result<(), Error> {
        let names: Vec<String> = self.names.keys().cloned().collect();
        for name in names {
            self.release(&name).await?;
        }
        Ok(())
    }
}
