//! Lists whose tails are shared.

use super::Value;
use std::sync::Arc;

/// A list. Adding in front, taking from the front and cloning cost nothing.
#[derive(Clone, Default)]
pub struct List {
    first: Option<Arc<Cons>>,
    len: usize,
}

struct Cons {
    head: Value,
    tail: Option<Arc<Cons>>,
}

impl List {
    /// The empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The list with one more element in front.
    pub fn cons(mut self, head: Value) -> Self {
        let tail = self.first.take();
        Self { first: Some(Arc::new(Cons { head, tail })), len: self.len + 1 }
    }

    /// The first element and the rest.
    pub fn split(&self) -> Option<(Value, List)> {
        let cons = self.first.as_ref()?;
        Some((cons.head.clone(), List { first: cons.tail.clone(), len: self.len - 1 }))
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        std::iter::successors(self.first.as_ref(), |cons| cons.tail.as_ref()).map(|cons| &cons.head)
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        let items: Vec<Value> = items.into_iter().collect();
        items.into_iter().rev().fold(Self::new(), Self::cons)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // A long list must not be dropped by recursion.
        let mut next = self.first.take();
        while let Some(cons) = next {
            match Arc::try_unwrap(cons) {
                Ok(mut cons) => next = cons.tail.take(),
                Err(_) => break,
            }
        }
    }
}
