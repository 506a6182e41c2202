#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod buffers;
pub mod decode;
pub mod durable;
pub mod embed;
pub mod eval;
pub mod handover;
pub mod host;
pub mod init;
pub mod input;
mod instance;
pub mod lazy;
pub mod level;
pub mod link;
pub mod machine;
mod numeric;
pub mod outbox;
pub mod phases;
pub mod replay;
pub mod reveal;
pub mod run;
pub mod state;
pub mod step_proof;
pub mod tick;
pub mod version;
mod wasm;

pub use level::{LevelOutcome, Surroundings, eval_level};
pub use state::{Limits, Machine};
pub use version::Version;
