//! The private MariaDB or MySQL.

use super::{
    process::{Guard, Process},
    programs::Programs,
};
use crate::cli::{demo::directory::Directory, private};
use anyhow::{Context as _, ensure};
use std::{fs, io::Read as _, net::TcpStream, path::Path, process::Stdio, time::Duration};
use tokio::process::Command;

/// How long the server may take to greet: it may have to recover first.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server with the one database `weizhan`.
pub(super) struct Database {
    pub(super) process: Process,
    /// How nodes reach it; carries the password.
    pub(super) url: String,
    pub(super) port: u16,
}

/// Start it on this port; the first time its data folder is made.
pub(super) async fn start(
    guard: &Guard,
    programs: &Programs,
    directory: &Directory,
    port: u16,
) -> anyhow::Result<Database> {
    let (home, logs) = (directory.file("database"), directory.file("logs"));
    let temporary = directory.file("database-tmp");
    private::make_folder(&temporary)?;
    if !home.exists() {
        make(programs, directory, &temporary).await?;
    }
    let password = directory.plain_secret("database_password", 32)?;
    let init = directory.file("database.sql");
    private::write(&init, &accounts(&password, programs.install_db.is_some()))?;
    let mut command = Command::new(&programs.mysqld);
    command.arg("--no-defaults").args(common(&home, &temporary)).args([
        &format!("--init-file={}", init.display()),
        &format!("--port={port}"),
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        // Beside the data: an address of a file may be a hundred characters long, and a directory more.
        "--socket=mysqld.sock",
        "--character-set-server=utf8mb4",
        // What an acknowledged write needs to survive.
        "--innodb-flush-log-at-trx-commit=1",
        "--sync-binlog=1",
        "--innodb-buffer-pool-size=128M",
        "--max-connections=500",
    ]);
    if programs.install_db.is_none() {
        command.args(MYSQL_ONLY);
    }
    command.stdin(Stdio::null()).current_dir(&home);
    let mut process = guard.start("database", command, &logs)?;
    process.wait_ready(PATIENCE, || greets(port)).await?;
    let url = format!("mysql://weizhan:{password}@127.0.0.1:{port}/weizhan");
    Ok(Database { process, url, port })
}

/// What MariaDB does not know.
const MYSQL_ONLY: &[&str] = &["--mysqlx=OFF", "--secure-file-priv=NULL"];

fn common(home: &Path, temporary: &Path) -> Vec<String> {
    let mut options = vec![
        format!("--datadir={}", home.display()),
        format!("--tmpdir={}", temporary.display()),
        // With io_uring MariaDB 10.11 was seen to stand still for good when its pages had to be written.
        "--innodb-use-native-aio=0".to_owned(),
    ];
    if rustix::process::geteuid().is_root() {
        // As root the server insists on being told that it shall stay root.
        options.push("--user=root".to_owned());
    }
    options
}

/// A data folder appears whole or not at all.
async fn make(programs: &Programs, directory: &Directory, temporary: &Path) -> anyhow::Result<()> {
    let fresh = directory.file("database.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    let mut command = Command::new(programs.install_db.as_ref().unwrap_or(&programs.mysqld));
    if programs.install_db.is_some() {
        command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    } else {
        command.args(["--no-defaults", "--initialize-insecure"]).args(MYSQL_ONLY);
    }
    command.args(common(&fresh, temporary)).stdin(Stdio::null()).kill_on_drop(true);
    let made = command.output().await.context("the program that makes a data folder does not start")?;
    let told = [made.stdout, made.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    ensure!(made.status.success(), "the data folder of the database cannot be made:\n{told}");
    fs::rename(&fresh, directory.file("database")).context("the data folder cannot be put in its place")
}

/// Run at each start before anybody is let in, one statement a line. Nobody gets in without the password, not even root.
fn accounts(password: &str, mariadb: bool) -> String {
    let mut lines = vec![
        "CREATE DATABASE IF NOT EXISTS weizhan CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;".to_owned(),
        format!("CREATE USER IF NOT EXISTS 'weizhan'@'127.0.0.1' IDENTIFIED BY '{password}';"),
        "GRANT ALL ON weizhan.* TO 'weizhan'@'127.0.0.1';".to_owned(),
        format!("ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';"),
    ];
    if mariadb {
        lines.extend([
            "DROP USER IF EXISTS 'root'@'127.0.0.1';".to_owned(),
            "DROP USER IF EXISTS 'root'@'::1';".to_owned(),
        ]);
    }
    lines.join("\n") + "\n"
}

/// Whether the server sends its greeting: three bytes of length, a number, protocol version 10.
fn greets(port: u16) -> bool {
    let mut head = [0; 5];
    TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        stream.read_exact(&mut head).is_ok() && head[4] == 10
    })
}
