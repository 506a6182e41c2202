//! Pairs, unions, options and collections.

use super::operands::{Operands, args, component_number, count_or, same};
use super::{Checker, Instruction as I, Problem, Typed};
use crate::micheline::{Cursor, Prim};
use crate::types::{Type, Use};
use crate::values::{List, Value};
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn data(
        &mut self,
        cursor: Cursor<'_>,
        prim: Prim,
        operands: &mut Operands,
    ) -> Result<Option<Typed>, Problem> {
        let typed = match prim {
            Prim::UNIT => {
                let [] = args(cursor)?;
                operands.push(Type::Unit)?;
                I::Push(Value::Unit)
            }
            Prim::PAIR => {
                let n = count_or(cursor, 2)?;
                if n < 2 {
                    return Err(Problem::unexpected("a number from 2", n));
                }
                let index = operands.index(n - 1)?;
                let types = operands.stack_mut().split_off(index);
                let comb = Type::comb(types.into_iter().rev().collect::<Vec<_>>());
                operands.push(comb.ok_or_else(|| operands.wrong("two values"))?)?;
                I::Pair(n)
            }
            Prim::UNPAIR => {
                let n = count_or(cursor, 2)?;
                if n < 2 {
                    return Err(Problem::unexpected("a number from 2", n));
                }
                let mut rest = operands.pop("a pair")?;
                let mut types = Vec::with_capacity(n);
                for _ in 1..n {
                    let Type::Pair(pair) = &rest else {
                        return Err(Problem::unexpected(
                            format!("a comb of {n}"),
                            format!("only {}", types.len() + 1),
                        ));
                    };
                    types.push(pair.0.clone());
                    rest = pair.1.clone();
                }
                types.push(rest);
                operands.stack_mut().extend(types.into_iter().rev());
                I::Unpair(n)
            }
            Prim::CAR | Prim::CDR => {
                let [] = args(cursor)?;
                let Type::Pair(pair) = operands.pop("a pair")? else { return Err(operands.wrong("a pair")) };
                let first = prim == Prim::CAR;
                operands.push(if first { pair.0.clone() } else { pair.1.clone() })?;
                if first { I::Car } else { I::Cdr }
            }
            Prim::GET if !cursor.node.children().is_empty() => {
                let n = component_number(args::<1>(cursor)?[0])?;
                let ty = operands.pop("a pair")?;
                operands.push(component(&ty, n)?)?;
                I::GetComponent(n)
            }
            Prim::UPDATE if !cursor.node.children().is_empty() => {
                let n = component_number(args::<1>(cursor)?[0])?;
                let value = operands.pop("a value and a pair")?;
                let pair = operands.pop("a value and a pair")?;
                operands.push(with_component(&pair, n, value)?)?;
                I::UpdateComponent(n)
            }
            Prim::LEFT => {
                let [right] = args(cursor)?;
                let left = operands.pop("a value")?;
                operands.push(Type::or(left, Type::parse_at(right)?))?;
                I::Left
            }
            Prim::RIGHT => {
                let [left] = args(cursor)?;
                let right = operands.pop("a value")?;
                operands.push(Type::or(Type::parse_at(left)?, right))?;
                I::Right
            }
            Prim::SOME => {
                let [] = args(cursor)?;
                let ty = operands.pop("a value")?;
                operands.push(Type::option(ty))?;
                I::Some
            }
            Prim::NONE => {
                let [ty] = args(cursor)?;
                operands.push(Type::option(Type::parse_at(ty)?))?;
                I::Push(Value::none())
            }
            Prim::NIL => {
                let [ty] = args(cursor)?;
                operands.push(Type::list(Type::parse_at(ty)?))?;
                I::Push(Value::List(List::new()))
            }
            Prim::CONS => {
                let [] = args(cursor)?;
                let element = operands.pop("an element and a list")?;
                operands.take(&Type::list(element.clone()))?;
                operands.push(Type::list(element))?;
                I::Cons
            }
            Prim::EMPTY_SET => {
                let [ty] = args(cursor)?;
                operands.push(Type::set(Type::parse_at_for(ty, Use::Compared)?))?;
                I::Push(Value::Set(Arc::default()))
            }
            Prim::EMPTY_MAP => {
                let [key, value] = args(cursor)?;
                operands.push(Type::map(Type::parse_at_for(key, Use::Compared)?, Type::parse_at(value)?))?;
                I::Push(Value::Map(Arc::default()))
            }
            Prim::EMPTY_BIG_MAP => {
                let [key, value] = args(cursor)?;
                let key = Type::parse_at_for(key, Use::Compared)?;
                let value = Type::parse_at_for(value, Use::InBigMap)?;
                operands.push(Type::big_map(key.clone(), value.clone()))?;
                I::EmptyBigMap(key, value)
            }
            Prim::SIZE => {
                let [] = args(cursor)?;
                let expected = "a string, bytes, a list, a set or a map";
                match operands.pop(expected)? {
                    Type::String | Type::Bytes | Type::List(_) | Type::Set(_) | Type::Map(_) => {}
                    _ => return Err(operands.wrong(expected)),
                }
                operands.push(Type::Nat)?;
                I::Size
            }
            Prim::MEM => {
                let [] = args(cursor)?;
                let key = operands.pop("a key and a set or map")?;
                match operands.pop("a key and a set or map")? {
                    Type::Set(element) => same(&element, &key)?,
                    Type::Map(types) | Type::BigMap(types) => same(&types.0, &key)?,
                    _ => return Err(operands.wrong("a key and a set or map")),
                }
                operands.push(Type::Bool)?;
                I::Mem
            }
            Prim::GET => {
                let key = operands.pop("a key and a map")?;
                let (Type::Map(types) | Type::BigMap(types)) = operands.pop("a key and a map")? else {
                    return Err(operands.wrong("a key and a map"));
                };
                same(&types.0, &key)?;
                operands.push(Type::option(types.1.clone()))?;
                I::Get
            }
            Prim::UPDATE => {
                let expected = "a key, a bool or an option, and a set or map";
                let key = operands.pop(expected)?;
                let value = operands.pop(expected)?;
                let collection = operands.pop(expected)?;
                match &collection {
                    Type::Set(element) => {
                        same(element, &key)?;
                        same(&Type::Bool, &value)?;
                    }
                    Type::Map(types) | Type::BigMap(types) => {
                        same(&types.0, &key)?;
                        same(&Type::option(types.1.clone()), &value)?;
                    }
                    _ => return Err(operands.wrong(expected)),
                }
                operands.push(collection)?;
                I::Update
            }
            Prim::GET_AND_UPDATE => {
                let [] = args(cursor)?;
                let expected = "a key, an option and a map";
                let key = operands.pop(expected)?;
                let value = operands.pop(expected)?;
                let collection = operands.pop(expected)?;
                let (Type::Map(types) | Type::BigMap(types)) = &collection else {
                    return Err(operands.wrong(expected));
                };
                same(&types.0, &key)?;
                same(&Type::option(types.1.clone()), &value)?;
                operands.push(collection.clone())?;
                operands.push(value)?;
                I::GetAndUpdate
            }
            Prim::CONCAT => {
                let [] = args(cursor)?;
                let expected = "two strings, two bytes, or a list of them";
                match operands.pop(expected)? {
                    Type::List(element) if *element == Type::String => {
                        operands.push(Type::String)?;
                        I::ConcatStrings
                    }
                    Type::List(element) if *element == Type::Bytes => {
                        operands.push(Type::Bytes)?;
                        I::ConcatBytes
                    }
                    ty @ (Type::String | Type::Bytes) => {
                        operands.take(&ty)?;
                        operands.push(ty)?;
                        I::Concat
                    }
                    _ => return Err(operands.wrong(expected)),
                }
            }
            Prim::SLICE => {
                let [] = args(cursor)?;
                operands.take(&Type::Nat)?;
                operands.take(&Type::Nat)?;
                match operands.pop("an offset, a length, and a string or bytes")? {
                    ty @ (Type::String | Type::Bytes) => operands.push(Type::option(ty))?,
                    _ => return Err(operands.wrong("an offset, a length, and a string or bytes")),
                }
                I::Slice
            }
            _ => return Ok(None),
        };
        Ok(Some(typed.into()))
    }
}

/// The component that `GET n` takes: 0 is the whole, odd ones are left parts, even ones what remains.
fn component(ty: &Type, n: usize) -> Result<Type, Problem> {
    let mut ty = ty;
    for _ in 0..n / 2 {
        ty = &pair(ty)?.1;
    }
    Ok(if n % 2 == 1 { pair(ty)?.0.clone() } else { ty.clone() })
}

fn with_component(ty: &Type, n: usize, value: Type) -> Result<Type, Problem> {
    let mut lefts = Vec::new();
    let mut ty = ty;
    for _ in 0..n / 2 {
        let types = pair(ty)?;
        lefts.push(types.0.clone());
        ty = &types.1;
    }
    let last = if n % 2 == 1 { Type::pair(value, pair(ty)?.1.clone()) } else { value };
    Ok(lefts.into_iter().rev().fold(last, |right, left| Type::pair(left, right)))
}

fn pair(ty: &Type) -> Result<&(Type, Type), Problem> {
    match ty {
        Type::Pair(types) => Ok(types),
        other => Err(Problem::unexpected("a comb with that component", other)),
    }
}
