//! Errors of the RPC: a list of one object, as the network's programs answer.

use crate::store::StoreError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::fmt;

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcError {
    status: StatusCode,
    id: &'static str,
    message: String,
}

impl RpcError {
    /// What was asked for is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, id: "soru.node.not_found", message: message.into() }
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, id: "soru.node.bad_request", message: message.into() }
    }

    /// The path takes other methods.
    pub fn method_not_allowed() -> Self {
        let message = "this RPC does not take requests of that kind".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, id: "soru.node.method_not_allowed", message }
    }

    /// The route is not open to everybody who can reach the RPC.
    pub fn not_allowed(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, id: "soru.node.not_allowed", message: message.into() }
    }

    /// The messages lead nowhere: the run takes too long, a page is missing, or an engine alone cannot tell.
    pub fn not_simulated(obstacle: &str, reason: &str) -> Self {
        let message = format!("the simulation was given up ({obstacle}): {reason}");
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, id: "soru.node.not_simulated", message }
    }

    /// What somebody else says about a request that never came to a handler.
    pub(super) fn of_status(status: StatusCode, message: String) -> Self {
        let id = match status {
            StatusCode::NOT_FOUND => "soru.node.not_found",
            StatusCode::METHOD_NOT_ALLOWED => "soru.node.method_not_allowed",
            StatusCode::PAYLOAD_TOO_LARGE => "soru.node.too_large",
            status if status.is_client_error() => "soru.node.bad_request",
            _ => "soru.node.internal",
        };
        Self { status, id, message }
    }

    /// The mode has no batcher.
    pub fn no_batcher(mode: &str) -> Self {
        let message = format!("this rollup node does not have a batcher: its mode is {mode}");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, id: "sc_rollup.node.no_batcher", message }
    }

    /// The answer is not there yet.
    pub fn not_yet(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, id: "soru.node.not_yet", message: message.into() }
    }

    /// The node failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, id: "soru.node.internal", message: message.into() }
    }

    fn kind(&self) -> &'static str {
        if self.status == StatusCode::SERVICE_UNAVAILABLE { "temporary" } else { "permanent" }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Collected { .. } => {
                Self { id: "soru.node.state_collected", ..Self::not_found(error.to_string()) }
            }
            other => Self::internal(other.to_string()),
        }
    }
}

impl IntoResponse for RpcError {
    fn into_response(self) -> Response {
        let body = json!([{"kind": self.kind(), "id": self.id, "msg": self.message}]);
        (self.status, Json(body)).into_response()
    }
}
