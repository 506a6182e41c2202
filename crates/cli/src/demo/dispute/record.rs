//! What became of commitments and games, from the events of the blocks so far.

use super::watch::Seen;
use soru_base::{Binary, CommitmentHash, Level, Mutez, PublicKeyHash, Tick, TickSpan};
use soru_l1::rollup::{Cemented, Published, Refuted};
use soru_protocol::Commitment;
use soru_protocol::refutation::{GameResult, LossReason, Player, Refutation, Stakers, Step};
use std::collections::BTreeMap;
use std::time::Duration;

const PLAYERS: [Player; 2] = [Player::Alice, Player::Bob];

/// All that happened.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Who staked on what, in order.
    pub(super) claims: Vec<Claim>,
    /// Commitments that became final.
    pub(super) cemented: BTreeMap<Level, CommitmentHash>,
    /// Games, in the order of their openings.
    pub(super) games: Vec<GameRecord>,
    /// Bonds that games took away.
    slashed: BTreeMap<PublicKeyHash, Mutez>,
}

/// A publication.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) staker: PublicKeyHash,
    pub(super) hash: CommitmentHash,
    pub(super) commitment: Commitment,
}

/// A game.
#[derive(Debug, Clone)]
pub(super) struct GameRecord {
    pub(super) stakers: Stakers,
    /// Who opened it.
    pub(super) opener: PublicKeyHash,
    /// When, since the watch began.
    began: Duration,
    /// What was played, the opening included.
    pub(super) moves: Vec<Move>,
    pub(super) ended: Option<Ended>,
    /// Where the sections of the last dissection begin and end.
    cuts: Vec<Tick>,
}

/// What is in dispute after a move, and how it got there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) by: PublicKeyHash,
    pub(super) level: Level,
    pub(super) interval: Interval,
    pub(super) kind: MoveKind,
}

/// What a move was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MoveKind {
    Opening,
    /// Into so many sections.
    Dissection(usize),
    /// Of so many bytes.
    Proof(usize),
}

/// Ticks, from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start: Tick,
    pub(super) stop: Tick,
}

impl Interval {
    pub(super) fn span(self) -> TickSpan {
        self.stop.since(self.start)
    }
}

/// How a game ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) result: GameResult,
    /// The loser had lost its stake in another game, and it was its turn: no operation ended this one.
    pub(super) elsewhere: bool,
    at: Duration,
}

/// Where an event is to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    Claim(usize),
    Cemented(Level),
    /// A move, the last one of this game.
    Move(usize),
    /// The clock of this game was called.
    TimedOut(usize),
    /// This game was over when a player lost its stake in another one.
    Dropped(usize),
    Recovered(PublicKeyHash),
}

impl Record {
    /// What these blocks tell.
    pub(super) fn of(blocks: &[Seen]) -> Self {
        let mut record = Self::default();
        for block in blocks {
            record.add(block);
        }
        record
    }

    /// Takes down another block; says what is to be told of it.
    pub(super) fn add(&mut self, block: &Seen) -> Vec<Noted> {
        let mut noted = Vec::new();
        for Published { staker, hash, commitment, .. } in &block.events.published {
            noted.push(Noted::Claim(self.claims.len()));
            self.claims.push(Claim { staker: *staker, hash: *hash, commitment: *commitment });
        }
        noted.extend(block.events.refuted.iter().filter_map(|one| self.refuted(one, block)));
        for (staker, bond) in &block.slashed {
            let lost = self.slashed.entry(*staker).or_insert(Mutez::ZERO);
            *lost = Mutez(lost.0.saturating_add(bond.0));
        }
        for Cemented { hash, inbox_level, .. } in &block.events.cemented {
            self.cemented.insert(*inbox_level, *hash);
            noted.push(Noted::Cemented(*inbox_level));
        }
        noted.extend(block.events.recovered.iter().map(|one| Noted::Recovered(one.staker)));
        noted
    }

    fn refuted(&mut self, one: &Refuted, block: &Seen) -> Option<Noted> {
        let by = one.source;
        if let Some(Refutation::Start { opponent_commitment_hash, .. }) = one.refutation {
            let stop = Tick::ZERO.plus(self.commitment(opponent_commitment_hash)?.number_of_ticks);
            let interval = Interval { start: Tick::ZERO, stop };
            self.games.push(GameRecord {
                stakers: one.stakers,
                opener: by,
                began: block.at,
                moves: vec![Move { by, level: block.level, interval, kind: MoveKind::Opening }],
                ended: None,
                cuts: vec![interval.start, stop, stop.plus(TickSpan(1))],
            });
        }
        let is_it = |game: &GameRecord| game.stakers == one.stakers && game.ended.is_none();
        let number = self.games.iter().rposition(is_it)?;
        let game = &mut self.games[number];
        if let Some(Refutation::Move { choice, step }) = &one.refutation {
            game.play(by, *choice, step, block.level);
        }
        game.ended = one.result.map(|result| Ended { result, elsewhere: false, at: block.at });
        Some(if one.refutation.is_some() { Noted::Move(number) } else { Noted::TimedOut(number) })
    }

