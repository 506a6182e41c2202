//! Running contracts.

use super::super::apply::{Done, Run, done};
use super::super::block::State;
use super::super::error::{ApplyError, Failure, Outcome, ProtocolError, StorageError};
use super::super::gas;
use super::super::store::at;
use super::big_maps::lazy_storage_diff;
use super::chain::View;
use super::types::{ill_typed, with_gas};
use super::{CONTRACTS, Emitted, parameters};
use crate::operation::{Parameters, Script};
use crate::receipt::{BalanceUpdate, Effect, InternalAction, OperationResult, Success, TicketUpdate};
use serde_json::Value;
use soru_base::{
    Address, Contract, ContractHash, Entrypoint, IdFamily, Json, Mutez, OriginationNonce, PublicKeyHash,
};
use soru_michelson::interpret::{BigMapDiff, Operation, OperationContent};
use soru_michelson::{Context, Form, Gas, HeldTickets, Micheline, Origin, Reason, RunError, Type, TypeError};
use std::sync::Arc;

impl State {
    /// A transfer to an account.
    pub(in super::super) fn pay_account(
        &mut self,
        run: &mut Run<'_>,
        sender: &Contract,
        pkh: &PublicKeyHash,
        amount: Mutez,
        parameters: Option<&Parameters>,
    ) -> Outcome<Done> {
        let contract = Contract::from(*pkh);
        run.gas.consume(gas::TRANSFER)?;
        if let Some(Parameters { entrypoint, value }) = parameters {
            if !entrypoint.is_default() {
                return Err(ProtocolError::NoSuchEntrypoint { entrypoint: entrypoint.to_string() }.into());
            }
            // The network names the one who sends.
            if *value != Micheline::unit() {
                return Err(ProtocolError::BadContractParameter { contract: *sender }.into());
            }
        }
        if amount.is_zero() {
            return Err(ProtocolError::EmptyTransaction { contract }.into());
        }
        let (updates, allocated_destination_contract) = self.ledger.transfer(sender, &contract, amount)?;
        Ok(done(to_account(Vec::new(), allocated_destination_contract), updates))
    }

    /// A ticket for an account, booked when it was sent. An account that is new is paid for, even if it gets no tez.
    pub(in super::super) fn give_ticket(
        &mut self,
        run: &mut Run<'_>,
        sender: &Address,
        pkh: &PublicKeyHash,
        amount: Mutez,
        tickets: &HeldTickets,
    ) -> Outcome<Done> {
        let contract = Contract::from(*pkh);
        run.gas.consume(gas::TRANSFER)?;
        let allocated = !self.ledger.exists(&contract)?;
        let tokens = self.ledger.tokens(tickets, &mut run.gas)?;
        let updates = self.pay_contract(sender, &contract, amount)?;
        Ok(done(to_account(tokens.updates(&contract.into()), allocated), updates))
    }

