//! Types from expressions.

use super::{MAX_TYPE_SIZE, Type, Use};
use crate::annots;
use crate::error::{Reason, TypeError};
use crate::micheline::{Cursor, Micheline, Numbering, Prim};

impl Type {
    /// Reads a type.
    pub fn parse(node: &Micheline) -> Result<Self, TypeError> {
        Self::parse_at(Numbering::of(node).root(node))
    }

    /// Reads a type that must allow a use.
    pub fn parse_for(node: &Micheline, wanted: Use) -> Result<Self, TypeError> {
        let ty = Self::parse(node)?;
        ty.require(wanted).map_err(|reason| TypeError::new(0, reason))?;
        Ok(ty)
    }

    pub(crate) fn parse_at(cursor: Cursor<'_>) -> Result<Self, TypeError> {
        let mut budget = MAX_TYPE_SIZE;
        parse(cursor, false, &mut budget)
    }

    /// Reads the type of a parameter, whose name may stand on it.
    pub(crate) fn parse_parameter(cursor: Cursor<'_>) -> Result<Self, TypeError> {
        let mut budget = MAX_TYPE_SIZE;
        part(cursor, true, Some(Use::Passed), &mut budget)
    }

    pub(crate) fn parse_at_for(cursor: Cursor<'_>, wanted: Use) -> Result<Self, TypeError> {
        let ty = Self::parse_at(cursor)?;
        ty.require(wanted).map_err(|reason| TypeError::new(cursor.number, reason))?;
        Ok(ty)
    }
}

/// `may_be_field` says whether the name of a field may stand on the type.
fn parse(cursor: Cursor<'_>, may_be_field: bool, budget: &mut usize) -> Result<Type, TypeError> {
    crate::deep(|| parse_node(cursor, may_be_field, budget))
}

fn parse_node(cursor: Cursor<'_>, may_be_field: bool, budget: &mut usize) -> Result<Type, TypeError> {
    let at = cursor.number;
    *budget = budget.checked_sub(1).ok_or_else(|| TypeError::new(at, Reason::TypeTooLarge))?;
    let Some((prim, args, annots)) = cursor.node.as_prim() else {
        return Err(TypeError::unexpected(at, "a type", cursor.node));
    };
    annots::check_type(annots, may_be_field).map_err(|reason| TypeError::new(at, reason))?;
    let atom = match prim {
        Prim::unit => Some(Type::Unit),
        Prim::never => Some(Type::Never),
        Prim::bool => Some(Type::Bool),
        Prim::int => Some(Type::Int),
        Prim::nat => Some(Type::Nat),
        Prim::string => Some(Type::String),
        Prim::bytes => Some(Type::Bytes),
        Prim::mutez => Some(Type::Mutez),
        Prim::timestamp => Some(Type::Timestamp),
        Prim::key => Some(Type::Key),
        Prim::key_hash => Some(Type::KeyHash),
        Prim::signature => Some(Type::Signature),
        Prim::chain_id => Some(Type::ChainId),
        Prim::address => Some(Type::Address),
        Prim::operation => Some(Type::Operation),
        Prim::bls12_381_g1 => Some(Type::BlsG1),
        Prim::bls12_381_g2 => Some(Type::BlsG2),
        Prim::bls12_381_fr => Some(Type::BlsFr),
        Prim::chest => Some(Type::Chest),
        Prim::chest_key => Some(Type::ChestKey),
        Prim::sapling_state | Prim::sapling_transaction | Prim::sapling_transaction_deprecated => {
            return Err(TypeError::new(at, Reason::Unsupported("Sapling")));
        }
        Prim::tx_rollup_l2_address => {
            return Err(TypeError::new(at, Reason::Unsupported("tx_rollup_l2_address")));
        }
        Prim::constant => return Err(TypeError::new(at, Reason::Unsupported("a global constant"))),
        _ => None,
    };
    let arity_error = |n: &str| {
        let expected = format!("{prim} with {n}");
        TypeError::unexpected(at, expected, format!("{} of them", args.len()))
    };
    if let Some(atom) = atom {
        return if args.is_empty() { Ok(atom) } else { Err(arity_error("no arguments")) };
    }
    let mut one = |wanted: Option<Use>| -> Result<Type, TypeError> {
        let [arg] = cursor.exactly().ok_or_else(|| arity_error("one argument"))?;
        part(arg, false, wanted, budget)
    };
    match prim {
        Prim::option => return Ok(Type::option(one(None)?)),
        Prim::list => return Ok(Type::list(one(None)?)),
        Prim::set => return Ok(Type::set(one(Some(Use::Compared))?)),
        Prim::contract => return Ok(Type::contract(one(Some(Use::Passed))?)),
        Prim::ticket => return Ok(Type::ticket(one(Some(Use::Compared))?)),
        _ => {}
    }
    let fields = prim == Prim::or;
    let mut two = |first: Option<Use>, second: Option<Use>| -> Result<(Type, Type), TypeError> {
        let [a, b] = cursor.exactly().ok_or_else(|| arity_error("two arguments"))?;
        Ok((part(a, fields, first, budget)?, part(b, fields, second, budget)?))
    };
    match prim {
        Prim::pair => {
            let parts: Vec<_> =
                cursor.children().map(|arg| parse(arg, true, budget)).collect::<Result<_, _>>()?;
            // Every pair of the comb but the first is a part of its own.
            *budget = budget
                .checked_sub(parts.len().saturating_sub(2))
                .ok_or_else(|| TypeError::new(at, Reason::TypeTooLarge))?;
            Type::comb(parts).ok_or_else(|| arity_error("at least two arguments"))
        }
        Prim::or => two(None, None).map(|(a, b)| Type::or(a, b)),
        Prim::lambda => two(None, None).map(|(a, b)| Type::lambda(a, b)),
        Prim::map => two(Some(Use::Compared), None).map(|(a, b)| Type::map(a, b)),
        Prim::big_map => two(Some(Use::Compared), Some(Use::InBigMap)).map(|(a, b)| Type::big_map(a, b)),
        _ => Err(TypeError::unexpected(at, "a type", format!("{prim:?}"))),
    }
}

fn part(
    cursor: Cursor<'_>,
    may_be_field: bool,
    wanted: Option<Use>,
    budget: &mut usize,
) -> Result<Type, TypeError> {
    let ty = parse(cursor, may_be_field, budget)?;
    if let Some(wanted) = wanted {
        ty.require(wanted).map_err(|reason| TypeError::new(cursor.number, reason))?;
    }
    Ok(ty)
}
