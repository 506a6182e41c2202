use super::fee::Margins;
use crate::block::read_content;
use crate::{BlockId, Client, L1Error};
use serde_json::{Value, json};
use soru_base::json::array_field;
use soru_base::{Json, JsonError, OperationHash};
use soru_protocol::receipt::{BlockContent, ContentReceipt, Effect, ErrorReport, OperationResult, Success};
use soru_protocol::{Operation, SignedOperation};

/// What an operation would do: the contents with their receipts.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// In the order of the contents.
    pub contents: Vec<BlockContent>,
}

/// What a content needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Needs {
    /// Thousandths of a unit of gas.
    pub milligas: u64,
    /// Bytes of storage.
    pub storage: u64,
}

impl Client {
    /// What an operation would do if it were included after that block. Its signature is not looked at.
    pub async fn simulate(
        &self,
        operation: &SignedOperation,
        block: impl Into<BlockId>,
    ) -> Result<Simulated, L1Error> {
        let path = format!("/chains/main/blocks/{}/helpers/scripts/simulate_operation", block.into());
        let body = json!({
            "operation": operation.to_json(self.family()),
            "chain_id": self.chain_id().await?.to_string(),
        });
        let value = self.post(&path, &body).await?;
        self.read(&path, &value, |v| self.simulated(v))
    }

    /// As a baker would: applies signed operations after the head, and gives their receipts.
    pub async fn preapply(&self, operations: &[SignedOperation]) -> Result<Vec<Simulated>, L1Error> {
        const PATH: &str = "/chains/main/blocks/head/helpers/preapply/operations";
        let (_, next_protocol) = self.protocols(BlockId::HEAD).await?;
        let with_protocol = |operation: &SignedOperation| {
            let mut json = operation.to_json(self.family());
            json["protocol"] = next_protocol.to_string().into();
            json
        };
        let body = Value::Array(operations.iter().map(with_protocol).collect());
        let value = self.post(PATH, &body).await?;
        self.read(PATH, &value, |v| {
            let results = v.as_array().ok_or_else(|| JsonError::new("an array of operations", v))?;
            results.iter().enumerate().map(|(i, v)| self.simulated(v).map_err(|e| e.at(i))).collect()
        })
    }

    fn simulated(&self, value: &Value) -> Result<Simulated, JsonError> {
        let contents = array_field(value, "contents")?.iter();
        Ok(Simulated { contents: contents.map(|content| read_content(content, self.family())).collect() })
    }

    /// Hands a signed operation to the layer-1 and gives its hash. The layer-1 may know it already.
    pub async fn inject_operation(&self, operation: &SignedOperation) -> Result<OperationHash, L1Error> {
        use soru_base::Binary as _;
        const PATH: &str = "/injection/operation?chain=main";
        let value = self.post(PATH, &hex::encode(operation.to_bytes()).into()).await?;
        self.read(PATH, &value, |v| OperationHash::from_json(v, self.family()))
    }
}

impl Simulated {
    /// The receipt of a content, if it is understood.
    pub fn receipt(&self, index: usize) -> Option<&ContentReceipt> {
        match self.contents.get(index)? {
            BlockContent::Manager { receipt, .. } => receipt.as_ref(),
            BlockContent::Other(_) => None,
        }
    }

    /// The content that fails, with the errors.
    pub fn failure(&self) -> Option<(usize, Vec<ErrorReport>)> {
        let errors = |index: usize| {
            let receipt = self.receipt(index)?;
            let results = results(receipt).filter(|r| !matches!(r, OperationResult::Applied(_)));
            let errors: Vec<_> = results.flat_map(OperationResult::errors).cloned().collect();
            let failed = matches!(receipt.result, OperationResult::Failed(_)) || !errors.is_empty();
            failed.then_some((index, errors))
        };
        (0..self.contents.len()).find_map(errors)
    }
}

fn results(receipt: &ContentReceipt) -> impl Iterator<Item = &OperationResult> {
    std::iter::once(&receipt.result).chain(receipt.internal.iter().map(|call| &call.result))
}

impl Needs {
    /// What a content needed in a simulation; nothing if it did not succeed. `origination_size` is what a new account
    /// pays for besides its own.
    pub(crate) fn of(receipt: &ContentReceipt, origination_size: u64) -> Option<Self> {
        let mut milligas = 0u64;
        let mut storage = 0u64;
        for result in results(receipt) {
            let success = result.success()?;
            milligas = milligas.saturating_add(success.consumed_milligas);
            storage = storage.saturating_add(allocated(success, origination_size));
        }
        Some(Self { milligas, storage })
    }

    /// Limits of gas and storage that leave room for a chain that moves on.
    pub(crate) fn with_margins(&self, margins: &Margins) -> (u64, u64) {
        let gas = self.milligas.div_ceil(1_000).saturating_add(margins.gas);
        let storage = if self.storage == 0 { 0 } else { self.storage.saturating_add(margins.storage) };
        (gas, storage)
    }
}

/// Bytes that are paid for.
fn allocated(success: &Success, origination_size: u64) -> u64 {
    match &success.effect {
        Effect::ToContract { paid_storage_size_diff, allocated_destination_contract, .. } => {
            let new = if *allocated_destination_contract { origination_size } else { 0 };
            paid_storage_size_diff.saturating_add(new)
        }
        Effect::Origination { originated_contracts, paid_storage_size_diff, .. } => {
            let new = origination_size.saturating_mul(originated_contracts.len() as u64);
            paid_storage_size_diff.saturating_add(new)
        }
        Effect::RollupOrigination { size, .. } => *size,
        Effect::ExecuteOutboxMessage { paid_storage_size_diff, .. }
        | Effect::TransferTicket { paid_storage_size_diff, .. } => *paid_storage_size_diff,
        Effect::Other(members) => ["paid_storage_size_diff", "storage_size", "size"]
            .iter()
            .find_map(|name| members.get(name)?.as_str()?.parse().ok())
            .unwrap_or(0),
        Effect::Done
        | Effect::ToRollup { .. }
        | Effect::IncreasePaidStorage
        | Effect::Cement { .. }
        | Effect::Publish { .. }
        | Effect::Game { .. } => 0,
    }
}

/// An operation that is not signed yet, in the form in which it can be simulated.
pub(crate) fn unsigned(operation: Operation) -> SignedOperation {
    SignedOperation { operation, signature: soru_base::Signature::ZERO }
}
