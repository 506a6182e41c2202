//! Values.

mod bls;
mod lambda;
mod list;
mod order;
mod parse;
mod prime;
mod tickets;
mod time;
mod timelock;
mod unparse;

pub use bls::{Fr, G1, G2};
pub use lambda::Lambda;
pub use list::List;
pub use parse::Reading;
pub use tickets::{HeldTickets, Ticket, TicketFlow};
pub use time::{format_timestamp, parse_timestamp};
pub use timelock::{Chest, ChestKey};
pub use unparse::Form;

pub(crate) use bls::pairing_check;
pub(crate) use lambda::Function;

use crate::interpret::Operation;
use crate::types::Type;
use num_bigint::BigInt;
use soru_base::{ChainId, MichelsonAddress, Mutez, PublicKey, PublicKeyHash, ScriptExprHash, Signature};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A value. Cloning costs nothing or little.
///
/// A value makes sense together with its type: `int`, `nat` and `timestamp` share a form. Values are ordered as Michelson
/// orders them where their type is comparable; the order of others has no meaning.
#[derive(Clone)]
pub enum Value {
    /// Of `unit`.
    Unit,
    /// Of `bool`.
    Bool(bool),
    /// Of `int`, `nat`, or `timestamp` (seconds since 1970).
    Int(Arc<BigInt>),
    /// Of `string`.
    String(Arc<str>),
    /// Of `bytes`.
    Bytes(Arc<[u8]>),
    /// Of `mutez`.
    Mutez(Mutez),
    /// Of `key`.
    Key(Arc<PublicKey>),
    /// Of `key_hash`.
    KeyHash(PublicKeyHash),
    /// Of `signature`.
    Signature(Arc<Signature>),
    /// Of `chain_id`.
    ChainId(ChainId),
    /// Of `bls12_381_g1`.
    BlsG1(Arc<G1>),
    /// Of `bls12_381_g2`.
    BlsG2(Arc<G2>),
    /// Of `bls12_381_fr`.
    BlsFr(Fr),
    /// Of `chest`.
    Chest(Arc<Chest>),
    /// Of `chest_key`.
    ChestKey(Arc<ChestKey>),
    /// Of `address` or `contract`.
    Address(Arc<MichelsonAddress>),
    /// Of `pair`.
    Pair(Arc<(Value, Value)>),
    /// Of `or`, the first branch.
    Left(Arc<Value>),
    /// Of `or`, the second branch.
    Right(Arc<Value>),
    /// Of `option`.
    Option(Option<Arc<Value>>),
    /// Of `list`.
    List(List),
    /// Of `set`.
    Set(Arc<BTreeSet<Value>>),
    /// Of `map`.
    Map(Arc<BTreeMap<Value, Value>>),
    /// Of `big_map`.
    BigMap(Arc<BigMap>),
    /// Of `lambda`.
    Lambda(Arc<Lambda>),
    /// Of `ticket`.
    Ticket(Arc<Ticket>),
    /// Of `operation`.
    Operation(Arc<Operation>),
}

/// A big map: one that the chain keeps, changes to it that were not written yet, or both.
#[derive(Clone)]
pub struct BigMap {
    /// The one kept by the chain; none for a new one.
    pub id: Option<BigInt>,
    /// The type of keys.
    pub key_type: Type,
    /// The type of values.
    pub value_type: Type,
    /// Bindings changed since, by the hash of the packed key; `None` is a removal.
    pub changes: BTreeMap<ScriptExprHash, (Value, Option<Value>)>,
}

impl Value {
    /// An integer, natural number or timestamp.
    pub fn int(n: impl Into<BigInt>) -> Self {
        Self::Int(Arc::new(n.into()))
    }

    /// A string.
    pub fn string(text: &str) -> Self {
        Self::String(text.into())
    }

    /// Bytes.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }

    /// An address, or a contract.
    pub fn address(address: impl Into<MichelsonAddress>) -> Self {
        Self::Address(Arc::new(address.into()))
    }

    /// A pair.
    pub fn pair(left: Value, right: Value) -> Self {
        Self::Pair(Arc::new((left, right)))
    }

    /// The first branch of an `or`.
    pub fn left(value: Value) -> Self {
        Self::Left(Arc::new(value))
    }

    /// The second branch of an `or`.
    pub fn right(value: Value) -> Self {
        Self::Right(Arc::new(value))
    }

    /// `Some value`.
    pub fn some(value: Value) -> Self {
        Self::Option(Some(Arc::new(value)))
    }

    /// `None`.
    pub fn none() -> Self {
        Self::Option(None)
    }
}

/// Takes a value out of a shared place, copying it if others hold it too.
pub(crate) fn unshare<T: Clone>(shared: Arc<T>) -> T {
    Arc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
}
