//! Folders and files that only their owner may read.

use anyhow::Context as _;
use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Make a folder, and those above it, that nobody else may enter; one that is there is left as it is.
pub(super) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("{} cannot be made", path.display()))
}

/// Write a file whole: a kill leaves the old one, the new one or none, never a part.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let attempt = || -> io::Result<()> {
        let fresh = path.with_extension("new");
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    attempt().with_context(|| format!("{} cannot be written", path.display()))
}

/// The text of a file, made up and written when there is none.
pub(super) fn keep(path: &Path, make: impl FnOnce() -> String) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = make();
            write(path, &format!("{text}\n"))?;
            Ok(text)
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("deep/er/secret");
        make_folder(path.parent().expect("parent")).expect("made");
        assert_eq!(keep(&path, || "first".to_owned()).expect("kept"), "first");
        assert_eq!(keep(&path, || "second".to_owned()).expect("kept"), "first");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().expect("parent"))), (0o600, 0o700));
        }
        assert_eq!(fs::read_dir(folder.path().join("deep/er")).expect("folder").count(), 1, "no leftovers");
    }
}
