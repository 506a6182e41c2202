//! A vector with int32 keys: `head`, `length`, `contents/<key>`.

use super::entries::{Entries, Entry};
use super::node::{Node, read_at, write_at};
use crate::state::StateError;
use soru_merkle::Tree;
use std::marker::PhantomData;

/// A vector of the machine's own data. Element `i` is kept under the key `head + i`, both int32 that wrap.
///
/// An element that was never set has no entry; an entry that is no element any more stays.
#[derive(Debug, Clone)]
pub(crate) struct Vec32<V> {
    head: i32,
    length: i32,
    // The contents, as they were read or written last.
    origin: Option<Tree>,
    entries: Entries<V>,
    // Elements that are all the same, unless they have an entry.
    runs: Vec<Run<V>>,
    // The whole subtree, if nothing has changed since it was read or written.
    written: Option<Tree>,
}

/// Elements of one value, by keys.
#[derive(Debug, Clone)]
struct Run<V> {
    first: i32,
    count: i32,
    value: V,
    /// Most elements that are written.
    most: i32,
}

impl<V> Run<V> {
    fn holds(&self, key: i32) -> bool {
        (key.wrapping_sub(self.first) as u32) < self.count as u32
    }
}

/// More elements than these are not written as entries of their own: no kernel has so many, and a state could not be
/// kept in memory.
pub(crate) const WRITTEN_MAX: i32 = 1 << 20;

/// The same for elements that one tick adds: a proof of a few bytes must not be the work of seconds and of gigabytes.
const WRITTEN_AT_ONCE_MAX: i32 = 1 << 17;

impl<V> Default for Vec32<V> {
    fn default() -> Self {
        Self::with_length(0)
    }
}

impl<V> FromIterator<V> for Vec32<V> {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        let mut length = 0i32;
        let counted = values.into_iter().inspect(|_| length = length.wrapping_add(1));
        let entries = Entries::from_values(counted);
        Self { head: 0, length, origin: None, entries, runs: Vec::new(), written: None }
    }
}

impl<V> Vec32<V> {
    /// A vector of that length without any entry.
    pub(crate) fn with_length(length: i32) -> Self {
        Self { head: 0, length, origin: None, entries: Entries::default(), runs: Vec::new(), written: None }
    }

    /// A vector with those entries, elements or not.
    pub(crate) fn with_entries(head: i32, length: i32, entries: Vec<(i32, V)>) -> Self {
        let mut vector = Self { head, ..Self::with_length(length) };
        for (key, value) in entries {
            vector.entries.put(key, Entry::Changed(value));
        }
        vector
    }

    /// A vector of one element.
    pub(crate) fn singleton(value: V) -> Self {
        std::iter::once(value).collect()
    }

    /// The number of elements, as the int32 it is.
    #[inline]
    pub(crate) fn length(&self) -> i32 {
        self.length
    }

    /// Whether it has no elements.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    #[inline]
    fn key(&self, index: i32) -> Option<i32> {
        // Indices and lengths are compared as unsigned numbers.
        ((index as u32) < self.length as u32).then(|| self.head.wrapping_add(index))
    }

    /// Sets an element; false if there is none of that index.
    pub(crate) fn set(&mut self, index: i32, value: V) -> bool {
        let Some(key) = self.key(index) else { return false };
        self.written = None;
        self.entries.put(key, Entry::Changed(value));
        true
    }

    /// Adds an element at the front, before the first key.
    #[inline]
    pub(crate) fn cons(&mut self, value: V) {
        self.head = self.head.wrapping_sub(1);
        self.length = self.length.wrapping_add(1);
        self.written = None;
        self.entries.put(self.head, Entry::Changed(value));
    }

    /// Adds an element at the end and gives its index.
    pub(crate) fn append(&mut self, value: V) -> i32 {
        let index = self.length;
        self.length = index.wrapping_add(1);
        self.written = None;
        self.entries.put(self.head.wrapping_add(index), Entry::Changed(value));
        index
    }

    /// Adds so many elements of one value at the end; none if that is negative. Many take no room until they are
    /// written.
    pub(crate) fn append_many(&mut self, count: i32, value: V)
    where
        V: Clone,
    {
        const FEW: i32 = 64;
        if count <= FEW {
            for _ in 0..count {
                self.append(value.clone());
            }
            return;
        }
        let first = self.head.wrapping_add(self.length);
        self.runs.push(Run { first, count, value, most: WRITTEN_AT_ONCE_MAX });
        self.length = self.length.wrapping_add(count);
        self.written = None;
    }

