//! Expressions from values.

use super::{BigMap, Function, Lambda, Reading, Ticket, Value, time};
use crate::error::Reason;
use crate::gas::{Gas, cost};
use crate::micheline::{Builder, Event, MAX_DEPTH, Micheline, Numbering, Prim};
use crate::types::Type;
use num_bigint::BigInt;
use soru_base::{Binary, IdFamily, ScriptExprHash};

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people: texts for addresses, keys and dates, combs as `Pair a b c`.
    Readable(IdFamily),
    /// As the chain stores them: bytes for addresses, keys and so on; combs of four and more as sequences.
    Optimized,
    /// As `PACK` makes them, hence as keys of big maps are hashed: like `Optimized`, but with nested pairs.
    Packed,
}

impl Value {
    /// The expression of this value.
    ///
    /// Errors: out of gas, nested too deeply, an operation, or a value that is not of the type.
    pub fn to_micheline(&self, ty: &Type, form: Form, gas: &mut Gas) -> Result<Micheline, Reason> {
        unparse(self, ty, form, gas, 0)
    }

    /// `PACK`: `05` and the binary form of the packed form.
    pub fn pack(&self, ty: &Type, gas: &mut Gas) -> Result<Vec<u8>, Reason> {
        let packed = self.to_micheline(ty, Form::Packed, gas)?.pack();
        gas.charge(cost::of(packed.len(), cost::BYTE))?;
        Ok(packed)
    }

    /// The hash by which big maps know a key.
    pub fn key_hash(&self, ty: &Type, gas: &mut Gas) -> Result<ScriptExprHash, Reason> {
        let packed = self.pack(ty, gas)?;
        gas.charge(cost::HASH + cost::of(packed.len(), cost::HASHED_BYTE))?;
        Ok(ScriptExprHash(soru_base::blake2b::hash32(&packed)))
    }
}

fn unparse(value: &Value, ty: &Type, form: Form, gas: &mut Gas, depth: usize) -> Result<Micheline, Reason> {
    if depth > MAX_DEPTH {
        return Err(Reason::TooDeep);
    }
    gas.charge(cost::WRITTEN_NODE)?;
    crate::deep(|| unparse_node(value, ty, form, gas, depth + 1))
}

