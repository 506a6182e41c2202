//! Refutation games in the ledger.
//!
//! **A game is between two stakes.** When a stake is lost or given back, all games of its owner end with it, so whoever
//! stakes again is in no old game, and a game found in the ledger always has two stakes to play for. On the public
//! network such games stay: there a player whose opponent lost its stake elsewhere can still be timed out, and loses.

use super::super::Ledger;
use super::super::error::{Outcome, ProtocolError, StorageError};
use super::super::gas::{self, Meter};
use super::super::store::at;
use super::ROLLUPS;
use super::originate::TICKS_PER_SNAPSHOT;
use crate::commitment::Commitment;
use crate::receipt::BalanceUpdate;
use crate::refutation::{
    Conflict, ConflictPoint, DissectionRules, Game, GameError, GameResult, Player, Progress, RefutationProof,
    Stakers, Step, Verdict,
};
use soru_base::{
    Binary, CommitmentHash, Contract, Level, LevelSpan, PublicKeyHash, RollupAddress, Tick, TickSpan,
};
use soru_pvm::reveal::Metadata;
use std::collections::BTreeMap;

/// What says whether a proof proves: [`examine`](crate::refutation::examine), or a stand-in of a test.
pub(crate) type Examiner = fn(&Game, &RefutationProof, Metadata) -> Verdict;

/// A move of a game.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move<'a> {
    pub(crate) player: PublicKeyHash,
    pub(crate) opponent: PublicKeyHash,
    pub(crate) choice: Tick,
    pub(crate) step: &'a Step,
}

/// How a game stands after an operation, and the ways of tez if it ended.
pub(crate) type Played = (Option<GameResult>, Vec<BalanceUpdate>);

/// What the RPC asks.
impl Ledger {
    /// The game of two stakers.
    pub fn game(&self, rollup: &RollupAddress, stakers: &Stakers) -> Result<Option<Game>, StorageError> {
        let [alice, bob] = names(stakers);
        self.store.get(at![ROLLUPS, rollup, "games", alice, bob])
    }

    /// The games that a staker plays, in the order of its opponents' addresses.
    pub fn games_of(
        &self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
    ) -> Result<Vec<Game>, StorageError> {
        let mut games = Vec::new();
        for opponent in self.opponents(rollup, staker)? {
            if let Some(stakers) = Stakers::new(*staker, opponent) {
                games.extend(self.game(rollup, &stakers)?);
            }
        }
        Ok(games)
    }

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

    /// Those against whom a staker plays.
    fn opponents(
        &self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
    ) -> Result<Vec<PublicKeyHash>, StorageError> {
        self.store.names(at![ROLLUPS, rollup, "games", staker.to_bytes()])
    }
}

impl Ledger {
    /// Opens a game in the block of `level`: `refuter` moves first. Each of the two gives its commitment's hash.
    pub(crate) fn start_game(
        &mut self,
        rollup: &RollupAddress,
        (refuter, refuter_hash): (PublicKeyHash, CommitmentHash),
        (defender, defender_hash): (PublicKeyHash, CommitmentHash),
        level: Level,
    ) -> Outcome<()> {
        let stakers = Stakers::new(refuter, defender).ok_or(GameError::NoConflict)?;
        if self.game(rollup, &stakers)?.is_some() {
            return Err(ProtocolError::GameAlreadyStarted.into());
        }
        for player in [Player::Alice, Player::Bob] {
            self.check_availability(rollup, stakers.staker(player))?;
        }
        self.check_staked(rollup, refuter, refuter_hash)?;
        self.check_staked(rollup, defender, defender_hash)?;
        let refuter_commitment = self.known_commitment(rollup, &refuter_hash)?;
        let defender_commitment = self.known_commitment(rollup, &defender_hash)?;
        let point = ConflictPoint {
            refuter,
            refuter_commitment: &refuter_commitment,
            defender,
            defender_commitment: &defender_commitment,
            parent_commitment: &self.known_commitment(rollup, &defender_commitment.predecessor)?,
        };
        let period = LevelSpan(self.constants.rollup().timeout_period_in_blocks);
        // The inbox as it was before this block: its own messages are no matter of the game.
        let inbox = self.inbox()?.old_levels_messages;
        let game = Game::start(&point, inbox, level, self.dissection_rules()?, period)?;
        let [alice, bob] = names(&stakers);
        self.store.mark(at![ROLLUPS, rollup, "games", bob, alice])?;
        Ok(self.store.set(at![ROLLUPS, rollup, "games", alice, bob], &game)?)
    }

    fn dissection_rules(&self) -> Outcome<DissectionRules> {
        let sections = self.constants.rollup().number_of_sections_in_dissection;
        DissectionRules::new(sections, TickSpan(TICKS_PER_SNAPSHOT)).ok_or_else(|| {
            let what = format!("a refutation game with dissections into {sections} sections");
            ProtocolError::Unsupported { what }.into()
        })
    }

