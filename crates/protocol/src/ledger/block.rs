//! Making a block.

use super::Ledger;
use super::accounts::updates;
use super::error::{ApplyError, Refused, StorageError};
use super::rollups::Examiner;
use super::store::at;
use crate::block::Timestamp;
use crate::inbox::{Inbox, OpenLevel, SerializedMessage};
use crate::operation::{Operation, SignedOperation};
use crate::receipt::{BalanceAccount, BalanceUpdate, OperationReceipt};
use crate::refutation::examine;
use soru_base::{BlockHash, ChainId, Contract, Level, Mutez, PublicKeyHash, Signature};
use std::collections::BTreeSet;

/// What is known of a block before its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockContext {
    /// Its level: one more than the predecessor's.
    pub level: Level,
    /// When it is made.
    pub timestamp: Timestamp,
    /// The block before.
    pub predecessor: BlockHash,
    /// When that was made.
    pub predecessor_timestamp: Timestamp,
    /// The chain.
    pub chain_id: ChainId,
    /// Who gets the fees.
    pub baker: PublicKeyHash,
}

/// What is known of a block after its operations.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockMetadata {
    /// Fees on their way to the baker.
    pub balance_updates: Vec<BalanceUpdate>,
    /// Gas that all operations used, in thousandths.
    pub consumed_milligas: u64,
    /// The inbox after the block.
    pub inbox: Inbox,
}

/// A block in the making. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BlockBuilder {
    pub(super) context: BlockContext,
    pub(super) state: State,
    /// Accounts that already have an operation in the block.
    pub(super) managers: BTreeSet<PublicKeyHash>,
    fees: Mutez,
    consumed_milligas: u64,
    /// Gas that the contents of the block may still ask for, in units.
    pub(super) gas_left: u64,
}

/// What operations change, and what is put back when they fail.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) ledger: Ledger,
    pub(crate) inbox: OpenLevel,
    pub(crate) examine: Examiner,
}

impl State {
    /// Adds a message to the inbox of the level.
    pub(crate) fn add_message(&mut self, message: &SerializedMessage) -> super::error::Outcome<()> {
        self.inbox.add(message).map_err(|_| super::error::ProtocolError::InboxLevelFull.into())
    }
}

/// What to leave out when applying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Nothing.
    All,
    /// The signature.
    NoSignature,
}

impl Ledger {
    /// Starts a block on this state: the inbox gets its start of level.
    pub fn begin_block(&self, context: BlockContext) -> BlockBuilder {
        let protocol =
            self.protocol_messages(context.level, context.predecessor_timestamp, context.predecessor);
        BlockBuilder {
            context,
            state: State { ledger: self.clone(), inbox: OpenLevel::start(&protocol), examine },
            managers: BTreeSet::new(),
            fees: Mutez::ZERO,
            consumed_milligas: 0,
            gas_left: self.constants.hard_gas_limit_per_block,
        }
    }

    /// Whether an operation could be in the block after this state; and what would become of it.
    pub fn check_mempool(
        &self,
        context: BlockContext,
        operation: &SignedOperation,
    ) -> Result<OperationReceipt, ApplyError> {
        self.begin_block(context).apply(operation)
    }

    /// What would become of an operation in the block after this state, whoever signed it.
    pub fn simulate(
        &self,
        context: BlockContext,
        operation: &Operation,
    ) -> Result<OperationReceipt, ApplyError> {
        let unsigned = SignedOperation { operation: operation.clone(), signature: Signature::ZERO };
        self.begin_block(context).apply_with(&unsigned, Checks::NoSignature)
    }
}

impl BlockBuilder {
    /// Applies an operation. Nothing changes if it is refused.
    pub fn apply(&mut self, operation: &SignedOperation) -> Result<OperationReceipt, ApplyError> {
        self.apply_with(operation, Checks::All)
    }

    pub(crate) fn apply_with(
        &mut self,
        operation: &SignedOperation,
        checks: Checks,
    ) -> Result<OperationReceipt, ApplyError> {
        let source = self.validate(operation, checks)?;
        let mut state = self.state.clone();
        let fee_updates = state.ledger.take_fees(&operation.operation)?;
        let receipt = state.apply_contents(&self.context, operation, fee_updates)?;

        let contents = &operation.operation.contents;
        self.gas_left -= contents.iter().map(|c| c.gas_limit).sum::<u64>().min(self.gas_left);
        let fees = contents.iter().map(|c| c.fee.0).fold(0, u64::saturating_add);
        self.fees = Mutez(self.fees.0.saturating_add(fees));
        self.consumed_milligas = self.consumed_milligas.saturating_add(receipt.consumed_milligas());
        self.managers.insert(source);
        self.state = state;
        Ok(receipt)
    }

    /// What is known of the block before its operations.
    pub fn context(&self) -> &BlockContext {
        &self.context
    }

    /// The state after the operations so far, without the fees of the block and its end of level.
    pub fn ledger(&self) -> &Ledger {
        &self.state.ledger
    }

    /// Ends the block: the baker gets the fees, the inbox its end of level.
    pub fn finish(self) -> Result<(Ledger, BlockMetadata), StorageError> {
        let Self { context, state: State { mut ledger, inbox: level, .. }, fees, consumed_milligas, .. } =
            self;
        let mut balance_updates = Vec::new();
        if !fees.is_zero() {
            let baker = Contract::from(context.baker);
            match ledger.credit(&baker, fees) {
                Ok(_) => {
                    balance_updates =
                        updates(BalanceAccount::BlockFees, BalanceAccount::Contract(baker), fees)
                }
                Err(super::error::Failure::Storage(e)) => return Err(e),
                Err(super::error::Failure::Rule(_)) => {
                    return Err(StorageError::Missing("room for the fees of the baker".to_owned()));
                }
            }
        }
        let inbox = ledger
            .inbox()?
            .archive(level.end())
            .map_err(|e| StorageError::Missing(format!("a whole inbox: {e}")))?;
        ledger.store.set(at!["inbox"], &inbox)?;
        // The end of level follows the last message so far.
        ledger.keep_last_counter(context.level, level.witness().index.saturating_add(1))?;
        ledger.store.set(at!["level"], &context.level)?;
        Ok((ledger, BlockMetadata { balance_updates, consumed_milligas, inbox }))
    }
}

impl From<Vec<super::error::ProtocolError>> for Refused {
    fn from(errors: Vec<super::error::ProtocolError>) -> Self {
        Self { trace: super::error::Trace(errors) }
    }
}
