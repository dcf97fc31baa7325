//! Objects on the disk: bytes in files of random names, and beside them a file that says what they are.
//!
//! Names of objects are never names of files, so no object leads out of the folder, and names that differ in case, or
//! of which one is a folder of another, stay apart on every disk. What describes an object is written beside its
//! place, flushed and renamed there: a kill leaves the old object or the new one. Bytes that nothing names are removed
//! at the next start.

use super::error::Refusal;
use crate::{model::time::Timestamp, simulator::Error, storage::cos::CRC64, wechat::pay::sign::random_text};
use aws_lc_rs::digest;
use axum::http::StatusCode;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::io::{AsyncWriteExt as _, BufWriter};

/// Headers that belong to an object, and `x-cos-meta-*`, by name in lower case.
pub(super) type About = BTreeMap<String, String>;

/// An object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) bytes: Piece,
    pub(super) etag: String,
    pub(super) about: About,
}

/// Bytes on the disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Piece {
    file: String,
    pub(super) size: u64,
    pub(super) md5: String,
    pub(super) crc64: u64,
    pub(super) written_ms: Timestamp,
}

/// An upload in parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) about: About,
    pub(super) begun_ms: Timestamp,
    pub(super) parts: BTreeMap<u32, Piece>,
}

/// A folder of objects.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    objects: BTreeMap<String, Arc<Object>>,
    uploads: BTreeMap<String, Upload>,
}

const BYTES: &str = "bytes";
const OBJECTS: &str = "objects";
const UPLOADS: &str = "uploads";

