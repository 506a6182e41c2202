//! Refutation games in the ledger.
//!
//! # What an honest staker can rely on
//!
//! A staker that claims only what is true, opens a game with everybody in [conflict](Ledger::conflicts_of) with it, answers
//! each game whose turn it is before its clock runs out, and times out who does not, loses nothing but fees, and in the end
//! its commitments are cemented:
//!
//! * While it is a player's turn, only its own move or its own clock changes a game, whatever becomes of the stakes.
//! * A game of two living stakes ends with one of them gone at least, within two clocks.
//! * Nobody plays more games at once than the constants allow. Who plays that many cannot be challenged before one ends: an
//!   honest staker times out such games as well, though they are not its own.
//! * A move holds for one chain: where a reorganisation can bring another game of the same players, an operation must not
//!   outlive the block that it answers. Its branch says so, and the ledger is not asked.
//!
//! # Games and stakes
//!
//! A game is between two *stakes*, not only between two accounts: it keeps their numbers. A stake can go while the game is
//! on (lost to somebody else, or given back), and its owner can come back with another stake. Then:
//!
//! * A game with a stake that is gone is **void**: whatever ends it, nobody loses or wins anything by it.
//! * A void game still waits for the player whose turn it is. Its next move ends it, whatever the move is, and so does
//!   anybody once its time has run out. Until then the two cannot open another one. So a move that is under way when the
//!   opponent's stake goes finds the game that it was made for, never a newer one in which it would be wrong.
//! * But who loses a stake is waited for no longer: the games in which it had to move are over.
//! * Void games do not count among those that a staker may play at once.
//!
//! On the public network a void game goes on as if nothing had happened when both players stake (again), and its clock
//! never stops: a player whose opponent has lost its stake already can be timed out, loses its own stake, and the opponent
//! is paid for it.

use super::super::Ledger;
use super::super::error::{Outcome, ProtocolError, StorageError};
use super::super::gas::{self, Meter};
use super::super::store::at;
use super::originate::TICKS_PER_SNAPSHOT;
use super::{Index, ROLLUPS};
use crate::receipt::BalanceUpdate;
use crate::refutation::{
    ConflictPoint, DissectionRules, Game, GameError, GameResult, Player, Progress, RefutationProof, Stakers,
    Step, Verdict,
};
use soru_base::{
    Binary, CommitmentHash, Contract, DecodeError, Level, LevelSpan, PublicKeyHash, Reader, RollupAddress,
    Tick, TickSpan,
};
use soru_pvm::reveal::Metadata;

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

/// A game as it is stored.
#[derive(Debug, Clone)]
struct Kept {
    game: Game,
    /// Numbers of the stakes that are played for, Alice's first.
    stakes: [u64; 2],
}

impl Binary for Kept {
    fn write(&self, out: &mut Vec<u8>) {
        self.game.write(out);
        self.stakes.iter().for_each(|index| Index(*index).write(out));
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { game: Game::read(r)?, stakes: [Index::read(r)?.0, Index::read(r)?.0] })
    }
}

/// What the RPC asks.
impl Ledger {
    /// The game of two stakers. It may be void: see [`void_result`](Self::void_result).
    pub fn game(&self, rollup: &RollupAddress, stakers: &Stakers) -> Result<Option<Game>, StorageError> {
        Ok(self.kept_game(rollup, stakers)?.map(|kept| kept.game))
    }

    /// How the game of two stakers ends with the next move because a stake is gone; `None` if none is, or there is no game.
    pub fn void_result(
        &self,
        rollup: &RollupAddress,
        stakers: &Stakers,
    ) -> Result<Option<GameResult>, StorageError> {
        match self.kept_game(rollup, stakers)? {
            Some(kept) => self.forfeited(rollup, &kept),
            None => Ok(None),
        }
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
}

impl Ledger {
    fn kept_game(&self, rollup: &RollupAddress, stakers: &Stakers) -> Result<Option<Kept>, StorageError> {
        let [alice, bob] = names(stakers);
        self.store.get(at![ROLLUPS, rollup, "games", alice, bob])
    }

    fn forfeited(&self, rollup: &RollupAddress, kept: &Kept) -> Result<Option<GameResult>, StorageError> {
        let stakes = |player, index| -> Result<bool, StorageError> {
            let staker = kept.game.stakers.staker(player);
            Ok(self.staker_index(rollup, &staker)? == Some(index))
        };
        let [alice, bob] = kept.stakes;
        Ok(kept.game.forfeited(stakes(Player::Alice, alice)?, stakes(Player::Bob, bob)?))
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
        let stakes = [
            self.check_availability(rollup, stakers.staker(Player::Alice))?,
            self.check_availability(rollup, stakers.staker(Player::Bob))?,
        ];
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
        Ok(self.keep_game(rollup, &Kept { game, stakes })?)
    }

