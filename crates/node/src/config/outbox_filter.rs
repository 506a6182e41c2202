//! `execute-outbox-messages-filter`: which outbox messages the node executes by itself.

use serde_json::{Value, json};
use soru_base::{ContractHash, Entrypoint};
use soru_protocol::outbox::OutboxMessage;

/// Messages all of whose transactions go to these contracts and entrypoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxFilter {
    /// The contracts; nothing is any.
    pub destinations: Option<Vec<ContractHash>>,
    /// The entrypoints; nothing is any.
    pub entrypoints: Option<Vec<Entrypoint>>,
}

impl OutboxFilter {
    /// Whether it lets a message through. What changes who may publish is never executed by itself.
    pub fn takes(&self, message: &OutboxMessage) -> bool {
        let takes = |to: &ContractHash, entrypoint: &Entrypoint| {
            self.destinations.as_ref().is_none_or(|all| all.contains(to))
                && self.entrypoints.as_ref().is_none_or(|all| all.contains(entrypoint))
        };
        match message {
            OutboxMessage::AtomicTransactionBatch(calls) => {
                calls.iter().all(|call| takes(&call.destination, &call.entrypoint))
            }
            OutboxMessage::AtomicTransactionBatchTyped(calls) => {
                calls.iter().all(|call| takes(&call.destination, &call.entrypoint))
            }
            OutboxMessage::WhitelistUpdate(_) | OutboxMessage::CanonicalRollupSignal(_) => false,
        }
    }

    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        const EXPECTED: &str = "expected {\"transaction\": {\"destination\": \"any\" or a list, \"entrypoint\": \"any\" or a list}}";
        let members = |value: &'_ Value, names: &[&str]| {
            value
                .as_object()
                .is_some_and(|o| o.len() == names.len() && names.iter().all(|n| o.contains_key(*n)))
        };
        let transaction = &value["transaction"];
        if !members(value, &["transaction"]) || !members(transaction, &["destination", "entrypoint"]) {
            return Err(EXPECTED.to_owned());
        }
        Ok(Self {
            destinations: among(&transaction["destination"], "destination", |text| {
                text.parse().map_err(|e| format!("destination: {e}"))
            })?,
            entrypoints: among(&transaction["entrypoint"], "entrypoint", |text| {
                Entrypoint::new(text).map_err(|e| format!("entrypoint: {e}"))
            })?,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let destinations: Option<Vec<String>> =
            self.destinations.as_ref().map(|all| all.iter().map(ToString::to_string).collect());
        let entrypoints: Option<Vec<_>> =
            self.entrypoints.as_ref().map(|all| all.iter().map(Entrypoint::as_str).collect());
        json!({"transaction": {
            "destination": destinations.map_or(json!("any"), |all| json!(all)),
            "entrypoint": entrypoints.map_or(json!("any"), |all| json!(all)),
        }})
    }
}

fn among<T>(
    value: &Value,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Vec<T>>, String> {
    if value.as_str() == Some("any") {
        return Ok(None);
    }
    let words = value.as_array().and_then(|all| all.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let words = words.ok_or_else(|| format!("{name}: expected \"any\" or a list of texts, found {value}"))?;
    words.into_iter().map(parse).collect::<Result<_, _>>().map(Some)
}
