//! `/global/block/<id>/state…`: the machine's state, and what became of it on the layer-1.

use super::block::query;
use super::route::{Route, get};
use super::schema::{hex, level, named, or_null, text};
use super::{Context, RpcError};
use crate::publish::FINALITY;
use crate::store::BlockRecord;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use soru_base::{Json as _, Level, LevelSpan};
use soru_protocol::Timestamp;

type Answer = Result<Json<Value>, RpcError>;

/// Most steps of a path in a state.
const MOST_STEPS: usize = 64;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get(
            "/global/block/{block_id}/state",
            "the bytes at a path of the machine's state, as `pvm/buffers` or `durable/kernel/boot.wasm/@/length`: a leaf \
             of the tree, not a value of the durable storage",
            value,
        )
        .may_ask("key", text(), "steps with `/` between them")
        .answers(hex()),
        get(
            "/global/block/{block_id}/state_current_level",
            "the level of the last message that the machine has read, or `null`",
            current_level,
        )
        .answers(or_null(level())),
        get(
            "/global/block/{block_id}/committed_status",
            "what became of the block's messages: `uncommitted`, `committed` or `cemented`, with the commitment over \
             them, and when the next of these is due",
            committed_status,
        )
        .answers(named("CommittedStatus")),
    ]
}

#[derive(Debug, Deserialize)]
pub(super) struct Key {
    #[serde(default)]
    key: String,
}

async fn value(
    State(context): State<Context>,
    Path(id): Path<String>,
    asked: Result<Query<Key>, QueryRejection>,
) -> Answer {
    let key = query(asked)?.key;
    let found = context
        .read_state(&id, move |_, state| {
            let steps: Vec<&str> = key.split('/').collect();
            if steps.len() > MOST_STEPS {
                return Err(RpcError::bad_request(format!("a path has at most {MOST_STEPS} steps")));
            }
            let found = state.find(&steps).map_err(|e| RpcError::internal(e.to_string()))?;
            found.ok_or_else(|| RpcError::not_found(format!("there are no bytes at {key:?} of the state")))
        })
        .await?;
    Ok(Json(json!(::hex::encode(found))))
}

async fn current_level(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    let level = context
        .read_state(&id, |context, state| {
            context.machine.current_level(&state).map_err(|e| RpcError::internal(e.to_string()))
        })
        .await?;
    Ok(Json(level.map_or(Value::Null, |level| json!(level.get()))))
}

async fn committed_status(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    let record = context.find(&id)?;
    let not_yet = || RpcError::not_yet("the layer-1's constants are not known yet");
    let constants = context.constants().ok_or_else(not_yet)?;
    let head = context.store.head()?.ok_or_else(not_yet)?;
    let at = |level: u32| {
        let blocks = i64::from(level) - i64::from(head.level.get());
        let seconds = blocks.saturating_mul(i64::try_from(constants.minimal_block_delay).unwrap_or(i64::MAX));
        Timestamp(head.timestamp.saturating_add(seconds)).to_string()
    };
    let (hash, level) = context.following_commitment(&record, constants.commitment_period)?;
    let published = match hash {
        Some(hash) => context.store.published_at(&hash, None)?.map(|first| (hash, first)),
        None => None,
    };
    let Some((hash, first)) = published else {
        return Ok(Json(json!({"uncommitted": {
            "commitment_level": level,
            "estimated_commitment_time": at(level.saturating_add(FINALITY.0)),
            "estimated_cementation_time": at(level.saturating_add(constants.challenge_window.0)),
        }})));
    };
    let ours = match context.config.staker() {
        Some(staker) => context.store.published_at(&hash, Some(staker))?,
        None => None,
    };
    let mut told = json!({
        "commitment_hash": hash.to_json(context.config.ids),
        "commitment_level": level,
        "first_published_level": first.get(),
        "published_level": ours.map(Level::get),
    });
    let cemented = context.store.cemented()?.map_or(Level::GENESIS, |cemented| cemented.level);
    Ok(Json(match record.level <= cemented {
        true => {
            told["blocks_since_cemented"] = json!(cemented.since(record.level).0);
            json!({"cemented": told})
        }
        false => {
            let due = first.get().saturating_add(constants.challenge_window.0);
            told["estimated_cementation_time"] = json!(at(due));
            json!({"committed": told})
        }
    }))
}

impl Context {
    /// Reads the state after a block, on a thread that nobody waits for.
    pub(super) async fn read_state<T: Send + 'static>(
        &self,
        id: &str,
        read: impl FnOnce(&Self, soru_merkle::Tree) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let (context, id) = (self.clone(), id.to_owned());
        let work = move || {
            let record = context.find(&id)?;
            let state = context.store.state(&record)?;
            read(&context, state)
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|e| RpcError::internal(e.to_string()))?
    }

    /// The commitment whose period has the block, if it is computed, and its level.
    fn following_commitment(
        &self,
        record: &BlockRecord,
        period: LevelSpan,
    ) -> Result<(Option<soru_base::CommitmentHash>, u32), RpcError> {
        if let Some(hash) = record.commitment {
            return Ok((Some(hash), record.level.get()));
        }
        let level = record.previous_commitment_level.plus(period);
        let ours = self.store.block_at(level)?.and_then(|block| block.commitment);
        Ok((ours, level.get()))
    }
}
