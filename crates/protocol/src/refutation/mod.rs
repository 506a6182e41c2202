//! Refutation games: how two stakers with contradicting commitments find the one tick they disagree on, and who loses.
//!
//! The rules are pure and know no ledger: a [`Game`] opens at a [`ConflictPoint`], each move ([`Game::play`]) leads to
//! another game or to a [`GameResult`]. What a proof shows is told by [`examine`], which knows machine, inbox and reveals;
//! [`prove`] makes what it takes.
//!
//! A player who knows the true states never loses ([`Game::answer`]): it chooses the section in which its opponent's
//! dissection first goes wrong, answers with the [default dissection](DissectionRules::default_dissection), and proves
//! the last tick.
//! Two moves are refused here that the public network took, because they led an honest player into a draw, which costs
//! its deposit: a proof for a section longer than one tick, and a proof for a section that starts where the machine is
//! already blocked. Neither has an answer, and neither is ever needed. What the ledger adds to the rules, for stakes that
//! go and come back while a game is on, is told there (`ledger::rollups::games`).

mod clock;
mod conflict;
mod dissection;
mod error;
mod examine;
mod game;
mod json;
mod network;
mod proof;
mod prove;
mod request;
mod stored;
mod strategy;

pub use clock::Clock;
pub use conflict::Conflict;
pub use dissection::{DissectionChunk, DissectionRules};
pub use error::GameError;
pub use examine::{RefusedProofError, examine};
pub use game::{
    ConflictPoint, Game, GameResult, GameState, LossReason, Player, Progress, ProvedTick, Stakers, Verdict,
};
pub use json::{status_from_json, status_to_json};
pub use proof::{InputProof, Refutation, RefutationProof, RevealProof, Step};
pub use prove::{ProveError, prove};
pub use request::InputError;
pub use strategy::Answer;

#[cfg(test)]
pub(crate) mod tests;
