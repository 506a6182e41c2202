use super::super::Ledger;
use super::super::apply::{Done, Run, done};
use super::super::block::State;
use super::super::error::{Outcome, ProtocolError};
use super::super::gas;
use crate::operation::{Parameters, Script};
use crate::receipt::Effect;
use soru_base::{Address, Contract, ContractHash, Entrypoint, Mutez, PublicKeyHash, RollupAddress};
use soru_michelson::Micheline;

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

    /// A call of a contract.
    pub(in super::super) fn call_contract(
        &mut self,
        _run: &mut Run<'_>,
        _sender: &Address,
        hash: &ContractHash,
        _amount: Mutez,
        _parameters: Option<&Parameters>,
    ) -> Outcome<Done> {
        Err(ProtocolError::NonExistingContract { contract: Contract::from(*hash) }.into())
    }

    /// Makes a contract.
    pub(in super::super) fn originate_contract(
        &mut self,
        _run: &mut Run<'_>,
        _sender: &Contract,
        _hash: ContractHash,
        _balance: Mutez,
        _script: &Script,
    ) -> Outcome<Done> {
        Err(ProtocolError::Unsupported { what: "origination".to_owned() }.into())
    }
}

impl Ledger {
    /// Checks the parameters of a call in an outbox.
    pub(in super::super) fn check_outbox_parameters(
        &self,
        _run: &mut Run<'_>,
        _destination: &ContractHash,
        _entrypoint: &Entrypoint,
        _parameters: &Micheline,
        _ty: Option<&Micheline>,
    ) -> Outcome<()> {
        Ok(())
    }

    /// Checks what is sent to a rollup against its type; the payload in its optimised form.
    pub(in super::super) fn check_rollup_payload(
        &self,
        _run: &mut Run<'_>,
        _rollup: &RollupAddress,
        value: Option<&Micheline>,
    ) -> Outcome<Micheline> {
        Ok(value.cloned().unwrap_or_else(Micheline::unit))
    }
}

/// Whether a rollup can take parameters of that type.
pub(in super::super) fn check_rollup_type(_ty: &Micheline) -> Outcome<()> {
    Ok(())
}
