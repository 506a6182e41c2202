//! Counts of references, and how they get to disk.
//!
//! A new version of a tree refers once more to all that it shares with the last one right beside its own nodes. Those nodes
//! lie anywhere in the store, so their counts, written one by one, would touch a page of the database each. Therefore the
//! counts that a transaction changes are appended, all in one record, to a list, and put into the table of counts together
//! when the list has become long.

use super::{COUNT_CHANGES, COUNTS, LoadError, database};
use redb::{ReadableTable, Table, WriteTransaction};
use soru_base::blake2b::hash32;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts on the list at most; then they go into the table.
const LISTED_MAX: usize = if cfg!(test) { 16 } else { 1 << 16 };
/// Bytes of an id and its count.
const CHANGE: usize = 16;

/// The counts on the list, by id, as they were when it had that stamp.
#[derive(Default)]
pub(super) struct Listed {
    stamp: u64,
    counts: BTreeMap<u64, u64>,
}

/// The list as a store read or wrote it last: what holds it knows from the stamp whether it still is the one on disk.
pub(super) type Remembered = Mutex<Option<Listed>>;

/// The counts in one transaction.
pub(super) struct Counts<'t> {
    table: Table<'t, u64, u64>,
    list: Table<'t, u64, &'static [u8]>,
    remembered: &'t Remembered,
    listed: Listed,
    changed: BTreeMap<u64, u64>,
}

impl<'t> Counts<'t> {
    /// `stamp` is that of the list, 0 for an empty one.
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        remembered: &'t Remembered,
        stamp: u64,
    ) -> Result<Self, LoadError> {
        let table = transaction.open_table(COUNTS).map_err(database)?;
        let list = transaction.open_table(COUNT_CHANGES).map_err(database)?;
        let known = remembered.lock().unwrap_or_else(PoisonError::into_inner).take();
        let listed = match known.filter(|listed| listed.stamp == stamp) {
            Some(listed) => listed,
            None => read(&list, stamp)?,
        };
        Ok(Self { table, list, remembered, listed, changed: BTreeMap::new() })
    }

    /// References to a node.
    pub(super) fn get(&self, id: u64) -> Result<u64, LoadError> {
        if let Some(count) = self.changed.get(&id).or_else(|| self.listed.counts.get(&id)) {
            return Ok(*count);
        }
        Ok(self.table.get(id).map_err(database)?.map_or(1, |count| count.value()))
    }

    pub(super) fn set(&mut self, id: u64, count: u64) {
        self.changed.insert(id, count);
    }

    /// Writes what has changed. Gives the stamp of the list.
    pub(super) fn close(mut self) -> Result<u64, LoadError> {
        if self.listed.counts.len() + self.changed.len() > LISTED_MAX {
            self.listed.counts.extend(std::mem::take(&mut self.changed));
            for (id, count) in std::mem::take(&mut self.listed.counts) {
                // A node has one reference if nothing is said.
                match count {
                    1 => self.table.remove(id).map_err(database)?,
                    _ => self.table.insert(id, count).map_err(database)?,
                };
            }
            while self.list.pop_first().map_err(database)?.is_some() {}
            self.listed.stamp = 0;
        } else if !self.changed.is_empty() {
            let record: Vec<u8> = self
                .changed
                .iter()
                .flat_map(|(id, count)| [*id, *count])
                .flat_map(u64::to_be_bytes)
                .collect();
            let last = self.list.last().map_err(database)?.map_or(0, |(number, _)| number.value());
            self.list.insert(last + 1, record.as_slice()).map_err(database)?;
            self.listed.stamp = stamp(self.listed.stamp, &record);
            self.listed.counts.extend(std::mem::take(&mut self.changed));
        }
        let stamp = self.listed.stamp;
        *self.remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.listed);
        Ok(stamp)
    }
}

fn read(list: &Table<'_, u64, &'static [u8]>, expected: u64) -> Result<Listed, LoadError> {
    let mut listed = Listed::default();
    for record in list.iter().map_err(database)? {
        let (number, record) = record.map_err(database)?;
        let record = record.value();
        let (changes, rest) = record.as_chunks::<CHANGE>();
        if !rest.is_empty() {
            return Err(corrupt(format!("record {} has {} bytes", number.value(), record.len())));
        }
        for change in changes {
            let (id, count) = change.split_at(CHANGE / 2);
            listed.counts.insert(number_of(id), number_of(count));
        }
        listed.stamp = stamp(listed.stamp, record);
    }
    if listed.stamp != expected {
        return Err(corrupt(format!("its stamp is {}, not {expected}", listed.stamp)));
    }
    Ok(listed)
}

fn corrupt(reason: String) -> LoadError {
    LoadError::Counts(reason)
}

/// Depends on all records of a list, the last one given here; never 0.
fn stamp(before: u64, record: &[u8]) -> u64 {
    let hash = hash32(&[&before.to_be_bytes(), record].concat());
    number_of(&hash[..CHANGE / 2]).max(1)
}

fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use redb::{Database, ReadableDatabase, ReadableTableMetadata, backends::InMemoryBackend};

    proptest! {
        /// Whatever is aborted, by whichever of two stores and after whatever merging: what was committed is read.
        #[test]
        fn counts_are_those_that_were_committed(
            rounds in proptest::collection::vec(
                (proptest::collection::vec((0u64..40, 0u64..4), 0..9), any::<bool>(), 0..2usize), 1..40),
        ) {
            let db = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
            let stores = [Remembered::default(), Remembered::default()];
            let (mut model, mut stamp) = (BTreeMap::new(), 0);
            for (changes, is_committed, store) in rounds {
                let transaction = db.begin_write().unwrap();
                let mut counts = Counts::open(&transaction, &stores[store], stamp).unwrap();
                let mut changed = model.clone();
                for id in 0..40 {
                    prop_assert_eq!(counts.get(id).unwrap(), *model.get(&id).unwrap_or(&1));
                }
                for (id, count) in changes {
                    counts.set(id, count);
                    changed.insert(id, count);
                    prop_assert_eq!(counts.get(id).unwrap(), count);
                }
                let closed = counts.close().unwrap();
                if is_committed {
                    transaction.commit().unwrap();
                    (model, stamp) = (changed, closed);
                }
            }
            // A list that has become long went into the table.
            let list = db.begin_read().unwrap().open_table(COUNT_CHANGES).map_or(0, |list| list.len().unwrap());
            prop_assert!(list <= 16 && (list == 0) == (stamp == 0));
        }
    }

    #[test]
    fn a_list_that_was_damaged_is_said_so() {
        let db = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let transaction = db.begin_write().unwrap();
        let [remembered, other] = [(); 2].map(|()| Remembered::default());
        let mut counts = Counts::open(&transaction, &remembered, 0).unwrap();
        counts.set(7, 2);
        let stamp = counts.close().unwrap();
        transaction.open_table(COUNT_CHANGES).unwrap().insert(1, &[0; CHANGE][..]).unwrap();
        let open =
            |remembered, stamp| Counts::open(&transaction, remembered, stamp).map(|counts| counts.get(7));
        assert_eq!(open(&remembered, stamp).unwrap().unwrap(), 2);
        let error = open(&other, stamp).err().unwrap().to_string();
        assert!(
            error.starts_with("the counts of references of the store are corrupt: its stamp is"),
            "{error}"
        );
        transaction.open_table(COUNT_CHANGES).unwrap().insert(2, &[0; 3][..]).unwrap();
        let error = open(&other, stamp).err().unwrap().to_string();
        assert!(error.ends_with("record 2 has 3 bytes"), "{error}");
    }
}
