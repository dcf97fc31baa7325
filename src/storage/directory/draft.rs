//! Files that are no objects yet, and how they become some: whole, or not at all, also in a power cut.

use super::{Directory, sync};
use crate::storage::{Error, ObjectKey};
use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::io::{AsyncWriteExt as _, BufWriter};

/// How the names of files begin that are no objects yet; no key starts with a dot.
const DRAFT: &str = ".draft-";
/// Another node may be writing one that is younger.
const DRAFT_AGE: Duration = Duration::from_hours(24);

impl Directory {
    /// An object that comes in pieces. It is there when the draft is ended, and not before.
    pub(in crate::storage) async fn draft(&self, key: &ObjectKey) -> Result<Draft, Error> {
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
}

/// Write beside the name, flush, rename, flush the folders.
pub(super) fn write(root: &Path, key: &ObjectKey, bytes: &[u8]) -> io::Result<()> {
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
    pub(in crate::storage) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).await.map_err(|source| self.failed(source))
    }
    pub(in crate::storage) async fn end(mut self) -> Result<(), Error> {
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
pub(super) fn remove_drafts(root: &Path) -> io::Result<()> {
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

fn random_name() -> String {
    let mut bytes = [0; 12];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system always has random bytes");
    hex::encode(bytes)
}