    /// A call of a contract: the tez first, then its code, then the balances of tickets. `call` is what led to it, unless
    /// an account's operation did.
    pub(in super::super) fn call_contract(
        &mut self,
        run: &mut Run<'_>,
        sender: &Address,
        hash: &ContractHash,
        amount: Mutez,
        parameters: Option<&Parameters>,
        call: Option<&Emitted>,
    ) -> Outcome<Done> {
        let contract = Contract::from(*hash);
        let first_made = run.nonce;
        run.gas.consume(gas::CALL)?;
        let script = self.ledger.script(hash)?.ok_or(ProtocolError::NonExistingContract { contract })?;
        let updates = self.pay_contract(sender, &contract, amount)?;
        let (unit, default) = (Micheline::unit(), Entrypoint::default());
        let (entrypoint, argument) = parameters.map_or((&default, &unit), |p| (&p.entrypoint, &p.value));
        let context = Context {
            self_address: *hash,
            sender: *sender,
            source: run.payer,
            amount,
            balance: self.ledger.balance(&contract)?.unwrap_or_default(),
            now: self.now(run),
            level: run.context.level,
            chain_id: run.context.chain_id,
            min_block_time: self.ledger.constants().profile.minimal_block_delay,
        };
        // What operations lead to was checked when it was made: accounts hand over neither tickets nor numbers of big maps.
        let origin = if call.is_some() { Origin::Internal } else { Origin::External };
        let ledger = &mut self.ledger;
        let (outcome, emitted) = with_gas(run, |run, gas| {
            let typed =
                soru_michelson::Script::typecheck(&script.code, gas).map_err(|e| ill_typed_script(&e))?;
            let told = call.and_then(|call| call.told.as_ref());
            check_told(&typed, entrypoint, told)
                .map_err(|e| e.within(ProtocolError::BadContractParameter { contract }))?;
            let mut view = View::of(ledger, run);
            let outcome = soru_michelson::interpret::call(
                &typed,
                &script.storage,
                (entrypoint, argument, origin),
                &context,
                &mut view,
                gas,
            )
            .map_err(|e| failed(e, contract, argument, &typed, entrypoint))?;
            let emitted =
                outcome.operations.iter().map(|o| emit(o, contract, gas)).collect::<Outcome<Vec<_>>>()?;
            Ok((outcome, emitted))
        })?;
        let ledger = &mut self.ledger;
        let kept = ledger.tickets_kept(&outcome.tickets, &outcome.big_maps, &mut run.gas)?;
        ledger.store.set(at![CONTRACTS, hash, "storage"], &outcome.storage)?;
        ledger.write_big_maps(hash, &outcome.big_maps)?;
        let held = emitted.iter().filter_map(|call| Some((call.destination()?, &call.tickets)));
        let sent = ledger.tickets_sent(held, &mut run.gas)?;
        let ticket_bytes = ledger.book_tickets(hash, &kept, &sent, &mut run.gas)?;
        let paid_for_tickets = ledger.settle_ticket_storage(ticket_bytes)?;
        let (storage_size, paid_storage_size_diff) = ledger.record_paid_storage(hash)?;
        let effect = Effect::ToContract {
            storage: Some(outcome.storage),
            ticket_updates: kept.stored.updates(&contract.into()),
            originated_contracts: made_between(first_made, run.nonce),
            storage_size,
            paid_storage_size_diff: paid_storage_size_diff.saturating_add(paid_for_tickets),
            allocated_destination_contract: false,
            address_registry_diff: outcome.indexed,
            lazy_storage_diff: lazy_storage_diff(&outcome.big_maps, self.ledger.constants().ids()),
        };
        Ok((Success { consumed_milligas: 0, balance_updates: updates, effect }, emitted))
    }

    /// Makes a contract whose address is known.
    pub(in super::super) fn originate_contract(
        &mut self,
        run: &mut Run<'_>,
        sender: &Contract,
        hash: ContractHash,
        balance: Mutez,
        script: &Script,
    ) -> Outcome<Done> {
        let contract = Contract::from(hash);
        run.gas.consume(gas::ORIGINATION)?;
        let origin = if sender.originated().is_some() { Origin::Internal } else { Origin::External };
        let ledger = &mut self.ledger;
        let (storage, diffs) = with_gas(run, |run, gas| {
            let typed =
                soru_michelson::Script::typecheck(&script.code, gas).map_err(|e| ill_typed_script(&e))?;
            let mut view = View::of(ledger, run);
            soru_michelson::interpret::originate(&typed, &script.storage, origin, &mut view, gas)
                .map_err(|e| failed(e, contract, &script.storage, &typed, &Entrypoint::default()))
        })?;
        let store = &mut self.ledger.store;
        store.set(at![CONTRACTS, hash, "code"], &script.code)?;
        store.set(at![CONTRACTS, hash, "storage"], &storage)?;
        self.ledger.open_account(&contract)?;
        let (balance_updates, _) = self.ledger.transfer(sender, &contract, balance)?;
        self.ledger.write_big_maps(&hash, &diffs)?;
        let (storage_size, paid_storage_size_diff) = self.ledger.record_paid_storage(&hash)?;
        let effect = Effect::Origination {
            originated_contracts: vec![hash],
            storage_size,
            paid_storage_size_diff,
            lazy_storage_diff: lazy_storage_diff(&diffs, self.ledger.constants().ids()),
        };
        Ok(done(effect, balance_updates))
    }

