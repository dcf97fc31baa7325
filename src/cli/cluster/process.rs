//! A program that the cluster starts, and the promise that none outlives it.

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child as StdChild, Command as StdCommand, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};

/// Reads until the supervisor is gone: its end of the pipe closes however it dies. Then whatever still has a file in the
/// folder is told to end, and after five seconds killed with all that it started. In order, there is none.
const GUARD: &str = r#"trap '' INT TERM HUP; cat >/dev/null; cd "$1" || exit 0
for file in *.pid; do [ -f "$file" ] && kill -TERM "$(cat "$file")" 2>/dev/null; done
n=0; while [ $n -lt 50 ]; do
    alive=; for file in *.pid; do [ -f "$file" ] && kill -0 "$(cat "$file")" 2>/dev/null && alive=1; done
    [ -n "$alive" ] || break; sleep 0.1; n=$((n + 1))
done
for file in *.pid; do [ -f "$file" ] && kill -KILL -- "-$(cat "$file")" 2>/dev/null; rm -f "$file"; done"#;
/// How long a program of a dead supervisor may take to end.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(10);

/// A shell that outlives the supervisor by a moment and ends what it left.
#[derive(Debug)]
pub(super) struct Guard {
    child: StdChild,
    folder: PathBuf,
}

/// A running program, in a process group of its own: Ctrl-C in the terminal is the supervisor's alone.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: Pid,
    name: String,
    file: PathBuf,
    log: PathBuf,
}

impl Guard {
    /// Over the programs whose process ids stand in this folder. What a supervisor before this one left there, because
    /// it was killed and so was its guard, is ended first.
    pub(super) fn over(folder: PathBuf, data: &Path) -> anyhow::Result<Self> {
        super::super::private::make_folder(&folder)?;
        end_leftovers(&folder, data)?;
        let mut shell = StdCommand::new("/bin/sh");
        shell.args(["-c", GUARD, "weizhan-guard"]).arg(&folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        Ok(Self { child: shell.spawn().context("/bin/sh does not start")?, folder })
    }

    /// Start a program; what it says goes to `<name>.log` in `logs`.
    pub(super) fn start(&self, name: &str, mut command: Command, logs: &Path) -> anyhow::Result<Process> {
        let log = logs.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log);
        let output = output.with_context(|| format!("{} cannot be written", log.display()))?;
        command.stdout(output.try_clone()?).stderr(output).process_group(0).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{name} does not start"))?;
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).context("it has ended at once")?;
        let file = self.folder.join(format!("{name}-{pid}.pid"));
        fs::write(&file, pid.to_string()).with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(Process { child, pid, name: name.to_owned(), file, log })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // When all was stopped there is nothing left to guard, and it ends at once.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

impl Process {
    /// Its process id.
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// How it ended, if it has.
    pub(super) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Wait until it answers; an error with the end of its log when it ends before, or takes too long.
    pub(super) async fn wait_ready(
        &mut self,
        patience: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while !ready() {
            if let Some(status) = self.has_ended() {
                bail!("{} has ended ({status}):\n{}", self.name, self.last_words());
            }
            if began.elapsed() > patience {
                bail!("{} is not ready after {} s:\n{}", self.name, patience.as_secs(), self.last_words());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let text = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}\n(all of it: {})", lines[lines.len().saturating_sub(12)..].join("\n"), self.log.display())
    }

    /// Tell it to end and wait until it has; kill it when it takes longer. Whether it ended by itself and well.
    pub(super) async fn stop(mut self, patience: Duration) -> bool {
        if self.has_ended().is_none() {
            let _ = kill_process(self.pid, Signal::TERM);
        }
        let ended = tokio::time::timeout(patience, self.child.wait()).await;
        if ended.is_err() {
            self.kill().await;
        }
        matches!(ended, Ok(Ok(status)) if status.success())
    }

    /// Kill it, and all that it started, without warning.
    pub(super) async fn kill(&mut self) {
        if self.has_ended().is_none() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        drop(self.child.wait().await);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What it started goes with it; the child itself is reaped by the runtime.
        if self.has_ended().is_none() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        drop(fs::remove_file(&self.file));
    }
}

/// End what still runs of a supervisor that is gone. A process id may belong to somebody else by now: only one whose command
/// line names our directory is ours.
fn end_leftovers(folder: &Path, data: &Path) -> anyhow::Result<()> {
    let ours = data.display().to_string();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|pid| command_line(*pid).is_some_and(|line| line.contains(&ours))) {
            let _ = kill_process(pid, Signal::TERM);
            let began = Instant::now();
            while test_kill_process(pid).is_ok() && began.elapsed() < LEFTOVER_PATIENCE {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = kill_process_group(pid, Signal::KILL);
        }
        fs::remove_file(&path)?;
    }
    Ok(())
}

fn command_line(pid: Pid) -> Option<String> {
    let asked = StdCommand::new("ps").args(["-o", "args=", "-p", &pid.as_raw_nonzero().to_string()]).output().ok()?;
    asked.status.success().then(|| String::from_utf8_lossy(&asked.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(marker: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        // The command line names the directory, as those of all our programs do.
        command.args(["-c", "sleep 600 & wait", "sleeper"]).arg(marker).stdin(Stdio::null());
        command
    }

    fn runs(pid: i32) -> bool {
        Pid::from_raw(pid).is_some_and(|pid| command_line(pid).is_some_and(|line| !line.contains("defunct")))
    }

    #[tokio::test]
    async fn what_a_dead_supervisor_left_is_ended_and_nothing_else() {
        let folder = tempfile::tempdir().expect("folder");
        let (pids, other) = (folder.path().join("pids"), tempfile::tempdir().expect("folder"));
        let guard = Guard::over(pids.clone(), folder.path()).expect("guard");
        let mut mine = guard.start("mine", sleeper(folder.path()), folder.path()).expect("started");
        let mut stranger = guard.start("stranger", sleeper(other.path()), folder.path()).expect("started");
        end_leftovers(&pids, folder.path()).expect("ended");
        assert!(mine.child.wait().await.is_ok() && stranger.has_ended().is_none(), "only ours");
        assert_eq!(fs::read_dir(&pids).expect("folder").count(), 0);
        stranger.kill().await;
    }

    #[tokio::test]
    async fn a_guard_ends_what_its_supervisor_leaves() {
        let folder = tempfile::tempdir().expect("folder");
        let pids = folder.path().join("pids");
        let mut guard = Guard::over(pids.clone(), folder.path()).expect("guard");
        let mut left = guard.start("left", sleeper(folder.path()), folder.path()).expect("started");
        assert!(runs(left.pid()));
        // As when the supervisor is killed: its end of the pipe closes.
        drop(guard.child.stdin.take());
        assert!(left.child.wait().await.is_ok());
        assert!(guard.child.wait().is_ok_and(|status| status.success()));
        assert_eq!(fs::read_dir(&pids).expect("folder").count(), 0, "and nothing is noted any more");
    }
}