    /// The vector from an index on. The entries before it stay in its subtree. False if it has not that many.
    pub(crate) fn skip(&mut self, count: i32) -> bool {
        if (self.length as u32) < count as u32 {
            return false;
        }
        self.written = None;
        self.head = self.head.wrapping_add(count);
        self.length = self.length.wrapping_sub(count);
        true
    }

    /// The first elements alone. The other entries stay in its subtree. False if it has not that many.
    pub(crate) fn truncate(&mut self, count: i32) -> bool {
        if (self.length as u32) < count as u32 {
            return false;
        }
        self.written = None;
        self.length = count;
        true
    }
}

impl<V: PartialEq> Vec32<V> {
    /// Sets an element that has no entry yet; false if there is none of that index. Equal ones, set one after the other,
    /// take no room until they are written.
    pub(crate) fn set_one_more(&mut self, index: i32, value: V) -> bool {
        let Some(key) = self.key(index) else { return false };
        self.written = None;
        match self.runs.last_mut() {
            Some(run) if run.value == value && run.first.checked_add(run.count) == Some(key) => {
                run.count += 1
            }
            _ => self.runs.push(Run { first: key, count: 1, value, most: WRITTEN_MAX }),
        }
        true
    }
}

impl<V: Clone> Vec32<V> {
    /// The first elements, and the others. Both keep all entries in their subtrees.
    pub(crate) fn split(mut self, count: i32) -> Option<(Self, Self)> {
        let mut first = self.clone();
        (first.truncate(count) && self.skip(count)).then_some((first, self))
    }
}

