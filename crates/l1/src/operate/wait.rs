//! Waiting until an operation is included, and stays so.

use crate::block::{Block, Header};
use crate::chain::{ChainError, Followed, RecentChain};
use crate::query::HeadChangeError;
use crate::{Client, L1Error};
use soru_base::{BlockHash, Level, LevelSpan, OperationHash};
use soru_protocol::receipt::BlockOperation;
use thiserror::Error;

/// How long to wait for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Blocks that must follow the one with the operation.
    pub confirmations: LevelSpan,
    /// Blocks after the first one seen within which the operation must be included.
    pub patience: LevelSpan,
    /// The first block that may have it; the head at the beginning if not given.
    pub from: Option<Level>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { confirmations: LevelSpan(0), patience: LevelSpan(60), from: None }
    }
}

impl Waiting {
    /// Blocks beyond those that are waited for do not matter.
    fn asks_for(&self, seen: &Sighting) -> bool {
        !matches!(seen, Sighting::Confirmed { confirmations, .. } if *confirmations > self.confirmations)
    }
}

/// Where an operation was included.
#[derive(Debug, Clone, PartialEq)]
pub struct Inclusion {
    /// The block.
    pub block: Header,
    /// The operation with its receipts.
    pub operation: BlockOperation,
    /// Its validation pass in the block.
    pub pass: usize,
    /// Its number in the pass.
    pub offset: usize,
}

/// Something that was seen while one waits; after a reorganisation, it may come once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// The operation is in a block.
    Included {
        /// The block.
        block: BlockHash,
        /// The validation pass in it.
        pass: usize,
        /// The number in the pass.
        offset: usize,
    },
    /// A block on top of that.
    Confirmed {
        /// How many blocks there are on top now.
        confirmations: LevelSpan,
        /// The last one.
        block: BlockHash,
    },
}

/// Why an operation is not included.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum WaitError {
    /// A block could not be had.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The heads do not make a chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Too many blocks have passed.
    #[error("operation {operation} is in none of the blocks of levels {first} to {last}")]
    NotIncluded {
        /// The operation.
        operation: OperationHash,
        /// The first level that was looked at.
        first: Level,
        /// The last level that was looked at.
        last: Level,
    },
}

/// Blocks remembered while one waits.
const REMEMBERED: usize = 1_024;
/// How much further back one looks after a reorganisation that goes below all blocks looked at.
const FURTHER_BACK: LevelSpan = LevelSpan(60);

/// The blocks looked at so far.
struct Search {
    operation: OperationHash,
    first: Level,
    chain: RecentChain,
    found: Option<Inclusion>,
}

impl Client {
    /// Follows the heads until the operation is included and confirmed. A layer-1 that is away is waited for.
    pub async fn wait_included(
        &self,
        operation: OperationHash,
        waiting: &Waiting,
    ) -> Result<Inclusion, WaitError> {
        self.watch_included(operation, waiting, |_| ()).await
    }

    /// The same, and what is seen is told at once.
    pub async fn watch_included(
        &self,
        operation: OperationHash,
        waiting: &Waiting,
        mut tell: impl FnMut(Sighting),
    ) -> Result<Inclusion, WaitError> {
        let mut heads = self.monitor_heads();
        let mut head = heads.next().await;
        let first = waiting.from.unwrap_or(head.level).min(head.level);
        let last = head.level.plus(waiting.patience);
        let mut search = Search { operation, first, chain: RecentChain::new(REMEMBERED), found: None };
        loop {
            match search.go_to(self, head).await {
                // The head was replaced while it was read: the next one tells.
                Err(WaitError::L1(L1Error::NotFound { .. })) => {}
                Err(WaitError::L1(error)) if error.is_transient() => {
                    tracing::debug!(%error, "a block could not be read");
                }
                gone => gone?.into_iter().filter(|seen| waiting.asks_for(seen)).for_each(&mut tell),
            }
            let reached = search.chain.head().map_or(Level::GENESIS, |(level, _)| level);
            match search.found.take() {
                Some(at) if reached >= at.block.level.plus(waiting.confirmations) => return Ok(at),
                None if reached >= last => {
                    return Err(WaitError::NotIncluded { operation, first: search.first, last: reached });
                }
                found => search.found = found,
            }
            head = heads.next().await;
        }
    }

    async fn has(&self, block: BlockHash, operation: OperationHash) -> Result<bool, L1Error> {
        let passes = self.operation_hashes(block).await?;
        Ok(passes.iter().flatten().any(|hash| *hash == operation))
    }
}

impl Search {
    /// Takes the blocks up to `head`, and looks for the operation in them. Nothing changes if a block cannot be had.
    async fn go_to(&mut self, client: &Client, head: Header) -> Result<Vec<Sighting>, WaitError> {
        let change = loop {
            match client.head_change(&self.chain, head, self.first).await {
                Ok(change) => break change,
                Err(HeadChangeError::Chain(ChainError::NoCommonBlock { .. }))
                    if self.first > Level::GENESIS =>
                {
                    self.first = self.first.minus(FURTHER_BACK);
                    self.chain = RecentChain::new(REMEMBERED);
                    self.found = None;
                }
                Err(HeadChangeError::Chain(error)) => return Err(WaitError::Chain(error)),
                Err(HeadChangeError::L1(error)) => return Err(WaitError::L1(error)),
            }
        };
        let mut found = self.found.clone();
        if let Some((level, _)) = change.rollback_to {
            found = found.filter(|at| at.block.level <= level);
        }
        let mut seen = Vec::new();
        for header in &change.apply {
            if let Some(at) = &found {
                let confirmations = LevelSpan(header.level.get() - at.block.level.get());
                seen.push(Sighting::Confirmed { confirmations, block: header.hash });
            } else if client.has(header.hash, self.operation).await? {
                found = Inclusion::in_block(&client.block(header.hash).await?, self.operation);
                seen.extend(found.as_ref().map(|at| Sighting::Included {
                    block: at.block.hash,
                    pass: at.pass,
                    offset: at.offset,
                }));
            }
        }
        self.found = found;
        self.chain.follow(&change);
        Ok(seen)
    }
}

impl Inclusion {
    /// Where an operation is in a block, if it is there.
    pub fn in_block(block: &Block, operation: OperationHash) -> Option<Self> {
        for (pass, operations) in block.operations.iter().enumerate() {
            if let Some(offset) = operations.iter().position(|op| op.hash == operation) {
                let operation = operations[offset].clone();
                return Some(Self { block: block.header, operation, pass, offset });
            }
        }
        None
    }
}
