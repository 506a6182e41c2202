//! Programs that the demo starts: other instances of this one, each a process of its own.

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running program. Dropped, it is killed and reaped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// How long a program may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);

impl Process {
    /// Starts this program with other arguments. Its log goes to `dir/NAME.log`; the first line that it writes on
    /// standard output and that begins with `ready` is returned without that word.
    pub(crate) async fn start(
        name: &str,
        arguments: &[String],
        dir: &Path,
        keep_running: bool,
        patience: Duration,
    ) -> Result<(Self, String)> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let log = dir.join(format!("{name}.log"));
        let log_file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::piped()).stderr(log_file).kill_on_drop(!keep_running);
        if keep_running {
            // It outlives the demo: no pipe to hang on, no terminal signals.
            command.stdin(Stdio::null()).process_group(0);
        } else {
            // The demo holds the other end: should it be killed, the end of input tells the program to stop.
            command.stdin(Stdio::piped()).env(crate::lifeline::VARIABLE, "1");
        }
        let mut child = command.spawn().with_context(|| format!("cannot start the {name}"))?;
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("no standard output of the {name}"))?;
        let mut lines = BufReader::new(stdout).lines();
        let process = Self { name: name.to_owned(), child, log };
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(rest) = line.strip_prefix("ready ") {
                    return Ok(rest.to_owned());
                }
            }
            bail!("it ended")
        };
        match tokio::time::timeout(patience, ready).await {
            Ok(Ok(ready)) => {
                // What else it prints is read and dropped, so that it never waits for a full pipe.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                Ok((process, ready))
            }
            Ok(Err(e)) => Err(process.failed(&e.to_string())),
            Err(_) => Err(process.failed(&format!("not ready after {} seconds", patience.as_secs()))),
        }
    }

    fn failed(&self, why: &str) -> anyhow::Error {
        anyhow!("the {} is not there: {why}\n{}", self.name, self.last_lines())
    }

    /// What it is called in the story.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The end of its log.
    pub(crate) fn last_lines(&self) -> String {
        const LINES: usize = 8;
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// An error if the program has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failed(&format!("it ended with {status}"))),
            Err(e) => Err(self.failed(&e.to_string())),
        }
    }

    /// Its process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks it to end, waits, and kills it if it does not.
    pub(crate) async fn stop(mut self) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    /// Lets it run on.
    pub(crate) fn leave(self) {
        // Dropped without `kill_on_drop`: the program is on its own from here.
        drop(self.child);
    }
}
