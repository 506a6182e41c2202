use super::Signer;
use super::fee::FeeRates;
use super::limits::{Limits, Planned, branch_depth};
use super::simulate::{Needs, Simulated, unsigned};
use crate::error::ids;
use crate::{BlockId, Client, Constants, L1Error};
use soru_base::{Binary as _, BlockHash, Level, Mutez, OperationHash, PublicKeyHash};
use soru_protocol::operation::{Action, Content, MAX_OPERATION_SIZE, RevealProof};
use soru_protocol::receipt::{ContentReceipt, ErrorReport};
use soru_protocol::{Operation, SignedOperation};
use thiserror::Error;

/// A signed operation, ready to be injected.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The operation.
    pub operation: SignedOperation,
    /// Its hash.
    pub hash: OperationHash,
    /// The head at that time: a block that includes the operation is later.
    pub head: Level,
    /// Whether a reveal was put before what was asked for.
    pub reveals: bool,
    /// What it would do, the reveal included.
    pub simulated: Simulated,
    /// What the simulation needed, for each content that it could tell.
    pub estimates: Vec<Option<Estimate>>,
}

/// What a simulated content needed, before anything is added for safety.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Thousandths of a unit of gas.
    pub milligas: u64,
    /// Bytes of storage that are paid for.
    pub storage: u64,
}

/// Why an operation is not on its way.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum OperateError {
    /// The layer-1 gives no answer, or refuses.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The signer's account does not exist: it never had any tez.
    #[error("account {0} does not exist: it needs tez before it can do anything")]
    NoAccount(PublicKeyHash),
    /// What was asked for would fail.
    #[error("{kind} (number {index}) would fail: {}", ids(errors))]
    WouldFail {
        /// Which of the actions, counted from 0; the reveal's errors are those of the first action.
        index: usize,
        /// The kind of the action.
        kind: &'static str,
        /// The network's errors.
        errors: Vec<ErrorReport>,
    },
    /// The simulation's answer has no receipt for some content, so that nothing can be estimated.
    #[error("the simulation told nothing of {kind} (number {index})")]
    NoReceipt {
        /// Which of the actions.
        index: usize,
        /// The kind of the action.
        kind: &'static str,
    },
    /// More bytes than an operation may have.
    #[error("the operation would have {size} bytes: the layer-1 takes at most {max}")]
    TooLarge {
        /// Bytes of the signed operation.
        size: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// No action was given.
    #[error("an operation without contents")]
    Empty,
}

impl OperateError {
    /// Whether another attempt may succeed without a change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::L1(error) if error.is_transient())
    }

    /// The network's errors, if it sent some.
    pub fn reports(&self) -> &[ErrorReport] {
        match self {
            Self::L1(error) => error.reports(),
            Self::WouldFail { errors, .. } => errors,
            Self::NoAccount(_) | Self::NoReceipt { .. } | Self::TooLarge { .. } | Self::Empty => &[],
        }
    }
}

impl Prepared {
    /// The simulated receipt of an action, counted without the reveal.
    pub fn receipt(&self, action: usize) -> Option<&ContentReceipt> {
        self.simulated.receipt(action + usize::from(self.reveals))
    }

    /// What bakers with these rates ask for it.
    pub fn fee_asked(&self, rates: &FeeRates) -> Mutez {
        let gas =
            self.operation.operation.contents.iter().fold(0u64, |gas, c| gas.saturating_add(c.gas_limit));
        rates.fee(gas, self.operation.to_bytes().len() as u64)
    }

    /// What the contents pay to the baker.
    pub fn fee(&self) -> Mutez {
        let sum = |sum: Mutez, content: &Content| Mutez(sum.0.saturating_add(content.fee.0));
        self.operation.operation.contents.iter().fold(Mutez::ZERO, sum)
    }
}

impl Client {
    /// Makes one operation of `actions` for the signer's account: with a reveal if the account needs one, counters,
    /// limits and fees from a simulation, and signed. Nothing is injected.
    pub async fn prepare(
        &self,
        signer: &dyn Signer,
        actions: Vec<Action>,
        limits: &Limits,
    ) -> Result<Prepared, OperateError> {
        self.prepare_planned(signer, actions.into_iter().map(Planned::from).collect(), limits).await
    }

