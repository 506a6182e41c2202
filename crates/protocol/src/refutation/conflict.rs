use crate::commitment::Commitment;
use serde_json::{Value, json};
use soru_base::json::field;
use soru_base::{CommitmentHash, IdFamily, Json, JsonError, PublicKeyHash};

/// Two commitments on one parent, seen by a staker of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// Who stakes on the other one.
    pub other: PublicKeyHash,
    /// The other's commitment.
    pub their_commitment: Commitment,
    /// The staker's own.
    pub our_commitment: Commitment,
    /// Hash of the commitment that both build on.
    pub parent_commitment: CommitmentHash,
}

impl Json for Conflict {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({
            "other": self.other.to_json(family),
            "their_commitment": self.their_commitment.to_json(family),
            "our_commitment": self.our_commitment.to_json(family),
            "parent_commitment": self.parent_commitment.to_json(family),
        })
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            other: field(value, "other", family)?,
            their_commitment: field(value, "their_commitment", family)?,
            our_commitment: field(value, "our_commitment", family)?,
            parent_commitment: field(value, "parent_commitment", family)?,
        })
    }
}
