//! Proofs of steps: the part of a state that the machine's next tick reads.
//!
//! The step that is proved is the one of the protocol: the machine's status is read, then it computes one tick, or takes
//! the message that it waits for, or the answer to its reveal. A machine that waits and gets nothing stays as it is. What
//! is read for nothing is in the proof as well.

use crate::state::{InputPlace, Machine, StateError, Status};
use soru_base::bin::{Binary, DecodeError, Reader, put_n64, put_sized};
use soru_base::hash::StateHash;
use soru_base::level::Level;
use soru_merkle::Tree;
use soru_merkle::proof::{self, Proof, ProofError};
use thiserror::Error;

/// What a step takes from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepInput {
    /// Nothing: the machine computes, or waits in vain.
    Nothing,
    /// The next message.
    Message {
        /// Its place in the inbox.
        place: InputPlace,
        /// The message, as the machine takes it.
        message: Vec<u8>,
    },
    /// The answer to a reveal.
    Reveal(Vec<u8>),
}

impl StepInput {
    fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Message { .. } => "a message",
            Self::Reveal(_) => "the answer to a reveal",
        }
    }
}

/// A proof that one tick leads from a state to another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepProof {
    /// The part of the state that the tick reads, and where it leads.
    pub proof: Proof,
    /// What the tick takes from outside.
    pub input: StepInput,
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedStep {
    /// The state before the tick.
    pub start: StateHash,
    /// The state after it.
    pub stop: StateHash,
    /// What the machine needed before it. It was given that, or nothing.
    pub status: Status,
    /// The last message that the machine had taken before it.
    pub last_input: Option<InputPlace>,
}

/// Why there is no proof of a step, or why it proves nothing.
#[derive(Debug, Clone, Error)]
pub enum StepError {
    /// The machine needs something else than it is given.
    #[error("the machine needs {needed}, it is given {given}")]
    WrongInput {
        /// What it needs.
        needed: &'static str,
        /// What it is given.
        given: &'static str,
    },
    /// The proof is bad.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The state cannot be read, or has no next one.
    #[error(transparent)]
    State(#[from] StateError),
}

impl StepProof {
    /// Makes the proof of the next tick of the state `tree`.
    pub fn produce(tree: &Tree, input: StepInput) -> Result<Self, StepError> {
        let (proof, _) = proof::produce(tree, |tree| step(tree, &input))?;
        Ok(Self { proof, input })
    }

    /// Checks that the tick leads where the proof says.
    pub fn verify(&self) -> Result<ProvedStep, StepError> {
        let (_, (status, last_input)) = proof::verify(&self.proof, |tree| step(tree, &self.input))?;
        let (start, stop) = (self.proof.before().into(), self.proof.after().into());
        Ok(ProvedStep { start, stop, status, last_input })
    }
}

/// What the machine needs, and the last message it took.
type Need = (Status, Option<InputPlace>);

fn step(mut tree: Tree, input: &StepInput) -> Result<(Tree, Need), StepError> {
    let mut machine = Machine::from_tree(&tree)?;
    let need = (machine.status(), machine.last_input);
    match (&need.0, input) {
        (Status::Computing, StepInput::Nothing) => {
            // A step asks for the version first, whatever it does then.
            machine.durable.version()?;
            machine.step(1, &mut ())?;
        }
        (Status::InputRequired, StepInput::Message { place, message }) => {
            machine.set_input(*place, message)?;
        }
        (Status::RevealRequired(_), StepInput::Reveal(answer)) => machine.set_reveal(answer)?,
        (Status::InputRequired | Status::RevealRequired(_), StepInput::Nothing) => return Ok((tree, need)),
        (status, input) => {
            let needed = match status {
                Status::Computing => StepInput::Nothing.name(),
                Status::InputRequired => "a message",
                Status::RevealRequired(_) => "the answer to a reveal",
            };
            return Err(StepError::WrongInput { needed, given: input.name() });
        }
    }
    machine.apply(&mut tree)?;
    Ok((tree, need))
}

/// The bytes of the proof as they are in a refutation; then, if the tick takes something, what it takes: 01, level,
/// counter and message, or 02 and the answer.
impl Binary for StepProof {
    fn write(&self, out: &mut Vec<u8>) {
        self.proof.write(out);
        match &self.input {
            StepInput::Nothing => (),
            StepInput::Message { place, message } => {
                out.push(1);
                place.level.write(out);
                put_n64(out, place.counter);
                put_sized(out, |out| out.extend_from_slice(message));
            }
            StepInput::Reveal(answer) => {
                out.push(2);
                put_sized(out, |out| out.extend_from_slice(answer));
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let proof = Proof::read(r)?;
        if r.is_empty() {
            return Ok(Self { proof, input: StepInput::Nothing });
        }
        let input = match r.u8("input of the step")? {
            1 => {
                let place = InputPlace { level: Level::read(r)?, counter: r.n64("counter of the message")? };
                StepInput::Message { place, message: r.bytes(INPUT_MAX, "message")?.to_vec() }
            }
            2 => StepInput::Reveal(r.bytes(INPUT_MAX, "answer to a reveal")?.to_vec()),
            tag => {
                return Err(r.invalid("input of the step", format!("the tag {tag} (1 or 2 expected)")));
            }
        };
        Ok(Self { proof, input })
    }
}

/// No message and no page is longer; metadata and answers of tests are not either.
const INPUT_MAX: usize = 1 << 16;
