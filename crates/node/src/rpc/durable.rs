//! `/global/block/<id>/durable/wasm_2_0_0/…`: what the kernel has stored.

use super::block::query;
use super::route::{Route, get};
use super::schema::{digits, has, hex, list, matching, object, or_null, text};
use super::{Context, RpcError};
use crate::machine::{Machine, MachineError};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use soru_merkle::Tree;

type Answer = Result<Json<Value>, RpcError>;
type Asked = Result<Query<Key>, QueryRejection>;

pub(super) fn routes() -> Vec<Route> {
    const KEYS: &str = "^(/|(/[A-Za-z0-9._-]+)*)$";
    const KEY: &str = "a key of the durable storage, as `/kernel/boot.wasm`; none is its root";
    vec![
        get(
            "/global/block/{block_id}/durable/wasm_2_0_0/value",
            "a value of the durable storage, or `null`. At most 64 MiB",
            value,
        )
        .may_ask("key", matching(KEYS), KEY)
        .answers(or_null(hex())),
        get("/global/block/{block_id}/durable/wasm_2_0_0/length", "the bytes of a value, or `null`", length)
            .may_ask("key", matching(KEYS), KEY)
            .answers(or_null(digits())),
        get(
            "/global/block/{block_id}/durable/wasm_2_0_0/subkeys",
            "names of the children; the empty name is the key's own value. At most 100,000",
            subkeys,
        )
        .may_ask("key", matching(KEYS), KEY)
        .answers(list(text())),
        get(
            "/global/block/{block_id}/durable/wasm_2_0_0/values",
            "the children's values. At most 16 MiB",
            values,
        )
        .may_ask("key", matching(KEYS), KEY)
        .answers(list(object([has("key", text()), has("value", hex())]))),
    ]
}

#[derive(Debug, Deserialize)]
pub(super) struct Key {
    #[serde(default)]
    key: String,
}

/// Bytes of values in one answer, at most.
const MAX_BYTES: usize = 16 << 20;

fn too_much(key: &str) -> MachineError {
    MachineError::State(format!("more than {MAX_BYTES} bytes below {key}: ask for single values"))
}

/// Most children that are listed.
const MOST_CHILDREN: usize = 100_000;

async fn read<T: Send + 'static>(
    context: &Context,
    id: &str,
    asked: Asked,
    get: impl FnOnce(&dyn Machine, &Tree, &str) -> Result<T, MachineError> + Send + 'static,
) -> Result<T, RpcError> {
    let key = query(asked)?.key;
    let read = move |context: &Context, state: Tree| {
        get(context.machine.as_ref(), &state, &key).map_err(|e| RpcError::bad_request(e.to_string()))
    };
    context.read_state(id, read).await
}

pub(super) async fn value(State(context): State<Context>, Path(id): Path<String>, asked: Asked) -> Answer {
    let value = read(&context, &id, asked, |machine, state, key| machine.durable_value(state, key)).await?;
    Ok(Json(value.map_or(Value::Null, |bytes| json!(::hex::encode(bytes)))))
}

pub(super) async fn length(State(context): State<Context>, Path(id): Path<String>, asked: Asked) -> Answer {
    let length = read(&context, &id, asked, |machine, state, key| machine.durable_length(state, key)).await?;
    Ok(Json(length.map_or(Value::Null, |length| json!(length.to_string()))))
}

pub(super) async fn subkeys(State(context): State<Context>, Path(id): Path<String>, asked: Asked) -> Answer {
    Ok(Json(json!(read(&context, &id, asked, children).await?)))
}

pub(super) async fn values(State(context): State<Context>, Path(id): Path<String>, asked: Asked) -> Answer {
    let found = read(&context, &id, asked, |machine, state, key| {
        let (mut found, mut left) = (Vec::new(), MAX_BYTES);
        for subkey in children(machine, state, key)? {
            if let Some(bytes) = machine.durable_value(state, &format!("{key}/{subkey}"))? {
                left = left.checked_sub(bytes.len()).ok_or_else(|| too_much(key))?;
                found.push(json!({"key": subkey, "value": ::hex::encode(bytes)}));
            }
        }
        Ok(found)
    });
    Ok(Json(Value::Array(found.await?)))
}

fn children(machine: &dyn Machine, state: &Tree, key: &str) -> Result<Vec<String>, MachineError> {
    let children = machine.durable_subkeys(state, key)?;
    match children.len() > MOST_CHILDREN {
        true => Err(MachineError::State(format!(
            "{key} has more than {MOST_CHILDREN} children: ask for single values"
        ))),
        false => Ok(children),
    }
}
