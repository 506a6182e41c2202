//! What a sandbox is started with.

use crate::constants::{self, ChainConstants};
use soru_base::{Profile, profile::ProfileName};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the chain; made if it is not there.
    pub data_dir: PathBuf,
    /// Which network to imitate.
    pub profile: ProfileName,
    /// Constants to change, by the network's name: see [`OVERRIDABLE`](crate::constants::OVERRIDABLE).
    pub overrides: Vec<(String, String)>,
    /// Where the RPC listens; port 0 takes a free one.
    pub rpc_addr: SocketAddr,
    /// When blocks are made.
    pub baking: Baking,
    /// Timestamp of the genesis block in seconds since 1970, for a new chain; if `None`, the first head is of the
    /// present.
    pub genesis_time: Option<i64>,
    /// For how many blocks below the head the ledger is kept; headers, operations and receipts stay for ever.
    pub kept_ledgers: u32,
}

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baking {
    /// One each time this much has passed, with the present as its timestamp. Timestamps are whole seconds
    /// and always grow, so below a second the chain's time runs ahead.
    Every(Duration),
    /// When `POST /sandbox/bake` asks for it; each is `minimal_block_delay` later than its predecessor.
    OnDemand,
}

impl Config {
    /// Profile `alpha`, a free port on loopback, blocks on demand.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            profile: ProfileName::Alpha,
            overrides: Vec::new(),
            rpc_addr: (Ipv4Addr::LOCALHOST, 0).into(),
            baking: Baking::OnDemand,
            genesis_time: None,
            kept_ledgers: 100_000,
        }
    }

    /// The network's constants with the overrides applied.
    pub fn constants(&self) -> Result<ChainConstants, ConfigError> {
        let mut constants = ChainConstants::of(Profile::named(self.profile));
        if let Baking::Every(time) = self.baking {
            if time.is_zero() {
                return Err(ConfigError::BlockTime);
            }
            constants.rules.profile.minimal_block_delay = time.as_secs().max(1);
        }
        for (name, value) in &self.overrides {
            constants::set(&mut constants, name, value)?;
        }
        Ok(constants)
    }
}

/// Why a configuration makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A constant of that name does not exist, or changing it would have no effect.
    #[error("there is no constant `{name}` to change; the nearest ones are {nearest}")]
    UnknownConstant {
        /// The offending name.
        name: String,
        /// What could have been meant.
        nearest: String,
    },
    /// A value out of range.
    #[error("`{value}` is no value for the constant {name}: it is no number, or out of range")]
    ConstantValue {
        /// The constant.
        name: String,
        /// The offending value.
        value: String,
    },
    /// A block time of zero.
    #[error("the block time is zero: it must be positive")]
    BlockTime,
}
