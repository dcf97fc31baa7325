//! A `RabbitMQ` of this test process.
//!
//! Erlang's nodes find each other by a port mapper, which the first of them would start and leave behind. Here it is a
//! process of ours on a port of its own, started before the broker, so that nothing is left and nothing of the machine's is
//! touched.

use super::process::{Folder, ServerProcess, free_port, wait_until};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// A running broker, alone.
pub struct Rabbitmq {
    // Before the folder, so that they are dropped first; the broker before its port mapper.
    process: Mutex<ServerProcess>,
    _mapper: ServerProcess,
    place: Place,
    _folder: Folder,
}

/// Where a broker is: the same after each start.
struct Place {
    script: PathBuf,
    folder: PathBuf,
    port: u16,
    distribution_port: u16,
    mapper_port: u16,
}

/// The `RabbitMQ` of this process; the first call starts it. `None` where none is installed.
pub fn rabbitmq() -> Option<&'static Rabbitmq> {
    static SERVER: OnceLock<Option<Rabbitmq>> = OnceLock::new();
    SERVER.get_or_init(Rabbitmq::private).as_ref()
}

/// The script of Debian's package `rabbitmq-server` that runs as whoever calls it.
fn script() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/rabbitmq/lib").ok()?;
    let scripts = versions.flatten().map(|version| version.path().join("sbin/rabbitmq-server"));
    scripts.filter(|script| script.is_file() && Path::new("/usr/bin/epmd").exists()).max()
}

impl Rabbitmq {
    /// One for a test that will hurt it. `None` where none is installed.
    pub fn private() -> Option<Self> {
        let script = script()?;
        for _ in 0..5 {
            let folder = Folder::new("rabbitmq");
            let (port, distribution_port, mapper_port) = (free_port(), free_port(), free_port());
            let settings = format!("listeners.tcp.local = 127.0.0.1:{port}\nlog.file = false\nlog.console = true\n");
            std::fs::write(folder.path().join("rabbitmq.conf"), settings).expect("the folder is writable");
            std::fs::write(folder.path().join("plugins"), "[].\n").expect("the folder is writable");
            let arguments = ["-port", &mapper_port.to_string(), "-address", "127.0.0.1"];
            let mut mapper = ServerProcess::start("/usr/bin/epmd", &arguments, &[], folder.path());
            if !mapper.wait_ready(|| TcpStream::connect(("127.0.0.1", mapper_port)).is_ok()) {
                continue;
            }
            let path = folder.path().to_owned();
            let place = Place { script: script.clone(), folder: path, port, distribution_port, mapper_port };
            if let Some(process) = place.start() {
                return Some(Self { process: Mutex::new(process), _mapper: mapper, place, _folder: folder });
            }
        }
        panic!("RabbitMQ does not start; run it by hand to see why");
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.place.port
    }

    /// Kill it without warning; it stays down until [`Self::restart`].
    pub fn kill9(&self) {
        self.process().kill9();
    }

    /// Start it again on the same port, with what it has on its disk.
    pub fn restart(&self) {
        let mut process = self.process();
        process.kill9();
        *process = self.place.start().expect("RabbitMQ starts again");
    }

    /// Wait until it has written down that it has a quorum queue of this name. `RabbitMQ` 3.10 does so a moment after it has
    /// declared it; if it is killed before, it finds the log of the queue no more, and begins a new one.
    pub fn settle(&self, queue: &str) {
        let node = format!("weizhan-{}@localhost", self.place.port);
        let names = self.place.folder.join(format!("mnesia/{node}/quorum/{node}/names.dets"));
        let name = format!("%2F_{queue}").into_bytes();
        let written = wait_until(|| {
            let text = std::fs::read(&names).unwrap_or_default();
            text.windows(name.len()).any(|part| part == name)
        });
        assert!(written, "{queue} is not written down");
    }

    fn process(&self) -> MutexGuard<'_, ServerProcess> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// `None` if it ends at once: a port was taken meanwhile.
    fn start(&self) -> Option<ServerProcess> {
        let within = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let environment = [
            // It finds its cookie at home.
            ("HOME", within("")),
            ("ERL_EPMD_PORT", self.mapper_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODENAME", format!("weizhan-{}@localhost", self.port)),
            ("RABBITMQ_NODE_PORT", self.port.to_string()),
            ("RABBITMQ_DIST_PORT", self.distribution_port.to_string()),
            ("RABBITMQ_CONF_ENV_FILE", within("rabbitmq-env.conf")),
            ("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", within("advanced.config")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", within("plugins")),
            ("RABBITMQ_MNESIA_BASE", within("mnesia")),
            ("RABBITMQ_LOG_BASE", within("log")),
            ("RABBITMQ_PID_FILE", within("pid")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
            // The script becomes the broker instead of starting it as a child that would outlive it.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ];
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut process = ServerProcess::start(&self.script, &[], &environment, &self.folder);
        process.wait_ready(|| answers(self.port)).then_some(process)
    }
}

/// Whether it greets: the first frame of AMQP 0-9-1 comes from the server once it is named.
fn answers(port: u16) -> bool {
    let mut first = [0];
    TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        stream.write_all(b"AMQP\x00\x00\x09\x01").is_ok() && stream.read_exact(&mut first).is_ok() && first == [1]
    })
}
