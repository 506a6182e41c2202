//! Errors as the network's nodes write them: a status and an array of `{"kind", "id", …}`.

use crate::mempool::Refusal;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::fmt::Display;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct RpcError {
    status: StatusCode,
    // Objects with at least `kind` and `id`.
    trace: Vec<Value>,
}

pub(crate) type RpcResult = Result<Json<Value>, RpcError>;

impl RpcError {
    fn one(status: StatusCode, kind: &str, id: &str, msg: impl Display) -> Self {
        Self { status, trace: vec![json!({ "kind": kind, "id": id, "msg": msg.to_string() })] }
    }

    /// What was asked for does not exist.
    pub(crate) fn not_found(what: impl Display) -> Self {
        Self::one(StatusCode::NOT_FOUND, "permanent", "rpc.not_found", what)
    }

    /// A path, a query or a body that is not understood.
    pub(crate) fn bad_request(what: impl Display) -> Self {
        Self::one(StatusCode::BAD_REQUEST, "permanent", "rpc.bad_request", what)
    }

    /// The route exists, but not for this method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::one(StatusCode::METHOD_NOT_ALLOWED, "permanent", "rpc.method_not_allowed", "method not allowed")
    }

    /// A body in a form that is not understood.
    pub(crate) fn unsupported_media(what: impl Display) -> Self {
        Self::one(StatusCode::UNSUPPORTED_MEDIA_TYPE, "permanent", "rpc.unsupported_media_type", what)
    }

    /// The client accepts no form that there is.
    pub(crate) fn not_acceptable(what: impl Display) -> Self {
        Self::one(StatusCode::NOT_ACCEPTABLE, "permanent", "rpc.not_acceptable", what)
    }

    /// A body above the limit.
    pub(crate) fn too_large(what: impl Display) -> Self {
        Self::one(StatusCode::PAYLOAD_TOO_LARGE, "permanent", "rpc.body_too_large", what)
    }

    /// The protocol refuses: its own errors, as the network's nodes send them.
    pub(crate) fn refused(trace: Vec<Value>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, trace }
    }

    /// Something is wrong with the sandbox itself.
    pub(crate) fn internal(what: impl Display) -> Self {
        tracing::error!("{what}");
        Self::one(StatusCode::INTERNAL_SERVER_ERROR, "permanent", "sandbox.internal", what)
    }
}

impl From<Refusal> for RpcError {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal.trace)
    }
}

impl IntoResponse for RpcError {
    fn into_response(self) -> Response {
        (self.status, Json(Value::Array(self.trace))).into_response()
    }
}
