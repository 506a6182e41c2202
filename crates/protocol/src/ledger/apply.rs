//! Applying the contents of an operation, and the calls they lead to.

use super::block::{BlockContext, State};
use super::contracts::Emitted;
use super::error::{Failure, Outcome, ProtocolError, StorageError, Trace};
use super::gas::{self, Meter};
use super::rollups::Move;
use super::tickets::TicketTransfer;
use crate::inbox::{InboxMessage, InternalMessage};
use crate::operation::{Action, Content, Parameters, SignedOperation};
use crate::receipt::{
    BalanceUpdate, ContentReceipt, Effect, InternalAction, InternalOperation, OperationReceipt,
    OperationResult, Success,
};
use crate::refutation::{Refutation, Stakers};
use soru_base::{Address, Contract, OriginationNonce, PublicKeyHash, RollupAddress};
use std::collections::{BTreeSet, VecDeque};

/// What is known while one content is applied.
pub(crate) struct Run<'a> {
    pub(crate) context: &'a BlockContext,
    /// Who signed and pays.
    pub(crate) payer: PublicKeyHash,
    pub(crate) nonce: OriginationNonce,
    pub(crate) next_call: u16,
    /// Numbers of calls that were made.
    pub(crate) done: BTreeSet<u16>,
    /// The number of the last big map that lives only as long as the operation; 0 for none.
    pub(crate) temporary: i64,
    pub(crate) gas: Meter,
}

/// What was done, and what it leads to.
pub(crate) type Done = (Success, Vec<Emitted>);

impl Run<'_> {
    /// The number of the next call.
    pub(crate) fn call_nonce(&mut self) -> Outcome<u16> {
        let nonce = self.next_call;
        self.next_call = nonce.checked_add(1).ok_or(ProtocolError::TooManyInternalOperations)?;
        Ok(nonce)
    }

    /// The nonce of the next address.
    pub(crate) fn fresh_nonce(&mut self) -> OriginationNonce {
        let nonce = self.nonce;
        self.nonce = nonce.next();
        nonce
    }
}

impl State {
    /// Applies all contents or, but for the fees, none.
    pub(super) fn apply_contents(
        &mut self,
        context: &BlockContext,
        signed: &SignedOperation,
        fees: Vec<Vec<BalanceUpdate>>,
    ) -> Result<OperationReceipt, StorageError> {
        let before = self.clone();
        let mut nonce = OriginationNonce::new(signed.hash());
        let (mut next_call, mut temporary) = (0, 0);
        let mut receipts: Vec<ContentReceipt> = Vec::new();
        let mut failed = false;
        for (content, balance_updates) in signed.operation.contents.iter().zip(fees) {
            if failed {
                let result = OperationResult::Skipped;
                receipts.push(ContentReceipt { balance_updates, result, internal: Vec::new() });
                continue;
            }
            let gas = Meter::new(content.gas_limit);
            let done = BTreeSet::new();
            let mut run = Run { context, payer: content.source, nonce, next_call, done, temporary, gas };
            let (result, internal, ok) = self.apply_content(&mut run, content)?;
            (nonce, next_call, temporary) = (run.nonce, run.next_call, run.temporary);
            failed = !ok;
            receipts.push(ContentReceipt { balance_updates, result, internal });
        }
        if failed {
            *self = before;
            receipts.iter_mut().for_each(backtrack);
        } else {
            self.ledger.remove_temporary_big_maps(temporary)?;
        }
        Ok(OperationReceipt { contents: receipts })
    }

    /// What became of a content and its calls, and whether all of it was done.
    fn apply_content(
        &mut self,
        run: &mut Run<'_>,
        content: &Content,
    ) -> Result<(OperationResult, Vec<InternalOperation>, bool), StorageError> {
        let done = run.gas.consume(gas::CONTENT).and_then(|()| self.apply_action(run, content));
        let (mut success, emitted) = match settle(done)? {
            Ok(done) => done,
            Err(trace) => return Ok((OperationResult::Failed(self.reports(&trace)), Vec::new(), false)),
        };
        success.consumed_milligas = run.gas.used();
        let (mut internal, ok) = self.apply_calls(run, emitted)?;
        if !ok {
            return Ok((OperationResult::Applied(success), internal, false));
        }
        match settle(self.pay_for_storage(run.payer, content.storage_limit, &mut success, &mut internal))? {
            Ok(()) => Ok((OperationResult::Applied(success), internal, true)),
            Err(trace) => {
                let errors = self.reports(&trace);
                Ok((OperationResult::Backtracked(success, errors), internal, false))
            }
        }
    }

