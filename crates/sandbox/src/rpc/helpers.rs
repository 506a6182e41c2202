//! Trying operations out, and turning them into bytes and back.

use super::app::App;
use super::error::{RpcError, RpcResult};
use super::request::{At, Body, ok};
use super::scripts;
use crate::chain::Block;
use axum::Router;
use axum::routing::post;
use serde_json::Value as JsonValue;
use serde_json::json;
use soru_base::json::{field, hex_field, member};
use soru_base::{Binary, BlockHash, IdFamily, Json, JsonError, Signature};
use soru_protocol::ledger::{ApplyError, BlockBuilder};
use soru_protocol::operation::{MAX_OPERATION_SIZE, Operation, SignedOperation};
use soru_protocol::receipt::{BlockOperation, OperationReceipt};

/// `…/helpers/…`
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/scripts/simulate_operation", post(simulate))
        .route("/scripts/run_operation", post(simulate))
        .nest("/scripts", scripts::routes())
        .route("/preapply/operations", post(preapply))
        .route("/forge/operations", post(forge))
        .route("/forge/signed_operations", post(forge_signed))
        .route("/parse/operations", post(parse))
}

/// Operations that one request can try or parse.
const MAX_OPERATIONS: usize = 1_000;

fn bad_body(error: JsonError) -> RpcError {
    RpcError::bad_request(format!("in the body{error}"))
}

/// What the next block would be known to be.
fn builder(app: &App, block: &Block) -> Result<BlockBuilder, RpcError> {
    let reader = app.reader();
    reader.try_block(block).map_err(RpcError::internal)
}

fn refused(error: ApplyError, family: IdFamily) -> RpcError {
    crate::chain::refusal(error, family).into()
}

/// An operation's contents with what became of them.
fn told(operation: &SignedOperation, receipt: OperationReceipt, signed: bool, family: IdFamily) -> JsonValue {
    let mut object = BlockOperation::new(operation, receipt).to_json(family);
    if let Some(members) = object.as_object_mut() {
        let unwanted: &[&str] = if signed { &["hash", "branch"] } else { &["hash", "branch", "signature"] };
        for name in unwanted {
            members.shift_remove(*name);
        }
    }
    object
}

/// `POST …/scripts/simulate_operation` and `…/run_operation`: what would become of an operation, whoever signed it.
async fn simulate(at: At, Body(body): Body) -> RpcResult {
    let family = at.family();
    let wrapped = member(&body, "operation");
    let operation: Operation = field(&body, "operation", family).map_err(bad_body)?;
    if let Some(chain) = member(&body, "chain_id").as_str() {
        at.check_chain(chain)?;
    }
    let signature = match member(wrapped, "signature") {
        JsonValue::Null => None,
        _ => Some(
            field::<Signature>(wrapped, "signature", family).map_err(|e| bad_body(e.within("operation")))?,
        ),
    };
    let block = at.block.clone();
    let result = at.app.blocking(move |app| {
        let builder = builder(app, &block)?;
        let context = *builder.context();
        let receipt = app.ledger(&block)?.simulate(context, &operation).map_err(|e| refused(e, family))?;
        let signed = SignedOperation { operation, signature: signature.unwrap_or(Signature::ZERO) };
        Ok(told(&signed, receipt, signature.is_some(), family))
    });
    ok(result.await?)
}

/// `POST …/preapply/operations`: what would become of signed operations in the next block, one after another.
async fn preapply(at: At, Body(body): Body) -> RpcResult {
    let family = at.family();
    let items = list(&body)?;
    let protocol = at.app.network().profile().protocol.to_string();
    let mut operations = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match member(item, "protocol").as_str() {
            None => {}
            Some(named) if named == protocol => {}
            Some(other) => {
                return Err(RpcError::bad_request(format!(
                    "in the body[{i}].protocol: expected {protocol}, found {other}"
                )));
            }
        }
        operations.push(SignedOperation::from_json(item, family).map_err(|e| bad_body(e.at(i)))?);
    }
    let block = at.block.clone();
    let results = at.app.blocking(move |app| {
        let mut builder = builder(app, &block)?;
        let mut results = Vec::new();
        for operation in &operations {
            let receipt = builder.apply(operation).map_err(|e| refused(e, family))?;
            results.push(told(operation, receipt, true, family));
        }
        Ok(results)
    });
    ok(results.await?)
}

fn list(body: &JsonValue) -> Result<&[JsonValue], RpcError> {
    match body.as_array() {
        Some(items) if items.len() <= MAX_OPERATIONS => Ok(items),
        Some(items) => {
            Err(RpcError::bad_request(format!("{} operations are more than {MAX_OPERATIONS}", items.len())))
        }
        None => Err(RpcError::bad_request("the body is no array of operations")),
    }
}

/// `POST …/forge/operations`: the bytes to sign.
async fn forge(at: At, Body(body): Body) -> RpcResult {
    let operation = Operation::from_json(&body, at.family()).map_err(bad_body)?;
    ok(hex::encode(operation.forge()))
}

/// `POST …/forge/signed_operations`: the bytes to inject.
async fn forge_signed(at: At, Body(body): Body) -> RpcResult {
    let operation = SignedOperation::from_json(&body, at.family()).map_err(bad_body)?;
    ok(hex::encode(operation.to_bytes()))
}

/// `POST …/parse/operations {"operations": [{"branch", "data"}], "check_signature"}`
async fn parse(at: At, Body(body): Body) -> RpcResult {
    let family = at.family();
    let mut parsed = Vec::new();
    for (i, item) in list(member(&body, "operations"))?.iter().enumerate() {
        let of = |e: JsonError| bad_body(e.at(i).within("operations"));
        let branch: BlockHash = field(item, "branch", family).map_err(of)?;
        let data = hex_field(item, "data").map_err(of)?;
        if data.len() > MAX_OPERATION_SIZE {
            return Err(RpcError::bad_request(format!(
                "{} bytes are more than an operation can have",
                data.len()
            )));
        }
        let bytes = [branch.as_bytes(), &data].concat();
        let operation = SignedOperation::from_bytes(&bytes)
            .map_err(|e| RpcError::bad_request(format!("in the body.operations[{i}].data: {e}")))?;
        let mut object = json!({ "protocol": at.app.network().profile().protocol.to_string() });
        if let (Some(object), JsonValue::Object(members)) =
            (object.as_object_mut(), operation.to_json(family))
        {
            object.extend(members);
        }
        parsed.push(object);
    }
    ok(parsed)
}
