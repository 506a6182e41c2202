//! The network's constants: what `context/constants` answers, and which of them can be changed.

use crate::config::ConfigError;
use serde_json::{Map, Value, json};
use soru_base::Profile;
use soru_protocol::ledger::Constants;
use std::str::FromStr;

/// The constants of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainConstants {
    /// What the rules depend on, the network's profile among it.
    pub rules: Constants,
    /// For how many blocks behind its branch an operation can be included.
    pub max_operations_time_to_live: u32,
}

impl ChainConstants {
    /// The constants of that network.
    pub fn of(profile: Profile) -> Self {
        Self { rules: Constants::of(profile), max_operations_time_to_live: 600 }
    }
}

/// The constants that can be changed, under the names of the network.
pub const OVERRIDABLE: [&str; 18] = [
    "cost_per_byte",
    "hard_gas_limit_per_block",
    "hard_gas_limit_per_operation",
    "hard_storage_limit_per_operation",
    "max_operations_time_to_live",
    "minimal_block_delay",
    "origination_size",
    "smart_rollup_challenge_window_in_blocks",
    "smart_rollup_commitment_period_in_blocks",
    "smart_rollup_max_active_outbox_levels",
    "smart_rollup_max_lookahead_in_blocks",
    "smart_rollup_max_number_of_cemented_commitments",
    "smart_rollup_max_number_of_parallel_games",
    "smart_rollup_max_outbox_messages_per_level",
    "smart_rollup_number_of_sections_in_dissection",
    "smart_rollup_origination_size",
    "smart_rollup_stake_amount",
    "smart_rollup_timeout_period_in_blocks",
];

/// Sets the constant `name`. Only those in [`OVERRIDABLE`] can be set: the others change nothing here, and a setting
/// that is silently without effect is worse than an error.
pub(crate) fn set(constants: &mut ChainConstants, name: &str, text: &str) -> Result<(), ConfigError> {
    let rules = &mut constants.rules;
    let profile = &mut rules.profile;
    let rollup = &mut profile.rollup;
    let done = match name {
        "cost_per_byte" => put(&mut profile.cost_per_byte, text, 0),
        "hard_gas_limit_per_block" => put(&mut rules.hard_gas_limit_per_block, text, 1),
        "hard_gas_limit_per_operation" => put(&mut rules.hard_gas_limit_per_operation, text, 1),
        "hard_storage_limit_per_operation" => put(&mut rules.hard_storage_limit_per_operation, text, 0),
        "max_operations_time_to_live" => put(&mut constants.max_operations_time_to_live, text, 1),
        "minimal_block_delay" => put(&mut profile.minimal_block_delay, text, 1),
        "origination_size" => put(&mut rules.origination_size, text, 0),
        "smart_rollup_challenge_window_in_blocks" => put(&mut rollup.challenge_window_in_blocks, text, 0),
        "smart_rollup_commitment_period_in_blocks" => put(&mut rollup.commitment_period_in_blocks, text, 1),
        "smart_rollup_max_active_outbox_levels" => put(&mut rollup.max_active_outbox_levels, text, 1),
        "smart_rollup_max_lookahead_in_blocks" => put(&mut rollup.max_lookahead_in_blocks, text, 1),
        "smart_rollup_max_number_of_cemented_commitments" => {
            put(&mut rollup.max_number_of_stored_cemented_commitments, text, 1)
        }
        "smart_rollup_max_number_of_parallel_games" => put(&mut rollup.max_number_of_parallel_games, text, 1),
        "smart_rollup_max_outbox_messages_per_level" => {
            put(&mut rollup.max_outbox_messages_per_level, text, 1)
        }
        "smart_rollup_number_of_sections_in_dissection" => {
            // With fewer there are sections that no dissection can divide.
            put(&mut rollup.number_of_sections_in_dissection, text, 4)
        }
        "smart_rollup_origination_size" => put(&mut rollup.origination_size, text, 0),
        "smart_rollup_stake_amount" => put(&mut rollup.stake_amount, text, 0),
        "smart_rollup_timeout_period_in_blocks" => put(&mut rollup.timeout_period_in_blocks, text, 1),
        _ => return Err(unknown(name)),
    };
    done.ok_or_else(|| ConfigError::ConstantValue {
        name: name.to_owned(),
        value: text.chars().take(64).collect(),
    })
}

fn put<T: FromStr + PartialOrd>(place: &mut T, text: &str, least: T) -> Option<()> {
    let value: T = text.parse().ok()?;
    (value >= least).then(|| *place = value)
}

fn unknown(name: &str) -> ConfigError {
    let mut names = OVERRIDABLE.to_vec();
    // `smart_rollup_` in front would make every name of rollups look alike.
    let tail = |name: &str| name.trim_start_matches("smart_rollup_").to_owned();
    names.sort_by_key(|known| strsim::damerau_levenshtein(&tail(known), &tail(name)));
    ConfigError::UnknownConstant { name: name.chars().take(64).collect(), nearest: names[..3].join(", ") }
}

