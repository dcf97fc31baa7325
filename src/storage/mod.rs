//! Objects: pictures and files, each written once under a name; may use `model` and `config`.
//!
//! An object is kept as a whole; small ones are held in memory as a whole, others come and go in pieces
//! ([`Storage::write`], [`Storage::read`]). Callers bound what they accept. Objects are data of strangers: names are parsed
//! ([`ObjectKey`]), and types come from a closed list, never from the uploader. What is kept beside them and never served
//! has an [`Area`] of its own.
//!
//! **How to add a place to keep them:** a file here with what [`Storage`] asks of one, a variant of it, and the
//! choice in [`Storage::open`]. A `put` that returned must outlive a power cut.

mod area;
pub mod cos;
mod directory;
mod key;
mod lake;
pub mod picture;
mod read;
mod sealed;

pub use area::{Area, file};
pub use cos::{Cos, PostForm, Wanted};
pub use directory::{Directory, Draft as DirectoryDraft};
pub use key::{NotAnObjectKey, ObjectKey};
pub use lake::{Draft, Lake, LakeTable, Published};
pub use read::{Found, Reading};
pub use sealed::{FRAME_BYTES, SealedReading, SealedWriting, Unsealed};

use crate::{
    config,
    model::time::{Clock, Timestamp},
};
use bytes::Bytes;
use std::sync::Arc;

