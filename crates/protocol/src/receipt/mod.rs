//! Receipts: what became of an operation, in the network's JSON form. They are written by the ledger and read from any
//! layer-1, so that what Soru does not know is kept as it is.

mod balance;
mod block_operation;
mod internal;
mod result;
mod tickets;

pub use balance::{BalanceAccount, BalanceUpdate};
pub use block_operation::{BlockContent, BlockOperation};
pub use internal::{InternalAction, InternalOperation};
pub use result::{Effect, ErrorReport, OperationResult, Success};
pub use tickets::{TicketChange, TicketToken, TicketUpdate};

use serde_json::{Value, json};
use soru_base::json::{array_field, field, member};
use soru_base::{IdFamily, Json, JsonError};

/// What became of one content: its `metadata`.
#[derive(Debug, Clone, PartialEq)]
pub struct ContentReceipt {
    /// The fee's way.
    pub balance_updates: Vec<BalanceUpdate>,
    /// What the content itself did.
    pub result: OperationResult,
    /// What the calls it led to did, in order.
    pub internal: Vec<InternalOperation>,
}

/// What became of an operation: a receipt for every content.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationReceipt {
    /// In the order of the contents.
    pub contents: Vec<ContentReceipt>,
}

impl OperationReceipt {
    /// Whether every content was applied.
    pub fn is_applied(&self) -> bool {
        self.contents.iter().all(|c| matches!(c.result, OperationResult::Applied(_)))
    }

    /// The errors of the content that failed, or of a call it led to.
    pub fn errors(&self) -> Vec<&ErrorReport> {
        let results = self
            .contents
            .iter()
            .flat_map(|c| std::iter::once(&c.result).chain(c.internal.iter().map(|i| &i.result)));
        results.flat_map(OperationResult::errors).collect()
    }

    /// Gas used by all contents and what they led to, in thousandths.
    pub fn consumed_milligas(&self) -> u64 {
        let results = self
            .contents
            .iter()
            .flat_map(|c| std::iter::once(&c.result).chain(c.internal.iter().map(|i| &i.result)));
        results.filter_map(OperationResult::success).map(|s| s.consumed_milligas).fold(0, u64::saturating_add)
    }
}

impl ContentReceipt {
    /// The `metadata` member of a content of that kind.
    pub fn from_json_of_kind(value: &Value, kind: &str, family: IdFamily) -> Result<Self, JsonError> {
        let internal = match member(value, "internal_operation_results") {
            Value::Null => Vec::new(),
            _ => list(value, "internal_operation_results", family)?,
        };
        Ok(Self {
            balance_updates: balance_updates(value, family)?,
            result: OperationResult::from_json_of_kind(member(value, "operation_result"), kind, family)
                .map_err(|e| e.within("operation_result"))?,
            internal,
        })
    }

    /// The `metadata` member of the content.
    pub fn to_json(&self, family: IdFamily) -> Value {
        let mut object = json!({});
        if !self.balance_updates.is_empty() {
            object["balance_updates"] = all(&self.balance_updates, family);
        }
        object["operation_result"] = self.result.to_json(family);
        if !self.internal.is_empty() {
            object["internal_operation_results"] = all(&self.internal, family);
        }
        object
    }
}

fn all<T: Json>(items: &[T], family: IdFamily) -> Value {
    items.iter().map(|item| item.to_json(family)).collect()
}

fn list<T: Json>(value: &Value, name: &str, family: IdFamily) -> Result<Vec<T>, JsonError> {
    let items = array_field(value, name)?.iter().enumerate();
    items.map(|(i, v)| T::from_json(v, family).map_err(|e| e.at(i).within(name))).collect()
}

/// The member `name`, or nothing where it is left out.
fn optional<T: Json>(value: &Value, name: &str, family: IdFamily) -> Result<Option<T>, JsonError> {
    match member(value, name) {
        Value::Null => Ok(None),
        _ => field(value, name, family).map(Some),
    }
}

fn balance_updates(value: &Value, family: IdFamily) -> Result<Vec<BalanceUpdate>, JsonError> {
    match member(value, "balance_updates") {
        Value::Null => Ok(Vec::new()),
        _ => list(value, "balance_updates", family),
    }
}

#[cfg(test)]
mod tests;
