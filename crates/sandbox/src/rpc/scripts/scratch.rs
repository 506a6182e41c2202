//! The chain as scripts see it that are only tried.

use num_bigint::BigInt;
use soru_base::{
    Address, Contract, ContractHash, OperationHash, OriginationNonce, PublicKeyHash, ScriptExprHash,
};
use soru_michelson::interpret::{ChainError, ViewTarget};
use soru_michelson::{Chain, Micheline, Type};
use soru_protocol::ledger::Ledger;
use std::collections::BTreeMap;

/// A ledger, contracts and big maps that a request made up, and the numbers that a run takes.
pub(super) struct Scratch {
    ledger: Ledger,
    /// Contracts that were made up: the types of their parameters.
    contracts: BTreeMap<ContractHash, Micheline>,
    big_maps: BTreeMap<BigInt, MadeUp>,
    nonce: OriginationNonce,
    next_big_map: u64,
    last_temporary: i64,
    next_call: u16,
}

/// A big map that was made up.
pub(super) struct MadeUp {
    pub(super) key_type: Type,
    pub(super) value_type: Type,
    /// Values in optimized form.
    pub(super) bindings: BTreeMap<ScriptExprHash, Micheline>,
}

impl Scratch {
    pub(super) fn new(ledger: Ledger) -> Result<Self, soru_protocol::ledger::StorageError> {
        Ok(Self {
            next_big_map: ledger.next_big_map()?,
            ledger,
            contracts: BTreeMap::new(),
            big_maps: BTreeMap::new(),
            nonce: OriginationNonce::new(OperationHash::ZERO),
            last_temporary: 0,
            next_call: 0,
        })
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Lets a contract be there that takes arguments of a type.
    pub(super) fn make_up_contract(&mut self, address: ContractHash, parameter: Micheline) {
        self.contracts.insert(address, parameter);
    }

    /// A contract that takes arguments of a type, at an address of its own.
    pub(super) fn make_up(&mut self, parameter: Micheline) -> ContractHash {
        let address = self.nonce.contract();
        self.nonce = self.nonce.next();
        self.make_up_contract(address, parameter);
        address
    }

    pub(super) fn make_up_big_map(&mut self, id: BigInt, big_map: MadeUp) {
        self.big_maps.insert(id, big_map);
    }
}

fn unreadable(error: soru_protocol::ledger::StorageError) -> ChainError {
    Box::new(error)
}

impl Chain for Scratch {
    fn parameter_type(&self, address: &Address) -> Result<Option<Micheline>, ChainError> {
        if let Address::Contract(Contract::Originated(hash)) = address
            && let Some(parameter) = self.contracts.get(hash)
        {
            return Ok(Some(parameter.clone()));
        }
        self.ledger.parameter_type(address).map_err(unreadable)
    }

    fn big_map_types(&self, id: &BigInt) -> Result<Option<(Type, Type)>, ChainError> {
        if let Some(big_map) = self.big_maps.get(id) {
            return Ok(Some((big_map.key_type.clone(), big_map.value_type.clone())));
        }
        let types = self.ledger.big_map_types(id).map_err(unreadable)?;
        let parse = |node: &Micheline| Type::parse(node).map_err(|e| ChainError::from(e.to_string()));
        types.map(|(key, value)| Ok((parse(&key)?, parse(&value)?))).transpose()
    }

    fn big_map_get(&self, id: &BigInt, key: &ScriptExprHash) -> Result<Option<Micheline>, ChainError> {
        match self.big_maps.get(id) {
            Some(big_map) => Ok(big_map.bindings.get(key).cloned()),
            None => self.ledger.big_map_get(id, key).map_err(unreadable),
        }
    }

    fn view_target(&self, address: &ContractHash) -> Result<Option<ViewTarget>, ChainError> {
        let Some(script) = self.ledger.script(address).map_err(unreadable)? else { return Ok(None) };
        let balance = self.ledger.balance(&Contract::from(*address)).map_err(unreadable)?;
        Ok(Some(ViewTarget {
            address: *address,
            script: script.code,
            storage: script.storage,
            balance: balance.unwrap_or_default(),
        }))
    }

    /// There are no votes here.
    fn voting_power(&self, _: &PublicKeyHash) -> Result<u64, ChainError> {
        Ok(0)
    }

    fn total_voting_power(&self) -> Result<u64, ChainError> {
        Ok(0)
    }

    fn address_index(&self, address: &Address) -> Result<Option<u64>, ChainError> {
        self.ledger.address_index(address).map_err(unreadable)
    }

    fn index_address(&mut self, address: &Address) -> Result<(u64, bool), ChainError> {
        self.ledger.index_address(address).map_err(unreadable)
    }

    fn new_contract(&mut self) -> Result<ContractHash, ChainError> {
        let nonce = self.nonce;
        self.nonce = nonce.next();
        Ok(nonce.contract())
    }

    fn new_big_map(&mut self, temporary: bool) -> Result<BigInt, ChainError> {
        if temporary {
            self.last_temporary -= 1;
            return Ok(BigInt::from(self.last_temporary));
        }
        let id = self.next_big_map;
        self.next_big_map = id.saturating_add(1);
        Ok(BigInt::from(id))
    }

    fn new_nonce(&mut self) -> Result<Option<u16>, ChainError> {
        let nonce = self.next_call;
        let next = nonce.checked_add(1);
        self.next_call = next.unwrap_or(nonce);
        Ok(next.map(|_| nonce))
    }
}
