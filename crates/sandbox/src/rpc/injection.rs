//! Taking operations from clients.

use super::error::{RpcError, RpcResult};
use super::request::{Asked, Body, ok};
use serde_json::Value;
use soru_base::Binary;
use soru_protocol::operation::SignedOperation;
use std::sync::Arc;

/// `POST /injection/operation`: a signed operation as a JSON string of hexadecimal digits; answers its hash.
pub(crate) async fn operation(asked: Asked, Body(body): Body) -> RpcResult {
    if let Some(chain) = asked.query("chain") {
        asked.check_chain(chain)?;
    }
    // Without effect here: an operation is judged before the answer, and judging takes no time.
    asked.flag("async", false)?;
    let Value::String(digits) = &body else {
        return Err(RpcError::bad_request("the body is no JSON string of hexadecimal digits"));
    };
    let bytes = hex::decode(digits).map_err(|e| {
        RpcError::bad_request(format!("the body is no JSON string of hexadecimal digits: {e}"))
    })?;
    let injected = asked.app.with_chain(move |chain| Ok(chain.inject(&bytes).map(|hash| (hash, bytes))));
    let (hash, bytes) = injected.await.map_err(RpcError::internal)??;
    if let Ok(operation) = SignedOperation::from_bytes(&bytes) {
        // Nobody listening is no error.
        let _ = asked.app.operations().send(Arc::new((hash, operation)));
    }
    ok(hash.to_string())
}
