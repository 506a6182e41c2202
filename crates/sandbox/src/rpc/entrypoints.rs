//! Entrypoints of contracts: their types as the scripts write them, annotations included.

use super::error::{RpcError, RpcResult};
use super::request::{At, ok};
use serde_json::{Map, json};
use soru_base::{Address, ContractHash, Entrypoint};
use soru_michelson::types::Branch;
use soru_michelson::{Micheline, Parameter};

/// `GET …/entrypoints`: those with a name.
pub(super) async fn list(at: At) -> RpcResult {
    let (declared, parameter) = parameter(&at)?;
    let mut named = Map::new();
    for (name, _) in parameter.entrypoints() {
        let Some((way, _)) = parameter.entrypoint(&name) else { continue };
        // The default one is the whole parameter unless it is a part, and then it has no name.
        if name.is_default() && way.is_empty() {
            continue;
        }
        if let Some(ty) = follow(&declared, way) {
            named.insert(name.as_str().to_owned(), ty.to_json_value());
        }
    }
    ok(json!({ "entrypoints": named }))
}

/// `GET …/entrypoints/<name>`: its type.
pub(super) async fn one(at: At) -> RpcResult {
    let (declared, parameter) = parameter(&at)?;
    let name: Entrypoint = at.parse("entrypoint")?;
    let found = parameter.entrypoint(&name).and_then(|(way, _)| follow(&declared, way));
    match found {
        Some(ty) => ok(ty.to_json_value()),
        None => Err(RpcError::not_found(format!("the contract has no entrypoint {name}"))),
    }
}

/// The type of a contract's parameter, as written and as read.
fn parameter(at: &At) -> Result<(Micheline, Parameter), RpcError> {
    let hash: ContractHash = super::contracts::originated(at)?;
    let declared = super::contracts::there(at.ledger()?.parameter_type(&Address::from(hash)), hash)?;
    let parameter = Parameter::parse(&declared).map_err(RpcError::internal)?;
    Ok((declared, parameter))
}

/// The type at the end of a way through `or`s, without its own annotation.
fn follow(declared: &Micheline, way: &[Branch]) -> Option<Micheline> {
    let mut ty = declared;
    for branch in way {
        let place = match branch {
            Branch::Left => 0,
            Branch::Right => 1,
        };
        ty = ty.children().get(place)?;
    }
    let (prim, args, annots) = ty.as_prim()?;
    let kept: Vec<String> = annots.iter().filter(|annot| !annot.starts_with('%')).cloned().collect();
    Some(Micheline::Prim(prim, args.to_vec(), kept))
}
