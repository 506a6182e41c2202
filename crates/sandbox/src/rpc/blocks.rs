//! Blocks, whole and in parts.

use super::app::App;
use super::error::{RpcError, RpcResult};
use super::request::{Asked, At, ok};
use super::shape;
use crate::chain::Block;
use crate::constants;
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use soru_base::BlockId;
use soru_base::{Binary, BlockHash, Json, Level};
use soru_protocol::block::{MANAGER_PASS, VALIDATION_PASSES};
use std::sync::Arc;

/// Blocks that one request can list.
const MAX_LISTED: u64 = 10_000;

/// `/chains/…/blocks/…/…`
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/hash", get(|at: At| async move { ok(at.block.hash.to_string()) }))
        .route("/header", get(|at: At| async move { ok(shape::header(&at.block, at.app.network())) }))
        .route("/header/raw", get(|at: At| async move { ok(hex::encode(at.block.header.to_bytes())) }))
        .route("/header/shell", get(|at: At| async move { ok(at.block.header.shell.to_json(at.family())) }))
        .route("/header/protocol_data", get(protocol_data))
        .route("/header/protocol_data/raw", get(|at: At| async move { ok(shape::protocol_data(&at.block)) }))
        .route("/metadata", get(|at: At| async move { ok(shape::metadata(&at.block, at.app.network())) }))
        .route(
            "/resulting_context_hash",
            get(|at: At| async move { ok(at.block.header.shell.context.to_string()) }),
        )
        .route("/protocols", get(protocols))
        .route("/live_blocks", get(live_blocks))
        .route("/operations", get(operations))
        .route("/operations/{pass}", get(operations_in_pass))
        .route("/operations/{pass}/{index}", get(operation))
        .route("/operation_hashes", get(hashes))
        .route("/operation_hashes/{pass}", get(hashes_in_pass))
        .route("/operation_hashes/{pass}/{index}", get(hash))
        .route("/context/constants", get(constants))
        .route("/context/constants/parametric", get(parametric_constants))
        .route("/context/constants/errors", get(|_: At| async move { ok(json!([])) }))
        .route("/helpers/current_level", get(current_level))
}

/// `GET /chains/…/chain_id`
pub(crate) async fn chain_id(asked: Asked) -> RpcResult {
    ok(asked.app.network().chain_id.to_string())
}

/// `GET /chains/…/is_bootstrapped`
pub(crate) async fn is_bootstrapped(_: Asked) -> RpcResult {
    ok(json!({ "bootstrapped": true, "sync_state": "synced" }))
}

/// `GET /chains/…/levels/{checkpoint,savepoint,caboose}`: all blocks are there from the genesis on.
pub(crate) async fn mark(asked: Asked) -> RpcResult {
    match asked.param("mark") {
        "checkpoint" | "savepoint" | "caboose" => {
            let genesis = asked.app.block(&BlockId::from(Level::GENESIS))?;
            ok(json!({ "block_hash": genesis.hash.to_string(), "level": 0 }))
        }
        other => Err(RpcError::not_found(format!("no level is called `{other}`"))),
    }
}

/// `GET /chains/…/blocks?length=…&head=…&min_date=…`: for each head asked for, its hash and those of its predecessors.
pub(crate) async fn list(asked: Asked) -> RpcResult {
    let length = asked.number("length")?.unwrap_or(1);
    if length > MAX_LISTED {
        return Err(RpcError::bad_request(format!(
            "length: at most {MAX_LISTED} blocks are listed, not {length}"
        )));
    }
    let min_date = match asked.query("min_date") {
        None => None,
        Some(text) => Some(text.parse::<soru_protocol::block::Timestamp>().map_err(RpcError::bad_request)?),
    };
    let heads: Result<Vec<BlockHash>, _> = asked.query_all("head").map(str::parse).collect();
    let mut heads = heads.map_err(RpcError::bad_request)?;
    if heads.is_empty() {
        heads.push(asked.app.head()?.hash);
    }
    let mut lists = Vec::new();
    for head in heads {
        let mut hashes = Vec::new();
        let mut next = Some(asked.app.block(&BlockId::from(head))?);
        while let Some(block) = next.filter(|_| (hashes.len() as u64) < length) {
            if min_date.is_some_and(|date| block.timestamp() < date) {
                break;
            }
            hashes.push(json!(block.hash.to_string()));
            next = predecessor(&asked.app, &block)?;
        }
        lists.push(Value::Array(hashes));
    }
    ok(lists)
}

