//! Follows the layer-1 block by block, wherever its chain leads.

use anyhow::Result;
use soru_base::{BlockHash, Contract, Level, Mutez, PublicKeyHash, RollupAddress};
use soru_l1::chain::Followed;
use soru_l1::rollup::RollupEvents;
use soru_l1::{Block, BlockId, Client};
use soru_protocol::operation::Action;
use soru_protocol::receipt::{BalanceAccount, BlockContent, BlockOperation};
use std::time::{Duration, Instant};

/// A block and what it did to the rollup.
pub(super) struct Seen {
    hash: BlockHash,
    pub(super) level: Level,
    /// When it was seen, since the watch began.
    pub(super) at: Duration,
    pub(super) events: RollupEvents,
    /// Bonds that its games took away.
    pub(super) slashed: Vec<(PublicKeyHash, Mutez)>,
}

/// The blocks from some level on, as the layer-1 has them now.
pub(super) struct Watch {
    client: Client,
    rollup: RollupAddress,
    began: Instant,
    first: Level,
    blocks: Blocks,
}

/// One level after the other.
#[derive(Default)]
struct Blocks(Vec<Seen>);

/// What a look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// Blocks that are no longer there.
    pub(super) gone: usize,
    /// Blocks that came.
    pub(super) new: usize,
}

#[cfg(test)]
impl Seen {
    /// A block of that level, seen so many seconds after the watch began.
    pub(super) fn at(level: Level, seconds: u64, events: RollupEvents) -> Self {
        let at = Duration::from_secs(seconds);
        Self { hash: BlockHash([0; 32]), level, at, events, slashed: Vec::new() }
    }
}

impl Watch {
    /// Watches a rollup from a level on.
    pub(super) fn new(client: Client, rollup: RollupAddress, first: Level) -> Self {
        Self { client, rollup, began: Instant::now(), first, blocks: Blocks::default() }
    }

    /// All blocks so far.
    pub(super) fn blocks(&self) -> &[Seen] {
        &self.blocks.0
    }

    /// The last block.
    pub(super) fn head(&self) -> (Level, BlockId) {
        self.blocks.0.last().map_or((self.first, BlockId::HEAD), |block| (block.level, block.hash.into()))
    }

    /// The time since the watch began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Reads the blocks that came since the last look.
    pub(super) async fn look(&mut self) -> Result<Change> {
        let head = self.client.header(BlockId::HEAD).await?;
        let change = self.client.head_change(&self.blocks, head, self.first).await?;
        let blocks = &mut self.blocks.0;
        let before = blocks.len();
        if let Some((level, _)) = change.rollback_to {
            blocks.retain(|block| block.level <= level);
        }
        let gone = before - blocks.len();
        let new = change.apply.len();
        for header in change.apply {
            let block = self.client.block(header.hash).await?;
            let at = self.began.elapsed();
            let mut events = block.rollup_events()?;
            let ours = self.rollup;
            events.published.retain(|one| one.rollup == ours);
            events.cemented.retain(|one| one.rollup == ours);
            events.refuted.retain(|one| one.rollup == ours);
            events.recovered.retain(|one| one.rollup == ours);
            let slashed = slashed(&block, &ours);
            blocks.push(Seen { hash: header.hash, level: header.level, at, events, slashed });
        }
        Ok(Change { gone, new })
    }
}

impl Followed for Blocks {
    fn head(&self) -> Option<(Level, BlockHash)> {
        self.0.last().map(|block| (block.level, block.hash))
    }

    fn at(&self, level: Level) -> Option<BlockHash> {
        let found = self.0.binary_search_by_key(&level, |block| block.level).ok()?;
        Some(self.0[found].hash)
    }
}

/// What the games of a block took from bonds, from the receipts. A winner's own bond stays where it is.
fn slashed(block: &Block, ours: &RollupAddress) -> Vec<(PublicKeyHash, Mutez)> {
    let of_games = |operation: &BlockOperation| {
        let results = operation.contents.iter().filter_map(|content| match content {
            BlockContent::Manager { content, receipt: Some(receipt) } => {
                let game = matches!(
                    content.action,
                    Action::SmartRollupRefute { .. } | Action::SmartRollupTimeout { .. }
                );
                receipt.result.success().filter(|_| game)
            }
            _ => None,
        });
        let taken = results.flat_map(|success| &success.balance_updates).filter(|update| update.change < 0);
        let bonds = taken.filter_map(|update| match &update.account {
            BalanceAccount::FrozenBonds { contract: Contract::Implicit(staker), rollup }
                if rollup == ours =>
            {
                Some((*staker, Mutez(update.change.unsigned_abs())))
            }
            _ => None,
        });
        bonds.collect::<Vec<_>>()
    };
    block.all_operations().flat_map(of_games).collect()
}
