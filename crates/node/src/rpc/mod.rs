//! The node's RPC server: paths and JSON of the network's rollup node.

pub(crate) mod batcher;
mod block;
mod disputes;
mod durable;
mod error;
mod global;
mod json;
mod local;
mod root;
mod server;

pub use error::RpcError;
pub use server::{Server, serve};

use crate::batcher::Inlet;
use crate::config::Config;
use crate::layer1::Constants;
use crate::machine::Machine;
use crate::status::{GamesCell, StatusCell};
use crate::store::Store;
use axum::Router;
use axum::http::Uri;
use axum::routing::{get, post};
use std::sync::{Arc, RwLock};

/// Routes by which others can make the node do something: open to all of the machine, to the rest of the world only by name.
pub const WRITE_ROUTES: [&str; 1] = [batcher::INJECTION];

/// What the handlers read.
#[derive(Clone)]
pub struct Context {
    /// The store.
    pub store: Store,
    /// Reads states.
    pub machine: Arc<dyn Machine>,
    /// What the node is doing.
    pub status: StatusCell,
    /// The games it plays.
    pub games: GamesCell,
    /// The way to the batcher, if the mode has one.
    pub batcher: Option<Inlet>,
    /// The configuration.
    pub config: Arc<Config>,
    /// The layer-1's constants, once they are known.
    pub constants: Arc<RwLock<Option<Constants>>>,
    /// Renders the metrics.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

/// All routes.
pub fn router(context: Context) -> Router {
    let block = Router::new()
        .route("/", get(block::whole))
        .route("/hash", get(block::hash))
        .route("/level", get(block::level))
        .route("/inbox", get(block::inbox))
        .route("/state_hash", get(block::state_hash))
        .route("/ticks", get(block::ticks))
        .route("/total_ticks", get(block::total_ticks))
        .route("/num_messages", get(block::num_messages))
        .route("/status", get(block::status))
        .route("/outbox", get(block::outbox))
        .route("/outbox/{level}/messages", get(block::outbox_messages))
        .route("/durable/wasm_2_0_0/value", get(durable::value))
        .route("/durable/wasm_2_0_0/length", get(durable::length))
        .route("/durable/wasm_2_0_0/subkeys", get(durable::subkeys))
        .route("/durable/wasm_2_0_0/values", get(durable::values))
        .route("/helpers/proofs/outbox/{level}/messages", get(block::outbox_proof));
    let global = Router::new()
        .route("/smart_rollup_address", get(global::smart_rollup_address))
        .route("/tezos_head", get(global::tezos_head))
        .route("/tezos_level", get(global::tezos_level))
        .route("/last_stored_commitment", get(global::last_stored_commitment))
        .route("/last_cemented_commitment", get(global::last_cemented_commitment))
        .nest("/block/{id}", block);
    let local = Router::new()
        .route("/last_published_commitment", get(local::last_published_commitment))
        .route("/commitments/{hash}", get(local::commitment))
        .route("/synchronized", get(local::synchronized))
        .route("/outbox/pending", get(local::outbox_pending))
        .route("/outbox/pending/executable", get(local::outbox_executable))
        .route("/outbox/pending/unexecutable", get(local::outbox_unexecutable))
        .route("/batcher/injection", post(batcher::injection))
        .route("/batcher/queue", get(batcher::queue))
        .route("/batcher/queue/{id}", get(batcher::message))
        .route("/conflicts", get(disputes::conflicts))
        .route("/games", get(disputes::games))
        .route("/games/ended", get(disputes::ended_games))
        .route("/stake", get(disputes::stake))
        .route("/gc_info", get(local::gc_info));
    Router::new()
        .nest("/global", global)
        .nest("/local", local)
        .route("/ping", get(root::ping))
        .route("/health", get(root::health))
        .route("/version", get(root::version))
        .route("/config", get(root::config))
        .route("/stats/engine", get(root::engine_stats))
        .route("/stats/store", get(root::store_stats))
        .route("/metrics", get(root::metrics))
        .fallback(async |uri: Uri| RpcError::not_found(format!("there is no RPC at {}", uri.path())))
        .method_not_allowed_fallback(async || RpcError::method_not_allowed())
        .with_state(context)
}

/// The route of the metrics alone.
pub fn metrics_router(context: Context) -> Router {
    Router::new().route("/metrics", get(root::metrics)).with_state(context)
}
