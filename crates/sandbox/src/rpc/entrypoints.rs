//! Entrypoints of contracts: their types as the scripts write them, annotations included.

use super::error::{RpcError, RpcResult};
use super::request::{At, ok};
use serde_json::{Map, Value, json};
use soru_base::{Address, ContractHash, Entrypoint};
use soru_michelson::types::Branch;
use soru_michelson::{Micheline, Parameter, Prim};

/// `GET …/entrypoints`: those with a name, and the ways to what has none.
pub(super) async fn list(at: At) -> RpcResult {
    let (declared, parameter) = parameter(&at)?;
    ok(described(&declared, &parameter))
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

/// `{"entrypoints", "unreachable"}`, the latter only where there is something.
pub(super) fn described(declared: &Micheline, parameter: &Parameter) -> Value {
    let mut named = Map::new();
    for (name, _) in parameter.entrypoints() {
        let Some((way, _)) = parameter.entrypoint(&name) else { continue };
        // The default one is the whole parameter unless it is a part, and then it has no name.
        if name.is_default() && way.is_empty() && !has_name(declared) {
            continue;
        }
        if let Some(ty) = follow(declared, way) {
            named.insert(name.as_str().into_owned(), ty.to_json_value());
        }
    }
    let unreachable = unreachable(declared);
    match unreachable.is_empty() {
        true => json!({ "entrypoints": named }),
        false => json!({ "unreachable": unreachable, "entrypoints": named }),
    }
}

fn has_name(ty: &Micheline) -> bool {
    ty.as_prim().is_some_and(|(_, _, annots)| annots.iter().any(|a| a.len() > 1 && a.starts_with('%')))
}

/// The ways through `or`s to what no name leads to, the last one first.
fn unreachable(declared: &Micheline) -> Vec<Value> {
    let mut found = Vec::new();
    let mut pending = vec![(declared, Vec::new())];
    while let Some((ty, way)) = pending.pop() {
        if has_name(ty) {
            continue;
        }
        match ty.as_prim() {
            Some((Prim::or, [left, right], _)) => {
                let below = |name| way.iter().copied().chain([name]).collect::<Vec<&str>>();
                pending.push((left, below("Left")));
                pending.push((right, below("Right")));
            }
            _ if way.is_empty() => {}
            _ => found.push(json!({ "path": way })),
        }
    }
    found
}

/// The type of the parameter of a script as it is written there. A name on the declaration is the name of the whole.
pub(super) fn parameter_of(script: &Micheline) -> Option<Micheline> {
    let declaration = script.children().iter().find_map(|node| match node.as_prim() {
        Some((Prim::parameter, [ty], annots)) => Some((ty, annots)),
        _ => None,
    });
    let (ty, annots) = declaration?;
    let (prim, args, own) = ty.as_prim()?;
    let named = annots.iter().filter(|a| a.starts_with('%') && !has_name(ty));
    Some(Micheline::Prim(prim, args.to_vec(), own.iter().chain(named).cloned().collect()))
}

/// The type at the end of a way through `or`s, without its own annotation.
pub(super) fn follow(declared: &Micheline, way: &[Branch]) -> Option<Micheline> {
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
