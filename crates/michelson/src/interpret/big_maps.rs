//! Big maps on their way into the storage of the chain.

use super::{Chain, RunError};
use crate::gas::{Gas, GasExhaustedError, cost};
use crate::micheline::Micheline;
use crate::types::Type;
use crate::values::{BigMap, Form, List, Value, unshare};
use num_bigint::BigInt;
use soru_base::ScriptExprHash;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A change to a big map that the chain keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BigMapDiff {
    /// Its number; below zero if it lives only as long as the operation.
    pub id: BigInt,
    /// Where it comes from or goes to.
    pub action: BigMapAction,
    /// Bindings that change, the last hash of a key first, as the network has them.
    pub updates: Vec<BigMapUpdate>,
}

/// Where a big map comes from or goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BigMapAction {
    /// It is new and empty.
    Alloc {
        /// The type of keys.
        key_type: Type,
        /// The type of values.
        value_type: Type,
    },
    /// It begins as a copy.
    Copy {
        /// Of this one.
        source: BigInt,
    },
    /// It stays.
    Update,
    /// It is removed.
    Remove,
}

/// A changed binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BigMapUpdate {
    /// The key, in optimized form.
    pub key: Micheline,
    /// The hash of the packed key.
    pub key_hash: ScriptExprHash,
    /// The value, in optimized form; `None` is a removal.
    pub value: Option<Micheline>,
}

/// Collects the numbers of the big maps in a value. Parts that are shared are met again and again, so each costs.
pub(super) fn collect(
    value: &Value,
    ty: &Type,
    found: &mut BTreeSet<BigInt>,
    gas: &mut Gas,
) -> Result<(), GasExhaustedError> {
    if !ty.has_big_maps() {
        return Ok(());
    }
    gas.charge(cost::WRITTEN_NODE)?;
    crate::deep(|| match (value, ty) {
        (Value::BigMap(map), _) => {
            found.extend(map.id.clone());
            Ok(())
        }
        (Value::Pair(pair), Type::Pair(types)) => {
            collect(&pair.0, &types.0, found, gas)?;
            collect(&pair.1, &types.1, found, gas)
        }
        (Value::Left(value), Type::Or(types)) => collect(value, &types.0, found, gas),
        (Value::Right(value), Type::Or(types)) => collect(value, &types.1, found, gas),
        (Value::Option(Some(value)), Type::Option(ty)) => collect(value, ty, found, gas),
        (Value::List(list), Type::List(ty)) => list.iter().try_for_each(|v| collect(v, ty, found, gas)),
        (Value::Map(map), Type::Map(types)) => {
            map.values().try_for_each(|value| collect(value, &types.1, found, gas))
        }
        _ => Ok(()),
    })
}

/// Turns the big maps of a value into numbers and changes.
pub(super) struct Extraction<'a> {
    temporary: bool,
    // Big maps that somebody else keeps, or that were met before: to be copied.
    to_copy: BTreeSet<BigInt>,
    // Big maps that are still there.
    alive: BTreeSet<BigInt>,
    diffs: Vec<BigMapDiff>,
    chain: &'a mut dyn Chain,
    gas: &'a mut Gas,
}

impl<'a> Extraction<'a> {
    /// `to_copy` are the numbers of big maps that came from somebody else.
    pub(super) fn new(
        temporary: bool,
        to_copy: BTreeSet<BigInt>,
        chain: &'a mut dyn Chain,
        gas: &'a mut Gas,
    ) -> Self {
        Self { temporary, to_copy, alive: BTreeSet::new(), diffs: Vec::new(), chain, gas }
    }

    /// The changes; big maps that were `owned` and are no longer there are removed.
    ///
    /// The last one met comes first, as on the network: a copy of a big map is made before that one changes.
    pub(super) fn finish(self, owned: &BTreeSet<BigInt>) -> Result<Vec<BigMapDiff>, GasExhaustedError> {
        let dead: Vec<_> = owned.iter().rev().filter(|id| !self.alive.contains(*id)).collect();
        self.gas.charge(cost::of(dead.len(), cost::BIG_MAP_CHANGE))?;
        let removed = dead.into_iter().map(|id| BigMapDiff {
            id: id.clone(),
            action: BigMapAction::Remove,
            updates: Vec::new(),
        });
        Ok(removed.chain(self.diffs.into_iter().rev()).collect())
    }

    /// The same value, its big maps being numbers alone.
    pub(super) fn extract(&mut self, value: Value, ty: &Type) -> Result<Value, RunError> {
        if !ty.has_big_maps() {
            return Ok(value);
        }
        self.gas.charge(cost::WRITTEN_NODE)?;
        crate::deep(|| self.extract_node(value, ty))
    }

    fn extract_node(&mut self, value: Value, ty: &Type) -> Result<Value, RunError> {
        Ok(match (value, ty) {
            (Value::BigMap(map), _) => Value::BigMap(Arc::new(self.big_map(unshare(map))?)),
            (Value::Pair(pair), Type::Pair(types)) => {
                let (left, right) = unshare(pair);
                let left = self.extract(left, &types.0)?;
                Value::pair(left, self.extract(right, &types.1)?)
            }
            (Value::Left(value), Type::Or(types)) => Value::left(self.extract(unshare(value), &types.0)?),
            (Value::Right(value), Type::Or(types)) => Value::right(self.extract(unshare(value), &types.1)?),
            (Value::Option(Some(value)), Type::Option(ty)) => Value::some(self.extract(unshare(value), ty)?),
            (Value::List(list), Type::List(ty)) => {
                let items = list.iter().map(|value| self.extract(value.clone(), ty));
                Value::List(items.collect::<Result<List, _>>()?)
            }
            (Value::Map(map), Type::Map(types)) => {
                let extracted = unshare(map).into_iter().map(|(k, v)| Ok((k, self.extract(v, &types.1)?)));
                Value::Map(Arc::new(extracted.collect::<Result<_, RunError>>()?))
            }
            (value, _) => value,
        })
    }

    fn big_map(&mut self, map: BigMap) -> Result<BigMap, RunError> {
        let (id, action) = match map.id {
            Some(id) if self.to_copy.contains(&id) => {
                (self.chain.new_big_map(self.temporary)?, BigMapAction::Copy { source: id })
            }
            Some(id) => (id, BigMapAction::Update),
            None => {
                let (key_type, value_type) = (map.key_type.clone(), map.value_type.clone());
                (self.chain.new_big_map(self.temporary)?, BigMapAction::Alloc { key_type, value_type })
            }
        };
        self.gas.charge(cost::of(map.changes.len().saturating_add(1), cost::BIG_MAP_CHANGE))?;
        if matches!(action, BigMapAction::Alloc { .. }) {
            let types = map.key_type.size() + map.value_type.size();
            self.gas.charge(cost::of(types, cost::WRITTEN_NODE))?;
        }
        let mut updates = Vec::with_capacity(map.changes.len());
        for (key_hash, (key, value)) in map.changes.into_iter().rev() {
            let key = key.to_micheline(&map.key_type, Form::Optimized, self.gas)?;
            let value = match value {
                Some(value) => Some(value.to_micheline(&map.value_type, Form::Optimized, self.gas)?),
                None => None,
            };
            updates.push(BigMapUpdate { key, key_hash, value });
        }
        self.alive.insert(id.clone());
        self.to_copy.insert(id.clone());
        self.diffs.push(BigMapDiff { id: id.clone(), action, updates });
        Ok(BigMap {
            id: Some(id),
            key_type: map.key_type,
            value_type: map.value_type,
            changes: Default::default(),
        })
    }
}
