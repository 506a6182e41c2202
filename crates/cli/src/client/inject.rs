//! One road for every operation: estimated, checked against what the user wants to pay, signed, injected, awaited.

use super::{Request, print, receipt};
use anyhow::{Context, Result, anyhow, bail};
use soru_base::{BlockHash, Level, LevelSpan, Mutez, SecretKey};
use soru_l1::operate::{Limits, Prepared, Waiting};
use soru_l1::{BlockId, Client};
use soru_protocol::operation::{Action, Content};
use soru_protocol::receipt::{
    BalanceAccount, BlockContent, ContentReceipt, Effect, OperationReceipt, OperationResult,
};

/// What the user is ready to pay.
pub(crate) struct Costs {
    pub(crate) fee: Option<Mutez>,
    pub(crate) fee_cap: Mutez,
    pub(crate) burn_cap: Mutez,
    pub(crate) gas_limit: Option<u64>,
    pub(crate) storage_limit: Option<u64>,
}

impl Costs {
    /// Whatever it takes.
    pub(crate) fn unlimited() -> Self {
        Self { fee: None, fee_cap: Mutez::MAX, burn_cap: Mutez::MAX, gas_limit: None, storage_limit: None }
    }
}

/// A key at a layer-1.
pub(crate) struct Session {
    client: Client,
    key: SecretKey,
    costs: Costs,
}

/// An operation that is in a block, applied.
pub(crate) struct Injected {
    pub(crate) block: BlockHash,
    pub(crate) level: Level,
    pub(crate) contents: Vec<Content>,
    pub(crate) receipt: OperationReceipt,
}

impl Injected {
    /// What was done.
    pub(crate) fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.receipt.contents.iter().filter_map(|c| c.result.success()).map(|s| &s.effect)
    }
}

impl Session {
    pub(crate) fn new(client: Client, key: SecretKey, costs: Costs) -> Self {
        Self { client, key, costs }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Does all of it and waits for the block.
    pub(crate) async fn run(&self, actions: Vec<Action>) -> Result<Injected> {
        let prepared = self.prepare(actions).await?;
        let from = self.inject(&prepared).await?;
        self.wait(&prepared, from, 0).await
    }

    async fn prepare(&self, actions: Vec<Action>) -> Result<Prepared> {
        let limits = Limits {
            fee: self.costs.fee,
            gas: self.costs.gas_limit,
            storage: self.costs.storage_limit,
            ..Limits::default()
        };
        let prepared = self.client.prepare(&self.key, actions, &limits).await?;
        let fee = prepared.fee();
        if fee > self.costs.fee_cap {
            bail!("the fee would be {fee} ꜩ, more than the {} ꜩ of --fee-cap", self.costs.fee_cap);
        }
        let burnt = burnt(prepared.simulated.contents.iter().filter_map(receipt_of));
        if burnt > self.costs.burn_cap {
            bail!(
                "the storage fees would be {burnt} ꜩ, more than the {} ꜩ of --burn-cap: add --burn-cap {burnt}",
                self.costs.burn_cap
            );
        }
        Ok(prepared)
    }

    /// Injects; returns the first level that may have the operation.
    async fn inject(&self, prepared: &Prepared) -> Result<Level> {
        let head = self.client.header(BlockId::HEAD).await?;
        self.client.inject_operation(&prepared.operation).await?;
        Ok(head.level.next())
    }

    async fn wait(&self, prepared: &Prepared, from: Level, confirmations: u32) -> Result<Injected> {
        let waiting =
            Waiting { confirmations: LevelSpan(confirmations), from: Some(from), ..Waiting::default() };
        let inclusion = self.client.wait_included(prepared.hash, &waiting).await?;
        let mut contents = Vec::new();
        let mut receipts = Vec::new();
        for content in &inclusion.operation.contents {
            if let BlockContent::Manager { content, receipt: Some(receipt) } = content {
                contents.push((**content).clone());
                receipts.push(receipt.clone());
            }
        }
        let receipt = OperationReceipt { contents: receipts };
        if receipt.contents.is_empty() {
            bail!(
                "the operation {} is in the block {}, but without a receipt",
                prepared.hash,
                inclusion.block.hash
            );
        }
        let done = Injected { block: inclusion.block.hash, level: inclusion.block.level, contents, receipt };
        match done.failure() {
            None => Ok(done),
            Some(why) => Err(anyhow!("the operation {} was included and failed: {why}", prepared.hash)),
        }
    }
}

impl Injected {
    fn failure(&self) -> Option<String> {
        if self.receipt.is_applied() {
            return None;
        }
        let ids: Vec<&str> = self.receipt.errors().iter().map(|e| e.id()).collect();
        Some(if ids.is_empty() { "for no reason that the receipt tells".to_owned() } else { ids.join(", ") })
    }
}

fn receipt_of(content: &BlockContent) -> Option<&ContentReceipt> {
    match content {
        BlockContent::Manager { receipt, .. } => receipt.as_ref(),
        BlockContent::Other(_) => None,
    }
}

/// Tez burnt for storage.
fn burnt<'a>(receipts: impl Iterator<Item = &'a ContentReceipt>) -> Mutez {
    let results =
        receipts.flat_map(|r| std::iter::once(&r.result).chain(r.internal.iter().map(|i| &i.result)));
    let updates = results.filter_map(OperationResult::success).flat_map(|s| &s.balance_updates);
    let sum = updates
        .filter(|u| u.account == BalanceAccount::StorageFees)
        .fold(0_u64, |sum, u| sum.saturating_add(u.change.unsigned_abs()));
    Mutez(sum)
}

impl Request {
    /// Runs the operation, and prints its hash and, unless the user does not wait, its receipt.
    pub(super) async fn inject(
        &self,
        session: &Session,
        actions: Vec<Action>,
    ) -> Result<Option<OperationReceipt>> {
        let confirmations = self.confirmations()?;
        let prepared = session.prepare(actions).await?;
        let from = session.inject(&prepared).await?;
        print("Operation successfully injected in the node.")?;
        print(format_args!("Operation hash is '{}'", prepared.hash))?;
        let Some(confirmations) = confirmations else {
            print("NOT waiting for the operation to be included.")?;
            return Ok(None);
        };
        let done = session.wait(&prepared, from, confirmations).await.context("waiting for the operation")?;
        print(format_args!("Operation found in block: {} (level {})", done.block, done.level))?;
        let shown = receipt::show(&done.contents, &done.receipt, session.client().family());
        print(shown.trim_end())?;
        Ok(Some(done.receipt))
    }
}
