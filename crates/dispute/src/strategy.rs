use crate::{DisputeError, Timeline};
use soru_base::{Level, Tick};
use soru_protocol::Commitment;
use soru_protocol::inbox::InboxSource;
use soru_protocol::refutation::{
    Answer, DissectionChunk, Game, GameResult, GameState, LossReason, Player, Progress, Refutation,
    RefutationProof, Step, examine,
};

/// A turn in a game.
pub struct Turn<'a> {
    /// The game, in which it is our turn.
    pub game: &'a Game,
    /// Our side.
    pub me: Player,
    /// The level of the block that the move will be in, at the earliest.
    pub level: Level,
    /// What is true.
    pub truth: &'a mut Timeline,
    /// The inbox, for proofs.
    pub inbox: &'a dyn InboxSource,
}

/// What a staker claims and plays. It remembers nothing that a restart would lose: what it plays follows from the turn.
pub trait Strategy: Send {
    /// What it publishes for a period whose true commitment is `honest` (with the predecessor that it published itself).
    fn commitment(&mut self, truth: &mut Timeline, honest: &Commitment) -> Result<Commitment, DisputeError>;

    /// What it plays, all in one operation; nothing if it waits.
    fn moves(&mut self, turn: Turn<'_>) -> Result<Vec<Refutation>, DisputeError>;
}

/// Tells the truth and never loses.
///
/// It plays no move that the rules would refuse, and no proof that would not win. Where it has none it says why: then an
/// earlier claim of its own was wrong, or it is asked about another period than the game is about. Both mean that
/// something has broken that somebody has to repair while there is time on the clock, so neither passes for waiting.
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Strategy for Honest {
    fn commitment(&mut self, _: &mut Timeline, honest: &Commitment) -> Result<Commitment, DisputeError> {
        Ok(*honest)
    }

    fn moves(&mut self, turn: Turn<'_>) -> Result<Vec<Refutation>, DisputeError> {
        let Turn { game, me, level, truth, inbox } = turn;
        if game.turn != me {
            return Ok(Vec::new());
        }
        let (first, last) = claims(game);
        let expected = truth.hash_at(first.tick)?;
        if first.state_hash != expected {
            return Err(DisputeError::OtherPeriod { tick: first.tick, expected, found: first.state_hash });
        }
        // Whether another error matters, the answer says.
        if let Err(error @ DisputeError::Contradiction { .. }) = truth.look_ahead(game) {
            return Err(error);
        }
        let (choice, step) = match game.answer(|tick| truth.hash_at(tick))? {
            Answer::Dissect { choice, dissection } => (choice, Step::Dissection(dissection)),
            Answer::Prove { choice } => (choice, Step::Proof(truth.proof_at(choice, game, inbox)?)),
            Answer::Concede => return Err(DisputeError::NothingWrong { tick: last.tick }),
        };
        let metadata = truth.period().metadata;
        let judge = |game: &Game, proof: &RefutationProof| examine(game, proof, metadata);
        let next = game.play(&game.stakers.staker(me), level, choice, &step, judge);
        let loser = game.stakers.staker(me.opponent());
        let won = GameResult::Loser { reason: LossReason::ConflictResolved, loser };
        match (&step, next.map_err(DisputeError::Refused)?) {
            (Step::Dissection(_), _) => (),
            (Step::Proof(_), Progress::Ended(result)) if result == won => (),
            (Step::Proof(_), _) => return Err(DisputeError::NothingWrong { tick: last.tick }),
        }
        Ok(vec![Refutation::Move { choice, step }])
    }
}

/// The state that both agree on, and the last claim.
fn claims(game: &Game) -> (DissectionChunk, DissectionChunk) {
    let nothing = DissectionChunk { state_hash: None, tick: Tick::ZERO };
    match &game.state {
        GameState::Dissecting { dissection } => {
            (dissection.first().copied().unwrap_or(nothing), dissection.last().copied().unwrap_or(nothing))
        }
        GameState::FinalMove { agreed_start_chunk, refuted_stop_chunk } => {
            (*agreed_start_chunk, *refuted_stop_chunk)
        }
    }
}