    /// Rollups have no tez to send.
    fn pay_contract(
        &mut self,
        sender: &Address,
        to: &Contract,
        amount: Mutez,
    ) -> Outcome<Vec<BalanceUpdate>> {
        match sender.contract() {
            Some(sender) => Ok(self.ledger.transfer(sender, to, amount)?.0),
            None if amount.is_zero() => Ok(Vec::new()),
            None => Err(ProtocolError::NonEmptyTransactionFrom { contract: *sender }.into()),
        }
    }

    /// What `NOW` says: when the block could be made at the earliest.
    fn now(&self, run: &Run<'_>) -> i64 {
        let delay = self.ledger.constants().profile.minimal_block_delay;
        run.context.predecessor_timestamp.0.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX))
    }
}

impl super::super::Ledger {
    /// Writes big maps, and counts their bytes.
    fn write_big_maps(&mut self, hash: &ContractHash, diffs: &[BigMapDiff]) -> Outcome<()> {
        let more = self.apply_big_map_diffs(diffs)?;
        if more != 0 {
            let place = at![CONTRACTS, hash, "big_map_bytes"];
            let bytes = self.store.number(place)?.saturating_add_signed(more);
            self.store.set_number(place, bytes)?;
        }
        Ok(())
    }
}

/// What a transfer to an account does.
fn to_account(ticket_updates: Vec<TicketUpdate>, allocated_destination_contract: bool) -> Effect {
    Effect::ToContract {
        storage: None,
        ticket_updates,
        originated_contracts: Vec::new(),
        storage_size: 0,
        paid_storage_size_diff: 0,
        allocated_destination_contract,
        address_registry_diff: Vec::new(),
        lazy_storage_diff: None,
    }
}

/// The contracts that a script made addresses for.
fn made_between(first: OriginationNonce, next: OriginationNonce) -> Vec<ContractHash> {
    let nonces = (first.index..next.index).map(|index| OriginationNonce { index, ..first });
    nonces.map(|nonce| nonce.contract()).collect()
}

/// Checks that an argument was made for what the entrypoint takes; an entrypoint that is not there is found out later.
fn check_told(script: &soru_michelson::Script, entrypoint: &Entrypoint, told: Option<&Type>) -> Outcome<()> {
    let taken = script.parameter().entrypoint(entrypoint).map(|(_, ty)| ty);
    match (taken, told) {
        (Some(taken), Some(told)) if taken != told => {
            let (first_type, other_type) = (taken.to_micheline(), told.to_micheline());
            Err(ProtocolError::InconsistentTypes { location: 0, first_type, other_type }.into())
        }
        _ => Ok(()),
    }
}

fn ill_typed_script(error: &TypeError) -> Failure {
    match &error.reason {
        Reason::Gas(_) => ProtocolError::GasExhausted.into(),
        Reason::Chain(reason) => Failure::Storage(StorageError::Missing(reason.clone())),
        _ => ProtocolError::IllTypedContract { reason: error.to_string() }.into(),
    }
}

/// Why a run failed, in the network's terms. `data` is the argument of a call or the storage of an origination.
fn failed(
    error: RunError,
    contract: Contract,
    data: &Micheline,
    script: &soru_michelson::Script,
    entrypoint: &Entrypoint,
) -> Failure {
    let runtime = |reason: String| ProtocolError::RuntimeError { contract, reason };
    match error {
        RunError::Gas(_) => ProtocolError::GasExhausted.into(),
        RunError::TooManyOperations { .. } => ProtocolError::TooManyInternalOperations.into(),
        RunError::Unreadable(reason) => Failure::Storage(StorageError::Missing(reason)),
        RunError::NoEntrypoint(name) => {
            let inner = ProtocolError::NoSuchEntrypoint { entrypoint: name.to_string() };
            Failure::from(inner).within(ProtocolError::BadContractParameter { contract })
        }
        RunError::Argument(e) => {
            let ty = script.parameter().entrypoint(entrypoint).map_or(script.parameter().ty(), |(_, ty)| ty);
            ill_typed(data, ty, e).within(ProtocolError::BadContractParameter { contract })
        }
        RunError::Storage(e) => ill_typed(data, script.storage(), e),
        RunError::Failed { location, with } => {
            let reason = format!("FAILWITH at node {location}");
            let location = u32::try_from(location).unwrap_or(u32::MAX);
            Failure::from(ProtocolError::ScriptRejected { location, with }).within(runtime(reason))
        }
        other => runtime(other.to_string()).into(),
    }
}

