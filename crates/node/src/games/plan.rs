use soru_base::blake2b::hash32;
use soru_base::{Binary as _, CommitmentHash, Level, PublicKeyHash};
use soru_protocol::refutation::{Conflict, Game, GameState, Stakers};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem::discriminant;

/// Where a game stands, to tell one turn from another: a hash over all of the game, its clock and its inbox included, so
/// that a game that comes back after a reorganisation is the same only if it is the same game.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position([u8; 32]);

impl Position {
    /// Where `game` stands.
    pub fn of(game: &Game) -> Self {
        Self(hash32(&game.to_bytes()))
    }
}

/// What the layer-1 says at its head about the disputes of one staker of ours.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Level of the head. What is sent now is in the next block, at the earliest.
    pub head: Level,
    /// The staker.
    pub me: PublicKeyHash,
    /// All accounts of this node: games between them would only burn their stakes.
    pub own: &'a BTreeSet<PublicKeyHash>,
    /// The games of the staker.
    pub games: &'a [Game],
    /// The conflicts of the staker, those that are played already included.
    pub conflicts: &'a [Conflict],
    /// All who have a stake; nothing if the layer-1 does not say.
    pub stakers: Option<&'a BTreeSet<PublicKeyHash>>,
    /// Games that a staker may play at once.
    pub parallel: usize,
    /// The games of opponents in conflict who play that many already: none can be opened against them.
    pub crowded: &'a BTreeMap<PublicKeyHash, Vec<Game>>,
}

/// Something to do on the layer-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Play the move that is ours to play.
    Answer {
        /// Against whom.
        opponent: PublicKeyHash,
        /// Where the game stands.
        position: Position,
        /// Blocks left for it; negative once anybody may end the game.
        blocks_left: i64,
    },
    /// Play any move: the opponent's stake is gone, which the layer-1 looks at before it looks at the move. Ends a game
    /// whose commitments may be long gone.
    Claim {
        /// Against whom.
        opponent: PublicKeyHash,
        /// Where the game stands.
        position: Position,
        /// Blocks left for it.
        blocks_left: i64,
    },
    /// End the game of an opponent who does not move.
    Timeout {
        /// Against whom.
        opponent: PublicKeyHash,
        /// Where the game stands.
        position: Position,
    },
    /// End a game of others whose player does not move: an opponent could hide from us behind games with its own puppets.
    Clear {
        /// Who hides.
        opponent: PublicKeyHash,
        /// Who plays.
        stakers: Stakers,
        /// Where the game stands.
        position: Position,
    },
    /// Open a game.
    Open {
        /// Against whom.
        opponent: PublicKeyHash,
        /// Our commitment where the two part.
        ours: CommitmentHash,
        /// Theirs.
        theirs: CommitmentHash,
    },
}

/// What a step is about: one that was sent is known by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// Against whom.
    pub opponent: PublicKeyHash,
    /// Where the game stood; nothing if there was none.
    pub position: Option<Position>,
}

impl Step {
    /// The other side.
    pub fn opponent(&self) -> PublicKeyHash {
        self.sent().opponent
    }

    /// What it is about.
    pub fn sent(&self) -> Sent {
        match *self {
            Self::Answer { opponent, position, .. }
            | Self::Claim { opponent, position, .. }
            | Self::Timeout { opponent, position }
            | Self::Clear { opponent, position, .. } => Sent { opponent, position: Some(position) },
            Self::Open { opponent, .. } => Sent { opponent, position: None },
        }
    }

    /// Blocks left for it; nothing if it can wait for ever.
    pub fn blocks_left(&self) -> Option<i64> {
        match self {
            Self::Answer { blocks_left, .. } | Self::Claim { blocks_left, .. } => Some(*blocks_left),
            Self::Timeout { .. } | Self::Clear { .. } | Self::Open { .. } => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { opponent, .. } => write!(f, "answer {opponent}"),
            Self::Claim { opponent, .. } => write!(f, "end the game with {opponent}, whose stake is gone"),
            Self::Timeout { opponent, .. } => write!(f, "time out {opponent}"),
            Self::Clear { opponent, .. } => write!(f, "end a game of {opponent} whose time is over"),
            Self::Open { opponent, .. } => write!(f, "open a game with {opponent}"),
        }
    }
}

