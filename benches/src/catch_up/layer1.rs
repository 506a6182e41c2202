//! The layer-1 whose levels are caught up with.

use super::bytes_in;
use crate::kernels::external;
use crate::progress;
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;
use soru_base::bootstrap::BOOTSTRAP_ACCOUNTS;
use soru_base::{BlockHash, IdFamily, Level, Profile, RollupAddress, SecretKey};
use soru_l1::operate::{Limits, Signer};
use soru_l1::{BlockId, Client};
use soru_michelson::Micheline;
use soru_protocol::operation::{Action, Operation, PvmKind, SignedOperation};
use soru_sandbox::{Config, Running, Sandbox};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A layer-1 with a rollup whose kernel is echo.
pub(super) struct Layer1 {
    dir: PathBuf,
    running: Running,
    client: Client,
    key: SecretKey,
    rollup: RollupAddress,
}

/// Levels that were made.
pub(super) struct Made {
    /// The last one.
    pub(super) head: Level,
    /// How many.
    pub(super) levels: u32,
    /// External messages in each.
    pub(super) messages: u32,
    /// What it took.
    pub(super) time: Duration,
}

impl Layer1 {
    /// A new one.
    pub(super) async fn start(dir: &Path) -> Result<Self> {
        let config = Config::new(dir);
        let ids = Profile::named(config.profile).ids;
        let running = Sandbox::start(config).await?;
        let client = Client::new(&running.url(), ids)?;
        let key = BOOTSTRAP_ACCOUNTS[0].sk();
        bake(&client).await?;
        let action = Action::SmartRollupOriginate {
            pvm_kind: PvmKind::Wasm2_0_0,
            kernel: soru_kernels::ECHO.to_vec(),
            parameters_ty: Micheline::parse("unit")?,
            whitelist: None,
        };
        client.submit(&key, vec![action], &Limits::default()).await.context("cannot originate the rollup")?;
        let (block, _) = bake(&client).await?;
        let events = client.block(block).await?.rollup_events()?;
        let rollup =
            events.originated.first().ok_or_else(|| anyhow!("the block originates no rollup"))?.rollup;
        Ok(Self { dir: dir.to_owned(), running, client, key, rollup })
    }

    pub(super) fn url(&self) -> String {
        self.running.url()
    }

    pub(super) fn ids(&self) -> IdFamily {
        self.client.family()
    }

    pub(super) fn rollup(&self) -> RollupAddress {
        self.rollup
    }

    /// Makes `levels` blocks with an operation of `messages` external messages each.
    pub(super) async fn make_levels(&self, levels: u32, messages: u32, bytes: usize) -> Result<Made> {
        let add = |level| Action::SmartRollupAddMessages { messages: batch(level, messages, bytes) };
        // All operations cost the same: one is estimated, the others are like it.
        let first = self.client.prepare(&self.key, vec![add(0)], &Limits::default()).await?;
        let mut operation = first.operation.operation;
        let mut head = (self.client.block_hash(BlockId::HEAD).await?, Level::GENESIS);
        let bar = progress::bar("making levels on a layer-1", levels.into());
        let start = Instant::now();
        for level in 0..levels {
            operation.branch = head.0;
            if let Some(content) = operation.contents.first_mut() {
                content.counter += u64::from(level > 0);
                content.action = add(level);
            }
            self.client.inject_operation(&self.sign(&operation)).await?;
            head = bake(&self.client).await?;
            bar.inc(1);
        }
        let time = start.elapsed();
        bar.finish_and_clear();
        let last = self.client.block(head.0).await?.rollup_events()?.messages.len();
        ensure!(last == messages as usize, "the last block has {last} messages instead of {messages}");
        Ok(Made { head: head.1, levels, messages, time })
    }

    fn sign(&self, operation: &Operation) -> SignedOperation {
        let signature = Signer::sign_operation(&self.key, &operation.forge());
        SignedOperation { operation: operation.clone(), signature }
    }

    /// Stops it; returns the bytes that it keeps on disk.
    pub(super) async fn stop(self) -> Result<u64> {
        self.running.stop().await;
        bytes_in(&self.dir)
    }
}

async fn bake(client: &Client) -> Result<(BlockHash, Level)> {
    let head = client.post("/sandbox/bake", &json!({})).await?;
    let level = head["level"].as_u64().and_then(|level| Level::new(u32::try_from(level).ok()?));
    let hash = head["hash"].as_str().ok_or_else(|| anyhow!("a new block without a hash: {head}"))?;
    Ok((hash.parse()?, level.ok_or_else(|| anyhow!("a new block without a level: {head}"))?))
}

/// The external messages of a level, each another one.
fn batch(level: u32, messages: u32, bytes: usize) -> Vec<Vec<u8>> {
    let first = level.wrapping_mul(messages);
    // Without the byte that says what they are: the layer-1 puts it there.
    (0..messages).map(|number| external(first.wrapping_add(number), bytes).split_off(1)).collect()
}
