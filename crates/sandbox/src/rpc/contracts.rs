//! Accounts and contracts in the context of a block.

use super::app::App;
use super::entrypoints;
use super::error::{RpcError, RpcResult};
use super::request::{At, ok};
use super::tickets;
use axum::Router;
use axum::routing::{get, post};
use num_bigint::BigInt;
use serde_json::{Map, json};
use soru_base::{Contract, ContractHash, IdFamily, Json, Mutez, PublicKeyHash, ScriptExprHash};
use soru_michelson::{Form, Gas, Micheline, Reading, Type, Value};
use soru_protocol::ledger::{Ledger, StorageError};
use soru_protocol::operation::Script;

/// `…/context/contracts/…`
pub(crate) fn routes() -> Router<App> {
    let contract = Router::new()
        .route("/balance", get(balance))
        .route("/spendable", get(balance))
        .route("/full_balance", get(full_balance))
        .route("/frozen_bonds", get(frozen_bonds))
        .route("/balance_and_frozen_bonds", get(full_balance))
        .route("/spendable_and_frozen_bonds", get(full_balance))
        .route("/counter", get(counter))
        .route("/manager_key", get(manager_key))
        .route("/delegate", get(delegate))
        .route("/script", get(script))
        .route("/entrypoints", get(entrypoints::list))
        .route("/entrypoints/{entrypoint}", get(entrypoints::one))
        .route("/storage", get(storage))
        .route("/storage/used_space", get(used_space))
        .route("/storage/paid_space", get(paid_space))
        .route("/ticket_balance", post(tickets::of_contract))
        .route("/all_ticket_balances", get(tickets::stored));
    Router::new().route("/", get(list)).route("/{contract}", get(info)).nest("/{contract}", contract)
}

/// `…/context/big_maps/…`
pub(crate) fn big_map_routes() -> Router<App> {
    Router::new().route("/{id}/{key}", get(big_map_value))
}

fn contract(at: &At) -> Result<Contract, RpcError> {
    at.parse("contract")
}

/// The account of the path, which must be one of a key.
fn implicit(at: &At) -> Result<PublicKeyHash, RpcError> {
    match contract(at)? {
        Contract::Implicit(pkh) => Ok(pkh),
        Contract::Originated(hash) => {
            Err(RpcError::not_found(format!("{hash} is a contract: it has no such thing")))
        }
    }
}

/// The contract of the path, which must be one with a script.
pub(super) fn originated(at: &At) -> Result<ContractHash, RpcError> {
    match contract(at)? {
        Contract::Originated(hash) => Ok(hash),
        Contract::Implicit(pkh) => {
            Err(RpcError::not_found(format!("{pkh} is an account of a key: it has no such thing")))
        }
    }
}

pub(super) fn there<T>(
    found: Result<Option<T>, StorageError>,
    what: impl std::fmt::Display,
) -> Result<T, RpcError> {
    found
        .map_err(RpcError::internal)?
        .ok_or_else(|| RpcError::not_found(format!("there is no contract {what}")))
}

/// Spendable mutez. An account of a key that does not exist has none; a contract must exist.
fn spendable(ledger: &Ledger, contract: &Contract) -> Result<Mutez, RpcError> {
    let balance = ledger.balance(contract).map_err(RpcError::internal)?;
    match (balance, contract) {
        (Some(balance), _) => Ok(balance),
        (None, Contract::Implicit(_)) => Ok(Mutez::ZERO),
        (None, Contract::Originated(hash)) => {
            Err(RpcError::not_found(format!("there is no contract {hash}")))
        }
    }
}

async fn list(at: At) -> RpcResult {
    let contracts = at.ledger()?.accounts().map_err(RpcError::internal)?;
    ok(contracts.iter().map(|contract| contract.to_json(at.family())).collect::<Vec<_>>())
}

