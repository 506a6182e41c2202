//! What a game is going to ask for.

use super::Timeline;
use super::check::Ways;
use crate::DisputeError;
use soru_base::bin::Binary;
use soru_base::{Tick, TickSpan};
use soru_merkle::Tree;
use soru_protocol::refutation::{Game, GameState, RefutationProof};
use soru_pvm::Machine;
use soru_pvm::step_proof::StepProof;

/// So many claims are looked at together: those behind the first wrong one are of no use.
const CLAIMS_AT_ONCE: usize = 8;

impl Timeline {
    /// Finds out in few passes what [`Game::answer`] asks for one by one.
    pub fn look_ahead(&mut self, game: &Game) -> Result<(), DisputeError> {
        let GameState::Dissecting { dissection } = &game.state else { return Ok(()) };
        let mut agreed: Option<Tick> = None;
        for claims in dissection.chunks(CLAIMS_AT_ONCE) {
            let ticks: Vec<Tick> = claims.iter().map(|claim| claim.tick).collect();
            for (claim, truth) in claims.iter().zip(self.hashes_at(&ticks)?) {
                if claim.state_hash == truth {
                    agreed = Some(claim.tick);
                    continue;
                }
                if let Some(start) = agreed.filter(|start| claim.tick.since(*start) > TickSpan(1)) {
                    self.hashes_at(&game.rules.default_ticks(start, claim.tick))?;
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Compares the state that the proof of a tick leads to, from the state before it, with what is known of it.
    pub(super) fn check_proof(
        &self,
        tick: Tick,
        state: &Tree,
        proof: &RefutationProof,
    ) -> Result<(), DisputeError> {
        let begin = self.period.begin.tick;
        let next = begin.plus(TickSpan(tick.0)).plus(TickSpan(1));
        let Some(known) = self.hashes.get(&next) else { return Ok(()) };
        // It was examined: it can be read.
        let Ok(step) = StepProof::from_bytes(&proof.pvm_step) else { return Ok(()) };
        let level = self.level_of(&Machine::from_tree(state)?);
        Ways::PROOF.same(next, level, Some(step.proof.after().into()), Some(*known))
    }
}
