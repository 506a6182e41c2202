//! The constants of a layer-1 that its users need.

use serde_json::Value;
use soru_base::JsonError;
use soru_base::json::{member, u64_field};
use soru_base::profile::RollupConstants;

/// Constants, under the names of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constants {
    /// Seconds between two blocks, at least.
    pub minimal_block_delay: u64,
    /// Gas an operation may use.
    pub hard_gas_limit_per_operation: u64,
    /// Gas all operations of a block may use.
    pub hard_gas_limit_per_block: u64,
    /// Bytes of storage an operation may allocate.
    pub hard_storage_limit_per_operation: u64,
    /// Cost of a byte of storage, in mutez.
    pub cost_per_byte: u64,
    /// Bytes that a new account or contract pays for besides its own.
    pub origination_size: u64,
    /// For how many blocks an operation can be included, if told.
    pub max_operations_time_to_live: Option<u32>,
    /// Constants of smart rollups.
    pub rollup: RollupConstants,
    /// All of them.
    pub all: Value,
}

impl Constants {
    pub(crate) fn read(value: &Value) -> Result<Self, JsonError> {
        let rollup = |name: &str| small(value, &format!("smart_rollup_{name}"));
        Ok(Self {
            minimal_block_delay: u64_field(value, "minimal_block_delay")?,
            hard_gas_limit_per_operation: u64_field(value, "hard_gas_limit_per_operation")?,
            hard_gas_limit_per_block: u64_field(value, "hard_gas_limit_per_block")?,
            hard_storage_limit_per_operation: u64_field(value, "hard_storage_limit_per_operation")?,
            cost_per_byte: u64_field(value, "cost_per_byte")?,
            origination_size: u64_field(value, "origination_size")?,
            max_operations_time_to_live: small(value, "max_operations_time_to_live").ok(),
            rollup: RollupConstants {
                commitment_period_in_blocks: rollup("commitment_period_in_blocks")?,
                challenge_window_in_blocks: rollup("challenge_window_in_blocks")?,
                stake_amount: u64_field(value, "smart_rollup_stake_amount")?,
                timeout_period_in_blocks: rollup("timeout_period_in_blocks")?,
                number_of_sections_in_dissection: small(
                    value,
                    "smart_rollup_number_of_sections_in_dissection",
                )?,
                max_lookahead_in_blocks: rollup("max_lookahead_in_blocks")?,
                max_active_outbox_levels: rollup("max_active_outbox_levels")?,
                max_outbox_messages_per_level: rollup("max_outbox_messages_per_level")?,
                max_number_of_stored_cemented_commitments: rollup("max_number_of_cemented_commitments")?,
                max_number_of_parallel_games: rollup("max_number_of_parallel_games")?,
                origination_size: rollup("origination_size")?,
            },
            all: value.clone(),
        })
    }
}

fn small<T: TryFrom<u64>>(value: &Value, name: &str) -> Result<T, JsonError> {
    let n = u64_field(value, name)?;
    T::try_from(n).map_err(|_| JsonError::new("a smaller number", member(value, name)).within(name))
}
