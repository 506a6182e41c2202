//! What a block means to smart rollups, read from the receipts of its operations.

use crate::block::Block;
use serde_json::Value;
use soru_base::{Address, CommitmentHash, Contract, Level, OperationHash, PublicKeyHash, RollupAddress};
use soru_michelson::Micheline;
use soru_protocol::Commitment;
use soru_protocol::inbox::{InboxMessage, InternalMessage, SerializedMessage};
use soru_protocol::operation::{Action, Content};
use soru_protocol::receipt::{
    BlockContent, BlockOperation, ContentReceipt, Effect, InternalAction, InternalOperation,
};
use soru_protocol::refutation::{GameResult, Refutation, Stakers};
use thiserror::Error;

/// What a block's applied operations did to rollups, each in the order in which they were applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RollupEvents {
    /// Messages put into the inbox; the protocol's own are not among them.
    pub messages: Vec<SerializedMessage>,
    /// The operations that added them, those of contracts apart.
    pub added: Vec<Added>,
    /// Rollups that were originated.
    pub originated: Vec<Originated>,
    /// Commitments that somebody began to stake on.
    pub published: Vec<Published>,
    /// Commitments that were cemented.
    pub cemented: Vec<Cemented>,
    /// Moves of refutation games, and games that were ended by their clocks.
    pub refuted: Vec<Refuted>,
    /// Deposits that were taken back.
    pub recovered: Vec<Recovered>,
    /// Outbox messages that were executed.
    pub executed: Vec<Executed>,
    /// Applied contents about commitments in a form that is not understood: what they did is not in the lists above.
    pub obscure: Vec<Obscure>,
}

/// A content that changed what a layer-1 knows of a rollup, in a form that is not understood: of an account of a kind that
/// is not known, for instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obscure {
    /// The operation.
    pub operation: OperationHash,
    /// Number of the content.
    pub index: usize,
    /// What it is called.
    pub kind: String,
    /// The rollup, if it is named.
    pub rollup: Option<RollupAddress>,
}

/// A content that added external messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The operation.
    pub operation: OperationHash,
    /// Number of the content.
    pub index: usize,
}

/// An origination of a rollup.
#[derive(Debug, Clone, PartialEq)]
pub struct Originated {
    /// The operation.
    pub operation: OperationHash,
    /// The rollup.
    pub rollup: RollupAddress,
    /// Its first commitment.
    pub genesis_commitment: CommitmentHash,
    /// Its kernel.
    pub kernel: Vec<u8>,
    /// The type of what contracts send to it.
    pub parameters_ty: Micheline,
}

/// A publication of a commitment.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The operation.
    pub operation: OperationHash,
    /// The rollup.
    pub rollup: RollupAddress,
    /// Who stakes on it.
    pub staker: PublicKeyHash,
    /// Its hash.
    pub hash: CommitmentHash,
    /// The commitment.
    pub commitment: Commitment,
    /// When it was published first, by anybody.
    pub first_published: Level,
}

/// A cementation.
#[derive(Debug, Clone, PartialEq)]
pub struct Cemented {
    /// The operation.
    pub operation: OperationHash,
    /// The rollup.
    pub rollup: RollupAddress,
    /// The commitment.
    pub hash: CommitmentHash,
    /// Its level.
    pub inbox_level: Level,
}

/// A move of a refutation game, or its end by the clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Refuted {
    /// The operation.
    pub operation: OperationHash,
    /// The rollup.
    pub rollup: RollupAddress,
    /// Who plays.
    pub stakers: Stakers,
    /// Who moved: a player, or anybody who called the clock.
    pub source: PublicKeyHash,
    /// What was played; nothing if the clock was called.
    pub refutation: Option<Refutation>,
    /// How the game ended, if it did.
    pub result: Option<GameResult>,
}

/// A deposit taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// The operation.
    pub operation: OperationHash,
    /// The rollup.
    pub rollup: RollupAddress,
    /// Whose deposit.
    pub staker: PublicKeyHash,
}

