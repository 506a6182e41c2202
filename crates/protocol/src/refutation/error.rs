use crate::ledger::ErrorKind;
use serde_json::{Map, Value, json};
use soru_base::{CommitmentHash, IdFamily, Json, PublicKeyHash, StateHash, Tick, TickSpan};
use thiserror::Error;

/// A move that the rules refuse: the game stays as it was. The names are the network's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GameError {
    /// The two commitments are one, or the two stakers.
    #[error("there is no conflict between the two stakers")]
    NoConflict,
    /// The commitments do not contradict each other at this point.
    #[error("the commitments {refuter_commitment:?} and {defender_commitment:?} have no common predecessor")]
    NotValidCommitmentsConflict {
        /// The refuter's commitment.
        refuter_commitment: CommitmentHash,
        /// Who opens the game.
        refuter: PublicKeyHash,
        /// The defender's commitment.
        defender_commitment: CommitmentHash,
        /// Who is challenged.
        defender: PublicKeyHash,
    },
    /// A claim that nothing happened cannot be played for.
    #[error("the defender's commitment has 0 ticks")]
    ZeroTickCommitment,
    /// Somebody else has to move.
    #[error("it is not the player's turn")]
    WrongTurn,
    /// No section of the dissection starts there.
    #[error("no section of the dissection starts at tick {choice}")]
    DissectionChoiceNotFound {
        /// The chosen tick.
        choice: Tick,
    },
    /// Too many or too few sections.
    #[error("{given} sections, where {expected} are asked for")]
    DissectionNumberOfSectionsMismatch {
        /// Sections asked for.
        expected: u64,
        /// Sections given.
        given: u64,
    },
    /// One tick cannot be dissected.
    #[error("a dissection with {given} sections can never be valid")]
    DissectionInvalidNumberOfSections {
        /// Sections given.
        given: u64,
    },
    /// The dissection does not start with the agreed state, or there is none to start with.
    #[error("the dissection starts with {given:?}, where the agreed state is {expected:?}")]
    DissectionStartHashMismatch {
        /// The agreed state.
        expected: Option<StateHash>,
        /// The one given.
        given: Option<StateHash>,
    },
    /// The dissection stops with the state that it should refute.
    #[error("the dissection must not stop with the refuted state {hash:?}")]
    DissectionStopHashMismatch {
        /// The refuted state.
        hash: Option<StateHash>,
    },
    /// The dissection is of another section than the chosen one.
    #[error("a dissection from {given_start} to {given_stop} of the section from {start} to {stop}")]
    DissectionEdgeTicksMismatch {
        /// First tick of the dissection.
        given_start: Tick,
        /// Last tick of the dissection.
        given_stop: Tick,
        /// First tick of the chosen section.
        start: Tick,
        /// Last tick of the chosen section.
        stop: Tick,
    },
    /// Ticks out of order.
    #[error("the ticks of a dissection must increase")]
    DissectionTicksNotIncreasing,
    /// A section too long.
    #[error("a section may have at most {max} ticks")]
    DissectionInvalidDistribution {
        /// The longest section allowed.
        max: TickSpan,
    },
    /// A state behind a blocked one.
    #[error("no state can follow a blocked one")]
    DissectionInvalidSuccessiveStatesShape,
    /// A tick that is no snapshot.
    #[error("the sections must consist of whole snapshots")]
    WasmInvalidDissectionDistribution,
    /// Only a proof can answer the first proof.
    #[error("a dissection during the final move")]
    DissectingDuringFinalMove,
    /// A proof for more than one tick.
    #[error("a proof for a section of {ticks} ticks, where 1 can be proved")]
    ProofUnexpectedSectionSize {
        /// Ticks of the chosen section.
        ticks: TickSpan,
    },
    /// Bytes that are no proof.
    #[error("invalid proof: {reason}")]
    ProofCheck {
        /// What is wrong.
        reason: String,
    },
    /// The player whose turn it is has time left.
    #[error("{staker} has {blocks_left} blocks left to play")]
    TimeoutLevelNotReached {
        /// Blocks left.
        blocks_left: i64,
        /// Whose turn it is.
        staker: PublicKeyHash,
    },
}

