//! What a handler gets: the parts of the path and the query, and the block that the path names.

use super::app::App;
use super::error::RpcError;
use crate::chain::{Block, MAX_JSON_DEPTH};
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use serde_json::Value;
use soru_base::BlockId;
use soru_base::{IdFamily, json_text};
use soru_protocol::ledger::Ledger;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

/// Bytes of a request's body. The largest operation takes 64 KiB of hexadecimal.
const BODY_LIMIT: usize = 2 * 1024 * 1024;
/// Bytes of a body that are read before the connection is given up.
const BODY_READ_LIMIT: usize = 64 * 1024 * 1024;

/// Path, query and application of a request.
pub(crate) struct Asked {
    pub(crate) app: App,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Asked {
    /// The part of the path called `name` in the route.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.path.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The part of the path called `name`, parsed.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, RpcError> {
        self.param(name).parse().map_err(|e| RpcError::bad_request(format!("in the path, {name}: {e}")))
    }

    /// The first value of `name` in the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All values of `name` in the query.
    pub(crate) fn query_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A flag in the query: `?name`, `?name=true`; or `default` without it.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, RpcError> {
        match self.query(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("" | "true" | "yes" | "1") => Ok(true),
            Some("false" | "no" | "0") => Ok(false),
            Some(other) => {
                Err(RpcError::bad_request(format!("in the query, {name}: `{other}` is no boolean")))
            }
        }
    }

    /// A natural number in the query.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, RpcError> {
        let refused = |text: &str| {
            RpcError::bad_request(format!("in the query, {name}: `{text}` is no natural number"))
        };
        self.query(name).map(|text| text.parse().map_err(|_| refused(text))).transpose()
    }

    /// Fails unless the path names this chain.
    pub(crate) fn check_chain(&self, chain: &str) -> Result<(), RpcError> {
        let ours = self.app.network().chain_id.to_string();
        if chain == "main" || chain == ours {
            return Ok(());
        }
        Err(RpcError::not_found(format!("no chain `{chain}` here: only main, which is {ours}")))
    }

    pub(crate) fn family(&self) -> IdFamily {
        self.app.network().profile().ids
    }
}

impl FromRequestParts<App> for Asked {
    type Rejection = RpcError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, RpcError> {
        let path = RawPathParams::from_request_parts(parts, app).await.map_err(RpcError::bad_request)?;
        let path = path.iter().map(|(n, value)| (n.to_owned(), value.to_owned())).collect();
        let Query(query) = Query::from_request_parts(parts, app).await.map_err(RpcError::bad_request)?;
        let asked = Self { app: app.clone(), path, query };
        match asked.param("chain") {
            "" => {}
            chain => asked.check_chain(chain)?,
        }
        Ok(asked)
    }
}

/// A request about a block.
pub(crate) struct At {
    pub(crate) asked: Asked,
    pub(crate) block: Arc<Block>,
}

impl std::ops::Deref for At {
    type Target = Asked;
    fn deref(&self) -> &Asked {
        &self.asked
    }
}

impl FromRequestParts<App> for At {
    type Rejection = RpcError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, RpcError> {
        let asked = Asked::from_request_parts(parts, app).await?;
        let id: BlockId = asked.param("block").parse().map_err(RpcError::bad_request)?;
        let block = app.block(&id)?;
        Ok(Self { asked, block })
    }
}

impl At {
    /// The ledger after the block.
    pub(crate) fn ledger(&self) -> Result<Ledger, RpcError> {
        self.app.ledger(&self.block)
    }
}

/// A JSON body. An empty one is `null`.
pub(crate) struct Body(pub(crate) Value);

impl FromRequest<App> for Body {
    type Rejection = RpcError;

    async fn from_request(request: Request, _: &App) -> Result<Self, RpcError> {
        let bytes = read(request.into_body()).await?;
        if bytes.is_empty() {
            return Ok(Self(Value::Null));
        }
        let value = json_text::parse(&bytes, MAX_JSON_DEPTH)
            .map_err(|e| RpcError::bad_request(format!("in the body{e}")))?;
        Ok(Self(value))
    }
}

/// All of a body. One that is too long is read on for a while: a client that is cut off while it sends never sees the answer.
async fn read(body: axum::body::Body) -> Result<Vec<u8>, RpcError> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(RpcError::bad_request)?;
        length += piece.len();
        if length <= BODY_LIMIT {
            bytes.extend_from_slice(&piece);
        } else if length > BODY_READ_LIMIT {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    match length <= BODY_LIMIT {
        true => Ok(bytes),
        false => Err(RpcError::too_large(format!("the body is longer than {BODY_LIMIT} bytes"))),
    }
}

/// A successful answer.
pub(crate) fn ok(value: impl Into<Value>) -> super::error::RpcResult {
    Ok(Json(value.into()))
}
