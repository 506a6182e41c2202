//! `/global/block/<id>/durable/wasm_2_0_0/…`: what the kernel has stored.

use super::block::query;
use super::{Context, RpcError};
use crate::machine::MachineError;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use soru_merkle::Tree;

type Answer = Result<Json<Value>, RpcError>;
type Asked = Result<Query<Key>, QueryRejection>;

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

fn read<T>(
    context: &Context,
    id: &str,
    asked: Asked,
    get: impl FnOnce(&Tree, &str) -> Result<T, MachineError>,
) -> Result<T, RpcError> {
    let key = query(asked)?.key;
    let state = context.store.state(&context.find(id)?)?;
    get(&state, &key).map_err(|e| RpcError::bad_request(e.to_string()))
}

pub(super) async fn value(State(context): State<Context>, Path(id): Path<String>, asked: Asked) -> Answer {
    let value = read(&context, &id, asked, |state, key| context.machine.durable_value(state, key))?;
    Ok(Json(value.map_or(Value::Null, |bytes| json!(hex::encode(bytes)))))
}

pub(super) async fn length(State(context): State<Context>, Path(id): Path<String>, asked: Asked) -> Answer {
    let length = read(&context, &id, asked, |state, key| context.machine.durable_length(state, key))?;
    Ok(Json(length.map_or(Value::Null, |length| json!(length.to_string()))))
}

pub(super) async fn subkeys(State(context): State<Context>, Path(id): Path<String>, asked: Asked) -> Answer {
    Ok(Json(json!(read(&context, &id, asked, |state, key| context.machine.durable_subkeys(state, key))?)))
}

pub(super) async fn values(State(context): State<Context>, Path(id): Path<String>, asked: Asked) -> Answer {
    let machine = context.machine.clone();
    let found = read(&context, &id, asked, |state, key| {
        let (mut found, mut left) = (Vec::new(), MAX_BYTES);
        for subkey in machine.durable_subkeys(state, key)? {
            if let Some(bytes) = machine.durable_value(state, &format!("{key}/{subkey}"))? {
                left = left.checked_sub(bytes.len()).ok_or_else(|| too_much(key))?;
                found.push(json!({"key": subkey, "value": hex::encode(bytes)}));
            }
        }
        Ok(found)
    })?;
    Ok(Json(Value::Array(found)))
}
