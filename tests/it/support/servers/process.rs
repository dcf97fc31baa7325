//! A child process that can be killed at any moment and that never outlives the tests.

use std::{
    ffi::OsStr,
    net::TcpListener,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take to start or to end. Only a broken one takes it; nothing is asserted about it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads until the test process is gone (its end of the pipe closes however it dies), then kills the server. A signal
/// from the terminal must not take the watcher away before its work.
const KILL_AFTER_US: &str = "trap '' INT TERM HUP; cat >/dev/null; kill -9 \"$1\"";
/// The same for a folder; the server that writes there is given a second to die.
const REMOVE_AFTER_US: &str = "trap '' INT TERM HUP; cat >/dev/null; sleep 1; rm -rf -- \"$1\"";

/// A running program. Dropping it kills it; it is also killed when the test process ends in any way.
pub struct ServerProcess {
    child: Child,
    watcher: Child,
    log: PathBuf,
    name: String,
}

impl ServerProcess {
    /// Start a program. Its output goes to `<name>.log` in `directory`, after what is there; `directory` is also its
    /// working directory. The environment is that of the tests with `environment` over it.
    pub fn start(
        program: impl AsRef<OsStr>,
        arguments: &[&str],
        environment: &[(&str, &str)],
        directory: &Path,
    ) -> Self {
        Self::start_with(Stdio::null(), program.as_ref(), arguments, environment, directory)
    }

    fn start_with(
        input: Stdio,
        program: &OsStr,
        arguments: &[&str],
        environment: &[(&str, &str)],
        directory: &Path,
    ) -> Self {
        let name = Path::new(program).file_name().expect("a program has a name").to_string_lossy().into_owned();
        let log = directory.join(format!("{name}.log"));
        let output = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("the folder is writable");
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(directory)
            .stdin(input)
            .stdout(output.try_clone().expect("a file can be shared"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({error}); tests/setup installs what is missing"));
        let watcher = after_us(KILL_AFTER_US, child.id().to_string());
        Self { child, watcher, log, name }
    }

    /// `weizhan serve` on a socket that is ours, handed over as systemd does it: the first descriptor after the
    /// standard ones, and the process id in the environment.
    pub fn weizhan_on(socket: &TcpListener, environment: &[(&str, &str)], directory: &Path) -> Self {
        let socket = OwnedFd::from(socket.try_clone().expect("a socket can be shared"));
        let hand_over = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" serve";
        let arguments = ["-c", hand_over, env!("CARGO_BIN_EXE_weizhan")];
        Self::start_with(socket.into(), OsStr::new("/bin/sh"), &arguments, environment, directory)
    }

    /// Our own binary, as built for this run of the tests.
    pub fn weizhan(arguments: &[&str], environment: &[(&str, &str)], directory: &Path) -> Self {
        Self::start(env!("CARGO_BIN_EXE_weizhan"), arguments, environment, directory)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it wrote so far, to standard output and standard error.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Send a signal by name: `TERM`, `STOP`, `CONT`.
    pub fn signal(&mut self, name: &str) {
        if self.has_ended().is_none() {
            let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
            assert!(status.is_ok_and(|status| status.success()), "{name} could not be sent to {}", self.name);
        }
    }

    /// Kill it without warning and wait until it is gone. Killing a dead one is fine.
    pub fn kill9(&mut self) {
        // The watcher goes first: after the child is reaped its id may be given to another process.
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ask it to end (SIGTERM) and wait until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Wait until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        let ended = wait_until(|| {
            status = self.has_ended();
            status.is_some()
        });
        assert!(ended, "{} does not end:\n{}", self.name, self.log());
        status.expect("it has ended")
    }

    /// Its status if it has ended.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Wait until `ready` says so; false if the process ends before.
    pub fn wait_ready(&mut self, mut ready: impl FnMut() -> bool) -> bool {
        let mut ended = false;
        let done = wait_until(|| {
            ended = self.has_ended().is_some();
            ended || ready()
        });
        assert!(done, "{} does not get ready:\n{}", self.name, self.log());
        !ended
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Ask again and again until the answer is yes; false after a minute of no. The pause only spares the processor.
pub fn wait_until(mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// A port of the loopback that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A temporary folder that is removed when it is dropped or when the test process ends in any way.
pub struct Folder {
    path: PathBuf,
    watcher: Child,
}

impl Folder {
    /// An empty one; `name` only helps who looks into the temporary folder.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("weizhan-{name}-")).tempdir();
        let path = folder.expect("the temporary folder is writable").keep();
        let watcher = after_us(REMOVE_AFTER_US, &path);
        Self { path, watcher }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn after_us(script: &str, argument: impl AsRef<OsStr>) -> Child {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script, "weizhan-watcher"]).arg(argument);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell is there")
}

/// The first of these programs that is installed.
pub(super) fn program(names: &[&str]) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
    let paths = names.iter().flat_map(|name| folders.iter().map(move |folder| Path::new(folder).join(name)));
    paths.into_iter().find(|path| path.is_file()).unwrap_or_else(|| panic!("none of {names:?}; run tests/setup"))
}

/// Whether the tests run as root, whom servers like to leave.
pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id is there");
    id.stdout.trim_ascii() == b"0"
}
