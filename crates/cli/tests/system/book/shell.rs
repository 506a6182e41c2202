//! The machine of somebody who follows a page: an empty home, a folder to work in, a shell, as many terminals as it takes.

use crate::support::{PATIENCE, repository};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;
use tempfile::TempDir;

/// Pages run side by side, and all of them use the ports that programs have by default. So each has a loopback address of its own.
static PAGES: AtomicU8 = AtomicU8::new(2);

pub(super) struct Machine {
    dir: TempDir,
    address: String,
    terminals: Vec<Terminal>,
    /// Shells whose commands may have left something running.
    shells: Vec<Child>,
    /// The standard input of all services: they stop when the test is gone, even when it was killed.
    _lifeline: File,
}

/// What a block of commands came to.
pub(super) struct Ran {
    pub(super) done: bool,
    pub(super) printed: String,
}

/// A terminal in which something goes on.
struct Terminal {
    child: Child,
    log: PathBuf,
    command: String,
}

impl Machine {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let id = std::process::id();
        let address = format!("127.{}.{}.{}", id >> 8 & 255, id & 255, PAGES.fetch_add(1, Ordering::Relaxed));
        let lifeline = dir.path().join("lifeline");
        assert!(Command::new("mkfifo").arg(&lifeline).status().expect("mkfifo").success(), "no pipe");
        let lifeline =
            File::options().read(true).write(true).open(&lifeline).expect("the pipe can be opened");
        let machine = Self { dir, address, terminals: Vec::new(), shells: Vec::new(), _lifeline: lifeline };
        for folder in ["bin", "home", "work"] {
            std::fs::create_dir(machine.dir.path().join(folder)).expect("a folder");
        }
        // The vectors of the repository are at hand, as in a clone.
        symlink(repository("testdata"), machine.work().join("testdata")).expect("a link");
        let program = machine.dir.path().join("bin/soru");
        std::fs::write(&program, machine.wrapper()).expect("a file");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("its permissions");
        std::fs::write(machine.dir.path().join("environment"), "").expect("a file");
        let work = machine.work().display().to_string();
        std::fs::write(machine.dir.path().join("place"), work).expect("a file");
        machine
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// The program under test, at the address of the page wherever no other one is given.
    fn wrapper(&self) -> String {
        let lifeline = self.dir.path().join("lifeline").display().to_string();
        let wrapper = WRAPPER.replace("ADDRESS", &self.address).replace("LIFELINE", &lifeline);
        wrapper.replace("PROGRAM", env!("CARGO_BIN_EXE_soru"))
    }

    fn bash(&self, block: &str) -> Command {
        let block = block.replace("127.0.0.1", &self.address);
        let script = format!(
            "set -e -o pipefail -a\nsource '{0}/environment'\ncd \"$(cat '{0}/place')\"\n\
             trap '(export -p; declare -f) > \"{0}/environment\"; pwd > \"{0}/place\"' EXIT\n{block}",
            self.dir.path().display()
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).process_group(0);
        bash.env_clear();
        for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "LANG"] {
            if let Some(value) = std::env::var_os(name) {
                bash.env(name, value);
            }
        }
        // Where cargo and rustup keep their things is the only trace of the developer's own home.
        if let Some(home) = std::env::home_dir() {
            for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
                if std::env::var_os(name).is_none() && home.join(folder).is_dir() {
                    bash.env(name, home.join(folder));
                }
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        bash.env("PATH", format!("{}:{path}", self.dir.path().join("bin").display()));
        bash.env("HOME", self.dir.path().join("home")).env("TMPDIR", self.dir.path());
        bash
    }

