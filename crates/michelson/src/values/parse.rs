//! Values from expressions, in readable or optimized form.

use super::{BigMap, Chest, ChestKey, Fr, Function, G1, G2, Lambda, Ticket, Value, time};
use crate::error::{Reason, TypeError, brief};
use crate::gas::{Gas, GasExhaustedError, cost};
use crate::interpret::{Chain, entrypoint_for};
use crate::micheline::{Cursor, Micheline, Numbering, Prim};
use crate::typecheck;
use crate::types::Type;
use num_bigint::{BigInt, Sign};
use soru_base::{Address, Binary, MichelsonAddress, Mutez, ScriptExprHash, Signature};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

/// What a reader of values may accept, and what it may spend.
pub struct Reading<'a> {
    /// Where contracts and big maps are looked up; without it, neither can be read.
    pub chain: Option<&'a dyn Chain>,
    /// Whether big maps may be given by their number: in storage and in calls between contracts, not from outside.
    pub big_map_ids: bool,
    /// Whether tickets may be given: likewise.
    pub tickets: bool,
    /// The budget.
    pub gas: &'a mut Gas,
    // Whether numbers of big maps are believed.
    trusted: bool,
    // The expression that holds the values, if it is numbered already: functions point into it.
    pub(crate) source: Option<Arc<Micheline>>,
}

impl<'a> Reading<'a> {
    /// A literal in code: no contracts, big maps and tickets.
    pub fn literal(gas: &'a mut Gas) -> Self {
        Self { chain: None, big_map_ids: false, tickets: false, gas, source: None, trusted: false }
    }

    /// An argument given from outside: it cannot bring big maps of others, nor tickets.
    pub fn external(chain: &'a dyn Chain, gas: &'a mut Gas) -> Self {
        Self { chain: Some(chain), big_map_ids: false, tickets: false, gas, source: None, trusted: false }
    }

    /// Storage, or an argument made by a contract.
    pub fn internal(chain: &'a dyn Chain, gas: &'a mut Gas) -> Self {
        Self { chain: Some(chain), big_map_ids: true, tickets: true, gas, source: None, trusted: false }
    }

    /// What a chain has stored, apart from that chain: numbers of big maps are believed.
    pub fn stored(gas: &'a mut Gas) -> Self {
        Self { chain: None, big_map_ids: true, tickets: true, gas, source: None, trusted: true }
    }
}

impl Value {
    /// Reads a value of a type.
    pub fn parse(node: &Micheline, ty: &Type, reading: &mut Reading<'_>) -> Result<Self, TypeError> {
        let numbering = Numbering::of(node);
        Self::parse_at(numbering.root(node), ty, reading)
    }

    pub(crate) fn parse_at(
        cursor: Cursor<'_>,
        ty: &Type,
        reading: &mut Reading<'_>,
    ) -> Result<Self, TypeError> {
        reading.gas.charge(cost::NODE).map_err(|e| TypeError::new(cursor.number, e.into()))?;
        crate::deep(|| parse(cursor, ty, reading))
    }
}

fn wrong(cursor: Cursor<'_>, ty: &Type) -> TypeError {
    let expected = format!("a value of the type {}", brief(ty));
    TypeError::unexpected(cursor.number, expected, cursor.node)
}

