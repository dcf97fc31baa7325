//! A `ZooKeeper` of this test process.

use super::process::{Folder, ServerProcess, free_port};
use crate::support::variable;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::OnceLock,
    time::Duration,
};

/// A running server, alone.
pub struct Zookeeper {
    // Before the folder, so that it is dropped first.
    _process: ServerProcess,
    port: u16,
    _folder: Folder,
}

/// The `ZooKeeper` of this process; the first call starts it. `None` where none is installed.
pub fn zookeeper() -> Option<&'static Zookeeper> {
    static SERVER: OnceLock<Option<Zookeeper>> = OnceLock::new();
    SERVER.get_or_init(|| classes().map(|classes| Zookeeper::start(&classes))).as_ref()
}

/// Its classes: those of Debian's package `zookeeper`, or a class path of `WEIZHAN_TEST_ZOOKEEPER`, such as the folder of
/// jars in `PyPI`'s `pyspark` with `/*` behind it.
fn classes() -> Option<String> {
    let packaged = "/usr/share/java/zookeeper.jar";
    let java = Path::new("/usr/bin/java").exists();
    variable("WEIZHAN_TEST_ZOOKEEPER").or_else(|| (java && Path::new(packaged).exists()).then(|| packaged.to_owned()))
}

impl Zookeeper {
    fn start(classes: &str) -> Self {
        let folder = Folder::new("zookeeper");
        for _ in 0..5 {
            let port = free_port();
            let data = folder.path().join("data");
            // Sessions may live from 1 to 10 seconds.
            let settings = format!(
                "tickTime=500\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n\
                 4lw.commands.whitelist=srvr\nmaxClientCnxns=0\n",
                data.display()
            );
            std::fs::write(folder.path().join("zoo.cfg"), settings).expect("the folder is writable");
            let main = "org.apache.zookeeper.server.ZooKeeperServerMain";
            let arguments = ["-Xmx128m", "-cp", classes, main, "zoo.cfg"];
            let mut process = ServerProcess::start("java", &arguments, &[], folder.path());
            if process.wait_ready(|| answers(port)) {
                return Self { _process: process, port, _folder: folder };
            }
        }
        panic!("ZooKeeper does not start; run it by hand to see why");
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn answers(port: u16) -> bool {
    let mut answer = String::new();
    TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let asked = stream.write_all(b"srvr").is_ok() && stream.read_to_string(&mut answer).is_ok();
        asked && answer.contains("Mode:")
    })
}
