//! `/local/…`: what depends on this very node.

use super::block::query;
use super::json::summary;
use super::route::{Route, get};
use super::schema::{has, level, list, named, natural, number, object, one_of, or_null, word};
use super::{Context, RpcError};
use crate::config::Purpose;
use crate::status::Status;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use soru_base::{CommitmentHash, Level, LevelSpan};
use std::convert::Infallible;

type Answer = Result<Json<Value>, RpcError>;

/// How many periods below the last cemented commitment a published one is looked for.
const PERIODS_BACK: u32 = 10;

pub(super) fn routes() -> Vec<Route> {
    let synchronization = one_of([
        word(&["synchronized"]),
        object([has(
            "synchronizing",
            object([
                has("processed_level", natural()),
                has("l1_head_level", natural()),
                has("percentage_done", number()),
            ]),
        )]),
    ]);
    let pending = |route: Route| {
        route
            .may_ask("outbox_level", level(), "only the outbox of this level")
            .answers(list(named("PendingOutbox")))
    };
    vec![
        get(
            "/local/last_published_commitment",
            "the newest commitment that this node's operator has published, or `null`",
            last_published_commitment,
        )
        .answers(or_null(named("PublishedCommitment"))),
        get(
            "/local/commitments/{commitment_hash}",
            "a commitment that the node has computed, and when it was published; `null` if it has not",
            commitment,
        )
        .answers(or_null(named("PublishedCommitment"))),
        get(
            "/local/synchronized",
            "a stream: how far the node is, at each block until the layer-1's head is evaluated, then `synchronized`",
            synchronized,
        )
        .streams(synchronization),
        get(
            "/local/gc_info",
            "the oldest level whose state is there",
            gc_info,
        )
        .answers(object([has("first_available_level", level())])),
        pending(get(
            "/local/outbox/pending",
            "outbox messages that were not executed: they can be (`executable`), cannot yet (`pending`), or never (`lost`)",
            outbox_pending,
        )),
        pending(get(
            "/local/outbox/pending/executable",
            "those that can be executed",
            outbox_executable,
        )),
        pending(get(
            "/local/outbox/pending/unexecutable",
            "those that cannot be executed yet",
            outbox_unexecutable,
        )),
    ]
}

pub(super) async fn last_published_commitment(State(context): State<Context>) -> Answer {
    let (Some(head), Some(operator)) =
        (context.store.head()?, context.config.operators.get(Purpose::Publish))
    else {
        return Ok(Json(Value::Null));
    };
    let period = context.constants().map_or(LevelSpan(1), |c| c.commitment_period);
    let cemented = context.store.cemented()?.map_or(head.level, |c| c.level);
    let lowest = cemented.minus(LevelSpan(period.0.saturating_mul(PERIODS_BACK)));
    let (mut hash, mut level) = head.most_recent_commitment();
    while level >= lowest && hash != CommitmentHash::ZERO {
        if context.store.published_at(&hash, Some(operator))?.is_some() {
            return Ok(Json(context.commitment_info(&hash)?));
        }
        let Some(commitment) = context.store.commitment(&hash)? else { break };
        hash = commitment.predecessor;
        level = context.store.commitment(&hash)?.map_or(Level::GENESIS, |c| c.inbox_level);
    }
    Ok(Json(Value::Null))
}

pub(super) async fn commitment(State(context): State<Context>, Path(hash): Path<String>) -> Answer {
    let hash = hash.parse().map_err(|e| RpcError::bad_request(format!("{e}")))?;
    Ok(Json(context.commitment_info(&hash)?))
}

#[derive(Debug, Deserialize)]
pub(super) struct Pending {
    outbox_level: Option<u32>,
}

/// Streams how far the node is until it has evaluated the layer-1's head.
pub(super) async fn synchronized(State(context): State<Context>) -> Response {
    let first = (None, Some(context.status.watch()));
    let body = stream::unfold(first, async |(begun, watch)| {
        let mut watch = watch?;
        if begun.is_some() {
            watch.changed().await.ok()?;
        }
        let status = watch.borrow_and_update().clone();
        let begun = begun.unwrap_or_else(|| processed(&status));
        let (line, rest) = if status.is_synchronized() {
            (json!("synchronized"), None)
        } else {
            (synchronizing(&status, begun), Some(watch))
        };
        Some((Ok::<_, Infallible>(format!("{line}\n")), (Some(begun), rest)))
    });
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response()
}