fn parse(cursor: Cursor<'_>, ty: &Type, reading: &mut Reading<'_>) -> Result<Value, TypeError> {
    let node = cursor.node;
    let wrong = || wrong(cursor, ty);
    let atom = |prim: Prim| matches!(node, Micheline::Prim(p, args, annots) if *p == prim && args.is_empty() && annots.is_empty());
    Ok(match ty {
        Type::Unit if atom(Prim::Unit) => Value::Unit,
        Type::Bool if atom(Prim::True) => Value::Bool(true),
        Type::Bool if atom(Prim::False) => Value::Bool(false),
        Type::Int => Value::int(number(node).ok_or_else(wrong)?.clone()),
        Type::Nat => Value::int(number(node).filter(|n| n.sign() != Sign::Minus).ok_or_else(wrong)?.clone()),
        Type::Mutez => {
            let amount = number(node).and_then(|n| u64::try_from(n).ok()).map(Mutez);
            Value::Mutez(amount.filter(|amount| *amount <= Mutez::MAX).ok_or_else(wrong)?)
        }
        Type::Timestamp => match node {
            Micheline::Int(n) => Value::int(n.clone()),
            Micheline::String(text) => Value::int(time::parse_timestamp(text).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        },
        Type::String => match node {
            Micheline::String(text) if is_printable(text) => Value::string(text),
            _ => return Err(wrong()),
        },
        Type::Bytes => match node {
            Micheline::Bytes(bytes) => Value::bytes(bytes),
            _ => return Err(wrong()),
        },
        Type::Key => {
            charge_key(cursor, reading)?;
            Value::Key(Arc::new(text_or_bytes(node).ok_or_else(wrong)?))
        }
        Type::KeyHash => Value::KeyHash(text_or_bytes(node).ok_or_else(wrong)?),
        Type::ChainId => Value::ChainId(text_or_bytes(node).ok_or_else(wrong)?),
        Type::Signature => {
            charge_key(cursor, reading)?;
            let signature = match node {
                Micheline::String(text) => text.parse().ok(),
                Micheline::Bytes(bytes) => Signature::from_slice(bytes),
                _ => None,
            };
            Value::Signature(Arc::new(signature.filter(is_signature).ok_or_else(wrong)?))
        }
        Type::Address => Value::Address(Arc::new(text_or_bytes(node).ok_or_else(wrong)?)),
        Type::Contract(expected) => {
            let address: MichelsonAddress = text_or_bytes(node).ok_or_else(wrong)?;
            let at = |reason| TypeError::new(cursor.number, reason);
            let chain = reading.chain.ok_or_else(|| at(Reason::Chain("there is none".to_owned())))?;
            let found = entrypoint_for(chain, &address, expected, reading.gas).map_err(at)?;
            let entrypoint = found.ok_or_else(|| {
                let expected = format!("a contract whose entrypoint takes {expected}");
                TypeError::unexpected(cursor.number, expected, node)
            })?;
            Value::Address(Arc::new(MichelsonAddress { entrypoint, ..address }))
        }
        Type::Option(_) if atom(Prim::None) => Value::none(),
        Type::Option(inner) => match (prim(node), cursor.exactly()) {
            (Some(Prim::Some), Some([arg])) => Value::some(Value::parse_at(arg, inner, reading)?),
            _ => return Err(wrong()),
        },
        Type::Or(types) => match (prim(node), cursor.exactly()) {
            (Some(Prim::Left), Some([arg])) => Value::left(Value::parse_at(arg, &types.0, reading)?),
            (Some(Prim::Right), Some([arg])) => Value::right(Value::parse_at(arg, &types.1, reading)?),
            _ => return Err(wrong()),
        },
        Type::Pair(_) => {
            if !matches!(node, Micheline::Prim(Prim::Pair, _, annots) if annots.is_empty())
                && !matches!(node, Micheline::Seq(_))
            {
                return Err(wrong());
            }
            let items: Vec<_> = cursor.children().collect();
            comb(cursor, &items, ty, reading)?
        }
        Type::List(inner) => {
            let items = sequence(cursor, ty)?;
            Value::List(items.map(|item| Value::parse_at(item, inner, reading)).collect::<Result<_, _>>()?)
        }
        Type::Set(inner) => {
            let mut set = BTreeSet::new();
            for item in sequence(cursor, ty)? {
                let value = Value::parse_at(item, inner, reading)?;
                ascending(item, set.last(), &value, reading)?;
                set.insert(value);
            }
            Value::Set(Arc::new(set))
        }
        Type::Map(types) => {
            let mut map = BTreeMap::new();
            for item in sequence(cursor, ty)? {
                let (key, value) = elt(item)?;
                let key = Value::parse_at(key, &types.0, reading)?;
                ascending(item, map.last_key_value().map(|(k, _)| k), &key, reading)?;
                let value = Value::parse_at(value, &types.1, reading)?;
                map.insert(key, value);
            }
            Value::Map(Arc::new(map))
        }
        Type::BigMap(types) => Value::BigMap(Arc::new(big_map(cursor, ty, &types.0, &types.1, reading)?)),
        Type::Lambda(types) => Value::Lambda(Arc::new(lambda(cursor, ty, &types.0, &types.1, reading)?)),
        Type::Ticket(contents) => Value::Ticket(Arc::new(ticket(cursor, ty, contents, reading)?)),
        Type::BlsG1 | Type::BlsG2 | Type::BlsFr | Type::Chest | Type::ChestKey => {
            curve_or_timelock(node, ty, reading.gas)
                .map_err(|e| TypeError::new(cursor.number, e.into()))?
                .ok_or_else(wrong)?
        }
        Type::Unit | Type::Bool | Type::Never | Type::Operation => return Err(wrong()),
    })
}

/// A value of a type that has no form but bytes; a scalar may be a number, too.
fn curve_or_timelock(node: &Micheline, ty: &Type, gas: &mut Gas) -> Result<Option<Value>, GasExhaustedError> {
    let bytes = match node {
        Micheline::Bytes(bytes) => bytes.as_slice(),
        Micheline::Int(n) if *ty == Type::BlsFr => {
            gas.charge((n.bits() / 8).saturating_mul(cost::BYTE))?;
            return Ok(Some(Value::BlsFr(Fr::from_int(n))));
        }
        _ => return Ok(None),
    };
    gas.charge(cost::of(bytes.len(), cost::BYTE))?;
    Ok(match ty {
        Type::BlsG1 => {
            gas.charge(cost::G1_POINT)?;
            G1::from_bytes(bytes).map(|point| Value::BlsG1(Arc::new(point)))
        }
        Type::BlsG2 => {
            gas.charge(cost::G2_POINT)?;
            G2::from_bytes(bytes).map(|point| Value::BlsG2(Arc::new(point)))
        }
        Type::BlsFr => Fr::from_bytes(bytes).map(Value::BlsFr),
        Type::Chest => Chest::from_bytes(bytes).ok().map(|chest| Value::Chest(Arc::new(chest))),
        Type::ChestKey => ChestKey::from_bytes(bytes).ok().map(|key| Value::ChestKey(Arc::new(key))),
        _ => None,
    })
}

fn charge_key(cursor: Cursor<'_>, reading: &mut Reading<'_>) -> Result<(), TypeError> {
    reading.gas.charge(cost::KEY).map_err(|e| TypeError::new(cursor.number, e.into()))
}

fn number(node: &Micheline) -> Option<&BigInt> {
    match node {
        Micheline::Int(n) => Some(n),
        _ => None,
    }
}

fn prim(node: &Micheline) -> Option<Prim> {
    node.as_prim().filter(|(_, _, annots)| annots.is_empty()).map(|(prim, ..)| prim)
}

/// Michelson strings hold printable ASCII and line feeds.
pub(crate) fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b))
}

