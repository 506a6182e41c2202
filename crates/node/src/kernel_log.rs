//! What kernels write for debugging: lines, not always whole ones.

use soru_base::Level;
use soru_pvm::host::DebugSink;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tracing::{info, warn};

/// Longest line; more is a line of its own.
const LONGEST: usize = 4_096;
/// Most bytes that one level or one simulation writes into a file.
const MOST_IN_FILE: usize = 16 << 20;

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelLog {
    /// Nowhere.
    Off,
    /// Into the log of the node.
    Log,
    /// Into a file, which grows.
    File(PathBuf),
}

/// What one level, or one simulation, writes.
pub(crate) struct Lines {
    level: Level,
    line: Vec<u8>,
    outlet: Outlet,
}

enum Outlet {
    Nowhere,
    Log,
    File { file: File, left: usize },
}

impl KernelLog {
    /// What is written at a level goes there.
    pub(crate) fn lines(&self, level: Level) -> Lines {
        let outlet = match self {
            Self::Off => Outlet::Nowhere,
            Self::Log => Outlet::Log,
            Self::File(path) => Outlet::file(path),
        };
        Lines { level, line: Vec::new(), outlet }
    }
}

impl Outlet {
    fn file(path: &Path) -> Self {
        match OpenOptions::new().create(true).append(true).open(path) {
            Ok(file) => Self::File { file, left: MOST_IN_FILE },
            Err(error) => {
                warn!(
                    "what the kernel writes for debugging goes into this log: cannot open {}: {error}",
                    path.display()
                );
                Self::Log
            }
        }
    }
}

impl DebugSink for Lines {
    fn debug(&mut self, bytes: &[u8]) {
        if matches!(self.outlet, Outlet::Nowhere) {
            return;
        }
        for byte in bytes {
            if *byte == b'\n' || self.line.len() == LONGEST {
                self.flush();
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }
}

impl Lines {
    /// The last line is whole.
    pub(crate) fn flush(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let line = self.line.escape_ascii().to_string();
        self.line.clear();
        match &mut self.outlet {
            Outlet::Nowhere => (),
            Outlet::Log => info!(target: "kernel", level = %self.level, "{line}"),
            Outlet::File { file, left } => {
                let line = format!("{}: {line}\n", self.level);
                match left.checked_sub(line.len()) {
                    None => *left = 0,
                    // A full disk is no reason to stop evaluating.
                    Some(rest) => {
                        *left = rest;
                        drop(file.write_all(line.as_bytes()));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_whole_lines_with_their_level() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kernel.log");
        for level in [7, 8] {
            let mut lines = KernelLog::File(path.clone()).lines(Level::new(level).unwrap());
            lines.debug(b"one\nt");
            lines.debug(b"wo\xff");
            lines.flush();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "7: one\n7: two\\xff\n8: one\n8: two\\xff\n");
    }

    #[test]
    fn a_file_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kernel.log");
        let mut lines = KernelLog::File(path.clone()).lines(Level::GENESIS);
        for _ in 0..5_000 {
            lines.debug(&[b'x'; LONGEST]);
        }
        lines.flush();
        let len = std::fs::metadata(&path).unwrap().len();
        assert!(len <= MOST_IN_FILE as u64 && len > (MOST_IN_FILE as u64) / 2, "{len}");
    }
}
