#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod batcher;
pub mod chain;
pub mod config;
pub mod driver;
pub mod error;
mod execute;
pub mod follow;
pub mod games;
pub mod kernel_log;
pub mod kernel_runs;
pub mod layer1;
pub mod machine;
mod meter;
pub mod node;
mod overdue;
pub mod publish;
pub mod reveals;
pub mod rpc;
pub mod rpc_layer1;
mod start;
pub mod status;
pub mod store;
mod trial;
pub mod wasm;

pub use config::{Config, ConfigError, HistoryMode, Mode, Operators, Options, Purpose, Purposes};
pub use error::NodeError;
pub use node::Node;
pub use start::{Signers, run, start};

#[cfg(test)]
mod tests;
