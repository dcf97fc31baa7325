//! Files of many rows for other programs: a folder a table, in it a folder a day.
//!
//! `events/day=2026-11-23/part-0000.parquet`, and apart from what readers of Parquet look at `manifests/events/2026-11-23.json`.
//! A day is whole when its manifest is there: it is taken away before the file is replaced and comes back after it. What is
//! being written stands in `.draft` until it is whole.
//!
//! With objects in a bucket the lake is there too, see `bucket`; what is being written is in the folder.
//!
//! In the store the lake is `.lake`: no [`ObjectKey`](super::ObjectKey) starts with a dot, so nothing of it is ever served.

mod bucket;

use super::{Area, Error, Storage};
use crate::model::{export::Manifest, time::Day};
use aws_lc_rs::digest::{Context, SHA256};
use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// The one file of a day.
const FILE: &str = "part-0000.parquet";
const MANIFESTS: &str = "manifests";
const DRAFT: &str = ".draft";

/// A place for tables. All acts are of this thread: call them where one may wait.
#[derive(Debug, Clone)]
pub struct Lake {
    root: PathBuf,
    bucket: Option<Storage>,
}

/// A table that is held by this process alone, until it is dropped.
#[derive(Debug)]
pub struct LakeTable {
    name: String,
    folder: PathBuf,
    manifests: PathBuf,
    bucket: Option<bucket::Table>,
    _held: File,
}

/// The file of a day while it is written; reckons its own sum. Dropped, it is gone.
pub struct Draft {
    day: Day,
    path: PathBuf,
    file: File,
    hash: Context,
    bytes: u64,
}

/// Whether a day had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is there now.
    Written,
    /// It was there, the same to the byte.
    Unchanged,
}

impl Lake {
    /// In this folder, which is made when something comes into it.
    pub fn at(root: PathBuf) -> Self {
        Self { root, bucket: None }
    }
    /// In the bucket of this storage; what is being written is in the folder.
    pub(super) fn of_bucket(mut self, storage: &Storage) -> Self {
        self.bucket = Some(storage.clone());
        self
    }
    /// Where it is on this machine.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// Where a table is, for people.
    pub fn place(&self, table: &str) -> String {
        match &self.bucket {
            None => self.root.join(table).display().to_string(),
            Some(_) => format!("{}{table} of the bucket", Area::Lake.prefix()),
        }
    }
    /// Hold a table, make its folder, and clear away what another left unfinished. Refused while another holds it.
    pub fn open(&self, table: &str) -> Result<LakeTable, Error> {
        let (folder, manifests) = (self.root.join(table), self.root.join(MANIFESTS).join(table));
        let open = || {
            let draft = folder.join(DRAFT);
            fs::create_dir_all(&folder)?;
            fs::create_dir_all(&manifests)?;
            let held = File::create(folder.join(".lock"))?;
            held.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => io::Error::other("another export of this table is under way"),
                TryLockError::Error(error) => error,
            })?;
            match fs::remove_dir_all(&draft) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => fs::create_dir(&draft)?,
            }
            let bucket = self.bucket.clone().map(|storage| bucket::Table { storage, name: table.to_owned() });
            let (name, folder, manifests) = (table.to_owned(), folder.clone(), manifests.clone());
            Ok(LakeTable { name, folder, manifests, bucket, _held: held })
        };
        open().map_err(|source| Error::Lake { path: folder.clone(), source })
    }
}

impl LakeTable {
    /// Where its days are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
    /// Begin the file of a day.
    pub fn draft(&self, day: Day) -> Result<Draft, Error> {
        let path = self.folder.join(DRAFT).join(format!("{day}.parquet"));
        match File::create_new(&path) {
            Ok(file) => Ok(Draft { day, path, file, hash: Context::new(&SHA256), bytes: 0 }),
            Err(source) => Err(Error::Lake { path, source }),
        }
    }
    /// What was published of a day, if all of it is there.
    pub fn find(&self, day: Day) -> Result<Option<Manifest>, Error> {
        if let Some(bucket) = &self.bucket {
            return bucket.find(day);
        }
        let path = self.manifest(day);
        let find = || match fs::read(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
            Ok(bytes) => {
                let manifest: Manifest = serde_json::from_slice(&bytes)?;
                let there = fs::metadata(self.day(day).join(FILE)).is_ok_and(|file| file.len() == manifest.bytes);
                Ok(there.then_some(manifest))
            }
        };
        find().map_err(|source| Error::Lake { path: path.clone(), source })
    }
    /// Put a whole file in the place of its day; once this returned, it outlives a power cut.
    #[expect(clippy::needless_pass_by_value, reason = "a draft is published once")]
    pub fn publish(&self, draft: Draft, rows: u64, over: bool) -> Result<(Manifest, Published), Error> {
        let folder = self.day(draft.day);
        let manifest = Manifest {
            table: self.name.clone(),
            day: draft.day,
            time_zone: "Asia/Shanghai".to_owned(),
            over,
            file: FILE.to_owned(),
            rows,
            bytes: draft.bytes,
            sha256: hex::encode(draft.hash.clone().finish()),
        };
        // A manifest that nobody can read any more is replaced.
        if self.find(draft.day).ok().flatten().as_ref() == Some(&manifest) {
            return Ok((manifest, Published::Unchanged));
        }
        if let Some(bucket) = &self.bucket {
            bucket.replace(&draft.path, &manifest)?;
            return Ok((manifest, Published::Written));
        }
        self.replace(&folder, &draft, &manifest).map_err(|source| Error::Lake { path: folder, source })?;
        Ok((manifest, Published::Written))
    }

