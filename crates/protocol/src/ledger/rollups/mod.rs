//! Smart rollups in the ledger. Below `rollups/<address>`:
//!
//! | leaf | what |
//! |---|---|
//! | `kind`, `type`, `genesis_level`, `genesis_commitment` | since its origination |
//! | `lcc` | hash of the last cemented commitment |
//! | `commitments/<hash>/content` | commitments that are not cemented, and the last cemented ones |
//! | `commitments/<hash>/added` | level at which it was published; not for cemented ones |
//! | `commitments/<hash>/stakers/<index>` | who stakes on it |
//! | `levels/<level>/first` | when the first commitment for this inbox level was published |
//! | `levels/<level>/commitments/<hash>` | commitments for this inbox level |
//! | `next_staker`, `stakers/<pkh>`, `staked/<index>` | numbers of stakers, the last level each staked on |
//! | `games/<pkh>/<pkh>` | the game of two stakers with the numbers of their stakes, in the directory of the one whose address comes first; a mark in the other's |
//! | `applied/<level mod period>` | outbox messages executed: their level, and a bit for each |

mod bonds;
mod cement;
mod conflicts;
mod execute;
mod games;
mod originate;
mod outbox;
mod publish;

pub(crate) use games::{Examiner, Move};

use super::Ledger;
use super::error::{Outcome, ProtocolError, StorageError};
use super::store::{Number, at};
use crate::commitment::Commitment;
use crate::operation::PvmKind;
use soru_base::{
    Binary, CommitmentHash, DecodeError, Level, LevelSpan, PublicKeyHash, Reader, RollupAddress,
};
use soru_michelson::Micheline;

pub(super) const ROLLUPS: &str = "rollups";

/// What a rollup began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenesisInfo {
    /// The level of its origination.
    pub level: Level,
    /// Its first commitment.
    pub commitment_hash: CommitmentHash,
}

/// A commitment and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedCommitment {
    /// The hash.
    pub hash: CommitmentHash,
    /// The commitment.
    pub commitment: Commitment,
    /// When it was first published; `None` once cemented.
    pub published_at: Option<Level>,
}

impl Binary for PvmKind {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = r.u8("kind of machine")?;
        Self::from_tag(tag).ok_or_else(|| r.invalid("kind of machine", format!("unknown tag {tag}")))
    }
}

/// What the RPC asks.
impl Ledger {
    /// All rollups, in the order of their addresses.
    pub fn rollups(&self) -> Result<Vec<RollupAddress>, StorageError> {
        self.store.names(at![ROLLUPS])
    }

    /// Whether there is such a rollup.
    pub fn has_rollup(&self, rollup: &RollupAddress) -> Result<bool, StorageError> {
        self.store.contains(at![ROLLUPS, rollup])
    }

    /// The machine of a rollup.
    pub fn rollup_kind(&self, rollup: &RollupAddress) -> Result<Option<PvmKind>, StorageError> {
        self.store.get(at![ROLLUPS, rollup, "kind"])
    }

    /// The type of what contracts send to a rollup.
    pub fn rollup_parameters_type(&self, rollup: &RollupAddress) -> Result<Option<Micheline>, StorageError> {
        self.store.get(at![ROLLUPS, rollup, "type"])
    }

    /// Where and with what a rollup began.
    pub fn rollup_genesis_info(&self, rollup: &RollupAddress) -> Result<Option<GenesisInfo>, StorageError> {
        let Some(level) = self.store.get(at![ROLLUPS, rollup, "genesis_level"])? else { return Ok(None) };
        let commitment_hash = self.store.require(at![ROLLUPS, rollup, "genesis_commitment"])?;
        Ok(Some(GenesisInfo { level, commitment_hash }))
    }

    /// The last cemented commitment of a rollup and its inbox level.
    pub fn last_cemented_commitment(
        &self,
        rollup: &RollupAddress,
    ) -> Result<Option<(CommitmentHash, Level)>, StorageError> {
        let Some(hash) = self.store.get::<CommitmentHash>(at![ROLLUPS, rollup, "lcc"])? else {
            return Ok(None);
        };
        let commitment: Commitment =
            self.store.require(at![ROLLUPS, rollup, "commitments", hash, "content"])?;
        Ok(Some((hash, commitment.inbox_level)))
    }

    /// A commitment that is not cemented, or among the last cemented ones.
    pub fn commitment(
        &self,
        rollup: &RollupAddress,
        hash: &CommitmentHash,
    ) -> Result<Option<Commitment>, StorageError> {
        self.store.get(at![ROLLUPS, rollup, "commitments", hash, "content"])
    }

