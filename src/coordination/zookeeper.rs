//! Names and records at a `ZooKeeper` (feature `zookeeper`).
//!
//! A name is an ephemeral node, whose owner is a session there; a record is a node that stays, and its version is the
//! node's. The terms of a name need a node of their own that stays when the name goes: its version grows in the one
//! transaction that makes the ephemeral node, so terms are as dense as those in the database, and a record is written
//! under a term by checking that version in the same transaction. All nodes lie flat in three folders, `/` written `:`.
//!
//! Every call asks the server to catch up with its leader first. The connection is plain and unauthenticated: it belongs in a
//! private network.

use super::{Entry, Error, Kind, Put, watch::Hints};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Mutex;
use zookeeper_client::{
    Acls, AddWatchMode, Client, CreateMode, CreateOptions, Error as Failure, MultiWriteError, SessionState,
};

const NAMES: &str = "/weizhan/names";
const TERMS: &str = "/weizhan/terms";
const RECORDS: &str = "/weizhan/records";
const LASTING: CreateOptions<'static> = CreateMode::Persistent.with_acls(Acls::anyone_all());
const PASSING: CreateOptions<'static> = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
/// How often a name is tried for that others take and give back meanwhile.
const AGAIN_MAX: u32 = 16;

fn node(folder: &str, name: &str) -> String {
    format!("{folder}/{}", name.replace('/', ":"))
}

const fn folder(kind: Kind) -> &'static str {
    match kind {
        Kind::Name => NAMES,
        Kind::Record => RECORDS,
    }
}

/// A failure, where the end of a session is not one of its own.
fn failed(failure: Failure) -> Error {
    match failure {
        Failure::SessionExpired | Failure::ClientClosed => Error::Ended,
        failure => Error::ZooKeeper(failure),
    }
}

/// A `ZooKeeper` as coordinator.
#[derive(Clone)]
pub struct ZooKeeper {
    cluster: Arc<str>,
    life: Duration,
    /// For all that needs no session of its own.
    client: Arc<Mutex<Client>>,
}

impl std::fmt::Debug for ZooKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ZooKeeper({})", self.cluster)
    }
}

async fn connect(cluster: &str, life: Duration) -> Result<Client, Error> {
    let client = Client::connector().with_session_timeout(life).connect(cluster).await?;
    for folder in [NAMES, TERMS, RECORDS] {
        client.mkdir(folder, &LASTING).await?;
    }
    Ok(client)
}

impl ZooKeeper {
    /// Connect to one of `host:port,host:port`. Sessions live so long without a sign of life; the server has bounds for
    /// that, by default 2 and 20 of its ticks of 2 s.
    pub async fn connect(cluster: &str, life: Duration) -> Result<Self, Error> {
        let client = Arc::new(Mutex::new(connect(cluster, life).await?));
        Ok(Self { cluster: cluster.into(), life, client })
    }

    /// The client for all that needs no session of its own, on a server that has caught up with its leader; another client
    /// when the session of the last one has ended, which nothing but an answer shows.
    async fn client(&self) -> Result<Client, Error> {
        let mut client = self.client.lock().await;
        match client.sync(NAMES).await {
            Ok(()) => {}
            Err(Failure::SessionExpired | Failure::ClientClosed) => *client = connect(&self.cluster, self.life).await?,
            Err(failure) => return Err(failure.into()),
        }
        Ok(client.clone())
    }

    pub(super) async fn open(&self) -> Result<Session, Error> {
        Ok(Session { client: connect(&self.cluster, self.life).await?, names: BTreeMap::new() })
    }

    pub(super) async fn find(&self, kind: Kind, name: &str) -> Result<Option<Entry>, Error> {
        let client = self.client().await?;
        read(&client, kind, name).await
    }

    pub(super) async fn list(&self, kind: Kind, prefix: &str) -> Result<Vec<Entry>, Error> {
        let client = self.client().await?;
        let nodes = client.list_children(folder(kind)).await?;
        let mut names: Vec<String> = nodes.into_iter().map(|node| node.replace(':', "/")).collect();
        names.retain(|name| name.starts_with(prefix));
        names.sort_unstable();
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            found.extend(read(&client, kind, &name).await?);
        }
        Ok(found)
    }

    pub(super) async fn put(
        &self,
        name: &str,
        from: i64,
        value: &str,
        under: Option<(&str, i64)>,
    ) -> Result<Put, Error> {
        let client = self.client().await?;
        let mut writer = client.new_multi_writer();
        if let Some((lock, term)) = under {
            let Ok(term) = i32::try_from(term) else { return Ok(Put::Late) };
            writer.add_check_version(&node(TERMS, lock), term)?;
        }
        let record = node(RECORDS, name);
        if from == 0 {
            writer.add_create(&record, value.as_bytes(), &LASTING)?;
        } else {
            // A node begins with version 0, a record with 1.
            let Ok(version) = i32::try_from(from - 1) else { return Ok(Put::Changed) };
            writer.add_set_data(&record, value.as_bytes(), Some(version))?;
        }
        match writer.commit().await {
            Ok(_) => Ok(Put::Written(from + 1)),
            Err(MultiWriteError::OperationFailed {
                index,
                source: Failure::BadVersion | Failure::NoNode | Failure::NodeExists,
            }) => Ok(if under.is_some() && index == 0 { Put::Late } else { Put::Changed }),
            Err(error) => Err(Error::ZooKeeper(error.into())),
        }
    }

    pub(super) async fn hints(&self, kind: Kind) -> Result<Hints, Error> {
        let client = self.client().await?;
        let watcher = client.watch(folder(kind), AddWatchMode::PersistentRecursive).await?;
        Ok(Hints::ZooKeeper(Box::new(watcher)))
    }
}

