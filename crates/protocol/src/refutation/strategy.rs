use super::{DissectionChunk, Game, GameState};
use soru_base::{StateHash, Tick, TickSpan};

/// What a player who knows the true states should answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A dissection of the section that starts at `choice`.
    Dissect {
        /// First tick of the section.
        choice: Tick,
        /// The dissection.
        dissection: Vec<DissectionChunk>,
    },
    /// The proof of the tick that leads on from the state at `choice`.
    Prove {
        /// The tick.
        choice: Tick,
    },
    /// Nothing is wrong with what the opponent says: the player's own claim is.
    Concede,
}

impl Game {
    /// The answer that never loses, for the player whose turn it is.
    ///
    /// `state_at` tells the true state some ticks after the parent commitment's, `None` where the machine is blocked. It
    /// is asked in the order of the ticks up to the first wrong one, then for the ticks of a dissection before that.
    pub fn answer<E>(
        &self,
        mut state_at: impl FnMut(Tick) -> Result<Option<StateHash>, E>,
    ) -> Result<Answer, E> {
        let dissection = match &self.state {
            GameState::FinalMove { agreed_start_chunk, .. } => {
                return Ok(Answer::Prove { choice: agreed_start_chunk.tick });
            }
            GameState::Dissecting { dissection } => dissection,
        };
        let mut agreed: Option<&DissectionChunk> = None;
        for chunk in dissection {
            let truth = state_at(chunk.tick)?;
            if truth == chunk.state_hash {
                agreed = Some(chunk);
                continue;
            }
            let Some(start) = agreed else { break };
            if chunk.tick.since(start.tick) == TickSpan(1) {
                return Ok(Answer::Prove { choice: start.tick });
            }
            let stop = DissectionChunk { state_hash: truth, tick: chunk.tick };
            let dissection = self.rules.default_dissection(*start, stop, state_at)?;
            return Ok(Answer::Dissect { choice: start.tick, dissection });
        }
        Ok(Answer::Concede)
    }
}