/// Whether bytes can be a signature of their curve at all.
fn is_signature(signature: &Signature) -> bool {
    match signature {
        Signature::Secp256k1(bytes) => {
            let (r, s) = bytes.split_at(32);
            r < &SECP256K1_ORDER[..] && s < &SECP256K1_ORDER[..]
        }
        Signature::Bls(bytes) => blst::min_pk::Signature::sig_validate(bytes, false).is_ok(),
        _ => true,
    }
}

/// The order of the curve secp256k1.
const SECP256K1_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba,
    0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

fn text_or_bytes<T: FromStr + Binary>(node: &Micheline) -> Option<T> {
    match node {
        Micheline::String(text) => text.parse().ok(),
        Micheline::Bytes(bytes) => T::from_bytes(bytes).ok(),
        _ => None,
    }
}

/// The components of a right comb: all of them in one node, or the last one a comb again.
fn comb(
    whole: Cursor<'_>,
    items: &[Cursor<'_>],
    ty: &Type,
    reading: &mut Reading<'_>,
) -> Result<Value, TypeError> {
    let mut lefts = Vec::new();
    let mut ty = ty;
    let mut items = items;
    let last = loop {
        match (ty, items) {
            (Type::Pair(types), [first, second]) => {
                lefts.push(Value::parse_at(*first, &types.0, reading)?);
                break Value::parse_at(*second, &types.1, reading)?;
            }
            (Type::Pair(types), [first, rest @ ..]) if !rest.is_empty() => {
                lefts.push(Value::parse_at(*first, &types.0, reading)?);
                ty = &types.1;
                items = rest;
            }
            _ => return Err(wrong(whole, ty)),
        }
    };
    Ok(lefts.into_iter().rev().fold(last, |right, left| Value::pair(left, right)))
}

fn sequence<'a>(
    cursor: Cursor<'a>,
    ty: &Type,
) -> Result<impl Iterator<Item = Cursor<'a>> + use<'a>, TypeError> {
    match cursor.node {
        Micheline::Seq(_) => Ok(cursor.children()),
        _ => Err(wrong(cursor, ty)),
    }
}

