//! `/local/batcher/…`: messages come in, and their senders ask what became of them.

use super::{Context, RpcError};
use crate::batcher::{Inlet, gauges};
use crate::config::Purpose;
use crate::publish::FINALITY;
use crate::store::{Batch, EnqueueError, Inclusion, Message, Place, Wishes};
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use soru_base::{CommitmentHash, Json as _, L2MessageId, Level};

type Answer = Result<Json<Value>, RpcError>;

/// The path of the route that takes messages, as it is allowed by name.
pub(crate) const INJECTION: &str = "/local/batcher/injection";
/// Most messages that the queue is shown with.
const MOST_SHOWN: usize = 10_000;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    order: Option<u64>,
    #[serde(default)]
    drop_duplicate: bool,
}

pub(super) async fn injection(
    State(context): State<Context>,
    query: Result<Query<Asked>, QueryRejection>,
    body: Result<Json<Vec<String>>, JsonRejection>,
) -> Answer {
    if !context.config.may_write(INJECTION) {
        return Err(RpcError::not_allowed(format!(
            "the RPC listens on {}, for everybody, and messages cost the operator fees: `rpc-allow` of the configuration does not name {INJECTION}",
            context.config.options.rpc_addr
        )));
    }
    let inlet = context.inlet()?;
    let Query(asked) = query.map_err(|e| RpcError::bad_request(e.body_text()))?;
    let Json(texts) = body.map_err(|e| RpcError::bad_request(e.body_text()))?;
    let most = inlet.settings.max_message();
    let mut contents = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        let content = hex::decode(text)
            .map_err(|e| RpcError::bad_request(format!("message {i}: expected hexadecimal digits: {e}")))?;
        if content.len() > most {
            let size = content.len();
            return Err(RpcError::bad_request(format!(
                "message {i} has {size} bytes, at most {most} are taken"
            )));
        }
        contents.push(content);
    }
    let wishes = Wishes { order: asked.order, drop_duplicates: asked.drop_duplicate };
    let (store, room) = (context.store.clone(), inlet.settings.room);
    // On the disk before there is an answer: not on a thread that others wait for.
    let taken = tokio::task::spawn_blocking(move || store.enqueue(contents, wishes, room)).await;
    let ids = match taken.map_err(|e| RpcError::internal(e.to_string()))? {
        Ok(ids) => ids,
        Err(EnqueueError::Store(error)) => return Err(error.into()),
        Err(full @ EnqueueError::Full { .. }) => return Err(RpcError::not_yet(full.to_string())),
    };
    gauges::taken(ids.len());
    inlet.arrived.notify_one();
    Ok(Json(ids.iter().map(|id| json!(id.to_string())).collect()))
}

/// The messages that wait, the next one first.
pub(super) async fn queue(State(context): State<Context>) -> Answer {
    context.inlet()?;
    let mut shown = Vec::new();
    for (id, _) in context.store.queue_front(MOST_SHOWN)? {
        // It may have gone into a batch since.
        let Some(message) = context.store.queued(&id)?.filter(|m| m.place == Place::Queue) else { continue };
        let mut entry = Map::new();
        if let Some(order) = message.order {
            entry.insert("order".to_owned(), json!(order.to_string()));
        }
        entry.insert("id".to_owned(), json!(id.to_string()));
        let content = hex::encode(&message.content);
        let counter = message.number.to_string();
        entry.insert("message".to_owned(), json!({"content": content, "counter": counter}));
        shown.push(Value::Object(entry));
    }
    Ok(Json(Value::Array(shown)))
}

pub(super) async fn message(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    context.inlet()?;
    let id: L2MessageId = id.parse().map_err(|e| RpcError::bad_request(format!("{e}")))?;
    let Some(message) = context.store.queued(&id)? else { return Ok(Json(json!({"status": "unknown"}))) };
    let mut answer = json!({"content": hex::encode(&message.content)});
    let status = context.status_of(&message)?;
    if let (Some(answer), Value::Object(status)) = (answer.as_object_mut(), status) {
        answer.extend(status);
    }
    Ok(Json(answer))
}

impl Context {
    fn inlet(&self) -> Result<&Inlet, RpcError> {
        self.batcher.as_ref().ok_or_else(|| RpcError::no_batcher(self.config.mode.name()))
    }

    fn status_of(&self, message: &Message) -> Result<Value, RpcError> {
        let batch = match message.place {
            Place::Queue => None,
            Place::Batch(number) => self.store.batch(number)?,
        };
        let Some(batch) = batch else { return Ok(json!({"status": "pending_batch"})) };
        let contents = self.store.contents(&batch.messages)?;
        let messages: Vec<String> = contents.iter().map(hex::encode).collect();
        let operation = json!({"kind": "add_messages", "message": messages});
        let Some(included) = batch.included else {
            return Ok(match batch.attempts.last() {
                Some(attempt) if batch.sent => {
                    json!({"status": "injected", "operation": operation, "layer1": {
                        "operation_hash": attempt.operation.to_string(), "operation_index": attempt.index,
                    }})
                }
                _ => json!({"status": "pending_injection", "operation": operation}),
            });
        };
        self.landed(&batch, &included, operation)
    }

    fn landed(&self, batch: &Batch, included: &Inclusion, operation: Value) -> Result<Value, RpcError> {
        debug_assert!(batch.included.is_some());
        let level = included.level;
        let followed = self.status.get().batcher.and_then(|b| b.followed);
        let finalized = followed.is_some_and(|head| level <= head.minus(FINALITY));
        let cemented = self.store.cemented()?.is_some_and(|cemented| level <= cemented.level);
        let mut answer = json!({
            "status": "included",
            "operation": operation,
            "layer1": {
                "operation_hash": included.operation.to_string(),
                "operation_index": included.index,
                "block_hash": included.block.to_string(),
                "level": level.get(),
            },
            "finalized": finalized,
            "cemented": cemented,
        });
        let Some(hash) = self.commitment_over(included)? else { return Ok(answer) };
        let Some(operator) = self.config.operators.get(&Purpose::Publish) else { return Ok(answer) };
        let first = self.store.published_at(&hash, None)?;
        let ours = self.store.published_at(&hash, Some(*operator))?;
        if let (Some(first), Some(ours), Some(commitment)) = (first, ours, self.store.commitment(&hash)?) {
            answer["status"] = json!("committed");
            answer["commitment"] = commitment.to_json(self.config.ids);
            answer["hash"] = hash.to_json(self.config.ids);
            answer["first_published_at_level"] = json!(first.get());
            answer["published_at_level"] = json!(ours.get());
        }
        Ok(answer)
    }

    /// The node's commitment whose period has the level of the inclusion.
    fn commitment_over(&self, included: &Inclusion) -> Result<Option<CommitmentHash>, RpcError> {
        if self.store.hash_at(included.level)? != Some(included.block) {
            return Ok(None);
        }
        let period = self.constants().map_or(0, |constants| constants.commitment_period.0);
        let first = included.level.get();
        for level in (first..first.saturating_add(period)).filter_map(Level::new) {
            match self.store.block_at(level)? {
                None => return Ok(None),
                Some(block) if block.commitment.is_some() => return Ok(block.commitment),
                Some(_) => (),
            }
        }
        Ok(None)
    }
}
