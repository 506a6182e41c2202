//! The network's JSON forms.

use super::{
    Clock, DissectionChunk, GameResult, InputProof, LossReason, Refutation, RefutationProof, RevealProof,
    Step,
};
use crate::inbox::level_field;
use serde_json::{Value, json};
use soru_base::json::{field, hex_field, member, str_field, u64_field};
use soru_base::{IdFamily, Json, JsonError, StateHash, Tick};

impl Json for Refutation {
    fn to_json(&self, family: IdFamily) -> Value {
        match self {
            Self::Start { player_commitment_hash, opponent_commitment_hash } => json!({
                "refutation_kind": "start",
                "player_commitment_hash": player_commitment_hash.to_json(family),
                "opponent_commitment_hash": opponent_commitment_hash.to_json(family),
            }),
            Self::Move { choice, step } => json!({
                "refutation_kind": "move",
                "choice": choice.to_string(),
                "step": step.to_json(family),
            }),
        }
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        match str_field(value, "refutation_kind")? {
            "start" => Ok(Self::Start {
                player_commitment_hash: field(value, "player_commitment_hash", family)?,
                opponent_commitment_hash: field(value, "opponent_commitment_hash", family)?,
            }),
            "move" => Ok(Self::Move {
                choice: Tick(u64_field(value, "choice")?),
                step: field(value, "step", family)?,
            }),
            _ => Err(unknown(value, "refutation_kind", "start or move")),
        }
    }
}

impl Json for Step {
    fn to_json(&self, family: IdFamily) -> Value {
        match self {
            Self::Dissection(chunks) => chunks.iter().map(|chunk| chunk.to_json(family)).collect(),
            Self::Proof(proof) => proof.to_json(family),
        }
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let Some(chunks) = value.as_array() else {
            return RefutationProof::from_json(value, family).map(Self::Proof);
        };
        let chunk = |(i, chunk)| DissectionChunk::from_json(chunk, family).map_err(|e| e.at(i));
        chunks.iter().enumerate().map(chunk).collect::<Result<_, _>>().map(Self::Dissection)
    }
}

impl Json for DissectionChunk {
    fn to_json(&self, family: IdFamily) -> Value {
        let mut object = json!({ "tick": self.tick.to_string() });
        if let Some(hash) = &self.state_hash {
            object["state"] = hash.to_json(family);
        }
        object
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let state = member(value, "state");
        let state_hash = match state {
            Value::Null => None,
            hash => Some(StateHash::from_json(hash, family).map_err(|e| e.within("state"))?),
        };
        Ok(Self { state_hash, tick: Tick(u64_field(value, "tick")?) })
    }
}

impl Json for RefutationProof {
    fn to_json(&self, family: IdFamily) -> Value {
        let mut object = json!({ "pvm_step": hex::encode(&self.pvm_step) });
        if let Some(input) = &self.input_proof {
            object["input_proof"] = input.to_json(family);
        }
        object
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let input_proof = match member(value, "input_proof") {
            Value::Null => None,
            input => Some(InputProof::from_json(input, family).map_err(|e| e.within("input_proof"))?),
        };
        Ok(Self { pvm_step: hex_field(value, "pvm_step")?, input_proof })
    }
}

impl Json for InputProof {
    fn to_json(&self, family: IdFamily) -> Value {
        match self {
            Self::InboxProof { level, message_counter, serialized_proof } => json!({
                "input_proof_kind": "inbox_proof",
                "level": level.get(),
                "message_counter": message_counter.to_string(),
                "serialized_proof": hex::encode(serialized_proof),
            }),
            Self::RevealProof(proof) => {
                json!({ "input_proof_kind": "reveal_proof", "reveal_proof": proof.to_json(family) })
            }
            Self::FirstInput => json!({ "input_proof_kind": "first_input" }),
        }
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        match str_field(value, "input_proof_kind")? {
            "inbox_proof" => Ok(Self::InboxProof {
                level: level_field(value, "level")?,
                message_counter: u64_field(value, "message_counter")?,
                serialized_proof: hex_field(value, "serialized_proof")?,
            }),
            "reveal_proof" => field(value, "reveal_proof", family).map(Self::RevealProof),
            "first_input" => Ok(Self::FirstInput),
            _ => Err(unknown(value, "input_proof_kind", "inbox_proof, reveal_proof or first_input")),
        }
    }
}

