//! `/global/block/<id>/…`.

use super::json::{full, summary};
use super::route::{Route, get};
use super::schema::{
    digits, flag, has, hex, level as level_shape, list, named, natural, object, or_null, text,
};
use super::{Context, RpcError};
use crate::kernel_runs::KernelRuns;
use crate::store::BlockRecord;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use soru_base::{Json as _, Level};

type Answer = Result<Json<Value>, RpcError>;

pub(super) fn routes() -> Vec<Route> {
    const ROOT: &str = "/global/block/{block_id}";
    vec![
        get(ROOT, "the block: hashes, inbox, messages, commitment, ticks, state hash, status of the machine", whole)
            .may_ask("outbox", flag(), "adds the outbox of its level")
            .answers(named("FullBlock")),
        get("/global/block/{block_id}/hash", "hash of the block", hash).answers(named("BlockHash")),
        get("/global/block/{block_id}/level", "level of the block", level).answers(level_shape()),
        get("/global/block/{block_id}/inbox", "the inbox after the block: its level and the last cell of its skip list", inbox)
            .answers(named("Inbox")),
        get("/global/block/{block_id}/state_hash", "hash of the machine's state after the block", state_hash)
            .answers(named("StateHash")),
        get("/global/block/{block_id}/ticks", "ticks made in the block", ticks).answers(digits()),
        get("/global/block/{block_id}/total_ticks", "the machine's tick after the block", total_ticks)
            .answers(digits()),
        get(
            "/global/block/{block_id}/kernel_runs",
            "the calls of `kernel_run` in the block: the ticks that each really took, without padding (`null`: not counted), how \
             it ended, and the `bound` of their ticks; `null` for a block that an older version has evaluated",
            kernel_runs,
        )
        .answers(or_null(named("KernelRuns"))),
        get(
            "/global/block/{block_id}/num_messages",
            "messages in the block, the protocol's included",
            num_messages,
        )
        .answers(digits()),
        get(
            "/global/block/{block_id}/status",
            "what the machine does; `Waiting for input message` when all is well",
            status,
        )
        .answers(text()),
        get(
            "/global/block/{block_id}/outbox",
            "messages of the outbox of a level, as the state after the block has them",
            outbox,
        )
        .asks("outbox_level", level_shape(), "the level")
        .answers(list(named("Output"))),
        get("/global/block/{block_id}/outbox/{level}/messages", "the same", outbox_messages)
            .answers(list(named("Output"))),
        get(
            "/global/block/{block_id}/helpers/proofs/outbox/{level}/messages",
            "a proof that a message is in the outbox of that level, against the last cemented commitment, whatever block is \
             named",
            outbox_proof,
        )
        .asks("index", natural(), "the message's index in its outbox")
        .answers(object([has("commitment", named("CommitmentHash")), has("proof", hex())])),
    ]
}

#[derive(Debug, Deserialize)]
pub(super) struct Whole {
    #[serde(default)]
    outbox: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct OutboxLevel {
    outbox_level: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Index {
    index: u32,
}

/// The query, or what is wrong with it.
pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, RpcError> {
    query.map(|Query(q)| q).map_err(|e| RpcError::bad_request(e.body_text()))
}

fn field(context: &Context, id: &str, get: impl FnOnce(&BlockRecord) -> Value) -> Answer {
    Ok(Json(get(&context.find(id)?)))
}

pub(super) async fn whole(
    State(context): State<Context>,
    Path(id): Path<String>,
    asked: Result<Query<Whole>, QueryRejection>,
) -> Answer {
    let asked = query(asked)?;
    let record = context.find(&id)?;
    let messages = context.store.messages(&record.hash)?;
    let commitment = match &record.commitment {
        Some(hash) => context.store.commitment(hash)?,
        None => None,
    };
    let outbox = match asked.outbox {
        true => Some(context.outbox_of(&record, record.level, summary)?.into_iter().map(indexed).collect()),
        false => None,
    };
    Ok(Json(context.block(&record, &messages, commitment.as_ref(), outbox)))
}

fn indexed((index, message): (u32, Value)) -> Value {
    let mut out = json!({"message_index": index});
    if let (Value::Object(out), Value::Object(message)) = (&mut out, message) {
        out.extend(message);
    }
    out
}

pub(super) async fn hash(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| r.hash.to_json(context.config.ids))
}

pub(super) async fn level(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| json!(r.level.get()))
}