impl Store {
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        for folder in [BYTES, OBJECTS, UPLOADS] {
            fs::create_dir_all(root.join(folder)).map_err(Error::file(root))?;
        }
        let objects: Vec<Object> = read_all(&root.join(OBJECTS))?;
        let uploads: Vec<Upload> = read_all(&root.join(UPLOADS))?;
        let parts = uploads.iter().flat_map(|upload| upload.parts.values());
        let named: HashSet<&str> =
            objects.iter().map(|object| &object.bytes).chain(parts).map(|piece| piece.file.as_str()).collect();
        for entry in fs::read_dir(root.join(BYTES)).map_err(Error::file(root))? {
            let entry = entry.map_err(Error::file(root))?;
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                fs::remove_file(entry.path()).map_err(Error::file(root))?;
            }
        }
        let objects = objects.into_iter().map(|object| (object.key.clone(), Arc::new(object))).collect();
        let uploads = uploads.into_iter().map(|upload| (upload.id.clone(), upload)).collect();
        Ok(Self { root: root.to_owned(), index: Mutex::new(Index { objects, uploads }) })
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        // The index changes after the disk did, in one step.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, folder: &str, name: &str) -> PathBuf {
        let name = hex::encode(digest::digest(&digest::SHA256, name.as_bytes()));
        self.root.join(folder).join(format!("{name}.json"))
    }

    pub(super) fn object(&self, key: &str) -> Option<Arc<Object>> {
        self.lock().objects.get(key).cloned()
    }

    /// Objects from a name on, in the order of bytes.
    pub(super) fn objects_from(&self, first: &str, prefix: &str) -> Vec<Arc<Object>> {
        let first = first.max(prefix).to_owned();
        let index = self.lock();
        let found = index.objects.range(first..).map(|(_, object)| object);
        found.take_while(|object| object.key.starts_with(prefix)).cloned().collect()
    }

    pub(super) fn uploads(&self, prefix: &str) -> Vec<Upload> {
        let index = self.lock();
        let mut found: Vec<_> =
            index.uploads.values().filter(|upload| upload.key.starts_with(prefix)).cloned().collect();
        found.sort_by(|one, other| (&one.key, &one.id).cmp(&(&other.key, &other.id)));
        found
    }

    pub(super) fn upload(&self, key: &str, id: &str) -> Result<Upload, Refusal> {
        let found = self.lock().uploads.get(id).filter(|upload| upload.key == key).cloned();
        found.ok_or_else(no_upload)
    }

    /// A place for bytes that come one after the other.
    pub(super) async fn draft(self: &Arc<Self>) -> Result<Draft, Refusal> {
        let name = random_text(32);
        let path = self.root.join(BYTES).join(&name);
        let file = tokio::fs::File::create_new(&path).await.map_err(|error| Refusal::internal(&error))?;
        Ok(Draft {
            file: BufWriter::with_capacity(1 << 18, file),
            path: Some(path),
            name,
            md5: Md5::new(),
            crc64: CRC64.digest(),
            size: 0,
        })
    }

    pub(super) async fn read(&self, piece: &Piece) -> io::Result<tokio::fs::File> {
        tokio::fs::File::open(self.root.join(BYTES).join(&piece.file)).await
    }

    /// Put an object in its place; `keep` refuses if there is one.
    pub(super) async fn put(self: &Arc<Self>, object: Object, keep: bool) -> Result<Arc<Object>, Refusal> {
        self.act(move |store| {
            let mut index = store.lock();
            let old = index.objects.get(&object.key).cloned();
            if keep && old.is_some() {
                store.drop_bytes(&object.bytes);
                let message = "The object you specified already exists and can not be overwritten.";
                return Err(Refusal::new(StatusCode::CONFLICT, "FileAlreadyExists", message));
            }
            store.write(&store.place(OBJECTS, &object.key), &object)?;
            let object = Arc::new(object);
            index.objects.insert(object.key.clone(), object.clone());
            drop(index);
            if let Some(old) = old {
                store.drop_bytes(&old.bytes);
            }
            Ok(object)
        })
        .await
    }

    pub(super) async fn delete(self: &Arc<Self>, key: &str) -> Result<(), Refusal> {
        let key = key.to_owned();
        self.act(move |store| {
            let mut index = store.lock();
            let Some(old) = index.objects.get(&key).cloned() else { return Ok(()) };
            store.remove(OBJECTS, &key)?;
            index.objects.remove(&key);
            store.drop_bytes(&old.bytes);
            Ok(())
        })
        .await
    }

    /// Keep an upload that begins.
    pub(super) async fn begin(self: &Arc<Self>, upload: Upload) -> Result<(), Refusal> {
        self.act(move |store| {
            store.write(&store.place(UPLOADS, &upload.id), &upload)?;
            store.lock().uploads.insert(upload.id.clone(), upload);
            Ok(())
        })
        .await
    }

    /// Keep a part; one of that number is replaced.
    pub(super) async fn add(self: &Arc<Self>, key: &str, id: &str, number: u32, piece: Piece) -> Result<(), Refusal> {
        let (key, id) = (key.to_owned(), id.to_owned());
        self.act(move |store| {
            // Under the lock as a whole, or two parts at a time would forget each other.
            let mut index = store.lock();
            let found = index.uploads.get(&id).filter(|upload| upload.key == key);
            let Some(mut upload) = found.cloned() else {
                store.drop_bytes(&piece);
                return Err(no_upload());
            };
            let old = upload.parts.insert(number, piece);
            store.write(&store.place(UPLOADS, &id), &upload)?;
            index.uploads.insert(id, upload);
            drop(index);
            if let Some(old) = old {
                store.drop_bytes(&old);
            }
            Ok(())
        })
        .await
    }

    /// Forget an upload with all its parts; those that became an object live there by other bytes.
    pub(super) async fn end(self: &Arc<Self>, key: &str, id: &str) -> Result<(), Refusal> {
        let upload = self.upload(key, id)?;
        self.act(move |store| {
            let mut index = store.lock();
            store.remove(UPLOADS, &upload.id)?;
            let ended = index.uploads.remove(&upload.id);
            drop(index);
            ended.iter().flat_map(|upload| upload.parts.values()).for_each(|piece| store.drop_bytes(piece));
            Ok(())
        })
        .await
    }

    /// Remove bytes that became nothing.
    pub(super) async fn forget(&self, piece: &Piece) {
        // What stays is removed at the next start.
        let _ = tokio::fs::remove_file(self.root.join(BYTES).join(&piece.file)).await;
    }

    /// Disks may take long; the threads that answer must not wait. What was begun ends, even if nobody waits for it.
    async fn act<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.map_err(|error| Refusal::internal(&io::Error::other(error)))?
    }

    fn write(&self, path: &Path, record: &impl Serialize) -> Result<(), Refusal> {
        let draft = self.root.join(format!("draft-{}", random_text(16)));
        let write = || {
            use io::Write as _;
            let mut file = fs::File::create_new(&draft)?;
            file.write_all(&serde_json::to_vec(record).map_err(io::Error::other)?)?;
            file.sync_all()?;
            fs::rename(&draft, path)?;
            fs::File::open(path.parent().unwrap_or(path))?.sync_all()
        };
        write().map_err(|error| {
            // The first error is the one to tell.
            let _ = fs::remove_file(&draft);
            Refusal::internal(&error)
        })
    }

    fn remove(&self, folder: &str, name: &str) -> Result<(), Refusal> {
        let path = self.place(folder, name);
        let remove = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs::File::open(self.root.join(folder))?.sync_all()
        };
        remove().map_err(|error| Refusal::internal(&error))
    }

    fn drop_bytes(&self, piece: &Piece) {
        // What stays is removed at the next start.
        let _ = fs::remove_file(self.root.join(BYTES).join(&piece.file));
    }
}