    /// Runs a block to its end.
    pub(super) fn run(&mut self, block: &str, input: &str) -> Ran {
        let (output, typed) = (self.dir.path().join("output"), self.dir.path().join("input"));
        std::fs::write(&typed, input).expect("a file");
        let mut bash = self.bash(block);
        let file = File::create(&output).expect("a file");
        bash.stdin(File::open(&typed).expect("a file"));
        bash.stdout(file.try_clone().expect("a file")).stderr(file);
        let mut child = bash.spawn().expect("a shell");
        let end = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().expect("a child") {
                Some(status) => break Some(status),
                None if Instant::now() > end => break None,
                None => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        };
        let mut printed = self.told(&output);
        if status.is_none() {
            kill_group(&mut child);
            printed.push_str("\n(it did not end)");
        }
        // A shell that left nothing behind is gone, and its number may become another's.
        if block.contains("&\n") {
            self.shells.push(child);
        }
        Ran { done: status.is_some_and(|s| s.success()), printed }
    }

    /// Starts a block in a terminal of its own; its number.
    pub(super) fn open(&mut self, block: &str) -> usize {
        let log = self.dir.path().join(format!("terminal-{}", self.terminals.len()));
        let mut bash = self.bash(block);
        let file = File::create(&log).expect("a file");
        bash.stdin(Stdio::null());
        bash.stdout(file.try_clone().expect("a file")).stderr(file);
        let child = bash.spawn().expect("a shell");
        self.terminals.push(Terminal { child, log, command: block.trim().to_owned() });
        self.terminals.len() - 1
    }

    /// What a terminal shows.
    pub(super) fn look(&self, terminal: usize) -> String {
        self.told(&self.terminals[terminal].log)
    }

    pub(super) fn has_ended(&mut self, terminal: usize) -> bool {
        !matches!(self.terminals[terminal].child.try_wait(), Ok(None))
    }

    /// The last lines of all terminals.
    pub(super) fn terminals(&self) -> String {
        let tail = |terminal: &Terminal| {
            let text = self.told(&terminal.log);
            let lines: Vec<&str> = text.lines().collect();
            format!("--- {}\n{}\n", terminal.command, lines[lines.len().saturating_sub(12)..].join("\n"))
        };
        self.terminals.iter().map(tail).collect()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let place = std::fs::read_to_string(self.dir.path().join("place")).expect("a file");
        let path = PathBuf::from(place.trim()).join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn told(&self, output: &PathBuf) -> String {
        let text = String::from_utf8_lossy(&std::fs::read(output).unwrap_or_default()).into_owned();
        let home = self.dir.path().join("home").display().to_string();
        text.replace(&self.address, "127.0.0.1")
            .replace(&home, "/home/you")
            .replace(&self.dir.path().display().to_string(), "/tmp")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for child in self.terminals.iter_mut().map(|terminal| &mut terminal.child).chain(&mut self.shells) {
            kill_group(child);
        }
    }
}

/// Ends a shell and all that it started.
fn kill_group(child: &mut Child) {
    let id = i32::try_from(child.id()).expect("a process id");
    let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
    let _ = child.wait();
}

const WRAPPER: &str = r#"#!/usr/bin/env bash
has() { local word; for word in "${@:2}"; do [[ " $1 " == *" $word "* ]] && return; done; return 1; }
given="$*"
serve() { SORU_STOP_AT_END_OF_INPUT=1 exec PROGRAM "$@" < LIFELINE; }
case "$given " in
  "sandbox run "*) has "$given" --rpc-addr || set -- "$@" --rpc-addr ADDRESS:8732; serve "$@" ;;
  "sandbox "*|"client "*) has "$given" --endpoint -E || set -- "$@" --endpoint http://ADDRESS:8732 ;;
  "rollup-client "*) has "$given" --endpoint -E || set -- "$@" --endpoint http://ADDRESS:8932 ;;
  "node "*" run "*|"node run "*)
    has "$given" --rpc-addr || set -- "$@" --rpc-addr ADDRESS
    has "$given" --endpoint -E || set -- "$@" --endpoint http://ADDRESS:8732
    serve "$@" ;;
esac
exec PROGRAM "$@"
"#;
