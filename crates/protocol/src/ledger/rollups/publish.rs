use super::super::Ledger;
use super::super::error::{Failure, Outcome, ProtocolError};
use super::super::store::at;
use super::{Index, ROLLUPS};
use crate::commitment::Commitment;
use crate::receipt::BalanceUpdate;
use soru_base::{Binary, CommitmentHash, Contract, Level, Mutez, PublicKeyHash, RollupAddress};

/// A commitment that was staked on.
pub(crate) struct Published {
    pub(crate) hash: CommitmentHash,
    /// When it was first published, by whomever.
    pub(crate) published_at: Level,
    /// The way of the deposit, at the first stake.
    pub(crate) balance_updates: Vec<BalanceUpdate>,
}

impl Ledger {
    /// Stakes on a commitment at block `level`, with a deposit if the staker has none yet.
    pub(crate) fn publish_commitment(
        &mut self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
        commitment: &Commitment,
        level: Level,
    ) -> Outcome<Published> {
        let (_, cemented_level) = self.last_cemented(rollup)?;
        if commitment.number_of_ticks.0 == 0 {
            return Err(ProtocolError::ZeroTickCommitment.into());
        }
        let (index, balance_updates) = match self.staker_index(rollup, staker)? {
            Some(index) => (index, Vec::new()),
            None => self.deposit(rollup, staker)?,
        };
        self.check_commitment(rollup, commitment, cemented_level, level)?;
        let hash = commitment.hash();
        self.check_stake(rollup, commitment, &hash, index)?;
        let published_at = self.store_commitment(rollup, commitment, &hash, index, level)?;
        Ok(Published { hash, published_at, balance_updates })
    }

    fn deposit(
        &mut self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
    ) -> Outcome<(u64, Vec<BalanceUpdate>)> {
        let stake = Mutez(self.constants.rollup().stake_amount);
        let contract = Contract::from(*staker);
        let staker_balance = self.balance(&contract)?.unwrap_or_default();
        let updates = self.freeze_bond(&contract, rollup, stake).map_err(|e| {
            e.within(ProtocolError::StakerFundsTooLow {
                staker: *staker,
                rollup: *rollup,
                staker_balance,
                min_expected_balance: stake,
            })
        })?;
        let index = self.store.number(at![ROLLUPS, rollup, "next_staker"])?;
        self.store.set_number(at![ROLLUPS, rollup, "next_staker"], index.saturating_add(1))?;
        self.store.set_number(at![ROLLUPS, rollup, "stakers", staker.to_bytes()], index)?;
        self.store.set(at![ROLLUPS, rollup, "staked", Index(index).to_bytes()], &Level::GENESIS)?;
        Ok((index, updates))
    }

    /// The rules of place and time.
    fn check_commitment(
        &self,
        rollup: &RollupAddress,
        commitment: &Commitment,
        cemented: Level,
        current_level: Level,
    ) -> Outcome<()> {
        let constants = self.constants.rollup();
        let inbox_level = commitment.inbox_level;
        if inbox_level <= cemented {
            return Err(
                ProtocolError::CommitmentTooOld { last_cemented: cemented, level: inbox_level }.into()
            );
        }
        if inbox_level.since(cemented).0 > constants.max_lookahead_in_blocks {
            return Err(ProtocolError::TooFarAhead.into());
        }
        let predecessor = self.known_commitment(rollup, &commitment.predecessor)?;
        let expected = self.next_commitment_level(predecessor.inbox_level);
        if inbox_level != expected {
            return Err(ProtocolError::BadInboxLevel { expected, provided: inbox_level }.into());
        }
        let first: Option<Level> =
            self.store.get(at![ROLLUPS, rollup, "levels", inbox_level.to_bytes(), "first"])?;
        if first.is_some_and(|first| current_level.since(first).0 > constants.challenge_window_in_blocks) {
            return Err(ProtocolError::CommitmentPastCurfew.into());
        }
        if inbox_level >= current_level {
            return Err(ProtocolError::CommitmentFromFuture { current_level, inbox_level }.into());
        }
        Ok(())
    }

    /// The rules of stakes: not twice on one commitment, not on two for one level.
    fn check_stake(
        &self,
        rollup: &RollupAddress,
        commitment: &Commitment,
        hash: &CommitmentHash,
        index: u64,
    ) -> Outcome<()> {
        if self.stakes_on(rollup, hash, index)? {
            return Err(ProtocolError::DoublePublish { commitment: *hash }.into());
        }
        for other in self.commitments_at(rollup, commitment.inbox_level)? {
            if self.stakes_on(rollup, &other, index)? {
                return Err(ProtocolError::StakerDoubleStake.into());
            }
        }
        Ok(())
    }

    fn store_commitment(
        &mut self,
        rollup: &RollupAddress,
        commitment: &Commitment,
        hash: &CommitmentHash,
        index: u64,
        level: Level,
    ) -> Result<Level, Failure> {
        let (inbox_level, index) = (commitment.inbox_level.to_bytes(), Index(index).to_bytes());
        let store = &mut self.store;
        let first = at![ROLLUPS, rollup, "levels", inbox_level, "first"];
        if !store.contains(first)? {
            store.set(first, &level)?;
        }
        store.set(at![ROLLUPS, rollup, "commitments", hash, "content"], commitment)?;
        let added = at![ROLLUPS, rollup, "commitments", hash, "added"];
        let published_at = store.get(added)?.unwrap_or(level);
        store.set(added, &published_at)?;
        store.mark(at![ROLLUPS, rollup, "commitments", hash, "stakers", index])?;
        store.mark(at![ROLLUPS, rollup, "levels", inbox_level, "commitments", hash])?;
        let staked = at![ROLLUPS, rollup, "staked", index];
        if store.require::<Level>(staked)? < commitment.inbox_level {
            store.set(staked, &commitment.inbox_level)?;
        }
        Ok(published_at)
    }
}
