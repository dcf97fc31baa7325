//! The programs of other people that a cluster needs, and how to get them.

use anyhow::bail;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// Where servers are that do not stand in everybody's PATH.
const FOLDERS: [&str; 6] =
    ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/homebrew/sbin"];

/// What was found.
#[derive(Debug)]
pub(super) struct Programs {
    /// The server of MySQL or MariaDB.
    pub(super) mysqld: PathBuf,
    /// What makes a data folder of MariaDB; MySQL's server does that itself.
    pub(super) install_db: Option<PathBuf>,
    /// Redis or Valkey, if it is wanted.
    pub(super) redis: Option<PathBuf>,
    /// nginx.
    pub(super) nginx: PathBuf,
}

/// All of them, or an error that names each that is missing and how to install it.
pub(super) fn find(path: Option<&OsStr>, mysqld: Option<PathBuf>, with_redis: bool) -> anyhow::Result<Programs> {
    let mut missing = Vec::new();
    let mysqld = mysqld.or_else(|| first(path, &["mariadbd", "mysqld"]));
    let mariadb = mysqld.as_deref().is_some_and(is_mariadb);
    let install_db = mariadb.then(|| first(path, &["mariadb-install-db", "mysql_install_db"])).flatten();
    if mysqld.is_none() || (mariadb && install_db.is_none()) {
        missing.push("MariaDB or MySQL: apt-get install mariadb-server · brew install mariadb");
    }
    let redis = with_redis.then(|| first(path, &["redis-server", "valkey-server"])).flatten();
    if with_redis && redis.is_none() {
        missing
            .push("Redis or Valkey: apt-get install redis-server · brew install redis; or go without: --without-redis");
    }
    let nginx = first(path, &["nginx"]);
    if nginx.is_none() {
        missing.push("nginx: apt-get install nginx-light · brew install nginx");
    }
    match (mysqld, nginx) {
        (Some(mysqld), Some(nginx)) if missing.is_empty() => Ok(Programs { mysqld, install_db, redis, nginx }),
        _ => bail!(
            "this machine lacks what a cluster is made of (weizhan dev needs none of it):\n  {}\nNo service has to run: \
             the cluster starts private ones.",
            missing.join("\n  ")
        ),
    }
}

fn first(path: Option<&OsStr>, names: &[&str]) -> Option<PathBuf> {
    let searched: Vec<PathBuf> = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let folders = || searched.iter().map(PathBuf::as_path).chain(FOLDERS.iter().map(Path::new));
    names.iter().find_map(|name| folders().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

fn is_mariadb(mysqld: &Path) -> bool {
    let said = Command::new(mysqld).arg("--version").output();
    said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("MariaDB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_all_at_once() {
        // A server that is no file stands for one that was not found.
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(first(Some(folder.path().as_os_str()), &["weizhan-no-such-program"]), None);
        std::fs::write(folder.path().join("weizhan-such-a-program"), "").expect("written");
        assert!(first(Some(folder.path().as_os_str()), &["none", "weizhan-such-a-program"]).is_some());
    }
}