fn processed(status: &Status) -> u32 {
    status.evaluated.map_or(0, |(_, level)| level.get())
}

/// The share is that of the blocks that were missing when the stream began.
fn synchronizing(status: &Status, begun: u32) -> Value {
    let processed = processed(status);
    let head = status.layer1_head.map_or(0, |head| head.level.get());
    let (done, all) = (processed.saturating_sub(begun), head.saturating_sub(begun));
    let percentage = if all == 0 { 0.0 } else { 100.0 * f64::from(done) / f64::from(all) };
    json!({"synchronizing": {
        "processed_level": processed, "l1_head_level": head, "percentage_done": percentage.min(100.0),
    }})
}

type AskedPending = Result<Query<Pending>, QueryRejection>;

pub(super) async fn outbox_pending(State(context): State<Context>, asked: AskedPending) -> Answer {
    pending(&context, only(query(asked)?)?, |_| true)
}

pub(super) async fn outbox_executable(State(context): State<Context>, asked: AskedPending) -> Answer {
    pending(&context, only(query(asked)?)?, |status| status == "executable")
}

pub(super) async fn outbox_unexecutable(State(context): State<Context>, asked: AskedPending) -> Answer {
    pending(&context, only(query(asked)?)?, |status| status == "pending")
}

fn only(asked: Pending) -> Result<Option<Level>, RpcError> {
    let level =
        |n| Level::new(n).ok_or_else(|| RpcError::bad_request(format!("outbox_level: {n} is no level")));
    asked.outbox_level.map(level).transpose()
}

/// The outboxes with messages that nobody has executed, each with what can be done with it.
fn pending(context: &Context, only: Option<Level>, wanted: impl Fn(&str) -> bool) -> Answer {
    let Some(head) = context.store.head()? else { return Ok(Json(json!([]))) };
    let cemented = context.store.cemented()?.map_or(Level::GENESIS, |c| c.level);
    let mut out = Vec::new();
    for (level, pending) in context.store.pending_outboxes()? {
        let status = if level <= cemented { "executable" } else { "pending" };
        if !wanted(status) || only.is_some_and(|only| only != level) {
            continue;
        }
        let messages: Vec<Value> = context
            .outbox_of(&head, level, summary)?
            .into_iter()
            .filter(|(index, _)| pending.contains(index))
            .map(|(index, message)| json!({"message_index": index, "message": message}))
            .collect();
        // An outbox that the state has forgotten can no longer be proved: its messages are lost.
        let (status, messages) = match messages.is_empty() {
            false => (status, messages),
            true => ("lost", pending.iter().map(|index| json!({"message_index": index})).collect()),
        };
        if wanted(status) {
            out.push(json!({"outbox_level": level.get(), "messages": messages, "status": status}));
        }
    }
    Ok(Json(Value::Array(out)))
}

pub(super) async fn gc_info(State(context): State<Context>) -> Answer {
    let first = context.store.first_state_level()?;
    Ok(Json(json!({"first_available_level": first.map_or(0, Level::get)})))
}

impl Context {
    pub(super) fn constants(&self) -> Option<crate::layer1::Constants> {
        *self.constants.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A commitment with its hash and, if it was published, when.
    fn commitment_info(&self, hash: &CommitmentHash) -> Result<Value, RpcError> {
        let Some(commitment) = self.store.commitment(hash)? else { return Ok(Value::Null) };
        let mut info = json!({
            "commitment": self.commitment(&commitment),
            "hash": self.commitment_hash(hash),
        });
        if let Some(level) = self.store.published_at(hash, None)? {
            info["first_published_at_level"] = json!(level.get());
        }
        let operator = self.config.operators.get(Purpose::Publish);
        if let Some(operator) = operator
            && let Some(level) = self.store.published_at(hash, Some(operator))?
        {
            info["published_at_level"] = json!(level.get());
        }
        Ok(info)
    }
}
