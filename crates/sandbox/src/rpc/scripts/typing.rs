//! Whether code and data are well typed.

use super::super::error::{RpcError, RpcResult};
use super::super::request::{At, Body, ok};
use super::asked::Members;
use super::circumstances::gas_limit;
use super::failure::{ill_formed, ill_typed, ill_typed_script};
use super::forms::{left, plain};
use serde_json::json;
use soru_base::Binary;
use soru_michelson::{Micheline, Reading, Script, Type, Value};

/// `POST …/scripts/typecheck_code {"program", "gas", "show_types"}`
pub(super) async fn typecheck_code(at: At, Body(body): Body) -> RpcResult {
    let family = at.family();
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let program: Micheline = members.get("program")?;
        let mut gas = members.gas("gas", gas_limit(app))?;
        Script::typecheck(&program, &mut gas).map_err(|e| ill_typed_script(&e, family))?;
        Ok(json!({ "type_map": [], "gas": left(&members, &gas) }))
    });
    ok(answer.await?)
}

/// `POST …/scripts/typecheck_data {"data", "type", "gas"}`
pub(super) async fn typecheck_data(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let (data, ty): (Micheline, Micheline) = (members.get("data")?, members.get("type")?);
        let parsed = Type::parse(&ty).map_err(|e| ill_formed(&ty, &e, family))?;
        let mut gas = members.gas("gas", gas_limit(app))?;
        let scratch = plain(app, &block)?;
        Value::parse(&data, &parsed, &mut Reading::internal(&scratch, &mut gas))
            .map_err(|e| ill_typed(&data, &parsed, &e, family))?;
        Ok(json!({ "gas": left(&members, &gas) }))
    });
    ok(answer.await?)
}

/// `POST …/scripts/script_size {"program", "storage"}`: bytes that a script with its storage takes.
pub(super) async fn script_size(at: At, Body(body): Body) -> RpcResult {
    let (family, block) = (at.family(), at.block.clone());
    let answer = at.app.blocking(move |app| {
        let members = Members::new(&body, family);
        let (program, storage): (Micheline, Micheline) = (members.get("program")?, members.get("storage")?);
        let mut gas = members.gas("gas", gas_limit(app))?;
        let script = Script::typecheck(&program, &mut gas).map_err(|e| ill_typed_script(&e, family))?;
        let scratch = plain(app, &block)?;
        Value::parse(&storage, script.storage(), &mut Reading::internal(&scratch, &mut gas))
            .map_err(|e| ill_typed(&storage, script.storage(), &e, family))?;
        let size = program.to_bytes().len() + storage.to_bytes().len();
        i32::try_from(size).map_err(RpcError::bad_request)
    });
    ok(json!({ "script_size": answer.await? }))
}