fn predecessor(app: &App, block: &Block) -> Result<Option<Arc<Block>>, RpcError> {
    if block.level() == Level::GENESIS {
        return Ok(None);
    }
    app.block(&BlockId::from(block.predecessor())).map(Some)
}

/// `GET /chains/…/blocks/…`
pub(crate) async fn whole(at: At) -> RpcResult {
    ok(shape::whole(&at.block, at.app.network(), with_metadata(&at)?))
}

fn with_metadata(at: &At) -> Result<bool, RpcError> {
    // Nothing here is too large to be sent: `force_metadata` changes nothing.
    match at.query("metadata") {
        None | Some("always") => Ok(true),
        Some("never") => Ok(false),
        Some(other) => Err(RpcError::bad_request(format!(
            "in the query, metadata: `{other}` is neither always nor never"
        ))),
    }
}

async fn protocol_data(at: At) -> RpcResult {
    let mut object = at.block.header.raw_json(at.family());
    if let (Some(all), Value::Object(shell)) =
        (object.as_object_mut(), at.block.header.shell.to_json(at.family()))
    {
        for name in shell.keys() {
            all.shift_remove(name);
        }
    }
    ok(object)
}

async fn protocols(at: At) -> RpcResult {
    let protocol = at.app.network().profile().protocol.to_string();
    ok(json!({ "protocol": protocol, "next_protocol": protocol }))
}

/// The blocks that an operation in the next block can be branched on.
async fn live_blocks(at: At) -> RpcResult {
    let live = at.app.network().constants.max_operations_time_to_live;
    let mut hashes = Vec::new();
    let mut next = Some(at.block.clone());
    while let Some(block) = next.filter(|_| hashes.len() <= live as usize) {
        hashes.push(json!(block.hash.to_string()));
        next = predecessor(&at.app, &block)?;
    }
    ok(hashes)
}

async fn operations(at: At) -> RpcResult {
    ok(shape::in_passes(shape::operations(&at.block, at.app.network(), with_metadata(&at)?)))
}

/// The items of the pass that the path names.
fn of_pass(at: &At, items: impl FnOnce() -> Vec<Value>) -> Result<Vec<Value>, RpcError> {
    match at.parse::<usize>("pass")? {
        MANAGER_PASS => Ok(items()),
        pass if pass < usize::from(VALIDATION_PASSES) => Ok(Vec::new()),
        pass => Err(RpcError::not_found(format!(
            "no validation pass {pass}: there are {VALIDATION_PASSES}, from 0"
        ))),
    }
}

fn of_index(at: &At, mut items: Vec<Value>) -> RpcResult {
    let index: usize = at.parse("index")?;
    if index >= items.len() {
        return Err(RpcError::not_found(format!(
            "no operation {index} in this pass: it has {}",
            items.len()
        )));
    }
    ok(items.swap_remove(index))
}

async fn operations_in_pass(at: At) -> RpcResult {
    let with_metadata = with_metadata(&at)?;
    ok(of_pass(&at, || shape::operations(&at.block, at.app.network(), with_metadata))?)
}

async fn operation(at: At) -> RpcResult {
    let with_metadata = with_metadata(&at)?;
    of_index(&at, of_pass(&at, || shape::operations(&at.block, at.app.network(), with_metadata))?)
}

fn hash_list(block: &Block) -> Vec<Value> {
    block.operation_hashes().map(|hash| json!(hash.to_string())).collect()
}

async fn hashes(at: At) -> RpcResult {
    ok(shape::in_passes(hash_list(&at.block)))
}

async fn hashes_in_pass(at: At) -> RpcResult {
    ok(of_pass(&at, || hash_list(&at.block))?)
}

async fn hash(at: At) -> RpcResult {
    of_index(&at, of_pass(&at, || hash_list(&at.block))?)
}

async fn constants(at: At) -> RpcResult {
    let network = at.app.network();
    ok(constants::to_json(&network.constants))
}

async fn parametric_constants(at: At) -> RpcResult {
    let network = at.app.network();
    ok(constants::parametric_to_json(&network.constants))
}

/// `GET …/helpers/current_level?offset=…`
async fn current_level(at: At) -> RpcResult {
    let offset: i64 = match at.query("offset") {
        None => 0,
        Some(text) => text
            .parse::<i32>()
            .map_err(|_| RpcError::bad_request(format!("in the query, offset: `{text}` is no int32")))?
            .into(),
    };
    let level = i64::from(at.block.level().get()) + offset;
    let level = u32::try_from(level).ok().and_then(Level::new);
    let level = level.ok_or_else(|| RpcError::bad_request("in the query, offset: there is no such level"))?;
    ok(shape::level_info(level.get()))
}