    /// As [`Client::prepare`], with what is fixed for single actions.
    pub async fn prepare_planned(
        &self,
        signer: &dyn Signer,
        planned: Vec<Planned>,
        limits: &Limits,
    ) -> Result<Prepared, OperateError> {
        if planned.is_empty() {
            return Err(OperateError::Empty);
        }
        let source = signer.public_key().hash();
        // All questions are about one block, so that the answers fit together.
        let head = self.header(BlockId::HEAD).await?;
        let block = BlockId::from(head.hash);
        let constants = self.constants(block).await?;
        let of_account = |error| match error {
            L1Error::NotFound { .. } => OperateError::NoAccount(source),
            error => OperateError::L1(error),
        };
        let reveals = self.manager_key(block, source).await.map_err(of_account)?.is_none();
        let mut planned: Vec<Planned> = planned.into_iter().map(|one| one.within(limits)).collect();
        if reveals && !planned.iter().any(|one| matches!(one.action, Action::Reveal { .. })) {
            planned.insert(0, reveal(signer).into());
        }
        let reveals = reveals && planned.len() > 1;
        let counter = self.counter(block, source).await.map_err(of_account)?;
        let counter = limits.counter.unwrap_or(counter.saturating_add(1));
        let depth = branch_depth(&planned, limits).min(head.level.get());
        let branch = self.branch(head.hash, depth).await?;
        let mut operation = draft(branch, source, counter, &planned, &constants);
        let signature_size = signer_size(signer);
        check_size(&operation, signature_size)?;
        let simulated = self.simulate(&unsigned(operation.clone()), block).await?;
        let estimates = fit(&mut operation, &simulated, &constants, limits, reveals, &planned)?;
        let fees: Vec<Option<Mutez>> = planned.iter().map(|one| one.fee).collect();
        limits.rates.fill(&mut operation, signature_size, &fees);
        // The fee takes bytes, too.
        check_size(&operation, signature_size)?;
        let signature = signer.sign_operation(&operation.forge());
        let operation = SignedOperation { operation, signature };
        Ok(Prepared { hash: operation.hash(), operation, head: head.level, reveals, simulated, estimates })
    }

    /// [Prepares](Client::prepare) and injects.
    pub async fn submit(
        &self,
        signer: &dyn Signer,
        actions: Vec<Action>,
        limits: &Limits,
    ) -> Result<Prepared, OperateError> {
        let prepared = self.prepare(signer, actions, limits).await?;
        self.inject_operation(&prepared.operation).await?;
        Ok(prepared)
    }

    async fn branch(&self, head: BlockHash, depth: u32) -> Result<BlockHash, L1Error> {
        if depth == 0 {
            return Ok(head);
        }
        match self.block_hash(BlockId::from(head).minus(depth)).await {
            // A node that has not kept so many blocks.
            Err(L1Error::NotFound { .. }) => Ok(head),
            answer => answer,
        }
    }
}

/// Contents with all the gas and storage that they may have, if that is not fixed.
fn draft(
    branch: BlockHash,
    source: PublicKeyHash,
    counter: u64,
    planned: &[Planned],
    constants: &Constants,
) -> Operation {
    let share = constants.hard_gas_limit_per_block / (planned.len().max(1) as u64);
    let content = |(i, one): (usize, &Planned)| Content {
        source,
        fee: Mutez::ZERO,
        counter: counter.saturating_add(i as u64),
        gas_limit: one.gas.unwrap_or(constants.hard_gas_limit_per_operation.min(share)),
        storage_limit: one.storage.unwrap_or(constants.hard_storage_limit_per_operation),
        action: one.action.clone(),
    };
    Operation { branch, contents: planned.iter().enumerate().map(content).collect() }
}

fn reveal(signer: &dyn Signer) -> Action {
    let proof = signer.prove_possession().map_or(RevealProof::None, RevealProof::Some);
    Action::Reveal { public_key: signer.public_key(), proof }
}

fn signer_size(signer: &dyn Signer) -> usize {
    match signer.public_key() {
        // With the two bytes before it.
        soru_base::PublicKey::Bls(_) => 98,
        _ => 64,
    }
}

fn check_size(operation: &Operation, signature_size: usize) -> Result<(), OperateError> {
    let size = operation.forge().len() + signature_size;
    match size <= MAX_OPERATION_SIZE {
        true => Ok(()),
        false => Err(OperateError::TooLarge { size, max: MAX_OPERATION_SIZE }),
    }
}

/// Replaces the limits of a draft by what its simulation needed; gives that.
fn fit(
    operation: &mut Operation,
    simulated: &Simulated,
    constants: &Constants,
    limits: &Limits,
    reveals: bool,
    planned: &[Planned],
) -> Result<Vec<Option<Estimate>>, OperateError> {
    let number = |content: usize| content.saturating_sub(usize::from(reveals));
    let failure = simulated.failure().filter(|_| !limits.force);
    if let Some((content, errors)) = failure {
        let kind = operation.contents.get(content).map_or("a content", |c| c.action.kind());
        return Err(OperateError::WouldFail { index: number(content), kind, errors });
    }
    let mut estimates = Vec::new();
    for (i, (content, one)) in operation.contents.iter_mut().zip(planned).enumerate() {
        let receipt = simulated.receipt(i);
        let needs = receipt.and_then(|receipt| Needs::of(receipt, constants.origination_size));
        estimates.push(needs.map(|needs| Estimate { milligas: needs.milligas, storage: needs.storage }));
        let (gas, storage) = match (needs, one.gas, one.storage) {
            (_, Some(gas), Some(storage)) => (gas, storage),
            (Some(needs), gas, storage) => {
                let fitted = needs.with_margins(&limits.margins);
                let gas = gas.unwrap_or(fitted.0.min(constants.hard_gas_limit_per_operation));
                (gas, storage.unwrap_or(fitted.1.min(constants.hard_storage_limit_per_operation)))
            }
            (None, ..) => {
                return Err(OperateError::NoReceipt { index: number(i), kind: content.action.kind() });
            }
        };
        (content.gas_limit, content.storage_limit) = (gas, storage);
    }
    Ok(estimates)
}
