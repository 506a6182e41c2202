//! The ledger as scripts see it.

use super::super::Ledger;
use super::super::apply::Run;
use super::super::error::StorageError;
use super::super::store::at;
use super::{BIG_MAPS, CONTRACTS};
use num_bigint::BigInt;
use soru_base::{Address, Binary, Contract, ContractHash, OriginationNonce, PublicKeyHash, ScriptExprHash};
use soru_michelson::interpret::{ChainError, ViewTarget};
use soru_michelson::{Chain, Micheline, Prim, Type};

/// Where the indices of addresses are.
const ADDRESS_REGISTRY: &str = "address_registry";

/// The ledger, and the numbers that scripts take while an operation is applied.
pub(crate) struct View<'a> {
    pub(crate) ledger: &'a mut Ledger,
    nonce: &'a mut OriginationNonce,
    next_call: &'a mut u16,
    temporary: &'a mut i64,
}

impl<'a> View<'a> {
    /// The view, and the gas that is left beside it.
    pub(super) fn of(ledger: &'a mut Ledger, run: &'a mut Run<'_>) -> Self {
        let Run { nonce, next_call, temporary, .. } = run;
        Self { ledger, nonce, next_call, temporary }
    }
}

/// The name of a big map: its number with the sign turned, so that names are in the order of numbers.
pub(super) fn big_map_name(id: &BigInt) -> Option<[u8; 8]> {
    i64::try_from(id).ok().map(|id| (id ^ i64::MIN).to_be_bytes())
}

impl Ledger {
    /// The value, in optimised form, of a key of a big map; the key is given by the hash of its packed form.
    pub fn big_map_get(&self, id: &BigInt, key: &ScriptExprHash) -> Result<Option<Micheline>, StorageError> {
        match big_map_name(id) {
            Some(id) => self.store.get(at![BIG_MAPS, id, "contents", key]),
            None => Ok(None),
        }
    }

    /// The hashes of all keys of a big map, in their order.
    pub(in super::super) fn big_map_keys(&self, id: &BigInt) -> Result<Vec<ScriptExprHash>, StorageError> {
        match big_map_name(id) {
            Some(id) => self.store.names(at![BIG_MAPS, id, "contents"]),
            None => Ok(Vec::new()),
        }
    }

    /// Values, in optimised form, of a big map: `length` of them behind the first `offset`, in the order of the hashes of their keys.
    pub fn big_map_values(
        &self,
        id: &BigInt,
        offset: usize,
        length: usize,
    ) -> Result<Vec<Micheline>, StorageError> {
        let Some(id) = big_map_name(id) else { return Ok(Vec::new()) };
        let listed = self.store.tree.list(at![BIG_MAPS, id, "contents"], offset, length)?;
        let read = |(name, _)| self.store.require(at![BIG_MAPS, id, "contents", name]);
        listed.into_iter().map(read).collect()
    }

    /// The types of keys and values of a big map.
    pub fn big_map_types(&self, id: &BigInt) -> Result<Option<(Micheline, Micheline)>, StorageError> {
        let Some(id) = big_map_name(id) else { return Ok(None) };
        let Some(key) = self.store.get(at![BIG_MAPS, id, "key_type"])? else { return Ok(None) };
        Ok(Some((key, self.store.require(at![BIG_MAPS, id, "value_type"])?)))
    }

    /// The index of an address in the registry that `INDEX_ADDRESS` fills; the account of zeros has had 0 from the start.
    pub fn address_index(&self, address: &Address) -> Result<Option<u64>, StorageError> {
        if is_zero(address) {
            return Ok(Some(0));
        }
        let index = self.store.number(at![ADDRESS_REGISTRY, "indices", address.to_bytes()])?;
        Ok((index > 0).then_some(index))
    }

    /// Gives an address the next index of that registry, unless it has one; whether it is new.
    pub fn index_address(&mut self, address: &Address) -> Result<(u64, bool), StorageError> {
        if let Some(index) = self.address_index(address)? {
            return Ok((index, false));
        }
        let index = self.store.number(at![ADDRESS_REGISTRY, "last"])?.saturating_add(1);
        self.store.set_number(at![ADDRESS_REGISTRY, "last"], index)?;
        self.store.set_number(at![ADDRESS_REGISTRY, "indices", address.to_bytes()], index)?;
        Ok((index, true))
    }