/// The constants as `context/constants` writes them. Those that the sandbox has no use for have the values of
/// the public network, because clients expect them to be there.
pub fn to_json(constants: &ChainConstants) -> Value {
    let mut all = fixed();
    all.extend(parametric(constants));
    Value::Object(all)
}

/// The part of the constants that a protocol is started with: `context/constants/parametric`.
pub fn parametric_to_json(constants: &ChainConstants) -> Value {
    Value::Object(parametric(constants))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn fixed() -> Map<String, Value> {
    object(json!({
        "proof_of_work_nonce_size": 8,
        "nonce_length": 32,
        "max_anon_ops_per_block": 132,
        "max_operation_data_length": 32_768,
        "max_proposals_per_delegate": 20,
        "max_micheline_node_count": 50_000,
        "max_micheline_bytes_limit": 50_000,
        "max_allowed_global_constants_depth": 10_000,
        "cache_layout_size": 5,
        "michelson_maximum_type_size": 2_001,
        "denunciation_period": 1,
        "slashing_delay": 1,
        "smart_rollup_max_wrapped_proof_binary_size": 30_000,
        "smart_rollup_message_size_limit": 4_096,
        "smart_rollup_max_number_of_messages_per_level": "1000000",
    }))
}

fn ratio(numerator: u32, denominator: u32) -> Value {
    json!({ "numerator": numerator.to_string(), "denominator": denominator.to_string() })
}

fn parametric(constants: &ChainConstants) -> Map<String, Value> {
    let mut all = consensus(&constants.rules);
    all.extend(economy(constants));
    all.extend(rollups(&constants.rules.profile));
    all.extend(adaptive());
    all
}

fn consensus(rules: &Constants) -> Map<String, Value> {
    object(json!({
        "consensus_rights_delay": 2,
        "blocks_preservation_cycles": 1,
        "delegate_parameters_activation_delay": 5,
        "tolerated_inactivity_period": 2,
        "blocks_per_cycle": 14_400,
        "blocks_per_commitment": 112,
        "nonce_revelation_threshold": 400,
        "cycles_per_voting_period": 14,
        "hard_gas_limit_per_operation": rules.hard_gas_limit_per_operation.to_string(),
        "hard_gas_limit_per_block": rules.hard_gas_limit_per_block.to_string(),
        "proof_of_work_threshold": "281474976710655",
        "minimal_stake": "6000000000",
        "minimal_frozen_stake": "600000000",
        "vdf_difficulty": "2400000000",
        "origination_size": rules.origination_size,
        "issuance_weights": {
            "base_total_issued_per_minute": "80007812",
            "baking_reward_fixed_portion_weight": 5_120,
            "baking_reward_bonus_weight": 5_120,
            "attesting_reward_weight": 10_240,
            "seed_nonce_revelation_tip_weight": 1,
            "vdf_revelation_tip_weight": 1,
            "dal_rewards_weight": 2_275,
        },
    }))
}

fn economy(constants: &ChainConstants) -> Map<String, Value> {
    let rules = &constants.rules;
    object(json!({
        "cost_per_byte": rules.profile.cost_per_byte.to_string(),
        "hard_storage_limit_per_operation": rules.hard_storage_limit_per_operation.to_string(),
        "quorum_min": 2_000,
        "quorum_max": 7_000,
        "min_proposal_quorum": 500,
        "liquidity_baking_subsidy": "5000000",
        "liquidity_baking_toggle_ema_threshold": 1_000_000_000,
        "max_operations_time_to_live": constants.max_operations_time_to_live,
        "minimal_block_delay": rules.profile.minimal_block_delay.to_string(),
        "delay_increment_per_round": "3",
        "consensus_committee_size": 7_000,
        "consensus_threshold_size": 4_667,
        "minimal_participation_ratio": { "numerator": 2, "denominator": 3 },
        "limit_of_delegation_over_baking": 9,
        "percentage_of_frozen_deposits_slashed_per_double_baking": 500,
        "max_slashing_per_block": 10_000,
        "max_slashing_threshold": { "numerator": 1, "denominator": 3 },
        "cache_script_size": 100_000_000,
        "cache_stake_distribution_cycles": 5,
        "cache_sampler_state_cycles": 5,
        "cache_stake_info_cycles": 5,
        "cache_swrr_selected_distribution_cycles": 5,
        // The sandbox has no data availability layer.
        "dal_parametric": {
            "feature_enable": false,
            "incentives_enable": false,
            "dynamic_lag_enable": false,
            "number_of_slots": 160,
            "attestation_lag": 5,
            "attestation_lags": [1, 2, 3, 4, 5],
            "attestation_threshold": 66,
            "minimal_participation_ratio": ratio(16, 25),
            "rewards_ratio": ratio(1, 10),
            "traps_fraction": ratio(1, 2_000),
            "redundancy_factor": 8,
            "page_size": 3_967,
            "slot_size": 380_832,
            "number_of_shards": 512,
        },
    }))
}

fn rollups(profile: &Profile) -> Map<String, Value> {
    let rollup = &profile.rollup;
    // As on a network whose data availability layer is off: never.
    let never = i32::MAX - 1;
    object(json!({
        "smart_rollup_arith_pvm_enable": false,
        "smart_rollup_origination_size": rollup.origination_size,
        "smart_rollup_challenge_window_in_blocks": rollup.challenge_window_in_blocks,
        "smart_rollup_stake_amount": rollup.stake_amount.to_string(),
        "smart_rollup_commitment_period_in_blocks": rollup.commitment_period_in_blocks,
        "smart_rollup_max_lookahead_in_blocks": rollup.max_lookahead_in_blocks,
        "smart_rollup_max_active_outbox_levels": rollup.max_active_outbox_levels,
        "smart_rollup_max_outbox_messages_per_level": rollup.max_outbox_messages_per_level,
        "smart_rollup_number_of_sections_in_dissection": rollup.number_of_sections_in_dissection,
        "smart_rollup_timeout_period_in_blocks": rollup.timeout_period_in_blocks,
        "smart_rollup_max_number_of_cemented_commitments": rollup.max_number_of_stored_cemented_commitments,
        "smart_rollup_max_number_of_parallel_games": rollup.max_number_of_parallel_games,
        "smart_rollup_reveal_activation_level": {
            "raw_data": { "Blake2B": 0 },
            "metadata": 0,
            "dal_page": never,
            "dal_parameters": never,
            "dal_attested_slots_validity_lag": 241_920,
        },
        "smart_rollup_private_enable": false,
        "smart_rollup_riscv_pvm_enable": false,
        "zk_rollup_enable": false,
        "zk_rollup_origination_size": 4_000,
        "zk_rollup_min_pending_to_process": 10,
        "zk_rollup_max_ticket_payload_size": 2_048,
    }))
}

fn adaptive() -> Map<String, Value> {
    object(json!({
        "global_limit_of_staking_over_baking": 9,
        "edge_of_staking_over_delegation": 3,
        "adaptive_rewards_params": {
            "issuance_ratio_final_min": ratio(1, 400),
            "issuance_ratio_final_max": ratio(1, 10),
            "issuance_ratio_initial_min": ratio(9, 200),
            "issuance_ratio_initial_max": ratio(11, 200),
            "initial_period": 10,
            "transition_period": 50,
            "max_bonus": "50000000000000",
            "growth_rate": ratio(1, 100),
            "center_dz": ratio(1, 2),
            "radius_dz": ratio(1, 50),
        },
        "direct_ticket_spending_enable": false,
        "all_bakers_attest_activation_threshold": { "numerator": 1, "denominator": 2 },
        "native_contracts_enable": false,
        "swrr_new_baker_lottery_enable": false,
        "tz5_account_enable": false,
        "issuance_modification_delay": 2,
        "consensus_key_activation_delay": 2,
        "unstake_finalization_delay": 3,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alpha() -> ChainConstants {
        ChainConstants::of(Profile::alpha())
    }

    #[test]
    fn every_overridable_constant_can_be_set_and_shows() {
        for name in OVERRIDABLE {
            let mut constants = alpha();
            set(&mut constants, name, "77").expect(name);
            let shown = match &to_json(&constants)[name] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(shown, "77", "{name}");
        }
    }

    #[test]
    fn an_unknown_name_lists_the_nearest() {
        let mut constants = alpha();
        let error = set(&mut constants, "smart_rollup_commitment_period", "7").expect_err("unknown");
        assert!(error.to_string().contains("smart_rollup_commitment_period_in_blocks"), "{error}");
        assert_eq!(constants, alpha());
    }

    #[test]
    fn bad_values_are_refused() {
        let mut constants = alpha();
        for (name, value) in [
            ("smart_rollup_commitment_period_in_blocks", "0"),
            ("smart_rollup_commitment_period_in_blocks", "-1"),
            ("smart_rollup_commitment_period_in_blocks", "ten"),
            ("smart_rollup_number_of_sections_in_dissection", "256"),
            ("smart_rollup_number_of_sections_in_dissection", "3"),
        ] {
            let error = set(&mut constants, name, value).expect_err(value);
            assert!(error.to_string().contains(name) && error.to_string().contains(value), "{error}");
        }
        assert_eq!(constants, alpha());
    }
}
