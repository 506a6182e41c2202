//! What is about the node as a program.

use super::{Context, RpcError};
use crate::status::Connection;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use soru_protocol::Timestamp;

type Answer = Result<Json<Value>, RpcError>;

pub(super) async fn ping() -> Json<Value> {
    Json(json!({}))
}

pub(super) async fn version() -> Json<Value> {
    let version = concat!("soru ", env!("CARGO_PKG_VERSION"));
    Json(
        json!({"version": version, "store_version": crate::store::VERSION.to_string(), "context_version": "1"}),
    )
}

pub(super) async fn config(State(context): State<Context>) -> Json<Value> {
    Json(context.config.to_json())
}

pub(super) async fn health(State(context): State<Context>) -> Json<Value> {
    let status = context.status.get();
    let connection = match status.connection {
        Connection::Connected => "connected",
        Connection::Reconnecting => "reconnecting",
        Connection::Disconnected => "disconnected",
    };
    let late = status.blocks_late();
    let mut l1 = json!({"connection": connection, "blocks_late": late});
    if let Some(head) = status.layer1_head {
        l1["last_seen_head"] = json!({"hash": head.hash.to_string(), "level": head.level.get(), "timestamp": Timestamp(head.timestamp).to_string()});
    }
    let warnings = status.all_warnings();
    let stuck = status.stuck.as_ref().map(|stuck| {
        json!({
            "level": stuck.level.get(),
            "obstacle": stuck.obstacle.name(),
            "reason": stuck.reason,
            "attempts": stuck.attempts,
        })
    });
    Json(json!({
        "healthy": status.is_healthy() && late <= 1,
        "degraded": stuck.is_some() || !warnings.is_empty(),
        "l1": l1,
        "active_workers": [],
        "stuck": stuck,
        "warnings": warnings,
        "conflicts": status.conflicts.len(),
        "games": context.games.get().open.len(),
    }))
}

pub(super) async fn store_stats(State(context): State<Context>) -> Answer {
    let size = context.store.size()?;
    Ok(Json(json!({
        "file_bytes": size.file_bytes,
        "states": size.states,
        "nodes": size.nodes,
        "node_bytes": size.node_bytes,
    })))
}

pub(super) async fn engine_stats(State(context): State<Context>) -> Json<Value> {
    Json(context.machine.engine())
}

pub(super) async fn metrics(State(context): State<Context>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], context.metrics.render()).into_response()
}