    fn reports(&self, trace: &Trace) -> Vec<crate::receipt::ErrorReport> {
        trace.reports(self.ledger.constants().ids())
    }

    fn apply_action(&mut self, run: &mut Run<'_>, content: &Content) -> Outcome<Done> {
        let source = Contract::from(content.source);
        let level = run.context.level;
        Ok(match &content.action {
            Action::Reveal { public_key, .. } => {
                run.gas.consume(gas::REVEAL)?;
                if self.ledger.balance(&source)?.is_none() {
                    return Err(ProtocolError::EmptyImplicitContract { implicit: content.source }.into());
                }
                if self.ledger.manager_key(&content.source)?.is_some() {
                    return Err(ProtocolError::PreviouslyRevealedKey { contract: source }.into());
                }
                self.ledger.set_manager_key(public_key)?;
                done(Effect::Done, Vec::new())
            }
            Action::Transaction { amount, destination, parameters } => match destination {
                Address::Contract(Contract::Implicit(pkh)) => {
                    self.pay_account(run, &source, pkh, *amount, parameters.as_ref())?
                }
                Address::Contract(Contract::Originated(hash)) => {
                    self.call_contract(run, &source.into(), hash, *amount, parameters.as_ref(), None)?
                }
                Address::SmartRollup(_) => return Err(ProtocolError::InvalidTransferToRollup.into()),
            },
            Action::Origination { balance, delegate: _, script } => {
                let hash = run.fresh_nonce().contract();
                self.originate_contract(run, &source, hash, *balance, script)?
            }
            Action::IncreasePaidStorage { amount, destination } => {
                let bytes = u64::try_from(amount)
                    .ok()
                    .filter(|n| *n > 0)
                    .ok_or(ProtocolError::NegativeStorageInput)?;
                let updates = self.ledger.increase_paid_storage(&source, destination, bytes)?;
                done(Effect::IncreasePaidStorage, updates)
            }
            Action::SmartRollupOriginate { pvm_kind, kernel, parameters_ty, whitelist } => {
                if whitelist.is_some() {
                    return Err(ProtocolError::WhitelistDisabled.into());
                }
                let address = run.fresh_nonce().rollup();
                let originated = self.ledger.originate_rollup(
                    address,
                    level,
                    *pvm_kind,
                    kernel,
                    parameters_ty,
                    &mut run.gas,
                )?;
                let genesis_commitment_hash = originated.genesis_commitment;
                done(
                    Effect::RollupOrigination { address, genesis_commitment_hash, size: originated.size },
                    Vec::new(),
                )
            }
            Action::SmartRollupAddMessages { messages } => {
                self.add_external_messages(run, messages)?;
                done(Effect::Done, Vec::new())
            }
            Action::SmartRollupCement { rollup } => {
                run.gas.consume(gas::CEMENT)?;
                let (commitment_hash, commitment) = self.ledger.cement_commitment(rollup, level)?;
                done(Effect::Cement { inbox_level: commitment.inbox_level, commitment_hash }, Vec::new())
            }
            Action::SmartRollupPublish { rollup, commitment } => {
                run.gas.consume(gas::PUBLISH)?;
                let published = self.ledger.publish_commitment(rollup, &content.source, commitment, level)?;
                let effect = Effect::Publish {
                    staked_hash: published.hash,
                    published_at_level: published.published_at,
                };
                done(effect, published.balance_updates)
            }
            Action::SmartRollupExecuteOutboxMessage { rollup, cemented_commitment, output_proof } => {
                self.execute_outbox_message(run, rollup, cemented_commitment, output_proof)?
            }
            Action::SmartRollupRecoverBond { rollup, staker } => {
                run.gas.consume(gas::RECOVER_BOND)?;
                done(Effect::Done, self.ledger.recover_bond(rollup, staker)?)
            }
            Action::SmartRollupRefute { rollup, opponent, refutation } => {
                self.apply_refutation(run, rollup, content.source, *opponent, refutation)?
            }
            Action::SmartRollupTimeout { rollup, alice, bob } => {
                run.gas.consume(gas::GAME)?;
                let (result, updates) =
                    self.ledger.timeout_game(rollup, Stakers::new(*alice, *bob), level, &mut run.gas)?;
                done(Effect::Game { result }, updates)
            }
            Action::TransferTicket { contents, ty, ticketer, amount, destination, entrypoint } => {
                let (ticketer, destination) = (*ticketer, *destination);
                let asked = TicketTransfer { contents, ty, ticketer, amount, destination, entrypoint };
                self.transfer_ticket(run, &asked)?
            }
            Action::RegisterGlobalConstant { .. } | Action::Delegation { .. } => {
                let what = format!("the operation {}", content.action.kind());
                return Err(ProtocolError::Unsupported { what }.into());
            }
        })
    }