/// An execution of an outbox message.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// The operation.
    pub operation: OperationHash,
    /// The rollup.
    pub rollup: RollupAddress,
    /// The commitment that the proof is about.
    pub cemented_commitment: CommitmentHash,
    /// The proof, which tells level and index of the message.
    pub output_proof: Vec<u8>,
}

/// Why one cannot tell what a block means to rollups: guessing would make a wrong inbox.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RollupEventsError {
    /// A content that may have put something into the inbox, in a form that is not understood.
    #[error("content {index} of operation {operation} may have added to the inbox, but is not understood")]
    NotUnderstood {
        /// The operation.
        operation: OperationHash,
        /// Number of the content.
        index: usize,
    },
    /// The layer-1 left the receipt out.
    #[error("content {index} of operation {operation} has no receipt")]
    NoReceipt {
        /// The operation.
        operation: OperationHash,
        /// Number of the content.
        index: usize,
    },
    /// A message that the layer-1 cannot have taken.
    #[error("content {index} of operation {operation} adds a message of more than 4,096 bytes")]
    MessageTooLarge {
        /// The operation.
        operation: OperationHash,
        /// Number of the content.
        index: usize,
    },
}

impl Block {
    /// What the block means to rollups.
    pub fn rollup_events(&self) -> Result<RollupEvents, RollupEventsError> {
        let mut events = RollupEvents::default();
        for operation in self.all_operations() {
            for (index, content) in operation.contents.iter().enumerate() {
                events.add(operation, index, content)?;
            }
        }
        Ok(events)
    }
}

impl RollupEvents {
    fn add(
        &mut self,
        op: &BlockOperation,
        index: usize,
        content: &BlockContent,
    ) -> Result<(), RollupEventsError> {
        let operation = op.hash;
        match content {
            BlockContent::Manager { content, receipt: Some(receipt) } => {
                let too_large = |_| RollupEventsError::MessageTooLarge { operation, index };
                self.add_applied(operation, index, content, receipt).map_err(too_large)
            }
            BlockContent::Manager { receipt: None, .. } => {
                Err(RollupEventsError::NoReceipt { operation, index })
            }
            BlockContent::Other(value) => self.add_unknown(operation, index, value),
        }
    }

    /// What can be told of a content that is not understood as a whole: of a kind, or from an account, that is not known
    /// here.
    fn add_unknown(
        &mut self,
        operation: OperationHash,
        index: usize,
        content: &Value,
    ) -> Result<(), RollupEventsError> {
        let not_understood = RollupEventsError::NotUnderstood { operation, index };
        let kind = content.get("kind").and_then(Value::as_str).unwrap_or_default();
        let kind = kind.strip_prefix("smart_rollup_");
        let result = content.pointer("/metadata/operation_result");
        if kind == Some("add_messages") && result.is_none() {
            return Err(RollupEventsError::NoReceipt { operation, index });
        }
        if !is_applied(result) {
            return Ok(());
        }
        let calls = content.pointer("/metadata/internal_operation_results").and_then(Value::as_array);
        if calls.into_iter().flatten().any(may_reach_rollup) {
            return Err(not_understood);
        }
        match kind {
            Some("add_messages") => {
                let list = content.get("message").and_then(Value::as_array).ok_or(not_understood.clone())?;
                self.added.push(Added { operation, index });
                for message in list {
                    let bytes = message.as_str().and_then(|digits| hex::decode(digits).ok());
                    let message = InboxMessage::External(bytes.ok_or(not_understood.clone())?);
                    let too_large = |_| RollupEventsError::MessageTooLarge { operation, index };
                    self.messages.push(message.serialize().map_err(too_large)?);
                }
            }
            Some(kind @ ("publish" | "cement" | "execute_outbox_message" | "recover_bond")) => {
                let rollup = content.get("rollup").and_then(Value::as_str).and_then(|r| r.parse().ok());
                self.obscure.push(Obscure { operation, index, kind: kind.to_owned(), rollup });
            }
            _ => {}
        }
        Ok(())
    }

