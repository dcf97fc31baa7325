//! A MariaDB of this test process, or a MySQL in its place.

use super::process::{Folder, ServerProcess, free_port, is_root, program};
use std::{
    io::Read,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// MySQL knows root by the name of the machine only, and names are not looked up.
const ROOT_BY_ADDRESS: &str = "CREATE USER IF NOT EXISTS root@'127.0.0.1';\n\
     GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n";

/// A running MariaDB with an empty root password on the loopback.
pub struct Mariadb {
    // Before the folder, so that it is dropped first.
    process: Mutex<ServerProcess>,
    port: u16,
    folder: Folder,
}

/// The MariaDB of this process; the first call makes its data folder and starts it (a few seconds).
pub fn mariadb() -> &'static Mariadb {
    static SERVER: OnceLock<Mariadb> = OnceLock::new();
    SERVER.get_or_init(Mariadb::private)
}

impl Mariadb {
    /// One for a test that will hurt it.
    pub fn private() -> Self {
        let folder = Folder::new("mariadb");
        let copied = Command::new("cp").arg("-R").arg(fresh_data()).arg(folder.path().join("data")).status();
        assert!(copied.is_ok_and(|status| status.success()), "the data folder cannot be copied");
        for _ in 0..5 {
            let port = free_port();
            if let Some(process) = start(folder.path(), port) {
                return Self { process: Mutex::new(process), port, folder };
            }
        }
        panic!("mariadbd does not start; run it by hand to see why");
    }

    /// `mysql://root@127.0.0.1:PORT`, to which a test adds `/` and the name of its own database.
    pub fn url_base(&self) -> String {
        format!("mysql://root@127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server that runs now.
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Kill it without warning, as a power cut of the process would; it stays down until [`Self::restart`].
    pub fn kill9(&self) {
        self.process().kill9();
    }

    /// Start it again on the same data and port; one that still runs is shut down in order before.
    pub fn restart(&self) {
        let mut process = self.process();
        if process.has_ended().is_none() {
            process.terminate();
        }
        process.kill9();
        *process = start(self.folder.path(), self.port).expect("mariadbd starts again");
    }

    /// Send a signal by name: `STOP` freezes it, `CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        self.process().signal(name);
    }

    fn process(&self) -> MutexGuard<'_, ServerProcess> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A data folder as new, made once a process: to copy it is quicker than to make another.
fn fresh_data() -> PathBuf {
    static FRESH: OnceLock<Folder> = OnceLock::new();
    let fresh = FRESH.get_or_init(|| {
        let folder = Folder::new("mariadb-new");
        let data = format!("--datadir={}", folder.path().join("data").display());
        let mut install = if on_mysql() {
            let mut install = Command::new(mysqld());
            install.args(["--no-defaults", "--initialize-insecure", "--secure-file-priv=NULL", "--mysqlx=OFF"]);
            install
        } else {
            let mut install = Command::new(program(&["mariadb-install-db", "mysql_install_db"]));
            install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
            install.args(["--innodb-use-native-aio=0", "--innodb-flush-log-at-trx-commit=0"]);
            install
        };
        let installed = install
            .arg(&data)
            // As root the server insists on being told that it shall stay root.
            .args(is_root().then_some("--user=root"))
            .arg(temporary(folder.path()))
            .stdin(Stdio::null())
            .output()
            .expect("the program that makes a data folder runs");
        let [said, complained] =
            [installed.stdout, installed.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(installed.status.success(), "{install:?}: {said}{complained}");
        folder
    });
    fresh.path().join("data")
}

/// `None` if it ends at once: the port was taken meanwhile.
fn start(folder: &Path, port: u16) -> Option<ServerProcess> {
    let data = format!("--datadir={}", folder.join("data").display());
    let socket = format!("--socket={}", folder.join("socket").display());
    let temporary = temporary(folder);
    let port_option = format!("--port={port}");
    let mut arguments = vec![
        "--no-defaults",
        &data,
        &socket,
        &temporary,
        &port_option,
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        // What the server checks for at start, and what makes an acknowledged write durable.
        "--innodb-flush-log-at-trx-commit=1",
        "--sync-binlog=1",
        // With io_uring MariaDB 10.11 was seen to stand still for good when its pages had to be written.
        "--innodb-use-native-aio=0",
        "--innodb-buffer-pool-size=64M",
        "--performance-schema=OFF",
        "--max-connections=400",
    ];
    if is_root() {
        arguments.push("--user=root");
    }
    let init = folder.join("init.sql");
    let init_option = format!("--init-file={}", init.display());
    let program = if on_mysql() {
        std::fs::write(&init, ROOT_BY_ADDRESS).expect("the folder is writable");
        arguments.extend(["--secure-file-priv=NULL", "--mysqlx=OFF", &init_option]);
        mysqld()
    } else {
        program(&["mariadbd", "mysqld"])
    };
    let mut process = ServerProcess::start(program, &arguments, &[], folder);
    process.wait_ready(|| greets(port)).then_some(process)
}

/// Whether `WEIZHAN_TEST_BACKEND` wants MySQL itself. Benches use this file too, and have no `support`.
fn on_mysql() -> bool {
    std::env::var_os("WEIZHAN_TEST_BACKEND").is_some_and(|backend| backend == "mysql")
}

/// MySQL's server: `WEIZHAN_TEST_MYSQLD`, or what `tests/mysql` made.
fn mysqld() -> PathBuf {
    let made = || concat!(env!("CARGO_MANIFEST_DIR"), "/target/mysql/mysqld").into();
    let path =
        PathBuf::from(std::env::var_os("WEIZHAN_TEST_MYSQLD").filter(|path| !path.is_empty()).unwrap_or_else(made));
    assert!(path.is_file(), "{} is not there; tests/mysql makes it", path.display());
    path
}

/// A server that starts removes what looks like a temporary table of a dead one, also if it belongs to another that
/// is alive: each has a folder of its own for them.
fn temporary(folder: &Path) -> String {
    let path = folder.join("tmp");
    std::fs::create_dir_all(&path).expect("the folder is writable");
    format!("--tmpdir={}", path.display())
}

/// Whether the server sends its greeting: three bytes of length, a number, protocol version 10.
fn greets(port: u16) -> bool {
    let mut head = [0; 5];
    TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        stream.read_exact(&mut head).is_ok() && head[4] == 10
    })
}
