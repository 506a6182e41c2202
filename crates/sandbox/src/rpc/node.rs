//! The node itself: its version, its protocols, its peers, of which there are none.

use super::app::App;
use super::error::{RpcError, RpcResult};
use super::request::{Asked, ok};
use crate::chain::baker_public_key;
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use soru_base::{Binary, BlockId, Level, b58, blake2b};

/// What every node has, whatever its chain.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/version", get(version))
        .route("/network/version", get(network_version))
        .route("/network/versions", get(network_versions))
        .route("/network/self", get(identity))
        .route("/network/stat", get(traffic))
        .route("/network/connections", get(none))
        .route("/network/peers", get(none))
        .route("/network/points", get(none))
        .route("/health/ready", get(ready))
        .route("/protocols", get(protocols))
        .route("/config/history_mode", get(history_mode))
        .route("/config/network/user_activated_upgrades", get(none))
        .route("/config/network/user_activated_protocol_overrides", get(none))
        .route("/workers/prevalidators", get(none))
        .route("/chains/{chain}/invalid_blocks", get(none))
        .route("/chains/{chain}/active_peers_heads", get(none))
        .route("/chains/{chain}/protocols", get(protocols))
        .route("/chains/{chain}/protocols/{protocol}", get(activation))
}

/// `GET /version`. Clients look at the network's name and at the shape.
async fn version(_: Asked) -> RpcResult {
    let [major, minor, _] = version_numbers();
    ok(json!({
        "version": { "major": major, "minor": minor, "build": 0, "additional_info": "release" },
        "network_version": network_version_json(),
        "commit_info": null,
    }))
}

/// `GET /network/version`
async fn network_version(_: Asked) -> RpcResult {
    ok(network_version_json())
}

/// By the name of its chain clients know a sandbox: they branch their operations on its head, not on an older block.
fn network_version_json() -> Value {
    json!({ "chain_name": "SANDBOXED_TEZOS", "distributed_db_version": 2, "p2p_version": 1 })
}

fn version_numbers() -> [u32; 3] {
    let mut numbers = env!("CARGO_PKG_VERSION").split('.').map(|n| n.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// `GET /health/ready`
async fn ready(asked: Asked) -> RpcResult {
    asked.app.head()?;
    ok(json!({ "ready": true }))
}

/// `GET /protocols`
async fn protocols(asked: Asked) -> RpcResult {
    ok(json!([asked.app.network().profile().protocol.to_string()]))
}

/// `GET /config/history_mode`: everything is kept but ledgers.
async fn history_mode(_: Asked) -> RpcResult {
    ok(json!({ "history_mode": "archive" }))
}

/// Lists that are always empty here.
async fn none(_: Asked) -> RpcResult {
    ok(json!([]))
}

/// The name of a node without peers: made from the key of the baker, for clients that expect one.
async fn identity(_: Asked) -> RpcResult {
    let hash = blake2b::hash32(&baker_public_key().to_bytes());
    ok(b58::encode(&PEER_ID, &hash[..16]))
}

/// The bytes before those of a peer, so that its name begins with `id`.
const PEER_ID: [u8; 2] = [153, 103];

async fn network_versions(_: Asked) -> RpcResult {
    ok(json!([network_version_json()]))
}

async fn traffic(_: Asked) -> RpcResult {
    ok(json!({ "total_sent": "0", "total_recv": "0", "current_inflow": 0, "current_outflow": 0 }))
}

/// `GET /chains/…/protocols/<hash>`: where a protocol begins. The only one begins with the chain.
async fn activation(asked: Asked) -> RpcResult {
    let protocol = asked.app.network().profile().protocol.to_string();
    if asked.param("protocol") != protocol {
        return Err(RpcError::not_found(format!("the only protocol of this chain is {protocol}")));
    }
    let genesis = asked.app.block(&BlockId::from(Level::GENESIS))?;
    let block = json!({ "block_hash": genesis.hash.to_string(), "level": 0 });
    ok(json!({ "protocol": protocol, "proto_level": 1, "activation_block": block }))
}
