//! Contracts in the ledger: `contracts/<hash>/{code,storage,paid}`, big maps in `big_maps/<id>`.

mod big_maps;
mod call;
mod chain;
mod types;

use super::Ledger;
use super::error::{Outcome, ProtocolError, StorageError};
use super::store::at;
use crate::operation::{Parameters, Script};
use crate::receipt::{BalanceUpdate, InternalAction, InternalOperation, OperationResult};
use soru_base::{Address, Binary, Contract, ContractHash, Entrypoint};
use soru_michelson::{HeldTickets, Micheline, Type};

pub use big_maps::lazy_storage_diff;
pub use call::asked_json;
pub(super) use types::{check_rollup_type, goes_to_a_rollup, ill_formed, with_gas};

const CONTRACTS: &str = "contracts";
const BIG_MAPS: &str = "big_maps";

/// A call that something led to, before it is applied.
#[derive(Clone)]
pub(crate) struct Emitted {
    pub(crate) nonce: u16,
    pub(crate) sender: Address,
    pub(crate) action: InternalAction,
    /// The address that a contract already gave to the contract it makes.
    pub(crate) preorigination: Option<ContractHash>,
    /// The tickets that come with it.
    pub(crate) tickets: HeldTickets,
    /// The type that the argument was made with: the entrypoint must take the same.
    pub(crate) told: Option<Type>,
}

impl Emitted {
    /// Whom a transfer goes to.
    pub(crate) fn destination(&self) -> Option<Address> {
        match (&self.action, self.preorigination) {
            (InternalAction::Transaction { destination, .. }, _) => Some(*destination),
            (_, made) => made.map(Address::from),
        }
    }

    /// Whether it is a transfer of a ticket, as accounts take it.
    pub(crate) fn gives_a_ticket(&self) -> bool {
        matches!(self.told, Some(Type::Ticket(_)))
    }

    pub(crate) fn receipt(&self, result: OperationResult) -> InternalOperation {
        InternalOperation { source: self.sender, nonce: self.nonce, action: self.action.clone(), result }
    }
}

/// `Unit` for the default entrypoint is left out, as the network does.
fn parameters(entrypoint: Entrypoint, value: Micheline) -> Option<Parameters> {
    let parameters = Parameters { entrypoint, value };
    (!parameters.is_default()).then_some(parameters)
}

/// What the RPC asks.
impl Ledger {
    /// The code and the storage of a contract.
    pub fn script(&self, contract: &ContractHash) -> Result<Option<Script>, StorageError> {
        let Some(code) = self.store.get(at![CONTRACTS, contract, "code"])? else { return Ok(None) };
        let storage = self.store.require(at![CONTRACTS, contract, "storage"])?;
        Ok(Some(Script { code, storage }))
    }

    /// The storage of a contract.
    pub fn contract_storage(&self, contract: &ContractHash) -> Result<Option<Micheline>, StorageError> {
        self.store.get(at![CONTRACTS, contract, "storage"])
    }

    /// The entrypoints of a contract with the types of their arguments, `default` included.
    pub fn entrypoints(
        &self,
        contract: &ContractHash,
    ) -> Result<Option<Vec<(Entrypoint, Micheline)>>, StorageError> {
        let Some(written) = self.parameter_type(&Address::from(*contract))? else { return Ok(None) };
        // What was typed at origination parses.
        let Ok(parameter) = soru_michelson::Parameter::parse(&written) else { return Ok(None) };
        Ok(Some(parameter.entrypoints().map(|(name, ty)| (name, ty.to_micheline())).collect()))
    }

    /// Bytes of storage that were paid for a contract.
    pub fn paid_storage(&self, contract: &ContractHash) -> Result<u64, StorageError> {
        self.store.number(at![CONTRACTS, contract, "paid"])
    }

    /// Bytes of storage that a contract uses.
    pub fn used_storage(&self, contract: &ContractHash) -> Result<u64, StorageError> {
        let Some(script) = self.script(contract)? else { return Ok(0) };
        let big_maps = self.store.number(at![CONTRACTS, contract, "big_map_bytes"])?;
        Ok(size(&script.code) + size(&script.storage) + big_maps)
    }
}

/// The bytes that the network counts for an expression: itself behind its length.
fn size(expr: &Micheline) -> u64 {
    expr.to_bytes().len() as u64 + 4
}

impl Ledger {
    /// Pays for storage in advance.
    pub(super) fn increase_paid_storage(
        &mut self,
        payer: &Contract,
        contract: &ContractHash,
        bytes: u64,
    ) -> Outcome<Vec<BalanceUpdate>> {
        if !self.exists(&Contract::from(*contract))? {
            return Err(ProtocolError::NonExistingContract { contract: Contract::from(*contract) }.into());
        }
        let updates = self.burn_for_storage(payer, bytes)?;
        let paid = self.paid_storage(contract)?.saturating_add(bytes);
        self.store.set_number(at![CONTRACTS, contract, "paid"], paid)?;
        Ok(updates)
    }

    /// Bytes a contract uses, and those it must pay now.
    fn record_paid_storage(&mut self, contract: &ContractHash) -> Outcome<(u64, u64)> {
        let used = self.used_storage(contract)?;
        let paid = self.paid_storage(contract)?;
        if used > paid {
            self.store.set_number(at![CONTRACTS, contract, "paid"], used)?;
        }
        Ok((used, used.saturating_sub(paid)))
    }
}
