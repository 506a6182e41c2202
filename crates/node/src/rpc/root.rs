//! What is about the node as a program.

use super::openapi::{help, openapi};
use super::route::{Route, done, get};
use super::schema::{
    any_object, anything, flag, has, level, list, may, named, natural, object, one_of, or_null, pair, text,
    time, word,
};
use super::{Context, RpcError};
use crate::config::{Mode, Purpose};
use crate::status::Connection;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use soru_engine::{Decided, Fallbacks, Kind, Status};
use soru_protocol::Timestamp;

type Answer = Result<Json<Value>, RpcError>;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/ping", "that the node can answer", ping).answers(any_object()),
        get("/health", "how the node is, and what a person has to look at", health).answers(health_shape()),
        get("/version", "versions of the program and of its store", version).answers(object([
            has("version", text()),
            has("store_version", text()),
            has("context_version", text()),
        ])),
        get("/config", "the configuration, as in `config.json`, without the names and passwords of addresses", config).answers(any_object()),
        get(
            "/stats/engine",
            "since the start: calls of `kernel_run`, the engines that decided them, why compiled runs were made again, ticks of the \
             calls, kernels compiled, kernels loaded from disk, kernels that `singlepass` did not take, \
             functions that the interpreter leaves out, calls given up",
            engine_stats,
        )
        .answers(or_null(object([
            has("engine", word(&Kind::ALL.map(Kind::name))),
            has("compiler", text()),
            has("runs", natural()),
            has("decided", object(ENGINES.map(|name| has(name, natural())))),
            has("fallbacks", object(Fallbacks::default().by_reason().map(|(reason, _)| has(reason, natural())))),
            has("ticks", natural()),
            has("compiled", natural()),
            has("loaded", natural()),
            has("retreats", natural()),
            has("left_out", natural()),
            has("deadlines", natural()),
        ]))),
        get("/stats/store", "what the store holds, and the size of its file", store_stats).answers(object([
            has("file_bytes", natural()),
            has("states", natural()),
            has("nodes", natural()),
            has("node_bytes", natural()),
        ])),
        get("/stats/memory", "what the process uses, in pages, as Linux tells; elsewhere 404", memory).answers(
            object(
                ["page_size"].into_iter().chain(STATM).map(|name| match name {
                    "page_size" => has(name, natural()),
                    name => has(name, super::schema::digits()),
                }),
            ),
        ),
        get("/metrics", "Prometheus metrics", metrics).answers_text(),
        get("/openapi", "this description: OpenAPI 3.1", openapi)
            .may_ask("protocol", text(), "taken and not looked at: the RPC is the same with every protocol")
            .answers(anything()),
        get("/help", "a line for each route", help).answers_text(),
    ]
}

fn health_shape() -> super::schema::Schema {
    let head = object([has("hash", named("BlockHash")), has("level", level()), has("timestamp", time())]);
    let l1 = object([
        has("connection", word(&["connected", "reconnecting", "disconnected"])),
        has("blocks_late", natural()),
        may("last_seen_head", head),
    ]);
    let stuck = object([
        has("level", level()),
        has("obstacle", word(&["deadline", "reveal", "engine", "stuck_for_ever"])),
        has("reason", text()),
        has("attempts", natural()),
    ]);
    let worker = pair(text(), one_of([word(&["running"]), object([has("crashed", text())])]));
    object([
        has("healthy", flag()),
        has("degraded", flag()),
        has("l1", l1),
        has("active_workers", list(worker)),
        has("stuck", or_null(stuck).about("the level that the node cannot get past, and why")),
        has("warnings", list(text())),
        has("conflicts", natural()),
        has("games", natural()),
    ])
}

pub(super) async fn ping() -> Json<Value> {
    Json(done())
}

/// The parts of the node that run in its mode. One that ends takes the node with it: none is ever told as crashed.
fn workers(context: &Context) -> Vec<Value> {
    let config = &context.config;
    let mut names = Vec::new();
    if config.mode != Mode::Observer && config.mode != Mode::Batcher {
        names.push("publisher".to_owned());
    }
    if context.batcher.is_some() {
        names.push("batcher".to_owned());
    }
    if config.signer(Purpose::Refute).is_some() {
        names.push("refutation_coordinator".to_owned());
        let games = context.games.get();
        names.extend(games.open.iter().map(|game| format!("refutation_player (against {})", game.opponent)));
    }
    names.into_iter().map(|name| json!([name, "running"])).collect()
}

pub(super) async fn version() -> Json<Value> {
    let version = concat!("soru ", env!("CARGO_PKG_VERSION"));
    Json(
        json!({"version": version, "store_version": crate::store::VERSION.to_string(), "context_version": "1"}),
    )
}

pub(super) async fn config(State(context): State<Context>) -> Json<Value> {
    Json(context.config.to_shown_json())
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
        "active_workers": workers(&context),
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

/// The words of `/proc/self/statm`, in its order.
const STATM: [&str; 7] = ["size", "resident", "shared", "text", "lib", "data", "dt"];

pub(super) async fn memory() -> Answer {
    let none =
        |reason: String| RpcError::not_found(format!("the memory of the process is not known: {reason}"));
    let told = std::fs::read_to_string("/proc/self/statm").map_err(|e| none(e.to_string()))?;
    let pages: Vec<u64> = told.split_whitespace().map_while(|word| word.parse().ok()).collect();
    if pages.len() != STATM.len() {
        return Err(none(format!("/proc/self/statm has {} numbers, expected {}", pages.len(), STATM.len())));
    }
    let mut out = json!({"page_size": page_size()});
    for (name, pages) in STATM.into_iter().zip(pages) {
        out[name] = json!(pages.to_string());
    }
    Ok(Json(out))
}

/// As the kernel was built; where it does not tell, the size that nearly all have.
fn page_size() -> u64 {
    const USUAL: u64 = 4_096;
    let told = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let kib = told
        .lines()
        .find_map(|line| line.strip_prefix("KernelPageSize:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map_or(USUAL, |kib: u64| kib * 1_024)
}

/// The engines by whom a run can be decided.
const ENGINES: [&str; 3] = ["compiled", "tick_exact", "reference"];

pub(super) async fn engine_stats(State(context): State<Context>) -> Json<Value> {
    Json(context.machine.engine().map_or(Value::Null, |status| engine_json(&status)))
}

fn engine_json(status: &Status) -> Value {
    let Decided { compiled, tick_exact, reference } = status.decided;
    let decided = ENGINES.into_iter().zip([compiled, tick_exact, reference].map(Value::from));
    let fallbacks = status.fallbacks.by_reason().map(|(reason, runs)| (reason.to_owned(), runs.into()));
    json!({
        "engine": status.kind.name(),
        "compiler": status.compiler.name(),
        "runs": status.runs,
        "decided": decided.map(|(name, runs)| (name.to_owned(), runs)).collect::<Map<_, _>>(),
        "fallbacks": Map::from_iter(fallbacks),
        "ticks": status.ticks,
        "compiled": status.compiled,
        "loaded": status.loaded,
        "retreats": status.retreats,
        "left_out": status.left_out,
        "deadlines": status.deadlines,
    })
}

pub(super) async fn metrics(State(context): State<Context>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], context.metrics.render()).into_response()
}
