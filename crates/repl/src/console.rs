//! What a session needs from the world around it.

use std::time::Duration;

/// How far a long step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Ticks since the step began.
    pub done: u64,
    /// Ticks that it will take, if that is known.
    pub of: Option<u64>,
}

/// Where a session speaks, and what it asks while it works.
pub trait Console {
    /// A line of an answer.
    fn line(&mut self, text: &str);

    /// Bytes that the kernel writes with `write_debug`, as they are: often, but not always, a text that ends its line.
    fn debug(&mut self, bytes: &[u8]);

    /// Called between two parts of a long step: whether to go on.
    fn go_on(&mut self, progress: Progress) -> bool;

    /// The long step is over.
    fn step_done(&mut self) {}

    /// Writes a file of that name into a folder, which is made if it is not there; says why if it cannot.
    fn write_file(&mut self, _folder: &str, _name: &str, _bytes: &[u8]) -> Result<(), String> {
        Err("files cannot be written from here".to_owned())
    }

    /// The time since some moment that stays the same, for `time`.
    fn now(&mut self) -> Duration;
}
