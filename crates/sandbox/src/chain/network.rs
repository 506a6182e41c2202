//! The network that a chain imitates.

use super::block::Block;
use super::error::ChainError;
use crate::constants::{self, ChainConstants};
use serde_json::Value;
use soru_base::bootstrap::BOOTSTRAP_ACCOUNTS;
use soru_base::keys::Curve;
use soru_base::{BlockHash, ChainId, Mutez, Profile, PublicKeyHash, SecretKey, blake2b};
use soru_protocol::block::Timestamp;
use soru_protocol::ledger::GenesisAccount;
use std::path::Path;
use std::sync::LazyLock;

/// Mutez of each bootstrap account at the start.
pub const BOOTSTRAP_BALANCE: u64 = 4_000_000_000_000;

/// Seed of the baker's key. It signs blocks that nobody checks; it is no account of the wallet, so that the balances of
/// the bootstrap accounts change only by what is done with them.
const BAKER_SEED: [u8; 32] = *b"the baker of every Soru sandbox.";

/// The key that signs blocks.
pub(crate) static BAKER_KEY: LazyLock<SecretKey> = LazyLock::new(|| {
    SecretKey::from_seed(Curve::Ed25519, &BAKER_SEED).expect("every seed makes an Ed25519 key")
});

/// The key that blocks can be checked with.
pub(crate) fn baker_public_key() -> soru_base::PublicKey {
    BAKER_KEY.public_key()
}

/// The account that makes blocks and gets the fees.
pub static BAKER: LazyLock<PublicKeyHash> = LazyLock::new(|| BAKER_KEY.public_key().hash());

/// The network that a chain imitates.
#[derive(Debug, Clone)]
pub struct Network {
    /// Protocol, prefixes and constants.
    pub constants: ChainConstants,
    /// Made from the genesis block.
    pub chain_id: ChainId,
    /// For how many blocks below the head ledgers are kept.
    pub kept_ledgers: u32,
}

impl Network {
    /// Protocol, prefixes and the constants of rollups.
    pub fn profile(&self) -> &Profile {
        &self.constants.rules.profile
    }

    /// The time of the block after `block`, where no clock says another.
    pub(super) fn after(&self, block: &Block) -> Timestamp {
        let delay = i64::try_from(self.profile().minimal_block_delay).unwrap_or(i64::MAX);
        Timestamp(block.timestamp().0.saturating_add(delay.max(1)))
    }

    /// The id of the chain that starts with that block.
    pub(super) fn id_of(genesis: BlockHash) -> ChainId {
        let [a, b, c, d, ..] = blake2b::hash32(&genesis.0);
        ChainId([a, b, c, d])
    }

    /// What is stored beside a chain, to find out whether it is opened with other constants.
    pub(super) fn to_stored(&self) -> Vec<u8> {
        let mut stored = constants::to_json(&self.constants);
        stored["profile"] = self.profile().name.to_string().into();
        if let Some(object) = stored.as_object_mut() {
            // The ledger does not depend on these: they may change from start to start.
            for free in ["minimal_block_delay", "max_operations_time_to_live"] {
                object.shift_remove(free);
            }
        }
        stored.to_string().into_bytes()
    }

    /// Fails if the chain in `path` was made with other constants.
    pub(super) fn check_stored(&self, stored: &[u8], path: &Path) -> Result<(), ChainError> {
        let corrupt = || ChainError::Corrupt("the constants of the chain are no JSON object".to_owned());
        let stored: Value = serde_json::from_slice(stored).map_err(|_| corrupt())?;
        let asked: Value = serde_json::from_slice(&self.to_stored()).map_err(|_| corrupt())?;
        let (Some(stored), Some(asked)) = (stored.as_object(), asked.as_object()) else {
            return Err(corrupt());
        };
        let names = std::iter::once("profile").chain(asked.keys().map(String::as_str));
        for name in names {
            let (was, is) = (&stored.get(name).unwrap_or(&Value::Null), &asked[name]);
            if *was != is {
                return Err(ChainError::OtherNetwork {
                    path: path.to_owned(),
                    name: name.to_owned(),
                    stored: was.to_string(),
                    asked: is.to_string(),
                });
            }
        }
        Ok(())
    }

    /// The accounts that a new chain starts with: the bootstrap accounts, their keys revealed.
    pub(super) fn bootstrap() -> [GenesisAccount; 5] {
        BOOTSTRAP_ACCOUNTS.map(|account| GenesisAccount {
            pkh: account.pkh(),
            balance: Mutez(BOOTSTRAP_BALANCE),
            public_key: Some(account.pk()),
        })
    }
}
