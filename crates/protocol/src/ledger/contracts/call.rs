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
use crate::receipt::{BalanceUpdate, Effect, InternalAction, OperationResult, Success};
use serde_json::Value;
use soru_base::{Address, Contract, ContractHash, Entrypoint, IdFamily, Json, Mutez, PublicKeyHash};
use soru_michelson::interpret::{BigMapDiff, Operation, OperationContent};
use soru_michelson::{Context, Form, Gas, Micheline, Origin, Reason, RunError, TypeError};
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
            if *value != Micheline::unit() {
                return Err(ProtocolError::BadContractParameter { contract }.into());
            }
        }
        if amount.is_zero() {
            return Err(ProtocolError::EmptyTransaction { contract }.into());
        }
        let (updates, allocated_destination_contract) = self.ledger.transfer(sender, &contract, amount)?;
        let effect = Effect::ToContract {
            storage: None,
            storage_size: 0,
            paid_storage_size_diff: 0,
            allocated_destination_contract,
            lazy_storage_diff: None,
        };
        Ok(done(effect, updates))
    }

    /// A call of a contract: the tez first, then its code.
    pub(in super::super) fn call_contract(
        &mut self,
        run: &mut Run<'_>,
        sender: &Address,
        hash: &ContractHash,
        amount: Mutez,
        parameters: Option<&Parameters>,
    ) -> Outcome<Done> {
        let contract = Contract::from(*hash);
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
        // Only contracts can hand over big maps by their numbers.
        let origin = match sender.contract() {
            Some(Contract::Originated(_)) => Origin::Internal,
            _ => Origin::External,
        };
        let ledger = &mut self.ledger;
        let (outcome, emitted) = with_gas(run, |run, gas| {
            let typed =
                soru_michelson::Script::typecheck(&script.code, gas).map_err(|e| ill_typed_script(&e))?;
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
        self.ledger.store.set(at![CONTRACTS, hash, "storage"], &outcome.storage)?;
        let (storage_size, paid_storage_size_diff) = self.ledger.settle_storage(hash, &outcome.big_maps)?;
        let effect = Effect::ToContract {
            storage: Some(outcome.storage),
            storage_size,
            paid_storage_size_diff,
            allocated_destination_contract: false,
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
        let (storage_size, paid_storage_size_diff) = self.ledger.settle_storage(&hash, &diffs)?;
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
    /// Writes big maps; the bytes a contract uses then, and those it must pay now.
    fn settle_storage(&mut self, hash: &ContractHash, diffs: &[BigMapDiff]) -> Outcome<(u64, u64)> {
        let more = self.apply_big_map_diffs(diffs)?;
        if more != 0 {
            let place = at![CONTRACTS, hash, "big_map_bytes"];
            let bytes = self.store.number(place)?.saturating_add_signed(more);
            self.store.set_number(place, bytes)?;
        }
        self.record_paid_storage(hash)
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
pub fn asked_json(operation: &Arc<Operation>, family: IdFamily) -> Result<Value, ApplyError> {
    let call = emit(operation, operation.source.into(), &mut Gas::unlimited())?;
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
    Ok(Emitted { nonce: operation.nonce, sender: sender.into(), action, preorigination })
}
