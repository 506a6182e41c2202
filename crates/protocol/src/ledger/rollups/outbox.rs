use super::super::Ledger;
use super::super::error::{Outcome, ProtocolError, StorageError};
use super::super::gas::{EXECUTE, Meter};
use super::ROLLUPS;
use crate::outbox::OutboxMessage;
use soru_base::{Binary, CommitmentHash, DecodeError, Level, Reader, RollupAddress, StateHash};
use soru_pvm::outbox::{Output, OutputProof};

/// Messages of one outbox level that were executed: a bit for each index.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Applied {
    level: Level,
    bits: Vec<u8>,
}

impl Binary for Applied {
    fn write(&self, out: &mut Vec<u8>) {
        self.level.write(out);
        out.extend_from_slice(&self.bits);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { level: Level::read(r)?, bits: r.rest().to_vec() })
    }
}

impl Applied {
    fn contains(&self, index: u64) -> bool {
        let byte = usize::try_from(index / 8).ok().and_then(|at| self.bits.get(at));
        byte.is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    /// Marks an index that is below the network's limit.
    fn insert(&mut self, index: u64) {
        let at = usize::try_from(index / 8).unwrap_or(usize::MAX);
        if at >= self.bits.len() {
            self.bits.resize(at.saturating_add(1), 0);
        }
        self.bits[at] |= 1 << (index % 8);
    }
}

impl Ledger {
    /// Indices of the messages of an outbox level that were executed.
    pub fn executed_outbox_messages(
        &self,
        rollup: &RollupAddress,
        level: Level,
    ) -> Result<Vec<u64>, StorageError> {
        let applied = self.store.get::<Applied>(&self.applied_path(rollup, level).each())?;
        let Some(applied) = applied.filter(|a| a.level == level) else { return Ok(Vec::new()) };
        let indices = 0..applied.bits.len() as u64 * 8;
        Ok(indices.filter(|index| applied.contains(*index)).collect())
    }

    /// Checks that an outbox message may be executed; where it is, and what it says.
    pub(in super::super) fn read_outbox_message(
        &self,
        rollup: &RollupAddress,
        cemented_commitment: &CommitmentHash,
        proof: &[u8],
        gas: &mut Meter,
    ) -> Outcome<(Output, OutboxMessage)> {
        gas.consume(EXECUTE)?;
        gas.consume_bytes(proof.len())?;
        let (cemented, cemented_level) = self.last_cemented(rollup)?;
        if !self.is_cemented_and_kept(rollup, cemented_commitment, &cemented)? {
            return Err(ProtocolError::InvalidLastCementedCommitment.into());
        }
        let state = self.known_commitment(rollup, cemented_commitment)?.compressed_state;
        let output = check_proof(proof, state).ok_or(ProtocolError::InvalidOutputProof)?;
        let message =
            OutboxMessage::from_bytes(&output.message).map_err(|_| ProtocolError::OutboxMessageDecoding)?;
        self.check_outbox_level(output.level, cemented_level)?;
        Ok((output, message))
    }

    pub(in super::super) fn check_outbox_level(&self, level: Level, cemented: Level) -> Outcome<()> {
        let active = self.constants.rollup().max_active_outbox_levels;
        let oldest = i64::from(cemented.get()) - i64::from(active);
        if level > cemented || i64::from(level.get()) <= oldest {
            return Err(ProtocolError::InvalidOutboxLevel.into());
        }
        Ok(())
    }

    /// Bytes of storage that are new.
    pub(super) fn mark_executed(&mut self, rollup: &RollupAddress, level: Level, index: u64) -> Outcome<u64> {
        if index >= u64::from(self.constants.rollup().max_outbox_messages_per_level) {
            return Err(ProtocolError::InvalidOutboxMessageIndex.into());
        }
        let path = self.applied_path(rollup, level);
        let before = self.store.get::<Applied>(&path.each())?;
        let paid = before.as_ref().map_or(0, |a| a.to_bytes().len());
        let mut applied = match before {
            Some(applied) if applied.level == level && applied.contains(index) => {
                return Err(ProtocolError::OutboxMessageAlreadyApplied.into());
            }
            Some(applied) if applied.level == level => applied,
            Some(applied) if applied.level > level => return Err(ProtocolError::OutboxLevelExpired.into()),
            Some(_) | None => Applied { level, bits: Vec::new() },
        };
        applied.insert(index);
        self.store.set(&path.each(), &applied)?;
        Ok(applied.to_bytes().len().saturating_sub(paid) as u64)
    }

    /// Levels share places: one is free again when its messages are too old to be executed.
    fn applied_path(&self, rollup: &RollupAddress, level: Level) -> AppliedPath {
        let period = self.constants.rollup().max_active_outbox_levels.max(1);
        AppliedPath { rollup: *rollup, place: (level.get() % period).to_be_bytes() }
    }
}

struct AppliedPath {
    rollup: RollupAddress,
    place: [u8; 4],
}

impl AppliedPath {
    fn each(&self) -> [&[u8]; 4] {
        [ROLLUPS.as_bytes(), self.rollup.as_bytes(), b"applied", &self.place]
    }
}

/// The output that the proof shows of that state.
fn check_proof(bytes: &[u8], state: StateHash) -> Option<Output> {
    let proof = OutputProof::from_bytes(bytes).ok()?;
    if proof.state_hash() != state {
        return None;
    }
    proof.verify().ok().cloned()
}
