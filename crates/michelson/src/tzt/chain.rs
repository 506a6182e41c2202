//! What the code of a test finds around it.

use super::TestError;
use crate::interpret::{ChainError, ViewTarget};
use crate::{Chain, Form, Gas, Micheline, Reading, Type, Value};
use num_bigint::BigInt;
use soru_base::{Address, ContractHash, Curve, PublicKeyHash, ScriptExprHash};
use std::collections::BTreeMap;

/// Contracts, big maps and the like.
#[derive(Default)]
pub(super) struct Surroundings {
    pub(super) parameters: BTreeMap<Address, Micheline>,
    pub(super) views: BTreeMap<ContractHash, Vec<Micheline>>,
    /// Types and values.
    pub(super) storages: BTreeMap<ContractHash, (Micheline, Micheline)>,
    pub(super) voting_powers: BTreeMap<PublicKeyHash, u64>,
    pub(super) total_voting_power: u64,
    big_maps: BTreeMap<BigInt, BigMap>,
    indices: BTreeMap<Address, u64>,
    // Contracts, big maps and operations made so far.
    made: [u16; 3],
}

struct BigMap {
    types: (Type, Type),
    bindings: BTreeMap<ScriptExprHash, Micheline>,
}

impl Surroundings {
    /// Adds a big map whose bindings are written as those of a map.
    pub(super) fn add_big_map(
        &mut self,
        id: u64,
        types: (Type, Type),
        written: &Micheline,
    ) -> Result<(), TestError> {
        let gas = &mut Gas::unlimited();
        let ty = Type::map(types.0.clone(), types.1.clone());
        let Value::Map(map) = Value::parse(written, &ty, &mut Reading::stored(gas))? else {
            return Err(TestError::Unexpected {
                expected: "bindings".to_owned(),
                found: written.to_string(),
            });
        };
        let mut bindings = BTreeMap::new();
        for (key, value) in map.iter() {
            let hash = key.key_hash(&types.0, gas);
            let value = value.to_micheline(&types.1, Form::Optimized, gas);
            let unwritable = |reason: crate::Reason| TestError::Unexpected {
                expected: "bindings that can be written".to_owned(),
                found: reason.to_string(),
            };
            bindings.insert(hash.map_err(unwritable)?, value.map_err(unwritable)?);
        }
        self.big_maps.insert(id.into(), BigMap { types, bindings });
        Ok(())
    }

    fn next(&mut self, which: usize) -> u16 {
        self.made[which] += 1;
        self.made[which]
    }
}

impl Chain for Surroundings {
    fn parameter_type(&self, address: &Address) -> Result<Option<Micheline>, ChainError> {
        Ok(self.parameters.get(address).cloned())
    }

    fn big_map_types(&self, id: &BigInt) -> Result<Option<(Type, Type)>, ChainError> {
        Ok(self.big_maps.get(id).map(|map| map.types.clone()))
    }

    fn big_map_get(&self, id: &BigInt, key: &ScriptExprHash) -> Result<Option<Micheline>, ChainError> {
        Ok(self.big_maps.get(id).and_then(|map| map.bindings.get(key).cloned()))
    }

    fn view_target(&self, address: &ContractHash) -> Result<Option<ViewTarget>, ChainError> {
        Ok(self.target(address))
    }

    fn voting_power(&self, baker: &PublicKeyHash) -> Result<u64, ChainError> {
        Ok(self.voting_powers.get(baker).copied().unwrap_or(0))
    }

    fn total_voting_power(&self) -> Result<u64, ChainError> {
        Ok(self.total_voting_power)
    }

    /// As on a new chain: the account of zeros has the index 0.
    fn address_index(&self, address: &Address) -> Result<Option<u64>, ChainError> {
        match *address == PublicKeyHash::new(Curve::Ed25519, [0; 20]).into() {
            true => Ok(Some(0)),
            false => Ok(self.indices.get(address).copied()),
        }
    }

    fn index_address(&mut self, address: &Address) -> Result<(u64, bool), ChainError> {
        if let Some(index) = self.address_index(address)? {
            return Ok((index, false));
        }
        let index = self.indices.len() as u64 + 1;
        self.indices.insert(*address, index);
        Ok((index, true))
    }

    fn new_contract(&mut self) -> Result<ContractHash, ChainError> {
        let mut hash = [2; 20];
        hash[..2].copy_from_slice(&self.next(0).to_be_bytes());
        Ok(ContractHash(hash))
    }

    fn new_big_map(&mut self, temporary: bool) -> Result<BigInt, ChainError> {
        let number = i32::from(self.next(1));
        Ok(BigInt::from(if temporary { -number } else { 1_000_000 + number }))
    }

    fn new_nonce(&mut self) -> Result<Option<u16>, ChainError> {
        Ok(Some(self.next(2) - 1))
    }
}
