#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod baker;
mod chain;
pub mod config;
pub mod constants;
mod mempool;
mod rpc;
mod server;

pub use chain::{BAKER, BOOTSTRAP_BALANCE, Block, Chain, ChainError, ChainReader, Network};
pub use config::{Baking, Config, ConfigError};
pub use mempool::{Class, Mempool, Pending, Refusal, Rejected};
pub use server::{Running, Sandbox, StartError};
