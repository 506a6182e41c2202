//! Smart rollups in the context of a block.

use super::app::App;
use super::disputes;
use super::error::{RpcError, RpcResult};
use super::request::{At, ok};
use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};
use soru_base::{CommitmentHash, Json, Level, LevelSpan, RollupAddress};
use soru_protocol::ledger::{Ledger, ProtocolError, StorageError};
use std::collections::BTreeSet;
use std::str::FromStr;

/// `…/context/smart_rollups/…`
pub(crate) fn routes() -> Router<App> {
    let rollup = Router::new()
        .route("/kind", get(kind))
        .route("/type", get(parameters_type))
        .route("/genesis_info", get(genesis_info))
        .route("/last_cemented_commitment_hash_with_level", get(last_cemented))
        .route("/commitment/{commitment}", get(commitment))
        .route("/commitment/{commitment}/can_be_cemented", get(can_be_cemented))
        .route("/inbox_level/{level}/commitments", get(commitments))
        .route("/consumed_outputs/{level}", get(consumed_outputs))
        .route("/ticket_balance", post(super::tickets::of_rollup))
        .route("/whitelist", get(public))
        .route("/last_whitelist_update", get(public))
        .merge(disputes::routes());
    Router::new()
        .route("/all", get(all))
        .route("/all/inbox", get(inbox))
        .nest("/smart_rollup/{rollup}", rollup)
}

/// A rollup that is there.
struct Found {
    ledger: Ledger,
    rollup: RollupAddress,
}

fn find(at: &At) -> Result<Found, RpcError> {
    let rollup: RollupAddress = at.parse("rollup")?;
    let ledger = at.ledger()?;
    if !ledger.has_rollup(&rollup).map_err(RpcError::internal)? {
        return Err(refused(at, &ProtocolError::RollupDoesNotExist { rollup }));
    }
    Ok(Found { ledger, rollup })
}

/// As the network's nodes do it: an error of the protocol, not the status of what does not exist.
pub(super) fn refused(at: &At, error: &ProtocolError) -> RpcError {
    RpcError::refused(vec![error.report(at.family()).0])
}

/// What the ledger says, as JSON.
fn tell<T: Json>(at: &At, found: Result<Option<T>, StorageError>) -> RpcResult {
    match found.map_err(RpcError::internal)? {
        Some(value) => ok(value.to_json(at.family())),
        None => ok(Value::Null),
    }
}

fn tell_all<T: Json>(at: &At, found: Result<Vec<T>, StorageError>) -> RpcResult {
    let values = found.map_err(RpcError::internal)?;
    ok(values.iter().map(|value| value.to_json(at.family())).collect::<Vec<_>>())
}

async fn all(at: At) -> RpcResult {
    tell_all(&at, at.ledger()?.rollups())
}

async fn inbox(at: At) -> RpcResult {
    tell(&at, at.ledger()?.inbox().map(Some))
}

async fn kind(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    tell(&at, ledger.rollup_kind(&rollup))
}

async fn parameters_type(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    tell(&at, ledger.rollup_parameters_type(&rollup))
}

async fn genesis_info(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    match ledger.rollup_genesis_info(&rollup).map_err(RpcError::internal)? {
        Some(info) => ok(json!({
            "level": info.level.get(),
            "commitment_hash": info.commitment_hash.to_json(at.family()),
        })),
        None => ok(Value::Null),
    }
}

async fn last_cemented(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    match ledger.last_cemented_commitment(&rollup).map_err(RpcError::internal)? {
        Some((hash, level)) => ok(json!({ "hash": hash.to_json(at.family()), "level": level.get() })),
        None => ok(Value::Null),
    }
}

/// No rollup of this chain is private.
async fn public(at: At) -> RpcResult {
    at.parse::<RollupAddress>("rollup")?;
    ok(Value::Null)
}

/// A commitment that should be there.
pub(super) fn known(
    at: &At,
    ledger: &Ledger,
    rollup: &RollupAddress,
    hash: &CommitmentHash,
) -> Result<Value, RpcError> {
    match ledger.commitment(rollup, hash).map_err(RpcError::internal)? {
        Some(commitment) => Ok(commitment.to_json(at.family())),
        None => Err(refused(at, &ProtocolError::UnknownCommitment { commitment: *hash })),
    }
}

async fn commitment(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    ok(known(&at, &ledger, &rollup, &at.parse("commitment")?)?)
}

/// Whether an operation in a block of this level could cement the commitment.
async fn can_be_cemented(at: At) -> RpcResult {
    let (ledger, rollup) = (at.ledger()?, at.parse("rollup")?);
    ok(cementable(&ledger, &rollup, &at.parse("commitment")?, at.block.level())
        .map_err(RpcError::internal)?)
}

fn cementable(
    ledger: &Ledger,
    rollup: &RollupAddress,
    hash: &CommitmentHash,
    level: Level,
) -> Result<bool, StorageError> {
    let constants = ledger.constants().rollup();
    let Some((cemented, cemented_level)) = ledger.last_cemented_commitment(rollup)? else { return Ok(false) };
    let next = cemented_level.plus(LevelSpan(constants.commitment_period_in_blocks));
    let mut active = BTreeSet::new();
    for staker in ledger.stakers(rollup)? {
        active.extend(ledger.staker_index(rollup, &staker)?);
    }
    let mut rivals = Vec::new();
    for candidate in ledger.commitments_at(rollup, next)? {
        let on_cemented = ledger.commitment(rollup, &candidate)?.is_some_and(|c| c.predecessor == cemented);
        // Who lost its stake is still listed, and does not count.
        let staked = ledger.stakers_of(rollup, &candidate)?.iter().any(|index| active.contains(index));
        if on_cemented && staked {
            rivals.push(candidate);
        }
    }
    let published = ledger.commitment_published_at(rollup, hash)?;
    let window = LevelSpan(constants.challenge_window_in_blocks);
    Ok(rivals == [*hash] && published.is_some_and(|at| level >= at.plus(window)))
}

async fn commitments(at: At) -> RpcResult {
    let (ledger, rollup) = (at.ledger()?, at.parse("rollup")?);
    let hashes = ledger.commitments_at(&rollup, level(&at)?).map_err(RpcError::internal)?;
    if hashes.is_empty() {
        return ok(Value::Null);
    }
    tell_all(&at, Ok(hashes))
}

async fn consumed_outputs(at: At) -> RpcResult {
    let (ledger, rollup) = (at.ledger()?, at.parse("rollup")?);
    ok(ledger.executed_outbox_messages(&rollup, level(&at)?).map_err(RpcError::internal)?)
}

fn level(at: &At) -> Result<Level, RpcError> {
    let text = at.param("level");
    let level = u32::from_str(text).ok().and_then(Level::new);
    level.ok_or_else(|| RpcError::bad_request(format!("in the path: `{text}` is no level")))
}
