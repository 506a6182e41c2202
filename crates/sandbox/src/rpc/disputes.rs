//! Stakers of a rollup, their conflicts and their games. Nobody who asks about somebody unknown gets an error, unless the
//! network's nodes give one.

use super::app::App;
use super::error::{RpcError, RpcResult};
use super::request::{At, ok};
use super::rollups::{known, refused};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use soru_base::{Binary, CommitmentHash, Json, PublicKeyHash, RollupAddress};
use soru_protocol::ledger::ProtocolError;
use soru_protocol::refutation::{Game, Player, Stakers};

/// `…/context/smart_rollups/smart_rollup/<rollup>/…`
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/stakers", get(stakers))
        .route("/staker/{staker}/staked_on_commitment", get(staked_on))
        .route("/staker/{staker}/index", get(staker_index))
        .route("/staker/{staker}/conflicts", get(conflicts))
        .route("/staker/{staker}/games", get(games))
        .route("/staker1/{one}/staker2/{other}/timeout", get(timeout))
        .route("/staker1/{one}/staker2/{other}/timeout_reached", get(timeout_reached))
        .route("/commitment/{commitment}/stakers_indexes", get(stakers_indexes))
}

async fn stakers(at: At) -> RpcResult {
    let stakers = at.ledger()?.stakers(&at.parse("rollup")?).map_err(RpcError::internal)?;
    ok(stakers.iter().map(|staker| staker.to_json(at.family())).collect::<Vec<_>>())
}

/// The newest commitment that an account stakes on; `null` once it is cemented.
async fn staked_on(at: At) -> RpcResult {
    let (ledger, rollup, staker) = (at.ledger()?, at.parse("rollup")?, at.parse("staker")?);
    if ledger.staker_index(&rollup, &staker).map_err(RpcError::internal)?.is_none() {
        return Err(refused(&at, &ProtocolError::NotStaked));
    }
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
    let (rollup, staker) = (at.parse("rollup")?, at.parse::<PublicKeyHash>("staker")?);
    match at.ledger()?.staker_index(&rollup, &staker).map_err(RpcError::internal)? {
        Some(index) => ok(index.to_string()),
        None => {
            let (curve, hash) = match &staker {
                PublicKeyHash::Ed25519(hash) => ("ed25519", hash),
                PublicKeyHash::Secp256k1(hash) => ("secp256k1", hash),
                PublicKeyHash::P256(hash) => ("p256", hash),
                PublicKeyHash::Bls(hash) => ("bls", hash),
            };
            Err(missing_key(&at, &rollup, &["staker_index", curve, &hex::encode(hash)]))
        }
    }
}

async fn stakers_indexes(at: At) -> RpcResult {
    let (ledger, rollup) = (at.ledger()?, at.parse("rollup")?);
    let hash = at.parse::<CommitmentHash>("commitment")?;
    let indexes = ledger.stakers_of(&rollup, &hash).map_err(RpcError::internal)?;
    if indexes.is_empty() {
        return Err(missing_key(&at, &rollup, &["commitments_stakers", &hex::encode(hash.0)]));
    }
    ok(indexes.iter().map(|index| json!(index.to_string())).collect::<Vec<_>>())
}

async fn conflicts(at: At) -> RpcResult {
    let (rollup, staker) = (at.parse("rollup")?, at.parse("staker")?);
    let conflicts = at.ledger()?.conflicts_of(&rollup, &staker).map_err(RpcError::internal)?;
    ok(conflicts.iter().map(|conflict| conflict.to_json(at.family())).collect::<Vec<_>>())
}

async fn games(at: At) -> RpcResult {
    let (rollup, staker) = (at.parse("rollup")?, at.parse("staker")?);
    let games = at.ledger()?.games_of(&rollup, &staker).map_err(RpcError::internal)?;
    let told = |game: &Game| {
        json!({
            "game": game.to_network_json(at.family()),
            "alice": game.stakers.staker(Player::Alice).to_json(at.family()),
            "bob": game.stakers.staker(Player::Bob).to_json(at.family()),
        })
    };
    ok(games.iter().map(told).collect::<Vec<_>>())
}

/// The pair of stakers of the path, in either order; nobody plays against oneself.
fn pair(at: &At) -> Result<Option<(RollupAddress, Stakers)>, RpcError> {
    let rollup = at.parse("rollup")?;
    Ok(Stakers::new(at.parse("one")?, at.parse("other")?).map(|stakers| (rollup, stakers)))
}

async fn timeout(at: At) -> RpcResult {
    let Some((rollup, stakers)) = pair(&at)? else { return ok(Value::Null) };
    let game = at.ledger()?.game(&rollup, &stakers).map_err(RpcError::internal)?;
    ok(game.map_or(Value::Null, |game| game.clock.to_json(at.family())))
}

/// The result that an operation in a block of this level would lead to.
async fn timeout_reached(at: At) -> RpcResult {
    let Some((rollup, stakers)) = pair(&at)? else { return ok(Value::Null) };
    let ledger = at.ledger()?;
    let game = ledger.game(&rollup, &stakers).map_err(RpcError::internal)?;
    let Some(result) = game.and_then(|game| game.timeout(at.block.level()).ok()) else {
        return ok(Value::Null);
    };
    // Whose opponent has lost its stake elsewhere cannot lose any more.
    let void = ledger.void_result(&rollup, &stakers).map_err(RpcError::internal)?;
    ok(void.unwrap_or(result).to_json(at.family()))
}

/// The network's nodes answer so where a table has no such entry; the path is the one in their storage.
fn missing_key(at: &At, rollup: &RollupAddress, below: &[&str]) -> RpcError {
    let rollup_key = hex::encode(rollup.to_bytes());
    let mut path = vec!["smart_rollup", "index", &rollup_key];
    path.extend(below);
    // Any error of the protocol tells how its ids begin.
    let known = ProtocolError::NotStaked;
    let id = known.report(at.family()).id().replace(known.id(), "context.storage_error");
    RpcError::refused(vec![json!({
        "kind": "permanent",
        "id": id,
        "missing_key": path,
        "function": "get",
    })])
}
