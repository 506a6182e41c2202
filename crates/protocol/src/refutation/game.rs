use super::{Clock, DissectionChunk, DissectionRules, GameError, RefutationProof, Step};
use crate::commitment::Commitment;
use crate::inbox::HistoryCell;
use soru_base::{Level, LevelSpan, PublicKeyHash, StateHash, Tick, TickSpan};

/// A side of a game.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Player {
    /// The staker whose address comes first.
    Alice,
    /// The other one.
    Bob,
}

impl Player {
    /// The network's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    /// The other side.
    pub fn opponent(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }
}

/// The two stakers of a game, which is found by them: two stakers play one game at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stakers {
    alice: PublicKeyHash,
    bob: PublicKeyHash,
}

impl Stakers {
    /// Two stakers in either order; `None` for one against oneself.
    pub fn new(one: PublicKeyHash, other: PublicKeyHash) -> Option<Self> {
        (one != other).then(|| Self { alice: one.min(other), bob: one.max(other) })
    }

    /// Who plays a side.
    pub fn staker(&self, player: Player) -> PublicKeyHash {
        match player {
            Player::Alice => self.alice,
            Player::Bob => self.bob,
        }
    }

    /// The side that somebody plays, if any.
    pub fn player(&self, staker: &PublicKeyHash) -> Option<Player> {
        [Player::Alice, Player::Bob].into_iter().find(|p| self.staker(*p) == *staker)
    }
}

/// Where two branches of the commitment tree part: two commitments on one parent.
#[derive(Debug, Clone, Copy)]
pub struct ConflictPoint<'a> {
    /// Who opens the game, and moves first.
    pub refuter: PublicKeyHash,
    /// The refuter's commitment.
    pub refuter_commitment: &'a Commitment,
    /// Who is challenged.
    pub defender: PublicKeyHash,
    /// The defender's commitment: the game is about it.
    pub defender_commitment: &'a Commitment,
    /// The commitment both agree on.
    pub parent_commitment: &'a Commitment,
}

/// Where a game stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GameState {
    /// The players look for the tick they disagree on.
    Dissecting {
        /// What the one who moved last claims.
        dissection: Vec<DissectionChunk>,
    },
    /// The first proof was not valid: the other player has to prove the refuted tick.
    FinalMove {
        /// The state both agree on.
        agreed_start_chunk: DissectionChunk,
        /// The claim, one tick later, that was not refuted.
        refuted_stop_chunk: DissectionChunk,
    },
}

/// A refutation game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Game {
    /// Who plays.
    pub stakers: Stakers,
    /// Who moves next.
    pub turn: Player,
    /// The inbox when the game began: inbox proofs are against it.
    pub inbox_snapshot: HistoryCell,
    /// Level of the opening.
    pub start_level: Level,
    /// Level of the disputed commitments: no later message is read.
    pub inbox_level: Level,
    /// Where the game stands.
    pub state: GameState,
    /// What dissections must look like.
    pub rules: DissectionRules,
    /// The players' time.
    pub clock: Clock,
}

/// Why somebody lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossReason {
    /// A proof decided.
    ConflictResolved,
    /// No move came in time.
    Timeout,
}

/// How a game ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GameResult {
    /// One player lost its stake.
    Loser {
        /// Why.
        reason: LossReason,
        /// Who.
        loser: PublicKeyHash,
    },
    /// Neither could prove anything: both lose.
    Draw,
}

/// What a move leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The opponent moves.
    Ongoing(Box<Game>),
    /// The game is over.
    Ended(GameResult),
}

/// The tick that a valid proof proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvedTick {
    /// The state before it.
    pub start: StateHash,
    /// The state after it; `None` if the machine needs a message and the proof of the inbox shows that there is none up
    /// to the level of the commitment.
    pub stop: Option<StateHash>,
}

/// What the examination of a proof says.
///
/// `Valid` only if the step proof verifies; if the input is exactly what the machine asks for in the state before the
/// tick (nothing, the next message of [`Game::inbox_snapshot`], or the answer to its reveal); and if a message above
/// [`Game::inbox_level`] was taken for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It proves a tick.
    Valid(ProvedTick),
    /// It is a proof, but proves nothing: the opponent may show that it is right.
    Invalid,
    /// The bytes are no proof: the move is refused.
    Malformed(String),
}

impl Game {
    /// Opens a game in the block of `level`: the refuter moves first, each player has `period` on its clock.
    ///
    /// The first dissection says that the parent's state leads to the defender's in the ticks of its commitment, and that
    /// the machine is blocked there. Fails if the commitments are not in conflict.
    pub fn start(
        point: &ConflictPoint<'_>,
        inbox_snapshot: HistoryCell,
        level: Level,
        rules: DissectionRules,
        period: LevelSpan,
    ) -> Result<Self, GameError> {
        let &ConflictPoint { refuter, refuter_commitment, defender, defender_commitment, parent_commitment } =
            point;
        let stakers = Stakers::new(refuter, defender).ok_or(GameError::NoConflict)?;
        if refuter_commitment == defender_commitment {
            return Err(GameError::NoConflict);
        }
        let parent = parent_commitment.hash();
        if refuter_commitment.predecessor != parent || defender_commitment.predecessor != parent {
            return Err(GameError::NotValidCommitmentsConflict {
                refuter_commitment: refuter_commitment.hash(),
                refuter,
                defender_commitment: defender_commitment.hash(),
                defender,
            });
        }
        if defender_commitment.number_of_ticks == TickSpan(0) {
            return Err(GameError::ZeroTickCommitment);
        }
        let stop = Tick::ZERO.plus(defender_commitment.number_of_ticks);
        let dissection = vec![
            DissectionChunk { state_hash: Some(parent_commitment.compressed_state), tick: Tick::ZERO },
            DissectionChunk { state_hash: Some(defender_commitment.compressed_state), tick: stop },
            DissectionChunk { state_hash: None, tick: stop.plus(TickSpan(1)) },
        ];
        Ok(Self {
            stakers,
            turn: if stakers.alice == refuter { Player::Alice } else { Player::Bob },
            inbox_snapshot,
            start_level: level,
            inbox_level: defender_commitment.inbox_level,
            state: GameState::Dissecting { dissection },
            rules,
            clock: Clock::start(level, period),
        })
    }

