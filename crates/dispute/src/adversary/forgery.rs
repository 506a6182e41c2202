//! What a liar proves: proofs that are wrong, each in its way.

use super::claims::Claims;
use super::dice::Dice;
use super::zoo::FinalProof;
use crate::{DisputeError, Timeline};
use soru_base::{Binary, Level, StateHash, Tick, TickSpan};
use soru_protocol::inbox::{InboxProof, InboxSource};
use soru_protocol::refutation::{Game, InputProof, RefutationProof, RevealProof};
use soru_pvm::Machine;
use soru_pvm::reveal::RevealRequest;
use soru_pvm::state::{InputPlace, Status};
use soru_pvm::step_proof::{StepInput, StepProof};

/// The tick that a liar has to prove.
pub(super) struct Disputed<'a> {
    pub(super) game: &'a Game,
    pub(super) inbox: &'a dyn InboxSource,
    /// The tick before the disputed state.
    pub(super) tick: Tick,
    /// Lots for this move.
    pub(super) dice: Dice,
}

/// Bytes of a step's proof in an operation that is filled: the limit of 32 KiB, less what else an operation holds.
const OPERATION_FILLED: usize = 32 * 1024 - 512;

/// The best that the liar can show for its claim.
pub(super) fn proof(
    kind: FinalProof,
    claims: &mut Claims<'_>,
    disputed: &Disputed<'_>,
) -> Result<RefutationProof, DisputeError> {
    let Disputed { game, inbox, tick, dice } = disputed;
    let mut dice = dice.clone();
    match kind {
        FinalProof::Garbage => {
            let size = 1 + dice.below(4_096) as usize;
            return Ok(step_alone(dice.bytes(size)));
        }
        FinalProof::Bomb => {
            let [start, stop] = [claims.at(*tick)?, claims.at(tick.plus(TickSpan(1)))?];
            return Ok(bomb(start.unwrap_or(StateHash::ZERO), stop.unwrap_or(StateHash::ZERO)));
        }
        FinalProof::OtherInput => {
            let lots = claims.dice().clone();
            if let Some(forged) = other_input(claims.truth, *tick, &lots)?
                && let Some(input_proof) = forged.input.proof(game, *inbox)
            {
                return Ok(RefutationProof { pvm_step: forged.pvm_step, input_proof: Some(input_proof) });
            }
        }
        FinalProof::Neighbour => {
            let beside = [tick.0.checked_add(1), tick.0.checked_sub(1)];
            for tick in beside.into_iter().flatten() {
                if let Some(proof) = true_proof(claims.truth, Tick(tick), game, *inbox)? {
                    return Ok(proof);
                }
            }
        }
        FinalProof::OtherEnd | FinalProof::Extremes | FinalProof::True => (),
    }
    let Some(mut proof) = true_proof(claims.truth, *tick, game, *inbox)? else {
        return Ok(step_alone(dice.bytes(1_000)));
    };
    if kind == FinalProof::Extremes {
        return Ok(RefutationProof { input_proof: Some(extreme_input(&mut dice)), ..proof });
    }
    if kind != FinalProof::True
        && let Some(stop) = claims.at(tick.plus(TickSpan(1)))?
        && let Some(end) = proof.pvm_step.get_mut(PROOF_END)
    {
        end.copy_from_slice(stop.as_bytes());
    }
    Ok(proof)
}

/// Where a proof of a step holds the hash of the state after it: behind a tag, a version and the hash before it.
const PROOF_END: std::ops::Range<usize> = 35..67;

