//! Cores and processor time.

use super::servers::installed;
use std::{fs, process::Command};

/// The core of the server under load.
const SERVER_CORE: &str = "0";
/// The core of the generator, of the simulator and of the databases.
const LOAD_CORE: &str = "1";
/// What `/proc/PID/stat` counts in: `USER_HZ`, which Linux fixes at a hundredth of a second for programs.
const TICK_MICROS: u64 = 10_000;

/// Where processes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// The server alone on one, everything else on another.
    Apart,
    /// As the system likes: no `taskset`, or a single core. Ratios are rougher then.
    Shared,
}

impl Cores {
    /// Move this process, and so all it starts, off the server's core. To be called while it has one thread.
    pub fn part() -> Self {
        let several = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        if !several || !installed(&["taskset"]) {
            return Self::Shared;
        }
        let own = std::process::id().to_string();
        let moved = Command::new("taskset").args(["-c", "-p", LOAD_CORE, &own]).output();
        if moved.is_ok_and(|moved| moved.status.success()) { Self::Apart } else { Self::Shared }
    }

    /// The command line of a server on its core. `taskset` becomes the program, so the process id is the server's.
    pub fn command<'a>(self, program: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        let pinned: &[&str] = if self == Self::Apart { &["taskset", "-c", SERVER_CORE] } else { &[] };
        [pinned, &[program], arguments].concat()
    }
}

/// User and system time that a process has used, in microseconds; `None` where there is no `/proc`.
pub fn cpu_micros(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold blanks; user time is the 14th, system time the 15th.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) * TICK_MICROS)
}