    /// A move of `player` in the block of `level`: of the section that starts at `choice`, a dissection or a proof.
    ///
    /// During the final move `choice` says nothing. `examine` is asked about a proof after everything cheaper was
    /// checked. On an error the game is as before.
    pub fn play(
        &self,
        player: &PublicKeyHash,
        level: Level,
        choice: Tick,
        step: &Step,
        examine: impl FnOnce(&Self, &RefutationProof) -> Verdict,
    ) -> Result<Progress, GameError> {
        if self.stakers.staker(self.turn) != *player {
            return Err(GameError::WrongTurn);
        }
        match (&self.state, step) {
            (GameState::Dissecting { dissection }, Step::Dissection(answer)) => {
                let (start, stop) = find_choice(dissection, choice)?;
                self.rules.check(start, stop, answer)?;
                Ok(self.next(level, GameState::Dissecting { dissection: answer.clone() }))
            }
            (GameState::Dissecting { dissection }, Step::Proof(proof)) => {
                let (start, stop) = find_choice(dissection, choice)?;
                let ticks = stop.tick.since(start.tick);
                if ticks != TickSpan(1) {
                    return Err(GameError::ProofUnexpectedSectionSize { ticks });
                }
                // No proof starts from a blocked machine: a wrong one here could not be answered.
                if start.state_hash.is_none() {
                    return Err(GameError::DissectionStartHashMismatch { expected: None, given: None });
                }
                let proved = proved(examine(self, proof))?.filter(|p| Some(p.start) == start.state_hash);
                if proved.is_some_and(|proved| proved.stop != stop.state_hash) {
                    return Ok(self.opponent_loses());
                }
                let state = GameState::FinalMove { agreed_start_chunk: *start, refuted_stop_chunk: *stop };
                Ok(self.next(level, state))
            }
            (GameState::FinalMove { .. }, Step::Dissection(_)) => Err(GameError::DissectingDuringFinalMove),
            (GameState::FinalMove { agreed_start_chunk, refuted_stop_chunk }, Step::Proof(proof)) => {
                let agreed = agreed_start_chunk.state_hash;
                let proved = proved(examine(self, proof))?.filter(|p| Some(p.start) == agreed);
                if proved.is_some_and(|proved| proved.stop == refuted_stop_chunk.state_hash) {
                    return Ok(self.opponent_loses());
                }
                Ok(Progress::Ended(GameResult::Draw))
            }
        }
    }

    /// Ends a game in the block of `level` whose player did not move in time.
    ///
    /// That player loses; during the final move, both do: the opponent's proof was not valid either.
    pub fn timeout(&self, level: Level) -> Result<GameResult, GameError> {
        self.clock.check_run_out(&self.stakers, self.turn, level)?;
        Ok(match self.state {
            GameState::Dissecting { .. } => {
                GameResult::Loser { reason: LossReason::Timeout, loser: self.stakers.staker(self.turn) }
            }
            GameState::FinalMove { .. } => GameResult::Draw,
        })
    }

    /// The result if stakes are gone already, lost in games with others: to be asked before a move.
    pub fn forfeited(&self, alice_stakes: bool, bob_stakes: bool) -> Option<GameResult> {
        let gone = match (alice_stakes, bob_stakes) {
            (true, true) => return None,
            (false, false) => return Some(GameResult::Draw),
            (false, true) => Player::Alice,
            (true, false) => Player::Bob,
        };
        let loser = self.stakers.staker(gone);
        Some(GameResult::Loser { reason: LossReason::ConflictResolved, loser })
    }

    fn next(&self, level: Level, state: GameState) -> Progress {
        Progress::Ongoing(Box::new(Self {
            stakers: self.stakers,
            turn: self.turn.opponent(),
            inbox_snapshot: self.inbox_snapshot.clone(),
            start_level: self.start_level,
            inbox_level: self.inbox_level,
            state,
            rules: self.rules,
            clock: self.clock.moved(self.turn, level),
        }))
    }

    fn opponent_loses(&self) -> Progress {
        let loser = self.stakers.staker(self.turn.opponent());
        Progress::Ended(GameResult::Loser { reason: LossReason::ConflictResolved, loser })
    }
}

/// The section that starts at `choice`; the last chunk starts none.
fn find_choice(
    dissection: &[DissectionChunk],
    choice: Tick,
) -> Result<(&DissectionChunk, &DissectionChunk), GameError> {
    dissection
        .windows(2)
        .find_map(|pair| match pair {
            [start, stop] if start.tick == choice => Some((start, stop)),
            _ => None,
        })
        .ok_or(GameError::DissectionChoiceNotFound { choice })
}

fn proved(verdict: Verdict) -> Result<Option<ProvedTick>, GameError> {
    match verdict {
        Verdict::Valid(proved) => Ok(Some(proved)),
        Verdict::Invalid => Ok(None),
        Verdict::Malformed(reason) => Err(GameError::ProofCheck { reason }),
    }
}
