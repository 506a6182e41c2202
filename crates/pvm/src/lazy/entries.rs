//! Entries of a lazy container by int32 key, as far as they were looked at or changed.

use std::collections::{BTreeMap, VecDeque};

/// What is known of an entry.
#[derive(Debug, Clone)]
pub(super) enum Entry<V> {
    /// Nothing: it is what the subtree holds, if anything.
    Untouched,
    /// The value that the subtree holds.
    Read(V),
    /// A value that the subtree does not hold yet.
    Changed(V),
    /// There is none any more.
    Removed,
}

impl<V> Entry<V> {
    pub(super) fn value(&self) -> Option<&V> {
        match self {
            Self::Read(value) | Self::Changed(value) => Some(value),
            Self::Untouched | Self::Removed => None,
        }
    }

    fn is_written(&self) -> bool {
        matches!(self, Self::Untouched | Self::Read(_))
    }
}

/// Entries by key. Keys come in runs, as those of a stack do: one run is kept in a row, what lies far from it in a map.
#[derive(Debug, Clone)]
pub(super) struct Entries<V> {
    first: i32,
    row: VecDeque<Entry<V>>,
    #[expect(clippy::box_collection, reason = "nearly never there, and stacks are moved a lot")]
    far: Option<Box<BTreeMap<i32, Entry<V>>>>,
    // Between these keys are all entries of the row that are not written; none if the first is the greater one.
    unwritten: (i32, i32),
}

const NONE: (i32, i32) = (i32::MAX, i32::MIN);
/// No more untouched entries than this are put into the row to reach a key.
const GAP: i64 = 64;

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self { first: 0, row: VecDeque::new(), far: None, unwritten: NONE }
    }
}

impl<V> Entries<V> {
    /// Values from key 0 on.
    pub(super) fn from_values(values: impl IntoIterator<Item = V>) -> Self {
        let row: VecDeque<_> = values.into_iter().map(Entry::Changed).collect();
        let unwritten = if row.is_empty() { NONE } else { (0, row.len() as i32 - 1) };
        Self { first: 0, row, far: None, unwritten }
    }

    /// How many are kept.
    pub(super) fn count(&self) -> usize {
        self.row.len() + self.far.as_ref().map_or(0, |far| far.len())
    }

    fn place(&self, key: i32) -> Option<usize> {
        let place = i64::from(key) - i64::from(self.first);
        usize::try_from(place).ok().filter(|place| *place < self.row.len())
    }

    pub(super) fn get(&self, key: i32) -> Option<&Entry<V>> {
        match self.place(key) {
            Some(place) => self.row.get(place),
            None => self.far.as_ref().and_then(|far| far.get(&key)),
        }
    }

    /// The value at a key. It must not be changed.
    pub(super) fn look(&mut self, key: i32) -> Option<&mut V> {
        let entry = match self.place(key) {
            Some(place) => self.row.get_mut(place)?,
            None => self.far.as_mut()?.get_mut(&key)?,
        };
        match entry {
            Entry::Read(value) | Entry::Changed(value) => Some(value),
            Entry::Untouched | Entry::Removed => None,
        }
    }

    /// The value at a key, to be changed; it counts as changed from now on.
    pub(super) fn change(&mut self, key: i32) -> Option<&mut V> {
        let entry = match self.place(key) {
            Some(place) => {
                self.unwritten = (self.unwritten.0.min(key), self.unwritten.1.max(key));
                self.row.get_mut(place)?
            }
            None => self.far.as_mut()?.get_mut(&key)?,
        };
        if let Entry::Read(_) = entry {
            let Entry::Read(value) = std::mem::replace(entry, Entry::Untouched) else { return None };
            *entry = Entry::Changed(value);
        }
        match entry {
            Entry::Changed(value) => Some(value),
            _ => None,
        }
    }

