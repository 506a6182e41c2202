//! A commitment period as it is stored: what a player needs to know the truth, and the inbox to prove it.

use crate::store::{BlockRecord, Store, StoreError};
use soru_base::{Level, RollupAddress};
use soru_dispute::{Checkpoint, Period, PeriodLevel};
use soru_protocol::inbox::{HistoryCell, InboxSource, NotKeptError, SerializedMessage};
use soru_pvm::reveal::Metadata;
use std::cell::Cell;
use thiserror::Error;

/// Why a period cannot be read.
#[derive(Debug, Error)]
pub enum PeriodError {
    /// A block is not evaluated yet.
    #[error("level {0} is not evaluated yet")]
    NotYet(Level),
    /// No period ends there.
    #[error("the block of level {0} ends no commitment period")]
    NoPeriod(Level),
    /// The store failed, or no longer has what is needed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The period that ends with a stored block, on that block's own branch. Whether the block is on the current chain does not
/// matter.
pub fn period_of(store: &Store, rollup: RollupAddress, last: &BlockRecord) -> Result<Period, PeriodError> {
    if last.commitment.is_none() || last.previous_commitment_level >= last.level {
        return Err(PeriodError::NoPeriod(last.level));
    }
    read(store, rollup, last, last.previous_commitment_level)
}

/// The period up to a level that is about to be stored: `level` follows the stored block `before`, the period began after
/// the block of level `begin`.
pub fn period_up_to(
    store: &Store,
    rollup: RollupAddress,
    before: &BlockRecord,
    begin: Level,
    level: PeriodLevel,
) -> Result<Period, PeriodError> {
    let mut period = read(store, rollup, before, begin)?;
    period.levels.push(level);
    Ok(period)
}

/// The levels behind that of `begin` up to `last`.
fn read(
    store: &Store,
    rollup: RollupAddress,
    last: &BlockRecord,
    begin: Level,
) -> Result<Period, PeriodError> {
    let origination_level = store.genesis()?.ok_or(PeriodError::NotYet(Level::GENESIS))?.level;
    let mut levels = Vec::new();
    let mut block = last.clone();
    while block.level > begin {
        let before = store.block(&block.predecessor)?.ok_or(PeriodError::NotYet(block.level.minus(ONE)))?;
        levels.push(PeriodLevel {
            level: block.level,
            messages: store.messages(&block.hash)?,
            after: checkpoint(store, &block)?,
        });
        block = before;
    }
    levels.reverse();
    let state = checkpoint(store, &block)?.ok_or(StoreError::Collected { level: block.level })?;
    let metadata = Metadata { address: rollup, origination_level };
    Ok(Period { metadata, begin: state, levels })
}

const ONE: soru_base::LevelSpan = soru_base::LevelSpan(1);

/// The state after a block, if it is kept.
fn checkpoint(store: &Store, block: &BlockRecord) -> Result<Option<Checkpoint>, StoreError> {
    match store.state(block) {
        Ok(state) => Ok(Some(Checkpoint { state, tick: block.final_tick() })),
        Err(StoreError::Collected { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The inbox of the current chain, as it is stored.
pub struct StoredInbox<'a> {
    store: &'a Store,
    used: Cell<bool>,
}

impl<'a> StoredInbox<'a> {
    /// The inbox in `store`.
    pub fn new(store: &'a Store) -> Self {
        Self { store, used: Cell::new(false) }
    }

    /// Whether anything was asked of it.
    pub fn was_used(&self) -> bool {
        self.used.get()
    }

    /// Whether the chain has that cell now. If it had it before and after something was proved, nothing of another
    /// branch came in between: what replaces blocks takes off all that are above.
    pub fn has(&self, cell: &HistoryCell) -> Result<bool, StoreError> {
        let block = self.store.block_at(cell.content.level)?;
        Ok(block.is_some_and(|block| block.inbox.old_levels_messages == *cell))
    }

    fn block(&self, what: &'static str, level: Level) -> Result<BlockRecord, NotKeptError> {
        self.used.set(true);
        let missing = |reason: String| NotKeptError { what, level, reason };
        let block = self.store.block_at(level).map_err(|e| missing(e.to_string()))?;
        block.ok_or_else(|| missing("it is not stored".to_owned()))
    }
}

impl InboxSource for StoredInbox<'_> {
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
        Ok(self.block("the inbox", level)?.inbox.old_levels_messages)
    }

    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
        let block = self.block("the messages", level)?;
        let failed = |e: StoreError| NotKeptError { what: "the messages", level, reason: e.to_string() };
        self.store.messages(&block.hash).map_err(failed)
    }
}
