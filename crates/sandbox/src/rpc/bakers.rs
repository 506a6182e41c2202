//! Bakers, their rights and their votes: there is one baker, who makes every block and never votes.

use super::app::App;
use super::error::{RpcError, RpcResult};
use super::request::{At, ok};
use super::shape;
use crate::chain::{BAKER, baker_public_key};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use soru_base::{Contract, IdFamily, Json as _, Level, Mutez, PublicKeyHash};
use soru_protocol::ledger::Ledger;

/// `/chains/…/blocks/…/…`
pub(crate) fn routes() -> Router<App> {
    let votes = Router::new()
        .route("/ballots", get(|_: At| async { ok(json!({ "yay": "0", "nay": "0", "pass": "0" })) }))
        .route("/ballot_list", get(none))
        .route("/current_period", get(|at: At| async move { ok(period(at.block.level())) }))
        .route("/successor_period", get(|at: At| async move { ok(period(at.block.level().next())) }))
        .route("/current_quorum", get(|_: At| async { ok(5_000) }))
        .route("/listings", get(none))
        .route("/proposals", get(none))
        .route("/current_proposal", get(|_: At| async { ok(Value::Null) }))
        .route("/total_voting_power", get(|_: At| async { ok("0") }))
        .route("/proposal_count/{pkh}", get(|_: At| async { ok(0) }));
    Router::new()
        .nest("/votes", votes)
        .route("/context/delegates", get(list))
        .nest("/context/delegates/{pkh}", delegate_routes())
        .route("/context/total_supply", get(total_supply))
        .route("/context/total_frozen_stake", get(|_: At| async { ok("0") }))
        .route("/context/total_currently_staked", get(staked))
        .route("/context/adaptive_issuance_launch_cycle", get(|_: At| async { ok(Value::Null) }))
        .route("/context/issuance/expected_issuance", get(none))
        .route("/context/issuance/current_yearly_rate", get(|_: At| async { ok("0.000") }))
        .route("/context/issuance/issuance_per_minute", get(|_: At| async { ok("0") }))
        .route("/context/denunciations", get(none))
        .route("/context/cache/contracts/all", get(none))
        .route("/context/cache/contracts/size", get(|_: At| async { ok(0) }))
        .route("/context/cache/contracts/size_limit", get(|_: At| async { ok(100_000_000) }))
        .route("/helpers/baking_rights", get(baking_rights))
        .route("/helpers/attestation_rights", get(attestation_rights))
        .route("/helpers/validators", get(validators))
        .route("/helpers/levels_in_current_cycle", get(levels_in_current_cycle))
        .route(
            "/helpers/round",
            get(|at: At| async move {
                ok(at.block.header.protocol_data.as_ref().map_or(0, |data| data.payload_round))
            }),
        )
}

async fn none(_: At) -> RpcResult {
    ok(json!([]))
}

fn period(level: Level) -> Value {
    shape::voting_period_info(level.get())
}

/// What of a baker can be asked one by one; each is a member of the whole.
const PARTS: [&str; 28] = [
    "deactivated",
    "is_forbidden",
    "participation",
    "grace_period",
    "active_staking_parameters",
    "pending_staking_parameters",
    "baking_power",
    "total_staked",
    "total_delegated",
    "own_full_balance",
    "own_staked",
    "own_delegated",
    "external_staked",
    "external_delegated",
    "total_unstaked_per_cycle",
    "denunciations",
    "estimated_shared_pending_slashed_amount",
    "staking_denominator",
    "current_voting_power",
    "voting_power",
    "voting_info",
    "consensus_key",
    "companion_key",
    "stakers",
    "delegators",
    "full_balance",
    "staking_balance",
    "delegated_contracts",
];

fn delegate_routes() -> Router<App> {
    let whole = Router::new().route("/", get(|at: At| async move { ok(whole(&at)?) }));
    PARTS.into_iter().fold(whole, |router, name| {
        router.route(&format!("/{name}"), get(move |at: At| async move { ok(part(&at, name)?) }))
    })
}

/// `GET …/context/delegates?active&inactive&…`
async fn list(at: At) -> RpcResult {
    let inactive_only = at.flag("inactive", false)? && !at.flag("active", false)?;
    ok(if inactive_only { json!([]) } else { json!([BAKER.to_string()]) })
}

fn spendable(ledger: &Ledger, pkh: PublicKeyHash) -> Result<Mutez, RpcError> {
    Ok(ledger.balance(&Contract::from(pkh)).map_err(RpcError::internal)?.unwrap_or_default())
}

/// The baker of the path, who must be the only one.
fn baker(at: &At) -> Result<PublicKeyHash, RpcError> {
    let pkh: PublicKeyHash = at.parse("pkh")?;
    if pkh == *BAKER {
        return Ok(pkh);
    }
    let prefix = super::scripts::prefix(at.family());
    Err(RpcError::refused(vec![json!({
        "kind": "temporary",
        "id": format!("{prefix}delegate.not_registered"),
        "pkh": pkh.to_string(),
        "msg": format!("{pkh} is no baker; the only one is {}", *BAKER),
    })]))
}

