//! Refutation games, played without a human hand.
//!
//! Nothing is remembered that a restart would lose: which games there are and whose turn it is follows from the layer-1
//! at a head, what is true from the store. So what is done for a head is a pure [`plan()`]; the [`Player`] carries it out.

mod asking;
pub(crate) mod gauges;
pub mod period;
mod plan;
mod player;
mod sightings;
mod thinker;
pub mod turnstile;

pub use plan::{Position, Sent, Step, View, plan};
pub use player::Player;
pub(crate) use player::listen;

use soru_dispute::{Adversary, Honest, Spec, Strategy};

/// How a node plays: honestly, unless it is told to lie.
fn strategy_of(adversary: Option<&Spec>) -> Box<dyn Strategy> {
    match adversary {
        Some(spec) => Box::new(Adversary::new(spec.clone())),
        None => Box::new(Honest),
    }
}

#[cfg(test)]
mod plan_tests;
