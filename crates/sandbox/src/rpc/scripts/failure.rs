//! Why scripts fail, in the network's terms.

use super::super::error::RpcError;
use serde_json::{Value as JsonValue, json};
use soru_base::{Contract, ContractHash, Entrypoint, IdFamily};
use soru_michelson::{Micheline, Reason, RunError, Script, Type, TypeError};
use soru_protocol::ledger::ProtocolError;

/// Errors of the protocol, the outermost first.
pub(super) fn refused(errors: &[ProtocolError], family: IdFamily) -> RpcError {
    RpcError::refused(errors.iter().map(|e| report(e, family)).collect())
}

fn report(error: &ProtocolError, family: IdFamily) -> JsonValue {
    let mut object = error.report(family).0;
    if object.get("msg").is_none() {
        object["msg"] = error.to_string().into();
    }
    object
}

/// An error that only these services have.
pub(super) fn own(id: &str, members: JsonValue, msg: &str, family: IdFamily) -> RpcError {
    let mut object = json!({ "kind": "permanent", "id": format!("{}{id}", prefix(family)), "msg": msg });
    if let (Some(object), JsonValue::Object(members)) = (object.as_object_mut(), members) {
        object.extend(members);
    }
    RpcError::refused(vec![object])
}

/// What the protocol puts before the ids of its errors.
pub(in super::super) fn prefix(family: IdFamily) -> String {
    let id = report(&ProtocolError::GasExhausted, family);
    let id = id["id"].as_str().unwrap_or_default();
    id.trim_end_matches(ProtocolError::GasExhausted.id()).to_owned()
}

pub(super) fn ill_formed(ty: &Micheline, error: &TypeError, family: IdFamily) -> RpcError {
    let error = ProtocolError::IllFormedType { expression: ty.clone(), reason: error.to_string() };
    refused(&[error], family)
}

pub(super) fn ill_typed(data: &Micheline, ty: &Type, error: &TypeError, family: IdFamily) -> RpcError {
    match ill_typed_error(data, ty, error) {
        Ok(error) => refused(&[error], family),
        Err(error) => error,
    }
}

/// Running out of gas and a ledger that cannot be read are no fault of the data.
fn ill_typed_error(data: &Micheline, ty: &Type, error: &TypeError) -> Result<ProtocolError, RpcError> {
    match &error.reason {
        Reason::Gas(_) => Ok(ProtocolError::GasExhausted),
        Reason::Chain(reason) => Err(RpcError::internal(reason)),
        _ => Ok(ProtocolError::IllTypedData {
            expected_type: ty.to_micheline(),
            ill_typed_expression: data.clone(),
            reason: error.to_string(),
        }),
    }
}

pub(super) fn ill_typed_script(error: &TypeError, family: IdFamily) -> RpcError {
    let error = match &error.reason {
        Reason::Gas(_) => ProtocolError::GasExhausted,
        Reason::Chain(reason) => return RpcError::internal(reason),
        _ => ProtocolError::IllTypedContract { reason: error.to_string() },
    };
    refused(&[error], family)
}

/// A value that cannot be written, most likely as there is too little gas.
pub(super) fn unwritable(reason: Reason, family: IdFamily) -> RpcError {
    match reason {
        Reason::Gas(_) => refused(&[ProtocolError::GasExhausted], family),
        other => RpcError::bad_request(other),
    }
}

/// A run that failed: of which contract, and what it was given.
pub(super) struct Tried<'a> {
    pub(super) contract: ContractHash,
    pub(super) entrypoint: &'a Entrypoint,
    pub(super) argument: &'a Micheline,
    pub(super) storage: &'a Micheline,
}

impl Tried<'_> {
    /// Why the run failed. `script` is what ran.
    pub(super) fn failed(&self, error: RunError, script: &Script, family: IdFamily) -> RpcError {
        let contract = Contract::from(self.contract);
        let bad_parameter = ProtocolError::BadContractParameter { contract };
        match error {
            RunError::NoEntrypoint(name) => {
                let inner = ProtocolError::NoSuchEntrypoint { entrypoint: name.to_string() };
                refused(&[bad_parameter, inner], family)
            }
            RunError::Argument(e) => {
                let named = script.parameter().entrypoint(self.entrypoint);
                let ty = named.map_or(script.parameter().ty(), |(_, ty)| ty);
                match ill_typed_error(self.argument, ty, &e) {
                    Ok(inner) => refused(&[bad_parameter, inner], family),
                    Err(error) => error,
                }
            }
            RunError::Storage(e) => ill_typed(self.storage, script.storage(), &e, family),
            other => failed(other, self.contract, family),
        }
    }
}

/// Why code failed that ran for `contract`.
pub(super) fn failed(error: RunError, contract: ContractHash, family: IdFamily) -> RpcError {
    let contract = Contract::from(contract);
    let runtime = |reason: String| ProtocolError::RuntimeError { contract, reason };
    match error {
        RunError::Gas(_) => refused(&[ProtocolError::GasExhausted], family),
        RunError::TooManyOperations { .. } => refused(&[ProtocolError::TooManyInternalOperations], family),
        RunError::Unreadable(reason) => RpcError::internal(reason),
        RunError::Failed { location, with } => {
            let reason = format!("FAILWITH at node {location}");
            let location = u32::try_from(location).unwrap_or(u32::MAX);
            refused(&[runtime(reason), ProtocolError::ScriptRejected { location, with }], family)
        }
        other => refused(&[runtime(other.to_string())], family),
    }
}
