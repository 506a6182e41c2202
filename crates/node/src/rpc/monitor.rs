//! `/global/monitor_…`: blocks as they come.

use super::Context;
use super::route::{Route, get};
use super::schema::named;
use crate::publish::FINALITY;
use crate::status::Status;
use crate::store::{BlockRecord, StoreError};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use soru_base::{BlockHash, LevelSpan};
use std::convert::Infallible;
use tokio::sync::watch;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get(
            "/global/monitor_blocks",
            "a stream: the last block evaluated, then each one that follows",
            heads,
        )
        .streams(named("Block")),
        get(
            "/global/monitor_finalized_blocks",
            "the same with blocks that have two others on top",
            finalized_heads,
        )
        .streams(named("Block")),
    ]
}

async fn heads(State(context): State<Context>) -> Response {
    follow(context, LevelSpan(0))
}

async fn finalized_heads(State(context): State<Context>) -> Response {
    follow(context, FINALITY)
}

struct Following {
    context: Context,
    status: watch::Receiver<Status>,
    below: LevelSpan,
    last: Option<BlockHash>,
}

fn follow(context: Context, below: LevelSpan) -> Response {
    let status = context.status.watch();
    let following = Following { context, status, below, last: None };
    let body = stream::unfold(following, async |mut following| {
        let record = following.next().await?;
        let line = format!("{}\n", following.context.short_block(&record));
        Some((Ok::<_, Infallible>(line), following))
    });
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response()
}

impl Following {
    /// The next block that was not told yet; nothing when the node ends, or its store fails.
    async fn next(&mut self) -> Option<BlockRecord> {
        loop {
            // Before the store is read: what comes later wakes.
            drop(self.status.borrow_and_update());
            match self.now() {
                Ok(Some(record)) if self.last != Some(record.hash) => {
                    self.last = Some(record.hash);
                    return Some(record);
                }
                Ok(_) => self.status.changed().await.ok()?,
                Err(error) => {
                    tracing::warn!("a stream of blocks ends: {error}");
                    return None;
                }
            }
        }
    }

    /// Blocks that came while nobody looked are told one after the other, as long as they are on the current chain.
    fn now(&self) -> Result<Option<BlockRecord>, StoreError> {
        let store = &self.context.store;
        let Some(head) = store.head()? else { return Ok(None) };
        let newest = head.level.minus(self.below);
        let last = match self.last {
            Some(hash) => store.block(&hash)?,
            None => None,
        };
        let level = match last {
            Some(last) if last.level < newest && store.hash_at(last.level)? == Some(last.hash) => {
                last.level.plus(LevelSpan(1))
            }
            _ => newest,
        };
        store.block_at(level)
    }
}
