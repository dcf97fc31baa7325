//! Telling whoever started this process that it serves now, as systemd's `sd_notify` does it: a line in a datagram to the
//! socket that `NOTIFY_SOCKET` names. Without it nobody is told, and nothing is missed.

use std::{ffi::OsStr, io};

/// That requests are answered from now on.
pub(super) const READY: &str = "READY=1";

/// Say it, if anybody wants to hear. A listener that is gone is no reason to fail.
pub(super) fn tell(socket: Option<&OsStr>, what: &str) {
    if let Some(Err(error)) = socket.map(|socket| send(socket, what)) {
        tracing::warn!(%error, what, "NOTIFY_SOCKET does not take this");
    }
}

#[cfg(unix)]
fn send(socket: &OsStr, what: &str) -> io::Result<()> {
    use std::os::unix::{ffi::OsStrExt as _, net::UnixDatagram};
    let sender = UnixDatagram::unbound()?;
    match socket.as_bytes().strip_prefix(b"@") {
        // A name that is in no folder, as Linux has them.
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr};
            sender.send_to_addr(what.as_bytes(), &SocketAddr::from_abstract_name(name)?)
        }
        _ => sender.send_to(what.as_bytes(), socket),
    }
    .map(drop)
}

#[cfg(not(unix))]
fn send(_: &OsStr, _: &str) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn whoever_listens_is_told_and_nobody_has_to() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).expect("bound");
        tell(Some(path.as_os_str()), READY);
        let mut heard = [0; 32];
        let count = listener.recv(&mut heard).expect("told");
        assert_eq!(&heard[..count], b"READY=1");
        drop(listener);
        tell(Some(path.as_os_str()), READY);
        tell(None, READY);
    }
}
