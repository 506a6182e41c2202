//! The chain: who calls, operations, views.

use super::big_maps::{self, Extraction};
use super::machine::{Machine, Next, Pointer, Then};
use super::operation::{Operation, OperationContent};
use super::{RunError, entrypoint_for};
use crate::gas::cost;
use crate::typecheck::Instruction as I;
use crate::types::Type;
use crate::values::{Value, unshare};
use soru_base::{Address, Contract, Entrypoint, MichelsonAddress, PublicKeyHash};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Machine<'_> {
    pub(super) fn on_chain(&mut self, instruction: &I) -> Result<Next, RunError> {
        match instruction {
            I::Amount => self.push(Value::Mutez(self.context.amount)),
            I::Balance => self.push(Value::Mutez(self.context.balance)),
            I::Sender => self.push(Value::address(self.context.sender)),
            I::Source => self.push(Value::address(self.context.source)),
            I::Now => self.push(Value::int(self.context.now)),
            I::Level => self.push(Value::int(self.context.level.get())),
            I::ChainId => self.push(Value::ChainId(self.context.chain_id)),
            I::MinBlockTime => self.push(Value::int(self.context.min_block_time)),
            I::SelfAddress => self.push(Value::address(self.context.self_address)),
            I::SelfContract(entrypoint) => {
                let address = MichelsonAddress {
                    address: self.context.self_address.into(),
                    entrypoint: entrypoint.clone(),
                };
                self.push(Value::address(address))
            }
            // A contract is kept as its address.
            I::Address => Ok(Next::Continue),
            I::Contract(ty, entrypoint) => self.contract(ty, entrypoint),
            I::ImplicitAccount => match self.pop()? {
                Value::KeyHash(hash) => self.push(Value::address(hash)),
                _ => Err(self.fault("a key hash")),
            },
            I::IsImplicitAccount => {
                let address = self.pop_address()?;
                let hash = address.address.contract().and_then(Contract::implicit);
                self.push(hash.map_or(Value::none(), |hash| Value::some(Value::KeyHash(*hash))))
            }
            I::IndexAddress => {
                let address = self.pop_address()?.address;
                self.gas.charge(cost::READ + cost::WRITE)?;
                let (index, new) = self.chain.index_address(&address)?;
                if new {
                    self.indexed.push((address, index));
                }
                self.push(Value::int(index))
            }
            I::GetAddressIndex => {
                let address = self.pop_address()?.address;
                self.gas.charge(cost::READ)?;
                let index = self.chain.address_index(&address)?;
                self.push(index.map_or(Value::none(), |index| Value::some(Value::int(index))))
            }
            I::VotingPower => match self.pop()? {
                Value::KeyHash(hash) => {
                    self.gas.charge(cost::READ)?;
                    let power = self.chain.voting_power(&hash)?;
                    self.push(Value::int(power))
                }
                _ => Err(self.fault("a key hash")),
            },
            I::TotalVotingPower => {
                self.gas.charge(cost::READ)?;
                let power = self.chain.total_voting_power()?;
                self.push(Value::int(power))
            }
            I::TransferTokens(argument_type) => {
                let argument = self.pop()?;
                let amount = self.pop_mutez()?;
                let MichelsonAddress { address, entrypoint } = unshare(self.pop_address()?);
                let (argument, big_maps) = self.hand_over(argument, argument_type)?;
                let content = OperationContent::Transfer {
                    amount,
                    destination: address,
                    entrypoint,
                    argument,
                    argument_type: argument_type.clone(),
                };
                self.operation(content, big_maps)
            }
            I::SetDelegate => {
                let delegate = self.pop_delegate()?;
                self.operation(OperationContent::Delegation(delegate), Vec::new())
            }
            I::CreateContract { script, storage: storage_type } => {
                let delegate = self.pop_delegate()?;
                let balance = self.pop_mutez()?;
                let storage = self.pop()?;
                self.gas.charge(cost::of(script.nodes(), cost::WRITTEN_NODE))?;
                let (storage, big_maps) = self.hand_over(storage, storage_type)?;
                let address = self.chain.new_contract()?;
                self.stack.push(Value::address(address));
                let content = OperationContent::Origination {
                    address,
                    delegate,
                    balance,
                    script: script.clone(),
                    storage,
                    storage_type: storage_type.clone(),
                };
                self.operation(content, big_maps)
            }
            I::Emit { tag, ty, written } => {
                let payload = self.pop()?;
                self.gas.charge(cost::of(ty.size(), cost::WRITTEN_NODE))?;
                let content = OperationContent::Event {
                    tag: tag.clone(),
                    written_type: written.clone(),
                    payload,
                    payload_type: ty.clone(),
                };
                self.operation(content, Vec::new())
            }
            I::View { name, input, output } => self.ask_view(name, input, output),
            _ => self.tickets(instruction),
        }
    }

    fn contract(&mut self, ty: &Type, entrypoint: &Entrypoint) -> Result<Next, RunError> {
        let mut address = unshare(self.pop_address()?);
        // The entrypoint is named by the address or by the instruction, not by both.
        match (address.entrypoint.is_default(), entrypoint.is_default()) {
            (true, _) => address.entrypoint = entrypoint.clone(),
            (false, true) => {}
            (false, false) => return self.push(Value::none()),
        }
        let found = entrypoint_for(self.chain, &address, ty, self.gas)?;
        self.push(found.map_or(Value::none(), |entrypoint| {
            Value::some(Value::address(MichelsonAddress { entrypoint, ..address }))
        }))
    }

    fn pop_delegate(&mut self) -> Result<Option<PublicKeyHash>, RunError> {
        match self.pop()? {
            Value::Option(None) => Ok(None),
            Value::Option(Some(value)) => match &*value {
                Value::KeyHash(hash) => Ok(Some(*hash)),
                _ => Err(self.fault("a key hash")),
            },
            _ => Err(self.fault("an option")),
        }
    }

    /// Makes the big maps of a value that leaves the contract into temporary ones.
    fn hand_over(&mut self, value: Value, ty: &Type) -> Result<(Value, Vec<super::BigMapDiff>), RunError> {
        if !ty.has_big_maps() {
            return Ok((value, Vec::new()));
        }
        let mut ids = BTreeSet::new();
        big_maps::collect(&value, ty, &mut ids, self.gas)?;
        let mut extraction = Extraction::new(true, ids, self.chain, self.gas);
        let value = extraction.extract(value, ty)?;
        Ok((value, extraction.finish(&BTreeSet::new())?))
    }

    fn operation(
        &mut self,
        content: OperationContent,
        big_maps: Vec<super::BigMapDiff>,
    ) -> Result<Next, RunError> {
        let location = self.at;
        let nonce = self.chain.new_nonce()?.ok_or(RunError::TooManyOperations { location })?;
        let source = self.context.self_address;
        self.push(Value::Operation(Arc::new(Operation { source, nonce, content, big_maps })))
    }

    fn ask_view(&mut self, name: &str, input: &Type, output: &Type) -> Result<Next, RunError> {
        let argument = self.pop()?;
        let address = self.pop_address()?;
        let Address::Contract(Contract::Originated(hash)) = &address.address else {
            return self.push(Value::none());
        };
        self.gas.charge(cost::READ)?;
        let Some(target) = self.chain.view_target(hash)? else { return self.push(Value::none()) };
        let caller = self.context.clone();
        match self.view_code(&target, name, argument, input, output)? {
            Some((code, stack)) => {
                let kept = std::mem::replace(&mut self.stack, stack);
                Ok(Next::Call(Pointer::new(code, 0), Then::ReturnView(kept, Box::new(caller))))
            }
            None => self.push(Value::none()),
        }
    }
}
