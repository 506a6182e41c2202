//! Pairs, unions, options and collections.

use super::RunError;
use super::machine::{Machine, Next};
use crate::gas::cost;
use crate::typecheck::Instruction as I;
use crate::values::{BigMap, Reading, Value, unshare};
use num_traits::ToPrimitive;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Machine<'_> {
    pub(super) fn collections(&mut self, instruction: &I) -> Result<Next, RunError> {
        match instruction {
            I::Pair(n) => {
                self.gas.charge(cost::of(*n, cost::ELEMENT))?;
                let first = self.index(n - 1)?;
                let mut parts = self.stack.split_off(first).into_iter();
                let last = parts.next().ok_or_else(|| self.fault("values to pair"))?;
                self.push(parts.fold(last, |right, left| Value::pair(left, right)))
            }
            I::Unpair(n) => {
                self.gas.charge(cost::of(*n, cost::ELEMENT))?;
                let mut parts = Vec::with_capacity(*n);
                for _ in 1..*n {
                    let (left, right) = self.pop_pair()?;
                    parts.push(left);
                    self.stack.push(right);
                }
                self.stack.extend(parts.into_iter().rev());
                Ok(Next::Continue)
            }
            I::Car => {
                let (left, _) = self.pop_pair()?;
                self.push(left)
            }
            I::Cdr => {
                let (_, right) = self.pop_pair()?;
                self.push(right)
            }
            I::GetComponent(n) => {
                self.gas.charge(cost::of(*n, cost::ELEMENT / 2))?;
                for _ in 0..n / 2 {
                    let (_, right) = self.pop_pair()?;
                    self.stack.push(right);
                }
                if n % 2 == 1 {
                    let (left, _) = self.pop_pair()?;
                    self.stack.push(left);
                }
                Ok(Next::Continue)
            }
            I::UpdateComponent(n) => {
                self.gas.charge(cost::of(*n, cost::ELEMENT))?;
                let value = self.pop()?;
                let mut lefts = Vec::new();
                for _ in 0..n / 2 {
                    let (left, right) = self.pop_pair()?;
                    lefts.push(left);
                    self.stack.push(right);
                }
                let last = match (n % 2, self.pop()?) {
                    (1, Value::Pair(pair)) => Value::pair(value, unshare(pair).1),
                    (1, _) => return Err(self.fault("a pair")),
                    _ => value,
                };
                self.push(lefts.into_iter().rev().fold(last, |right, left| Value::pair(left, right)))
            }
            I::Left => {
                let value = self.pop()?;
                self.push(Value::left(value))
            }
            I::Right => {
                let value = self.pop()?;
                self.push(Value::right(value))
            }
            I::Some => {
                let value = self.pop()?;
                self.push(Value::some(value))
            }
            I::Cons => match (self.pop()?, self.pop()?) {
                (head, Value::List(tail)) => {
                    self.gas.charge(cost::ELEMENT)?;
                    self.push(Value::List(tail.cons(head)))
                }
                _ => Err(self.fault("an element and a list")),
            },
            I::EmptyBigMap(key_type, value_type) => {
                self.gas.charge(cost::NODE)?;
                self.push(Value::BigMap(Arc::new(BigMap {
                    id: None,
                    key_type: key_type.clone(),
                    value_type: value_type.clone(),
                    changes: BTreeMap::new(),
                })))
            }
            I::Size => {
                let size = match self.pop()? {
                    Value::String(text) => text.len(),
                    Value::Bytes(bytes) => bytes.len(),
                    Value::List(list) => list.len(),
                    Value::Set(set) => set.len(),
                    Value::Map(map) => map.len(),
                    _ => return Err(self.fault("something with a size")),
                };
                self.push(Value::int(size))
            }
            I::Mem => {
                let (key, collection) = (self.pop()?, self.pop()?);
                self.charge_lookup(&key, &collection)?;
                let found = match &collection {
                    Value::Set(set) => set.contains(&key),
                    Value::Map(map) => map.contains_key(&key),
                    Value::BigMap(map) => self.big_map_get(map, &key)?.is_some(),
                    _ => return Err(self.fault("a set or a map")),
                };
                self.push(Value::Bool(found))
            }
            I::Get => {
                let (key, collection) = (self.pop()?, self.pop()?);
                self.charge_lookup(&key, &collection)?;
                let found = self.map_get(&collection, &key)?;
                self.push(Value::Option(found.map(Arc::new)))
            }
            I::Update => {
                let (key, value, collection) = (self.pop()?, self.pop()?, self.pop()?);
                self.charge_lookup(&key, &collection)?;
                let updated = self.updated(collection, key, value)?;
                self.push(updated)
            }
            I::GetAndUpdate => {
                let (key, value, collection) = (self.pop()?, self.pop()?, self.pop()?);
                self.charge_lookup(&key, &collection)?;
                let before = self.map_get(&collection, &key)?;
                let updated = self.updated(collection, key, value)?;
                self.stack.push(updated);
                self.push(Value::Option(before.map(Arc::new)))
            }
            I::Concat => match (self.pop()?, self.pop()?) {
                (Value::String(a), Value::String(b)) => {
                    self.gas.charge(cost::of(a.len() + b.len(), cost::BYTE))?;
                    self.push(Value::String([&*a, &*b].concat().into()))
                }
                (Value::Bytes(a), Value::Bytes(b)) => {
                    self.gas.charge(cost::of(a.len() + b.len(), cost::BYTE))?;
                    self.push(Value::Bytes([&*a, &*b].concat().into()))
                }
                _ => Err(self.fault("two strings or bytes")),
            },
            I::ConcatStrings | I::ConcatBytes => self.concat_list(matches!(instruction, I::ConcatStrings)),
            I::Slice => {
                let (offset, length) = (self.pop_int()?, self.pop_int()?);
                let sliced = self.pop()?;
                let range = |size: usize| {
                    let (offset, length) = (offset.to_usize()?, length.to_usize()?);
                    let end = offset.checked_add(length)?;
                    // An offset at the end is outside, even for nothing.
                    (offset < size && end <= size).then_some(offset..end)
                };
                let slice = match &sliced {
                    Value::String(text) => range(text.len()).and_then(|r| text.get(r)).map(Value::string),
                    Value::Bytes(bytes) => range(bytes.len()).and_then(|r| bytes.get(r)).map(Value::bytes),
                    _ => return Err(self.fault("a string or bytes")),
                };
                self.gas.charge(cost::of(slice.as_ref().map_or(0, Value::compared_size), cost::BYTE))?;
                self.push(Value::Option(slice.map(Arc::new)))
            }
            _ => self.arithmetic(instruction),
        }
    }

    fn charge_lookup(&mut self, key: &Value, collection: &Value) -> Result<(), RunError> {
        let size = match collection {
            Value::Set(set) => set.len(),
            Value::Map(map) => map.len(),
            Value::BigMap(map) => map.changes.len(),
            _ => 0,
        };
        let comparisons = (usize::BITS - size.leading_zeros()) as usize + 1;
        Ok(self.gas.charge(cost::of(comparisons * key.compared_size(), cost::BYTE))?)
    }

    fn map_get(&mut self, collection: &Value, key: &Value) -> Result<Option<Value>, RunError> {
        match collection {
            Value::Map(map) => Ok(map.get(key).cloned()),
            Value::BigMap(map) => self.big_map_get(map, key),
            _ => Err(self.fault("a map")),
        }
    }

    fn big_map_get(&mut self, map: &BigMap, key: &Value) -> Result<Option<Value>, RunError> {
        let hash = key.key_hash(&map.key_type, self.gas)?;
        if let Some((_, value)) = map.changes.get(&hash) {
            return Ok(value.clone());
        }
        let Some(id) = &map.id else { return Ok(None) };
        self.gas.charge(cost::READ)?;
        let Some(stored) = self.chain.big_map_get(id, &hash)? else { return Ok(None) };
        let mut reading = Reading::internal(self.chain, self.gas);
        Value::parse(&stored, &map.value_type, &mut reading)
            .map(Some)
            .map_err(|e| super::from_typing(e, RunError::Chain))
    }

    /// The collection with another binding. What others hold too is copied first, at a price.
    fn updated(&mut self, collection: Value, key: Value, value: Value) -> Result<Value, RunError> {
        let copied = match &collection {
            Value::Set(set) if Arc::strong_count(set) > 1 => set.len(),
            Value::Map(map) if Arc::strong_count(map) > 1 => map.len(),
            Value::BigMap(map) if Arc::strong_count(map) > 1 => map.changes.len(),
            _ => 0,
        };
        self.gas.charge(cost::of(copied, cost::ELEMENT))?;
        match (collection, value) {
            (Value::Set(mut set), Value::Bool(present)) => {
                let elements = Arc::make_mut(&mut set);
                if present {
                    elements.insert(key);
                } else {
                    elements.remove(&key);
                }
                Ok(Value::Set(set))
            }
            (Value::Map(mut map), Value::Option(value)) => {
                let bindings = Arc::make_mut(&mut map);
                match value {
                    Some(value) => bindings.insert(key, unshare(value)),
                    None => bindings.remove(&key),
                };
                Ok(Value::Map(map))
            }
            (Value::BigMap(mut map), Value::Option(value)) => {
                let hash = key.key_hash(&map.key_type, self.gas)?;
                Arc::make_mut(&mut map).changes.insert(hash, (key, value.map(unshare)));
                Ok(Value::BigMap(map))
            }
            _ => Err(self.fault("a collection and what to put into it")),
        }
    }

    fn concat_list(&mut self, strings: bool) -> Result<Next, RunError> {
        let Value::List(list) = self.pop()? else { return Err(self.fault("a list")) };
        let mut whole = Vec::new();
        for part in list.iter() {
            let bytes = match part {
                Value::String(text) => text.as_bytes(),
                Value::Bytes(bytes) => bytes,
                _ => return Err(self.fault("strings or bytes")),
            };
            self.gas.charge(cost::ELEMENT + cost::of(bytes.len(), cost::BYTE))?;
            whole.extend_from_slice(bytes);
        }
        let value = match strings {
            true => Value::String(String::from_utf8_lossy(&whole).into()),
            false => Value::Bytes(whole.into()),
        };
        self.push(value)
    }
}