/// A failure of the place where objects are kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be used.
    #[error("storage.directory {directory} cannot be used")]
    Directory {
        /// As set.
        directory: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An object could not be written, read or deleted.
    #[error("storage::{act} of {key} failed")]
    Object {
        /// `put`, `get` or `delete`.
        act: &'static str,
        /// Which object.
        key: ObjectKey,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No HTTP client can be made.
    #[error("no HTTP client for COS")]
    Client(#[source] reqwest::Error),
    /// COS did not do as asked.
    #[error("storage::{act} of {key} failed")]
    Cos {
        /// `put`, `get`, `size`, `write`, `list` or `delete`.
        act: &'static str,
        /// Which object.
        key: ObjectKey,
        /// What came of it.
        #[source]
        source: cos::Failure,
    },
    /// A file of the lake could not be written or read.
    #[error("storage::lake at {path} failed")]
    Lake {
        /// Which file or folder.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// An object as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// All of it.
    pub bytes: Bytes,
    /// MIME type; see [`ObjectKey::content_type`] for what `http` owes to some of them.
    pub content_type: &'static str,
}

/// Where objects are kept. A clone is the same place.
#[derive(Debug, Clone)]
pub enum Storage {
    /// A folder on this machine.
    Directory(Directory),
    /// A bucket, and the folder for what is written before it goes there.
    Cos(Cos, Directory),
}

impl Storage {
    /// Open the place that the settings name; a folder that is not there is made.
    pub async fn open(config: &config::Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let directory = Directory::open(&config.storage.directory).await?;
        Ok(match config.storage.kind {
            config::StorageKind::Directory => Self::Directory(directory),
            config::StorageKind::Cos => Self::Cos(Cos::open(&config.cos, clock)?, directory),
        })
    }
    /// Keep an object; one of that name is replaced as a whole. Once this returned, the object outlives a power cut;
    /// readers see the old one or the new one, never a part.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        match self {
            Self::Directory(directory) => directory.put(key, bytes).await,
            Self::Cos(cos, _) => cos.put(key, bytes).await.map_err(failed("put", key)),
        }
    }
    /// The object, or `None` if there is none of that name.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, Error> {
        match self {
            Self::Directory(directory) => directory.get(key).await,
            Self::Cos(cos, _) => cos.get(key).await.map_err(failed("get", key)),
        }
    }
    /// How many bytes an object has, or `None` if there is none of that name.
    pub async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, Error> {
        match self {
            Self::Directory(directory) => directory.size(key).await,
            Self::Cos(cos, _) => cos.size(key).await.map_err(failed("size", key)),
        }
    }
    /// An object that comes in pieces, of which few are in memory at a time.
    pub async fn write(&self, key: &ObjectKey) -> Result<Writing, Error> {
        Ok(match self {
            Self::Directory(directory) => Writing::Directory(directory.draft(key).await?),
            Self::Cos(cos, _) => Writing::Cos(cos.writing(key)),
        })
    }
    /// Names and bytes of all objects below a prefix, which ends with a slash or is empty; what is never served is left out
    /// unless it is asked for. A name need not be an [`ObjectKey`]. Of a bucket it is what COS knew a moment ago.
    pub async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        match self {
            Self::Directory(directory) => directory.list(prefix).await,
            Self::Cos(cos, _) => {
                let listed = cos.list_all(prefix).await;
                listed.map_err(|source| Error::Cos { act: "list", key: ObjectKey::hidden(prefix, ""), source })
            }
        }
    }
    /// A file of this machine as an object, never in memory as a whole; `told` hears how many bytes more are there. On COS
    /// an upload of it that was broken off is gone on with.
    pub async fn put_file(
        &self,
        key: &ObjectKey,
        path: &std::path::Path,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), Error> {
        match self {
            Self::Directory(directory) => directory.put_file(key, path, told).await,
            Self::Cos(cos, _) => cos.put_file(key, path, told).await,
        }
    }
    /// A form by which a client may put one object without us; `None` where objects are on this machine.
    pub fn form(&self, wanted: &Wanted<'_>) -> Option<PostForm> {
        match self {
            Self::Directory(_) => None,
            Self::Cos(cos, _) => Some(cos.form(wanted)),
        }
    }
    /// Where readers get an object, if not from this server; an address that is signed is good from this time on.
    pub fn public_url(&self, key: &ObjectKey, now: Timestamp) -> Option<url::Url> {
        match self {
            Self::Directory(_) => None,
            Self::Cos(cos, _) => cos.public_url(key, now),
        }
    }
    /// An address from which anybody may read the object until then; `None` where objects are on this machine.
    pub fn lend(&self, key: &ObjectKey, until: Timestamp) -> Option<url::Url> {
        match self {
            Self::Directory(_) => None,
            Self::Cos(cos, _) => Some(cos.lend(key, until)),
        }
    }
    /// Delete an object; `false` if there was none.
    pub async fn delete(&self, key: &ObjectKey) -> Result<bool, Error> {
        match self {
            Self::Directory(directory) => directory.delete(key).await,
            Self::Cos(cos, _) => cos.delete(key).await.map_err(failed("delete", key)),
        }
    }
    /// Where tables for other programs are kept. Nothing of it can be named by an [`ObjectKey`], and so be served.
    pub fn lake(&self) -> Lake {
        match self {
            Self::Directory(directory) => directory.lake(),
            Self::Cos(_, directory) => directory.lake().of_bucket(self),
        }
    }
}

/// An object that comes in pieces. It is there when it is ended, and not before.
#[derive(Debug)]
pub enum Writing {
    /// To a folder.
    Directory(DirectoryDraft),
    /// To a bucket.
    Cos(cos::Writing),
}

impl Writing {
    /// The next piece.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Directory(draft) => draft.write(bytes).await,
            Self::Cos(writing) => writing.write(bytes).await.map_err(failed("write", writing.key())),
        }
    }
    /// The last piece was written: the object is there from now on, also after a power cut.
    pub async fn end(self) -> Result<(), Error> {
        match self {
            Self::Directory(draft) => draft.end().await,
            Self::Cos(writing) => {
                let key = writing.key().clone();
                writing.end().await.map_err(failed("write", &key))
            }
        }
    }
    /// There will be no object, and nothing is left of it.
    pub async fn abandon(self) {
        match self {
            Self::Directory(draft) => drop(draft),
            Self::Cos(writing) => writing.abandon().await,
        }
    }
}

fn failed(act: &'static str, key: &ObjectKey) -> impl FnOnce(cos::Failure) -> Error {
    move |source| Error::Cos { act, key: key.clone(), source }
}