    fn replace(&self, folder: &Path, draft: &Draft, manifest: &Manifest) -> io::Result<()> {
        draft.file.sync_all()?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            // Nor is a link followed out of the lake.
            _ if !fs::symlink_metadata(folder)?.is_dir() => return Err(ErrorKind::NotADirectory.into()),
            _ => {}
        }
        let place = self.manifest(draft.day);
        match fs::remove_file(&place) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => sync(&self.manifests)?,
        }
        fs::rename(&draft.path, folder.join(FILE))?;
        sync(folder)?;
        sync(&self.folder)?;
        let path = self.folder.join(DRAFT).join("manifest.json");
        let mut file = File::create(&path)?;
        file.write_all(&serde_json::to_vec_pretty(manifest)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&path, place)?;
        // From the manifest up to the lake, any of which may be new.
        self.manifests.ancestors().take(3).try_for_each(sync)
    }

    fn manifest(&self, day: Day) -> PathBuf {
        self.manifests.join(format!("{day}.json"))
    }

    fn day(&self, day: Day) -> PathBuf {
        self.folder.join(format!("day={day}"))
    }
}

impl Drop for LakeTable {
    fn drop(&mut self) {
        // What stays is cleared away by the next who opens it.
        let _ = fs::remove_dir_all(self.folder.join(DRAFT));
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("path", &self.path).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Published, it has another name by now.
        let _ = fs::remove_file(&self.path);
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Day = Day(20_261_123);

    fn lake() -> (tempfile::TempDir, Lake) {
        let home = tempfile::tempdir().unwrap();
        let lake = Lake::at(home.path().join("lake"));
        (home, lake)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.into_iter().map(|name| name.into_string().unwrap()).collect()
    }

    fn put(table: &LakeTable, bytes: &[u8], rows: u64) -> Published {
        let mut draft = table.draft(DAY).unwrap();
        draft.write_all(bytes).unwrap();
        table.publish(draft, rows, true).unwrap().1
    }

    #[test]
    fn a_day_is_whole_when_its_manifest_says_so() {
        let (_home, lake) = lake();
        let table = lake.open("events").unwrap();
        let folder = lake.root().join("events/day=2026-11-23");
        let manifests = lake.root().join("manifests/events");
        assert_eq!(table.find(DAY).unwrap(), None);
        assert_eq!(put(&table, b"abc", 1), Published::Written);
        let manifest = table.find(DAY).unwrap().unwrap();
        assert_eq!((manifest.rows, manifest.bytes), (1, 3));
        assert_eq!(manifest.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((names(&folder), names(&manifests)), (vec![FILE.to_owned()], vec!["2026-11-23.json".to_owned()]));
        assert_eq!(put(&table, b"abc", 1), Published::Unchanged);
        assert_eq!(put(&table, b"abcd", 2), Published::Written);
        assert_eq!(table.find(DAY).unwrap().unwrap().rows, 2);
        // Another file than the one it speaks of: the day is not whole, and is written again.
        fs::write(folder.join(FILE), "abc").unwrap();
        assert_eq!(table.find(DAY).unwrap(), None);
        assert_eq!(put(&table, b"abcd", 2), Published::Written);
        fs::remove_file(manifests.join("2026-11-23.json")).unwrap();
        assert_eq!(table.find(DAY).unwrap(), None);
        drop(table);
        assert_eq!(names(&lake.root().join("events")), [".lock", "day=2026-11-23"], "no draft stays");
    }

    #[test]
    fn what_was_not_finished_is_nowhere_and_is_cleared_away() {
        let (_home, lake) = lake();
        let table = lake.open("events").unwrap();
        table.draft(DAY).unwrap().write_all(b"half").unwrap();
        let mut draft = table.draft(DAY).unwrap();
        draft.write_all(b"half").unwrap();
        // As a process that is killed leaves it.
        std::mem::forget(draft);
        let folder = lake.root().join("events");
        fs::rename(folder.join(DRAFT), folder.join("left")).unwrap();
        drop(table);
        fs::rename(folder.join("left"), folder.join(DRAFT)).unwrap();
        assert_eq!(names(&folder), [DRAFT, ".lock"], "no day");
        let table = lake.open("events").unwrap();
        assert!(names(&folder.join(DRAFT)).is_empty());
        assert_eq!(put(&table, b"abc", 1), Published::Written);
    }

    #[test]
    fn a_table_has_one_writer_at_a_time() {
        let (_home, lake) = lake();
        let first = lake.open("events").unwrap();
        let refused = lake.open("events").unwrap_err();
        let told = std::error::Error::source(&refused).unwrap().to_string();
        assert!(told.contains("another export"), "{told}");
        assert!(lake.open("orders").is_ok());
        drop(first);
        assert!(lake.open("events").is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_day_is_not_followed() {
        let (home, lake) = lake();
        let table = lake.open("events").unwrap();
        let outside = home.path().join("outside");
        fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, lake.root().join("events/day=2026-11-23")).unwrap();
        let draft = table.draft(DAY).unwrap();
        assert!(table.publish(draft, 0, true).is_err());
        assert!(names(&outside).is_empty());
    }
}
