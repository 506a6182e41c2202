//! One road for every operation: estimated, checked against what the user wants to pay, signed, injected, awaited.

use super::amounts::gas;
use super::options::CostOptions;
use super::{Request, failure, print, receipt, verbose};
use crate::UsageError;
use crate::alias::Alias;
use anyhow::{Context, Result, anyhow, bail};
use soru_base::{BlockHash, Level, LevelSpan, Mutez, PublicKey, SecretKey, Signature};
use soru_l1::operate::{
    Estimate, FeeRates, Inclusion, Limits, Margins, Planned, Prepared, Sighting, Signer, Waiting,
};
use soru_l1::{BlockId, Client};
use soru_protocol::operation::{Action, Content};
use soru_protocol::receipt::{
    BalanceAccount, BlockContent, ContentReceipt, Effect, OperationReceipt, OperationResult,
};

/// What the user is ready to pay.
pub(crate) struct Costs {
    limits: Limits,
    fee_cap: Mutez,
    burn_cap: Mutez,
    force_low_fee: bool,
}

impl Costs {
    /// Whatever it takes.
    pub(crate) fn unlimited() -> Self {
        Self { limits: Limits::default(), fee_cap: Mutez::MAX, burn_cap: Mutez::MAX, force_low_fee: false }
    }

    /// What the command line says.
    pub(super) fn of(options: &CostOptions, force: bool) -> Self {
        let limits = Limits {
            fee: options.fee,
            gas: options.gas_limit,
            storage: options.storage_limit,
            counter: options.counter,
            force,
            rates: FeeRates {
                minimal: options.minimal_fees.0,
                nanotez_per_gas: options.minimal_nanotez_per_gas_unit,
                nanotez_per_byte: options.minimal_nanotez_per_byte,
            },
            margins: Margins { gas: options.safety_guard, ..Margins::default() },
            ..Limits::default()
        };
        Self {
            limits,
            fee_cap: options.fee_cap,
            burn_cap: options.burn_cap.unwrap_or(Mutez::ZERO),
            force_low_fee: options.force_low_fee,
        }
    }
}

/// A key at a layer-1.
pub(crate) struct Session {
    client: Client,
    signer: Box<dyn Signer>,
    costs: Costs,
}

/// Whoever simulates signs nothing.
struct Unsigned(PublicKey);

impl Signer for Unsigned {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign_operation(&self, _: &[u8]) -> Signature {
        Signature::ZERO
    }

    fn prove_possession(&self) -> Option<Vec<u8>> {
        None
    }
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
        Self { client, signer: Box::new(key), costs }
    }

    /// One that can only simulate.
    pub(super) fn unsigned(client: Client, key: PublicKey, costs: Costs) -> Self {
        Self { client, signer: Box::new(Unsigned(key)), costs }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whose key it is.
    pub(super) fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// Does all of it and waits for the block.
    pub(crate) async fn run(&self, actions: Vec<Action>) -> Result<Injected> {
        let planned = actions.into_iter().map(Planned::from).collect();
        let prepared = self.prepare(planned).await?;
        let from = self.inject(&prepared).await?;
        let done = read(&self.wait(&prepared, from, 0, |_| ()).await?)?;
        match failed(&done.receipt) {
            None => Ok(done),
            Some(why) => Err(anyhow!("the operation {} was included and failed:{why}", prepared.hash)),
        }
    }

    async fn prepare(&self, planned: Vec<Planned>) -> Result<Prepared> {
        let limits = &self.costs.limits;
        let prepared = self.client.prepare_planned(self.signer(), planned, limits).await;
        let prepared = prepared.map_err(failure::of_operation)?;
        self.check_fee(&prepared)?;
        let burnt = burnt(prepared.simulated.contents.iter().filter_map(receipt_of));
        if burnt > self.costs.burn_cap {
            bail!(
                "the storage fees would be {burnt} ꜩ, more than the {} ꜩ of --burn-cap: add --burn-cap {burnt}",
                self.costs.burn_cap
            );
        }
        Ok(prepared)
    }

    fn check_fee(&self, prepared: &Prepared) -> Result<()> {
        let fee = prepared.fee();
        if fee > self.costs.fee_cap {
            bail!(
                "the fee would be {fee} ꜩ, more than the {} ꜩ of --fee-cap: add --fee-cap {fee}",
                self.costs.fee_cap
            );
        }
        let asked = prepared.fee_asked(&self.costs.limits.rates);
        if fee < asked && !self.costs.force_low_fee {
            bail!(
                "the fee of {fee} ꜩ is lower than the {asked} ꜩ that bakers ask for: add --force-low-fee to pay it all the same"
            );
        }
        Ok(())
    }

    /// Injects; returns the first level that may have the operation.
    async fn inject(&self, prepared: &Prepared) -> Result<Level> {
        let head = self.client.header(BlockId::HEAD).await?;
        self.client.inject_operation(&prepared.operation).await.map_err(failure::of_question)?;
        Ok(head.level.next())
    }

    async fn wait(
        &self,
        prepared: &Prepared,
        from: Level,
        confirmations: u32,
        tell: impl FnMut(Sighting),
    ) -> Result<Inclusion> {
        let waiting =
            Waiting { confirmations: LevelSpan(confirmations), from: Some(from), ..Waiting::default() };
        Ok(self.client.watch_included(prepared.hash, &waiting, tell).await?)
    }
}