fn no_upload() -> Refusal {
    Refusal::missing("NoSuchUpload", "The specified multipart upload does not exist.")
}

fn read_all<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        let text = fs::read(&path).map_err(Error::file(&path))?;
        all.push(serde_json::from_slice(&text).map_err(|error| Error::file(&path)(error.into()))?);
    }
    Ok(all)
}

/// Bytes that are coming in. Dropped before its end it leaves nothing.
pub(super) struct Draft {
    file: BufWriter<tokio::fs::File>,
    path: Option<PathBuf>,
    name: String,
    md5: Md5,
    crc64: crc::Digest<'static, u64, crc::Table<16>>,
    pub(super) size: u64,
}

impl Draft {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.md5.update(bytes);
        self.crc64.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).await.map_err(|error| Refusal::internal(&error))
    }

    pub(super) async fn end(mut self, now: Timestamp) -> Result<Piece, Refusal> {
        self.file.flush().await.map_err(|error| Refusal::internal(&error))?;
        self.file.get_ref().sync_all().await.map_err(|error| Refusal::internal(&error))?;
        self.path = None;
        Ok(Piece {
            file: std::mem::take(&mut self.name),
            size: self.size,
            md5: hex::encode(self.md5.finalize_reset()),
            crc64: self.crc64.clone().finalize(),
            written_ms: now,
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What stays is removed at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bytes(store: &Arc<Store>, text: &str) -> Piece {
        let mut draft = store.draft().await.expect("draft");
        draft.write(text.as_bytes()).await.expect("written");
        draft.end(Timestamp(1)).await.expect("ended")
    }

    fn object(key: &str, bytes: Piece) -> Object {
        Object { key: key.to_owned(), etag: bytes.md5.clone(), bytes, about: About::new() }
    }

    fn files(folder: &Path, name: &str) -> usize {
        fs::read_dir(folder.join(name)).expect("folder").count()
    }

    #[tokio::test]
    async fn what_was_put_is_there_after_a_restart_and_nothing_else() {
        let home = tempfile::tempdir().expect("folder");
        let store = Arc::new(Store::open(home.path()).expect("open"));
        for key in ["a", "a/b", "A", "../../a"] {
            let piece = bytes(&store, key).await;
            store.put(object(key, piece), false).await.expect("put");
        }
        let again = bytes(&store, "again").await;
        assert!(store.put(object("a", again), true).await.is_err());
        store.delete("A").await.expect("deleted");
        let upload = Upload {
            id: "u".to_owned(),
            key: "film".to_owned(),
            about: About::new(),
            begun_ms: Timestamp(1),
            parts: BTreeMap::new(),
        };
        store.begin(upload).await.expect("begun");
        for text in ["one", "other"] {
            store.add("film", "u", 1, bytes(&store, text).await).await.expect("added");
        }
        drop(store.draft().await.expect("draft"));
        assert_eq!(files(home.path(), BYTES), 4, "three objects and a part");
        // As after a kill.
        fs::write(home.path().join(BYTES).join("orphan"), "x").expect("written");
        drop(store);

        let store = Store::open(home.path()).expect("open");
        let keys: Vec<_> = store.objects_from("", "").iter().map(|object| object.key.clone()).collect();
        assert_eq!(keys, ["../../a", "a", "a/b"]);
        let file = &store.object("a").expect("there").bytes.file;
        assert_eq!(fs::read(home.path().join(BYTES).join(file)).expect("bytes"), b"a");
        let part = &store.upload("film", "u").expect("there").parts[&1];
        assert_eq!(fs::read(home.path().join(BYTES).join(&part.file)).expect("bytes"), b"other");
        assert_eq!((files(home.path(), BYTES), files(home.path(), OBJECTS)), (4, 3));
    }
}
