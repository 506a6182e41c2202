//! What a command says on standard output.

mod json_form;

use anyhow::{Context, Result};
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// A line. A reader that went away has read enough: what the command does goes on.
pub(crate) fn line(text: impl Display) -> Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// JSON, as Octez's client lays it out.
pub(crate) fn json(value: &serde_json::Value) -> Result<()> {
    line(json_form::lay_out(value))
}
