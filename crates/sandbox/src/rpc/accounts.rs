//! More about accounts and contracts in the context of a block: what belongs to staking, of which there is none, and stored
//! expressions in other forms.

use super::app::App;
use super::contracts::{originated, there};
use super::error::{RpcError, RpcResult};
use super::request::{At, Body, ok};
use super::scripts::{Members, form_of};
use axum::Router;
use axum::routing::{get, post};
use num_bigint::BigInt;
use serde_json::{Value as Answer, json};
use soru_base::{Address, Contract, ScriptExprHash};
use soru_michelson::{Form, Gas, Micheline, Reading, Script, Type, Value};

/// Values of a big map that one request can list.
const MAX_LISTED: u64 = 10_000;

/// `…/context/…`, beside the routes of `contracts`.
pub(crate) fn routes() -> Router<App> {
    let contract = Router::new()
        .route("/script/normalized", post(script))
        .route("/storage/normalized", post(storage))
        .route("/big_map_get", post(big_map_get))
        .route("/staked_balance", get(no_stake))
        .route("/staking_numerator", get(implicit_zero))
        .route("/unstaked_frozen_balance", get(implicit_zero))
        .route("/unstaked_finalizable_balance", get(implicit_zero))
        .route("/unstake_requests", get(no_stake))
        .route("/estimated_own_pending_slashed_amount", get(zero));
    Router::new()
        .nest("/contracts/{contract}", contract)
        .route("/big_maps/{id}", get(big_map))
        .route("/big_maps/{id}/{key}/normalized", post(big_map_value))
        .route("/destination/{destination}/index", get(index))
}

async fn zero(at: At) -> RpcResult {
    at.parse::<Contract>("contract")?;
    ok("0")
}

/// Nobody stakes: accounts of keys have nothing of it, and contracts have no such thing.
async fn implicit_zero(at: At) -> RpcResult {
    match at.parse("contract")? {
        Contract::Implicit(_) => ok("0"),
        Contract::Originated(_) => ok(Answer::Null),
    }
}

/// Who delegates to nobody has no stake.
async fn no_stake(at: At) -> RpcResult {
    at.parse::<Contract>("contract")?;
    ok(Answer::Null)
}

/// `POST …/script/normalized {"unparsing_mode", "normalize_types"}`
async fn script(at: At, Body(body): Body) -> RpcResult {
    let hash = originated(&at)?;
    let (ledger, family) = (at.ledger()?, at.family());
    let answer = at.app.blocking(move |_| {
        let members = Members::new(&body, family);
        let form = members.required_form()?;
        let normalize_types = members.flag("normalize_types", false)?;
        let mut script = there(ledger.script(&hash), hash)?;
        let ty = Script::storage_of(&script.code).map_err(RpcError::internal)?;
        script.storage = rewritten(&script.storage, &ty, form)?;
        script.code = form_of(&script.code, form, family, normalize_types)?;
        Ok(json!({ "code": script.code.to_json_value(), "storage": script.storage.to_json_value() }))
    });
    ok(answer.await?)
}

/// `POST …/storage/normalized {"unparsing_mode"}`
async fn storage(at: At, Body(body): Body) -> RpcResult {
    let hash = originated(&at)?;
    let form = Members::new(&body, at.family()).required_form()?;
    let script = there(at.ledger()?.script(&hash), hash)?;
    let ty = Script::storage_of(&script.code).map_err(RpcError::internal)?;
    ok(rewritten(&script.storage, &ty, form)?.to_json_value())
}

/// What is stored, in another form.
fn rewritten(stored: &Micheline, ty: &Type, form: Form) -> Result<Micheline, RpcError> {
    let mut gas = Gas::unlimited();
    let value = Value::parse(stored, ty, &mut Reading::stored(&mut gas)).map_err(RpcError::internal)?;
    value.to_micheline(ty, form, &mut gas).map_err(RpcError::internal)
}