fn elt(cursor: Cursor<'_>) -> Result<(Cursor<'_>, Cursor<'_>), TypeError> {
    match (prim(cursor.node), cursor.exactly()) {
        (Some(Prim::Elt), Some([key, value])) => Ok((key, value)),
        _ => Err(TypeError::unexpected(cursor.number, "Elt with a key and a value", cursor.node)),
    }
}

fn ascending(
    at: Cursor<'_>,
    last: Option<&Value>,
    next: &Value,
    reading: &mut Reading<'_>,
) -> Result<(), TypeError> {
    let compared = cost::of(next.compared_size(), cost::BYTE);
    reading.gas.charge(cost::ELEMENT + compared).map_err(|e| TypeError::new(at.number, e.into()))?;
    match last.is_none_or(|last| last < next) {
        true => Ok(()),
        false => Err(TypeError::unexpected(at.number, "keys in ascending order, each once", at.node)),
    }
}

fn big_map(
    cursor: Cursor<'_>,
    ty: &Type,
    key_type: &Type,
    value_type: &Type,
    reading: &mut Reading<'_>,
) -> Result<BigMap, TypeError> {
    let (id, items) = match (cursor.node, cursor.exactly()) {
        (Micheline::Int(id), _) => (Some(id.clone()), None),
        (Micheline::Seq(_), _) => (None, Some(cursor)),
        (Micheline::Prim(Prim::Pair, ..), Some([id, items])) => {
            (Some(number(id.node).ok_or_else(|| wrong(cursor, ty))?.clone()), Some(items))
        }
        _ => return Err(wrong(cursor, ty)),
    };
    let mut map =
        BigMap { id, key_type: key_type.clone(), value_type: value_type.clone(), changes: BTreeMap::new() };
    let mut last: Option<Value> = None;
    for item in items.map(|items| sequence(items, ty)).transpose()?.into_iter().flatten() {
        let (key, value) = elt(item)?;
        let key = Value::parse_at(key, key_type, reading)?;
        ascending(item, last.as_ref(), &key, reading)?;
        let value = match (&map.id, prim(value.node), value.exactly()) {
            (None, ..) => Some(Value::parse_at(value, value_type, reading)?),
            (Some(_), Some(Prim::None), None) if value.node.children().is_empty() => None,
            (Some(_), Some(Prim::Some), Some([value])) => Some(Value::parse_at(value, value_type, reading)?),
            _ => return Err(TypeError::unexpected(value.number, "Some value or None", value.node)),
        };
        let hash: ScriptExprHash =
            key.key_hash(key_type, reading.gas).map_err(|reason| TypeError::new(item.number, reason))?;
        last = Some(key.clone());
        map.changes.insert(hash, (key, value));
    }
    if let Some(id) = map.id.as_ref().filter(|_| !reading.trusted) {
        let at = |reason| TypeError::new(cursor.number, reason);
        let chain = reading.chain.filter(|_| reading.big_map_ids).ok_or_else(|| {
            TypeError::unexpected(
                cursor.number,
                "a new big map",
                format!("the number {id} of an existing one"),
            )
        })?;
        reading.gas.charge(cost::READ).map_err(|e| at(e.into()))?;
        let types = chain.big_map_types(id).map_err(|e| at(Reason::Chain(e.to_string())))?;
        if types.as_ref().is_none_or(|(key, value)| key != key_type || value != value_type) {
            let expected = format!("the number of a big map of the type {ty}");
            return Err(TypeError::unexpected(cursor.number, expected, id));
        }
    }
    Ok(map)
}

