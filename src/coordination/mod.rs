//! What processes agree on among themselves: who has a name, what a record says. `ZooKeeper`'s role, played by a table.
//!
//! Two things are enough for naming, configuration, locks, leaders, members and watches:
//!
//! - A **name** belongs to one [`Session`] at a time, says something (an address, say), and is free again when its owner is
//!   gone. A lock is a name that says nothing; who leads is who has the name of the office; members are the names under a
//!   prefix. Each time a name is taken, its **term** grows by one: the fencing token.
//! - A **record** stays until it is changed, under a version: whoever changes it says which version was seen. A change may
//!   be made *under* a name and a term, and then is refused when the name has been taken since, however late it comes.
//!
//! A [`Watch`] tells of changes of either: a hint makes it quick, and a look each second makes it sure.
//!
//! [`Coordinator::Embedded`] needs nothing but the database and is what the house itself stands on: the lease of the
//! schedule ([`compute::lease`](crate::compute::lease)) is a row of the same table under the same rules. With the feature
//! `zookeeper` the same can be had from a `ZooKeeper`; one suite (`tests/it/coordination`) holds both to the same words.
//!
//! It stands above `app`, whose database, shared time and hints it needs, and below `service` and `compute`, which may use
//! it. **How to add another engine:** a variant here, a file beside [`embedded`], and the suite.

pub mod embedded;
mod trust;
mod watch;
#[cfg(feature = "zookeeper")]
pub mod zookeeper;

use crate::data;
pub use trust::Trust;
pub use watch::Watch;

/// The longest name of a name or record.
pub const NAME_MAX: usize = 64;
/// The longest thing that a name says, in bytes.
pub const VALUE_MAX: usize = 255;
/// The longest record, in bytes.
pub const RECORD_MAX: usize = 60_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The session has ended, and what it had is or will be another's. Open a new one.
    #[error("the session has ended")]
    Ended,
    /// Names have up to 64 characters of `a-z 0-9 . _ -` and `/` between; values have their length.
    #[error("{0} is no name, or says too much")]
    Unfit(String),
    /// The database failed.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The `ZooKeeper` failed or is away. What was asked for may have been done all the same.
    #[cfg(feature = "zookeeper")]
    #[error(transparent)]
    ZooKeeper(#[from] zookeeper_client::Error),
}

/// Which of the two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Belongs to a session.
    Name,
    /// Belongs to nobody.
    Record,
}

/// A name that somebody has, or a record.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    /// `shop/leader`.
    pub name: String,
    /// Of a name, how often it was taken so far: its term. Of a record, how often it was written: its version.
    pub number: i64,
    /// What it says.
    pub value: String,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was written and has this version.
    Written(i64),
    /// It has another version than was said.
    Changed,
    /// The name under which it should be written has another term by now.
    Late,
}

/// Who keeps names and records. A cheap clone.
#[derive(Debug, Clone)]
pub enum Coordinator {
    /// The database.
    Embedded(embedded::Embedded),
    /// A `ZooKeeper`.
    #[cfg(feature = "zookeeper")]
    ZooKeeper(zookeeper::ZooKeeper),
}

/// An owner of names. If it is dropped without [`Session::close`], they are free when its life is over at the latest.
#[derive(Debug)]
pub enum Session {
    /// In the database.
    Embedded(embedded::Session),
    /// At a `ZooKeeper`.
    #[cfg(feature = "zookeeper")]
    ZooKeeper(zookeeper::Session),
}

/// One arm for each engine.
macro_rules! engine {
    ($of:ident, $self:expr, $inner:ident => $call:expr) => {
        match $self {
            $of::Embedded($inner) => $call,
            #[cfg(feature = "zookeeper")]
            $of::ZooKeeper($inner) => $call,
        }
    };
}

impl Coordinator {
    /// Begin to own names.
    pub async fn open(&self) -> Result<Session, Error> {
        match self {
            Self::Embedded(engine) => engine.open().await.map(Session::Embedded),
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(engine) => engine.open().await.map(Session::ZooKeeper),
        }
    }
    /// A name that somebody has, or a record.
    pub async fn find(&self, kind: Kind, name: &str) -> Result<Option<Entry>, Error> {
        check(name, "", 0)?;
        engine!(Self, self, engine => engine.find(kind, name).await)
    }
    /// All whose name begins so, in order of name.
    pub async fn list(&self, kind: Kind, prefix: &str) -> Result<Vec<Entry>, Error> {
        engine!(Self, self, engine => engine.list(kind, prefix).await)
    }
    /// Write a record that has version `from`, 0 for one that is not there yet; `under` a name and the term in which the
    /// writer has it, or for anybody.
    pub async fn put(&self, name: &str, from: i64, value: &str, under: Option<(&str, i64)>) -> Result<Put, Error> {
        check(name, value, RECORD_MAX)?;
        engine!(Self, self, engine => engine.put(name, from, value, under).await)
    }
    /// Watch all whose name begins so.
    pub fn watch(&self, kind: Kind, prefix: &str) -> Watch {
        Watch::new(self.clone(), kind, prefix.to_owned())
    }
}

impl Session {
    /// Take a name and let it say something; its term, or `None` while another has it. Taking what this session has
    /// already changes nothing.
    pub async fn take(&mut self, name: &str, value: &str) -> Result<Option<i64>, Error> {
        check(name, value, VALUE_MAX)?;
        engine!(Self, self, session => session.take(name, value).await)
    }
    /// Give a sign of life. To be done several times in the life of a session; [`Error::Ended`] when it was too late.
    pub async fn keep(&mut self) -> Result<(), Error> {
        engine!(Self, self, session => session.keep().await)
    }
    /// The term in which this session has a name, as far as it knows. A process that was frozen may be wrong for a moment:
    /// what it writes it writes under this term.
    pub fn term(&self, name: &str) -> Option<i64> {
        engine!(Self, self, session => session.term(name))
    }
    /// Give a name back; another may have it at once. `false` when this session did not have it.
    pub async fn release(&mut self, name: &str) -> Result<bool, Error> {
        engine!(Self, self, session => session.release(name).await)
    }
    /// End in order: all its names are free at once.
    pub async fn close(self) -> Result<(), Error> {
        engine!(Self, self, session => session.close().await)
    }
}

/// Whether a name is one and a value is not too long.
fn check(name: &str, value: &str, value_max: usize) -> Result<(), Error> {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
    };
    if name.len() <= NAME_MAX && name.split('/').all(part) && value.len() <= value_max {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_MAX).collect();
    Err(Error::Unfit(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_plain_parts() {
        for name in ["a", "shop/leader", "node/127.0.0.1_80", &"n".repeat(64)] {
            assert!(check(name, "", 0).is_ok(), "{name}");
        }
        for name in ["", "/a", "a/", "a//b", "A", "a b", "a:b", "a%", "名", &"n".repeat(65)] {
            assert!(matches!(check(name, "", 0), Err(Error::Unfit(_))), "{name}");
        }
        assert!(check("a", &"v".repeat(255), VALUE_MAX).is_ok() && check("a", &"v".repeat(256), VALUE_MAX).is_err());
    }
}