/// `GET …/big_maps/<id>?offset=…&length=…`: values, in an order that does not change.
async fn big_map(at: At) -> RpcResult {
    let id: BigInt = at.parse("id")?;
    let offset = at.number("offset")?.unwrap_or(0);
    let length = at.number("length")?;
    let listed = usize::try_from(length.unwrap_or(MAX_LISTED).min(MAX_LISTED)).unwrap_or(usize::MAX);
    let (ledger, family) = (at.ledger()?, at.family());
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let answer = at.app.blocking(move |_| {
        let types = ledger.big_map_types(&id).map_err(RpcError::internal)?;
        let (_, ty) = types.ok_or_else(|| RpcError::not_found(format!("there is no big map {id}")))?;
        let ty = Type::parse(&ty).map_err(RpcError::internal)?;
        let values = ledger.big_map_values(&id, offset, listed).map_err(RpcError::internal)?;
        let form = Form::Readable(family);
        values
            .iter()
            .map(|value| Ok(rewritten(value, &ty, form)?.to_json_value()))
            .collect::<Result<Vec<_>, RpcError>>()
    });
    ok(answer.await?)
}

/// `POST …/big_maps/<id>/<hash of the packed key>/normalized {"unparsing_mode"}`
async fn big_map_value(at: At, Body(body): Body) -> RpcResult {
    let (id, key): (BigInt, ScriptExprHash) = (at.parse("id")?, at.parse("key")?);
    let form = Members::new(&body, at.family()).required_form()?;
    let found = find(&at, &id, &key, form)?;
    let missing = || RpcError::not_found(format!("big map {id} has no value for the key {key}"));
    ok(found.ok_or_else(missing)?.to_json_value())
}

fn find(at: &At, id: &BigInt, key: &ScriptExprHash, form: Form) -> Result<Option<Micheline>, RpcError> {
    let ledger = at.ledger()?;
    let types = ledger.big_map_types(id).map_err(RpcError::internal)?;
    let value = ledger.big_map_get(id, key).map_err(RpcError::internal)?;
    let (Some((_, ty)), Some(value)) = (types, value) else { return Ok(None) };
    let ty = Type::parse(&ty).map_err(RpcError::internal)?;
    rewritten(&value, &ty, form).map(Some)
}

/// `POST …/contracts/<contract>/big_map_get {"key", "type"}`: looked up in the first big map of its storage. Old, and still asked.
async fn big_map_get(at: At, Body(body): Body) -> RpcResult {
    let hash = originated(&at)?;
    let members = Members::new(&body, at.family());
    let (key, ty): (Micheline, Micheline) = (members.get("key")?, members.get("type")?);
    let key_type = Type::parse(&ty).map_err(|e| RpcError::bad_request(format!("in the body.type: {e}")))?;
    let mut gas = Gas::unlimited();
    let hashed = Value::parse(&key, &key_type, &mut Reading::literal(&mut gas))
        .map_err(|e| RpcError::bad_request(format!("in the body.key: {e}")))?
        .key_hash(&key_type, &mut gas)
        .map_err(RpcError::bad_request)?;
    let script = there(at.ledger()?.script(&hash), hash)?;
    let ty = Script::storage_of(&script.code).map_err(RpcError::internal)?;
    let stored =
        Value::parse(&script.storage, &ty, &mut Reading::stored(&mut gas)).map_err(RpcError::internal)?;
    let Some(id) = first_big_map(&stored) else { return ok(Answer::Null) };
    let found = find(&at, &id, &hashed, Form::Readable(at.family()))?;
    ok(found.map_or(Answer::Null, |value| value.to_json_value()))
}

/// The number of the first big map in the pairs of a storage.
fn first_big_map(value: &Value) -> Option<BigInt> {
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        match value {
            Value::BigMap(big_map) => return big_map.id.clone(),
            Value::Pair(pair) => pending.extend([&pair.1, &pair.0]),
            _ => {}
        }
    }
    None
}

/// `GET …/destination/<address>/index`: where an address is in the registry of addresses.
async fn index(at: At) -> RpcResult {
    let address: Address = at.parse("destination")?;
    let index = at.ledger()?.address_index(&address).map_err(RpcError::internal)?;
    ok(index.map_or(Answer::Null, |index| index.to_string().into()))
}
