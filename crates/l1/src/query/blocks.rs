use super::at;
use crate::block::{Block, Header};
use crate::chain::{ChainError, Followed, HeadChange, Step, Walk};
use crate::constants::Constants;
use crate::{BlockId, Client, L1Error};
use serde_json::Value;
use soru_base::json::{field, member};
use soru_base::{BlockHash, ChainId, JsonError, Level, OperationHash, ProtocolHash};
use soru_protocol::BlockHeader;
use thiserror::Error;

/// Why there is no way to a new head.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum HeadChangeError {
    /// A header could not be had.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The headers do not make a chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl Client {
    /// The node's version, as it says it.
    pub async fn version(&self) -> Result<Value, L1Error> {
        self.get("/version").await
    }

    /// The chain's identifier.
    pub async fn chain_id(&self) -> Result<ChainId, L1Error> {
        self.get_as("/chains/main/chain_id").await
    }

    /// The protocol that made a block and the one that makes the next.
    pub async fn protocols(
        &self,
        block: impl Into<BlockId>,
    ) -> Result<(ProtocolHash, ProtocolHash), L1Error> {
        let path = at(block.into(), "/protocols");
        let value = self.get(&path).await?;
        self.read(&path, &value, |v| {
            Ok((field(v, "protocol", self.family())?, field(v, "next_protocol", self.family())?))
        })
    }

    /// The constants at a block.
    pub async fn constants(&self, block: impl Into<BlockId>) -> Result<Constants, L1Error> {
        let path = at(block.into(), "/context/constants");
        let value = self.get(&path).await?;
        self.read(&path, &value, Constants::read)
    }

    /// A block's hash.
    pub async fn block_hash(&self, block: impl Into<BlockId>) -> Result<BlockHash, L1Error> {
        self.get_as(&at(block.into(), "/hash")).await
    }

    /// A block's place and time.
    pub async fn header(&self, block: impl Into<BlockId>) -> Result<Header, L1Error> {
        let path = at(block.into(), "/header");
        let value = self.get(&path).await?;
        self.read(&path, &value, |v| Header::read(v, self.family()))
    }

    /// A block's whole header.
    pub async fn full_header(&self, block: impl Into<BlockId>) -> Result<BlockHeader, L1Error> {
        self.get_as(&at(block.into(), "/header")).await
    }

    /// A block with its operations and their receipts.
    pub async fn block(&self, block: impl Into<BlockId>) -> Result<Block, L1Error> {
        // Without this, a real node leaves out long receipts.
        let path = at(block.into(), "?metadata=always");
        let value = self.get(&path).await?;
        self.read(&path, &value, |v| Block::read(v, self.family()))
    }

    /// Hashes of a block's operations, by validation pass.
    pub async fn operation_hashes(
        &self,
        block: impl Into<BlockId>,
    ) -> Result<Vec<Vec<OperationHash>>, L1Error> {
        let path = at(block.into(), "/operation_hashes");
        let value = self.get(&path).await?;
        self.read(&path, &value, |v| {
            lists(v, |pass| lists(pass, |hash| soru_base::json::parse_str(hash, "the hash of an operation")))
        })
    }

    /// The block's ancestor at `level`, or the block itself. [`L1Error::NotFound`] if it is lower.
    pub async fn ancestor(&self, of: &Header, level: Level) -> Result<Header, L1Error> {
        match of.level.get().checked_sub(level.get()) {
            Some(0) => Ok(*of),
            Some(back) => self.header(BlockId::from(of.hash).minus(back)).await,
            None => Err(L1Error::NotFound { place: self.place(&at(level.into(), "/header")) }),
        }
    }

    /// How to get from the chain `followed` so far to the head `new`. Blocks below `first` are of no interest.
    pub async fn head_change<F: Followed>(
        &self,
        followed: &F,
        new: Header,
        first: Level,
    ) -> Result<HeadChange, HeadChangeError> {
        let mut walk = Walk::new(followed, new, first);
        loop {
            match walk.step()? {
                Step::Done(change) => return Ok(change),
                Step::Fetch(hash) => walk.supply(self.header(hash).await?)?,
            }
        }
    }
}

/// The items of an array, each read.
pub(super) fn lists<T>(
    value: &Value,
    read: impl Fn(&Value) -> Result<T, JsonError>,
) -> Result<Vec<T>, JsonError> {
    let items = value.as_array().ok_or_else(|| JsonError::new("an array", value))?.iter().enumerate();
    items.map(|(i, item)| read(item).map_err(|e| e.at(i))).collect()
}

/// The member of that name, or nothing where it is left out or `null`.
pub(super) fn present<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    Some(member(value, name)).filter(|v| !v.is_null())
}
