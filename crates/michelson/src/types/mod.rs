//! Types.

mod entrypoints;
mod parse;
mod rules;

pub use entrypoints::{Branch, Parameter};
pub use rules::Use;

use crate::micheline::{Micheline, Prim};
use std::fmt;
use std::sync::Arc;

/// Most parts a type may have; the network's limit.
pub const MAX_TYPE_SIZE: usize = 2_001;

/// A type, without annotations. Cloning costs nothing.
#[derive(Clone, PartialEq, Eq)]
pub enum Type {
    /// `unit`
    Unit,
    /// `never`
    Never,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `nat`
    Nat,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `mutez`
    Mutez,
    /// `timestamp`
    Timestamp,
    /// `key`
    Key,
    /// `key_hash`
    KeyHash,
    /// `signature`
    Signature,
    /// `chain_id`
    ChainId,
    /// `address`
    Address,
    /// `operation`
    Operation,
    /// `bls12_381_g1`
    BlsG1,
    /// `bls12_381_g2`
    BlsG2,
    /// `bls12_381_fr`
    BlsFr,
    /// `chest`
    Chest,
    /// `chest_key`
    ChestKey,
    /// `option`
    Option(Arc<Type>),
    /// `list`
    List(Arc<Type>),
    /// `set`
    Set(Arc<Type>),
    /// `contract`
    Contract(Arc<Type>),
    /// `ticket`
    Ticket(Arc<Type>),
    /// `pair`, of two; combs are pairs in the second component
    Pair(Arc<(Type, Type)>),
    /// `or`
    Or(Arc<(Type, Type)>),
    /// `lambda`: parameter, result
    Lambda(Arc<(Type, Type)>),
    /// `map`: key, value
    Map(Arc<(Type, Type)>),
    /// `big_map`: key, value
    BigMap(Arc<(Type, Type)>),
}

impl Type {
    /// `option ty`
    pub fn option(ty: Type) -> Self {
        Self::Option(Arc::new(ty))
    }

    /// `list ty`
    pub fn list(ty: Type) -> Self {
        Self::List(Arc::new(ty))
    }

    /// `set ty`
    pub fn set(ty: Type) -> Self {
        Self::Set(Arc::new(ty))
    }

    /// `contract ty`
    pub fn contract(ty: Type) -> Self {
        Self::Contract(Arc::new(ty))
    }

    /// `ticket ty`
    pub fn ticket(ty: Type) -> Self {
        Self::Ticket(Arc::new(ty))
    }

    /// `pair left right`
    pub fn pair(left: Type, right: Type) -> Self {
        Self::Pair(Arc::new((left, right)))
    }

    /// `or left right`
    pub fn or(left: Type, right: Type) -> Self {
        Self::Or(Arc::new((left, right)))
    }

    /// `lambda parameter result`
    pub fn lambda(parameter: Type, result: Type) -> Self {
        Self::Lambda(Arc::new((parameter, result)))
    }

    /// `map key value`
    pub fn map(key: Type, value: Type) -> Self {
        Self::Map(Arc::new((key, value)))
    }

    /// `big_map key value`
    pub fn big_map(key: Type, value: Type) -> Self {
        Self::BigMap(Arc::new((key, value)))
    }

    /// The right comb of several types; `None` if there are fewer than two.
    pub fn comb(types: impl IntoIterator<Item = Type, IntoIter: DoubleEndedIterator>) -> Option<Self> {
        let mut types = types.into_iter().rev();
        let (last, before) = (types.next()?, types.next()?);
        Some(types.fold(Self::pair(before, last), |right, left| Self::pair(left, right)))
    }

    /// The primitive.
    pub fn prim(&self) -> Prim {
        match self {
            Self::Unit => Prim::unit,
            Self::Never => Prim::never,
            Self::Bool => Prim::bool,
            Self::Int => Prim::int,
            Self::Nat => Prim::nat,
            Self::String => Prim::string,
            Self::Bytes => Prim::bytes,
            Self::Mutez => Prim::mutez,
            Self::Timestamp => Prim::timestamp,
            Self::Key => Prim::key,
            Self::KeyHash => Prim::key_hash,
            Self::Signature => Prim::signature,
            Self::ChainId => Prim::chain_id,
            Self::Address => Prim::address,
            Self::Operation => Prim::operation,
            Self::BlsG1 => Prim::bls12_381_g1,
            Self::BlsG2 => Prim::bls12_381_g2,
            Self::BlsFr => Prim::bls12_381_fr,
            Self::Chest => Prim::chest,
            Self::ChestKey => Prim::chest_key,
            Self::Option(_) => Prim::option,
            Self::List(_) => Prim::list,
            Self::Set(_) => Prim::set,
            Self::Contract(_) => Prim::contract,
            Self::Ticket(_) => Prim::ticket,
            Self::Pair(_) => Prim::pair,
            Self::Or(_) => Prim::or,
            Self::Lambda(_) => Prim::lambda,
            Self::Map(_) => Prim::map,
            Self::BigMap(_) => Prim::big_map,
        }
    }

    /// The types it is made of, at most two.
    pub fn parts(&self) -> (Option<&Type>, Option<&Type>) {
        match self {
            Self::Option(a) | Self::List(a) | Self::Set(a) | Self::Contract(a) | Self::Ticket(a) => {
                (Some(a), None)
            }
            Self::Pair(p) | Self::Or(p) | Self::Lambda(p) | Self::Map(p) | Self::BigMap(p) => {
                (Some(&p.0), Some(&p.1))
            }
            _ => (None, None),
        }
    }

    /// The number of its parts, itself included; counting stops above [`MAX_TYPE_SIZE`].
    pub fn size(&self) -> usize {
        let mut size = 0;
        let mut pending = vec![self];
        while let Some(ty) = pending.pop() {
            size += 1;
            if size > MAX_TYPE_SIZE {
                break;
            }
            let (a, b) = ty.parts();
            pending.extend(b);
            pending.extend(a);
        }
        size
    }

    /// The expression, pairs as combs.
    pub fn to_micheline(&self) -> Micheline {
        let mut args = Vec::new();
        let (first, second) = self.parts();
        if let Some(first) = first {
            args.push(crate::deep(|| first.to_micheline()));
        }
        if let Some(mut second) = second {
            while let (Self::Pair(_), Self::Pair(pair)) = (self, second) {
                args.push(crate::deep(|| pair.0.to_micheline()));
                second = &pair.1;
            }
            args.push(crate::deep(|| second.to_micheline()));
        }
        Micheline::prim(self.prim(), args)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_micheline(), f)
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
