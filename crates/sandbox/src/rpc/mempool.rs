//! Operations that wait, and why others do not.

use super::app::{App, Taken};
use super::error::{RpcError, RpcResult};
use super::request::{Asked, ok};
use crate::chain::Chain;
use crate::mempool::{Class, Pending, Rejected};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde_json::{Map, Value, json};
use soru_base::{IdFamily, Json, OperationHash, PublicKeyHash};
use soru_protocol::operation::SignedOperation;
use std::collections::BTreeSet;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

/// The validation pass of everything the sandbox knows: operations of accounts.
const MANAGER_PASS: u64 = 3;

/// `…/mempool/…`
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/pending_operations", get(pending_operations))
        .route("/filter", get(filter))
        .route("/monitor_operations", get(monitor_operations))
}

/// `GET …/mempool/filter`: what the network's nodes ask for, so that clients pay what they would pay there. Here every fee will
/// do.
async fn filter(_: Asked) -> RpcResult {
    ok(json!({
        "minimal_fees": "100",
        "minimal_nanotez_per_gas_unit": ["100", "1"],
        "minimal_nanotez_per_byte": ["1000", "1"],
        "replace_by_fee_factor": ["21", "20"],
        "max_operations": 10_000,
        "max_total_bytes": 10_000_000,
    }))
}

/// `GET …/mempool/pending_operations`
async fn pending_operations(asked: Asked) -> RpcResult {
    match asked.query("version") {
        None | Some("2") => {}
        Some(other) => {
            return Err(RpcError::bad_request(format!("unsupported version {other} (supported version: 2)")));
        }
    }
    let filter = Filter::read(&asked)?;
    let mut shown = Map::new();
    let mut classes = Vec::new();
    for (name, class) in [
        ("validated", None),
        ("refused", Some(Class::Refused)),
        ("outdated", Some(Class::Outdated)),
        ("branch_refused", Some(Class::BranchRefused)),
        ("branch_delayed", Some(Class::BranchDelayed)),
    ] {
        if asked.flag(name, true)? {
            classes.push(class);
        }
        shown.insert(name.to_owned(), json!([]));
    }
    let (waiting, rejected) = asked
        .app
        .with_chain(|chain: &mut Chain| {
            Ok((chain.waiting(), chain.mempool().rejected().cloned().collect::<Vec<Rejected>>()))
        })
        .await
        .map_err(RpcError::internal)?;
    let (family, protocol) = (asked.family(), asked.app.network().profile().protocol.to_string());
    let mut show = |name: &str, class: Option<Class>, operation: Value| {
        if classes.contains(&class)
            && let Some(Value::Array(list)) = shown.get_mut(name)
        {
            list.push(operation);
        }
    };
    for (pending, next) in &waiting {
        if !filter.lets_through(&pending.hash, &pending.operation) {
            continue;
        }
        if *next {
            show("validated", None, validated(pending, family));
        } else {
            let error = json!([{
                "kind": "temporary",
                "id": "node.mempool.earlier_operation_waits",
                "msg": "an operation of the same account with a lower counter comes first",
            }]);
            let class = Class::BranchDelayed;
            show(
                class.name(),
                Some(class),
                failed(pending.hash, &pending.operation, &protocol, error, family),
            );
        }
    }
    for rejected in rejected.iter().filter(|r| filter.lets_through(&r.hash, &r.operation)) {
        let class = rejected.refusal.class;
        let error = Value::Array(rejected.refusal.trace.clone());
        show(class.name(), Some(class), failed(rejected.hash, &rejected.operation, &protocol, error, family));
    }
    // Judged on arrival: nothing is ever left unprocessed.
    shown.insert("unprocessed".to_owned(), json!([]));
    ok(Value::Object(shown))
}

fn validated(pending: &Pending, family: IdFamily) -> Value {
    shown(pending.hash, &pending.operation, family)
}

fn shown(hash: OperationHash, operation: &SignedOperation, family: IdFamily) -> Value {
    let mut object = Map::new();
    object.insert("hash".to_owned(), json!(hash.to_string()));
    extend(&mut object, operation.to_json(family));
    Value::Object(object)
}

