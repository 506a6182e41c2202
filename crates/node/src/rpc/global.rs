//! `/global/…`: what every node of the rollup that has seen the same blocks answers alike.

use super::{Context, RpcError};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use soru_base::Json as _;

type Answer = Result<Json<Value>, RpcError>;

pub(super) async fn smart_rollup_address(State(context): State<Context>) -> Answer {
    Ok(Json(context.config.rollup.to_json(context.config.ids)))
}

pub(super) async fn tezos_head(State(context): State<Context>) -> Answer {
    let head = context.store.head()?.map(|head| head.hash);
    let head = head.or_else(|| context.status.get().evaluated.map(|(hash, _)| hash));
    Ok(Json(head.map_or(Value::Null, |hash| hash.to_json(context.config.ids))))
}

pub(super) async fn tezos_level(State(context): State<Context>) -> Answer {
    let head = context.store.head()?.map(|head| head.level);
    let head = head.or_else(|| context.status.get().evaluated.map(|(_, level)| level));
    Ok(Json(head.map_or(Value::Null, |level| json!(level.get()))))
}

pub(super) async fn last_stored_commitment(State(context): State<Context>) -> Answer {
    let Some(head) = context.store.head()? else { return Ok(Json(Value::Null)) };
    let (hash, _) = head.most_recent_commitment();
    Ok(Json(match context.store.commitment(&hash)? {
        None => Value::Null,
        Some(commitment) => json!({
            "commitment": context.commitment(&commitment),
            "hash": context.commitment_hash(&hash),
        }),
    }))
}

pub(super) async fn last_cemented_commitment(State(context): State<Context>) -> Answer {
    let cemented = context.store.cemented()?;
    let cemented =
        cemented.ok_or_else(|| RpcError::not_yet("the last cemented commitment is not known yet"))?;
    let mut answer =
        json!({"commitment_hash": context.commitment_hash(&cemented.hash), "level": cemented.level.get()});
    if let Some(commitment) = context.store.commitment(&cemented.hash)? {
        answer["commitment"] = context.commitment(&commitment);
    }
    Ok(Json(answer))
}