impl<V: Node> Vec32<V> {
    /// Gives every element of a run its entry.
    fn unroll(&mut self) -> Result<(), StateError> {
        for run in std::mem::take(&mut self.runs) {
            if run.count > run.most {
                return Err(StateError::TooLarge {
                    what: format!("a vector of {} equal elements", run.count),
                });
            }
            for key in (0..run.count).map(|index| run.first.wrapping_add(index)) {
                if matches!(self.entries.get(key), None | Some(Entry::Untouched)) {
                    self.entries.put(key, Entry::Changed(run.value.clone()));
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn load(&mut self, key: i32) -> Result<(), VectorError> {
        match self.entries.get(key) {
            Some(Entry::Read(_) | Entry::Changed(_)) => Ok(()),
            Some(Entry::Removed) => Err(VectorError::NoEntry),
            Some(Entry::Untouched) | None => {
                if let Some(run) = self.runs.iter().rev().find(|run| run.holds(key)) {
                    self.entries.put(key, Entry::Changed(run.value.clone()));
                    return Ok(());
                }
                let name = key.to_string();
                let tree = match &self.origin {
                    Some(origin) => origin.find_tree(&[name.as_str()]).map_err(StateError::from)?,
                    None => None,
                };
                let tree = tree.ok_or(VectorError::NoEntry)?;
                let value = V::read(&tree).map_err(|e| e.below(&["contents", name.as_str()]))?;
                self.entries.put(key, Entry::Read(value));
                Ok(())
            }
        }
    }

    /// The element of that index. Reads it if it was not read before.
    #[inline]
    pub(crate) fn get(&mut self, index: i32) -> Result<&V, VectorError> {
        let key = self.key(index).ok_or(VectorError::Bounds)?;
        self.load(key)?;
        self.entries.get(key).and_then(Entry::value).ok_or(VectorError::NoEntry)
    }

    /// The same, to look into: what is in it may be read on, and must not be changed.
    #[inline]
    pub(crate) fn look(&mut self, index: i32) -> Result<&mut V, VectorError> {
        let key = self.key(index).ok_or(VectorError::Bounds)?;
        self.load(key)?;
        self.entries.look(key).ok_or(VectorError::NoEntry)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, index: i32) -> Result<&mut V, VectorError> {
        let key = self.key(index).ok_or(VectorError::Bounds)?;
        self.load(key)?;
        self.written = None;
        self.entries.change(key).ok_or(VectorError::NoEntry)
    }

    fn write_entries(&mut self) -> Result<(), StateError> {
        let origin = &mut self.origin;
        self.entries.write(|key, value| {
            let contents = origin.get_or_insert_default();
            let path = [key.to_string()];
            let mut below = Tree::empty();
            if let Some(value) = value {
                value.write(&mut below).map_err(|e| e.below(&["contents", &path[0]]))?;
            }
            Ok(contents.insert_tree(&path, below)?)
        })
    }

    /// Takes the first element. Nothing of it stays.
    #[inline]
    pub(crate) fn pop(&mut self) -> Result<V, VectorError> {
        let key = self.key(0).ok_or(VectorError::Bounds)?;
        if !self.runs.is_empty() {
            self.unroll()?;
        }
        self.load(key)?;
        let entry = match self.origin {
            None => self.entries.forget(key),
            Some(_) => self.entries.put(key, Entry::Removed),
        };
        self.head = self.head.wrapping_add(1);
        self.length = self.length.wrapping_sub(1);
        self.written = None;
        match entry {
            Entry::Read(value) | Entry::Changed(value) => Ok(value),
            Entry::Untouched | Entry::Removed => Err(VectorError::NoEntry),
        }
    }
}

impl<V: Node + Clone> Vec32<V> {
    /// A copy with no more entries of its own than that. If there are more, they are put into the subtree first, which both
    /// have then: a vector that is copied again and again needs no more memory than one.
    pub(crate) fn share(&mut self, most: usize) -> Result<Self, StateError> {
        if self.entries.count() > most {
            self.unroll()?;
            self.write_entries()?;
            self.entries = Entries::default();
        }
        Ok(self.clone())
    }
}

/// An element cannot be had.
#[derive(Debug)]
pub(crate) enum VectorError {
    /// No such index.
    Bounds,
    /// The vector has no entry for it.
    NoEntry,
    /// The entry cannot be read.
    State(StateError),
}

impl From<StateError> for VectorError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl<V: Node> Node for Vec32<V> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        let head = read_at(tree, &["head"])?;
        let length = read_at(tree, &["length"])?;
        let origin = tree.find_tree(&["contents"])?;
        // What is as a vector would be written needs no writing. In a stranger's state there may be more.
        let parts = 2 + u64::from(origin.is_some());
        let written = (tree.length::<&str>(&[])? == parts).then(|| tree.clone());
        Ok(Self { head, length, origin, entries: Entries::default(), runs: Vec::new(), written })
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        if self.written.is_none() {
            self.unroll()?;
            let mut whole = Tree::empty();
            write_at(&mut self.head, &mut whole, &["head"])?;
            write_at(&mut self.length, &mut whole, &["length"])?;
            self.write_entries()?;
            if let Some(contents) = &self.origin {
                whole.insert_tree(&["contents"], contents.clone())?;
            }
            self.written = Some(whole);
        }
        let Some(whole) = &self.written else { return Ok(()) };
        if dir.is_empty()? {
            *dir = whole.clone();
            return Ok(());
        }
        for name in ["head", "length", "contents"] {
            if let Some(part) = whole.find_tree(&[name])? {
                dir.insert_tree(&[name], part)?;
            }
        }
        Ok(())
    }
}

/// Where a vector lies beside its offset.
pub(crate) trait Place: Clone {
    /// The path.
    const PATH: &'static [&'static str];
}

/// Directly under `vector`.
#[derive(Debug, Clone)]
pub(crate) struct Here;

impl Place for Here {
    const PATH: &'static [&'static str] = &["vector"];
}

/// A vector that is filled, or gone through, from the front: `offset` elements are done.
#[derive(Debug, Clone)]
pub(crate) struct Filling<V, P = Here> {
    /// Elements done.
    pub(crate) offset: i32,
    /// The elements.
    pub(crate) vector: Vec32<V>,
    place: PhantomData<P>,
}

impl<V, P> Filling<V, P> {
    /// A vector to be filled with so many elements.
    pub(crate) fn of_length(length: i32) -> Self {
        Self::through(Vec32::with_length(length))
    }

    /// A vector to be gone through.
    pub(crate) fn through(vector: Vec32<V>) -> Self {
        Self { offset: 0, vector, place: PhantomData }
    }

    /// Whether all is done. Lengths count as signed here: one of 2^31 and more is no length.
    pub(crate) fn is_full(&self) -> bool {
        self.vector.length() <= self.offset
    }