/// Decides what to do, the most urgent first: moves by the time left for them, then the games of the absent, then new
/// games by the level of the commitments in conflict, for the lowest one holds up all others. `pending` is what was sent and
/// may still be included.
pub fn plan(view: &View<'_>, pending: &BTreeSet<Sent>) -> Vec<Step> {
    let stakes = |key: &PublicKeyHash| view.stakers.is_none_or(|stakers| stakers.contains(key));
    if !stakes(&view.me) {
        return Vec::new();
    }
    let (mut moves, mut timeouts) = (Vec::new(), Vec::new());
    let mut opponents = BTreeSet::new();
    for game in view.games {
        let Some(me) = game.stakers.player(&view.me) else { continue };
        let opponent = game.stakers.staker(me.opponent());
        if !opponents.insert(opponent) {
            continue;
        }
        let position = Position::of(game);
        let blocks_left = game.clock.blocks_left(game.turn, view.head.next());
        if game.turn == me {
            moves.push(match stakes(&opponent) {
                true => Step::Answer { opponent, position, blocks_left },
                false => Step::Claim { opponent, position, blocks_left },
            });
        } else if blocks_left < 0 && matches!(game.state, GameState::Dissecting { .. }) {
            // During the final move nobody would win: our proof was refused, and theirs may still be.
            timeouts.push(Step::Timeout { opponent, position });
        }
    }
    // Nobody loses anything by the clock of a game whose other stake is gone.
    let is_claim = |step: &Step| matches!(step, Step::Claim { .. });
    moves.sort_by_key(|step| (is_claim(step), step.blocks_left(), step.opponent()));
    let mut reachable = BTreeSet::new();
    for (opponent, games) in view.crowded {
        let others = games.iter().filter(|game| game.stakers.player(&view.me).is_none());
        for game in others.filter(|game| game.clock.blocks_left(game.turn, view.head.next()) < 0) {
            reachable.insert(*opponent);
            let (stakers, position) = (game.stakers, Position::of(game));
            timeouts.push(Step::Clear { opponent: *opponent, stakers, position });
        }
    }
    let mut conflicts: Vec<&Conflict> = view.conflicts.iter().collect();
    conflicts.sort_by_key(|c| (c.our_commitment.inbox_level, c.other));
    let mut opens = Vec::new();
    let waiting = pending.iter().filter(|s| s.position.is_none() && !opponents.contains(&s.opponent)).count();
    let free = view.parallel.saturating_sub(opponents.len() + waiting);
    for conflict in conflicts {
        let opponent = conflict.other;
        let can = opponent != view.me && !view.own.contains(&opponent) && stakes(&opponent);
        let open = Sent { opponent, position: None };
        // Who gets room is challenged in the same operation, before it hides again.
        let can = can && (!view.crowded.contains_key(&opponent) || reachable.contains(&opponent));
        if opens.len() == free || !can || pending.contains(&open) || !opponents.insert(opponent) {
            continue;
        }
        let (ours, theirs) = (conflict.our_commitment.hash(), conflict.their_commitment.hash());
        opens.push(Step::Open { opponent, ours, theirs });
    }
    let steps = moves.into_iter().chain(timeouts).chain(opens);
    steps.filter(|step| !pending.contains(&step.sent())).collect()
}

/// Which of the steps that are ready go into one operation: those of one kind, for an operation fails as a whole, and behind
/// games that are ended for it, those that are opened then. Nobody can make our moves void, but somebody else may open a
/// game or end one before us. With time enough the moves leave every other block to the rest.
pub(super) fn together(ready: &[Step], head: Level) -> Vec<Step> {
    const PATIENT: i64 = 20;
    let Some(first) = ready.first() else { return Vec::new() };
    let patient = first.blocks_left().is_none_or(|left| left > PATIENT);
    let other = ready.iter().find(|step| !matches!(step, Step::Answer { .. }));
    let chosen = other.filter(|_| patient && head.get().is_multiple_of(2)).unwrap_or(first);
    let cleared: BTreeSet<PublicKeyHash> = match chosen {
        Step::Clear { .. } => {
            ready.iter().filter(|step| matches!(step, Step::Clear { .. })).map(Step::opponent).collect()
        }
        _ => BTreeSet::new(),
    };
    let follows = |step: &Step| matches!(step, Step::Open { opponent, .. } if cleared.contains(opponent));
    let chosen = |step: &&Step| discriminant(*step) == discriminant(chosen) || follows(step);
    ready.iter().filter(chosen).copied().collect()
}
