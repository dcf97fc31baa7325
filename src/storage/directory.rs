//! Objects as files of a folder.
//!
//! The folder may itself be a symbolic link; below it links are neither followed nor replaced, so that one that got
//! in by a restored archive cannot lend out the rest of the machine.

use super::{Error, Lake, Object, ObjectKey};
use bytes::Bytes;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::io::{AsyncWriteExt as _, BufWriter};

/// How the names of files begin that are no objects yet; no key starts with a dot.
const DRAFT: &str = ".draft-";
/// Another node may be writing one that is younger.
const DRAFT_AGE: Duration = Duration::from_hours(24);

/// A folder of objects.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Absolute, without links.
    root: Arc<Path>,
}

impl Directory {
    pub(super) async fn open(directory: &Path) -> Result<Self, Error> {
        let wanted = directory.to_owned();
        let root = off_thread(move || {
            fs::create_dir_all(&wanted)?;
            let root = fs::canonicalize(&wanted)?;
            remove_drafts(&root)?;
            Ok(root)
        });
        match root.await {
            Ok(root) => Ok(Self { root: root.into() }),
            Err(source) => Err(Error::Directory { directory: directory.to_owned(), source }),
        }
    }
    pub(super) async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        self.act("put", key, move |root, key| write(root, key, &bytes)).await
    }
    pub(super) async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, Error> {
        self.act("get", key, |root, key| {
            let Some(path) = existing(root, key)? else { return Ok(None) };
            match fs::read(path) {
                Ok(bytes) => Ok(Some(Object { bytes: bytes.into(), content_type: key.content_type() })),
                // Deleted a moment ago.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }
    pub(super) async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, Error> {
        self.act("size", key, |root, key| {
            let Some(path) = existing(root, key)? else { return Ok(None) };
            match fs::metadata(path) {
                Ok(found) => Ok(Some(found.len())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }
    /// An object that comes in pieces. It is there when the draft is ended, and not before.
    pub(super) async fn draft(&self, key: &ObjectKey) -> Result<Draft, Error> {
        let made = self.act("write", key, |root, _| {
            // In the folder itself: what a crash leaves is found there.
            let path = Unfinished(Some(root.join(format!("{DRAFT}{}", random_name()))));
            let file = OpenOptions::new().write(true).create_new(true).open(path.name())?;
            Ok((file, path))
        });
        // Whoever asks may be gone when the file is there: then it goes with its name.
        let (file, path) = made.await?;
        let file = BufWriter::with_capacity(1 << 18, tokio::fs::File::from_std(file));
        Ok(Draft { directory: self.clone(), key: key.clone(), file, path })
    }
    pub(super) async fn delete(&self, key: &ObjectKey) -> Result<bool, Error> {
        self.act("delete", key, |root, key| {
            let Some(path) = existing(root, key)? else { return Ok(false) };
            match fs::remove_file(&path) {
                Ok(()) => sync(path.parent().unwrap_or(root)).map(|()| true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    pub(super) fn lake(&self) -> Lake {
        Lake::at(self.root.join(".lake"))
    }

    async fn act<T: Send + 'static>(
        &self,
        act: &'static str,
        key: &ObjectKey,
        work: impl FnOnce(&Path, &ObjectKey) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (root, name) = (self.root.clone(), key.clone());
        let done = off_thread(move || work(&root, &name)).await;
        done.map_err(|source| Error::Object { act, key: key.clone(), source })
    }
}

/// Disks may take seconds; the threads that answer requests must not wait for them. Work that was begun is finished
/// even when nobody waits for it any more.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The file of an object, if it is a file and no link lies on the way to it.
fn existing(root: &Path, key: &ObjectKey) -> io::Result<Option<PathBuf>> {
    let mut path = root.to_owned();
    let mut segments = key.as_str().split('/').peekable();
    while let Some(segment) = segments.next() {
        path.push(segment);
        let kind = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(error),
        };
        let fits = if segments.peek().is_some() { kind.is_dir() } else { kind.is_file() };
        if !fits {
            return Ok(None);
        }
    }
    Ok(Some(path))
}

/// Write beside the name, flush, rename, flush the folders.
fn write(root: &Path, key: &ObjectKey, bytes: &[u8]) -> io::Result<()> {
    let place = Place::prepare(root, key)?;
    // No key starts with a dot: what a crash leaves here is never served.
    let draft = place.folder.join(format!("{DRAFT}{}", random_name()));
    let kept = write_draft(&draft, bytes).and_then(|()| place.take(&draft));
    if kept.is_err() {
        // The first error is the one to tell; a draft that stays only takes room.
        let _ = fs::remove_file(&draft);
    }
    kept
}

/// Where an object is going to be; its folders are there.
struct Place {
    target: PathBuf,
    folder: PathBuf,
    /// From the root on.
    above: Vec<PathBuf>,
}

impl Place {
    fn prepare(root: &Path, key: &ObjectKey) -> io::Result<Self> {
        let (folders, name) =
            key.as_str().rsplit_once('/').map_or(("", key.as_str()), |(folders, name)| (folders, name));
        let mut folder = root.to_owned();
        let mut above = Vec::new();
        for segment in folders.split('/').filter(|segment| !segment.is_empty()) {
            above.push(folder.clone());
            folder.push(segment);
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ if !fs::symlink_metadata(&folder)?.is_dir() => return Err(ErrorKind::NotADirectory.into()),
                _ => {}
            }
        }
        // A link would be replaced, not followed, but whoever put it there should hear of it.
        let target = folder.join(name);
        if fs::symlink_metadata(&target).is_ok_and(|found| !found.is_file()) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        Ok(Self { target, folder, above })
    }

    /// The draft is the object from now on, also after a power cut.
    fn take(&self, draft: &Path) -> io::Result<()> {
        fs::rename(draft, &self.target)?;
        sync(&self.folder)?;
        // Also those that were there: another upload may have made one a moment ago and not flushed it yet.
        self.above.iter().rev().try_for_each(|folder| sync(folder))
    }
}

/// An object that comes in pieces. Dropped before its end it leaves nothing.
#[derive(Debug)]
pub struct Draft {
    directory: Directory,
    key: ObjectKey,
    file: BufWriter<tokio::fs::File>,
    path: Unfinished,
}

/// The name of a file that is no object yet; the file goes when this does.
#[derive(Debug)]
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn name(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What stays is removed at a later start.
            let _ = fs::remove_file(path);
        }
    }
}

impl Draft {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).await.map_err(|source| self.failed(source))
    }
    pub(super) async fn end(mut self) -> Result<(), Error> {
        self.file.flush().await.map_err(|source| self.failed(source))?;
        self.file.get_ref().sync_all().await.map_err(|source| self.failed(source))?;
        let Self { directory, key, path, .. } = self;
        let take = move |root: &Path, key: &ObjectKey| {
            let mut path = path;
            Place::prepare(root, key)?.take(path.name())?;
            path.0 = None;
            Ok(())
        };
        directory.act("write", &key, take).await
    }
    fn failed(&self, source: io::Error) -> Error {
        Error::Object { act: "write", key: self.key.clone(), source }
    }
}

/// Remove what crashes left of objects that came in pieces.
fn remove_drafts(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let old = || entry.metadata().and_then(|found| found.modified()).ok()?.elapsed().ok();
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(DRAFT));
        if named && old().is_some_and(|age| age > DRAFT_AGE) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write_draft(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Make what was named in a folder last.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn random_name() -> String {
    let mut bytes = [0; 12];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system always has random bytes");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open() -> (tempfile::TempDir, Directory) {
        let home = tempfile::tempdir().unwrap();
        // `open` makes the folder.
        let directory = Directory::open(&home.path().join("objects/here")).await.unwrap();
        (home, directory)
    }

    fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.into_iter().map(|name| name.into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn an_object_comes_back_is_replaced_and_goes() {
        let (_home, directory) = open().await;
        let name = key("product/2026/a.png");
        assert_eq!(directory.get(&name).await.unwrap(), None);
        for bytes in [Bytes::from_static(b"one"), Bytes::new(), Bytes::from(vec![0xff; 1 << 20])] {
            directory.put(&name, bytes.clone()).await.unwrap();
            let object = directory.get(&name).await.unwrap();
            assert_eq!(object, Some(Object { bytes, content_type: "image/png" }));
        }
        assert_eq!(names(&directory.root.join("product/2026")), ["a.png"], "no draft stays");
        assert!(directory.delete(&name).await.unwrap());
        assert!(!directory.delete(&name).await.unwrap());
        assert_eq!(directory.get(&name).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_folder_is_no_object_and_an_object_no_folder() {
        let (_home, directory) = open().await;
        directory.put(&key("a/b"), Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(directory.get(&key("a")).await.unwrap(), None);
        assert!(!directory.delete(&key("a")).await.unwrap());
        assert!(directory.put(&key("a"), Bytes::new()).await.is_err());
        assert_eq!(directory.get(&key("a/b/c")).await.unwrap(), None);
        let refused = directory.put(&key("a/b/c"), Bytes::new()).await.unwrap_err();
        assert_eq!(refused.to_string(), "storage::put of a/b/c failed");
        assert_eq!(names(&directory.root.join("a")), ["b"]);
    }

    #[tokio::test]
    async fn writers_of_one_name_leave_one_whole_object() {
        let (_home, directory) = open().await;
        let name = key("new/folder/a.txt");
        let puts = (0..16_u8).map(|byte| directory.put(&name, Bytes::from(vec![byte; 50_000])));
        assert!(futures_util::future::join_all(puts).await.into_iter().all(|put| put.is_ok()));
        let bytes = directory.get(&name).await.unwrap().unwrap().bytes;
        assert!(bytes.len() == 50_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(names(&directory.root.join("new/folder")), ["a.txt"]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_inside_does_not_lead_out() {
        let (home, directory) = open().await;
        let outside = home.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("a.txt"), "theirs").unwrap();
        std::os::unix::fs::symlink(&outside, directory.root.join("folder")).unwrap();
        std::os::unix::fs::symlink(outside.join("a.txt"), directory.root.join("file.txt")).unwrap();
        for name in ["folder/a.txt", "file.txt"] {
            assert_eq!(directory.get(&key(name)).await.unwrap(), None);
            assert!(!directory.delete(&key(name)).await.unwrap());
            assert!(directory.put(&key(name), Bytes::from_static(b"ours")).await.is_err());
        }
        assert!(directory.put(&key("folder/new/b.txt"), Bytes::new()).await.is_err());
        assert_eq!(names(&outside), ["a.txt"]);
        assert_eq!(fs::read_to_string(outside.join("a.txt")).unwrap(), "theirs");
    }
}