    fn check_availability(&self, rollup: &RollupAddress, staker: PublicKeyHash) -> Outcome<()> {
        if self.staker_index(rollup, &staker)?.is_none() {
            return Err(ProtocolError::NotStaked.into());
        }
        let games = self.opponents(rollup, &staker)?.len();
        if games >= self.constants.rollup().max_number_of_parallel_games as usize {
            return Err(ProtocolError::MaxNumberOfParallelGamesReached { staker }.into());
        }
        Ok(())
    }

    fn check_staked(
        &self,
        rollup: &RollupAddress,
        player: PublicKeyHash,
        hash: CommitmentHash,
    ) -> Outcome<()> {
        let index = self.staker_index(rollup, &player)?.ok_or(ProtocolError::NotStaked)?;
        match self.stakes_on(rollup, &hash, index)? {
            true => Ok(()),
            false => Err(ProtocolError::WrongStakerForConflictCommitment { player, commitment: hash }.into()),
        }
    }

    /// Plays a move in the block of `level`. What is cheap is checked first, the proof last.
    pub(crate) fn play_move(
        &mut self,
        rollup: &RollupAddress,
        played: Move<'_>,
        level: Level,
        examine: Examiner,
        gas: &mut Meter,
    ) -> Outcome<Played> {
        let Move { player, opponent, choice, step } = played;
        let stakers = Stakers::new(player, opponent).ok_or(ProtocolError::NoGame)?;
        let game = self.game(rollup, &stakers)?.ok_or(ProtocolError::NoGame)?;
        if game.stakers.staker(game.turn) != player {
            return Err(GameError::WrongTurn.into());
        }
        gas.consume(gas::game_move(step))?;
        let origination_level: Level = self.store.require(at![ROLLUPS, rollup, "genesis_level"])?;
        let metadata = Metadata { address: *rollup, origination_level };
        match game.play(&player, level, choice, step, |game, proof| examine(game, proof, metadata))? {
            Progress::Ongoing(next) => {
                let [alice, bob] = names(&stakers);
                self.store.set(at![ROLLUPS, rollup, "games", alice, bob], &*next)?;
                Ok((None, Vec::new()))
            }
            Progress::Ended(result) => {
                gas.consume(gas::GAME_END)?;
                Ok((Some(result), self.end_game(rollup, &stakers, result)?))
            }
        }
    }

    /// Ends a game in the block of `level` whose player did not move in time.
    pub(crate) fn timeout_game(
        &mut self,
        rollup: &RollupAddress,
        stakers: Option<Stakers>,
        level: Level,
        gas: &mut Meter,
    ) -> Outcome<Played> {
        let stakers = stakers.ok_or(ProtocolError::NoGame)?;
        let game = self.game(rollup, &stakers)?.ok_or(ProtocolError::NoGame)?;
        let result = game.timeout(level)?;
        gas.consume(gas::GAME_END)?;
        Ok((Some(result), self.end_game(rollup, &stakers, result)?))
    }

    /// Who lost loses its stake; the winner gets half of it, the rest stays burnt.
    fn end_game(
        &mut self,
        rollup: &RollupAddress,
        stakers: &Stakers,
        result: GameResult,
    ) -> Outcome<Vec<BalanceUpdate>> {
        let both = [stakers.staker(Player::Alice), stakers.staker(Player::Bob)];
        let mut updates = Vec::new();
        for staker in both {
            let loses = match result {
                GameResult::Loser { loser, .. } => loser == staker,
                GameResult::Draw => true,
            };
            if loses {
                self.leave_stake(rollup, &staker)?;
                updates.extend(self.punish(&Contract::from(staker), rollup)?);
            }
        }
        if let GameResult::Loser { loser, .. } = result {
            for winner in both.into_iter().filter(|staker| *staker != loser) {
                updates.extend(self.reward(&Contract::from(winner))?);
            }
        }
        Ok(updates)
    }

    /// Takes somebody off the list of stakers, and out of all games. The bond is left where it is.
    pub(super) fn leave_stake(&mut self, rollup: &RollupAddress, staker: &PublicKeyHash) -> Outcome<()> {
        let index = self.staker_index(rollup, staker)?.ok_or(ProtocolError::NotStaked)?;
        let name = staker.to_bytes();
        for opponent in self.opponents(rollup, staker)? {
            self.store.remove(at![ROLLUPS, rollup, "games", opponent.to_bytes(), name])?;
        }
        self.store.remove(at![ROLLUPS, rollup, "games", name])?;
        self.store.remove(at![ROLLUPS, rollup, "stakers", name])?;
        Ok(self.store.remove(at![ROLLUPS, rollup, "staked", super::Index(index).to_bytes()])?)
    }
}

/// Names of directories, the first player's first.
fn names(stakers: &Stakers) -> [Vec<u8>; 2] {
    [Player::Alice, Player::Bob].map(|player| stakers.staker(player).to_bytes())
}
