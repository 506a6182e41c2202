//! Questions to the user. They go to standard error: what a command answers stands alone on standard output.

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::termios::{self, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};
use zeroize::Zeroizing;

/// Longest answer, in bytes.
const LONGEST: usize = 4_096;
/// What Ctrl-C sends to who reads a silent terminal.
const INTERRUPT: u8 = 3;

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
    let mut out = io::stderr().lock();
    let shown = write!(out, "{question}").and_then(|()| match io::stdin().is_terminal() {
        true => out.flush(),
        // Nobody ends this line by typing.
        false => writeln!(out),
    });
    shown.context("cannot ask on standard error")
}

fn read(question: &impl Display) -> Result<Zeroizing<String>> {
    // The answer may be a secret: it is in no error.
    let mut line = line_of(&mut io::stdin().lock()).context("cannot read the answer from standard input")?;
    match line.last() {
        None => bail!(
            "`{}` was asked for, and standard input is at its end",
            question.to_string().trim_end_matches([':', ' '])
        ),
        Some(&INTERRUPT) if io::stdin().is_terminal() => bail!("interrupted"),
        Some(b'\n') => {
            line.pop();
        }
        Some(_) if line.len() > LONGEST => bail!("the answer has more than {LONGEST} bytes"),
        Some(_) => {}
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let text = std::str::from_utf8(&line).map_err(|_| anyhow!("the answer is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The next line with what ends it. Nothing of it is left in memory but what is returned.
fn line_of(input: &mut impl BufRead) -> io::Result<Zeroizing<Vec<u8>>> {
    // Never grown: what is left behind by that would not be wiped.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    loop {
        let buffer = input.fill_buf()?;
        let room = buffer.len().min(LONGEST + 1 - line.len());
        let end = buffer[..room].iter().position(|byte| matches!(*byte, b'\n' | INTERRUPT));
        let taken = end.map_or(room, |at| at + 1);
        line.extend_from_slice(&buffer[..taken]);
        input.consume(taken);
        if end.is_some() || taken == 0 || line.len() > LONGEST {
            return Ok(line);
        }
    }
}

/// As long as this lives, the terminal does not show what is typed.
struct Silence(Option<Termios>);

impl Silence {
    fn begin() -> Result<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(Self(None));
        }
        const WHY: &str = "cannot keep the terminal from showing a secret";
        let before = termios::tcgetattr(&stdin).context(WHY)?;
        let mut silent = before.clone();
        // Ctrl-C ends the line instead of the program, which would leave the terminal silent.
        silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        silent.local_flags.insert(LocalFlags::ECHONL);
        silent.control_chars[SpecialCharacterIndices::VEOL as usize] = INTERRUPT;
        termios::tcsetattr(&stdin, SetArg::TCSAFLUSH, &silent).context(WHY)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // There is no other way to have it back.
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSAFLUSH, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_to_its_end_and_no_further() {
        let mut input = io::Cursor::new(b"one\r\ntwo\x03three".to_vec());
        let mut next = || line_of(&mut input).unwrap().to_vec();
        assert_eq!([next(), next(), next(), next()], [&b"one\r\n"[..], b"two\x03", b"three", b""]);
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert_eq!(line_of(&mut endless).unwrap().len(), LONGEST + 1);
    }
}
