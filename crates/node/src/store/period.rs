//! A commitment period as it is stored, for those who go through it again.

use super::{BlockRecord, Store, StoreError, block_on_chain, commitment_of, messages_of};
use redb::ReadTransaction;
use soru_base::Level;
use soru_merkle::Tree;
use soru_protocol::Commitment;
use soru_protocol::inbox::SerializedMessage;

/// A level of the current chain.
#[derive(Debug, Clone)]
pub struct StoredLevel {
    /// The block.
    pub record: BlockRecord,
    /// The messages of the level, the protocol's included.
    pub messages: Vec<SerializedMessage>,
    /// The state after it, if it is kept.
    pub state: Option<Tree>,
}

/// The levels of a commitment, and the state they begin with: all of one chain.
#[derive(Debug, Clone)]
pub struct StoredPeriod {
    /// The commitment the node computed.
    pub commitment: Commitment,
    /// The block of the commitment before.
    pub parent: BlockRecord,
    /// The state after that block.
    pub begin: Tree,
    /// The levels from there to that of the commitment, in order and without a gap.
    pub levels: Vec<StoredLevel>,
}

impl Store {
    /// The period of the node's commitment for `inbox_level` on the current chain; nothing if it has none. Fails with
    /// [`StoreError::Collected`] if the state that the period begins with is no longer kept.
    pub fn period(&self, inbox_level: Level) -> Result<Option<StoredPeriod>, StoreError> {
        // One view of the tables: the chain may change meanwhile.
        let tx = self.read()?;
        let Some(last) = block_on_chain(&tx, inbox_level)? else { return Ok(None) };
        let Some(hash) = last.commitment else { return Ok(None) };
        let Some(commitment) = commitment_of(&tx, &hash)? else { return Ok(None) };
        let Some(parent) = block_on_chain(&tx, last.previous_commitment_level)? else { return Ok(None) };
        if parent.commitment != Some(commitment.predecessor) {
            return Ok(None);
        }
        let begin = self.state(&parent)?;
        let Some(levels) = self.levels_in(&tx, parent.level.next(), inbox_level)? else { return Ok(None) };
        Ok(Some(StoredPeriod { commitment, parent, begin, levels }))
    }

    /// The levels of the current chain from `first` to `last`; nothing if some are not there.
    pub fn levels(&self, first: Level, last: Level) -> Result<Option<Vec<StoredLevel>>, StoreError> {
        self.levels_in(&self.read()?, first, last)
    }

    fn levels_in(
        &self,
        tx: &ReadTransaction,
        first: Level,
        last: Level,
    ) -> Result<Option<Vec<StoredLevel>>, StoreError> {
        let mut levels = Vec::new();
        for level in (first.get()..=last.get()).filter_map(Level::new) {
            let Some(record) = block_on_chain(tx, level)? else { return Ok(None) };
            let messages = messages_of(tx, &record.hash)?;
            let state = match self.state(&record) {
                Ok(state) => Some(state),
                Err(StoreError::Collected { .. }) => None,
                Err(error) => return Err(error),
            };
            levels.push(StoredLevel { record, messages, state });
        }
        Ok(Some(levels))
    }
}
