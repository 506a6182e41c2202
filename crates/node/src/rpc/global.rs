//! `/global/…`: what every node of the rollup that has seen the same blocks answers alike.

use super::route::{Route, get};
use super::schema::{has, level, may, named, object, or_null};
use super::{Context, RpcError};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use soru_base::Json as _;

type Answer = Result<Json<Value>, RpcError>;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/global/smart_rollup_address", "address of the rollup", smart_rollup_address)
            .answers(named("RollupAddress")),
        get(
            "/global/tezos_head",
            "hash of the last block evaluated, or followed in mode `batcher`; `null` if there is none",
            tezos_head,
        )
        .answers(or_null(named("BlockHash"))),
        get("/global/tezos_level", "level of that block", tezos_level).answers(or_null(level())),
        get(
            "/global/last_stored_commitment",
            "the newest commitment that the node has computed, or `null`",
            last_stored_commitment,
        )
        .answers(or_null(named("CommitmentWithHash"))),
        get(
            "/global/last_cemented_commitment",
            "the last cemented commitment, as the layer-1 says; its contents if the node has computed it",
            last_cemented_commitment,
        )
        .answers(object([
            has("commitment_hash", named("CommitmentHash")),
            has("level", level()),
            may("commitment", named("Commitment")),
        ])),
    ]
}

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
