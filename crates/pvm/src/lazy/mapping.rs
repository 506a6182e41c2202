//! Vectors that are made out of others, one element after the other.

use super::node::{Maybe, Node, read_at, write_at};
use super::{Vec32, VectorError};
use crate::state::StateError;
use soru_merkle::Tree;

/// A vector made from another one, each element in several steps.
#[derive(Debug, Clone)]
pub(crate) struct Mapping<K, A, B> {
    /// The element at work.
    pub(crate) current: Maybe<K>,
    /// What the elements are made of.
    pub(crate) origin: Vec32<A>,
    /// The elements.
    pub(crate) done: Vec32<B>,
    /// How many are done.
    pub(crate) offset: i32,
}

impl<K, A, B> Mapping<K, A, B> {
    pub(crate) fn of(origin: Vec32<A>) -> Self {
        let done = Vec32::with_length(origin.length());
        Self { current: Maybe(None), origin, done, offset: 0 }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.offset == self.origin.length()
    }

    /// Puts the element that was at work.
    pub(crate) fn put(&mut self, element: B) {
        self.done.set(self.offset, element);
        self.offset = self.offset.wrapping_add(1);
        self.current = Maybe(None);
    }
}

#[derive(Clone)]
struct Inner<K>(K);

impl<K: Node> Node for Inner<K> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        read_at(tree, &["inner_kont"]).map(Self)
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        write_at(&mut self.0, dir, &["inner_kont"])
    }
}

impl<K: Node, A: Node, B: Node> Node for Mapping<K, A, B> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        let current: Maybe<Inner<K>> = Node::read(tree)?;
        Ok(Self {
            current: Maybe(current.0.map(|inner| inner.0)),
            origin: read_at(tree, &["map_kont", "origin"])?,
            done: read_at(tree, &["map_kont", "destination"])?,
            offset: read_at(tree, &["map_kont", "offset"])?,
        })
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        let mut current = Maybe(self.current.0.take().map(Inner));
        current.write(dir)?;
        self.current = Maybe(current.0.map(|inner| inner.0));
        write_at(&mut self.origin, dir, &["map_kont", "origin"])?;
        write_at(&mut self.done, dir, &["map_kont", "destination"])?;
        write_at(&mut self.offset, dir, &["map_kont", "offset"])
    }
}

/// Two vectors on their way to become one.
#[derive(Debug, Clone)]
pub(crate) struct Joining<V> {
    pub(crate) left: Vec32<V>,
    pub(crate) right: Vec32<V>,
    /// The one.
    pub(crate) done: Vec32<V>,
    /// How many elements it has.
    pub(crate) offset: i32,
}

impl<V> Joining<V> {
    pub(crate) fn of(left: Vec32<V>, right: Vec32<V>) -> Self {
        let done = Vec32::with_length(left.length().wrapping_add(right.length()));
        Self { left, right, done, offset: 0 }
    }

    pub(crate) fn is_done(&self) -> bool {
        // As signed numbers, like the ends of vectors that are being filled.
        self.left.length().wrapping_add(self.right.length()) <= self.offset
    }
}

impl<V: Node> Joining<V> {
    /// One more element.
    pub(crate) fn step(&mut self) -> Result<(), VectorError> {
        let before = self.left.length();
        let value = match self.offset < before {
            true => self.left.get(self.offset)?,
            false => self.right.get(self.offset.wrapping_sub(before))?,
        };
        if !self.done.set(self.offset, value.clone()) {
            return Err(VectorError::Bounds);
        }
        self.offset = self.offset.wrapping_add(1);
        Ok(())
    }
}

impl<V: Node> Node for Joining<V> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        Ok(Self {
            left: read_at(tree, &["lv"])?,
            right: read_at(tree, &["rv"])?,
            done: read_at(tree, &["res"])?,
            offset: read_at(tree, &["offset"])?,
        })
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        write_at(&mut self.left, dir, &["lv"])?;
        write_at(&mut self.right, dir, &["rv"])?;
        write_at(&mut self.done, dir, &["res"])?;
        write_at(&mut self.offset, dir, &["offset"])
    }
}
