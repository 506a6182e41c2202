//! Who published what, and what of it contradicts the node.

use super::tables::*;
use super::{
    BlockRecord, Store, StoreError, add_block, block_on_chain, commitment_of, damaged, names, required_block,
};
use crate::publish::Contradiction;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use soru_base::{Binary, CommitmentHash, Level, PublicKeyHash};

impl Store {
    /// The level of the current chain at which a commitment was first published, by anybody or by `publisher`.
    pub fn published_at(
        &self,
        hash: &CommitmentHash,
        publisher: Option<PublicKeyHash>,
    ) -> Result<Option<Level>, StoreError> {
        published_from(&self.read()?, hash, publisher, 0)
    }

    /// What was published on the current chain for levels above `above` and is not the node's own, the oldest first. It
    /// [stands](Contradiction::stands) unless the publisher lost its deposit later, or published the node's commitment,
    /// which nobody can who stakes on another one.
    pub fn contradictions(&self, above: Level) -> Result<Vec<Contradiction>, StoreError> {
        let tx = self.read()?;
        let canonical = tx.open_table(CANONICAL)?;
        let mut found = Vec::new();
        for entry in tx.open_table(CONTRADICTIONS)?.range((above.get().saturating_add(1), 0)..)? {
            let (key, blocks) = entry?;
            let (inbox_level, level) = key.value();
            let Some(block) = canonical.get(level)?.map(|h| h.value()) else { continue };
            let Some(inbox_level) = Level::new(inbox_level).filter(|_| names(blocks.value(), block)) else {
                continue;
            };
            let ours = block_on_chain(&tx, inbox_level)?.and_then(|record| record.commitment);
            let Some(hash) = ours else { continue };
            let Some(ours) = commitment_of(&tx, &hash)? else { continue };
            let record = required_block(&tx, block)?;
            let theirs = record.published.iter().filter(|p| p.commitment.inbox_level == inbox_level);
            for publication in theirs.filter(|p| p.commitment.hash() != hash) {
                let publisher = publication.publisher;
                let next = level.saturating_add(1);
                let stands = published_from(&tx, &hash, Some(publisher), next)?.is_none()
                    && !has_lost_from(&tx, publisher, next)?;
                found.push(Contradiction {
                    publisher,
                    theirs: publication.commitment,
                    ours,
                    published_at: record.level,
                    stands,
                });
            }
        }
        Ok(found)
    }
}

/// The first level of the current chain, from `from` on, at which a commitment was published.
fn published_from(
    tx: &ReadTransaction,
    hash: &CommitmentHash,
    publisher: Option<PublicKeyHash>,
    from: u32,
) -> Result<Option<Level>, StoreError> {
    let canonical = tx.open_table(CANONICAL)?;
    for entry in tx.open_table(PUBLICATIONS)?.range((hash.0, from)..=(hash.0, u32::MAX))? {
        let (key, blocks) = entry?;
        let (_, level) = key.value();
        let Some(block) = canonical.get(level)?.map(|h| h.value()) else { continue };
        if !names(blocks.value(), block) {
            continue;
        }
        let record = required_block(tx, block)?;
        let by = |key: PublicKeyHash| publisher.is_none_or(|p| p == key);
        if record.published.iter().any(|p| by(p.publisher) && p.commitment.hash() == *hash) {
            return Ok(Some(record.level));
        }
    }
    Ok(None)
}

/// Whether somebody's deposit was taken at that level of the current chain, or later.
fn has_lost_from(tx: &ReadTransaction, staker: PublicKeyHash, from: u32) -> Result<bool, StoreError> {
    let canonical = tx.open_table(CANONICAL)?;
    let key = staker.to_bytes();
    for entry in tx.open_table(LOSSES)?.range((key.as_slice(), from)..=(key.as_slice(), u32::MAX))? {
        let (key, blocks) = entry?;
        let (_, level) = key.value();
        if canonical.get(level)?.is_some_and(|block| names(blocks.value(), block.value())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts what a block published, and who lost in it, into the indexes. It has to follow the current chain.
pub(super) fn add(tx: &WriteTransaction, record: &BlockRecord) -> Result<(), StoreError> {
    let (level, block) = (record.level.get(), record.hash.0);
    let mut publications = tx.open_table(PUBLICATIONS)?;
    let mut contradictions = tx.open_table(CONTRADICTIONS)?;
    for publication in &record.published {
        let hash = publication.commitment.hash();
        add_block(&mut publications, (hash.0, level), block)?;
        let inbox_level = publication.commitment.inbox_level;
        if own_commitment(tx, inbox_level)? != Some(hash) {
            add_block(&mut contradictions, (inbox_level.get(), level), block)?;
        }
    }
    let mut losses = tx.open_table(LOSSES)?;
    for loser in &record.losers {
        add_block(&mut losses, (loser.to_bytes().as_slice(), level), block)?;
    }
    Ok(())
}

/// What the node computed for a level of the current chain.
fn own_commitment(tx: &WriteTransaction, level: Level) -> Result<Option<CommitmentHash>, StoreError> {
    let Some(block) = tx.open_table(CANONICAL)?.get(level.get())?.map(|h| h.value()) else { return Ok(None) };
    match tx.open_table(BLOCKS)?.get(block)? {
        None => Ok(None),
        Some(bytes) => Ok(BlockRecord::from_bytes(bytes.value()).map_err(damaged("block"))?.commitment),
    }
}
