//! What scripts can ask of the chain.

use crate::error::Reason;
use crate::gas::{Gas, cost};
use crate::micheline::Micheline;
use crate::types::{Parameter, Type};
use num_bigint::BigInt;
use soru_base::{
    Address, ChainId, Contract, ContractHash, Entrypoint, Level, MichelsonAddress, Mutez, PublicKeyHash,
    ScriptExprHash,
};

/// Why the chain could not be read.
pub type ChainError = Box<dyn std::error::Error + Send + Sync>;

/// The circumstances of a call.
#[derive(Debug, Clone)]
pub struct Context {
    /// The contract that runs: `SELF_ADDRESS`.
    pub self_address: ContractHash,
    /// Who called: `SENDER`.
    pub sender: Address,
    /// Who signed the operation: `SOURCE`.
    pub source: PublicKeyHash,
    /// What came with the call: `AMOUNT`.
    pub amount: Mutez,
    /// What the contract has, the amount included: `BALANCE`.
    pub balance: Mutez,
    /// The time of the block, in seconds since 1970, as `NOW` shows it.
    pub now: i64,
    /// The level: `LEVEL`.
    pub level: Level,
    /// The chain: `CHAIN_ID`.
    pub chain_id: ChainId,
    /// Seconds between blocks: `MIN_BLOCK_TIME`.
    pub min_block_time: u64,
}

/// A contract whose views are asked.
#[derive(Debug, Clone)]
pub struct ViewTarget {
    /// Its address.
    pub address: ContractHash,
    /// Its script.
    pub script: Micheline,
    /// Its storage, in optimized form.
    pub storage: Micheline,
    /// What it has.
    pub balance: Mutez,
}

/// What scripts can ask of the chain, and the numbers they take from it.
///
/// Implicit accounts never get here: they accept `unit` and tickets.
pub trait Chain {
    /// The type of the parameter of an originated contract or of a smart rollup, with its annotations; `None` if there is
    /// no such contract or rollup.
    fn parameter_type(&self, address: &Address) -> Result<Option<Micheline>, ChainError>;

    /// The types of keys and values of a big map; `None` if there is none of that number.
    fn big_map_types(&self, id: &BigInt) -> Result<Option<(Type, Type)>, ChainError>;

    /// The value, in optimized form, of the key with that hash.
    fn big_map_get(&self, id: &BigInt, key: &ScriptExprHash) -> Result<Option<Micheline>, ChainError>;

    /// A contract whose views are asked.
    fn view_target(&self, address: &ContractHash) -> Result<Option<ViewTarget>, ChainError>;

    /// The voting power of a baker; 0 for others.
    fn voting_power(&self, baker: &PublicKeyHash) -> Result<u64, ChainError>;

    /// The voting power of all bakers.
    fn total_voting_power(&self) -> Result<u64, ChainError>;

    /// The index of an address (its entrypoint does not count) in the registry of addresses; `None` if it has none.
    fn address_index(&self, address: &Address) -> Result<Option<u64>, ChainError>;

    /// Gives an address the next index of the registry, unless it has one; whether it is new.
    fn index_address(&mut self, address: &Address) -> Result<(u64, bool), ChainError>;

    /// The address of the contract that is originated next in this operation.
    fn new_contract(&mut self) -> Result<ContractHash, ChainError>;

    /// The number of the big map that is made next: below zero for those that live only as long as the operation.
    fn new_big_map(&mut self, temporary: bool) -> Result<BigInt, ChainError>;

    /// The number of the internal operation that is made next in this operation; `None` if there are too many.
    fn new_nonce(&mut self) -> Result<Option<u16>, ChainError>;
}

/// The entrypoint of an address that takes a type; `None` if there is no such contract or entrypoint, or it takes another type.
///
/// Implicit accounts take `unit` and tickets of any type.
pub(crate) fn entrypoint_for(
    chain: &dyn Chain,
    address: &MichelsonAddress,
    wanted: &Type,
    gas: &mut Gas,
) -> Result<Option<Entrypoint>, Reason> {
    if let Address::Contract(Contract::Implicit(_)) = address.address {
        let found = address.entrypoint.is_default() && matches!(wanted, Type::Unit | Type::Ticket(_));
        return Ok(found.then(Entrypoint::default));
    }
    gas.charge(cost::READ)?;
    let written = chain.parameter_type(&address.address).map_err(|e| Reason::Chain(e.to_string()))?;
    let Some(written) = written else { return Ok(None) };
    let parameter = Parameter::parse(&written).map_err(|e| e.reason)?;
    Ok(parameter.entrypoint_for(&address.entrypoint, wanted))
}
