//! A layer-1 through its RPC, as the node needs it.

use crate::layer1::{
    Block, Constants, Header, Heads, Injected, Injection, Layer1, Layer1Error, Origin, Stakes,
};
use crate::publish::Pointed;
use soru_base::{Binary, CommitmentHash, Level, LevelSpan, PublicKeyHash, RollupAddress};
use soru_l1::rollup::Executed;
use soru_l1::{BlockId, Client, L1Error};
use soru_pvm::outbox::OutputProof;

/// The layer-1 behind a client.
pub struct RpcLayer1 {
    client: Client,
    rollup: RollupAddress,
}

/// The heads of a client.
pub struct RpcHeads(soru_l1::Heads);

impl RpcLayer1 {
    /// The layer-1 behind `client`, seen by a node of `rollup`.
    pub fn new(client: Client, rollup: RollupAddress) -> Self {
        Self { client, rollup }
    }
}

impl Heads for RpcHeads {
    async fn next(&mut self) -> Result<Header, Layer1Error> {
        Ok(header(&self.0.try_next().await?))
    }
}

impl Layer1 for RpcLayer1 {
    type Heads = RpcHeads;

    fn heads(&self) -> RpcHeads {
        RpcHeads(self.client.monitor_heads())
    }

    async fn head(&self) -> Result<Header, Layer1Error> {
        Ok(header(&self.client.header(BlockId::HEAD).await?))
    }

    async fn ancestor(&self, of: &Header, level: Level) -> Result<Header, Layer1Error> {
        match of.level == level {
            true => Ok(*of),
            false => Ok(header(&self.client.header(at(of, level)?).await?)),
        }
    }

    async fn block(&self, of: &Header, level: Level) -> Result<Block, Layer1Error> {
        let id = at(of, level)?;
        let (block, inbox) = tokio::try_join!(self.client.block(id), self.client.global_inbox(id))?;
        let events = block.rollup_events().map_err(|e| Layer1Error::Nonsense(e.to_string()))?;
        Ok(Block {
            header: header(&block.header),
            messages: events.messages,
            published: own(events.published, |p| p.rollup == self.rollup, |p| (p.hash, p.staker)),
            cemented: own(events.cemented, |c| c.rollup == self.rollup, |c| c.hash),
            executed: events.executed.iter().filter(|e| e.rollup == self.rollup).filter_map(place_of).collect(),
            inbox,
            migration: None,
        })
    }

    async fn origin(&self, rollup: RollupAddress, at_block: &Header) -> Result<Origin, Layer1Error> {
        let info = self.client.genesis_info(at_block.hash, rollup).await?;
        let block = self.client.block(at(at_block, info.level)?).await?;
        let events = block.rollup_events().map_err(|e| Layer1Error::Nonsense(e.to_string()))?;
        let origination = events.originated.into_iter().find(|o| o.rollup == rollup);
        let origination = origination.ok_or_else(|| {
            Layer1Error::Nonsense(format!("the block of level {} does not originate {rollup:?}", info.level))
        })?;
        Ok(Origin { level: info.level, commitment: info.commitment_hash, boot_sector: origination.kernel })
    }

    async fn constants(&self, at_block: &Header) -> Result<Constants, Layer1Error> {
        let constants = self.client.constants(at_block.hash).await?;
        Ok(Constants {
            commitment_period: LevelSpan(constants.rollup.commitment_period_in_blocks),
            challenge_window: LevelSpan(constants.rollup.challenge_window_in_blocks),
            max_lookahead: LevelSpan(constants.rollup.max_lookahead_in_blocks),
            minimal_block_delay: constants.minimal_block_delay,
        })
    }

    async fn stakes(
        &self,
        rollup: RollupAddress,
        operator: Option<PublicKeyHash>,
        at_block: &Header,
    ) -> Result<Stakes, Layer1Error> {
        let cemented = self.client.last_cemented_commitment(at_block.hash, rollup).await?;
        let cemented = Pointed { hash: cemented.hash, level: cemented.level };
        let staked = match operator {
            None => None,
            Some(key) => match self.client.staked_on_commitment(at_block.hash, rollup, key).await {
                Ok(staked) => staked.map(|(hash, c)| Pointed { hash, level: c.inbox_level }),
                // Somebody who never staked: an error on the network.
                Err(L1Error::NotFound { .. } | L1Error::Rejected { .. }) => None,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Stakes { cemented, staked: staked.filter(|s| s.level > cemented.level) })
    }

    async fn busy(&self, source: PublicKeyHash, _: &Header) -> Result<bool, Layer1Error> {
        Ok(self.client.pending_operations().await?.has_source(source))
    }

    async fn inject(
        &self,
        _rollup: RollupAddress,
        _source: PublicKeyHash,
        _batch: Vec<Injection>,
    ) -> Result<Vec<Injected>, Layer1Error> {
        Err(Layer1Error::Nonsense("PLACEHOLDER".into()))
    }
}

fn header(header: &soru_l1::Header) -> Header {
    Header {
        hash: header.hash,
        level: header.level,
        predecessor: header.predecessor,
        timestamp: header.timestamp.0,
    }
}

/// The ancestor of a block at a level, as one asks for it.
fn at(of: &Header, level: Level) -> Result<BlockId, Layer1Error> {
    match of.level.get().checked_sub(level.get()) {
        Some(back) => Ok(BlockId::from(of.hash).minus(back)),
        None => Err(Layer1Error::Unknown(format!("an ancestor of level {level} of a block of level {}", of.level))),
    }
}

fn own<E, T>(events: Vec<E>, is_own: impl Fn(&E) -> bool, take: impl Fn(E) -> T) -> Vec<T> {
    events.into_iter().filter(is_own).map(take).collect()
}

fn place_of(executed: &Executed) -> Option<(Level, u32)> {
    let proof = OutputProof::from_bytes(&executed.output_proof).ok()?;
    Some((proof.output.level, u32::try_from(proof.output.index).ok()?))
}

impl From<L1Error> for Layer1Error {
    fn from(error: L1Error) -> Self {
        match &error {
            L1Error::NotFound { .. } => Self::Unknown(error.to_string()),
            L1Error::Unreachable { .. } | L1Error::Timeout { .. } | L1Error::HttpStatus { .. } => {
                Self::Unreachable(error.to_string())
            }
            L1Error::Rejected { .. } | L1Error::BadJson { .. } => Self::Nonsense(error.to_string()),
        }
    }
}