    fn apply_refutation(
        &mut self,
        run: &mut Run<'_>,
        rollup: &RollupAddress,
        player: PublicKeyHash,
        opponent: PublicKeyHash,
        refutation: &Refutation,
    ) -> Outcome<Done> {
        let level = run.context.level;
        let (result, updates) = match refutation {
            Refutation::Start { player_commitment_hash, opponent_commitment_hash } => {
                run.gas.consume(gas::GAME_START)?;
                let players = ((player, *player_commitment_hash), (opponent, *opponent_commitment_hash));
                self.ledger.start_game(rollup, players.0, players.1, level)?;
                (None, Vec::new())
            }
            Refutation::Move { choice, step } => {
                run.gas.consume(gas::GAME)?;
                let played = Move { player, opponent, choice: *choice, step };
                self.ledger.play_move(rollup, played, level, self.examine, &mut run.gas)?
            }
        };
        Ok(done(Effect::Game { result }, updates))
    }

    fn add_external_messages(&mut self, run: &mut Run<'_>, messages: &[Vec<u8>]) -> Outcome<()> {
        if messages.is_empty() {
            return Err(ProtocolError::AddZeroMessages.into());
        }
        for message in messages {
            run.gas.consume(gas::MESSAGE)?;
            run.gas.consume_bytes(message.len())?;
            let serialized = InboxMessage::External(message.clone()).serialize();
            self.add_message(&serialized.map_err(|_| ProtocolError::InboxMessageEncoding)?)?;
        }
        Ok(())
    }

    /// Applies calls and what they lead to, depth first; whether all were done.
    pub(super) fn apply_calls(
        &mut self,
        run: &mut Run<'_>,
        emitted: Vec<Emitted>,
    ) -> Result<(Vec<InternalOperation>, bool), StorageError> {
        let mut queue = VecDeque::from(emitted);
        let mut applied = Vec::new();
        while let Some(call) = queue.pop_front() {
            let used_before = run.gas.used();
            // A value that is an operation can be copied: each is done once.
            let done = match run.done.insert(call.nonce) {
                true => run.gas.consume(gas::CONTENT).and_then(|()| self.apply_call(run, &call)),
                false => {
                    let (sender, nonce) = (call.sender, call.nonce.into());
                    Err(ProtocolError::InternalOperationReplay { sender, nonce }.into())
                }
            };
            match settle(done)? {
                Ok((mut success, emitted)) => {
                    success.consumed_milligas = run.gas.used() - used_before;
                    applied.push(call.receipt(OperationResult::Applied(success)));
                    emitted.into_iter().rev().for_each(|e| queue.push_front(e));
                }
                Err(trace) => {
                    applied.push(call.receipt(OperationResult::Failed(self.reports(&trace))));
                    applied.extend(queue.into_iter().map(|call| call.receipt(OperationResult::Skipped)));
                    return Ok((applied, false));
                }
            }
        }
        Ok((applied, true))
    }

    fn apply_call(&mut self, run: &mut Run<'_>, call: &Emitted) -> Outcome<Done> {
        match &call.action {
            InternalAction::Transaction { amount, destination, parameters } => match destination {
                Address::Contract(Contract::Implicit(pkh)) if call.gives_a_ticket() => {
                    self.give_ticket(run, &call.sender, pkh, *amount, &call.tickets)
                }
                Address::Contract(Contract::Implicit(pkh)) => {
                    let Some(sender) = call.sender.contract() else {
                        return Err(ProtocolError::InvalidSender { contract: call.sender }.into());
                    };
                    self.pay_account(run, sender, pkh, *amount, parameters.as_ref())
                }
                Address::Contract(Contract::Originated(hash)) => {
                    let (sender, parameters) = (&call.sender, parameters.as_ref());
                    self.call_contract(run, sender, hash, *amount, parameters, Some(call))
                }
                Address::SmartRollup(rollup) => {
                    self.transfer_to_rollup(run, call, rollup, parameters.as_ref())
                }
            },
            InternalAction::Origination { balance, script, delegate: None } => {
                let (Some(sender), Some(hash)) = (call.sender.contract(), call.preorigination) else {
                    return Err(ProtocolError::Unsupported { what: "this origination".to_owned() }.into());
                };
                self.originate_contract(run, sender, hash, *balance, script)
            }
            InternalAction::Event { .. } => {
                run.gas.consume(gas::EVENT)?;
                Ok(done(Effect::Done, Vec::new()))
            }
            InternalAction::Origination { .. }
            | InternalAction::Delegation { .. }
            | InternalAction::Other(_) => {
                let what = format!("a call to change a delegate ({})", call.action.kind());
                Err(ProtocolError::Unsupported { what }.into())
            }
        }
    }

