//! Processes of the program under test. None outlives its test, not even one that panics.

use super::until;
use assert_cmd::Command;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};

/// A command of the program, without anything that the developer's own environment would change.
pub(crate) fn soru() -> Command {
    Command::from_std(bare())
}

fn bare() -> std::process::Command {
    // Another build of it, for those who measure.
    let program = std::env::var_os("SORU_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_soru").into());
    let mut command = std::process::Command::new(program);
    for name in ["SORU_LOG", "OCTEZ_WASMER_COMPILER", "TEZOS_CLIENT_DIR"] {
        command.env_remove(name);
    }
    command
}

/// What a command that ended has left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Finished {
    /// What it printed, if it did what it should.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }

    /// What it printed on standard error, if it failed with that code, without a panic.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self.err
    }
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Finished {
    let output = command.timeout(super::PATIENCE).output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Finished { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A process that runs beside the test.
pub(crate) struct Program {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    log: PathBuf,
}

impl Program {
    /// Starts it; what it writes on standard error is added to the file `log`.
    pub(crate) fn start(arguments: &[String], log: &Path) -> Self {
        Self::start_in(arguments, log, &std::env::temp_dir())
    }

    /// The same, with another folder for temporary files.
    pub(crate) fn start_in(arguments: &[String], log: &Path, temporary: &Path) -> Self {
        let mut command = bare();
        command.env("TMPDIR", temporary).args(arguments);
        Self::spawn(command, log)
    }

    /// The same for any command that runs the program.
    pub(crate) fn spawn(mut command: std::process::Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("the log can be written");
        // Should the test be killed, the end of its input tells the program to stop.
        command.env("SORU_STOP_AT_END_OF_INPUT", "1").stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines, log: log.to_owned() }
    }

    /// The rest of the first line that begins with `start`.
    pub(crate) fn line_after(&mut self, start: &str) -> String {
        for line in self.lines.by_ref() {
            if let Some(rest) = line.expect("a line").strip_prefix(start) {
                return rest.to_owned();
            }
        }
        panic!("the program ended without a line `{start}…`:\n{}", self.log_text());
    }

    /// Waits until it ends by itself; returns what it printed and no one has read.
    pub(crate) fn finish(mut self) -> Finished {
        let out: Vec<String> = self.lines.by_ref().map_while(Result::ok).collect();
        let status = self.child.wait().expect("the program ends");
        Finished { code: status.code().unwrap_or(-1), out: out.join("\n"), err: self.log_text() }
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL: it has no chance to finish anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the program can be killed");
        self.child.wait().expect("the program ends");
    }

    /// SIGTERM: it may finish what it is doing.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("the program can be asked to end");
        let mut ended = None;
        until("the program ends when it is asked to", || {
            ended = self.child.try_wait().expect("a child");
            ended
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Names of all that is in a folder.
pub(crate) fn files_below(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}
