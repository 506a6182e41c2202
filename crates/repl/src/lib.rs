#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod command;
mod console;
mod inside;
mod memory;
mod profile;
mod render;
mod runs;
mod session;
mod show;
mod step;
mod travel;
mod value;

pub use command::{Command, CommandError, Line, complete, help, parse};
pub use console::{Console, Progress};
pub use profile::ProfileOptions;
pub use session::{Flow, Session, SessionError, Settings};
pub use step::Step;
pub use value::ValueKind;