    /// A contract's transfer to a rollup: a message in the inbox. Its tickets were booked when the contract sent them.
    fn transfer_to_rollup(
        &mut self,
        run: &mut Run<'_>,
        call: &Emitted,
        rollup: &RollupAddress,
        parameters: Option<&Parameters>,
    ) -> Outcome<Done> {
        let Some(Contract::Originated(sender)) = call.sender.contract() else {
            return Err(ProtocolError::InvalidTransferToRollup.into());
        };
        let payload = self.ledger.check_rollup_payload(run, rollup, parameters.map(|p| &p.value))?;
        let message =
            InternalMessage::Transfer { payload, sender: *sender, source: run.payer, destination: *rollup };
        let serialized = message.serialize().map_err(|_| ProtocolError::InboxMessageEncoding)?;
        run.gas.consume(gas::MESSAGE)?;
        run.gas.consume_bytes(serialized.as_bytes().len())?;
        self.add_message(&serialized)?;
        let tokens = self.ledger.tokens(&call.tickets, &mut run.gas)?;
        Ok(done(Effect::ToRollup { ticket_updates: tokens.updates(&(*rollup).into()) }, Vec::new()))
    }

    /// Burns tez for the storage of the content and of all its calls, within the limit of the content.
    fn pay_for_storage(
        &mut self,
        payer: PublicKeyHash,
        limit: u64,
        success: &mut Success,
        internal: &mut [InternalOperation],
    ) -> Outcome<()> {
        let payer = Contract::from(payer);
        let mut left = limit;
        let calls = internal.iter_mut().filter_map(|i| match &mut i.result {
            OperationResult::Applied(success) => Some(success),
            _ => None,
        });
        for success in std::iter::once(success).chain(calls) {
            let origination_size = self.ledger.constants().origination_size;
            let (bytes, new_account) = match &success.effect {
                Effect::ToContract { paid_storage_size_diff, allocated_destination_contract, .. } => (
                    *paid_storage_size_diff,
                    if *allocated_destination_contract { origination_size } else { 0 },
                ),
                Effect::Origination { paid_storage_size_diff, .. } => {
                    (*paid_storage_size_diff, origination_size)
                }
                Effect::RollupOrigination { size, .. } => (*size, 0),
                Effect::ExecuteOutboxMessage { paid_storage_size_diff, .. }
                | Effect::TransferTicket { paid_storage_size_diff, .. } => (*paid_storage_size_diff, 0),
                _ => (0, 0),
            };
            left = left.checked_sub(bytes).ok_or(ProtocolError::StorageExhausted)?;
            let mut updates = self.ledger.burn_for_storage(&payer, bytes)?;
            left = left.checked_sub(new_account).ok_or(ProtocolError::StorageExhausted)?;
            let mut for_account = self.ledger.burn_for_storage(&payer, new_account)?;
            // The network's order: a new contract's place comes before its tez, a new account's after them.
            match success.effect {
                Effect::Origination { .. } => {
                    updates.append(&mut for_account);
                    updates.append(&mut success.balance_updates);
                }
                _ => {
                    updates.append(&mut success.balance_updates);
                    updates.append(&mut for_account);
                }
            }
            success.balance_updates = updates;
        }
        Ok(())
    }
}

/// Something done that leads to nothing more. Gas is filled in later.
pub(crate) fn done(effect: Effect, balance_updates: Vec<BalanceUpdate>) -> Done {
    (Success { consumed_milligas: 0, balance_updates, effect }, Vec::new())
}

/// Tells a rule's answer from a failure to read the ledger.
fn settle<T>(outcome: Outcome<T>) -> Result<Result<T, Trace>, StorageError> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Rule(trace)) => Ok(Err(trace)),
        Err(Failure::Storage(error)) => Err(error),
    }
}

fn backtrack(receipt: &mut ContentReceipt) {
    let results =
        std::iter::once(&mut receipt.result).chain(receipt.internal.iter_mut().map(|i| &mut i.result));
    for result in results {
        if let OperationResult::Applied(success) = result {
            *result = OperationResult::Backtracked(success.clone(), Vec::new());
        }
    }
}
