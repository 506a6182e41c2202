use super::super::Ledger;
use super::super::apply::{Done, Run};
use super::super::block::State;
use super::super::contracts::{Emitted, goes_to_a_rollup, ill_formed, with_gas};
use super::super::error::{Outcome, ProtocolError};
use super::super::gas::TICKET_BALANCE;
use crate::operation::Parameters;
use crate::outbox::OutboxMessage;
use crate::receipt::{Effect, InternalAction, Success, TicketUpdate};
use soru_base::{Address, CommitmentHash, Contract, ContractHash, Entrypoint, Mutez, RollupAddress};
use soru_michelson::{HeldTickets, Micheline, Parameter, Type, Value};

/// A call of an outbox message, its argument read.
struct Ordered {
    destination: ContractHash,
    entrypoint: Entrypoint,
    written: Micheline,
    ty: Type,
    value: Value,
}

/// What an outbox message leads to.
pub(in super::super) struct Given {
    pub(in super::super) calls: Vec<Emitted>,
    pub(in super::super) ticket_updates: Vec<TicketUpdate>,
    /// Bytes paid for balances of tickets.
    pub(in super::super) paid: u64,
}

impl State {
    /// Executes an outbox message: tickets leave the rollup, the calls follow.
    pub(in super::super) fn execute_outbox_message(
        &mut self,
        run: &mut Run<'_>,
        rollup: &RollupAddress,
        cemented_commitment: &CommitmentHash,
        proof: &[u8],
    ) -> Outcome<Done> {
        let (output, message) =
            self.ledger.read_outbox_message(rollup, cemented_commitment, proof, &mut run.gas)?;
        let Given { calls, ticket_updates, paid } = self.ledger.take_orders(run, rollup, message)?;
        // Whether the message was executed before is looked at last, as on the network.
        let marked = self.ledger.mark_executed(rollup, output.level, output.index)?;
        let effect = Effect::ExecuteOutboxMessage {
            ticket_updates,
            whitelist_update: None,
            paid_storage_size_diff: paid.saturating_add(marked),
        };
        Ok((Success { consumed_milligas: 0, balance_updates: Vec::new(), effect }, calls))
    }
}

impl Ledger {
    /// Takes the tickets of a message from the rollup; the calls that have to be made.
    pub(in super::super) fn take_orders(
        &mut self,
        run: &mut Run<'_>,
        rollup: &RollupAddress,
        message: OutboxMessage,
    ) -> Outcome<Given> {
        let ordered = self.read_orders(run, message)?;
        let calls = ordered.iter().map(|order| emit(run, rollup, order)).collect::<Outcome<Vec<_>>>()?;
        let (ticket_updates, paid) = self.withdraw_tickets(run, rollup, &calls)?;
        Ok(Given { calls, ticket_updates, paid })
    }

    /// Reads all arguments before anything is done. What says the type of its argument may name a contract that is not
    /// there: the call fails, then.
    fn read_orders(&mut self, run: &mut Run<'_>, message: OutboxMessage) -> Outcome<Vec<Ordered>> {
        let mut orders = Vec::new();
        match message {
            OutboxMessage::AtomicTransactionBatch(transactions) => {
                for t in transactions {
                    let ty = self.outbox_entrypoint(&t.destination, &t.entrypoint)?;
                    let value = self.parse_from_rollup(run, &t.parameters, &ty)?;
                    let (destination, entrypoint, written) = (t.destination, t.entrypoint, t.parameters);
                    orders.push(Ordered { destination, entrypoint, written, ty, value });
                }
            }
            OutboxMessage::AtomicTransactionBatchTyped(transactions) => {
                for t in transactions {
                    let ty = Type::parse(&t.parameters_ty).map_err(|e| ill_formed(&t.parameters_ty, &e))?;
                    let value = self.parse_from_rollup(run, &t.parameters, &ty)?;
                    let (destination, entrypoint, written) = (t.destination, t.entrypoint, t.parameters);
                    orders.push(Ordered { destination, entrypoint, written, ty, value });
                }
            }
            OutboxMessage::WhitelistUpdate(_) => return Err(ProtocolError::WhitelistDisabled.into()),
            // Only one rollup of the network may send signals; here there is none, and it is ignored as there.
            OutboxMessage::CanonicalRollupSignal(_) => {}
        }
        Ok(orders)
    }

    fn outbox_entrypoint(&self, destination: &ContractHash, entrypoint: &Entrypoint) -> Outcome<Type> {
        let written = self.parameter_type(&Address::from(*destination))?;
        let written = written.ok_or(ProtocolError::OutboxInvalidDestination)?;
        let parameter = Parameter::parse(&written).map_err(|e| ill_formed(&written, &e))?;
        match parameter.entrypoint(entrypoint) {
            Some((_, ty)) => Ok(ty.clone()),
            None => Err(ProtocolError::NoSuchEntrypoint { entrypoint: entrypoint.to_string() }.into()),
        }
    }

    /// Moves the tickets of all calls from the rollup to those who are called, before any call is made: what a call deposits
    /// pays for nothing here.
    fn withdraw_tickets(
        &mut self,
        run: &mut Run<'_>,
        rollup: &RollupAddress,
        calls: &[Emitted],
    ) -> Outcome<(Vec<TicketUpdate>, u64)> {
        let owner = Address::from(*rollup);
        let held = calls.iter().filter_map(|call| Some((call.destination()?, &call.tickets)));
        let (mut updates, mut bytes) = (Vec::new(), 0u64);
        for sent in self.tickets_sent(held, &mut run.gas)? {
            for (to, amount) in &sent.to {
                run.gas.consume(TICKET_BALANCE.saturating_mul(2))?;
                bytes = bytes.saturating_add(self.move_tickets(&sent.token, &owner, to, amount)?);
            }
            updates.push(TicketUpdate::new(sent.token, owner, -sent.total));
        }
        Ok((updates, bytes))
    }
}

fn emit(run: &mut Run<'_>, rollup: &RollupAddress, order: &Ordered) -> Outcome<Emitted> {
    if !goes_to_a_rollup(&order.ty) {
        return Err(ProtocolError::InvalidParametersType.into());
    }
    let tickets = with_gas(run, |_, gas| {
        HeldTickets::of(&order.value, &order.ty, gas).map_err(|_| ProtocolError::GasExhausted.into())
    })?;
    let parameters = Parameters { entrypoint: order.entrypoint.clone(), value: order.written.clone() };
    let action = InternalAction::Transaction {
        amount: Mutez::ZERO,
        destination: Contract::from(order.destination).into(),
        parameters: (!parameters.is_default()).then_some(parameters),
    };
    Ok(Emitted {
        nonce: run.call_nonce()?,
        sender: (*rollup).into(),
        action,
        preorigination: None,
        tickets,
        told: Some(order.ty.clone()),
    })
}
