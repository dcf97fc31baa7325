//! A Redis of this test process.

use super::process::{Folder, ServerProcess, free_port, program};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// A running Redis that keeps nothing on disk: what it holds is gone after a kill, as it may be in production.
pub struct Redis {
    // Before the folder, so that it is dropped first.
    process: Mutex<ServerProcess>,
    port: u16,
    folder: Folder,
}

/// The Redis of this process; the first call starts it.
pub fn redis() -> &'static Redis {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    SERVER.get_or_init(Redis::private)
}

impl Redis {
    /// One for a test that will hurt it.
    pub fn private() -> Self {
        let folder = Folder::new("redis");
        for _ in 0..5 {
            let port = free_port();
            if let Some(process) = start(folder.path(), port) {
                return Self { process: Mutex::new(process), port, folder };
            }
        }
        panic!("redis-server does not start; run it by hand to see why");
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server that runs now.
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Kill it without warning; it stays down until [`Self::restart`].
    pub fn kill9(&self) {
        self.process().kill9();
    }

    /// Start it again, empty, on the same port; one that still runs is killed before.
    pub fn restart(&self) {
        let mut process = self.process();
        process.kill9();
        *process = start(self.folder.path(), self.port).expect("redis-server starts again");
    }

    /// Send a signal by name: `STOP` freezes it, `CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        self.process().signal(name);
    }

    fn process(&self) -> MutexGuard<'_, ServerProcess> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` if it ends at once: the port was taken meanwhile.
fn start(folder: &Path, port: u16) -> Option<ServerProcess> {
    let port_text = port.to_string();
    let arguments =
        ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--databases", "4096"];
    let program = program(&["redis-server", "valkey-server"]);
    let mut process = ServerProcess::start(program, &arguments, &[], folder);
    process.wait_ready(|| answers(port)).then_some(process)
}

fn answers(port: u16) -> bool {
    let mut answer = [0; 5];
    TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"+PONG"
    })
}
