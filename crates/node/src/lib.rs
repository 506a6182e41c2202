#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod config;
mod config_keys;
pub mod publish;

pub use config::{Config, ConfigError, HistoryMode, Mode, Options, Purpose};
