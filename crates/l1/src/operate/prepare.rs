use super::Signer;
use super::fee::{FeeRates, Margins};
use super::simulate::{Needs, Simulated, unsigned};
use crate::error::ids;
use crate::{BlockId, Client, Constants, L1Error};
use soru_base::{BlockHash, Level, Mutez, OperationHash, PublicKeyHash};
use soru_protocol::operation::{Action, Content, MAX_OPERATION_SIZE, RevealProof};
use soru_protocol::receipt::{ContentReceipt, ErrorReport};
use soru_protocol::refutation::Refutation;
use soru_protocol::{Operation, SignedOperation};
use thiserror::Error;

/// What is not left to the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The fee of each content.
    pub fee: Option<Mutez>,
    /// The gas limit of each content.
    pub gas: Option<u64>,
    /// The storage limit of each content.
    pub storage: Option<u64>,
    /// What bakers ask for.
    pub rates: FeeRates,
    /// What is added to the simulation's results.
    pub margins: Margins,
    /// How many blocks before the head the operation's branch is, if there are so many: after a reorganisation of
    /// fewer blocks the operation can still be included. Moves of refutation games are always on the head: on another
    /// branch the opponent may have played something else, and what was right here may be wrong there.
    pub branch_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fee: None,
            gas: None,
            storage: None,
            rates: FeeRates::default(),
            margins: Margins::default(),
            branch_depth: 2,
        }
    }
}

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
        if actions.is_empty() {
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
        let mut contents = actions;
        if reveals {
            contents.insert(0, reveal(signer));
        }
        let counter = self.counter(block, source).await.map_err(of_account)?;
        let depth = branch_depth(&contents, limits).min(head.level.get());
        let branch = self.branch(head.hash, depth).await?;
        let mut operation = self.draft(branch, source, counter, contents, &constants);
        let signature_size = signer_size(signer);
        check_size(&operation, signature_size)?;
        let simulated = self.simulate(&unsigned(operation.clone()), block).await?;
        fit(&mut operation, &simulated, &constants, limits, reveals)?;
        limits.rates.fill(&mut operation, signature_size, limits.fee);
        // The fee takes bytes, too.
        check_size(&operation, signature_size)?;
        let signature = signer.sign_operation(&operation.forge());
        let operation = SignedOperation { operation, signature };
        Ok(Prepared { hash: operation.hash(), operation, head: head.level, reveals, simulated })
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

    /// Contents with all the gas and storage that they may have.
    fn draft(
        &self,
        branch: BlockHash,
        source: PublicKeyHash,
        counter: u64,
        actions: Vec<Action>,
        constants: &Constants,
    ) -> Operation {
        let share = constants.hard_gas_limit_per_block / (actions.len().max(1) as u64);
        let content = |(i, action): (usize, Action)| Content {
            source,
            fee: Mutez::ZERO,
            counter: counter.saturating_add(1 + i as u64),
            gas_limit: constants.hard_gas_limit_per_operation.min(share),
            storage_limit: constants.hard_storage_limit_per_operation,
            action,
        };
        Operation { branch, contents: actions.into_iter().enumerate().map(content).collect() }
    }
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

/// Replaces the limits of a draft by what its simulation needed.
fn fit(
    operation: &mut Operation,
    simulated: &Simulated,
    constants: &Constants,
    limits: &Limits,
    reveals: bool,
) -> Result<(), OperateError> {
    let number = |content: usize| content.saturating_sub(usize::from(reveals));
    if let Some((content, errors)) = simulated.failure() {
        let kind = operation.contents.get(content).map_or("a content", |c| c.action.kind());
        return Err(OperateError::WouldFail { index: number(content), kind, errors });
    }
    for (i, content) in operation.contents.iter_mut().enumerate() {
        let receipt = simulated.receipt(i);
        let needs = receipt.and_then(|receipt| Needs::of(receipt, constants.origination_size));
        let needs = needs.ok_or(OperateError::NoReceipt { index: number(i), kind: content.action.kind() })?;
        let gas = needs.gas.saturating_add(limits.margins.gas).min(constants.hard_gas_limit_per_operation);
        let storage = match needs.storage {
            0 => 0,
            bytes => {
                bytes.saturating_add(limits.margins.storage).min(constants.hard_storage_limit_per_operation)
            }
        };
        content.gas_limit = limits.gas.unwrap_or(gas);
        content.storage_limit = limits.storage.unwrap_or(storage);
    }
    Ok(())
}

fn branch_depth(actions: &[Action], limits: &Limits) -> u32 {
    let is_move = |action: &Action| {
        matches!(action, Action::SmartRollupRefute { refutation: Refutation::Move { .. }, .. })
    };
    if actions.iter().any(is_move) { 0 } else { limits.branch_depth }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::{CommitmentHash, RollupAddress, Tick};
    use soru_protocol::refutation::Step;

    #[test]
    fn a_move_is_for_the_chain_it_answers_to() {
        let rollup = RollupAddress::ZERO;
        let refute = |refutation| Action::SmartRollupRefute {
            rollup,
            opponent: soru_base::BOOTSTRAP_ACCOUNTS[0].pkh(),
            refutation,
        };
        let open = refute(Refutation::Start {
            player_commitment_hash: CommitmentHash::ZERO,
            opponent_commitment_hash: CommitmentHash::ZERO,
        });
        let play = refute(Refutation::Move { choice: Tick::ZERO, step: Step::Dissection(Vec::new()) });
        let (cement, limits) = (Action::SmartRollupCement { rollup }, Limits::default());
        assert_eq!(branch_depth(&[cement.clone(), open.clone()], &limits), 2);
        assert_eq!(branch_depth(&[cement, open, play], &limits), 0);
    }
}
