use super::super::Ledger;
use super::super::error::{Outcome, ProtocolError, StorageError};
use super::super::store::at;
use super::{Index, ROLLUPS};
use crate::commitment::Commitment;
use soru_base::{Binary, CommitmentHash, Level, LevelSpan, RollupAddress};

impl Ledger {
    /// Cements the oldest commitment at block `level`, if its window is over and nobody contradicts.
    pub(crate) fn cement_commitment(
        &mut self,
        rollup: &RollupAddress,
        level: Level,
    ) -> Outcome<(CommitmentHash, Commitment)> {
        let (old, old_level) = self.last_cemented(rollup)?;
        let inbox_level = self.next_commitment_level(old_level);
        let (candidate, dangling) = self.cementation_candidates(rollup, &old, inbox_level)?;
        let Some((hash, commitment)) = candidate else {
            return Err(ProtocolError::NoValidCommitmentToCement.into());
        };
        let added: Level = self.store.require(at![ROLLUPS, rollup, "commitments", hash, "added"])?;
        let min_level = added.plus(LevelSpan(self.constants.rollup().challenge_window_in_blocks));
        if level < min_level {
            return Err(ProtocolError::CommitmentTooRecent { current_level: level, min_level }.into());
        }

        self.store.set(at![ROLLUPS, rollup, "lcc"], &hash)?;
        self.store.remove(at![ROLLUPS, rollup, "levels", inbox_level.to_bytes()])?;
        for other in dangling {
            self.store.remove(at![ROLLUPS, rollup, "commitments", other])?;
        }
        self.store.remove(at![ROLLUPS, rollup, "commitments", hash, "added"])?;
        self.store.remove(at![ROLLUPS, rollup, "commitments", hash, "stakers"])?;
        self.let_go_of_cemented(rollup, &old)?;
        Ok((hash, commitment))
    }

    /// The one commitment for `inbox_level` on the last cemented one that somebody stakes on, and those that can be
    /// forgotten. Two of the first kind are a dispute.
    #[expect(clippy::type_complexity, reason = "a candidate, and the others")]
    fn cementation_candidates(
        &self,
        rollup: &RollupAddress,
        cemented: &CommitmentHash,
        inbox_level: Level,
    ) -> Outcome<(Option<(CommitmentHash, Commitment)>, Vec<CommitmentHash>)> {
        let mut candidate = None;
        let mut dangling = Vec::new();
        for hash in self.commitments_at(rollup, inbox_level)? {
            let commitment = self.known_commitment(rollup, &hash)?;
            let staked = self.has_active_staker(rollup, &hash)?;
            if commitment.predecessor != *cemented || !staked {
                dangling.push(hash);
            } else if candidate.replace((hash, commitment)).is_some() {
                return Err(ProtocolError::CommitmentDisputed.into());
            }
        }
        Ok((candidate, dangling))
    }

    fn has_active_staker(&self, rollup: &RollupAddress, hash: &CommitmentHash) -> Result<bool, StorageError> {
        for index in self.stakers_of(rollup, hash)? {
            if self.store.contains(at![ROLLUPS, rollup, "staked", Index(index).to_bytes()])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps a fixed number of cemented commitments, counted back from the one before the newest.
    fn let_go_of_cemented(
        &mut self,
        rollup: &RollupAddress,
        old: &CommitmentHash,
    ) -> Result<(), StorageError> {
        let mut hash = *old;
        for _ in 1..self.constants.rollup().max_number_of_stored_cemented_commitments {
            match self.commitment(rollup, &hash)? {
                Some(commitment) => hash = commitment.predecessor,
                None => return Ok(()),
            }
        }
        self.store.remove(at![ROLLUPS, rollup, "commitments", hash])
    }

    /// Whether `hash` is the last cemented commitment or one of its predecessors that are kept.
    pub(super) fn is_cemented_and_kept(
        &self,
        rollup: &RollupAddress,
        hash: &CommitmentHash,
        cemented: &CommitmentHash,
    ) -> Result<bool, StorageError> {
        let mut at = *cemented;
        loop {
            if at == *hash {
                return self.store.contains(at![ROLLUPS, rollup, "commitments", hash, "content"]);
            }
            match self.commitment(rollup, &at)? {
                Some(commitment) => at = commitment.predecessor,
                None => return Ok(false),
            }
        }
    }
}