    /// Games that may be over without an operation of their own: a player has lost a stake.
    pub(super) fn doubtful(&self) -> Vec<usize> {
        let lost =
            |game: &GameRecord| PLAYERS.into_iter().any(|p| self.lost(game.stakers.staker(p)) > Mutez::ZERO);
        let doubtful = self.games.iter().enumerate().filter(|(_, game)| game.ended.is_none() && lost(game));
        doubtful.map(|(number, _)| number).collect()
    }

    /// A doubtful game is not on the layer-1 any more.
    pub(super) fn dropped(&mut self, number: usize, at: Duration) -> Option<Noted> {
        let loses = |player: &Player| self.lost(self.games[number].stakers.staker(*player)) > Mutez::ZERO;
        let loser = self.games[number].stakers.staker(PLAYERS.into_iter().find(loses)?);
        let result = GameResult::Loser { reason: LossReason::ConflictResolved, loser };
        self.games[number].ended = Some(Ended { result, elsewhere: true, at });
        Some(Noted::Dropped(number))
    }

    /// A commitment that was published.
    fn commitment(&self, hash: CommitmentHash) -> Option<&Commitment> {
        self.claims.iter().find(|claim| claim.hash == hash).map(|claim| &claim.commitment)
    }

    /// What somebody staked on at a level, the last of it.
    pub(super) fn claim(&self, staker: PublicKeyHash, level: Level) -> Option<&Claim> {
        self.claims.iter().rfind(|claim| claim.staker == staker && claim.commitment.inbox_level == level)
    }

    /// The commitments of `other` that contradict one of `honest`: for the same level, on the same predecessor. What it
    /// builds on a lie is none by itself, and falls with it.
    pub(super) fn lies(&self, other: PublicKeyHash, honest: PublicKeyHash) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(move |claim| {
            let truth = self.claim(honest, claim.commitment.inbox_level);
            let contradicts = |truth: &Claim| {
                truth.hash != claim.hash && truth.commitment.predecessor == claim.commitment.predecessor
            };
            claim.staker == other && truth.is_some_and(contradicts)
        })
    }

    /// The games of a staker.
    pub(super) fn games_of(&self, staker: PublicKeyHash) -> impl Iterator<Item = &GameRecord> {
        self.games.iter().filter(move |game| game.opponent_of(staker).is_some())
    }

    /// What was taken from a staker.
    pub(super) fn lost(&self, staker: PublicKeyHash) -> Mutez {
        self.slashed.get(&staker).copied().unwrap_or(Mutez::ZERO)
    }
}

impl GameRecord {
    fn play(&mut self, by: PublicKeyHash, choice: Tick, step: &Step, level: Level) {
        // During the final move the choice says nothing.
        let chosen = self.cuts.windows(2).find(|cut| cut[0] == choice);
        let interval = chosen.map_or(self.interval(), |cut| Interval { start: cut[0], stop: cut[1] });
        let kind = match step {
            Step::Dissection(chunks) => {
                self.cuts = chunks.iter().map(|chunk| chunk.tick).collect();
                MoveKind::Dissection(chunks.len().saturating_sub(1))
            }
            Step::Proof(proof) => {
                self.cuts = vec![interval.start, interval.stop];
                MoveKind::Proof(proof.to_bytes().len())
            }
        };
        self.moves.push(Move { by, level, interval, kind });
    }

    /// Level of the opening.
    pub(super) fn opened(&self) -> Option<Level> {
        self.moves.first().map(|first| first.level)
    }

    /// What is in dispute after the last move.
    pub(super) fn interval(&self) -> Interval {
        self.moves.last().map_or(Interval { start: Tick::ZERO, stop: Tick::ZERO }, |last| last.interval)
    }

    /// What was in dispute when it was opened.
    pub(super) fn ticks_disputed(&self) -> TickSpan {
        self.moves.first().map_or(TickSpan(0), |first| first.interval.span())
    }

    /// Bytes of the last proof.
    pub(super) fn proof_size(&self) -> Option<usize> {
        self.moves.iter().rev().find_map(|one| match one.kind {
            MoveKind::Proof(size) => Some(size),
            _ => None,
        })
    }

    /// From the opening to the end, if it has ended.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.ended.map(|ended| ended.at.saturating_sub(self.began))
    }

    /// Whom a staker plays against here, if it plays.
    pub(super) fn opponent_of(&self, staker: PublicKeyHash) -> Option<PublicKeyHash> {
        self.stakers.player(&staker).map(|player| self.stakers.staker(player.opponent()))
    }

    /// How it went for one of its players.
    pub(super) fn outcome_for(&self, staker: PublicKeyHash) -> Outcome {
        match self.ended.map(|ended| ended.result) {
            None => Outcome::Unfinished,
            Some(GameResult::Draw) => Outcome::Draw,
            Some(GameResult::Loser { loser, .. }) if loser == staker => Outcome::Lost,
            Some(GameResult::Loser { .. }) => Outcome::Won,
        }
    }
}

/// How a game went for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Won,
    Lost,
    /// Both lost.
    Draw,
    Unfinished,
}

impl Outcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Draw => "draw",
            Self::Unfinished => "unfinished",
        }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
