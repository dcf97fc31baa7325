//! One effect for one intention: the answer is kept in the transaction of the effect.

use crate::{
    data::{self, Session},
    model::{
        idempotency::{IdempotencyKey, KeyReused, StoredReply},
        time::Timestamp,
    },
    service::{Error, Fault},
};
use aws_lc_rs::digest;
use serde::{Serialize, de::DeserializeOwned};

/// One intention of one caller.
#[derive(Debug, Clone)]
pub struct Intent {
    scope: String,
    key_hash: String,
    request_hash: String,
}

fn hash(text: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, text))
}

fn written(result: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(result).map_err(|error| Fault::broken(error.to_string()))
}

impl Intent {
    /// `holder` is who asks (`buyer:1`): keys of two callers never meet. `request` is everything that decides the effect.
    pub fn new(holder: &str, route: &str, key: &IdempotencyKey, request: &impl Serialize) -> Self {
        let request = serde_json::to_vec(&(route, request)).unwrap_or_default();
        Self { scope: holder.to_owned(), key_hash: hash(key.as_str().as_bytes()), request_hash: hash(&request) }
    }
    /// What was answered before, if this intention was carried out; if not, the key is taken from here on.
    ///
    /// Taken first, so that a twin waits for this one and is then told the same: if it went on to the work it would be
    /// refused the last piece that this one took.
    ///
    /// The caller commits the session all the same: on SQLite the answer may belong to a group that is not on the disk.
    pub async fn replay<T, R>(&self, session: &mut Session, now: Timestamp) -> Result<Option<T>, Error<R>>
    where
        T: DeserializeOwned,
        R: crate::model::refusal::Refusal + From<KeyReused>,
    {
        self.take(session, String::new(), now).await
    }
    /// The same where the answer is known before the work: it is kept with the key.
    pub async fn replay_or_keep<T, R>(
        &self,
        session: &mut Session,
        result: &T,
        now: Timestamp,
    ) -> Result<Option<T>, Error<R>>
    where
        T: Serialize + DeserializeOwned,
        R: crate::model::refusal::Refusal + From<KeyReused>,
    {
        self.take(session, written(result)?, now).await
    }
    async fn take<T, R>(&self, session: &mut Session, reply: String, now: Timestamp) -> Result<Option<T>, Error<R>>
    where
        T: DeserializeOwned,
        R: crate::model::refusal::Refusal + From<KeyReused>,
    {
        // Most keys are new: nobody looks first.
        let fresh = StoredReply { request_hash: self.request_hash.clone(), reply };
        if data::idempotency::insert(session, &self.scope, &self.key_hash, &fresh, now).await? {
            return Ok(None);
        }
        let stored = data::idempotency::find(session, &self.scope, &self.key_hash).await?;
        let stored = stored.ok_or_else(|| Fault::contended("the same key was used at the same time"))?;
        if stored.request_hash != self.request_hash {
            return Err(Error::Refused(KeyReused.into()));
        }
        let reply = serde_json::from_str(&stored.reply);
        reply.map(Some).map_err(|error| Fault::broken(format!("a stored reply cannot be read: {error}")).into())
    }
    /// Keep the answer under the key that [`Self::replay`] took in this session.
    pub async fn keep(&self, session: &mut Session, result: &impl Serialize) -> Result<(), Fault> {
        if data::idempotency::keep(session, &self.scope, &self.key_hash, &written(result)?).await? {
            Ok(())
        } else {
            Err(Fault::broken("the key was not taken before the work"))
        }
    }
}
