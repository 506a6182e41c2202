//! What only a sandbox can do, and what it says about itself.

use super::app::App;
use super::error::{RpcError, RpcResult};
use super::request::{Asked, Body, ok};
use crate::chain::{Block, ChainError};
use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;

/// Blocks that one request can make.
const MAX_BLOCKS: u64 = 10_000;

/// `/sandbox/…`
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/bake", post(bake)).route("/reorg", post(reorg)).route("/info", get(info))
}

/// `POST /sandbox/bake {"count": 1}`: makes blocks at once; answers the new head.
async fn bake(asked: Asked, Body(body): Body) -> RpcResult {
    let count = number(&body, "count", 1)?;
    let mut baked = Vec::new();
    for _ in 0..count {
        let block = asked.app.with_chain(|chain| chain.bake_next()).await.map_err(RpcError::internal)?;
        baked.push(block.hash.to_string());
    }
    answer(&asked.app.head()?, json!({ "baked": baked }))
}

/// `POST /sandbox/reorg {"depth": d, "blocks": n}`: leaves the last `d` blocks for a branch of `n` others, `d + 1` if not
/// said; answers the new head.
async fn reorg(asked: Asked, Body(body): Body) -> RpcResult {
    let depth = number(&body, "depth", 1)?;
    let blocks = number(&body, "blocks", depth + 1)?;
    let (depth, blocks) =
        (u32::try_from(depth).unwrap_or(u32::MAX), u32::try_from(blocks).unwrap_or(u32::MAX));
    let head = asked.app.with_chain(move |chain| chain.reorg(depth, blocks)).await.map_err(|e| match e {
        ChainError::Reorganisation(_) | ChainError::NoLedger { .. } => RpcError::bad_request(e),
        other => RpcError::internal(other),
    })?;
    answer(&head, json!({ "abandoned": depth, "baked": blocks }))
}

fn answer(head: &Arc<Block>, mut more: Value) -> RpcResult {
    more["hash"] = json!(head.hash.to_string());
    more["level"] = json!(head.level().get());
    ok(more)
}

fn number(body: &Value, name: &str, default: u64) -> Result<u64, RpcError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_u64().filter(|n| (1..=MAX_BLOCKS).contains(n)).ok_or_else(|| {
            RpcError::bad_request(format!("{name}: expected a number from 1 to {MAX_BLOCKS}, found {value}"))
        }),
    }
}

/// `GET /sandbox/info`: what runs here.
async fn info(asked: Asked) -> RpcResult {
    let network = asked.app.network();
    let head = asked.app.head()?;
    let pending =
        asked.app.with_chain(|chain| Ok(chain.mempool().len())).await.map_err(RpcError::internal)?;
    ok(json!({
        "profile": network.profile().name.to_string(),
        "chain_id": network.chain_id.to_string(),
        "protocol": network.profile().protocol.to_string(),
        "head": { "hash": head.hash.to_string(), "level": head.level().get(), "timestamp": head.timestamp().to_string() },
        "pending_operations": pending,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}