fn unparse_node(
    value: &Value,
    ty: &Type,
    form: Form,
    gas: &mut Gas,
    depth: usize,
) -> Result<Micheline, Reason> {
    let readable = match form {
        Form::Readable(family) => Some(family),
        _ => None,
    };
    let text_or_bytes = |text: &dyn Fn(IdFamily) -> String, bytes: &dyn Fn() -> Vec<u8>| match readable {
        Some(family) => Micheline::String(text(family)),
        None => Micheline::Bytes(bytes()),
    };
    Ok(match (ty, value) {
        (Type::Unit, Value::Unit) => Micheline::unit(),
        (Type::Bool, Value::Bool(b)) => Micheline::atom(if *b { Prim::True } else { Prim::False }),
        (Type::Int | Type::Nat, Value::Int(n)) => {
            charge_number(n, gas)?;
            Micheline::Int(BigInt::clone(n))
        }
        (Type::Timestamp, Value::Int(n)) => match (readable, time::format_timestamp(n)) {
            (Some(_), Some(text)) => Micheline::String(text),
            _ => {
                charge_number(n, gas)?;
                Micheline::Int(BigInt::clone(n))
            }
        },
        (Type::String, Value::String(s)) => {
            gas.charge(cost::of(s.len(), cost::BYTE))?;
            Micheline::string(&**s)
        }
        (Type::Bytes, Value::Bytes(b)) => {
            gas.charge(cost::of(b.len(), cost::BYTE))?;
            Micheline::bytes(&**b)
        }
        (Type::Mutez, Value::Mutez(m)) => Micheline::int(m.0),
        (Type::Key, Value::Key(k)) => text_or_bytes(&|_| k.to_string(), &|| k.to_bytes()),
        (Type::KeyHash, Value::KeyHash(k)) => text_or_bytes(&|_| k.to_string(), &|| k.to_bytes()),
        (Type::Signature, Value::Signature(s)) => {
            text_or_bytes(&|_| s.to_string(), &|| s.as_bytes().to_vec())
        }
        (Type::ChainId, Value::ChainId(c)) => text_or_bytes(&|_| c.to_string(), &|| c.to_bytes()),
        (Type::BlsG1, Value::BlsG1(point)) => Micheline::bytes(point.to_bytes()),
        (Type::BlsG2, Value::BlsG2(point)) => Micheline::bytes(point.to_bytes()),
        (Type::BlsFr, Value::BlsFr(scalar)) => Micheline::bytes(scalar.to_bytes()),
        (Type::Chest, Value::Chest(chest)) => {
            gas.charge(cost::of(chest.contents_len(), cost::BYTE))?;
            Micheline::bytes(chest.to_bytes())
        }
        (Type::ChestKey, Value::ChestKey(key)) => Micheline::bytes(key.to_bytes()),
        // Nothing but bytes can hold a name that is no text.
        (Type::Address | Type::Contract(_), Value::Address(a)) if !a.entrypoint.is_text() => {
            Micheline::bytes(a.to_bytes())
        }
        (Type::Address | Type::Contract(_), Value::Address(a)) => {
            text_or_bytes(&|family| a.in_family(family), &|| a.to_bytes())
        }
        (Type::Pair(types), Value::Pair(pair)) => {
            let left = unparse(&pair.0, &types.0, form, gas, depth)?;
            let right = unparse(&pair.1, &types.1, form, gas, depth)?;
            comb(left, right, &types.1, form)
        }
        (Type::Or(types), Value::Left(v)) => {
            Micheline::prim(Prim::Left, [unparse(v, &types.0, form, gas, depth)?])
        }
        (Type::Or(types), Value::Right(v)) => {
            Micheline::prim(Prim::Right, [unparse(v, &types.1, form, gas, depth)?])
        }
        (Type::Option(_), Value::Option(None)) => Micheline::atom(Prim::None),
        (Type::Option(ty), Value::Option(Some(v))) => {
            Micheline::prim(Prim::Some, [unparse(v, ty, form, gas, depth)?])
        }
        (Type::List(ty), Value::List(list)) => {
            Micheline::Seq(list.iter().map(|v| unparse(v, ty, form, gas, depth)).collect::<Result<_, _>>()?)
        }
        (Type::Set(ty), Value::Set(set)) => {
            Micheline::Seq(set.iter().map(|v| unparse(v, ty, form, gas, depth)).collect::<Result<_, _>>()?)
        }
        (Type::Map(types), Value::Map(map)) => {
            let elt = |(k, v)| {
                let key = unparse(k, &types.0, form, gas, depth)?;
                Ok::<_, Reason>(Micheline::prim(Prim::Elt, [key, unparse(v, &types.1, form, gas, depth)?]))
            };
            Micheline::Seq(map.iter().map(elt).collect::<Result<_, _>>()?)
        }
        (Type::BigMap(_), Value::BigMap(map)) => big_map(map, form, gas, depth)?,
        (Type::Lambda(_), Value::Lambda(lambda)) => function(lambda, form, gas, depth)?,
        (Type::Ticket(ty), Value::Ticket(ticket)) => {
            unparse_node(&ticket.opened(), &Ticket::opened_type(ty), form, gas, depth)?
        }
        (Type::Operation, _) => {
            return Err(Reason::Unexpected {
                expected: "a value".to_owned(),
                found: "an operation".to_owned(),
            });
        }
        _ => {
            let expected = format!("a value of {ty}");
            return Err(Reason::Unexpected { expected, found: "a value of another type".to_owned() });
        }
    })
}

/// Writing a number in decimal digits, which comes sooner or later, takes time as the square of its length.
fn charge_number(n: &BigInt, gas: &mut Gas) -> Result<(), Reason> {
    let limbs = n.bits() / 64;
    Ok(gas.charge((n.bits() / 8).saturating_mul(cost::BYTE).saturating_add(limbs.saturating_mul(limbs)))?)
}

/// Joins the components of a pair, whose second one is of the type `right_type`.
fn comb(left: Micheline, mut right: Micheline, right_type: &Type, form: Form) -> Micheline {
    if let Type::Pair(right_types) = right_type {
        match (form, &right) {
            (Form::Readable(_), Micheline::Prim(Prim::Pair, ..)) => {
                let mut items = right.take_children();
                items.insert(0, left);
                return Micheline::prim(Prim::Pair, items);
            }
            (Form::Optimized, Micheline::Seq(_)) => {
                let mut items = right.take_children();
                items.insert(0, left);
                return Micheline::Seq(items);
            }
            (Form::Optimized, _) if matches!(right_types.1, Type::Pair(_)) => {
                // The fourth component makes it a sequence.
                let mut parts = right.take_children();
                let last = parts.pop().map(|mut last| last.take_children()).unwrap_or_default();
                return Micheline::Seq([left].into_iter().chain(parts).chain(last).collect());
            }
            _ => {}
        }
    }
    Micheline::prim(Prim::Pair, [left, right])
}

fn big_map(map: &BigMap, form: Form, gas: &mut Gas, depth: usize) -> Result<Micheline, Reason> {
    let mut changes: Vec<_> = map.changes.values().collect();
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    let mut items = Vec::with_capacity(changes.len());
    for (key, value) in changes {
        let key = unparse(key, &map.key_type, form, gas, depth)?;
        let value = match value {
            Some(value) => {
                let value = unparse(value, &map.value_type, form, gas, depth)?;
                if map.id.is_some() { Micheline::prim(Prim::Some, [value]) } else { value }
            }
            None if map.id.is_some() => Micheline::atom(Prim::None),
            // Removed from a map that the chain does not have yet.
            None => continue,
        };
        items.push(Micheline::prim(Prim::Elt, [key, value]));
    }
    Ok(match &map.id {
        Some(id) if items.is_empty() => Micheline::Int(id.clone()),
        Some(id) => Micheline::prim(Prim::Pair, [Micheline::Int(id.clone()), Micheline::Seq(items)]),
        None => Micheline::Seq(items),
    })
}