fn whole(at: &At) -> Result<Value, RpcError> {
    let baker = baker(at)?;
    let balance = spendable(&at.ledger()?, baker)?.to_json(IdFamily::Mainnet);
    let key = json!({ "pkh": baker.to_string(), "pk": baker_public_key().to_string() });
    Ok(json!({
        "deactivated": false,
        "is_forbidden": false,
        "participation": {
            "expected_cycle_activity": 0,
            "minimal_cycle_activity": 0,
            "missed_slots": 0,
            "missed_levels": 0,
            "remaining_allowed_missed_slots": 0,
            "expected_attesting_rewards": "0",
        },
        "grace_period": shape::cycle(at.block.level().get()) + 2,
        "active_staking_parameters": {
            "limit_of_staking_over_baking_millionth": 0,
            "edge_of_baking_over_staking_billionth": 1_000_000_000,
        },
        "pending_staking_parameters": [],
        "baking_power": "0",
        "total_staked": "0",
        "total_delegated": balance,
        "min_delegated_in_current_cycle": { "amount": balance },
        "own_full_balance": balance,
        "own_staked": "0",
        "own_delegated": balance,
        "external_staked": "0",
        "external_delegated": "0",
        "total_unstaked_per_cycle": [],
        "denunciations": [],
        "estimated_shared_pending_slashed_amount": "0",
        "staking_denominator": "0",
        "current_voting_power": "0",
        "voting_power": "0",
        "voting_info": { "voting_power": "0", "remaining_proposals": 20 },
        "consensus_key": { "active": key },
        "companion_key": { "active": null },
        "stakers": [],
        "delegators": [baker.to_string()],
    }))
}

fn part(at: &At, name: &str) -> Result<Value, RpcError> {
    let all = whole(at)?;
    // Their old names.
    let member = match name {
        "full_balance" => "own_full_balance",
        "staking_balance" => "total_delegated",
        "delegated_contracts" => "delegators",
        other => other,
    };
    Ok(all[member].clone())
}

async fn total_supply(at: At) -> RpcResult {
    let supply = at.ledger()?.supply().map_err(RpcError::internal)?;
    ok(Mutez(supply.accounts.saturating_add(supply.bonds)).to_json(at.family()))
}

async fn staked(_: At) -> RpcResult {
    ok(json!({ "delegates": "0", "delegators": "0", "overstaked": "0" }))
}

/// Levels that one request about rights can name.
const MAX_LEVELS: usize = 1_000;

/// The levels that are asked for, the next one if none is; none if somebody else than the baker is asked about.
fn levels(at: &At, default: Level) -> Result<Vec<Level>, RpcError> {
    let mut levels = Vec::new();
    for text in at.query_all("level") {
        let level = text.parse().ok().and_then(Level::new);
        let wrong = || RpcError::bad_request(format!("in the query, level: `{text}` is no level"));
        levels.push(level.ok_or_else(wrong)?);
        if levels.len() > MAX_LEVELS {
            return Err(RpcError::bad_request(format!("more than {MAX_LEVELS} levels")));
        }
    }
    for name in ["delegate", "consensus_key"] {
        let mut others = at.query_all(name).peekable();
        if others.peek().is_some() && !others.any(|pkh| pkh == BAKER.to_string()) {
            return Ok(Vec::new());
        }
    }
    Ok(if levels.is_empty() { vec![default] } else { levels })
}

/// When the block of a level can be expected, if it is not there yet.
fn estimated(at: &At, level: Level) -> Option<String> {
    let ahead = level.get().checked_sub(at.block.level().get()).filter(|ahead| *ahead > 0)?;
    let delay = i64::try_from(at.app.network().profile().minimal_block_delay).ok()?;
    let seconds = at.block.timestamp().0.saturating_add(delay.saturating_mul(ahead.into()));
    Some(soru_protocol::block::Timestamp(seconds).to_string())
}

fn with_time(mut object: Value, time: Option<String>) -> Value {
    if let Some(time) = time {
        object["estimated_time"] = time.into();
    }
    object
}

async fn baking_rights(at: At) -> RpcResult {
    let baker = BAKER.to_string();
    let right = |level: &Level| {
        let object = json!({
            "level": level.get(), "delegate": baker, "round": 0, "consensus_key": baker,
        });
        with_time(object, estimated(&at, *level))
    };
    ok(levels(&at, at.block.level().next())?.iter().map(right).collect::<Vec<_>>())
}

async fn attestation_rights(at: At) -> RpcResult {
    let baker = BAKER.to_string();
    let right = |level: &Level| {
        let object = json!({
            "level": level.get(),
            "delegates": [{
                "delegate": baker, "first_slot": 0, "attesting_power": 7_000, "consensus_key": baker,
            }],
        });
        with_time(object, estimated(&at, *level))
    };
    ok(levels(&at, at.block.level())?.iter().map(right).collect::<Vec<_>>())
}

async fn validators(at: At) -> RpcResult {
    let baker = BAKER.to_string();
    let of_level = |level: &Level| {
        json!({
            "level": level.get(),
            "consensus_threshold": "4667",
            "consensus_committee": "7000",
            "all_bakers_attest_activated": false,
            "delegates": [{
                "delegate": baker, "rounds": [0], "consensus_key": baker, "attesting_power": "7000",
                "attestation_slot": 0,
            }],
        })
    };
    ok(levels(&at, at.block.level())?.iter().map(of_level).collect::<Vec<_>>())
}

async fn levels_in_current_cycle(at: At) -> RpcResult {
    let (first, last) = shape::levels_of_cycle(at.block.level().get());
    ok(json!({ "first": first, "last": last }))
}