    /// Puts the next element; equal ones in a row take no room.
    pub(crate) fn push_one_more(&mut self, value: V)
    where
        V: PartialEq,
    {
        self.vector.set_one_more(self.offset, value);
        self.offset = self.offset.wrapping_add(1);
    }

    /// Puts the next element.
    pub(crate) fn push(&mut self, value: V) {
        self.vector.set(self.offset, value);
        self.offset = self.offset.wrapping_add(1);
    }
}

impl<V: Node, P: Place> Node for Filling<V, P> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        let (offset, vector) = (read_at(tree, &["offset"])?, read_at(tree, P::PATH)?);
        Ok(Self { offset, vector, place: PhantomData })
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        write_at(&mut self.offset, dir, &["offset"])?;
        write_at(&mut self.vector, dir, P::PATH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(vector: &Vec32<i32>) -> soru_base::ContextHash {
        let mut tree = Tree::empty();
        vector.clone().write(&mut tree).unwrap();
        tree.hash().unwrap()
    }

    #[test]
    fn copies_of_many_entries_share_them() {
        let mut plain: Vec32<i32> = (0..100).collect();
        plain.pop().unwrap();
        let mut vector = plain.clone();
        assert_eq!(vector.share(100).unwrap().entries.count(), plain.entries.count());
        let mut copy = vector.share(10).unwrap();
        assert_eq!((vector.entries.count(), copy.entries.count()), (0, 0));
        for shared in [&mut vector, &mut copy] {
            assert_eq!(hash(shared), hash(&plain));
            assert_eq!((shared.length(), *shared.get(0).unwrap()), (99, 1));
        }
        copy.pop().unwrap();
        copy.cons(7);
        assert_eq!((*copy.get(0).unwrap(), *vector.get(0).unwrap()), (7, 1));
    }

    #[test]
    fn elements_of_one_value_are_as_if_added_one_by_one() {
        let mut many: Vec32<i32> = Vec32::default();
        let mut one_by_one: Vec32<i32> = Vec32::default();
        for (count, value) in [(3, 7), (100, 8), (-1, 5), (2, 9)] {
            many.append_many(count, value);
            for _ in 0..count {
                one_by_one.append(value);
            }
        }
        assert!(many.set(50, 1) && one_by_one.set(50, 1));
        assert_eq!((many.length(), *many.get(2).unwrap(), *many.get(50).unwrap()), (105, 7, 1));
        assert_eq!((many.clone().pop().unwrap(), *many.get(104).unwrap()), (7, 9));
        let hash = |vector: &mut Vec32<i32>| {
            let mut tree = Tree::empty();
            vector.write(&mut tree).unwrap();
            tree.hash().unwrap()
        };
        assert_eq!(hash(&mut many.clone()), hash(&mut one_by_one.clone()));
        let popped = |vector: &mut Vec32<i32>| (0..60).map(|_| vector.pop().unwrap()).sum::<i32>();
        assert_eq!(popped(&mut many), popped(&mut one_by_one));
        assert_eq!(hash(&mut many), hash(&mut one_by_one));
    }

    #[test]
    fn a_vector_of_very_many_elements_takes_no_room_and_is_not_written() {
        let mut vector = Vec32::default();
        vector.append_many(i32::MAX, 7);
        assert!(vector.set(i32::MAX - 1, 8));
        assert_eq!((*vector.get(1 << 30).unwrap(), *vector.get(i32::MAX - 1).unwrap()), (7, 8));
        assert!(vector.write(&mut Tree::empty()).is_err());
    }

    #[test]
    fn equal_elements_in_a_row_are_as_if_set_one_by_one() {
        let (mut rows, mut one_by_one) = (Filling::<i32>::of_length(40), Filling::<i32>::of_length(40));
        let mut trees = [Tree::empty(), Tree::empty()];
        for index in 0..40 {
            rows.push_one_more(index / 7);
            one_by_one.push(index / 7);
            // Now and then it is written, and sometimes read again.
            if index % 9 == 5 {
                rows.write(&mut trees[0]).unwrap();
                one_by_one.write(&mut trees[1]).unwrap();
                assert_eq!(trees[0].hash().unwrap(), trees[1].hash().unwrap());
            }
            if index % 18 == 5 {
                rows = Filling::read(&trees[0]).unwrap();
                one_by_one = Filling::read(&trees[1]).unwrap();
            }
        }
        for index in 0..40 {
            assert_eq!(*rows.vector.get(index).unwrap(), index / 7);
        }
    }
}
