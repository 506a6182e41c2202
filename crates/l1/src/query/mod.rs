//! Questions about the node, its blocks, its contracts and its rollups.

mod blocks;
mod contracts;
mod disputes;
mod mempool;
mod rollups;

pub use blocks::HeadChangeError;
pub use contracts::Account;
pub use mempool::{Pending, Refusal};
pub use rollups::{GenesisInfo, PointedCommitment};

use soru_base::BlockId;

/// The path of something below a block.
fn at(block: BlockId, below: &str) -> String {
    format!("/chains/main/blocks/{block}{below}")
}
