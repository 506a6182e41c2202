//! The node's refutation games, for the log, the RPC and the metrics.

use soru_base::{CommitmentHash, Level, PublicKeyHash, Tick, TickSpan};
use soru_protocol::refutation::{Game, GameResult, GameState, LossReason, Player};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Ended games that are remembered.
const REMEMBERED: usize = 100;

/// What the node did last in a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It opened the game.
    Opened,
    /// It answered with a dissection of the section that starts at `choice`.
    Dissected {
        /// Tick of the section's start.
        choice: Tick,
        /// Sections of the answer.
        sections: usize,
    },
    /// It proved the tick that leads on from `choice`.
    Proved {
        /// The tick.
        choice: Tick,
        /// Size of the proof.
        bytes: usize,
    },
    /// It ended the game, because the opponent's time had run out.
    TimedOut,
    /// It does nothing, for a reason.
    Waits {
        /// Why.
        reason: String,
    },
}

impl Action {
    /// One word for the RPC.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened => "start",
            Self::Dissected { .. } => "dissection",
            Self::Proved { .. } => "proof",
            Self::TimedOut => "timeout",
            Self::Waits { .. } => "wait",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("opened the game"),
            Self::Dissected { choice, sections } => {
                write!(f, "dissected the section from tick {choice} into {sections}")
            }
            Self::Proved { choice, bytes } => write!(f, "proved tick {choice} with {bytes} bytes"),
            Self::TimedOut => f.write_str("ended the game of an absent opponent"),
            Self::Waits { reason } => write!(f, "waits: {reason}"),
        }
    }
}

/// What the node has done in a game since it first saw it. A restart begins it anew; no move depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effort {
    /// Moves sent, the opening included.
    pub moves: u32,
    /// What it did last, and at which head.
    pub last_action: Option<(Action, Level)>,
    /// Size of the last proof it made, in bytes.
    pub last_proof_size: Option<usize>,
    /// Time spent making states and proofs.
    pub recomputing: Duration,
}

/// A game that is being played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GameStatus {
    /// Who plays for the node.
    pub staker: PublicKeyHash,
    /// The other player.
    pub opponent: PublicKeyHash,
    /// The opponent's commitment, if the node knows it.
    pub their_commitment: Option<CommitmentHash>,
    /// The game on the layer-1.
    pub game: Game,
    /// The head at which it was so.
    pub seen_at: Level,
    /// Ticks in dispute when the node first saw the game.
    pub first_ticks: TickSpan,
    /// What the node did.
    pub effort: Effort,
}

impl GameStatus {
    /// Level of the disputed commitments.
    pub fn inbox_level(&self) -> Level {
        self.game.inbox_level
    }

    /// Our side.
    pub fn side(&self) -> Player {
        self.game.stakers.player(&self.staker).unwrap_or(Player::Alice)
    }

    /// Whether the node has to move.
    pub fn our_turn(&self) -> bool {
        self.game.turn == self.side()
    }

    /// Ticks still in dispute.
    pub fn ticks_in_dispute(&self) -> TickSpan {
        match &self.game.state {
            GameState::Dissecting { dissection } => match (dissection.first(), dissection.last()) {
                (Some(first), Some(last)) => last.tick.since(first.tick),
                _ => TickSpan(0),
            },
            GameState::FinalMove { .. } => TickSpan(1),
        }
    }

    /// Blocks that a side has left; negative once anybody may end the game.
    pub fn blocks_left(&self, side: Player) -> i64 {
        match side == self.game.turn {
            true => self.game.clock.blocks_left(side, self.seen_at),
            false => self.game.clock.left(side),
        }
    }
}

/// How a game ended for the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The opponent lost its stake.
    Won(LossReason),
    /// The node's staker lost its stake.
    Lost(LossReason),
    /// Both did.
    Draw,
}

impl Outcome {
    /// What a result means to `staker`.
    pub fn of(result: GameResult, staker: &PublicKeyHash) -> Self {
        match result {
            GameResult::Loser { reason, loser } if loser == *staker => Self::Lost(reason),
            GameResult::Loser { reason, .. } => Self::Won(reason),
            GameResult::Draw => Self::Draw,
        }
    }

    /// One word for the RPC and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Won(_) => "won",
            Self::Lost(_) => "lost",
            Self::Draw => "draw",
        }
    }
}

/// A game that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedGame {
    /// As the node saw it last.
    pub last: GameStatus,
    /// The head at which it was over.
    pub ended_at: Level,
    /// How it ended; nothing if the node did not see the operation that ended it.
    pub outcome: Option<Outcome>,
}

/// The node's games.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Games {
    /// The head for which the layer-1 was asked last; nothing if it never was.
    pub seen_at: Option<Level>,
    /// Games that are being played.
    pub open: Vec<GameStatus>,
    /// Games that ended since the start of the process, the oldest first.
    pub ended: Vec<EndedGame>,
}

impl Games {
    /// Remembers a game that is over, and forgets the oldest one if there are too many.
    pub fn end(&mut self, game: EndedGame) {
        if self.ended.len() >= REMEMBERED {
            self.ended.remove(0);
        }
        crate::meter::game_ended(game.outcome);
        self.ended.push(game);
    }
}

/// The games, shared: the player writes them, others read them or wait for changes.
#[derive(Debug, Clone)]
pub struct GamesCell(Arc<watch::Sender<Games>>);

impl Default for GamesCell {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Games::default())))
    }
}

impl GamesCell {
    /// The games now.
    pub fn get(&self) -> Games {
        self.0.borrow().clone()
    }

    /// Changes them.
    pub fn update(&self, change: impl FnOnce(&mut Games)) {
        self.0.send_modify(change);
        crate::meter::games(&self.0.borrow());
    }

    /// Follows the changes.
    pub fn watch(&self) -> watch::Receiver<Games> {
        self.0.subscribe()
    }
}