    /// The number of the big map that is made next.
    pub fn next_big_map(&self) -> Result<u64, StorageError> {
        self.store.number(at!["next_big_map"])
    }

    /// The type of what can be sent to a contract, with the names of entrypoints.
    pub fn parameter_type(&self, address: &Address) -> Result<Option<Micheline>, StorageError> {
        match address {
            Address::SmartRollup(rollup) => self.rollup_parameters_type(rollup),
            Address::Contract(Contract::Originated(hash)) => {
                let code: Option<Micheline> = self.store.get(at![CONTRACTS, hash, "code"])?;
                Ok(code.as_ref().and_then(declared_parameter))
            }
            Address::Contract(Contract::Implicit(_)) => Ok(None),
        }
    }
}

fn is_zero(address: &Address) -> bool {
    // The curve's tag is 0 too.
    address.contract().and_then(Contract::implicit).is_some_and(|pkh| pkh.to_bytes().iter().all(|b| *b == 0))
}

/// The argument of `parameter`. A name that is written on the declaration is the name of the whole.
fn declared_parameter(code: &Micheline) -> Option<Micheline> {
    let declaration = code.children().iter().find_map(|node| match node.as_prim() {
        Some((Prim::parameter, [ty], annots)) => Some((ty, annots)),
        _ => None,
    });
    let (ty, annots) = declaration?;
    let (prim, args, own) = ty.as_prim()?;
    let mut own = own.to_vec();
    if !own.iter().any(|a| a.starts_with('%')) {
        own.extend(annots.iter().filter(|a| a.starts_with('%')).cloned());
    }
    Some(Micheline::Prim(prim, args.to_vec(), own))
}

fn unreadable(error: StorageError) -> ChainError {
    Box::new(error)
}

impl Chain for View<'_> {
    fn parameter_type(&self, address: &Address) -> Result<Option<Micheline>, ChainError> {
        self.ledger.parameter_type(address).map_err(unreadable)
    }

    fn big_map_types(&self, id: &BigInt) -> Result<Option<(Type, Type)>, ChainError> {
        let types = self.ledger.big_map_types(id).map_err(unreadable)?;
        let parse = |node: &Micheline| Type::parse(node).map_err(|e| ChainError::from(e.to_string()));
        types.map(|(key, value)| Ok((parse(&key)?, parse(&value)?))).transpose()
    }

    fn big_map_get(&self, id: &BigInt, key: &ScriptExprHash) -> Result<Option<Micheline>, ChainError> {
        self.ledger.big_map_get(id, key).map_err(unreadable)
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
        let nonce = *self.nonce;
        *self.nonce = nonce.next();
        Ok(nonce.contract())
    }

    fn new_big_map(&mut self, temporary: bool) -> Result<BigInt, ChainError> {
        if temporary {
            *self.temporary -= 1;
            return Ok(BigInt::from(*self.temporary));
        }
        let id = self.ledger.store.number(at!["next_big_map"]).map_err(unreadable)?;
        self.ledger.store.set_number(at!["next_big_map"], id.saturating_add(1)).map_err(unreadable)?;
        Ok(BigInt::from(id))
    }

    fn new_nonce(&mut self) -> Result<Option<u16>, ChainError> {
        let nonce = *self.next_call;
        let next = nonce.checked_add(1);
        *self.next_call = next.unwrap_or(nonce);
        Ok(next.map(|_| nonce))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_big_maps_are_in_the_order_of_their_numbers() {
        let names: Vec<_> =
            [i64::MIN, -2, -1, 0, 1, i64::MAX].map(|id| big_map_name(&BigInt::from(id)).unwrap()).into();
        assert!(names.is_sorted());
        assert_eq!(big_map_name(&(BigInt::from(i64::MAX) + 1)), None);
    }

    #[test]
    fn a_name_on_the_declaration_is_that_of_the_whole() {
        let code = Micheline::parse_script("parameter %whole int; storage unit; code {}").unwrap();
        let ty = declared_parameter(&code).unwrap();
        assert_eq!(ty.as_prim().unwrap().2, ["%whole"]);
        assert_eq!(declared_parameter(&Micheline::unit()), None);
    }
}
