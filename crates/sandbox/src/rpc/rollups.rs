//! Smart rollups in the context of a block.

use super::app::App;
use super::error::{RpcError, RpcResult};
use super::request::{At, ok};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use soru_base::{CommitmentHash, Json, Level, LevelSpan, PublicKeyHash, RollupAddress};
use soru_protocol::ledger::{Ledger, ProtocolError, StorageError};
use std::str::FromStr;

/// `…/context/smart_rollups/…`
pub(crate) fn routes() -> Router<App> {
    let rollup = Router::new()
        .route("/kind", get(kind))
        .route("/type", get(parameters_type))
        .route("/genesis_info", get(genesis_info))
        .route("/last_cemented_commitment_hash_with_level", get(last_cemented))
        .route("/staker/{staker}/staked_on_commitment", get(staked_on))
        .route("/staker/{staker}/index", get(staker_index))
        .route("/staker/{staker}/games", get(games))
        .route("/commitment/{commitment}", get(commitment))
        .route("/commitment/{commitment}/stakers_indexes", get(stakers_indexes))
        .route("/commitment/{commitment}/can_be_cemented", get(can_be_cemented))
        .route("/inbox_level/{level}/commitments", get(commitments))
        .route("/stakers", get(stakers))
        .route("/consumed_outputs/{level}", get(consumed_outputs))
        .route("/whitelist", get(public))
        .route("/last_whitelist_update", get(public));
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
        let report = ProtocolError::RollupDoesNotExist { rollup }.report(at.family());
        return Err(RpcError::missing(report.0));
    }
    Ok(Found { ledger, rollup })
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

async fn staked_on(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    let staker: PublicKeyHash = at.parse("staker")?;
    let Some(hash) = ledger.staked_on(&rollup, &staker).map_err(RpcError::internal)? else {
        return ok(Value::Null);
    };
    let commitment = known(&at, &ledger, &rollup, &hash)?;
    let mut object = json!({ "hash": hash.to_json(at.family()) });
    if let (Some(object), Value::Object(members)) = (object.as_object_mut(), commitment) {
        object.extend(members);
    }
    ok(object)
}

async fn staker_index(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    let staker: PublicKeyHash = at.parse("staker")?;
    match ledger.staker_index(&rollup, &staker).map_err(RpcError::internal)? {
        Some(index) => ok(index.to_string()),
        None => Err(RpcError::not_found(format!("{staker} does not stake on this rollup"))),
    }
}

/// There are no refutation games on this chain.
async fn games(at: At) -> RpcResult {
    find(&at)?;
    let _: PublicKeyHash = at.parse("staker")?;
    ok(json!([]))
}

/// No rollup of this chain is private.
async fn public(at: At) -> RpcResult {
    find(&at)?;
    ok(Value::Null)
}

fn known(at: &At, ledger: &Ledger, rollup: &RollupAddress, hash: &CommitmentHash) -> Result<Value, RpcError> {
    match ledger.commitment(rollup, hash).map_err(RpcError::internal)? {
        Some(commitment) => Ok(commitment.to_json(at.family())),
        None => Err(RpcError::missing(
            ProtocolError::UnknownCommitment { commitment: *hash }.report(at.family()).0,
        )),
    }
}

async fn commitment(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    ok(known(&at, &ledger, &rollup, &at.parse("commitment")?)?)
}

async fn stakers_indexes(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    let indexes = ledger.stakers_of(&rollup, &at.parse("commitment")?).map_err(RpcError::internal)?;
    ok(indexes.iter().map(|index| json!(index.to_string())).collect::<Vec<_>>())
}

/// Whether an operation in a block of this level could cement the commitment.
async fn can_be_cemented(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
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
    let mut rivals = Vec::new();
    for candidate in ledger.commitments_at(rollup, next)? {
        let on_cemented = ledger.commitment(rollup, &candidate)?.is_some_and(|c| c.predecessor == cemented);
        if on_cemented && !ledger.stakers_of(rollup, &candidate)?.is_empty() {
            rivals.push(candidate);
        }
    }
    let published = ledger.commitment_published_at(rollup, hash)?;
    let window = LevelSpan(constants.challenge_window_in_blocks);
    Ok(rivals == [*hash] && published.is_some_and(|at| level >= at.plus(window)))
}

async fn commitments(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    let hashes = ledger.commitments_at(&rollup, level(&at)?).map_err(RpcError::internal)?;
    if hashes.is_empty() {
        return ok(Value::Null);
    }
    tell_all(&at, Ok(hashes))
}

async fn stakers(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    tell_all(&at, ledger.stakers(&rollup))
}

async fn consumed_outputs(at: At) -> RpcResult {
    let Found { ledger, rollup } = find(&at)?;
    ok(ledger.executed_outbox_messages(&rollup, level(&at)?).map_err(RpcError::internal)?)
}

fn level(at: &At) -> Result<Level, RpcError> {
    let text = at.param("level");
    let level = u32::from_str(text).ok().and_then(Level::new);
    level.ok_or_else(|| RpcError::bad_request(format!("in the path: `{text}` is no level")))
}