/// `GET …/mempool/monitor_operations`: the operations that wait, then each that comes, as arrays, until there is a new head: as
/// on the network, the stream ends then.
async fn monitor_operations(asked: Asked) -> Result<Response, RpcError> {
    let filter = Filter::read(&asked)?;
    let wanted = asked.flag("validated", true)?;
    // In this order: an operation that comes in between comes twice, and the second time is dropped.
    let mut monitor = Monitor {
        operations: asked.app.operations().subscribe(),
        heads: asked.app.heads().subscribe(),
        stop: asked.app.stop_signal(),
        filter,
        family: asked.family(),
        protocol: asked.app.network().profile().protocol.to_string(),
        told: BTreeSet::new(),
        first: None,
    };
    let waiting =
        asked.app.with_chain(|chain: &mut Chain| Ok(chain.waiting())).await.map_err(RpcError::internal)?;
    let mut first = Vec::new();
    for (pending, next) in &waiting {
        monitor.told.insert(pending.hash);
        if wanted && *next && monitor.filter.lets_through(&pending.hash, &pending.operation) {
            first.push(monitor.line(pending.hash, &pending.operation));
        }
    }
    monitor.first = Some(Value::Array(first));
    let chunks = stream::unfold(monitor, move |mut monitor| async move {
        let value = monitor.next(wanted).await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(format!("{value}\n"))), monitor))
    });
    Ok(([(CONTENT_TYPE, "application/json")], Body::from_stream(chunks)).into_response())
}

/// Somebody who watches the operations that come.
struct Monitor {
    operations: broadcast::Receiver<Taken>,
    heads: broadcast::Receiver<std::sync::Arc<crate::chain::Block>>,
    stop: watch::Receiver<bool>,
    filter: Filter,
    family: IdFamily,
    protocol: String,
    told: BTreeSet<OperationHash>,
    first: Option<Value>,
}

impl Monitor {
    fn line(&self, hash: OperationHash, operation: &SignedOperation) -> Value {
        let mut object = shown(hash, operation, self.family);
        object["protocol"] = self.protocol.clone().into();
        object
    }

    async fn next(&mut self, wanted: bool) -> Option<Value> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let received = tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return None,
                _ = self.heads.recv() => return None,
                received = self.operations.recv() => received,
            };
            match received {
                Err(RecvError::Closed) => return None,
                // Who reads too slowly misses some.
                Err(RecvError::Lagged(_)) => {}
                Ok(taken) => {
                    let (hash, operation) = &*taken;
                    if self.told.insert(*hash) && wanted && self.filter.lets_through(hash, operation) {
                        return Some(json!([self.line(*hash, operation)]));
                    }
                }
            }
        }
    }
}

fn failed(
    hash: OperationHash,
    operation: &SignedOperation,
    protocol: &str,
    error: Value,
    family: IdFamily,
) -> Value {
    let mut object = Map::new();
    object.insert("hash".to_owned(), json!(hash.to_string()));
    object.insert("protocol".to_owned(), json!(protocol));
    extend(&mut object, operation.to_json(family));
    object.insert("error".to_owned(), error);
    Value::Object(object)
}

fn extend(object: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        object.extend(more);
    }
}

/// What the query asks for.
struct Filter {
    pass: bool,
    sources: Vec<PublicKeyHash>,
    hashes: Vec<OperationHash>,
}

impl Filter {
    fn read(asked: &Asked) -> Result<Self, RpcError> {
        let mut passes = Vec::new();
        for pass in asked.query_all("validation_pass") {
            let pass: u64 =
                pass.parse().map_err(|_| RpcError::bad_request(format!("`{pass}` is no validation pass")))?;
            passes.push(pass);
        }
        let sources: Result<_, _> = asked.query_all("source").map(str::parse).collect();
        let hashes: Result<_, _> = asked.query_all("operation_hash").map(str::parse).collect();
        Ok(Self {
            pass: passes.is_empty() || passes.contains(&MANAGER_PASS),
            sources: sources.map_err(RpcError::bad_request)?,
            hashes: hashes.map_err(RpcError::bad_request)?,
        })
    }

    fn lets_through(&self, hash: &OperationHash, operation: &SignedOperation) -> bool {
        self.pass
            && (self.hashes.is_empty() || self.hashes.contains(hash))
            && (self.sources.is_empty()
                || operation.operation.source().is_some_and(|source| self.sources.contains(&source)))
    }
}
