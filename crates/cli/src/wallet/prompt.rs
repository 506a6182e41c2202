//! Questions to the user. They go to standard error: what a command answers stands alone on standard output.

use anyhow::{Context, Result, bail};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Read, Write};
use zeroize::Zeroizing;

/// Longest answer, in bytes.
const LONGEST: u64 = 4_096;

/// Asks for a line, which is shown while it is typed.
pub(crate) fn ask(question: impl Display) -> Result<Zeroizing<String>> {
    put(&question)?;
    read(&question)
}

/// Asks for a line that nobody may see. What is not typed at a terminal is read from standard input all the same.
pub(crate) fn ask_secret(question: impl Display) -> Result<Zeroizing<String>> {
    put(&question)?;
    let _silence = Silence::begin()?;
    read(&question)
}

fn put(question: &impl Display) -> Result<()> {
    let mut out = std::io::stderr().lock();
    let shown = write!(out, "{question}").and_then(|()| match std::io::stdin().is_terminal() {
        true => out.flush(),
        // Nobody ends this line by typing.
        false => writeln!(out),
    });
    shown.context("cannot ask on standard error")
}

fn read(question: &impl Display) -> Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    let found = std::io::stdin().lock().take(LONGEST).read_line(&mut line);
    // The answer may be a secret: it is in no error.
    found.context("cannot read the answer from standard input")?;
    if line.is_empty() {
        bail!(
            "`{}` was asked for, and standard input is at its end",
            question.to_string().trim_end_matches([':', ' '])
        );
    }
    if !line.ends_with('\n') && line.len() as u64 >= LONGEST {
        bail!("the answer has more than {LONGEST} bytes");
    }
    let len = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(len);
    Ok(line)
}

/// As long as this lives, the terminal does not show what is typed.
struct Silence(Option<Termios>);

impl Silence {
    fn begin() -> Result<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Ok(Self(None));
        }
        const WHY: &str = "cannot keep the terminal from showing a secret";
        let before = termios::tcgetattr(&stdin).context(WHY)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        silent.local_flags.insert(LocalFlags::ECHONL);
        termios::tcsetattr(&stdin, SetArg::TCSAFLUSH, &silent).context(WHY)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // There is no other way to have it back.
            let _ = termios::tcsetattr(std::io::stdin(), SetArg::TCSAFLUSH, before);
        }
    }
}
