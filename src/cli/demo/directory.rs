//! The directory that `weizhan dev` or `weizhan cluster` lives in.

use crate::cli::private;
use crate::{
    config::{DEV_MARK, DEV_MARK_PLAIN},
    wechat::pay::sign::random_text,
};
use anyhow::{Context as _, ensure};
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// A directory that nobody else uses while this lives.
#[derive(Debug)]
pub(in crate::cli) struct Directory {
    path: PathBuf,
    owner: &'static str,
    _lock: File,
}

/// The file that shows whose the directory is. It is also what a running one holds locked.
fn marker(owner: &str) -> String {
    format!("weizhan-{owner}.txt")
}

impl Directory {
    /// Make it, or find it; `fresh` empties it first. `None` when another process is using it.
    ///
    /// The owner is the command, `dev` or `cluster`. A directory with other people's files and without its marker is
    /// refused, whether it is to be emptied or not.
    pub(in crate::cli) fn open(path: &Path, owner: &'static str, fresh: bool) -> anyhow::Result<Option<Self>> {
        let path = std::path::absolute(path)?;
        let marker = path.join(marker(owner));
        if !marker.exists() {
            let occupied = match fs::read_dir(&path) {
                Ok(mut entries) => entries.next().is_some(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error).with_context(|| format!("{} cannot be used", path.display())),
            };
            let whose = "holds other files; name a directory of its own with --data";
            ensure!(!occupied, "{} {whose}", path.display());
            private::make_folder(&path)?;
            let text = format!(
                "This directory belongs to `weizhan {owner}`: database, uploads, made-up secrets, simulated WeChat.\n\
                 `weizhan {owner} --fresh` deletes everything in it.\n"
            );
            private::write(&marker, &text)?;
        }
        let lock = File::options().read(true).write(true).open(&marker)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).context("the directory cannot be locked"),
        }
        let directory = Self { path, owner, _lock: lock };
        if fresh {
            directory.empty().with_context(|| format!("{} cannot be emptied", directory.path.display()))?;
        }
        private::make_folder(&directory.file("secrets"))?;
        Ok(Some(directory))
    }

    /// Delete everything but the marker, which is locked.
    fn empty(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name() == *marker(self.owner) {
                continue;
            }
            // Of a symbolic link the link itself, never what it points to.
            if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) }?;
        }
        Ok(())
    }

    /// A file or folder in it.
    pub(in crate::cli) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A secret of that name, made up the first time. It carries the mark by which a real server refuses it.
    pub(in crate::cli) fn secret(&self, name: &str, length: usize) -> anyhow::Result<String> {
        let make = || format!("{DEV_MARK}-{}", random_text(length - DEV_MARK.len() - 1));
        private::keep(&self.secret_file(name), make)
    }

    /// The same of letters and digits, as the keys of message push must be.
    pub(in crate::cli) fn plain_secret(&self, name: &str, length: usize) -> anyhow::Result<String> {
        let make = || format!("{DEV_MARK_PLAIN}{}", random_text(length - DEV_MARK_PLAIN.len()));
        private::keep(&self.secret_file(name), make)
    }

    /// Where that secret is kept.
    pub(in crate::cli) fn secret_file(&self, name: &str) -> PathBuf {
        self.path.join("secrets").join(name)
    }
}

/// Where a directory keeps its settings, for whoever does not hold it.
pub(in crate::cli) fn settings_file(directory: &Path) -> PathBuf {
    directory.join("config.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_locked_and_emptied_only_when_it_is_ours() {
        let folder = tempfile::tempdir().expect("folder");
        let (ours, other) = (folder.path().join("ours"), folder.path().join("other"));
        let open = |path: &Path, fresh| Directory::open(path, "dev", fresh).expect("opened");

        let first = open(&ours, true).expect("free");
        let secret = first.secret("a", 32).expect("made");
        assert!(secret.len() == 32 && secret.contains(DEV_MARK));
        assert!(open(&ours, false).is_none() && open(&ours, true).is_none(), "somebody uses it");
        drop(first);
        let second = open(&ours, false).expect("free again");
        assert_eq!(second.secret("a", 32).expect("kept"), secret);
        drop(second);
        let third = open(&ours, true).expect("free again");
        assert_ne!(third.secret("a", 32).expect("made"), secret);

        fs::create_dir(&other).expect("made");
        fs::write(other.join("diary"), "dear").expect("written");
        for fresh in [false, true] {
            assert!(Directory::open(&other, "dev", fresh).expect_err("refused").to_string().contains("other files"));
        }
        assert_eq!(fs::read_to_string(other.join("diary")).expect("there"), "dear");
    }
}
