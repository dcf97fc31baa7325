//! Claimed: whoever reads an object gets it in pieces, all of it or the part that was asked for, the same from a folder and from
//! a bucket, or is sent to the CDN with a signature; an object that breaks off on its way from the bucket is taken up where it
//! was; large files go up in parts, leave nothing when they are given up, and go on where they stopped; keys that are lent
//! are good for one prefix. What was backed up and wiped comes back with every row and every object; half a backup is none.
//! What rows name and what is there is compared. Tables for other programs are in the bucket too.
//!
//! Shown: on the real application and on the storage by itself, against the simulated COS and STS, which verify every signature
//! and every policy; with the program as people start it.

mod backup;
mod check;
mod cos;
mod lake;
mod tool;
mod view;

use crate::support::{bucket::Bucket, servers::Folder};
use bytes::Bytes;
use std::sync::Arc;
use weizhan::{
    config::Config,
    model::{object::Reader, time::FixedClock},
    storage::{Found, ObjectKey, Storage},
};

/// A storage by itself.
struct House {
    storage: Storage,
    bucket: Option<Bucket>,
    folder: Folder,
}

impl House {
    /// One in a bucket.
    async fn in_bucket() -> Self {
        let (folder, bucket) = (Folder::new("storage"), Bucket::new().await);
        let storage = open(&bucket.config(&folder)).await;
        Self { storage, bucket: Some(bucket), folder }
    }

    /// One in a folder.
    async fn in_folder() -> Self {
        let folder = Folder::new("storage");
        let mut config: Config =
            weizhan::config::DEFAULT.parse::<toml::Table>().unwrap().try_into().expect("the defaults are settings");
        config.storage.directory = folder.path().to_owned();
        Self { storage: open(&config).await, bucket: None, folder }
    }

    /// One of each.
    async fn each() -> [Self; 2] {
        [Self::in_folder().await, Self::in_bucket().await]
    }

    /// Names and sizes in the bucket.
    fn objects(&self) -> Vec<(String, u64)> {
        self.bucket.as_ref().map(|bucket| bucket.cos.objects()).unwrap_or_default()
    }
}

async fn open(config: &Config) -> Storage {
    Storage::open(config, Arc::new(FixedClock::new(crate::support::app::START))).await.unwrap()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

/// Bytes without a pattern, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

/// All that is read of an object, and the largest piece of it.
async fn read(
    storage: &Storage,
    key: &ObjectKey,
    reader: &Reader,
) -> Result<(Vec<u8>, usize), weizhan::storage::Error> {
    let Some(Found::Reading(mut reading)) = storage.read(key, reader).await? else { panic!("{key} is not there") };
    let (mut bytes, mut largest) = (Vec::new(), 0);
    while let Some(piece) = reading.next().await? {
        largest = largest.max(piece.len());
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes, largest))
}

async fn put(storage: &Storage, name: &str, bytes: &[u8]) {
    storage.put(&key(name), Bytes::copy_from_slice(bytes)).await.unwrap();
}