fn lambda(
    cursor: Cursor<'_>,
    ty: &Type,
    parameter: &Type,
    result: &Type,
    reading: &mut Reading<'_>,
) -> Result<Lambda, TypeError> {
    // A function points into the expression that holds it.
    let Some(source) = reading.source.clone() else {
        let source = Arc::new(cursor.node.clone());
        let numbering = Numbering::of(&source);
        reading.source = Some(source.clone());
        let read = lambda(numbering.root(&source), ty, parameter, result, reading);
        reading.source = None;
        return read.map_err(|e| TypeError { location: e.location + cursor.number, ..e });
    };
    let (body, recursive) = match (cursor.node, cursor.exactly()) {
        (Micheline::Seq(_), _) => (cursor, false),
        (Micheline::Prim(Prim::Lambda_rec, _, annots), Some([body])) if annots.is_empty() => (body, true),
        _ => return Err(wrong(cursor, ty)),
    };
    let (code, block) = typecheck::function(body, source, parameter, result, recursive, reading.gas)?;
    let function = Function::Code { code, block, number: body.number, recursive };
    Ok(Lambda::new(parameter.clone(), result.clone(), function))
}

/// A ticket is written as its parts, or with the type of its contents besides.
fn ticket(
    cursor: Cursor<'_>,
    ty: &Type,
    contents: &Type,
    reading: &mut Reading<'_>,
) -> Result<Ticket, TypeError> {
    if !reading.tickets {
        return Err(TypeError::new(cursor.number, Reason::ForgedTicket));
    }
    let items: Vec<_> = cursor.children().collect();
    let (ticketer, contents, amount) = match (cursor.node.as_prim(), items.as_slice()) {
        (Some((Prim::Ticket, ..)), [ticketer, content_type, value, amount]) => {
            let told = Type::parse_at(*content_type)?;
            if told != *contents {
                let reason = Reason::Mismatch { expected: contents.clone(), found: told };
                return Err(TypeError::new(content_type.number, reason));
            }
            let ticketer = Value::parse_at(*ticketer, &Type::Address, reading)?;
            let value = Value::parse_at(*value, contents, reading)?;
            (ticketer, value, Value::parse_at(*amount, &Type::Nat, reading)?)
        }
        (Some((Prim::Pair, ..)), _) => {
            let opened = Value::parse_at(cursor, &Ticket::opened_type(contents), reading)?;
            let Value::Pair(parts) = opened else { return Err(wrong(cursor, ty)) };
            let Value::Pair(rest) = &parts.1 else { return Err(wrong(cursor, ty)) };
            (parts.0.clone(), rest.0.clone(), rest.1.clone())
        }
        _ => return Err(wrong(cursor, ty)),
    };
    let (Value::Address(address), Value::Int(amount)) = (&ticketer, amount) else {
        return Err(wrong(cursor, ty));
    };
    if amount.sign() != Sign::Plus {
        return Err(TypeError::new(cursor.number, Reason::ZeroTicket));
    }
    match address.address {
        Address::Contract(ticketer) => Ok(Ticket { ticketer, contents, amount }),
        owner => Err(TypeError::new(cursor.number, Reason::TicketOwner(owner))),
    }
}
