//! The rules of the layer-1 in memory.

use super::fake_layer1::{PERIOD, WINDOW};
use crate::layer1::Injection;
use crate::publish::Pointed;
use soru_base::{CommitmentHash, Level, LevelSpan, PublicKeyHash};
use soru_protocol::Commitment;
use soru_protocol::refutation::Conflict;
use std::collections::{BTreeMap, BTreeSet};

/// What the rules of the layer-1 need.
#[derive(Clone)]
pub(super) struct Rollup {
    pub(super) cemented: Pointed,
    /// The newest commitment of everybody with a deposit.
    pub(super) staked: BTreeMap<PublicKeyHash, Pointed>,
    pub(super) stakes: BTreeSet<(PublicKeyHash, CommitmentHash)>,
    pub(super) published: BTreeMap<CommitmentHash, (Commitment, Level)>,
    pub(super) counters: BTreeMap<PublicKeyHash, u64>,
}

impl Rollup {
    /// The rules of the layer-1.
    pub(super) fn apply(&mut self, source: PublicKeyHash, injection: &Injection, now: Level) -> bool {
        match injection {
            Injection::Publish(commitment) => {
                let level = commitment.inbox_level;
                let builds_on = match self.published.get(&commitment.predecessor) {
                    Some((before, _)) => Some(before.inbox_level),
                    None => (commitment.predecessor == self.cemented.hash).then_some(self.cemented.level),
                };
                let twice = self.stakes.iter().any(|(staker, hash)| {
                    *staker == source && self.published.get(hash).is_some_and(|(c, _)| c.inbox_level == level)
                });
                // The time of a level counts from the first commitment for it.
                let late = self
                    .published
                    .values()
                    .any(|(c, at)| c.inbox_level == level && now.since(*at).0 > WINDOW);
                let fits = builds_on.is_some_and(|before| level == before.plus(LevelSpan(PERIOD)))
                    && level > self.cemented.level
                    && level < now
                    && !twice
                    && !late;
                if fits {
                    let hash = commitment.hash();
                    self.stakes.insert((source, hash));
                    let newest = self.staked.entry(source).or_insert(Pointed { hash, level });
                    if newest.level < level {
                        *newest = Pointed { hash, level };
                    }
                    self.published.entry(hash).or_insert((*commitment, now));
                }
                fits
            }
            Injection::Cement(hash) => match self.published.get(hash) {
                Some((commitment, first))
                    if commitment.predecessor == self.cemented.hash
                        && first.plus(LevelSpan(WINDOW)) <= now
                        && self.staked_on(self.cemented.hash) == BTreeSet::from([*hash]) =>
                {
                    self.cemented = Pointed { hash: *hash, level: commitment.inbox_level };
                    true
                }
                _ => false,
            },
            Injection::RecoverBond(staker) => {
                let may = self.staked.get(staker).is_some_and(|s| s.level <= self.cemented.level);
                may && self.staked.remove(staker).is_some()
            }
            Injection::ExecuteOutbox { cemented, .. } => *cemented == self.cemented.hash,
            Injection::Refute { .. } | Injection::Timeout(_) => false,
        }
    }

    /// Where everybody else parts from a staker.
    pub(super) fn conflicts(&self, staker: PublicKeyHash) -> Vec<Conflict> {
        let open = |who: PublicKeyHash| {
            let of = self.stakes.iter().filter(move |(staker, _)| *staker == who);
            let open = of.filter_map(|(_, hash)| self.published.get(hash)).map(|(commitment, _)| *commitment);
            open.filter(|c| c.inbox_level > self.cemented.level)
        };
        let parts = |other: PublicKeyHash| {
            let pairs = open(staker).flat_map(|ours| open(other).map(move |theirs| (ours, theirs)));
            pairs
                .filter(|(ours, theirs)| ours != theirs && ours.predecessor == theirs.predecessor)
                .min_by_key(|(ours, _)| ours.inbox_level)
        };
        let others = self.staked.keys().copied().filter(|other| *other != staker);
        let conflict = |other| {
            let (our_commitment, their_commitment) = parts(other)?;
            let parent_commitment = our_commitment.predecessor;
            Some(Conflict { other, their_commitment, our_commitment, parent_commitment })
        };
        others.filter_map(conflict).collect()
    }

    /// What somebody stakes on among the commitments upon one.
    fn staked_on(&self, parent: CommitmentHash) -> BTreeSet<CommitmentHash> {
        let upon =
            |hash: &CommitmentHash| self.published.get(hash).is_some_and(|(c, _)| c.predecessor == parent);
        self.stakes.iter().map(|(_, hash)| *hash).filter(upon).collect()
    }
}
