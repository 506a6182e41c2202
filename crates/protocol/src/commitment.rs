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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Commitment {
        Commitment {
            compressed_state: StateHash([7; 32]),
            inbox_level: Level::new(31).unwrap(),
            predecessor: CommitmentHash([8; 32]),
            number_of_ticks: TickSpan(880_000_000_000),
        }
    }

    #[test]
    fn the_hash_is_that_of_a_second_computation() {
        // Computed apart from this code, with another program and another hash library.
        let expected = "898eb4c98fa5451b6c1c337637735ce615df33c031f010229031ad44859d0bce";
        assert_eq!(sample().hash().to_hex(), expected);
        assert_eq!(sample().to_bytes().len(), 32 + 4 + 32 + 8);
    }

    #[test]
    fn the_document_s_commitment_hash_prints_back() {
        let text = "scc13y58tqmHJtWhWY5Sa3BLu7W3FUjsFZrLCyvdu78VTnmf4aEVWe";
        let hash: CommitmentHash = text.parse().unwrap();
        assert_eq!(hash.in_family(IdFamily::Alpha), text);
    }

    #[test]
    fn every_form_reads_back() {
        for family in [IdFamily::Alpha, IdFamily::Mainnet] {
            assert_eq!(Commitment::from_json(&sample().to_json(family), family), Ok(sample()));
        }
        assert_eq!(Commitment::from_bytes(&sample().to_bytes()), Ok(sample()));
    }

    #[test]
    fn negative_ticks_are_refused() {
        let mut bytes = sample().to_bytes();
        bytes[68] = 0x80;
        assert!(Commitment::from_bytes(&bytes).unwrap_err().to_string().contains("negative"));
        let mut json = sample().to_json(IdFamily::Alpha);
        json["number_of_ticks"] = "9223372036854775808".into();
        assert!(
            Commitment::from_json(&json, IdFamily::Alpha)
                .unwrap_err()
                .to_string()
                .contains("number_of_ticks")
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 70..80)) {
            if let Ok(commitment) = Commitment::from_bytes(&bytes) {
                prop_assert_eq!(commitment.to_bytes(), bytes);
            }
        }
    }
}
