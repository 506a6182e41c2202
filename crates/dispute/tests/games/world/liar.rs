//! Somebody who says what is true up to a tick, and something else behind it.

use super::Inboxes;
use soru_base::{StateHash, Tick, TickSpan, blake2b};
use soru_dispute::Timeline;
use soru_protocol::Commitment;
use soru_protocol::refutation::{DissectionChunk, Game, GameState, Refutation, RefutationProof, Step};

/// A lie about a period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lie {
    /// The last tick whose state it tells truly.
    pub(crate) tick: Tick,
    /// How long it says that the period is.
    pub(crate) length: TickSpan,
}

impl Lie {
    /// The wrong state behind `tick`, in a period of the right length.
    pub(crate) fn at(tick: Tick, truth: &mut Timeline) -> Self {
        Self { tick, length: truth.length().unwrap() }
    }

    /// A period that ends too early, or goes on behind its end.
    pub(crate) fn length(length: TickSpan, truth: &mut Timeline) -> Self {
        let tick = Tick(truth.length().unwrap().0.min(length.0));
        Self { tick, length }
    }

    pub(crate) fn claim(&self, tick: Tick, truth: &mut Timeline) -> Option<StateHash> {
        if tick.0 > self.length.0 {
            return None;
        }
        let fake = StateHash(blake2b::hash32(&tick.0.to_be_bytes()));
        if tick <= self.tick { truth.hash_at(tick).unwrap() } else { Some(fake) }
    }

    pub(crate) fn commitment(&self, honest: &Commitment, truth: &mut Timeline) -> Commitment {
        let end = Tick(self.length.0);
        let compressed_state = self.claim(end, truth).unwrap();
        Commitment { compressed_state, number_of_ticks: self.length, ..*honest }
    }

    /// Its move; nothing if it is at the end of its wits.
    pub(crate) fn play(&self, game: &Game, truth: &mut Timeline, inbox: &Inboxes) -> Option<Refutation> {
        let GameState::Dissecting { dissection } = &game.state else {
            return Some(Refutation::Move {
                choice: Tick::ZERO,
                step: self.proof(Tick::ZERO, game, truth, inbox),
            });
        };
        let wrong = dissection.iter().position(|chunk| self.claim(chunk.tick, truth) != chunk.state_hash)?;
        let (start, stop) = (dissection[wrong.checked_sub(1)?], dissection[wrong]);
        let choice = start.tick;
        if stop.tick.since(choice) == TickSpan(1) {
            return Some(Refutation::Move { choice, step: self.proof(choice, game, truth, inbox) });
        }
        let stop = DissectionChunk { state_hash: self.claim(stop.tick, truth), tick: stop.tick };
        let claim = |tick| Ok::<_, ()>(self.claim(tick, truth));
        let dissection = game.rules.default_dissection(start, stop, claim).unwrap();
        Some(Refutation::Move { choice, step: Step::Dissection(dissection) })
    }

    /// The truth is the best proof it has: of the tick if there is one, or of another.
    fn proof(&self, tick: Tick, game: &Game, truth: &mut Timeline, inbox: &Inboxes) -> Step {
        let proof = truth.proof_at(tick, game, inbox).or_else(|_| truth.proof_at(Tick::ZERO, game, inbox));
        Step::Proof(proof.unwrap_or(RefutationProof { pvm_step: vec![], input_proof: None }))
    }
}
