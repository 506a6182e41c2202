use super::DissectionChunk;
use soru_base::bin::{Binary, DecodeError, Reader, put_bool, put_bytes, put_n64};
use soru_base::{CommitmentHash, Level, Tick};

/// What a `smart_rollup_refute` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refutation {
    /// Opens a game.
    Start {
        /// The commitment of the operation's source.
        player_commitment_hash: CommitmentHash,
        /// The commitment of the opponent.
        opponent_commitment_hash: CommitmentHash,
    },
    /// Plays a move.
    Move {
        /// First tick of the section that the move is about.
        choice: Tick,
        /// The answer to it.
        step: Step,
    },
}

/// An answer to the claim that a section makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Other states, at more ticks.
    Dissection(Vec<DissectionChunk>),
    /// A proof of the section's one tick.
    Proof(RefutationProof),
}

/// A proof of one tick, as it is in the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefutationProof {
    /// Bytes of the proof of the machine's step.
    pub pvm_step: Vec<u8>,
    /// What the step takes from outside, if anything.
    pub input_proof: Option<InputProof>,
}

/// Proof that an input is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputProof {
    /// The message that follows the given one, or that there is none.
    InboxProof {
        /// Level of the last message that was read.
        level: Level,
        /// Its counter.
        message_counter: u64,
        /// Bytes of the proof against the inbox of the game.
        serialized_proof: Vec<u8>,
    },
    /// The answer to a reveal.
    RevealProof(RevealProof),
    /// The start of the level after the rollup's origination, which needs no proof.
    FirstInput,
}

/// Proof of the answer to a reveal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevealProof {
    /// The preimage, of at most 4,096 bytes (more are cut off when written).
    RawDataProof(Vec<u8>),
    /// The rollup's metadata, which the layer-1 knows.
    MetadataProof,
    /// A page of the data availability layer.
    DalPageProof {
        /// Level at which its slot was published.
        published_level: Level,
        /// Index of the slot.
        slot_index: u8,
        /// Index of the page in the slot.
        page_index: i16,
        /// Bytes of the proof.
        proof: Vec<u8>,
    },
    /// The parameters of the data availability layer, which the layer-1 knows.
    DalParametersProof,
}

impl RevealProof {
    /// The longest preimage, in bytes.
    pub const RAW_DATA_MAX: usize = 4_096;
}

impl Binary for Refutation {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Start { player_commitment_hash, opponent_commitment_hash } => {
                out.push(0);
                player_commitment_hash.write(out);
                opponent_commitment_hash.write(out);
            }
            Self::Move { choice, step } => {
                out.push(1);
                put_n64(out, choice.0);
                step.write(out);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("kind of refutation")? {
            0 => Ok(Self::Start {
                player_commitment_hash: CommitmentHash::read(r)?,
                opponent_commitment_hash: CommitmentHash::read(r)?,
            }),
            1 => Ok(Self::Move { choice: Tick(r.n64("choice")?), step: Step::read(r)? }),
            tag => Err(bad_tag(r, "kind of refutation", tag)),
        }
    }
}

impl Binary for Step {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Dissection(chunks) => {
                out.push(0);
                DissectionChunk::write_list(chunks, out);
            }
            Self::Proof(proof) => {
                out.push(1);
                proof.write(out);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("step of a refutation")? {
            0 => DissectionChunk::read_list(r).map(Self::Dissection),
            1 => RefutationProof::read(r).map(Self::Proof),
            tag => Err(bad_tag(r, "step of a refutation", tag)),
        }
    }
}

impl Binary for RefutationProof {
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.pvm_step);
        put_bool(out, self.input_proof.is_some());
        if let Some(input) = &self.input_proof {
            input.write(out);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let pvm_step = r.bytes(usize::MAX, "proof of a step")?.to_vec();
        let input_proof = if r.bool("proof of an input")? { Some(InputProof::read(r)?) } else { None };
        Ok(Self { pvm_step, input_proof })
    }
}

impl Binary for InputProof {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::InboxProof { level, message_counter, serialized_proof } => {
                out.push(0);
                level.write(out);
                put_n64(out, *message_counter);
                put_bytes(out, serialized_proof);
            }
            Self::RevealProof(proof) => {
                out.push(1);
                proof.write(out);
            }
            Self::FirstInput => out.push(2),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("kind of input proof")? {
            0 => Ok(Self::InboxProof {
                level: Level::read(r)?,
                message_counter: r.n64("counter of a message")?,
                serialized_proof: r.bytes(usize::MAX, "inbox proof")?.to_vec(),
            }),
            1 => RevealProof::read(r).map(Self::RevealProof),
            2 => Ok(Self::FirstInput),
            tag => Err(bad_tag(r, "kind of input proof", tag)),
        }
    }
}

impl Binary for RevealProof {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::RawDataProof(data) => {
                out.push(0);
                // Longer data is in no proof; the length that is written stays true to what follows.
                let data = &data[..data.len().min(Self::RAW_DATA_MAX)];
                out.extend_from_slice(&(data.len() as u16).to_be_bytes());
                out.extend_from_slice(data);
            }
            Self::MetadataProof => out.push(1),
            Self::DalPageProof { published_level, slot_index, page_index, proof } => {
                out.push(2);
                published_level.write(out);
                out.push(*slot_index);
                out.extend_from_slice(&page_index.to_be_bytes());
                put_bytes(out, proof);
            }
            Self::DalParametersProof => out.push(3),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("kind of reveal proof")? {
            0 => {
                let len = usize::from(r.u16("length of a preimage")?);
                if len > Self::RAW_DATA_MAX {
                    let reason = format!("{len} bytes are more than the limit of {}", Self::RAW_DATA_MAX);
                    return Err(r.invalid("preimage", reason));
                }
                Ok(Self::RawDataProof(r.take(len, "preimage")?.to_vec()))
            }
            1 => Ok(Self::MetadataProof),
            2 => Ok(Self::DalPageProof {
                published_level: Level::read(r)?,
                slot_index: r.u8("index of a slot")?,
                page_index: i16::from_be_bytes(r.array("index of a page")?),
                proof: r.bytes(usize::MAX, "proof of a page")?.to_vec(),
            }),
            3 => Ok(Self::DalParametersProof),
            tag => Err(bad_tag(r, "kind of reveal proof", tag)),
        }
    }
}

fn bad_tag(r: &Reader<'_>, what: &'static str, tag: u8) -> DecodeError {
    r.invalid(what, format!("the tag {tag} is unknown"))
}
