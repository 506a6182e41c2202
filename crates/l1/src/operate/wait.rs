//! Waiting until an operation is included, and stays so.

use crate::block::{Block, Header};
use crate::chain::{Followed, RecentChain};
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

/// Where an operation was included.
#[derive(Debug, Clone, PartialEq)]
pub struct Inclusion {
    /// The block.
    pub block: Header,
    /// The operation with its receipts.
    pub operation: BlockOperation,
}

/// Why an operation is not included.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum WaitError {
    /// A block could not be had.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The heads do not make a chain.
    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
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

/// How many blocks a reorganisation may leave while one waits.
const REMEMBERED: usize = 512;

impl Client {
    /// Follows the heads until the operation is included and confirmed. A layer-1 that is away is waited for.
    pub async fn wait_included(
        &self,
        operation: OperationHash,
        waiting: &Waiting,
    ) -> Result<Inclusion, WaitError> {
        let mut heads = self.monitor_heads();
        let mut head = heads.next().await;
        let first = waiting.from.unwrap_or(head.level).min(head.level);
        let last = head.level.plus(waiting.patience);
        let mut chain = RecentChain::new(REMEMBERED);
        let mut found: Option<Inclusion> = None;
        loop {
            let is_new = chain.at(head.level) != Some(head.hash);
            if is_new || chain.head().is_some_and(|(level, _)| level != head.level) {
                match self.take(&mut chain, head, first, operation, &mut found).await {
                    // The head was replaced while it was read: the next one tells.
                    Err(WaitError::L1(L1Error::NotFound { .. })) => {}
                    Err(WaitError::L1(error)) if error.is_transient() => {
                        tracing::debug!(%error, "a block could not be read");
                    }
                    taken => taken?,
                }
            }
            if let Some(inclusion) =
                found.take_if(|at| head.level >= at.block.level.plus(waiting.confirmations))
            {
                return Ok(inclusion);
            }
            if found.is_none() && chain.head().is_some_and(|(level, _)| level >= last) {
                return Err(WaitError::NotIncluded { operation, first, last: head.level });
            }
            head = heads.next().await;
        }
    }

    /// Takes the blocks up to `head`, and looks for the operation in them.
    async fn take(
        &self,
        chain: &mut RecentChain,
        head: Header,
        first: Level,
        operation: OperationHash,
        found: &mut Option<Inclusion>,
    ) -> Result<(), WaitError> {
        let change = self.head_change(chain, head, first).await.map_err(|error| match error {
            HeadChangeError::L1(error) => WaitError::L1(error),
            HeadChangeError::Chain(error) => WaitError::Chain(error),
        })?;
        let mut inclusion = found.clone();
        if let Some((level, _)) = change.rollback_to {
            inclusion = inclusion.filter(|at| at.block.level <= level);
        }
        for header in &change.apply {
            if self.has(header.hash, operation).await? {
                let block = self.block(header.hash).await?;
                inclusion = inclusion.or_else(|| pick(&block, operation));
            }
        }
        *found = inclusion;
        chain.follow(&change);
        Ok(())
    }

    async fn has(&self, block: BlockHash, operation: OperationHash) -> Result<bool, L1Error> {
        let passes = self.operation_hashes(block).await?;
        Ok(passes.iter().flatten().any(|hash| *hash == operation))
    }
}

fn pick(block: &Block, operation: OperationHash) -> Option<Inclusion> {
    let found = block.all_operations().find(|op| op.hash == operation)?;
    Some(Inclusion { block: block.header, operation: found.clone() })
}
