//! What is kept beside the objects and never served, and files of this machine.

use super::{Directory, Error, ObjectKey, Storage};
use std::path::{Path, PathBuf};

/// Files that are kept and never served: their names are none that a request can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Backups.
    Backup,
    /// Tables for other programs.
    Lake,
}

impl Area {
    /// How names in it begin.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Backup => ".backup/",
            Self::Lake => ".lake/",
        }
    }
    /// A name in it.
    pub fn key(self, name: &ObjectKey) -> ObjectKey {
        ObjectKey::hidden(self.prefix(), name.as_str())
    }
}

/// A file of this machine, as the one object of a folder that is asked for nothing else; the folder is there.
pub async fn file(path: &Path) -> Result<(Storage, ObjectKey), Error> {
    let unnamed =
        || Error::Directory { directory: path.to_owned(), source: std::io::ErrorKind::InvalidFilename.into() };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unnamed)?;
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    let directory = Directory::at(&folder).await?;
    Ok((Storage::Directory(directory), ObjectKey::hidden("", name)))
}
