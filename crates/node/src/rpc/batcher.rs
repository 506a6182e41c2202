//! `/local/batcher/…`: messages come in, and their senders ask what became of them.

use super::route::{Route, delete, done, get, post};
use super::schema::{any_object, digits, flag, hex, list, named};
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
/// The path of the route that throws messages away.
pub(crate) const CLEARING: &str = "/admin/batcher/queue";
/// Most messages that the queue is shown with.
const MOST_SHOWN: usize = 10_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post(
            INJECTION,
            "takes messages, all or none; answers their identifiers when they are on the disk. 400 for what is no message, 503 if \
             the queue is full",
            injection,
        )
        .may_ask("order", digits(), "lower ones go first, before those without")
        .may_ask("drop_duplicate", flag(), "a message that is there already is not taken again")
        .takes(list(hex()))
        .answers(list(named("MessageId")))
        .guarded(),
        get("/local/batcher/queue", "the messages that wait, the next one first, 10,000 at most", queue)
            .answers(list(named("QueuedMessage"))),
        get("/local/batcher/queue/{l2_message_id}", "what became of a message", message)
            .answers(named("MessageStatus")),
        delete(
            CLEARING,
            "throws away the messages that wait: all, or those with an order up to `order_below`. What is in a batch stays",
            clear,
        )
        .may_ask("order_below", digits(), "only messages with an order up to this one")
        .may_ask("drop_no_order", flag(), "and those without an order")
        .answers(any_object())
        .guarded(),
    ]
}

#[derive(Debug, Deserialize)]
pub(super) struct Cleared {
    order_below: Option<u64>,
    #[serde(default)]
    drop_no_order: bool,
}

async fn clear(State(context): State<Context>, query: Result<Query<Cleared>, QueryRejection>) -> Answer {
    let inlet = context.inlet()?;
    let Query(asked) = query.map_err(|e| RpcError::bad_request(e.body_text()))?;
    let _nobody_picks = inlet.picking.lock().await;
    let store = context.store.clone();
    let work = move || store.clear_queue(asked.order_below, asked.drop_no_order);
    let thrown = tokio::task::spawn_blocking(work).await.map_err(|e| RpcError::internal(e.to_string()))??;
    tracing::warn!("{thrown} messages of the batcher's queue were thrown away by RPC");
    Ok(Json(done()))
}

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
            Place::Expired(at) => return Ok(json!({"status": "expired", "level": at.get()})),
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
        let Some(operator) = self.config.operators.get(Purpose::Publish) else { return Ok(answer) };
        let first = self.store.published_at(&hash, None)?;
        let ours = self.store.published_at(&hash, Some(operator))?;
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
                None if self.store.hash_at(level)?.is_none() => return Ok(None),
                // Collected: it had no commitment.
                None => (),
                Some(block) if block.commitment.is_some() => return Ok(block.commitment),
                Some(_) => (),
            }
        }
        Ok(None)
    }
}