    fn keep_game(&mut self, rollup: &RollupAddress, kept: &Kept) -> Result<(), StorageError> {
        let [alice, bob] = names(&kept.game.stakers);
        self.store.mark(at![ROLLUPS, rollup, "games", bob, alice])?;
        self.store.set(at![ROLLUPS, rollup, "games", alice, bob], kept)
    }

    fn remove_game(&mut self, rollup: &RollupAddress, stakers: &Stakers) -> Result<(), StorageError> {
        let [alice, bob] = names(stakers);
        self.store.remove(at![ROLLUPS, rollup, "games", bob, alice])?;
        self.store.remove(at![ROLLUPS, rollup, "games", alice, bob])
    }

    fn dissection_rules(&self) -> Outcome<DissectionRules> {
        let sections = self.constants.rollup().number_of_sections_in_dissection;
        DissectionRules::new(sections, TickSpan(TICKS_PER_SNAPSHOT)).ok_or_else(|| {
            let what = format!("a refutation game with dissections into {sections} sections");
            ProtocolError::Unsupported { what }.into()
        })
    }

    /// The number of a stake that can be played for.
    fn check_availability(&self, rollup: &RollupAddress, staker: PublicKeyHash) -> Outcome<u64> {
        let index = self.staker_index(rollup, &staker)?.ok_or(ProtocolError::NotStaked)?;
        let mut games = 0;
        for opponent in self.opponents(rollup, &staker)? {
            let Some(stakers) = Stakers::new(staker, opponent) else { continue };
            let Some(kept) = self.kept_game(rollup, &stakers)? else { continue };
            games += u32::from(self.forfeited(rollup, &kept)?.is_none());
        }
        if games >= self.constants.rollup().max_number_of_parallel_games {
            return Err(ProtocolError::MaxNumberOfParallelGamesReached { staker }.into());
        }
        Ok(index)
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
        let kept = self.kept_game(rollup, &stakers)?.ok_or(ProtocolError::NoGame)?;
        let game = &kept.game;
        if game.stakers.staker(game.turn) != player {
            return Err(GameError::WrongTurn.into());
        }
        if let Some(result) = self.forfeited(rollup, &kept)? {
            self.remove_game(rollup, &stakers)?;
            return Ok((Some(result), Vec::new()));
        }
        gas.consume(gas::game_move(step))?;
        let origination_level: Level = self.store.require(at![ROLLUPS, rollup, "genesis_level"])?;
        let metadata = Metadata { address: *rollup, origination_level };
        let mut unread = None;
        let progress =
            game.play(&player, level, choice, step, |game, proof| match self.claims_another_length(proof) {
                Ok(true) => Verdict::Invalid,
                Ok(false) => examine(game, proof, metadata),
                Err(error) => {
                    unread = Some(error);
                    Verdict::Invalid
                }
            });
        if let Some(error) = unread {
            return Err(error.into());
        }
        match progress? {
            Progress::Ongoing(next) => {
                self.keep_game(rollup, &Kept { game: *next, ..kept })?;
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
        let kept = self.kept_game(rollup, &stakers)?.ok_or(ProtocolError::NoGame)?;
        let result = kept.game.timeout(level)?;
        if let Some(result) = self.forfeited(rollup, &kept)? {
            self.remove_game(rollup, &stakers)?;
            return Ok((Some(result), Vec::new()));
        }
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
        self.remove_game(rollup, stakers)?;
        let both = [stakers.staker(Player::Alice), stakers.staker(Player::Bob)];
        let mut updates = Vec::new();
        for staker in both {
            let loses = match result {
                GameResult::Loser { loser, .. } => loser == staker,
                GameResult::Draw => true,
            };
            if loses {
                self.remove_stake(rollup, &staker)?;
                self.remove_games_that_wait_for(rollup, &staker)?;
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

    fn remove_games_that_wait_for(
        &mut self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
    ) -> Result<(), StorageError> {
        for opponent in self.opponents(rollup, staker)? {
            let Some(stakers) = Stakers::new(*staker, opponent) else { continue };
            let game = self.game(rollup, &stakers)?;
            if game.is_some_and(|game| stakers.staker(game.turn) == *staker) {
                self.remove_game(rollup, &stakers)?;
            }
        }
        Ok(())
    }

    /// Takes somebody off the list of stakers. The bond is left where it is.
    pub(super) fn remove_stake(&mut self, rollup: &RollupAddress, staker: &PublicKeyHash) -> Outcome<()> {
        let index = self.staker_index(rollup, staker)?.ok_or(ProtocolError::NotStaked)?;
        self.store.remove(at![ROLLUPS, rollup, "stakers", staker.to_bytes()])?;
        Ok(self.store.remove(at![ROLLUPS, rollup, "staked", Index(index).to_bytes()])?)
    }
}

/// Names of directories, the first player's first.
fn names(stakers: &Stakers) -> [Vec<u8>; 2] {
    [Player::Alice, Player::Bob].map(|player| stakers.staker(player).to_bytes())
}
