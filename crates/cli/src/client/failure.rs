//! What the network's errors say, with the Michelson that they hold.

use anyhow::{Error, anyhow};
use serde_json::Value;
use soru_base::{IdFamily, Json};
use soru_l1::L1Error;
use soru_l1::operate::OperateError;
use soru_michelson::Micheline;
use soru_protocol::receipt::ErrorReport;

/// An error of the layer-1, with all that its reports hold.
pub(super) fn of_question(error: L1Error) -> Error {
    match error.reports() {
        [] => error.into(),
        reports => anyhow!("{} refuses:{}", error.place(), listed(reports)),
    }
}

/// An operation that is not made, with all that the reports hold.
pub(super) fn of_operation(error: OperateError) -> Error {
    match &error {
        OperateError::WouldFail { index, kind, errors } if !errors.is_empty() => {
            anyhow!("{kind} (number {index}) would fail:{}", listed(errors))
        }
        OperateError::L1(error) => of_question(error.clone()),
        _ => error.into(),
    }
}

/// Errors, each on a line of its own.
pub(super) fn listed(reports: &[ErrorReport]) -> String {
    reports.iter().map(|report| format!("\n  {}", told(report))).collect()
}

/// An error with its members, in one line.
pub(super) fn told(report: &ErrorReport) -> String {
    let members = report.0.as_object().into_iter().flatten();
    let told = members.filter(|(name, _)| !matches!(name.as_str(), "id" | "kind" | "description"));
    let told: Vec<String> =
        told.filter_map(|(name, value)| Some(format!("{name}: {}", short(value)?))).collect();
    match told.is_empty() {
        true => report.id().to_owned(),
        false => format!("{} ({})", report.id(), told.join(", ")),
    }
}

/// A member in one line, if it is short enough to be read: Michelson as Michelson.
fn short(value: &Value) -> Option<String> {
    const LONGEST: usize = 400;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(_) | Value::Array(_) => match Micheline::from_json(value, IdFamily::Mainnet) {
            Ok(michelson) => michelson.to_string(),
            Err(_) => value.to_string(),
        },
        other => other.to_string(),
    };
    (text.len() <= LONGEST).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_script_fails_with_is_shown_in_michelson() {
        let reports = [
            ErrorReport(json!({ "id": "proto.alpha.michelson_v1.runtime_error", "kind": "temporary",
                                "contract_handle": "KT1x", "contract_code": "Deprecated" })),
            ErrorReport(
                json!({ "id": "proto.alpha.michelson_v1.script_rejected", "kind": "temporary", "location": 15,
                                "with": { "prim": "Pair", "args": [{ "string": "no" }, { "int": "-3" }] } }),
            ),
            ErrorReport(json!({ "id": "failure", "kind": "permanent" })),
        ];
        let text = listed(&reports);
        assert!(text.contains("script_rejected (location: 15, with: Pair \"no\" -3)"), "{text}");
        assert!(text.contains("runtime_error (contract_handle: KT1x"), "{text}");
        assert!(text.ends_with("\n  failure"), "{text}");
    }
}
