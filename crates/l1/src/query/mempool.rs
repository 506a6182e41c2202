use crate::block::read_operation;
use crate::error::ids;
use crate::{Client, L1Error};
use serde_json::Value;
use soru_base::json::parse_str;
use soru_base::{JsonError, OperationHash, PublicKeyHash};
use soru_protocol::receipt::{BlockContent, BlockOperation, ErrorReport};
use std::fmt;

const PATH: &str = "/chains/main/mempool/pending_operations";

/// The operations that wait for a block.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pending {
    /// Those that the next block may have.
    pub validated: Vec<BlockOperation>,
    /// Those that a later block may have, an operation whose counter is not yet reached for instance.
    pub delayed: Vec<BlockOperation>,
    /// Those that the mempool has not judged yet.
    pub unprocessed: Vec<BlockOperation>,
    /// Those that were refused a short while ago.
    pub refused: Vec<Refusal>,
}

/// An operation that the mempool refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The operation.
    pub operation: OperationHash,
    /// Why.
    pub errors: Vec<ErrorReport>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused: {}", self.operation, ids(&self.errors))
    }
}

impl Pending {
    /// Whether an account has an operation that the next block may have. A delayed one does not count: if no other comes
    /// before it, it waits for a counter that only a new operation can reach.
    pub fn has_source(&self, source: PublicKeyHash) -> bool {
        let soon = self.validated.iter().chain(&self.unprocessed);
        soon.flat_map(|op| &op.contents).any(|content| match content {
            BlockContent::Manager { content, .. } => content.source == source,
            BlockContent::Other(value) => {
                value.get("source").and_then(Value::as_str) == Some(&source.to_string())
            }
        })
    }
}

impl Client {
    /// The operations that wait for a block.
    pub async fn pending_operations(&self) -> Result<Pending, L1Error> {
        let value = self.get(PATH).await?;
        self.read(PATH, &value, |v| {
            let operations = |names: &[&str]| {
                let entries = names.iter().flat_map(|name| entries(v, name));
                entries
                    .map(|(name, op)| {
                        read_operation(&with_hash(op), self.family()).map_err(|e| e.within(name))
                    })
                    .collect::<Result<Vec<_>, _>>()
            };
            let refused =
                ["refused", "outdated", "branch_refused"].into_iter().flat_map(|name| entries(v, name));
            Ok(Pending {
                // An older name of the same.
                validated: operations(&["validated", "applied"])?,
                delayed: operations(&["branch_delayed"])?,
                unprocessed: operations(&["unprocessed"])?,
                refused: refused
                    .map(|(name, op)| read_refusal(&with_hash(op)).map_err(|e| e.within(name)))
                    .collect::<Result<_, _>>()?,
            })
        })
    }
}

fn entries<'a>(value: &'a Value, name: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    value.get(name).and_then(Value::as_array).into_iter().flatten().map(move |op| (name, op))
}

/// Entries are objects, or pairs of a hash and an object in an older form.
fn with_hash(entry: &Value) -> Value {
    match entry.as_array().map(Vec::as_slice) {
        Some([hash, operation]) => {
            let mut operation = operation.clone();
            if let Some(members) = operation.as_object_mut() {
                members.insert("hash".to_owned(), hash.clone());
            }
            operation
        }
        _ => entry.clone(),
    }
}

fn read_refusal(value: &Value) -> Result<Refusal, JsonError> {
    let hash = value.get("hash").unwrap_or(&Value::Null);
    let errors = value.get("error").and_then(Value::as_array).into_iter().flatten();
    Ok(Refusal {
        operation: parse_str(hash, "the hash of an operation").map_err(|e| e.within("hash"))?,
        errors: errors.map(|e| ErrorReport(e.clone())).collect(),
    })
}