/// The network's JSON of what a script asks for, before anything becomes of it.
pub fn asked_json(operation: &Arc<Operation>, family: IdFamily, gas: &mut Gas) -> Result<Value, ApplyError> {
    let call = emit(operation, operation.source.into(), gas)?;
    let mut object = call.receipt(OperationResult::Skipped).to_json(family);
    if let Some(members) = object.as_object_mut() {
        members.shift_remove("result");
    }
    Ok(object)
}

/// What a script asks for, as it is written in receipts.
fn emit(operation: &Arc<Operation>, sender: Contract, gas: &mut Gas) -> Outcome<Emitted> {
    let data = operation.content.data(Form::Optimized, gas).map_err(|reason| match reason {
        Reason::Gas(_) => Failure::from(ProtocolError::GasExhausted),
        other => ProtocolError::RuntimeError { contract: sender, reason: other.to_string() }.into(),
    })?;
    let data = data.unwrap_or_else(Micheline::unit);
    let (tickets, told) = sent(&operation.content, sender, gas)?;
    let mut preorigination = None;
    let action = match &operation.content {
        OperationContent::Transfer { amount, destination, entrypoint, .. } => InternalAction::Transaction {
            amount: *amount,
            destination: *destination,
            parameters: parameters(entrypoint.clone(), data),
        },
        OperationContent::Origination { address, delegate, balance, script, .. } => {
            preorigination = Some(*address);
            let script = Script { code: Micheline::clone(script), storage: data };
            InternalAction::Origination { balance: *balance, delegate: *delegate, script }
        }
        OperationContent::Delegation(delegate) => InternalAction::Delegation { delegate: *delegate },
        OperationContent::Event { tag, written_type, .. } => InternalAction::Event {
            ty: written_type.clone(),
            tag: (!tag.is_default()).then(|| tag.clone()),
            payload: (data != Micheline::unit()).then_some(data),
        },
    };
    Ok(Emitted { nonce: operation.nonce, sender: sender.into(), action, preorigination, tickets, told })
}

/// The tickets that an operation takes along, and the type of a transfer's argument. Rollups take neither tez nor names.
fn sent(content: &OperationContent, sender: Contract, gas: &mut Gas) -> Outcome<(HeldTickets, Option<Type>)> {
    let (value, ty, told) = match content {
        OperationContent::Transfer { amount, destination, entrypoint, argument, argument_type } => {
            let refused = match (destination, amount.is_zero(), entrypoint.is_default()) {
                (Address::SmartRollup(_), false, _) => Some(ProtocolError::RollupTransactionAmount),
                (Address::SmartRollup(_), true, false) => Some(ProtocolError::RollupEntrypoint),
                _ => None,
            };
            if let Some(refused) = refused {
                let reason = refused.to_string();
                return Err(
                    Failure::from(refused).within(ProtocolError::RuntimeError { contract: sender, reason })
                );
            }
            (argument, argument_type, Some(argument_type.clone()))
        }
        OperationContent::Origination { storage, storage_type, .. } => (storage, storage_type, None),
        OperationContent::Delegation(_) | OperationContent::Event { .. } => {
            return Ok((HeldTickets::default(), None));
        }
    };
    let held = HeldTickets::of(value, ty, gas).map_err(|_| Failure::from(ProtocolError::GasExhausted))?;
    Ok((held, told))
}