/// What a node says, if it is there.
async fn read(client: &Client, kind: Kind, name: &str) -> Result<Option<Entry>, Error> {
    let (data, stat) = match client.get_data(&node(folder(kind), name)).await {
        Ok(found) => found,
        Err(Failure::NoNode) => return Ok(None),
        Err(failure) => return Err(failure.into()),
    };
    let text = String::from_utf8_lossy(&data).into_owned();
    let (number, value) = match kind {
        Kind::Record => (i64::from(stat.version) + 1, text),
        Kind::Name => {
            let said = text.split_once(' ').and_then(|(term, value)| Some((term.parse().ok()?, value.to_owned())));
            said.ok_or_else(|| Error::ZooKeeper(Failure::UnexpectedError(format!("{name} is not of weizhan"))))?
        }
    };
    Ok(Some(Entry { name: name.to_owned(), number, value }))
}

/// An owner of ephemeral nodes. Its client gives signs of life by itself, as long as the process runs.
pub struct Session {
    client: Client,
    names: BTreeMap<String, i64>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) async fn take(&mut self, name: &str, value: &str) -> Result<Option<i64>, Error> {
        if let Some(term) = self.names.get(name).copied() {
            self.keep().await?;
            return Ok(Some(term));
        }
        for _ in 0..AGAIN_MAX {
            if let Some(taken) = self.try_take(name, value).await.map_err(failed)? {
                self.names.extend(taken.map(|term| (name.to_owned(), term)));
                return Ok(taken);
            }
        }
        Ok(None)
    }

    /// Once; `None` when it has to be tried again.
    async fn try_take(&self, name: &str, value: &str) -> Result<Option<Option<i64>>, Failure> {
        let (own, terms) = (node(NAMES, name), node(TERMS, name));
        let Some(before) = self.client.check_stat(&terms).await? else {
            return match self.client.create(&terms, b"", &LASTING).await {
                Ok(_) | Err(Failure::NodeExists) => Ok(None),
                Err(failure) => Err(failure),
            };
        };
        let term = i64::from(before.version) + 1;
        let mut writer = self.client.new_multi_writer();
        writer.add_create(&own, format!("{term} {value}").as_bytes(), &PASSING)?;
        writer.add_set_data(&terms, b"", Some(before.version))?;
        match writer.commit().await {
            Ok(_) => Ok(Some(Some(term))),
            // Taken and given back since the version was read.
            Err(MultiWriteError::OperationFailed { source: Failure::BadVersion, .. }) => Ok(None),
            Err(MultiWriteError::OperationFailed { source: Failure::NodeExists, .. }) => {
                match self.client.check_stat(&own).await? {
                    // Taken before, and the answer was lost: it has the last term for as long as it is there.
                    Some(stat) if stat.ephemeral_owner == self.client.session_id().0 => {
                        Ok(self.client.check_stat(&terms).await?.map(|stat| Some(i64::from(stat.version))))
                    }
                    Some(_) => Ok(Some(None)),
                    None => Ok(None),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn keep(&mut self) -> Result<(), Error> {
        // The answer shows that the server still knows the session.
        let kept = self.client.check_stat(NAMES).await.map(drop).map_err(failed);
        if matches!(kept, Err(Error::Ended)) {
            self.names.clear();
        }
        kept
    }

    pub(super) fn term(&self, name: &str) -> Option<i64> {
        self.names.get(name).copied().filter(|_| self.client.state() == SessionState::SyncConnected)
    }

    pub(super) async fn release(&mut self, name: &str) -> Result<bool, Error> {
        let Some(term) = self.names.get(name).copied() else { return Ok(false) };
        let mut writer = self.client.new_multi_writer();
        writer.add_check_version(&node(TERMS, name), i32::try_from(term).unwrap_or(i32::MAX))?;
        writer.add_delete(&node(NAMES, name), None)?;
        let released = match writer.commit().await {
            Ok(_) => true,
            Err(MultiWriteError::OperationFailed { source: Failure::BadVersion | Failure::NoNode, .. }) => false,
            Err(error) => return Err(failed(error.into())),
        };
        self.names.remove(name);
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
