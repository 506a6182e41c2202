//! Players that lie, to try honest ones on.
//!
//! A liar says the truth up to a tick and something else from there on, and plays for what it says. It remembers
//! nothing that a restart would lose: whatever it draws by lot follows from its [`Spec`], the game and the tick.

mod claims;
mod dice;
mod forgery;
mod found;
mod illegal;
mod moves;
mod shapes;
mod spec;
mod zoo;

pub use spec::{Spec, SpecError};
pub use zoo::{Kind, zoo};

use crate::{DisputeError, Strategy, Timeline, Turn};
use claims::Claims;
use found::Found;
use soru_base::Tick;
use soru_protocol::Commitment;
use soru_protocol::refutation::Refutation;

/// A player that lies as its [`Spec`] says.
#[derive(Debug, Clone)]
pub struct Adversary {
    spec: Spec,
    found: Found,
}

impl Adversary {
    /// The adversary of a description.
    pub fn new(spec: Spec) -> Self {
        Self { spec, found: Found::default() }
    }

    /// Its description.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The tick of the first state that it tells wrong in a period. Nothing if it tells the truth there: the period
    /// ends too early, or the machine makes no step of the kind it lies about.
    pub fn lie_in(&mut self, truth: &mut Timeline) -> Result<Option<Tick>, DisputeError> {
        Ok(Claims::new(&self.spec, &mut self.found, truth)?.first_wrong())
    }
}

impl Strategy for Adversary {
    fn commitment(&mut self, truth: &mut Timeline, honest: &Commitment) -> Result<Commitment, DisputeError> {
        let mut claims = Claims::new(&self.spec, &mut self.found, truth)?;
        let length = claims.length();
        let last = claims.at(Tick::ZERO.plus(length))?;
        Ok(match (claims.first_wrong(), last) {
            (Some(_), Some(compressed_state)) => {
                Commitment { compressed_state, number_of_ticks: length, ..*honest }
            }
            _ => *honest,
        })
    }

    fn moves(&mut self, turn: Turn<'_>) -> Result<Vec<Refutation>, DisputeError> {
        moves::play(&self.spec, &mut self.found, turn)
    }
}

#[cfg(test)]
mod tests;
