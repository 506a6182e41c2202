//! The gas model: fixed costs by kind, measured on the public network's own receipts, and a part that grows with bytes.
//! It is simpler than the network's; what matters is that it is positive, deterministic and the same in a simulation.

use super::error::{Outcome, ProtocolError};
use crate::refutation::{InputProof, RevealProof, Step};

/// Gas in thousandths of a unit.
pub(crate) type Milligas = u64;

/// What every content costs: its signature, its source, its counter.
pub(crate) const CONTENT: Milligas = 100_000;
/// A reveal, besides.
pub(crate) const REVEAL: Milligas = 71_000;
/// A transfer to an account, besides.
pub(crate) const TRANSFER: Milligas = 69_000;
/// Finding and loading a contract.
pub(crate) const CALL: Milligas = 500_000;
/// Making a contract, besides its bytes.
pub(crate) const ORIGINATION: Milligas = 500_000;
/// Making a rollup, besides its bytes.
pub(crate) const ROLLUP_ORIGINATION: Milligas = 1_844_000;
/// One message, besides its bytes.
pub(crate) const MESSAGE: Milligas = 2_000;
/// Publishing a commitment.
pub(crate) const PUBLISH: Milligas = 6_488_000;
/// Cementing one.
pub(crate) const CEMENT: Milligas = 4_739_000;
/// Giving a bond back.
pub(crate) const RECOVER_BOND: Milligas = 2_984_000;
/// Opening a refutation game.
pub(crate) const GAME_START: Milligas = 5_066_000;
/// Finding a refutation game, and keeping it.
pub(crate) const GAME: Milligas = 2_500_000;
/// Moving the stake of who lost.
pub(crate) const GAME_END: Milligas = 1_116_000;
/// A chunk of a dissection.
pub(crate) const CHUNK: Milligas = 1_000;
/// Examining a proof, besides its bytes.
pub(crate) const PROOF: Milligas = 750_000;
/// Executing an outbox message, besides its proof and what it calls.
pub(crate) const EXECUTE: Milligas = 4_500_000;
/// A ticket that is met in a value.
pub(crate) const TICKET: Milligas = 1_000;
/// Changing how many tickets somebody owns.
pub(crate) const TICKET_BALANCE: Milligas = 150_000;
/// An event.
pub(crate) const EVENT: Milligas = 1_000;
/// A byte that is read, stored or hashed.
pub(crate) const BYTE: Milligas = 10;

/// A move, besides [`GAME`].
pub(crate) fn game_move(step: &Step) -> Milligas {
    let proof = match step {
        Step::Dissection(chunks) => return (chunks.len() as u64).saturating_mul(CHUNK),
        Step::Proof(proof) => proof,
    };
    let input = match &proof.input_proof {
        Some(InputProof::InboxProof { serialized_proof, .. }) => serialized_proof.len(),
        Some(InputProof::RevealProof(RevealProof::RawDataProof(data))) => data.len(),
        Some(InputProof::RevealProof(_) | InputProof::FirstInput) | None => 0,
    };
    let bytes = proof.pvm_step.len().saturating_add(input) as u64;
    PROOF.saturating_add(bytes.saturating_mul(BYTE))
}

/// Gas that one content, with all it leads to, may use.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    limit: Milligas,
    used: Milligas,
}

impl Meter {
    /// `limit` in units.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit: limit.saturating_mul(1_000), used: 0 }
    }

    pub(crate) fn consume(&mut self, milligas: Milligas) -> Outcome<()> {
        self.used = self.used.saturating_add(milligas);
        if self.used > self.limit {
            self.used = self.limit;
            return Err(ProtocolError::GasExhausted.into());
        }
        Ok(())
    }

    pub(crate) fn consume_bytes(&mut self, bytes: usize) -> Outcome<()> {
        self.consume((bytes as u64).saturating_mul(BYTE))
    }

    pub(crate) fn used(&self) -> Milligas {
        self.used
    }

    pub(crate) fn left(&self) -> Milligas {
        self.limit - self.used
    }
}