impl Json for RevealProof {
    fn to_json(&self, _: IdFamily) -> Value {
        match self {
            Self::RawDataProof(data) => {
                json!({ "reveal_proof_kind": "raw_data_proof", "raw_data": hex::encode(data) })
            }
            Self::MetadataProof => json!({ "reveal_proof_kind": "metadata_proof" }),
            Self::DalPageProof { published_level, slot_index, page_index, proof } => json!({
                "reveal_proof_kind": "dal_page_proof",
                "dal_page_id": {
                    "published_level": published_level.get(),
                    "slot_index": slot_index,
                    "page_index": page_index,
                },
                "dal_proof": hex::encode(proof),
            }),
            Self::DalParametersProof => json!({ "reveal_proof_kind": "dal_parameters_proof" }),
        }
    }

    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        match str_field(value, "reveal_proof_kind")? {
            "raw_data_proof" => {
                let data = hex_field(value, "raw_data")?;
                if data.len() > Self::RAW_DATA_MAX {
                    let expected = format!("at most {} bytes", Self::RAW_DATA_MAX);
                    return Err(JsonError::new(expected, &value["raw_data"]).within("raw_data"));
                }
                Ok(Self::RawDataProof(data))
            }
            "metadata_proof" => Ok(Self::MetadataProof),
            "dal_page_proof" => {
                let page = member(value, "dal_page_id");
                let inside = |e: JsonError| e.within("dal_page_id");
                Ok(Self::DalPageProof {
                    published_level: level_field(page, "published_level").map_err(inside)?,
                    slot_index: index(page, "slot_index").map_err(inside)?,
                    page_index: index(page, "page_index").map_err(inside)?,
                    proof: hex_field(value, "dal_proof")?,
                })
            }
            "dal_parameters_proof" => Ok(Self::DalParametersProof),
            _ => Err(unknown(value, "reveal_proof_kind", "the kind of a reveal proof")),
        }
    }
}

/// What a receipt says of a game: `"ongoing"`, or its result.
pub fn status_to_json(result: Option<&GameResult>, family: IdFamily) -> Value {
    match result {
        None => "ongoing".into(),
        Some(result) => json!({ "result": result.to_json(family) }),
    }
}

/// Reads what [`status_to_json`] writes.
pub fn status_from_json(value: &Value, family: IdFamily) -> Result<Option<GameResult>, JsonError> {
    match value {
        Value::String(status) if status == "ongoing" => Ok(None),
        Value::Object(_) => field(value, "result", family).map(Some),
        _ => Err(JsonError::new("\"ongoing\" or an object with a result", value)),
    }
}

impl Json for GameResult {
    fn to_json(&self, family: IdFamily) -> Value {
        match self {
            Self::Loser { reason, loser } => {
                let reason = match reason {
                    LossReason::ConflictResolved => "conflict_resolved",
                    LossReason::Timeout => "timeout",
                };
                json!({ "kind": "loser", "reason": reason, "player": loser.to_json(family) })
            }
            Self::Draw => json!({ "kind": "draw" }),
        }
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        match str_field(value, "kind")? {
            "loser" => Ok(Self::Loser {
                reason: match str_field(value, "reason")? {
                    "conflict_resolved" => LossReason::ConflictResolved,
                    "timeout" => LossReason::Timeout,
                    _ => return Err(unknown(value, "reason", "conflict_resolved or timeout")),
                },
                loser: field(value, "player", family)?,
            }),
            "draw" => Ok(Self::Draw),
            _ => Err(unknown(value, "kind", "loser or draw")),
        }
    }
}

impl Json for Clock {
    fn to_json(&self, _: IdFamily) -> Value {
        json!({ "alice": self.alice, "bob": self.bob, "last_turn_level": self.last_turn_level.get() })
    }

    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        let blocks = |name| {
            let number = member(value, name).as_i64();
            number.ok_or_else(|| JsonError::new("a number of blocks", member(value, name)).within(name))
        };
        Ok(Self {
            alice: blocks("alice")?,
            bob: blocks("bob")?,
            last_turn_level: level_field(value, "last_turn_level")?,
        })
    }
}

fn index<T: TryFrom<i64>>(value: &Value, name: &str) -> Result<T, JsonError> {
    let index = member(value, name);
    let small = index.as_i64().and_then(|i| T::try_from(i).ok());
    small.ok_or_else(|| JsonError::new("a small number", index).within(name))
}

pub(super) fn unknown(value: &Value, name: &str, expected: &str) -> JsonError {
    JsonError::new(expected, member(value, name)).within(name)
}
