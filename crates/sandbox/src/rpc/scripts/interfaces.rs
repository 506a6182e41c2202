//! What a script can be called with.

use super::super::entrypoints::{described, follow, parameter_of};
use super::super::error::RpcResult;
use super::super::request::{At, Body, ok};
use super::asked::Members;
use super::failure::{ill_typed_script, refused};
use serde_json::json;
use soru_michelson::{Micheline, Parameter, Script};
use soru_protocol::ledger::ProtocolError;

/// The type of the parameter of a script, as written and as read.
fn parameter(members: &Members<'_>) -> Result<(Micheline, Parameter), super::super::error::RpcError> {
    let script: Micheline = members.get("script")?;
    let parameter = Script::parameter_of(&script).map_err(|e| ill_typed_script(&e, members.family))?;
    let declared = parameter_of(&script).unwrap_or_else(|| parameter.ty().to_micheline());
    Ok((declared, parameter))
}

/// `POST …/scripts/entrypoint {"script", "entrypoint"}`: the type that an entrypoint takes.
pub(super) async fn entrypoint(at: At, Body(body): Body) -> RpcResult {
    let family = at.family();
    let answer = at.app.blocking(move |_| {
        let members = Members::new(&body, family);
        let (declared, parameter) = parameter(&members)?;
        let name = members.entrypoint()?;
        let found = parameter.entrypoint(&name).and_then(|(way, _)| follow(&declared, way));
        let missing = || refused(&[ProtocolError::NoSuchEntrypoint { entrypoint: name.to_string() }], family);
        Ok(found.ok_or_else(missing)?.to_json_value())
    });
    ok(json!({ "entrypoint_type": answer.await? }))
}

/// `POST …/scripts/entrypoints {"script"}`: all that have a name, and the ways to what has none.
pub(super) async fn entrypoints(at: At, Body(body): Body) -> RpcResult {
    let family = at.family();
    let answer = at.app.blocking(move |_| {
        let (declared, parameter) = parameter(&Members::new(&body, family))?;
        Ok(described(&declared, &parameter))
    });
    ok(answer.await?)
}
