//! Streams: one JSON object a line, for as long as the client listens and the sandbox lives.

use super::app::App;
use super::error::RpcError;
use super::request::Asked;
use super::shape;
use crate::chain::Block;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

/// New heads, the present one first.
pub(crate) async fn heads(asked: Asked) -> Result<Response, RpcError> {
    let app = asked.app.clone();
    let protocol = app.network().profile().protocol.to_string();
    // Everything here is one protocol: a filter either lets all through or nothing.
    let lets_through = |name| {
        let mut wanted = asked.query_all(name).peekable();
        wanted.peek().is_none() || wanted.any(|p| p == protocol)
    };
    let pass = lets_through("protocol") && lets_through("next_protocol");
    let follower = Follower::new(&app, pass)?;
    Ok(lines(follower, move |block| shape::head(block, app.network())))
}

/// Blocks as they are stored, with their raw header and operations.
pub(crate) async fn applied_blocks(asked: Asked) -> Result<Response, RpcError> {
    let app = asked.app.clone();
    let mut follower = Follower::new(&app, true)?;
    // What is already there was applied before.
    follower.first = None;
    Ok(lines(follower, move |block| shape::applied(block, app.network())))
}

/// The sandbox is always up to date: the head, once.
pub(crate) async fn bootstrapped(asked: Asked) -> Result<Response, RpcError> {
    let head = asked.app.head()?;
    let line = json!({ "block": head.hash.to_string(), "timestamp": head.timestamp().to_string() });
    Ok(with_type(Body::from(format!("{line}\n"))))
}

/// The one chain.
pub(crate) async fn active_chains(asked: Asked) -> Result<Response, RpcError> {
    let line = json!([{ "chain_id": asked.app.network().chain_id.to_string() }]);
    Ok(with_type(Body::from(format!("{line}\n"))))
}

/// Heads one after another, until the sandbox stops.
struct Follower {
    first: Option<Arc<Block>>,
    last: Option<Arc<Block>>,
    pass: bool,
    heads: broadcast::Receiver<Arc<Block>>,
    stop: watch::Receiver<bool>,
}

impl Follower {
    fn new(app: &App, pass: bool) -> Result<Self, RpcError> {
        // In this order: a head that arrives in between comes twice, and the second time is dropped.
        let heads = app.heads().subscribe();
        let first = Some(app.head()?).filter(|_| pass);
        Ok(Self { last: first.clone(), first, pass, heads, stop: app.stop_signal() })
    }

    async fn next(&mut self) -> Option<Arc<Block>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let received = tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return None,
                received = self.heads.recv() => received,
            };
            match received {
                Err(RecvError::Closed) => return None,
                // A slow reader misses heads; it can find them through their successors.
                Err(RecvError::Lagged(_)) => {}
                Ok(block) if self.pass && self.last.as_ref().is_none_or(|last| last.hash != block.hash) => {
                    self.last = Some(block.clone());
                    return Some(block);
                }
                Ok(_) => {}
            }
        }
    }
}

fn lines(follower: Follower, line: impl Fn(&Block) -> Value + Send + 'static) -> Response {
    let chunks = stream::unfold((follower, line), |(mut follower, line)| async move {
        let block = follower.next().await?;
        let text = format!("{}\n", line(&block));
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), (follower, line)))
    });
    with_type(Body::from_stream(chunks))
}

fn with_type(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
