//! Constants, and how they are changed.

use crate::world::*;
use soru_base::profile::ProfileName;
use soru_sandbox::{ConfigError, Sandbox, StartError};
use tempfile::TempDir;

#[tokio::test]
async fn overridden_constants_show() {
    let change =
        [("smart_rollup_commitment_period_in_blocks", "7"), ("smart_rollup_stake_amount", "32000000")];
    let world = world_with(|config| {
        config.overrides = change.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    })
    .await;
    let constants = world.get("/chains/main/blocks/head/context/constants").await;
    assert_eq!(constants["smart_rollup_commitment_period_in_blocks"], 7);
    assert_eq!(constants["smart_rollup_stake_amount"], "32000000");
    assert_eq!(constants["smart_rollup_challenge_window_in_blocks"], 80_640);
    // What Taquito reads.
    assert_eq!(constants["hard_gas_limit_per_operation"], "1040000");
    assert_eq!(constants["minimal_block_delay"], "15");
    let parametric = world.get("/chains/main/blocks/head/context/constants/parametric").await;
    for (name, value) in parametric.as_object().expect("an object") {
        assert_eq!(&constants[name], value, "{name}");
    }
}

#[tokio::test]
async fn the_mainnet_profile_is_todays_network() {
    let world = world_with(|config| config.profile = ProfileName::Mainnet).await;
    let constants = world.get("/chains/main/blocks/head/context/constants").await;
    assert_eq!(constants["smart_rollup_commitment_period_in_blocks"], 150);
    assert_eq!(constants["minimal_block_delay"], "6");
    let protocols = world.get("/chains/main/blocks/head/protocols").await;
    assert!(text(&protocols["protocol"]).starts_with("PtTALLiN"));
}

#[tokio::test]
async fn an_unknown_constant_stops_the_start() {
    let dir = TempDir::new().expect("a temporary directory");
    let mut config = config(&dir);
    config.overrides = vec![("smart_rollup_challenge_window".to_owned(), "5".to_owned())];
    let error = Sandbox::start(config).await.err().expect("an error");
    let StartError::Config(ConfigError::UnknownConstant { name, nearest }) = error else { panic!("{error}") };
    assert_eq!(name, "smart_rollup_challenge_window");
    assert!(nearest.contains("smart_rollup_challenge_window_in_blocks"), "{nearest}");
}

#[tokio::test]
async fn a_chain_is_not_opened_with_other_constants() {
    let dir = TempDir::new().expect("a temporary directory");
    Sandbox::start(config(&dir)).await.expect("the sandbox starts").stop().await;
    let mut other = config(&dir);
    other.overrides = vec![("smart_rollup_commitment_period_in_blocks".to_owned(), "5".to_owned())];
    let error = Sandbox::start(other).await.err().expect("an error").to_string();
    assert!(error.contains("smart_rollup_commitment_period_in_blocks = 30"), "{error}");
    let mut other = config(&dir);
    other.profile = ProfileName::Mainnet;
    let error = Sandbox::start(other).await.err().expect("an error").to_string();
    assert!(error.contains("profile") && error.contains("alpha"), "{error}");
    // What no ledger depends on may change.
    let mut faster = config(&dir);
    faster.overrides = vec![("minimal_block_delay".to_owned(), "1".to_owned())];
    let running = Sandbox::start(faster).await.expect("the sandbox starts");
    running.stop().await;
}
