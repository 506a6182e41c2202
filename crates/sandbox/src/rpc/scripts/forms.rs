//! Data, types and scripts in other forms.

use super::super::app::App;
use super::super::error::{RpcError, RpcResult};
use super::super::request::{At, Body, ok};
use super::asked::Members;
use super::circumstances::{ENOUGH, gas_limit, scratch};
use super::failure::{ill_formed, ill_typed, unwritable};
use super::scratch::Scratch;
use crate::chain::Block;
use serde_json::{Value as JsonValue, json};
use soru_base::IdFamily;
use soru_michelson::types::Use;
use soru_michelson::{Form, Gas, Micheline, Prim, Reading, Type, Value};

/// `POST …/scripts/pack_data {"data", "type", "gas"}`: the bytes that `PACK` makes of it.
pub(super) async fn pack_data(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let (data, ty): (Micheline, Micheline) = (members.get("data")?, members.get("type")?);
        let parsed = Type::parse_for(&ty, Use::Packed).map_err(|e| ill_formed(&ty, &e, family))?;
        let mut gas = members.gas("gas", gas_limit(app))?;
        let scratch = scratch(app, &block, &members)?;
        let value = Value::parse(&data, &parsed, &mut lenient(&scratch, &mut gas))
            .map_err(|e| ill_typed(&data, &parsed, &e, family))?;
        let packed = value.pack(&parsed, &mut gas).map_err(|reason| unwritable(reason, family))?;
        Ok(json!({ "packed": hex::encode(packed), "gas": left(&members, &gas) }))
    });
    ok(answer.await?)
}

/// What is left of the gas, in thousandths, if the request limits it.
pub(super) fn left(members: &Members<'_>, gas: &Gas) -> JsonValue {
    match members.has("gas") {
        true => gas.left().to_string().into(),
        false => "unaccounted".into(),
    }
}

/// Numbers of big maps and tickets are believed: nothing is done with them.
fn lenient<'a>(scratch: &'a Scratch, gas: &'a mut Gas) -> Reading<'a> {
    let mut reading = Reading::stored(gas);
    reading.chain = Some(scratch);
    reading
}

/// `POST …/scripts/normalize_data {"data", "type", "unparsing_mode"}`
pub(super) async fn normalize_data(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let (data, ty): (Micheline, Micheline) = (members.get("data")?, members.get("type")?);
        let form = members.required_form()?;
        let scratch = scratch(app, &block, &members)?;
        let (_, data) = rewrite(&data, &ty, form, &scratch, family)?;
        Ok(data.to_json_value())
    });
    ok(json!({ "normalized": answer.await? }))
}

/// `POST …/scripts/normalize_stack {"input": [{"type", "val"}…], "unparsing_mode"}`
pub(super) async fn normalize_stack(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let (stack, form) = (members.stack("input")?, members.required_form()?);
        let scratch = scratch(app, &block, &members)?;
        let mut items = Vec::with_capacity(stack.len());
        for (ty, data) in &stack {
            let (ty, data) = rewrite(data, ty, form, &scratch, family)?;
            items.push(json!({ "type": ty.to_micheline().to_json_value(), "val": data.to_json_value() }));
        }
        Ok(items)
    });
    ok(json!({ "output": answer.await? }))
}

/// The type that was meant, and data of it in another form. Contracts need not be there: they are written as their addresses.
fn rewrite(
    data: &Micheline,
    ty: &Micheline,
    form: Form,
    scratch: &Scratch,
    family: IdFamily,
) -> Result<(Type, Micheline), RpcError> {
    let parsed = Type::parse(ty).map_err(|e| ill_formed(ty, &e, family))?;
    let readable = without_contracts(ty);
    let addresses = Type::parse(&readable).unwrap_or_else(|_| parsed.clone());
    let mut gas = Gas::new(ENOUGH);
    let value = Value::parse(data, &addresses, &mut lenient(scratch, &mut gas))
        .map_err(|e| ill_typed(data, &parsed, &e, family))?;
    let data = value.to_micheline(&addresses, form, &mut gas).map_err(|reason| unwritable(reason, family))?;
    Ok((parsed, data))
}

