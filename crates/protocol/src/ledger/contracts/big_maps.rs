//! Big maps in the ledger: `big_maps/<number>/{key_type,value_type,bytes,contents/<hash of key>}`.

use super::super::Ledger;
use super::super::error::StorageError;
use super::super::store::at;
use super::BIG_MAPS;
use super::chain::big_map_name;
use num_bigint::BigInt;
use serde_json::{Value, json};
use soru_base::{Binary, IdFamily, Json};
use soru_michelson::interpret::{BigMapAction, BigMapDiff, BigMapUpdate};

/// What the network counts for an empty big map, and for a key.
const EMPTY: i64 = 33;
const KEY: i64 = 65;

impl Ledger {
    /// Applies changes of big maps; how many bytes of storage the lasting ones take more.
    pub(super) fn apply_big_map_diffs(&mut self, diffs: &[BigMapDiff]) -> Result<i64, StorageError> {
        let mut more = 0i64;
        for diff in diffs {
            let change = self.apply_big_map_diff(diff)?;
            if diff.id >= BigInt::from(0) {
                more = more.saturating_add(change);
            }
        }
        Ok(more)
    }

    fn apply_big_map_diff(&mut self, diff: &BigMapDiff) -> Result<i64, StorageError> {
        let id = named(&diff.id)?;
        let before = self.big_map_bytes(&id)?;
        let mut bytes = match &diff.action {
            BigMapAction::Alloc { key_type, value_type } => {
                self.store.set(at![BIG_MAPS, id, "key_type"], &key_type.to_micheline())?;
                self.store.set(at![BIG_MAPS, id, "value_type"], &value_type.to_micheline())?;
                EMPTY
            }
            BigMapAction::Copy { source } => {
                let source = named(source)?;
                if let Some(tree) = self.store.tree.find_tree(at![BIG_MAPS, source])? {
                    self.store.tree.insert_tree(at![BIG_MAPS, id], tree)?;
                }
                self.big_map_bytes(&source)?
            }
            BigMapAction::Update => before,
            BigMapAction::Remove => {
                self.store.remove(at![BIG_MAPS, id])?;
                return Ok(-before);
            }
        };
        for update in &diff.updates {
            bytes = bytes.saturating_add(self.update_binding(&id, update)?);
        }
        self.store.set_number(at![BIG_MAPS, id, "bytes"], u64::try_from(bytes).unwrap_or(0))?;
        Ok(bytes.saturating_sub(before))
    }

    fn update_binding(&mut self, id: &[u8; 8], update: &BigMapUpdate) -> Result<i64, StorageError> {
        let place = at![BIG_MAPS, id, "contents", update.key_hash];
        let before = self.store.tree.find(place)?.map_or(0, |old| KEY + old.len() as i64);
        let after = match &update.value {
            Some(value) => {
                let bytes = value.to_bytes();
                let size = KEY + bytes.len() as i64;
                self.store.tree.insert(place, bytes)?;
                size
            }
            None => {
                self.store.remove(place)?;
                0
            }
        };
        Ok(after - before)
    }

    fn big_map_bytes(&self, id: &[u8; 8]) -> Result<i64, StorageError> {
        let bytes = self.store.number(at![BIG_MAPS, id, "bytes"])?;
        Ok(i64::try_from(bytes).unwrap_or(i64::MAX))
    }

    /// Removes the big maps that live only as long as an operation: those numbered from −1 down to `last`.
    pub(in super::super) fn remove_temporary_big_maps(&mut self, last: i64) -> Result<(), StorageError> {
        for id in last..0 {
            self.store.remove(at![BIG_MAPS, named(&BigInt::from(id))?])?;
        }
        Ok(())
    }
}

fn named(id: &BigInt) -> Result<[u8; 8], StorageError> {
    big_map_name(id).ok_or_else(|| StorageError::Missing(format!("room for a big map numbered {id}")))
}

/// The network's JSON of changes of big maps; nothing if there are none.
pub fn lazy_storage_diff(diffs: &[BigMapDiff], family: IdFamily) -> Option<Value> {
    let lasting: Vec<Value> = diffs
        .iter()
        .filter(|diff| diff.id >= BigInt::from(0))
        .map(|diff| json!({ "kind": "big_map", "id": diff.id.to_string(), "diff": one(diff, family) }))
        .collect();
    (!lasting.is_empty()).then_some(Value::Array(lasting))
}

fn one(diff: &BigMapDiff, family: IdFamily) -> Value {
    let mut object = match &diff.action {
        BigMapAction::Remove => return json!({ "action": "remove" }),
        BigMapAction::Update => json!({ "action": "update" }),
        BigMapAction::Copy { source } => json!({ "action": "copy", "source": source.to_string() }),
        BigMapAction::Alloc { .. } => json!({ "action": "alloc" }),
    };
    let updates = diff.updates.iter().map(|update| {
        let mut object = json!({
            "key_hash": update.key_hash.to_string(),
            "key": update.key.to_json(family),
        });
        if let Some(value) = &update.value {
            object["value"] = value.to_json(family);
        }
        object
    });
    object["updates"] = updates.collect();
    if let BigMapAction::Alloc { key_type, value_type } = &diff.action {
        object["key_type"] = key_type.to_micheline().to_json(family);
        object["value_type"] = value_type.to_micheline().to_json(family);
    }
    object
}
