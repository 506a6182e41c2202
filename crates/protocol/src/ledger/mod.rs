//! The layer-1 state and its rules.
//!
//! A [`Ledger`] is a value: a [`Tree`] and the constants of the network. A block is made by a
//! [`BlockBuilder`], which applies operations one by one. Whether an operation's branch is on the chain and recent is
//! the caller's matter: the ledger does not know the chain.

mod accounts;
mod apply;
mod block;
mod constants;
mod contracts;
pub mod error;
mod gas;
mod lengths;
mod rollups;
mod store;
mod tickets;
mod validate;

pub use accounts::{GenesisAccount, Supply};
pub use block::{BlockBuilder, BlockContext, BlockMetadata};
pub use constants::Constants;
pub use contracts::{asked_json, lazy_storage_diff};
pub use error::{ApplyError, ErrorKind, ProtocolError, Refused, StorageError, Trace};
pub use rollups::{GenesisInfo, PublishedCommitment};

use crate::block::Timestamp;
use crate::inbox::{Inbox, LevelInbox, ProtocolMessages};
use soru_base::{BlockHash, ContextHash, Level};
use soru_merkle::Tree;
use std::sync::Arc;
use store::{Store, at};

/// The layer-1 state after a block. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Store,
    constants: Arc<Constants>,
}

impl Ledger {
    /// The state of the genesis block, at level 0.
    pub fn genesis(
        constants: Constants,
        accounts: &[GenesisAccount],
        timestamp: Timestamp,
    ) -> Result<Self, StorageError> {
        let mut ledger = Self::from_tree(Tree::empty(), constants);
        for account in accounts {
            match ledger.credit(&account.pkh.into(), account.balance) {
                Ok(_) => {}
                Err(error::Failure::Storage(e)) => return Err(e),
                Err(error::Failure::Rule(trace)) => {
                    return Err(StorageError::Missing(format!(
                        "room for the tez of {}: {trace}",
                        account.pkh
                    )));
                }
            }
            if let Some(key) = &account.public_key {
                ledger.set_manager_key(key)?;
            }
        }
        let protocol = ledger.protocol_messages(Level::GENESIS, timestamp, BlockHash::ZERO);
        let LevelInbox { inbox, cells, .. } = LevelInbox::genesis(Level::GENESIS, &protocol);
        ledger.store.set(at!["inbox"], &inbox)?;
        ledger.keep_last_counter(Level::GENESIS, cells.last().map_or(0, |last| last.index))?;
        ledger.store.set(at!["level"], &Level::GENESIS)?;
        Ok(ledger)
    }

    /// The state that a tree holds.
    pub fn from_tree(tree: Tree, constants: Constants) -> Self {
        Self { store: Store { tree }, constants: Arc::new(constants) }
    }

    /// The tree that holds the state.
    pub fn tree(&self) -> &Tree {
        &self.store.tree
    }

    /// The constants.
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// Hash of the state.
    pub fn context_hash(&self) -> Result<ContextHash, StorageError> {
        Ok(self.store.tree.hash()?)
    }

    /// The level of the block.
    pub fn level(&self) -> Result<Level, StorageError> {
        self.store.require(at!["level"])
    }

    /// The inbox of all rollups after the block.
    pub fn inbox(&self) -> Result<Inbox, StorageError> {
        self.store.require(at!["inbox"])
    }

    /// What the protocol puts into the inbox of a level. Level 0 starts the protocol and level 1 is its first, and on
    /// networks that say so in the inbox, both do.
    pub(crate) fn protocol_messages(
        &self,
        level: Level,
        predecessor_timestamp: Timestamp,
        predecessor: BlockHash,
    ) -> ProtocolMessages {
        if !self.constants.profile.info_per_level {
            return ProtocolMessages::default();
        }
        ProtocolMessages {
            info: Some((predecessor_timestamp.0, predecessor)),
            migration: (level.get() <= 1).then(|| MIGRATION.to_owned()),
        }
    }
}

/// The name that today's protocol gives itself in the inbox.
const MIGRATION: &str = "t024_024";

#[cfg(test)]
mod tests;