fn function(lambda: &Lambda, form: Form, gas: &mut Gas, depth: usize) -> Result<Micheline, Reason> {
    match lambda.function() {
        Function::Code { code, number, recursive, .. } => {
            let body = normalize(&Function::source(code, *number), form, gas, depth)?;
            Ok(if *recursive { Micheline::prim(Prim::Lambda_rec, [body]) } else { body })
        }
        Function::Applied { argument, argument_type, inner } => {
            let argument = unparse(argument, argument_type, form, gas, depth)?;
            let push = Micheline::prim(Prim::PUSH, [argument_type.to_micheline(), argument]);
            let inner_body = crate::deep(|| unparse_function(inner, form, gas, depth))?;
            let pair = Micheline::atom(Prim::PAIR);
            Ok(match inner_body {
                Micheline::Prim(Prim::Lambda_rec, ..) => {
                    let mut node = inner_body;
                    let body = node.take_children();
                    let types = [inner.parameter.to_micheline(), inner.result.to_micheline()];
                    let lambda =
                        Micheline::prim(Prim::LAMBDA_REC, types.into_iter().chain(body).collect::<Vec<_>>());
                    Micheline::seq([
                        push,
                        pair,
                        lambda,
                        Micheline::atom(Prim::SWAP),
                        Micheline::atom(Prim::EXEC),
                    ])
                }
                body => Micheline::seq([push, pair, body]),
            })
        }
    }
}

fn unparse_function(lambda: &Lambda, form: Form, gas: &mut Gas, depth: usize) -> Result<Micheline, Reason> {
    if depth > MAX_DEPTH {
        return Err(Reason::TooDeep);
    }
    gas.charge(cost::NODE)?;
    function(lambda, form, gas, depth + 1)
}

/// A literal in typed code, in the given form.
///
/// What functions hold in functions is not typed again for each of them: that would take time and room as the square of the depth.
fn literal(
    node: &Micheline,
    ty: &Type,
    form: Form,
    gas: &mut Gas,
    depth: usize,
) -> Result<Micheline, Reason> {
    if depth > MAX_DEPTH {
        return Err(Reason::TooDeep);
    }
    match (ty, node) {
        (Type::Lambda(_), Micheline::Seq(_)) => {
            return crate::deep(|| normalize(node, form, gas, depth + 1));
        }
        (Type::Lambda(_), Micheline::Prim(Prim::Lambda_rec, args, _)) if args.len() == 1 => {
            let body = crate::deep(|| normalize(&args[0], form, gas, depth + 1))?;
            return Ok(Micheline::prim(Prim::Lambda_rec, [body]));
        }
        _ => {}
    }
    if ty.has_functions() {
        gas.charge(cost::of(node.nodes(), cost::TYPED_AGAIN))?;
    }
    let value = Value::parse(node, ty, &mut Reading::literal(gas)).map_err(|e| e.reason)?;
    unparse(&value, ty, form, gas, depth)
}

/// Code whose literals are written in the given form.
fn normalize(code: &Micheline, form: Form, gas: &mut Gas, depth: usize) -> Result<Micheline, Reason> {
    let mut builder = Builder::default();
    // While the arguments of a PUSH go by, which are replaced.
    let mut skipped = 0usize;
    for event in code.events() {
        match event {
            Event::Open(Micheline::Prim(Prim::PUSH, args, annots)) if skipped == 0 && args.len() == 2 => {
                skipped = 1;
                let numbering = Numbering::of(&args[0]);
                let ty = Type::parse_at(numbering.root(&args[0])).map_err(|e| e.reason)?;
                let value = literal(&args[1], &ty, form, gas, depth)?;
                builder.leaf(Micheline::Prim(Prim::PUSH, vec![args[0].clone(), value], annots.clone()));
            }
            Event::Open(_) if skipped > 0 => skipped += 1,
            Event::Close(_) if skipped > 0 => skipped -= 1,
            Event::Leaf(_) if skipped > 0 => {}
            Event::Open(node) => {
                gas.charge(cost::NODE)?;
                let head = match node {
                    Micheline::Prim(prim, _, annots) => Micheline::Prim(*prim, Vec::new(), annots.clone()),
                    _ => Micheline::Seq(Vec::new()),
                };
                builder.open(head).map_err(|_| Reason::TooDeep)?;
            }
            Event::Close(_) => builder.close(),
            Event::Leaf(node) => {
                gas.charge(cost::NODE)?;
                builder.leaf(node.clone());
            }
        }
    }
    Ok(builder.finish().unwrap_or_else(|| Micheline::seq([])))
}