    fn add_applied(
        &mut self,
        operation: OperationHash,
        index: usize,
        content: &Content,
        receipt: &ContentReceipt,
    ) -> Result<(), soru_protocol::inbox::MessageTooLargeError> {
        if let Some(success) = receipt.result.success() {
            match (&content.action, &success.effect) {
                (Action::SmartRollupAddMessages { messages }, _) => {
                    self.added.push(Added { operation, index });
                    for message in messages {
                        self.messages.push(InboxMessage::External(message.clone()).serialize()?);
                    }
                }
                (
                    Action::SmartRollupOriginate { kernel, parameters_ty, .. },
                    Effect::RollupOrigination { address, genesis_commitment_hash, .. },
                ) => self.originated.push(Originated {
                    operation,
                    rollup: *address,
                    genesis_commitment: *genesis_commitment_hash,
                    kernel: kernel.clone(),
                    parameters_ty: parameters_ty.clone(),
                }),
                (
                    Action::SmartRollupPublish { rollup, commitment },
                    Effect::Publish { staked_hash, published_at_level },
                ) => self.published.push(Published {
                    operation,
                    rollup: *rollup,
                    staker: content.source,
                    hash: *staked_hash,
                    commitment: *commitment,
                    first_published: *published_at_level,
                }),
                (Action::SmartRollupCement { rollup }, Effect::Cement { inbox_level, commitment_hash }) => {
                    self.cemented.push(Cemented {
                        operation,
                        rollup: *rollup,
                        hash: *commitment_hash,
                        inbox_level: *inbox_level,
                    });
                }
                (_, Effect::Game { result }) => self.refuted.extend(refuted(operation, content, *result)),
                (Action::SmartRollupRecoverBond { rollup, staker }, _) => {
                    self.recovered.push(Recovered { operation, rollup: *rollup, staker: *staker });
                }
                (
                    Action::SmartRollupExecuteOutboxMessage { rollup, cemented_commitment, output_proof },
                    _,
                ) => {
                    self.executed.push(Executed {
                        operation,
                        rollup: *rollup,
                        cemented_commitment: *cemented_commitment,
                        output_proof: output_proof.clone(),
                    });
                }
                _ => {}
            }
        }
        for call in &receipt.internal {
            if let Some(transfer) = transfer(call, content.source) {
                self.messages.push(transfer.serialize()?);
            }
        }
        Ok(())
    }
}

fn refuted(operation: OperationHash, content: &Content, result: Option<GameResult>) -> Option<Refuted> {
    let (rollup, one, other, refutation) = match &content.action {
        Action::SmartRollupRefute { rollup, opponent, refutation } => {
            (rollup, &content.source, opponent, Some(refutation.clone()))
        }
        Action::SmartRollupTimeout { rollup, alice, bob } => (rollup, alice, bob, None),
        _ => return None,
    };
    let stakers = Stakers::new(*one, *other)?;
    Some(Refuted { operation, rollup: *rollup, stakers, source: content.source, refutation, result })
}

/// The inbox message that an applied call of a rollup makes.
fn transfer(call: &InternalOperation, source: PublicKeyHash) -> Option<InternalMessage> {
    call.result.success()?;
    let InternalAction::Transaction { destination: Address::SmartRollup(destination), parameters, .. } =
        &call.action
    else {
        return None;
    };
    let Address::Contract(Contract::Originated(sender)) = call.source else { return None };
    // The network leaves out `Unit`.
    let payload = parameters.as_ref().map_or_else(Micheline::unit, |p| p.value.clone());
    Some(InternalMessage::Transfer { payload, sender, source, destination: *destination })
}

/// Whether a result that may not be understood says that something was done. Without one, nobody knows.
fn is_applied(result: Option<&Value>) -> bool {
    let status = result.and_then(|result| result.get("status")).and_then(Value::as_str);
    !matches!(status, Some("failed" | "backtracked" | "skipped"))
}

/// Whether a call that is not understood may have put something into the inbox.
fn may_reach_rollup(call: &Value) -> bool {
    let destination = call.get("destination").and_then(Value::as_str);
    destination.is_some_and(|d| d.parse::<RollupAddress>().is_ok()) && is_applied(call.get("result"))
}

#[cfg(test)]
mod tests;