async fn info(at: At) -> RpcResult {
    let (ledger, contract) = (at.ledger()?, contract(&at)?);
    let mut object = Map::new();
    object.insert("balance".to_owned(), spendable(&ledger, &contract)?.to_json(at.family()));
    match contract {
        Contract::Implicit(pkh) => {
            let counter = ledger.counter(&pkh).map_err(RpcError::internal)?;
            object.insert("counter".to_owned(), json!(counter.to_string()));
            let key = ledger.manager_key(&pkh).map_err(RpcError::internal)?;
            object.insert("revealed".to_owned(), json!(key.is_some()));
        }
        Contract::Originated(hash) => {
            object.insert(
                "script".to_owned(),
                readable_script(&ledger, hash, at.family())?.to_json(at.family()),
            );
        }
    }
    ok(serde_json::Value::Object(object))
}

async fn balance(at: At) -> RpcResult {
    ok(spendable(&at.ledger()?, &contract(&at)?)?.to_json(at.family()))
}

async fn frozen_bonds(at: At) -> RpcResult {
    let bonds = at.ledger()?.frozen_bonds(&contract(&at)?).map_err(RpcError::internal)?;
    ok(bonds.to_json(at.family()))
}

async fn full_balance(at: At) -> RpcResult {
    let (ledger, contract) = (at.ledger()?, contract(&at)?);
    let bonds = ledger.frozen_bonds(&contract).map_err(RpcError::internal)?;
    let sum = Mutez(spendable(&ledger, &contract)?.0.saturating_add(bonds.0));
    ok(sum.to_json(at.family()))
}

async fn counter(at: At) -> RpcResult {
    ok(at.ledger()?.counter(&implicit(&at)?).map_err(RpcError::internal)?.to_string())
}

async fn manager_key(at: At) -> RpcResult {
    match at.ledger()?.manager_key(&implicit(&at)?).map_err(RpcError::internal)? {
        Some(key) => ok(key.to_json(at.family())),
        None => ok(serde_json::Value::Null),
    }
}

/// Nobody delegates here: as on the network, then, there is nothing at this path.
async fn delegate(at: At) -> RpcResult {
    Err(RpcError::not_found(format!("{} has no delegate", contract(&at)?)))
}

async fn script(at: At) -> RpcResult {
    let hash = originated(&at)?;
    ok(readable_script(&at.ledger()?, hash, at.family())?.to_json(at.family()))
}

async fn storage(at: At) -> RpcResult {
    let hash = originated(&at)?;
    ok(readable_script(&at.ledger()?, hash, at.family())?.storage.to_json_value())
}

/// A script with its storage for people.
fn readable_script(ledger: &Ledger, hash: ContractHash, family: IdFamily) -> Result<Script, RpcError> {
    let mut script = there(ledger.script(&hash), hash)?;
    if let Ok(ty) = soru_michelson::Script::storage_of(&script.code) {
        script.storage = readable(script.storage, &ty, family);
    }
    Ok(script)
}

/// A stored expression for people: addresses, keys and dates as texts. What cannot be read stays as it is.
fn readable(stored: Micheline, ty: &Type, family: IdFamily) -> Micheline {
    let mut gas = Gas::unlimited();
    let value = Value::parse(&stored, ty, &mut Reading::stored(&mut gas));
    let shown = value.ok().and_then(|value| value.to_micheline(ty, Form::Readable(family), &mut gas).ok());
    shown.unwrap_or(stored)
}

/// `GET …/context/big_maps/<id>/<hash of the packed key>`
async fn big_map_value(at: At) -> RpcResult {
    let id: BigInt = at.parse("id")?;
    let key: ScriptExprHash = at.parse("key")?;
    let ledger = at.ledger()?;
    let types = ledger.big_map_types(&id).map_err(RpcError::internal)?;
    let value = ledger.big_map_get(&id, &key).map_err(RpcError::internal)?;
    let (Some((_, value_type)), Some(value)) = (types, value) else {
        return Err(RpcError::not_found(format!("big map {id} has no value for the key {key}")));
    };
    let ty = Type::parse(&value_type).map_err(RpcError::internal)?;
    ok(readable(value, &ty, at.family()).to_json_value())
}

async fn used_space(at: At) -> RpcResult {
    let hash = originated(&at)?;
    ok(at.ledger()?.used_storage(&hash).map_err(RpcError::internal)?.to_string())
}

async fn paid_space(at: At) -> RpcResult {
    let hash = originated(&at)?;
    ok(at.ledger()?.paid_storage(&hash).map_err(RpcError::internal)?.to_string())
}
