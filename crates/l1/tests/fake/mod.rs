//! A layer-1 that answers what a test tells it to.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a part of test programs, which fail by panicking")]

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use soru_base::{BlockHash, IdFamily, OperationHash};
use soru_l1::{Backoff, Client, Settings};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// An answer.
#[derive(Clone)]
pub enum Reply {
    Json(Value),
    Status(u16, String),
    RetryAfter(u16, &'static str),
    /// A status and a header.
    With(u16, &'static str, String),
    /// JSON, compressed: the header that says so, and the bytes.
    Gzip(Vec<u8>),
    /// Pieces of a stream, which then ends or stays open.
    Pieces(Vec<Vec<u8>>, Ending),
    /// Nothing, for ever.
    Silence,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Ending {
    Ends,
    /// The connection is lost.
    Breaks,
    StaysOpen,
}

#[derive(Default)]
struct Script {
    // The last answer to a question is given again and again.
    replies: BTreeMap<String, VecDeque<Reply>>,
    asked: Vec<(String, Value)>,
}

#[derive(Clone)]
pub struct Fake {
    script: Arc<Mutex<Script>>,
    pub endpoint: String,
}

pub fn settings() -> Settings {
    Settings {
        backoff: Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(2) },
        retries: 3,
        ..Settings::default()
    }
}

impl Fake {
    /// Starts on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self::at(&listener);
        fake.serve(listener);
        fake
    }

    /// Prepares to serve on a port, which is not served yet.
    pub fn at(listener: &TcpListener) -> Self {
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        Self { script: Arc::default(), endpoint }
    }

    pub fn serve(&self, listener: TcpListener) {
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    /// Adds an answer to a question, such as `GET /version`.
    pub fn on(&self, question: &str, reply: Reply) -> &Self {
        self.script.lock().unwrap().replies.entry(question.to_owned()).or_default().push_back(reply);
        self
    }

    pub fn json(&self, question: &str, value: Value) -> &Self {
        self.on(question, Reply::Json(value))
    }

    pub fn client(&self) -> Client {
        self.client_with(settings())
    }

    pub fn client_with(&self, settings: Settings) -> Client {
        Client::with_settings(&self.endpoint, IdFamily::Alpha, settings).unwrap()
    }

    /// The bodies of all times a question was asked.
    pub fn asked(&self, question: &str) -> Vec<Value> {
        let script = self.script.lock().unwrap();
        script.asked.iter().filter(|(q, _)| q == question).map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let question = format!("{} {}", request.method(), request.uri());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let reply = {
        let mut script = fake.script.lock().unwrap();
        script.asked.push((question.clone(), serde_json::from_slice(&body).unwrap_or(Value::Null)));
        match script.replies.get_mut(&question) {
            None => Reply::Status(404, String::new()),
            Some(replies) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some(replies) => replies[0].clone(),
        }
    };
    match reply {
        Reply::Json(value) => Response::new(Body::from(value.to_string())),
        Reply::Status(code, text) => Response::builder().status(code).body(Body::from(text)).unwrap(),
        Reply::RetryAfter(code, after) => {
            Response::builder().status(code).header("retry-after", after).body(Body::empty()).unwrap()
        }
        Reply::With(code, name, value) => {
            Response::builder().status(code).header(name, value).body(Body::empty()).unwrap()
        }
        Reply::Gzip(bytes) => {
            Response::builder().header("content-encoding", "gzip").body(Body::from(bytes)).unwrap()
        }
        Reply::Silence => std::future::pending().await,
        Reply::Pieces(pieces, ending) => {
            let pieces = stream::iter(pieces).map(|p| Ok::<_, std::io::Error>(Bytes::from(p)));
            Response::new(match ending {
                Ending::Ends => Body::from_stream(pieces),
                Ending::Breaks => {
                    let lost = stream::once(async { Err(std::io::Error::other("lost")) });
                    Body::from_stream(pieces.chain(lost))
                }
                Ending::StaysOpen => Body::from_stream(pieces.chain(stream::pending())),
            })
        }
    }
}

/// A hash of a block, by its level and the branch it is on.
pub fn block_hash(level: u32, branch: u8) -> BlockHash {
    let mut bytes = [branch; 32];
    bytes[..4].copy_from_slice(&level.to_be_bytes());
    BlockHash(bytes)
}

pub fn operation_hash(n: u8) -> OperationHash {
    OperationHash([n; 32])
}

/// A header as a real node writes it, with members that nobody asked for.
pub fn header_json(level: u32, branch: u8, predecessor: BlockHash) -> Value {
    json!({
        "protocol": "ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK",
        "chain_id": "NetXdQprcVkpaWU",
        "hash": block_hash(level, branch).to_string(),
        "level": level,
        "proto": 2,
        "predecessor": predecessor.to_string(),
        "timestamp": "2026-11-22T09:30:00Z",
        "fitness": ["02"],
        "of the future": { "x": [null] },
    })
}

/// A line of the stream of heads.
pub fn head_line(level: u32, branch: u8, predecessor: BlockHash) -> Vec<u8> {
    format!("{}\n", header_json(level, branch, predecessor)).into_bytes()
}
