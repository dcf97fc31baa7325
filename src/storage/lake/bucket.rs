//! A table of the lake in a bucket: the same names below `.lake/` as in a folder, and the same order of writing. Files are
//! written on this machine first, so that one that is given up has never been in the bucket.

use super::{FILE, MANIFESTS};
use crate::{
    model::{export::Manifest, time::Day},
    storage::{Area, Error, ObjectKey, Storage},
};
use std::{io, path::Path};
use tokio::runtime::Handle;

/// The table. All acts are of this thread, which is one that may wait.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) storage: Storage,
    pub(super) name: String,
}

impl Table {
    pub(super) fn find(&self, day: Day) -> Result<Option<Manifest>, Error> {
        let (storage, key) = (&self.storage, self.manifest(day));
        Handle::current().block_on(async {
            let Some(object) = storage.get(&key).await? else { return Ok(None) };
            let manifest: Manifest = serde_json::from_slice(&object.bytes).map_err(|error| unread(&key, error))?;
            let there = storage.size(&self.file(day)).await? == Some(manifest.bytes);
            Ok(there.then_some(manifest))
        })
    }

    /// The day is whole when its manifest is there.
    pub(super) fn replace(&self, draft: &Path, manifest: &Manifest) -> Result<(), Error> {
        let (storage, key) = (&self.storage, self.manifest(manifest.day));
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| unread(&key, error))?;
        Handle::current().block_on(async {
            storage.delete(&key).await?;
            storage.put_file(&self.file(manifest.day), draft, &mut |_| ()).await?;
            storage.put(&key, text.into()).await
        })
    }

    fn manifest(&self, day: Day) -> ObjectKey {
        ObjectKey::hidden(Area::Lake.prefix(), &format!("{MANIFESTS}/{}/{day}.json", self.name))
    }

    fn file(&self, day: Day) -> ObjectKey {
        ObjectKey::hidden(Area::Lake.prefix(), &format!("{}/day={day}/{FILE}", self.name))
    }
}

fn unread(key: &ObjectKey, error: serde_json::Error) -> Error {
    Error::Lake { path: key.as_str().into(), source: io::Error::from(error) }
}
