use super::at;
use super::blocks::lists;
use crate::{BlockId, Client, L1Error};
use serde_json::Value;
use soru_base::json::field;
use soru_base::{CommitmentHash, Json, JsonError, Level, PublicKeyHash, RollupAddress};
use soru_protocol::operation::PvmKind;
use soru_protocol::{Commitment, Inbox};

/// Where a rollup began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenesisInfo {
    /// The level of its origination.
    pub level: Level,
    /// The commitment made there.
    pub commitment_hash: CommitmentHash,
}

/// A commitment, by its hash and the level of its inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointedCommitment {
    /// Its hash.
    pub hash: CommitmentHash,
    /// The level of its inbox.
    pub level: Level,
}

impl Client {
    pub(super) fn rollup_path(&self, block: BlockId, rollup: &RollupAddress, below: &str) -> String {
        let rollup = rollup.in_family(self.family());
        at(block, &format!("/context/smart_rollups/smart_rollup/{rollup}{below}"))
    }

    pub(super) async fn rollup<T>(
        &self,
        block: BlockId,
        rollup: &RollupAddress,
        below: &str,
        read: impl FnOnce(&Value) -> Result<T, JsonError>,
    ) -> Result<T, L1Error> {
        let path = self.rollup_path(block, rollup, below);
        let value = self.get(&path).await?;
        self.read(&path, &value, read)
    }

    /// All rollups.
    pub async fn rollups(&self, block: impl Into<BlockId>) -> Result<Vec<RollupAddress>, L1Error> {
        let path = at(block.into(), "/context/smart_rollups/all");
        let value = self.get(&path).await?;
        self.read(&path, &value, |v| lists(v, |rollup| RollupAddress::from_json(rollup, self.family())))
    }

    /// The inbox that all rollups share.
    pub async fn global_inbox(&self, block: impl Into<BlockId>) -> Result<Inbox, L1Error> {
        self.get_as(&at(block.into(), "/context/smart_rollups/all/inbox")).await
    }

    /// A rollup's machine; nothing if there is no such rollup.
    pub async fn rollup_kind(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
    ) -> Result<Option<PvmKind>, L1Error> {
        let family = self.family();
        match self.rollup(block.into(), &rollup, "/kind", |v| PvmKind::from_json(v, family)).await {
            Ok(kind) => Ok(Some(kind)),
            Err(L1Error::NotFound { .. }) => Ok(None),
            Err(error) if error.has_id("smart_rollup_does_not_exist") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where a rollup began.
    pub async fn genesis_info(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
    ) -> Result<GenesisInfo, L1Error> {
        let read = |v: &Value| {
            Ok(GenesisInfo {
                level: field(v, "level", self.family())?,
                commitment_hash: field(v, "commitment_hash", self.family())?,
            })
        };
        self.rollup(block.into(), &rollup, "/genesis_info", read).await
    }

    /// A rollup's last cemented commitment.
    pub async fn last_cemented_commitment(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
    ) -> Result<PointedCommitment, L1Error> {
        let read = |v: &Value| {
            Ok(PointedCommitment {
                hash: field(v, "hash", self.family())?,
                level: field(v, "level", self.family())?,
            })
        };
        self.rollup(block.into(), &rollup, "/last_cemented_commitment_hash_with_level", read).await
    }

    /// A rollup's commitment of that hash, as long as the layer-1 remembers it.
    pub async fn commitment(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        hash: CommitmentHash,
    ) -> Result<Commitment, L1Error> {
        let below = format!("/commitment/{}", hash.in_family(self.family()));
        self.rollup(block.into(), &rollup, &below, |v| Commitment::from_json(v, self.family())).await
    }

    /// Whether a commitment can be cemented now.
    pub async fn can_be_cemented(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        hash: CommitmentHash,
    ) -> Result<bool, L1Error> {
        let below = format!("/commitment/{}/can_be_cemented", hash.in_family(self.family()));
        let read = |v: &Value| v.as_bool().ok_or_else(|| JsonError::new("a boolean", v));
        self.rollup(block.into(), &rollup, &below, read).await
    }

    /// The newest commitment that somebody stakes on; nothing if it is cemented, or they are no staker.
    pub async fn staked_on_commitment(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        staker: PublicKeyHash,
    ) -> Result<Option<(CommitmentHash, Commitment)>, L1Error> {
        let read = |v: &Value| match v.is_null() {
            true => Ok(None),
            false => Ok(Some((field(v, "hash", self.family())?, Commitment::from_json(v, self.family())?))),
        };
        let below = format!("/staker/{staker}/staked_on_commitment");
        match self.rollup(block.into(), &rollup, &below, read).await {
            Err(error) if error.has_id("smart_rollup_not_staked") => Ok(None),
            answer => answer,
        }
    }

    /// Who stakes on a rollup.
    pub async fn stakers(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
    ) -> Result<Vec<PublicKeyHash>, L1Error> {
        let read = |v: &Value| lists(v, |staker| PublicKeyHash::from_json(staker, self.family()));
        self.rollup(block.into(), &rollup, "/stakers", read).await
    }

    /// The commitments that were published for an inbox level.
    pub async fn published_commitments(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        inbox_level: Level,
    ) -> Result<Vec<CommitmentHash>, L1Error> {
        let read = |v: &Value| match v.is_null() {
            true => Ok(Vec::new()),
            false => lists(v, |hash| CommitmentHash::from_json(hash, self.family())),
        };
        let below = format!("/inbox_level/{inbox_level}/commitments");
        self.rollup(block.into(), &rollup, &below, read).await
    }

    /// Indexes of the outbox messages of a level that were executed.
    pub async fn executed_outputs(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        outbox_level: Level,
    ) -> Result<Vec<u32>, L1Error> {
        let index = |v: &Value| {
            let index = v.as_u64().and_then(|n| u32::try_from(n).ok());
            index.ok_or_else(|| JsonError::new("the index of a message", v))
        };
        let below = format!("/consumed_outputs/{outbox_level}");
        self.rollup(block.into(), &rollup, &below, |v| lists(v, index)).await
    }
}