/// A type with addresses in place of contracts. What functions take stays as it is: it belongs to their code.
fn without_contracts(ty: &Micheline) -> Micheline {
    match ty {
        Micheline::Prim(Prim::contract, _, annots) => {
            Micheline::Prim(Prim::address, Vec::new(), annots.clone())
        }
        Micheline::Prim(Prim::lambda | Prim::big_map | Prim::ticket, ..) => ty.clone(),
        Micheline::Prim(prim, args, annots) => {
            Micheline::Prim(*prim, args.iter().map(without_contracts).collect(), annots.clone())
        }
        other => other.clone(),
    }
}

/// `POST …/scripts/normalize_script {"script", "unparsing_mode"}`
pub(super) async fn normalize_script(at: At, Body(body): Body) -> RpcResult {
    let family = at.family();
    let answer = at.app.blocking(move |_: &App| {
        let members = Members::new(&body, family);
        let (script, form): (Micheline, Form) = (members.get("script")?, members.required_form()?);
        Ok(rewrite_code(&script, form, family)?.to_json_value())
    });
    ok(json!({ "normalized": answer.await? }))
}

/// A script whose literals are in another form; maybe its types as well: without names, and pairs of two.
pub(in super::super) fn form_of(
    script: &Micheline,
    form: Form,
    family: IdFamily,
    normalize_types: bool,
) -> Result<Micheline, RpcError> {
    let mut script = rewrite_code(script, form, family)?;
    if normalize_types && let Micheline::Seq(parts) = &mut script {
        for part in parts {
            if let Micheline::Prim(Prim::parameter | Prim::storage, args, _) = part
                && let [ty] = &mut args[..]
            {
                *ty = nested(&Type::parse(ty).map_err(RpcError::internal)?);
            }
        }
    }
    Ok(script)
}

/// Code whose literals are in another form.
fn rewrite_code(code: &Micheline, form: Form, family: IdFamily) -> Result<Micheline, RpcError> {
    let all = |nodes: &[Micheline]| {
        nodes.iter().map(|node| rewrite_code(node, form, family)).collect::<Result<Vec<_>, _>>()
    };
    match code {
        Micheline::Prim(Prim::PUSH, args, annots) if args.len() == 2 => {
            let ty = Type::parse_for(&args[0], Use::Pushed).map_err(|e| ill_formed(&args[0], &e, family))?;
            let mut gas = Gas::new(ENOUGH);
            let value = Value::parse(&args[1], &ty, &mut Reading::literal(&mut gas))
                .map_err(|e| ill_typed(&args[1], &ty, &e, family))?;
            let data =
                value.to_micheline(&ty, form, &mut gas).map_err(|reason| unwritable(reason, family))?;
            Ok(Micheline::Prim(Prim::PUSH, vec![args[0].clone(), data], annots.clone()))
        }
        Micheline::Prim(prim, args, annots) => Ok(Micheline::Prim(*prim, all(args)?, annots.clone())),
        Micheline::Seq(nodes) => Ok(Micheline::Seq(all(nodes)?)),
        other => Ok(other.clone()),
    }
}

/// `POST …/scripts/normalize_type {"type"}`: no names, and pairs of two.
pub(super) async fn normalize_type(at: At, Body(body): Body) -> RpcResult {
    let family = at.family();
    let ty: Micheline = Members::new(&body, family).get("type")?;
    let parsed = Type::parse(&ty).map_err(|e| ill_formed(&ty, &e, family))?;
    ok(json!({ "normalized": nested(&parsed).to_json_value() }))
}

fn nested(ty: &Type) -> Micheline {
    let (first, second) = ty.parts();
    Micheline::prim(ty.prim(), first.into_iter().chain(second).map(nested).collect::<Vec<_>>())
}

/// A block's ledger with nothing made up.
pub(super) fn plain(app: &App, block: &Block) -> Result<Scratch, RpcError> {
    Scratch::new(app.ledger(block)?).map_err(RpcError::internal)
}
