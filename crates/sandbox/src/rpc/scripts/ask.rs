//! Asking contracts: views of scripts, and entrypoints that answer with a call.

use super::super::entrypoints::{follow, parameter_of};
use super::super::error::{RpcError, RpcResult};
use super::super::request::{At, Body, ok};
use super::asked::Members;
use super::circumstances::{Roles, context, gas_limit, scratch};
use super::failure::{Tried, failed, ill_typed, ill_typed_script, own, unwritable};
use super::scratch::Scratch;
use serde_json::json;
use soru_base::{Address, Binary, Contract, ContractHash, Entrypoint, IdFamily, Mutez};
use soru_michelson::interpret::{self, OperationContent, ViewTarget};
use soru_michelson::{Chain, Form, Gas, Micheline, Origin, Prim, Reading, Script, Type, Value};

fn target(chain: &Scratch, contract: &ContractHash, family: IdFamily) -> Result<ViewTarget, RpcError> {
    let found = chain.view_target(contract).map_err(RpcError::internal)?;
    let msg = format!("there is no contract {contract}");
    found.ok_or_else(|| own("viewedContractHasNoScript", json!({}), &msg, family))
}

/// `POST …/scripts/run_script_view {"contract", "view", "input", "chain_id", …}`
pub(super) async fn run_script_view(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let contract: ContractHash = members.get("contract")?;
        let (name, input): (&str, Micheline) = (members.text("view")?, members.get("input")?);
        let form = members.required_form()?;
        let mut chain = scratch(app, &block, &members)?;
        let mut gas = match members.flag("unlimited_gas", false)? {
            true => Gas::new(UNLIMITED),
            false => members.gas("gas", gas_limit(app))?,
        };
        let target = target(&chain, &contract, family)?;
        let script = Script::typecheck(&target.script, &mut Gas::unlimited()).map_err(RpcError::internal)?;
        let view = script.views().get(name).ok_or_else(|| {
            let msg = format!("the contract {contract} has no view `{name}`");
            own("viewNotFound", json!({ "contract": contract.to_string(), "view": name }), &msg, family)
        })?;
        let argument = Value::parse(&input, &view.input, &mut Reading::internal(&chain, &mut gas))
            .map_err(|e| ill_typed(&input, &view.input, &e, family))?;
        let roles = Roles { sender: members.find("source")?, payer: members.find("payer")? };
        let context = context(app, &block, &members, roles, (contract, target.balance, Mutez::ZERO))?;
        let types = (&view.input, &view.output);
        let result = interpret::view(&target, name, argument, types, &context, &mut chain, &mut gas)
            .map_err(|e| failed(e, contract, family))?;
        let result = result.ok_or_else(|| RpcError::internal("the view is gone"))?;
        let data =
            result.to_micheline(&view.output, form, &mut gas).map_err(|reason| unwritable(reason, family))?;
        Ok(data.to_json_value())
    });
    ok(json!({ "data": answer.await? }))
}

/// What `unlimited_gas` means: four operations, for whoever asks must get an answer one day, and what runs takes room.
const UNLIMITED: u64 = 4_160_000_000;

/// `POST …/scripts/run_view {"contract", "entrypoint", "input", "chain_id", …}`: an entrypoint that takes its argument and the
/// contract to call with the answer.
pub(super) async fn run_view(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let (contract, entrypoint): (ContractHash, Entrypoint) =
            (members.get("contract")?, members.get("entrypoint")?);
        let input: Micheline = members.get("input")?;
        members.required_form()?;
        let mut chain = scratch(app, &block, &members)?;
        let mut gas = members.gas("gas", gas_limit(app))?;
        let target = target(&chain, &contract, family)?;
        let script = Script::typecheck(&target.script, &mut gas).map_err(|e| ill_typed_script(&e, family))?;
        let answer_type = answer_type(&target.script, &script, &entrypoint, family)?;
        let viewer = chain.make_up(answer_type);
        let argument =
            Micheline::prim(Prim::Pair, [input, Micheline::bytes(Contract::from(viewer).to_bytes())]);
        let roles = Roles { sender: members.find("source")?, payer: members.find("payer")? };
        let context = context(app, &block, &members, roles, (contract, target.balance, Mutez::ZERO))?;
        let called = (&entrypoint, &argument, Origin::Internal);
        let outcome = interpret::call(&script, &target.storage, called, &context, &mut chain, &mut gas);
        let tried =
            Tried { contract, entrypoint: &entrypoint, argument: &argument, storage: &target.storage };
        let outcome = outcome.map_err(|e| tried.failed(e, &script, family))?;
        let callback = json!({ "entrypoint": entrypoint.to_string(), "callback": viewer.to_string() });
        let [operation] = &outcome.operations[..] else {
            let (id, msg) = match outcome.operations.is_empty() {
                true => ("viewNeverReturns", "the entrypoint never called back"),
                false => ("viewUnexpectedReturn", "the entrypoint asked for more than to call back"),
            };
            return Err(own(id, callback, msg, family));
        };
        match &operation.content {
            OperationContent::Transfer { destination, entrypoint, .. }
                if *destination == Address::from(viewer) && entrypoint.is_default() =>
            {
                let data = operation
                    .content
                    .data(Form::Optimized, &mut gas)
                    .map_err(|reason| unwritable(reason, family))?;
                Ok(data.unwrap_or_else(Micheline::unit).to_json_value())
            }
            _ => Err(own("viewUnexpectedReturn", callback, "the entrypoint called something else", family)),
        }
    });
    ok(json!({ "data": answer.await? }))
}

/// What the contract to call with the answer takes.
fn answer_type(
    code: &Micheline,
    script: &Script,
    entrypoint: &Entrypoint,
    family: IdFamily,
) -> Result<Micheline, RpcError> {
    let Some((way, ty)) = script.parameter().entrypoint(entrypoint) else {
        let error =
            soru_protocol::ledger::ProtocolError::NoSuchEntrypoint { entrypoint: entrypoint.to_string() };
        return Err(super::failure::refused(&[error], family));
    };
    if let Type::Pair(pair) = ty
        && let Type::Contract(answer) = &pair.1
    {
        return Ok(answer.to_micheline());
    }
    let written = parameter_of(code).and_then(|declared| follow(&declared, way));
    let written = written.unwrap_or_else(|| ty.to_micheline()).to_json_value();
    let members = json!({ "entrypoint": entrypoint.to_string(), "type": written });
    let msg = format!(
        "the entrypoint {entrypoint} does not take a pair of an argument and a contract to call back"
    );
    Err(own("illformedViewType", members, &msg, family))
}