/// The receipt of an operation in a block.
pub(super) fn read(inclusion: &Inclusion) -> Result<Injected> {
    let mut contents = Vec::new();
    let mut receipts = Vec::new();
    for content in &inclusion.operation.contents {
        if let BlockContent::Manager { content, receipt: Some(receipt) } = content {
            contents.push((**content).clone());
            receipts.push(receipt.clone());
        }
    }
    if receipts.is_empty() {
        bail!(
            "the operation {} is in the block {}, but without a receipt",
            inclusion.operation.hash,
            inclusion.block.hash
        );
    }
    let receipt = OperationReceipt { contents: receipts };
    Ok(Injected { block: inclusion.block.hash, level: inclusion.block.level, contents, receipt })
}

fn failed(receipt: &OperationReceipt) -> Option<String> {
    if receipt.is_applied() {
        return None;
    }
    let errors: Vec<_> = receipt.errors().into_iter().cloned().collect();
    Some(if errors.is_empty() {
        " for no reason that the receipt tells".to_owned()
    } else {
        failure::listed(&errors)
    })
}

fn receipt_of(content: &BlockContent) -> Option<&ContentReceipt> {
    match content {
        BlockContent::Manager { receipt, .. } => receipt.as_ref(),
        BlockContent::Other(_) => None,
    }
}

fn results(receipt: &ContentReceipt) -> impl Iterator<Item = &OperationResult> {
    std::iter::once(&receipt.result).chain(receipt.internal.iter().map(|i| &i.result))
}

/// Tez burnt for storage.
fn burnt<'a>(receipts: impl Iterator<Item = &'a ContentReceipt>) -> Mutez {
    let updates =
        receipts.flat_map(results).filter_map(OperationResult::success).flat_map(|s| &s.balance_updates);
    let sum = updates
        .filter(|u| u.account == BalanceAccount::StorageFees)
        .fold(0_u64, |sum, u| sum.saturating_add(u.change.unsigned_abs()));
    Mutez(sum)
}

impl Request {
    /// Runs an operation of these actions, see [`Request::inject_planned`].
    pub(super) async fn inject(
        &self,
        session: &Session,
        actions: Vec<Action>,
    ) -> Result<Option<OperationReceipt>> {
        self.inject_planned(session, actions.into_iter().map(Planned::from).collect()).await
    }

    /// Runs the operation, and prints its hash and, unless the user does not wait, its receipt. Nothing comes back if
    /// nobody waits, or if it is only shown.
    pub(super) async fn inject_planned(
        &self,
        session: &Session,
        planned: Vec<Planned>,
    ) -> Result<Option<OperationReceipt>> {
        let costs = &self.options.costs;
        let family = session.client().family();
        let confirmations = self.confirmations()?;
        self.check_forced(&planned)?;
        let prepared = session.prepare(planned).await?;
        self.print_estimates(&prepared.estimates)?;
        if costs.verbose_signing {
            verbose::show(&prepared, family)?;
        }
        if costs.dry_run || costs.simulation {
            use soru_base::Binary as _;
            print(format_args!("Operation: 0x{}", hex::encode(prepared.operation.to_bytes())))?;
            print(format_args!("Operation hash is '{}'", prepared.hash))?;
            let (contents, receipt) = simulated(&prepared);
            let shown = receipt::show("Simulation result:", &contents, &receipt, family);
            print(shown.trim_end())?;
            return Ok(None);
        }
        let from = session.inject(&prepared).await?;
        print("Operation successfully injected in the node.")?;
        print(format_args!("Operation hash is '{}'", prepared.hash))?;
        let branch = prepared.operation.operation.branch;
        let Some(confirmations) = confirmations else {
            print("NOT waiting for the operation to be included.")?;
            return print(advice(&prepared, branch)).map(|()| None);
        };
        print("Waiting for the operation to be included...")?;
        let inclusion =
            session.wait(&prepared, from, confirmations, tell).await.context("waiting for the operation")?;
        let done = read(&inclusion)?;
        let shown =
            receipt::show("This sequence of operations was run:", &done.contents, &done.receipt, family);
        print(shown.trim_end())?;
        if let Some(why) = failed(&done.receipt) {
            bail!("the operation {} was included and failed:{why}", prepared.hash);
        }
        for contract in originated(&done.receipt) {
            print(format_args!("New contract {contract} originated."))?;
        }
        match confirmations {
            // The receipt is the last thing on standard output.
            0 => {
                eprintln!("The operation has only been included 0 blocks ago. We recommend to wait more.");
                eprintln!("{}", advice(&prepared, branch));
            }
            blocks => print(format_args!("The operation was included in a block {blocks} blocks ago."))?,
        }
        Ok(Some(done.receipt))
    }

