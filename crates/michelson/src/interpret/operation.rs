//! Operations that scripts ask for.

use super::BigMapDiff;
use crate::error::Reason;
use crate::gas::Gas;
use crate::micheline::Micheline;
use crate::types::Type;
use crate::values::{Form, Value};
use soru_base::{Address, ContractHash, Entrypoint, Mutez, PublicKeyHash};
use std::sync::Arc;

/// An operation that a contract asks for.
#[derive(Clone)]
pub struct Operation {
    /// The contract.
    pub source: ContractHash,
    /// Its number among those of the whole operation, in the order in which they were made.
    pub nonce: u16,
    /// What it asks for.
    pub content: OperationContent,
    /// The big maps it hands over, to be made when the script that asks for it has ended.
    pub(crate) big_maps: Vec<BigMapDiff>,
}

/// What an operation asks for.
#[derive(Clone)]
pub enum OperationContent {
    /// `TRANSFER_TOKENS`
    Transfer {
        /// How much.
        amount: Mutez,
        /// An account, a contract or a smart rollup.
        destination: Address,
        /// The entrypoint.
        entrypoint: Entrypoint,
        /// The argument.
        argument: Value,
        /// The type of the argument.
        argument_type: Type,
    },
    /// `CREATE_CONTRACT`
    Origination {
        /// The address it gets.
        address: ContractHash,
        /// Its delegate.
        delegate: Option<PublicKeyHash>,
        /// Its first balance.
        balance: Mutez,
        /// Its script.
        script: Arc<Micheline>,
        /// Its first storage.
        storage: Value,
        /// The type of its storage.
        storage_type: Type,
    },
    /// `SET_DELEGATE`
    Delegation(Option<PublicKeyHash>),
    /// `EMIT`
    Event {
        /// The name of the event.
        tag: Entrypoint,
        /// The type of the payload, as it was written.
        written_type: Micheline,
        /// What the event says.
        payload: Value,
        /// The type of the payload.
        payload_type: Type,
    },
}

impl OperationContent {
    /// The argument of a transfer, the storage of an origination or the payload of an event, as an expression.
    pub fn data(&self, form: Form, gas: &mut Gas) -> Result<Option<Micheline>, Reason> {
        let (value, ty) = match self {
            Self::Transfer { argument, argument_type, .. } => (argument, argument_type),
            Self::Origination { storage, storage_type, .. } => (storage, storage_type),
            Self::Event { payload, payload_type, .. } => (payload, payload_type),
            Self::Delegation(_) => return Ok(None),
        };
        value.to_micheline(ty, form, gas).map(Some)
    }
}
