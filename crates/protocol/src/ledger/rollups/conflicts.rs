use super::super::Ledger;
use super::super::error::StorageError;
use crate::commitment::Commitment;
use crate::refutation::Conflict;
use soru_base::{CommitmentHash, Level, PublicKeyHash, RollupAddress};
use std::collections::BTreeMap;

impl Ledger {
    /// With whom a staker is in conflict, in the order of their addresses: the first conflict with each.
    pub fn conflicts_of(
        &self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
    ) -> Result<Vec<Conflict>, StorageError> {
        let (Some(index), Some((_, cemented))) =
            (self.staker_index(rollup, staker)?, self.last_cemented_commitment(rollup)?)
        else {
            return Ok(Vec::new());
        };
        let mut stakers = BTreeMap::new();
        for other in self.stakers(rollup)? {
            stakers.extend(self.staker_index(rollup, &other)?.map(|index| (index, other)));
        }
        stakers.remove(&index);
        let last = self.last_staked_level(rollup, index)?;
        let mut conflicts = BTreeMap::new();
        let mut level = self.next_commitment_level(cemented);
        while level <= last {
            self.conflicts_at(rollup, level, index, &stakers, &mut conflicts)?;
            level = self.next_commitment_level(level);
        }
        Ok(conflicts.into_values().collect())
    }

    fn conflicts_at(
        &self,
        rollup: &RollupAddress,
        level: Level,
        index: u64,
        stakers: &BTreeMap<u64, PublicKeyHash>,
        conflicts: &mut BTreeMap<PublicKeyHash, Conflict>,
    ) -> Result<(), StorageError> {
        let hashes = self.commitments_at(rollup, level)?;
        let mut ours: Option<(CommitmentHash, Commitment)> = None;
        for hash in &hashes {
            if self.stakes_on(rollup, hash, index)? {
                ours = self.commitment(rollup, hash)?.map(|commitment| (*hash, commitment));
            }
        }
        let Some((our_hash, our_commitment)) = ours else { return Ok(()) };
        for hash in hashes.iter().filter(|hash| **hash != our_hash) {
            let Some(their_commitment) = self.commitment(rollup, hash)? else { continue };
            let parent_commitment = our_commitment.predecessor;
            if their_commitment.predecessor != parent_commitment {
                continue;
            }
            for other in self.stakers_of(rollup, hash)?.iter().filter_map(|index| stakers.get(index)) {
                let conflict =
                    Conflict { other: *other, their_commitment, our_commitment, parent_commitment };
                conflicts.entry(*other).or_insert(conflict);
            }
        }
        Ok(())
    }
}
