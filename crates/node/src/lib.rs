#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod batcher;
pub mod chain;
pub mod config;
mod config_fees;
mod config_keys;
pub mod driver;
pub mod error;
pub mod follow;
pub mod games;
pub mod layer1;
pub mod machine;
mod meter;
pub mod node;
pub mod publish;
pub mod reveals;
pub mod rpc;
pub mod rpc_layer1;
mod start;
pub mod status;
pub mod store;
pub mod wasm;

pub use config::{Config, ConfigError, HistoryMode, Mode, Options, Purpose};
pub use error::NodeError;
pub use node::Node;
pub use start::{Signers, run, start};

#[cfg(test)]
mod tests;
