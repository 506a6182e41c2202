#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod buffers;
pub mod durable;
pub mod host;
pub mod lazy;
pub mod reveal;
pub mod run;
pub mod state;
pub mod version;

pub use version::Version;
