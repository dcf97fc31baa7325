//! The log in the database: rows of `event_log`, `event_heads` and `event_consumers`.

use super::Error;
use crate::{
    app::{App, NotTaken, random_number},
    data,
    model::event::{Event, Logged},
};
use std::time::Duration;

/// How often a unit is tried again when another writer was in the way.
const AGAIN_MAX: u32 = 5;

/// The database as log.
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

    pub(super) async fn append(&self, events: &[Event]) -> Result<(), Error> {
        match self.0.log_events(events.to_vec()).await {
            Ok(_) => Ok(()),
            Err(NotTaken::Full) => Err(Error::Full),
            Err(NotTaken::Failed(error)) => Err(error.into()),
            Err(NotTaken::Silent) => Err(Error::Silent),
        }
    }

    pub(super) async fn read(&self, partition: i64, after: i64, limit: i64) -> Result<Vec<Logged>, Error> {
        let mut session = self.0.database.read().await?;
        let found = data::event::read(&mut session, partition, after, limit).await?;
        // Rows that were deleted are not there to be missed.
        if found.first().is_none_or(|logged| logged.position - 1 > after) {
            let (first, last) = data::event::ends(&mut session, partition).await?;
            if after < first - 1 {
                return Err(Error::PlaceMissing { partition, first, last });
            }
        }
        Ok(found)
    }

    pub(super) async fn ends(&self, partition: i64) -> Result<(i64, i64), Error> {
        let mut session = self.0.database.read().await?;
        Ok(data::event::ends(&mut session, partition).await?)
    }

    pub(super) async fn position(&self, consumer: &str, partition: i64) -> Result<i64, Error> {
        let mut session = self.0.database.read().await?;
        Ok(data::event::position(&mut session, consumer, partition).await?)
    }

    pub(super) async fn move_on(&self, consumer: &str, partition: i64, (from, to): (i64, i64)) -> Result<bool, Error> {
        again(|| async {
            let (mut session, now) = (self.0.database.write().await?, self.0.now());
            let position = data::event::hold(&mut session, consumer, partition, now).await?;
            // A row that is written as it was counts as untouched with some.
            let moved = position == from
                && (from == to || data::event::move_on(&mut session, consumer, partition, (from, to), now).await?);
            session.commit().await?;
            Ok(moved)
        })
        .await
    }

    pub(super) async fn rewind(&self, consumer: &str, partition: i64, position: i64) -> Result<(), Error> {
        again(|| async {
            let (mut session, now) = (self.0.database.write().await?, self.0.now());
            // Held, so that nothing is deleted until it is there. Whoever was deleting is seen by the look after it.
            let before = data::event::hold(&mut session, consumer, partition, now).await?;
            let (first, last) = data::event::ends(&mut session, partition).await?;
            if position < first - 1 {
                return Err(Error::PlaceMissing { partition, first, last });
            }
            if position != before {
                data::event::rewind(&mut session, consumer, partition, position, now).await?;
            }
            session.commit().await?;
            Ok(())
        })
        .await
    }
}
