//! The operation that moves tickets.

use super::super::apply::{Done, Run};
use super::super::block::State;
use super::super::contracts::{Emitted, ill_formed, with_gas};
use super::super::error::{Outcome, ProtocolError};
use super::super::gas::TICKET_BALANCE;
use crate::operation::Parameters;
use crate::receipt::{Effect, InternalAction, Success, TicketChange, TicketToken, TicketUpdate};
use num_bigint::{BigInt, BigUint};
use soru_base::{Address, Contract, Entrypoint, Mutez};
use soru_michelson::types::Use;
use soru_michelson::values::Ticket;
use soru_michelson::{Form, HeldTickets, Micheline, Type, Value};
use std::sync::Arc;

/// What `transfer_ticket` asks for.
pub(in super::super) struct TicketTransfer<'a> {
    pub(in super::super) contents: &'a Micheline,
    pub(in super::super) ty: &'a Micheline,
    pub(in super::super) ticketer: Contract,
    pub(in super::super) amount: &'a BigUint,
    pub(in super::super) destination: Contract,
    pub(in super::super) entrypoint: &'a Entrypoint,
}

impl State {
    /// An account sends tickets: another account owns them at once, a contract gets them in a call.
    pub(in super::super) fn transfer_ticket(
        &mut self,
        run: &mut Run<'_>,
        asked: &TicketTransfer<'_>,
    ) -> Outcome<Done> {
        let owner = Address::from(run.payer);
        let TicketTransfer { ticketer, destination, entrypoint, .. } = *asked;
        if destination.implicit().is_some() && !entrypoint.is_default() {
            return Err(ProtocolError::NoSuchEntrypoint { entrypoint: entrypoint.to_string() }.into());
        }
        if *asked.amount == BigUint::ZERO {
            return Err(ProtocolError::ForbiddenZeroTicket.into());
        }
        let amount = BigInt::from(asked.amount.clone());
        let ty = Type::parse(asked.ty).map_err(|e| ill_formed(asked.ty, &e))?;
        if !ty.allows(Use::Compared) {
            let wrong_type = asked.ty.clone();
            return Err(ProtocolError::ComparableTypeExpected { location: 0, wrong_type }.into());
        }
        let contents = self.ledger.parse_argument(run, asked.contents, &ty)?;
        let ticket = Arc::new(Ticket { ticketer, contents, amount: Arc::new(amount.clone()) });
        let key = with_gas(run, |_, gas| {
            ticket.contents_key(&ty, gas).map_err(|_| ProtocolError::GasExhausted.into())
        })?;
        let token = TicketToken { ticketer, content_type: ty.to_micheline(), content: key };
        let calls = match destination {
            Contract::Implicit(_) => Vec::new(),
            Contract::Originated(_) => vec![call(run, asked, ticket, ty)?],
        };
        run.gas.consume(TICKET_BALANCE.saturating_mul(2))?;
        let paid_storage_size_diff =
            self.ledger.move_tickets(&token, &owner, &destination.into(), &amount)?;
        let mut updates = vec![TicketChange { account: owner, amount: -amount.clone() }];
        if destination.implicit().is_some() {
            updates.push(TicketChange { account: destination.into(), amount });
        }
        let ticket_updates = vec![TicketUpdate { token, updates }];
        let effect = Effect::TransferTicket { ticket_updates, paid_storage_size_diff };
        Ok((Success { consumed_milligas: 0, balance_updates: Vec::new(), effect }, calls))
    }
}

/// The call by which a contract gets its tickets.
fn call(
    run: &mut Run<'_>,
    asked: &TicketTransfer<'_>,
    ticket: Arc<Ticket>,
    contents_type: Type,
) -> Outcome<Emitted> {
    let ty = Type::ticket(contents_type);
    let value = Value::Ticket(ticket);
    let (written, tickets) = with_gas(run, |_, gas| {
        let written = value.to_micheline(&ty, Form::Optimized, gas);
        let held = HeldTickets::of(&value, &ty, gas);
        written.and_then(|written| Ok((written, held?))).map_err(|_| ProtocolError::GasExhausted.into())
    })?;
    let action = InternalAction::Transaction {
        amount: Mutez::ZERO,
        destination: asked.destination.into(),
        parameters: Some(Parameters { entrypoint: asked.entrypoint.clone(), value: written }),
    };
    Ok(Emitted {
        nonce: run.call_nonce()?,
        sender: run.payer.into(),
        action,
        preorigination: None,
        tickets,
        told: Some(ty),
    })
}
