//! Running scripts and instructions.

use super::super::entrypoints::parameter_of;
use super::super::error::{RpcError, RpcResult};
use super::super::request::{At, Body, ok};
use super::asked::Members;
use super::circumstances::{Roles, context, gas_limit, running, scratch};
use super::failure::{Tried, failed, ill_formed, ill_typed, ill_typed_script, unwritable};
use super::forms::left;
use serde_json::{Value as JsonValue, json};
use soru_base::{IdFamily, Mutez};
use soru_michelson::interpret::{self, Outcome};
use soru_michelson::typecheck::{After, fragment};
use soru_michelson::{Form, Gas, Micheline, Origin, Reading, Script, Type, Value};
use soru_protocol::ledger::{asked_json, lazy_storage_diff};

/// `POST …/scripts/run_code {"script", "storage", "input", "amount", "chain_id", …}`: a call of a script that need not be on the
/// chain.
pub(super) async fn run_code(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let code: Micheline = members.get("script")?;
        let (storage, argument): (Micheline, Micheline) = (members.get("storage")?, members.get("input")?);
        let entrypoint = members.entrypoint()?;
        let form = members.form()?.unwrap_or(Form::Readable(family));
        let mut chain = scratch(app, &block, &members)?;
        let mut gas = members.gas("gas", gas_limit(app))?;
        let script = Script::typecheck(&code, &mut gas).map_err(|e| ill_typed_script(&e, family))?;
        let declared = parameter_of(&code).unwrap_or_else(Micheline::unit);
        let (contract, balance) = running(&mut chain, &members, declared)?;
        let amount: Mutez = members.get("amount")?;
        let roles = Roles { sender: members.find("source")?, payer: members.find("payer")? };
        let context = context(app, &block, &members, roles, (contract, balance, amount))?;
        let called = (&entrypoint, &argument, Origin::Internal);
        let outcome = interpret::call(&script, &storage, called, &context, &mut chain, &mut gas);
        let tried = Tried { contract, entrypoint: &entrypoint, argument: &argument, storage: &storage };
        let outcome = outcome.map_err(|e| tried.failed(e, &script, family))?;
        told(&outcome, &script, form, family, &mut gas)
    });
    ok(answer.await?)
}

/// The new storage, what the script asks for, and what becomes of big maps.
/// All of it is paid for: what is small in memory can be enormous when written.
fn told(
    outcome: &Outcome,
    script: &Script,
    form: Form,
    family: IdFamily,
    gas: &mut Gas,
) -> Result<JsonValue, RpcError> {
    let storage = Value::parse(&outcome.storage, script.storage(), &mut Reading::stored(gas))
        .map_err(|e| unwritable(e.reason, family))?
        .to_micheline(script.storage(), form, gas)
        .map_err(|reason| unwritable(reason, family))?;
    let mut operations = Vec::new();
    for operation in &outcome.operations {
        let asked = asked_json(operation, family, gas).map_err(|e| crate::chain::refusal(e, family))?;
        operations.push(asked);
    }
    let mut object = json!({ "storage": storage.to_json_value(), "operations": operations });
    if let Some(diff) = lazy_storage_diff(&outcome.big_maps, family) {
        object["lazy_storage_diff"] = diff;
    }
    Ok(object)
}

/// `POST …/scripts/run_instruction {"input": [{"type", "val"}…], "code", "amount", "chain_id", …}`: code on a stack.
pub(super) async fn run_instruction(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let code: Micheline = members.get("code")?;
        let form = members.form()?.unwrap_or(Form::Readable(family));
        let parameter = members.find("parameter")?.unwrap_or_else(|| Type::Unit.to_micheline());
        let mut chain = scratch(app, &block, &members)?;
        let mut gas = members.gas("gas", gas_limit(app))?;
        let (mut types, mut values) = (Vec::new(), Vec::new());
        for (ty, data) in members.stack("input")?.iter().rev() {
            let parsed = Type::parse(ty).map_err(|e| ill_formed(ty, &e, family))?;
            let value = Value::parse(data, &parsed, &mut Reading::internal(&chain, &mut gas));
            values.push(value.map_err(|e| ill_typed(data, &parsed, &e, family))?);
            types.push(parsed);
        }
        let code = match code {
            Micheline::Seq(_) => code,
            one => Micheline::seq([one]),
        };
        let (typed, after) = fragment(&code, types, &mut gas).map_err(|e| ill_typed_script(&e, family))?;
        let (contract, balance) = running(&mut chain, &members, parameter)?;
        let amount: Mutez = members.get("amount")?;
        let roles = Roles { sender: members.find("sender")?, payer: members.find("source")? };
        let context = context(app, &block, &members, roles, (contract, balance, amount))?;
        let stack = interpret::run_fragment(typed, values, &context, &mut chain, &mut gas)
            .map_err(|e| failed(e, contract, family))?;
        let After::Stack(types) = after else {
            return Err(RpcError::internal("code that never ends has ended"));
        };
        let mut output = Vec::new();
        for (ty, value) in types.iter().zip(&stack).rev() {
            let value =
                value.to_micheline(ty, form, &mut gas).map_err(|reason| unwritable(reason, family))?;
            output.push(json!({ "type": ty.to_micheline().to_json_value(), "val": value.to_json_value() }));
        }
        Ok(json!({ "output": output, "gas": left(&members, &gas) }))
    });
    ok(answer.await?)
}