impl GameError {
    /// The network's id, without the prefix of the protocol.
    pub fn id(&self) -> &'static str {
        match self {
            Self::NoConflict => "smart_rollup_no_conflict",
            Self::NotValidCommitmentsConflict { .. } => "smart_rollup_not_valid_commitments_conflict",
            Self::ZeroTickCommitment => "smart_rollup_zero_tick_commitment",
            Self::WrongTurn => "smart_rollup_wrong_turn",
            Self::DissectionChoiceNotFound { .. } => "Dissection_choice_not_found",
            Self::DissectionNumberOfSectionsMismatch { .. } => {
                "smart_rollup_dissection_number_of_sections_mismatch"
            }
            Self::DissectionInvalidNumberOfSections { .. } => {
                "smart_rollup_dissection_invalid_number_of_sections"
            }
            Self::DissectionStartHashMismatch { .. } => "smart_rollup_dissection_start_hash_mismatch",
            Self::DissectionStopHashMismatch { .. } => "smart_rollup_dissection_stop_hash_mismatch",
            Self::DissectionEdgeTicksMismatch { .. } => "smart_rollup_dissection_edge_ticks_mismatch",
            Self::DissectionTicksNotIncreasing => "smart_rollup_dissection_ticks_not_increasing",
            Self::DissectionInvalidDistribution { .. } => "smart_rollup_dissection_invalid_distribution",
            Self::DissectionInvalidSuccessiveStatesShape => {
                "smart_rollup_dissection_invalid_successive_states_shape"
            }
            Self::WasmInvalidDissectionDistribution => "smart_rollup_wasm_invalid_dissection_distribution",
            Self::DissectingDuringFinalMove => "Dissecting_during_final_move",
            Self::ProofUnexpectedSectionSize { .. } => "Dissection_unexpected_section_size",
            Self::ProofCheck { .. } => "smart_rollup_proof_check",
            Self::TimeoutLevelNotReached { .. } => "smart_rollup_timeout_level_not_reached",
        }
    }

    /// What the network tells besides.
    pub(crate) fn members(&self, family: IdFamily) -> Map<String, Value> {
        let state = |hash: &Option<StateHash>| hash.map_or(Value::Null, |hash| hash.to_json(family));
        let members = match self {
            Self::NotValidCommitmentsConflict {
                refuter_commitment,
                refuter,
                defender_commitment,
                defender,
            } => json!({
                "commitment": refuter_commitment.to_json(family),
                "player": refuter.to_json(family),
                "opponent_commitment": defender_commitment.to_json(family),
                "opponent": defender.to_json(family),
            }),
            Self::DissectionChoiceNotFound { choice } => json!({ "choice": choice.to_string() }),
            Self::DissectionNumberOfSectionsMismatch { expected, given } => {
                json!({ "expected": expected.to_string(), "given": given.to_string() })
            }
            Self::DissectionInvalidNumberOfSections { given } => json!({ "value": given.to_string() }),
            Self::DissectionStartHashMismatch { expected, given } => {
                json!({ "expected": state(expected), "given": state(given) })
            }
            Self::DissectionStopHashMismatch { hash } => json!({ "hash": state(hash) }),
            Self::DissectionEdgeTicksMismatch { given_start, given_stop, start, stop } => json!({
                "dissection_start_tick": given_start.to_string(),
                "dissection_stop_tick": given_stop.to_string(),
                "chunk_start_tick": start.to_string(),
                "chunk_stop_tick": stop.to_string(),
            }),
            Self::DissectionInvalidDistribution { max } => json!({ "section_max_size": max.0.to_string() }),
            Self::ProofUnexpectedSectionSize { ticks } => json!({ "n": ticks.0.to_string() }),
            Self::ProofCheck { reason } => json!({ "reason": reason }),
            Self::TimeoutLevelNotReached { blocks_left, staker } => {
                json!({ "level_timeout": blocks_left, "staker": staker.to_json(family) })
            }
            Self::NoConflict
            | Self::ZeroTickCommitment
            | Self::WrongTurn
            | Self::DissectionTicksNotIncreasing
            | Self::DissectionInvalidSuccessiveStatesShape
            | Self::WasmInvalidDissectionDistribution
            | Self::DissectingDuringFinalMove => Value::Null,
        };
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    /// How long it lasts.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotValidCommitmentsConflict { .. }
            | Self::ZeroTickCommitment
            | Self::DissectionInvalidNumberOfSections { .. }
            | Self::DissectionTicksNotIncreasing
            | Self::DissectionInvalidDistribution { .. }
            | Self::DissectionInvalidSuccessiveStatesShape
            | Self::WasmInvalidDissectionDistribution
            | Self::ProofUnexpectedSectionSize { .. }
            | Self::ProofCheck { .. } => ErrorKind::Permanent,
            _ => ErrorKind::Temporary,
        }
    }
}