    /// The level at which a commitment was first published; `None` for cemented and unknown ones.
    pub fn commitment_published_at(
        &self,
        rollup: &RollupAddress,
        hash: &CommitmentHash,
    ) -> Result<Option<Level>, StorageError> {
        self.store.get(at![ROLLUPS, rollup, "commitments", hash, "added"])
    }

    /// Commitments for an inbox level that are not cemented.
    pub fn commitments_at(
        &self,
        rollup: &RollupAddress,
        inbox_level: Level,
    ) -> Result<Vec<CommitmentHash>, StorageError> {
        self.store.names(at![ROLLUPS, rollup, "levels", inbox_level.to_bytes(), "commitments"])
    }

    /// All commitments that are known, cemented or not, in the order of their hashes.
    pub fn commitments(&self, rollup: &RollupAddress) -> Result<Vec<PublishedCommitment>, StorageError> {
        let hashes = self.store.names::<CommitmentHash>(at![ROLLUPS, rollup, "commitments"])?;
        let mut all = Vec::new();
        for hash in hashes {
            if let Some(commitment) = self.commitment(rollup, &hash)? {
                let published_at = self.commitment_published_at(rollup, &hash)?;
                all.push(PublishedCommitment { hash, commitment, published_at });
            }
        }
        Ok(all)
    }

    /// All who have a bond on a rollup, in the order of their addresses.
    pub fn stakers(&self, rollup: &RollupAddress) -> Result<Vec<PublicKeyHash>, StorageError> {
        self.store.names(at![ROLLUPS, rollup, "stakers"])
    }

    /// The number of a staker on a rollup.
    pub fn staker_index(
        &self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
    ) -> Result<Option<u64>, StorageError> {
        let index = self.store.get::<Number>(at![ROLLUPS, rollup, "stakers", staker.to_bytes()])?;
        Ok(index.map(|n| n.0))
    }

    /// The numbers of those who stake on a commitment.
    pub fn stakers_of(
        &self,
        rollup: &RollupAddress,
        hash: &CommitmentHash,
    ) -> Result<Vec<u64>, StorageError> {
        let stakers = self.store.names::<Index>(at![ROLLUPS, rollup, "commitments", hash, "stakers"])?;
        Ok(stakers.into_iter().map(|i| i.0).collect())
    }

    /// The latest commitment that a staker stakes on; `None` if it is cemented, or there is no such staker.
    pub fn staked_on(
        &self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
    ) -> Result<Option<CommitmentHash>, StorageError> {
        let Some(index) = self.staker_index(rollup, staker)? else { return Ok(None) };
        let level = self.last_staked_level(rollup, index)?;
        for hash in self.commitments_at(rollup, level)? {
            if self.stakes_on(rollup, &hash, index)? {
                return Ok(Some(hash));
            }
        }
        Ok(None)
    }
}

impl Ledger {
    fn last_cemented(&self, rollup: &RollupAddress) -> Outcome<(CommitmentHash, Level)> {
        self.last_cemented_commitment(rollup)?
            .ok_or_else(|| ProtocolError::RollupDoesNotExist { rollup: *rollup }.into())
    }

    fn known_commitment(&self, rollup: &RollupAddress, hash: &CommitmentHash) -> Outcome<Commitment> {
        self.commitment(rollup, hash)?
            .ok_or_else(|| ProtocolError::UnknownCommitment { commitment: *hash }.into())
    }

    fn stakes_on(
        &self,
        rollup: &RollupAddress,
        hash: &CommitmentHash,
        index: u64,
    ) -> Result<bool, StorageError> {
        self.store.contains(at![ROLLUPS, rollup, "commitments", hash, "stakers", Index(index).to_bytes()])
    }

    /// The last inbox level that a staker staked on a commitment for.
    fn last_staked_level(&self, rollup: &RollupAddress, index: u64) -> Result<Level, StorageError> {
        self.store.require(at![ROLLUPS, rollup, "staked", Index(index).to_bytes()])
    }

    fn next_commitment_level(&self, level: Level) -> Level {
        level.plus(LevelSpan(self.constants.rollup().commitment_period_in_blocks))
    }
}

/// The number of a staker as a name: eight bytes, so that names are in the order of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Index(u64);

impl Binary for Index {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u64("number of a staker").map(Self)
    }
}
