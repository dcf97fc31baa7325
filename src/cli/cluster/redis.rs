//! The private Redis. It keeps nothing on disk: what it holds may go at any moment.

use super::process::{Guard, Process};
use crate::cli::{demo::directory::Directory, private};
use std::{net::TcpStream, path::Path, process::Stdio, time::Duration};
use tokio::process::Command;

/// Start it on this port; gives its address, which carries the password.
pub(super) async fn start(
    guard: &Guard,
    program: &Path,
    directory: &Directory,
    port: u16,
) -> anyhow::Result<(Process, String)> {
    let password = directory.plain_secret("redis_password", 32)?;
    let file = directory.file("redis.conf");
    // A file, because everybody can read a command line.
    let text = format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\nmaxmemory 256mb\n\
         maxmemory-policy allkeys-lru\n"
    );
    private::write(&file, &text)?;
    let mut command = Command::new(program);
    command.arg(&file).stdin(Stdio::null()).current_dir(directory.file("logs"));
    let mut process = guard.start("redis", command, &directory.file("logs"))?;
    process.wait_ready(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).is_ok()).await?;
    Ok((process, format!("redis://:{password}@127.0.0.1:{port}/0")))
}
