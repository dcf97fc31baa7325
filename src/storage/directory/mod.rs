//! Objects as files of a folder.
//!
//! The folder may itself be a symbolic link; below it links are neither followed nor replaced, so that one that got
//! in by a restored archive cannot lend out the rest of the machine.

mod draft;

pub use draft::Draft;

use super::{
    Error, Lake, Object, ObjectKey,
    read::{Found, Reading, Source},
};
use crate::model::object::Reader;
use bytes::Bytes;
use draft::{remove_drafts, write};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};
use tokio::io::AsyncReadExt as _;

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
    /// A folder as it is; nothing in it is removed.
    pub(super) async fn at(directory: &Path) -> Result<Self, Error> {
        let wanted = directory.to_owned();
        match off_thread(move || fs::canonicalize(&wanted)).await {
            Ok(root) => Ok(Self { root: root.into() }),
            Err(source) => Err(Error::Directory { directory: directory.to_owned(), source }),
        }
    }
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        self.act("list", &ObjectKey::hidden(prefix, ""), |root, prefix| {
            let mut found = Vec::new();
            walk(&root.join(prefix.as_str()), prefix.as_str(), &mut found)?;
            found.sort();
            Ok(found)
        })
        .await
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
    pub(super) async fn read(&self, key: &ObjectKey, reader: &Reader) -> Result<Option<Found>, Error> {
        let opened = self.act("get", key, |root, key| {
            let Some(path) = existing(root, key)? else { return Ok(None) };
            match File::open(path) {
                Ok(file) => file.metadata().map(|about| Some((file, about))),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        });
        let Some((mut file, about)) = opened.await? else { return Ok(None) };
        let (size, tag) = (about.len(), tag(&about));
        if reader.has(&tag) {
            return Ok(Some(Found::Same(tag)));
        }
        let range = match reader.range_of(&tag).map(|range| range.within(size)) {
            None => 0..size,
            Some(Some(range)) => range,
            Some(None) => return Ok(Some(Found::Beyond(size))),
        };
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start)).map_err(|source| Error::Object {
                act: "get",
                key: key.clone(),
                source,
            })?;
        }
        let source = Source::File(tokio::fs::File::from_std(file), range.end - range.start);
        let content_type = key.content_type();
        Ok(Some(Found::Reading(Reading { content_type, tag, size, range, key: key.clone(), source })))
    }
    pub(super) async fn put_file(
        &self,
        key: &ObjectKey,
        path: &Path,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), Error> {
        let broken = |source| Error::Object { act: "put", key: key.clone(), source };
        let mut file = tokio::fs::File::open(path).await.map_err(broken)?;
        let (mut draft, mut piece) = (self.draft(key).await?, vec![0; 1 << 18]);
        loop {
            match file.read(&mut piece).await.map_err(broken)? {
                0 => return draft.end().await,
                read => {
                    draft.write(&piece[..read]).await?;
                    told(read as u64);
                }
            }
        }
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

/// All files below a folder, with names that begin with `prefix`, which is empty or ends with a slash. What starts with a
/// dot is no object.
fn walk(folder: &Path, prefix: &str, found: &mut Vec<(String, u64)>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), &format!("{prefix}{name}/"), found)?;
        } else if kind.is_file() {
            match entry.metadata() {
                // Deleted a moment ago.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                about => found.push((format!("{prefix}{name}"), about?.len())),
            }
        }
    }
    Ok(())
}

/// Objects are replaced as a whole, by files with times of their own.
fn tag(about: &fs::Metadata) -> String {
    let written = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("\"{:x}-{:x}\"", about.len(), written.as_nanos())
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

/// Make what was named in a folder last.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
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
