//! How many requests each node has answered, as nginx wrote it down.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// What is read at once at most; the rest comes with the next look.
const BYTES_MAX: u64 = 4 << 20;

/// Figures of one node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) answered: u64,
    /// Among them with a status from 500 on.
    pub(super) failed: u64,
}

/// The figures of all nodes, read on from where the last look ended.
#[derive(Debug)]
pub(super) struct Tally {
    log: PathBuf,
    read: u64,
    counts: BTreeMap<u16, Count>,
}

impl Tally {
    /// Of this access log.
    pub(super) fn of(log: &Path) -> Self {
        Self { log: log.to_owned(), read: 0, counts: BTreeMap::new() }
    }

    /// Look at what came since.
    pub(super) fn look(&mut self) {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.take(BYTES_MAX).read_to_end(&mut text)
        });
        // The last line may still be half written.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if read.is_ok() {
            self.read += u64::try_from(whole).unwrap_or(0);
            text[..whole].split(|byte| *byte == b'\n').for_each(|line| self.note(line));
        }
    }

    fn note(&mut self, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<Value>(line) else { return };
        let node = line["node"].as_str().unwrap_or_default();
        // Of several that were tried the last one answered.
        let Some(port) = node.rsplit([':', ' ']).next().and_then(|port| port.parse().ok()) else { return };
        let count = self.counts.entry(port).or_default();
        count.answered += 1;
        let status = line["status"].as_u64().or_else(|| line["status"].as_str().and_then(|text| text.parse().ok()));
        count.failed += u64::from(status.is_some_and(|status| status >= 500));
    }

    /// The figures of the node at this port.
    pub(super) fn of_port(&self, port: u16) -> Count {
        self.counts.get(&port).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn every_whole_line_counts_once_for_the_node_that_answered() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("access.log");
        let mut log = File::create(&path).expect("made");
        let mut tally = Tally::of(&path);
        let line = |node: &str, status: u16| format!("{{\"status\":{status},\"node\":\"{node}\"}}\n");
        write!(log, "{}{}", line("127.0.0.1:81", 200), line("127.0.0.1:82, 127.0.0.1:81", 502)).expect("written");
        write!(log, "{}", line("127.0.0.1:82", 201).trim_end_matches("}\n")).expect("written");
        tally.look();
        tally.look();
        assert_eq!(tally.of_port(81), Count { answered: 2, failed: 1 });
        assert_eq!(tally.of_port(82), Count::default());
        writeln!(log, "}}").expect("written");
        tally.look();
        assert_eq!(tally.of_port(82), Count { answered: 1, failed: 0 });
    }
}
