//! Reorganisations, as pure logic: which blocks to leave and which to take when the head changes.

use crate::block::Header;
use soru_base::{BlockHash, Level};
use std::collections::BTreeMap;
use thiserror::Error;

/// The chain that somebody has followed so far.
pub trait Followed {
    /// The last block taken.
    fn head(&self) -> Option<(Level, BlockHash)>;

    /// The block taken at that level, if it is remembered.
    fn at(&self, level: Level) -> Option<BlockHash>;
}

/// How to get from one head to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadChange {
    /// The last block both chains have, if blocks taken before are to be left.
    pub rollback_to: Option<(Level, BlockHash)>,
    /// How many blocks are left.
    pub depth: u32,
    /// The blocks to take, the earliest first.
    pub apply: Vec<Header>,
}

/// Why there is no way from one head to another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainError {
    /// The new chain leaves the followed one before the first block that is remembered.
    #[error("the chain of block {new} at level {level} has nothing in common with the chain followed so far")]
    NoCommonBlock {
        /// The new head.
        new: BlockHash,
        /// Its level.
        level: Level,
    },
    /// A block that was asked for as a predecessor is another one, or not one level earlier.
    #[error("block {found} at level {level} is not the predecessor {expected} that was asked for")]
    WrongPredecessor {
        /// The block asked for.
        expected: BlockHash,
        /// The block given.
        found: BlockHash,
        /// Its level.
        level: Level,
    },
}

/// What a [`Walk`] needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The header of this block, to be given to [`Walk::supply`].
    Fetch(BlockHash),
    /// Nothing more.
    Done(HeadChange),
}

/// The way back from a new head to a block that was followed already.
///
/// It asks for one header after another, so that it needs to know nothing of where headers come from.
#[derive(Debug)]
pub struct Walk<'a, F> {
    followed: &'a F,
    first: Level,
    // The blocks to take, the newest first; never empty.
    back: Vec<Header>,
}

impl<'a, F: Followed> Walk<'a, F> {
    /// From `new` back to what is `followed`. Blocks below level `first` are of no interest.
    pub fn new(followed: &'a F, new: Header, first: Level) -> Self {
        Self { followed, first, back: vec![new] }
    }

    /// What is needed next.
    pub fn step(&self) -> Result<Step, ChainError> {
        let new = self.back[0];
        let Some((head_level, head)) = self.followed.head() else {
            return Ok(self.to_first());
        };
        if self.followed.at(new.level) == Some(new.hash) {
            // The new head was taken before: a switch to a shorter chain.
            let rollback_to = (head != new.hash).then_some((new.level, new.hash));
            return Ok(Step::Done(self.change(rollback_to, head_level, 0)));
        }
        let oldest = self.oldest();
        let Some(level) = oldest.level.prev() else { return Err(self.nothing_in_common()) };
        match self.followed.at(level) {
            Some(hash) if hash == oldest.predecessor => {
                let rollback_to = (head != hash).then_some((level, hash));
                Ok(Step::Done(self.change(rollback_to, head_level, self.back.len())))
            }
            // A head far beyond the followed one, or another chain: go on.
            Some(_) => Ok(Step::Fetch(oldest.predecessor)),
            None if level > head_level => Ok(Step::Fetch(oldest.predecessor)),
            None => Err(self.nothing_in_common()),
        }
    }

    /// Gives the header that [`Step::Fetch`] asked for.
    pub fn supply(&mut self, header: Header) -> Result<(), ChainError> {
        let oldest = self.oldest();
        if header.hash != oldest.predecessor || Some(header.level) != oldest.level.prev() {
            let expected = oldest.predecessor;
            return Err(ChainError::WrongPredecessor { expected, found: header.hash, level: header.level });
        }
        self.back.push(header);
        Ok(())
    }

    fn oldest(&self) -> Header {
        self.back[self.back.len() - 1]
    }

    // Nothing was followed before: all blocks from the first one of interest are taken.
    fn to_first(&self) -> Step {
        let oldest = self.oldest();
        if oldest.level > self.first && oldest.level > Level::GENESIS {
            return Step::Fetch(oldest.predecessor);
        }
        let wanted = self.back.iter().filter(|h| h.level >= self.first).count();
        Step::Done(self.change(None, Level::GENESIS, wanted))
    }

    fn change(&self, rollback_to: Option<(Level, BlockHash)>, head: Level, blocks: usize) -> HeadChange {
        let depth = rollback_to.map_or(0, |(level, _)| head.since(level).0);
        HeadChange { rollback_to, depth, apply: self.back[..blocks].iter().rev().copied().collect() }
    }

    fn nothing_in_common(&self) -> ChainError {
        ChainError::NoCommonBlock { new: self.back[0].hash, level: self.back[0].level }
    }
}

/// A followed chain that remembers the hashes of its newest blocks.
#[derive(Debug, Clone, Default)]
pub struct RecentChain {
    blocks: BTreeMap<Level, BlockHash>,
    keep: usize,
}

impl RecentChain {
    /// A chain of no block, which will remember `keep` blocks, or one.
    pub fn new(keep: usize) -> Self {
        Self { blocks: BTreeMap::new(), keep: keep.max(1) }
    }

    /// Leaves and takes the blocks of a change.
    pub fn follow(&mut self, change: &HeadChange) {
        if let Some((level, _)) = change.rollback_to {
            self.blocks.split_off(&level.next());
        }
        for header in &change.apply {
            self.blocks.insert(header.level, header.hash);
        }
        while self.blocks.len() > self.keep {
            self.blocks.pop_first();
        }
    }
}

impl Followed for RecentChain {
    fn head(&self) -> Option<(Level, BlockHash)> {
        self.blocks.last_key_value().map(|(level, hash)| (*level, *hash))
    }

    fn at(&self, level: Level) -> Option<BlockHash> {
        self.blocks.get(&level).copied()
    }
}

#[cfg(test)]
mod tests;