/// The proof of a tick; nothing if there is none, or none that the rules take.
fn true_proof(
    truth: &mut Timeline,
    tick: Tick,
    game: &Game,
    inbox: &dyn InboxSource,
) -> Result<Option<RefutationProof>, DisputeError> {
    match truth.proof_at(tick, game, inbox) {
        Ok(proof) => Ok(Some(proof)),
        Err(DisputeError::Proof(_) | DisputeError::Unprovable(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

fn step_alone(pvm_step: Vec<u8>) -> RefutationProof {
    RefutationProof { pvm_step, input_proof: None }
}

fn extreme_input(dice: &mut Dice) -> InputProof {
    match dice.below(3) {
        0 => InputProof::InboxProof {
            level: Level::MAX,
            message_counter: u64::MAX,
            serialized_proof: vec![0xff; 64],
        },
        1 => InputProof::RevealProof(RevealProof::DalPageProof {
            published_level: Level::MAX,
            slot_index: u8::MAX,
            page_index: i16::MAX,
            proof: vec![0xff; 64],
        }),
        _ => InputProof::RevealProof(RevealProof::RawDataProof(vec![0xff; RevealProof::RAW_DATA_MAX])),
    }
}

/// A proof with the right hashes, of a tree in which every directory holds one other directory.
pub(super) fn bomb(start: StateHash, stop: StateHash) -> RefutationProof {
    let mut bytes = vec![3, 0, 2];
    bytes.extend_from_slice(start.as_bytes());
    bytes.extend_from_slice(stop.as_bytes());
    // A directory of one entry, whose name is one byte long.
    let directory = [0b1000_0001, 1, b'a'];
    let leaf = [0b1100_0000, 1, b'!'];
    while bytes.len() + directory.len() + leaf.len() <= OPERATION_FILLED {
        bytes.extend_from_slice(&directory);
    }
    bytes.extend_from_slice(&leaf);
    step_alone(bytes)
}

/// A step that was given something else than the machine asks for.
pub(super) struct Forged {
    /// The state that it leads to.
    pub(super) stop: StateHash,
    pub(super) pvm_step: Vec<u8>,
    input: OtherInput,
}

enum OtherInput {
    /// The message that follows this one.
    MessageAfter(InputPlace),
    Page(Vec<u8>),
    Metadata,
}

/// The step from the state at `tick` with another input; nothing if it takes none.
pub(super) fn other_input(
    truth: &mut Timeline,
    tick: Tick,
    dice: &Dice,
) -> Result<Option<Forged>, DisputeError> {
    let Some(state) = truth.state_at(tick)? else { return Ok(None) };
    let machine = Machine::from_tree(&state)?;
    let (given, input) = match machine.status() {
        Status::Computing => return Ok(None),
        Status::InputRequired => match other_message(truth, machine.last_input) {
            Some((after, place, message)) => {
                (StepInput::Message { place, message }, OtherInput::MessageAfter(after))
            }
            None => return Ok(None),
        },
        Status::RevealRequired(request) => {
            let data = dice.apart(tick.0).bytes(100);
            let input = match RevealRequest::parse(&request) {
                RevealRequest::Metadata => OtherInput::Metadata,
                RevealRequest::Preimage(_) | RevealRequest::Unknown => OtherInput::Page(data.clone()),
            };
            (StepInput::Reveal(data), input)
        }
    };
    // A machine that cannot take it has no such state.
    let Ok(step) = StepProof::produce(&state, given) else { return Ok(None) };
    Ok(Some(Forged { stop: step.proof.after().into(), pvm_step: step.proof.to_bytes(), input }))
}

/// A message beside the one that follows `last`, its place, and the place before.
fn other_message(truth: &Timeline, last: Option<InputPlace>) -> Option<(InputPlace, InputPlace, Vec<u8>)> {
    let levels = &truth.period().levels;
    let next_in_level = last.and_then(|last| {
        let level = levels.iter().find(|level| level.level == last.level)?;
        let next = last.counter.checked_add(1)?;
        (next < level.messages.len() as u64).then_some((level, next))
    });
    let (level, next) = match next_in_level {
        Some(next) => next,
        None => (levels.iter().find(|level| last.is_none_or(|last| level.level > last.level))?, 0),
    };
    let other = if next + 1 < level.messages.len() as u64 { next + 1 } else { next.checked_sub(1)? };
    let message = level.messages.get(usize::try_from(other).ok()?)?;
    let place = |counter| InputPlace { level: level.level, counter };
    Some((place(other.checked_sub(1)?), place(other), message.as_bytes().to_vec()))
}

impl OtherInput {
    /// What proves it, as far as it can be proved.
    fn proof(&self, game: &Game, inbox: &dyn InboxSource) -> Option<InputProof> {
        Some(match self {
            Self::MessageAfter(place) => {
                let next = place.counter.checked_add(1)?;
                let (proof, _) = InboxProof::produce(inbox, &game.inbox_snapshot, place.level, next).ok()?;
                InputProof::InboxProof {
                    level: place.level,
                    message_counter: place.counter,
                    serialized_proof: proof.to_bytes(),
                }
            }
            Self::Page(data) => InputProof::RevealProof(RevealProof::RawDataProof(data.clone())),
            Self::Metadata => InputProof::RevealProof(RevealProof::MetadataProof),
        })
    }
}
