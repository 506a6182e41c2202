//! Refutation games, played without a human hand.
//!
//! Nothing is remembered that a restart would lose: which games there are and whose turn it is follows from the layer-1
//! at a head, what is true from the store. So what is done for a head is a pure [`plan()`].

mod plan;
pub mod turnstile;

pub use plan::{Position, Sent, Step, View, plan};

#[cfg(test)]
mod plan_tests;