    /// Puts an entry, and gives what was there.
    pub(super) fn put(&mut self, key: i32, entry: Entry<V>) -> Entry<V> {
        if !entry.is_written() {
            self.unwritten = (self.unwritten.0.min(key), self.unwritten.1.max(key));
        }
        if let Some(place) = self.place(key) {
            return std::mem::replace(&mut self.row[place], entry);
        }
        if self.far.is_none() {
            if self.row.is_empty() {
                self.first = key;
                self.row.push_back(entry);
                return Entry::Untouched;
            }
            let after = i64::from(key) - (i64::from(self.first) + self.row.len() as i64);
            if (0..GAP).contains(&after) {
                self.row.extend((0..after).map(|_| Entry::Untouched));
                self.row.push_back(entry);
                return Entry::Untouched;
            }
            let before = i64::from(self.first) - i64::from(key);
            if (1..=GAP).contains(&before) {
                (1..before).for_each(|_| self.row.push_front(Entry::Untouched));
                self.row.push_front(entry);
                self.first = key;
                return Entry::Untouched;
            }
        }
        let far = self.far.get_or_insert_default();
        far.insert(key, entry).unwrap_or(Entry::Untouched)
    }

    /// Forgets an entry, and gives what was there.
    pub(super) fn forget(&mut self, key: i32) -> Entry<V> {
        match self.place(key) {
            Some(0) => {
                self.first = self.first.wrapping_add(1);
                self.row.pop_front().unwrap_or(Entry::Untouched)
            }
            Some(place) => std::mem::replace(&mut self.row[place], Entry::Untouched),
            None => self.far.as_mut().and_then(|far| far.remove(&key)).unwrap_or(Entry::Untouched),
        }
    }

    /// Goes through all that is not written, in the order of the keys but for far ones, and counts it as written.
    pub(super) fn write<E>(
        &mut self,
        mut each: impl FnMut(i32, Option<&mut V>) -> Result<(), E>,
    ) -> Result<(), E> {
        fn one<V, E>(
            key: i32,
            entry: &mut Entry<V>,
            each: &mut impl FnMut(i32, Option<&mut V>) -> Result<(), E>,
        ) -> Result<(), E> {
            match std::mem::replace(entry, Entry::Untouched) {
                Entry::Changed(mut value) => {
                    each(key, Some(&mut value))?;
                    *entry = Entry::Read(value);
                }
                Entry::Removed => each(key, None)?,
                written => *entry = written,
            }
            Ok(())
        }
        let (from, to) = std::mem::replace(&mut self.unwritten, NONE);
        if from <= to && !self.row.is_empty() {
            let start = (i64::from(from) - i64::from(self.first)).max(0) as usize;
            let end = (i64::from(to) - i64::from(self.first) + 1).clamp(0, self.row.len() as i64) as usize;
            for (place, entry) in self.row.iter_mut().enumerate().take(end).skip(start) {
                one(self.first.wrapping_add(place as i32), entry, &mut each)?;
            }
        }
        for (key, entry) in self.far.iter_mut().flat_map(|far| far.iter_mut()) {
            one(*key, entry, &mut each)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The same as a map would do, whatever the keys are.
        #[test]
        fn like_a_map(steps in proptest::collection::vec((prop_oneof![-70i32..70, Just(i32::MIN), Just(i32::MAX), any::<i32>()], 0..5), 0..60)) {
            let mut entries = Entries::default();
            let mut map = BTreeMap::new();
            for (value, (key, step)) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        let before = entries.forget(key).value().copied();
                        prop_assert_eq!(before, map.remove(&key));
                    }
                    1 => {
                        let before = entries.put(key, Entry::Removed).value().copied();
                        prop_assert_eq!(before, map.remove(&key));
                    }
                    2 => {
                        let found = entries.change(key).map(|found| std::mem::replace(found, value));
                        prop_assert_eq!(found, map.get_mut(&key).map(|found| std::mem::replace(found, value)));
                    }
                    _ => {
                        let before = entries.put(key, Entry::Changed(value)).value().copied();
                        prop_assert_eq!(before, map.insert(key, value));
                    }
                }
            }
            for (key, value) in &map {
                prop_assert_eq!(entries.get(*key).and_then(Entry::value), Some(value));
            }
            let mut written = BTreeMap::new();
            entries.write(|key, value| -> Result<(), ()> {
                if let Some(value) = value { written.insert(key, *value); }
                Ok(())
            }).unwrap();
            prop_assert_eq!(written, map);
            entries.write(|_, _| Err(())).unwrap();
        }
    }
}
