//! What a running shop can change: one snapshot of settings and flags for the whole node.
//!
//! A use case takes **one** snapshot and reads all from it, so that it never acts on half of a change.

use super::App;
use crate::{
    config::{Config, Live},
    data,
    model::{binding::Binding, flag::Flags},
};
use std::sync::Arc;
use tokio::sync::watch;

/// Settings and flags at one version.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Grows with each change of a setting or a flag.
    pub version: i64,
    /// The settings.
    pub live: Live,
    /// The flags.
    pub flags: Flags,
    /// Which queue takes which jobs.
    pub bindings: Vec<Binding>,
}

/// The snapshot of this node, which is replaced whole.
#[derive(Debug)]
pub struct Settings(watch::Sender<Arc<Snapshot>>);

impl Settings {
    /// The topic on which nodes tell each other of a change.
    pub const CHANGED: &'static str = "settings";
    /// What the files say.
    pub fn new(config: &Config) -> Self {
        let first = Snapshot { version: 0, live: Live::of(config), flags: Flags::default(), bindings: Vec::new() };
        Self(watch::Sender::new(Arc::new(first)))
    }
    /// The present snapshot.
    pub fn now(&self) -> Arc<Snapshot> {
        self.0.borrow().clone()
    }
    /// Tells of every new snapshot.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.subscribe()
    }
    /// Put another in its place; an older one, read by somebody slow, changes nothing.
    fn put(&self, snapshot: Snapshot) {
        self.0.send_if_modified(|present| {
            let newer = snapshot.version > present.version;
            if newer {
                *present = Arc::new(snapshot);
            }
            newer
        });
    }
}

impl App {
    /// Look whether a setting or a flag was changed, and if so read them all; whether there was something new.
    ///
    /// A row that this version cannot use, as after a return to an older program, is told of and passed over.
    pub async fn refresh_settings(&self) -> Result<bool, data::Error> {
        let present = self.settings.now().version;
        let mut session = self.database.read().await?;
        // Read before the rows: should they change meanwhile, the next look reads them again.
        let version = data::setting::head(&mut session).await?;
        if version <= present {
            return Ok(false);
        }
        let mut snapshot =
            Snapshot { version, live: Live::of(&self.config), flags: Flags::default(), bindings: Vec::new() };
        for row in data::setting::list(&mut session).await? {
            let value = serde_json::from_str(&row.value).unwrap_or_default();
            match snapshot.live.with(&self.config, &row.name, &value) {
                Ok(live) => snapshot.live = live,
                Err(fault) => tracing::error!(setting = row.name, %fault, "a changed setting cannot be used here"),
            }
        }
        for row in data::flag::list(&mut session).await? {
            if let Some(rule) = row.rule() {
                snapshot.flags.0.insert(row.name, rule);
            } else {
                tracing::error!(flag = row.name, "a flag cannot be read here, so it is off");
            }
        }
        snapshot.bindings = data::binding::list(&mut session).await?;
        drop(session);
        tracing::info!(version, "settings and flags were changed");
        self.limits.replace(&snapshot.live.limits);
        self.settings.put(snapshot);
        Ok(true)
    }
}