pub(super) async fn inbox(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| r.inbox.to_json(context.config.ids))
}

pub(super) async fn state_hash(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| r.state_hash.to_json(context.config.ids))
}

pub(super) async fn ticks(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| json!(r.num_ticks.to_string()))
}

pub(super) async fn total_ticks(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| json!(r.final_tick().to_string()))
}

pub(super) async fn kernel_runs(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| r.runs.as_ref().map_or(Value::Null, KernelRuns::to_json))
}

pub(super) async fn num_messages(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| json!(r.num_messages.to_string()))
}

pub(super) async fn status(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    field(&context, &id, |r| json!(r.status))
}

pub(super) async fn outbox(
    State(context): State<Context>,
    Path(id): Path<String>,
    asked: Result<Query<OutboxLevel>, QueryRejection>,
) -> Answer {
    messages_of(&context, &id, query(asked)?.outbox_level)
}

pub(super) async fn outbox_messages(
    State(context): State<Context>,
    Path((id, level)): Path<(String, String)>,
) -> Answer {
    messages_of(&context, &id, parse_level(&level)?.get())
}

fn messages_of(context: &Context, id: &str, level: u32) -> Answer {
    let record = context.find(id)?;
    if level > record.level.get() {
        return Err(RpcError::not_found(format!(
            "outbox level {level} is not known at level {}",
            record.level
        )));
    }
    let level = Level::new(level).unwrap_or(record.level);
    let messages = context.outbox_of(&record, level, full)?.into_iter().map(|(index, message)| {
        json!({"outbox_level": level.get(), "message_index": index.to_string(), "message": message})
    });
    Ok(Json(messages.collect()))
}

/// A proof that a message is in the outbox of the last cemented state, whatever block is named.
pub(super) async fn outbox_proof(
    State(context): State<Context>,
    Path((_, level)): Path<(String, String)>,
    asked: Result<Query<Index>, QueryRejection>,
) -> Answer {
    let (level, index) = (parse_level(&level)?, query(asked)?.index);
    let cemented = context
        .store
        .cemented()?
        .ok_or_else(|| RpcError::not_yet("the last cemented commitment is not known yet"))?;
    let head = context.store.head()?.map_or(Level::GENESIS, |head| head.level);
    if level > head {
        return Err(RpcError::not_found(format!("outbox level {level} is not known at level {head}")));
    }
    if level > cemented.level {
        return Err(RpcError::not_yet(format!(
            "outbox level {level} is not cemented: the last cemented commitment is of level {}",
            cemented.level
        )));
    }
    let record = context.store.block_at(cemented.level)?.filter(|r| r.commitment == Some(cemented.hash));
    let record = record.ok_or_else(|| {
        RpcError::not_yet(format!(
            "the node has not computed the cemented commitment of level {}",
            cemented.level
        ))
    })?;
    let state = context.store.state(&record)?;
    let machine = context.machine.clone();
    let proof = tokio::task::spawn_blocking(move || machine.output_proof(&state, level, index))
        .await
        .map_err(|e| RpcError::internal(e.to_string()))?
        .map_err(|e| RpcError::internal(e.to_string()))?
        .ok_or_else(|| {
            RpcError::not_found(format!("there is no message {index} in the outbox of level {level}"))
        })?;
    let commitment = context.commitment_hash(&cemented.hash);
    Ok(Json(json!({"commitment": commitment, "proof": hex::encode(proof)})))
}

fn parse_level(text: &str) -> Result<Level, RpcError> {
    text.parse()
        .ok()
        .and_then(Level::new)
        .ok_or_else(|| RpcError::bad_request(format!("`{text}` is no level")))
}
