//! Where the demo lives: a folder and the programs that run in it. Nothing of it outlives the demo unless asked to.

use super::process::Process;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The folder and the programs.
pub(crate) struct House {
    dir: TempDir,
    processes: Vec<Process>,
    keep_running: bool,
}

/// Process ids of what was left running, one a line.
const LEFT_RUNNING: &str = "processes";

/// How long a program may take until it answers.
const START: Duration = Duration::from_secs(30);

impl House {
    pub(crate) fn new(keep_running: bool) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("soru-demo-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        Ok(Self { dir, processes: Vec::new(), keep_running })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts this program with other arguments; returns the address at which it answers.
    pub(crate) async fn start(&mut self, name: &str, arguments: &[String]) -> Result<String> {
        let (process, ready) =
            Process::start(name, arguments, self.dir.path(), self.keep_running, START).await?;
        self.processes.push(process);
        Ok(ready)
    }

    /// An error if one of the programs has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.processes.iter_mut().try_for_each(Process::check)
    }

    /// The last lines of every log, for a failure.
    pub(crate) fn last_words(&self) -> String {
        let mut out = String::new();
        for process in &self.processes {
            let _ = write!(out, "\n--- last lines of the {}:\n{}", process.name(), process.last_lines());
        }
        out
    }

    /// Ends all programs, the last one first, and removes the folder.
    pub(crate) async fn close(mut self) {
        while let Some(process) = self.processes.pop() {
            process.stop().await;
        }
    }

    /// Leaves everything as it is; returns the folder.
    pub(crate) fn leave(self) -> Result<PathBuf> {
        let ids: Vec<String> =
            self.processes.iter().filter_map(Process::id).map(|id| id.to_string()).collect();
        std::fs::write(self.dir.path().join(LEFT_RUNNING), ids.join("\n"))
            .context("cannot note what is left running")?;
        for process in self.processes {
            process.leave();
        }
        Ok(self.dir.keep())
    }
}

/// Ends what was left running in a folder, and removes it.
pub(crate) async fn stop(dir: &Path) -> Result<()> {
    let list = dir.join(LEFT_RUNNING);
    let text = std::fs::read_to_string(&list).with_context(|| {
        format!("{} is no folder of a demo: cannot read {}", dir.display(), list.display())
    })?;
    let mut ids = Vec::new();
    for line in text.lines() {
        let id: i32 =
            line.parse().with_context(|| format!("{}: `{line}` is no process id", list.display()))?;
        ids.push(Pid::from_raw(id));
    }
    for id in ids.iter().rev() {
        let _ = kill(*id, Signal::SIGTERM);
    }
    let gone = |id: &Pid| kill(*id, None).is_err();
    for _ in 0..100 {
        if ids.iter().all(gone) {
            return std::fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("some programs of {} do not end: {text}", dir.display())
}