    /// What would fail tells nothing that limits could be computed from.
    fn check_forced(&self, planned: &[Planned]) -> Result<()> {
        let (costs, one) = (&self.options.costs, planned.iter());
        if !self.options.force
            || costs.simulation
            || !one.clone().any(|p| matches!(p.action, Action::Transaction { .. }))
        {
            return Ok(());
        }
        for (name, given) in [
            ("--gas-limit", costs.gas_limit.is_some() || one.clone().all(|p| p.gas.is_some())),
            ("--storage-limit", costs.storage_limit.is_some() || one.clone().all(|p| p.storage.is_some())),
            ("--fee", costs.fee.is_some() || one.clone().all(|p| p.fee.is_some())),
        ] {
            if !given {
                return Err(UsageError(format!("--force injects what would fail: it needs {name}")).into());
            }
        }
        Ok(())
    }

    fn print_estimates(&self, estimates: &[Option<Estimate>]) -> Result<()> {
        let costs = &self.options.costs;
        for Estimate { milligas, storage } in estimates.iter().flatten() {
            if costs.gas_limit.is_none() {
                let guard = costs.safety_guard;
                print(format_args!("Estimated gas: {} units (will add {guard} for safety)", gas(*milligas)))?;
            }
            match storage {
                _ if costs.storage_limit.is_some() => {}
                0 => print("Estimated storage: no bytes added")?,
                bytes => {
                    print(format_args!("Estimated storage: {bytes} bytes added (will add 20 for safety)"))?
                }
            }
        }
        Ok(())
    }
}

/// Where an operation was found.
pub(super) fn print_place(inclusion: &Inclusion) -> Result<()> {
    let Inclusion { block, pass, offset, .. } = inclusion;
    print(format_args!("Operation found in block: {} (pass: {pass}, offset: {offset})", block.hash))
}

/// What is seen while one waits. Nobody may be reading any more: the operation is waited for all the same.
pub(super) fn tell(seen: Sighting) {
    let _ = match seen {
        Sighting::Included { block, pass, offset } => {
            print(format_args!("Operation found in block: {block} (pass: {pass}, offset: {offset})"))
        }
        Sighting::Confirmed { confirmations, block } => {
            print(format_args!("Operation received {} confirmations as of block: {block}", confirmations.0))
        }
    };
}

/// How to make sure of an operation later.
fn advice(prepared: &Prepared, branch: BlockHash) -> String {
    let client = Alias::called(std::env::args_os().next().as_deref()).map_or("soru client", Alias::name);
    format!(
        "Use command\n  {client} wait for {} to be included --confirmations 1 --branch {branch}\n\
         and/or an external block explorer to make sure that it has been included.",
        prepared.hash
    )
}

/// The contents that were simulated, with the limits and fees that they got.
fn simulated(prepared: &Prepared) -> (Vec<Content>, OperationReceipt) {
    let mut contents = Vec::new();
    let mut receipts = Vec::new();
    for (content, simulated) in prepared.operation.operation.contents.iter().zip(&prepared.simulated.contents)
    {
        if let Some(receipt) = receipt_of(simulated) {
            contents.push(content.clone());
            receipts.push(receipt.clone());
        }
    }
    (contents, OperationReceipt { contents: receipts })
}

/// The contracts that came to be, those of calls among them.
fn originated(receipt: &OperationReceipt) -> Vec<soru_base::ContractHash> {
    let effects =
        receipt.contents.iter().flat_map(results).filter_map(OperationResult::success).map(|s| &s.effect);
    let made = effects.flat_map(|effect| match effect {
        Effect::Origination { originated_contracts, .. } => originated_contracts.as_slice(),
        _ => &[],
    });
    made.copied().collect()
}
