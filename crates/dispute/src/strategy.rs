use crate::{DisputeError, Timeline};
use soru_base::Level;
use soru_protocol::Commitment;
use soru_protocol::inbox::InboxSource;
use soru_protocol::refutation::{Answer, Game, Player, Refutation, Step};

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
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Strategy for Honest {
    fn commitment(&mut self, _: &mut Timeline, honest: &Commitment) -> Result<Commitment, DisputeError> {
        Ok(*honest)
    }

    fn moves(&mut self, turn: Turn<'_>) -> Result<Vec<Refutation>, DisputeError> {
        let Turn { game, truth, inbox, .. } = turn;
        Ok(match game.answer(|tick| truth.hash_at(tick))? {
            Answer::Dissect { choice, dissection } => {
                vec![Refutation::Move { choice, step: Step::Dissection(dissection) }]
            }
            Answer::Prove { choice } => {
                let proof = truth.proof_at(choice, game, inbox)?;
                vec![Refutation::Move { choice, step: Step::Proof(proof) }]
            }
            Answer::Concede => Vec::new(),
        })
    }
}
