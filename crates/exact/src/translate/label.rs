//! The operands of a block while it is translated: where each of them is, and which ones the machine still has under their
//! keys although they are none any more.

use crate::module::Ty;
use crate::op::Slot;
use std::collections::BTreeMap;

/// Where an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// In a cell: its own, or that of a local which has not changed since.
    Cell(Slot),
    /// The same of a vector: it has a second cell at the same place.
    Wide(Slot),
    /// In the code.
    Const(u64),
}

impl Source {
    /// A cell, or two, for values of that type.
    pub(crate) fn of(slot: Slot, ty: Ty) -> Self {
        if ty == Ty::V128 { Self::Wide(slot) } else { Self::Cell(slot) }
    }

    /// The cell where it is.
    pub(crate) fn slot(self) -> Option<Slot> {
        match self {
            Self::Cell(slot) | Self::Wide(slot) => Some(slot),
            Self::Const(_) => None,
        }
    }
}

/// An operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operand {
    pub(crate) source: Source,
    pub(crate) ty: Ty,
}

/// Operands under their keys, as the machine has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stack {
    /// The key of the last one.
    pub(crate) head: i32,
    /// From the first one to the last one: the one before the last has the key after `head`.
    pub(crate) live: Vec<Operand>,
    /// What is under other keys, if that is wanted.
    pub(crate) stale: BTreeMap<i32, Operand>,
    is_tracked: bool,
    /// Entries that were there when the block began, and are no operands of its own.
    inherited: usize,
    /// The lowest key since the vector was made.
    lowest: i32,
}

impl Stack {
    /// Without operands. What is under other keys is remembered if it is tracked.
    pub(crate) fn empty(is_tracked: bool) -> Self {
        Self { is_tracked, ..Self::default() }
    }

    pub(crate) fn push(&mut self, operand: Operand) {
        self.head -= 1;
        self.lowest = self.lowest.min(self.head);
        self.stale.remove(&self.head);
        self.live.push(operand);
    }

    /// Takes the last one; nothing stays under its key.
    pub(crate) fn pop(&mut self) -> Option<Operand> {
        let popped = self.live.pop()?;
        self.head += 1;
        Some(popped)
    }

    /// Cuts off the last ones, which stay under their keys.
    pub(crate) fn cut(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(operand) = self.live.pop() {
                if self.is_tracked {
                    self.stale.insert(self.head, operand);
                }
                self.head += 1;
            }
        }
    }

    /// Makes the vector anew: keys from 0 on, and nothing but the operands.
    pub(crate) fn renew(&mut self) {
        (self.head, self.lowest, self.inherited) = (0, 0, 0);
        self.stale.clear();
    }

    /// There may be so many entries under other keys: it depends on what the run has done.
    pub(crate) fn assume_stale(&mut self, most: usize) {
        self.inherited = self.inherited.max(most);
    }

    /// There are no more entries under other keys than so many.
    pub(crate) fn stale_most(&self) -> usize {
        self.inherited + self.lowest.abs_diff(self.head) as usize
    }

    /// The operands of a block that begins here with the last ones: it has everything that is here under the same keys.
    pub(crate) fn enter(&mut self, params: usize, is_tracked: bool) -> Self {
        let around = self.live.len() - params.min(self.live.len());
        let mut stale = BTreeMap::new();
        if is_tracked {
            stale.clone_from(&self.stale);
            for (index, operand) in self.live[..around].iter().enumerate() {
                stale.insert(self.head + (self.live.len() - 1 - index) as i32, *operand);
            }
        }
        let (head, live) = (self.head, self.live[around..].to_vec());
        let inherited = self.stale_most() + around;
        self.cut(params);
        Self { head, live, stale, is_tracked, inherited, lowest: head }
    }

    /// All entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (i32, Operand)> {
        let live = self.live.iter().rev().zip(0i32..).map(|(operand, index)| (self.head + index, *operand));
        live.chain(self.stale.iter().map(|(key, operand)| (*key, *operand)))
    }
}

/// What begins a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Body,
    Block,
    /// With the index of its first instruction, and the cell that tells whether it was begun again.
    Loop {
        start: u32,
        again: Slot,
    },
    /// The first branch of an `if`, with the jump past it.
    Then {
        past: u32,
    },
    Else,
}

/// A block that is being translated.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) kind: Kind,
    /// Its number in the state.
    pub(crate) number: i32,
    /// How many of its instructions were taken.
    pub(crate) taken: i32,
    pub(crate) params: usize,
    pub(crate) results: Vec<Ty>,
    pub(crate) stack: Stack,
    /// There are no more entries that are no operands in the blocks around it than so many.
    pub(crate) stale_around: usize,
    /// The stack with which the other branch of an `if` begins.
    pub(crate) other: Option<Stack>,
    /// The cell of its first operand.
    pub(crate) base: usize,
    /// Cells from here on hold nothing that is needed.
    pub(crate) reach: usize,
    /// Whether what comes next can be reached.
    pub(crate) is_live: bool,
}

impl Label {
    /// The cell of the operand that would be pushed next.
    pub(crate) fn next_cell(&self) -> usize {
        self.base + self.stack.live.len()
    }

    /// What a jump to it takes along.
    pub(crate) fn arity(&self) -> usize {
        match self.kind {
            Kind::Loop { .. } => self.params,
            _ => self.results.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operand(cell: Slot) -> Operand {
        Operand { source: Source::Cell(cell), ty: Ty::I32 }
    }

    #[test]
    fn what_was_cut_off_stays_under_its_key_until_another_takes_it() {
        let mut stack = Stack::empty(true);
        (0..3).for_each(|cell| stack.push(operand(cell)));
        stack.cut(2);
        assert_eq!((stack.head, stack.live.len()), (-1, 1));
        assert_eq!(stack.entries().map(|(key, _)| key).collect::<Vec<_>>(), [-1, -3, -2]);
        stack.push(operand(7));
        assert_eq!(stack.stale.keys().copied().collect::<Vec<_>>(), [-3]);
        stack.pop();
        assert_eq!((stack.head, stack.entries().count()), (-1, 2));
        assert_eq!(stack.stale_most(), 2);
        stack.renew();
        assert_eq!((stack.head, stack.entries().count(), stack.stale_most()), (0, 1, 0));
    }

    #[test]
    fn a_block_has_what_is_around_it() {
        let mut stack = Stack::empty(true);
        (0..3).for_each(|cell| stack.push(operand(cell)));
        let inner = stack.enter(1, true);
        assert_eq!((inner.head, inner.live.as_slice()), (-3, [operand(2)].as_slice()));
        assert_eq!(inner.stale.keys().copied().collect::<Vec<_>>(), [-2, -1]);
        assert_eq!((stack.head, stack.live.len()), (-2, 2));
        assert_eq!((inner.stale_most(), stack.stale_most()), (2, 1));
        assert_eq!(stack.stale.keys().copied().collect::<Vec<_>>(), [-3]);
    }
}
