//! Commitments: claims about the state of a rollup after a commitment period.

use crate::inbox::level_field;
use serde_json::{Value, json};
use soru_base::blake2b::hash32;
use soru_base::json::{field, u64_field};
use soru_base::{
    Binary, CommitmentHash, DecodeError, IdFamily, Json, JsonError, Level, Reader, StateHash, TickSpan,
};

/// A claim: reading all messages up to `inbox_level` on top of `predecessor`'s state takes `number_of_ticks` and leads to
/// `compressed_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment {
    /// Hash of the machine's state.
    pub compressed_state: StateHash,
    /// Last level whose messages were read.
    pub inbox_level: Level,
    /// The commitment this one builds on.
    pub predecessor: CommitmentHash,
    /// Steps made since the predecessor's state.
    pub number_of_ticks: TickSpan,
}

impl Commitment {
    /// The commitment published at origination, cemented from the start.
    pub fn genesis(origination_level: Level, genesis_state: StateHash) -> Self {
        Self {
            compressed_state: genesis_state,
            inbox_level: origination_level,
            predecessor: CommitmentHash::ZERO,
            number_of_ticks: TickSpan(0),
        }
    }

    /// The commitment's hash.
    pub fn hash(&self) -> CommitmentHash {
        CommitmentHash(hash32(&self.to_bytes()))
    }
}

impl Binary for Commitment {
    fn write(&self, out: &mut Vec<u8>) {
        self.compressed_state.write(out);
        self.inbox_level.write(out);
        self.predecessor.write(out);
        // An int64 on the network: ticks above 2^63 do not exist.
        out.extend_from_slice(&self.number_of_ticks.0.min(i64::MAX as u64).to_be_bytes());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            compressed_state: StateHash::read(r)?,
            inbox_level: Level::read(r)?,
            predecessor: CommitmentHash::read(r)?,
            number_of_ticks: ticks(r)?,
        })
    }
}

fn ticks(r: &mut Reader<'_>) -> Result<TickSpan, DecodeError> {
    let ticks = r.i64("number of ticks")?;
    u64::try_from(ticks)
        .map(TickSpan)
        .map_err(|_| r.invalid("number of ticks", format!("{ticks} is negative")))
}

impl Json for Commitment {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({
            "compressed_state": self.compressed_state.to_json(family),
            "inbox_level": self.inbox_level.get(),
            "predecessor": self.predecessor.to_json(family),
            "number_of_ticks": self.number_of_ticks.0.to_string(),
        })
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let ticks = u64_field(value, "number_of_ticks")?;
        if i64::try_from(ticks).is_err() {
            return Err(JsonError::new("a number of ticks below 2^63", &value["number_of_ticks"])
                .within("number_of_ticks"));
        }
        Ok(Self {
            compressed_state: field(value, "compressed_state", family)?,
            inbox_level: level_field(value, "inbox_level")?,
            predecessor: field(value, "predecessor", family)?,
            number_of_ticks: TickSpan(ticks),
        })
    }
}
