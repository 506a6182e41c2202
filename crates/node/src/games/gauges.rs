//! Metrics of playing.

use crate::status::Action;
use metrics::{counter, describe_counter, describe_histogram, histogram};
use std::time::Duration;

const MOVES: &str = "soru_node_game_moves_total";
const SECONDS: &str = "soru_node_game_recomputing_seconds";
const PROOF: &str = "soru_node_game_proof_bytes";

/// Describes them, so that they are there from the start.
pub(crate) fn describe() {
    describe_counter!(MOVES, "Moves of refutation games that were sent, openings and timeouts included.");
    describe_histogram!(SECONDS, "Time it took to make the states and the proof of a move.");
    describe_histogram!(PROOF, "Sizes of the proofs that were sent.");
    for kind in ["start", "dissection", "proof", "timeout", "wait"] {
        counter!(MOVES, "kind" => kind).increment(0);
    }
}

pub(super) fn sent(action: &Action, moves: u32) {
    counter!(MOVES, "kind" => action.name()).increment(moves.into());
    if let Action::Proved { bytes, .. } = action {
        histogram!(PROOF).record(*bytes as f64);
    }
}

pub(super) fn thought(took: Duration) {
    histogram!(SECONDS).record(took);
}
