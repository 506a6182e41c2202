//! Where tickets come from and go to in a call: what the storage holds, what was handed over, what is sent on.

use super::super::Ledger;
use super::super::error::{Failure, Outcome, ProtocolError, StorageError};
use super::super::gas::{Meter, TICKET, TICKET_BALANCE};
use super::tokens::{Tokens, place};
use crate::receipt::TicketToken;
use num_bigint::{BigInt, Sign};
use soru_base::{Address, Contract, ContractHash, ScriptExprHash};
use soru_michelson::interpret::{BigMapAction, BigMapDiff};
use soru_michelson::values::Ticket;
use soru_michelson::{Gas, HeldTickets, Micheline, Reading, Reason, TicketFlow, Type, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tickets of a token on their way to others.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Sent {
    pub(in super::super) token: TicketToken,
    /// How many in all.
    pub(in super::super) total: BigInt,
    /// How many each gets, in the order of addresses.
    pub(in super::super) to: Vec<(Address, BigInt)>,
}

/// What becomes of a contract's tickets in a call.
#[derive(Debug, Default)]
pub(in super::super) struct Kept {
    /// Its storage afterwards less its storage before.
    pub(in super::super) stored: Tokens,
    /// The same less what it was handed over: below zero for tickets that it may send on.
    pub(in super::super) change: Tokens,
}

impl Ledger {
    /// What a call does to the tickets of a contract. The changes of big maps are not made yet.
    pub(in super::super) fn tickets_kept(
        &self,
        flow: &TicketFlow,
        big_maps: &[BigMapDiff],
        gas: &mut Meter,
    ) -> Outcome<Kept> {
        let argument = self.tokens(&flow.argument, gas)?;
        let mut stored = Tokens::default();
        if flow.stored {
            collect(&mut stored, &flow.after.tickets, false, gas)?;
            let own = big_maps.get(flow.handed_over..).unwrap_or_default();
            for diff in own {
                self.tickets_of_big_map(&mut stored, diff, gas)?;
            }
            collect(&mut stored, &flow.before.tickets, true, gas)?;
        }
        let mut change = stored.clone();
        change.take_all(&argument);
        Ok(Kept { stored, change })
    }

    /// The tickets of a value, with those of its big maps.
    pub(in super::super) fn tokens(&self, held: &HeldTickets, gas: &mut Meter) -> Outcome<Tokens> {
        if held.unwritten {
            return Err(ProtocolError::UnsupportedNonEmptyOverlay.into());
        }
        let mut tokens = Tokens::default();
        collect(&mut tokens, &held.tickets, false, gas)?;
        for (id, ty) in &held.big_maps {
            self.tickets_in_big_map(&mut tokens, id, ty, false, gas)?;
        }
        Ok(tokens)
    }

    /// Sums up what is sent, the last token first, as the network does.
    pub(in super::super) fn tickets_sent<'a>(
        &self,
        calls: impl Iterator<Item = (Address, &'a HeldTickets)>,
        gas: &mut Meter,
    ) -> Outcome<Vec<Sent>> {
        let mut by_token: BTreeMap<ScriptExprHash, (TicketToken, BTreeMap<Address, BigInt>)> =
            BTreeMap::new();
        for (destination, held) in calls {
            for (token, amount) in self.tokens(held, gas)?.each() {
                let (_, to) =
                    by_token.entry(place(token)).or_insert_with(|| (token.clone(), BTreeMap::new()));
                *to.entry(destination).or_default() += amount;
            }
        }
        let sent = by_token.into_values().rev();
        Ok(sent
            .map(|(token, to)| Sent { token, total: to.values().sum(), to: to.into_iter().collect() })
            .collect())
    }

    /// Books what a contract keeps and what it sends; the bytes that balances take more. Only a ticketer can keep or send
    /// more than it had.
    pub(in super::super) fn book_tickets(
        &mut self,
        contract: &ContractHash,
        kept: &Kept,
        sent: &[Sent],
        gas: &mut Meter,
    ) -> Outcome<i64> {
        let contract = Contract::from(*contract);
        let mut bytes = 0i64;
        for (token, change) in kept.change.each() {
            if change.sign() == Sign::Plus && token.ticketer != contract {
                return Err(invalid(token, change));
            }
            gas.consume(TICKET_BALANCE)?;
            bytes = bytes.saturating_add(self.adjust_tickets(token, &contract.into(), change)?);
        }
        for Sent { token, total, to } in sent {
            if token.ticketer != contract && *total > -kept.change.of(token) {
                return Err(invalid(token, total));
            }
            for (owner, amount) in to {
                gas.consume(TICKET_BALANCE)?;
                bytes = bytes.saturating_add(self.adjust_tickets(token, owner, amount)?);
            }
        }
        Ok(bytes)
    }

    fn tickets_of_big_map(&self, tokens: &mut Tokens, diff: &BigMapDiff, gas: &mut Meter) -> Outcome<()> {
        let known = |id: &BigInt| -> Outcome<Type> {
            let unknown = || ProtocolError::FailedToLoadBigMapValueType { id: id.clone() };
            let (_, values) = self.big_map_types(id)?.ok_or_else(unknown)?;
            Type::parse(&values).map_err(|_| unknown().into())
        };
        let (source, ty) = match &diff.action {
            BigMapAction::Remove => {
                return self.tickets_in_big_map(tokens, &diff.id, &known(&diff.id)?, true, gas);
            }
            BigMapAction::Update => (&diff.id, known(&diff.id)?),
            BigMapAction::Copy { source } => {
                let ty = known(source)?;
                self.tickets_in_big_map(tokens, source, &ty, false, gas)?;
                (source, ty)
            }
            BigMapAction::Alloc { value_type, .. } => (&diff.id, value_type.clone()),
        };
        if !ty.has_tickets() {
            return Ok(());
        }
        for update in &diff.updates {
            if let Some(old) = self.big_map_get(source, &update.key_hash)? {
                tickets_of_stored(tokens, &old, &ty, true, gas)?;
            }
            if let Some(new) = &update.value {
                tickets_of_stored(tokens, new, &ty, false, gas)?;
            }
        }
        Ok(())
    }

    fn tickets_in_big_map(
        &self,
        tokens: &mut Tokens,
        id: &BigInt,
        ty: &Type,
        gone: bool,
        gas: &mut Meter,
    ) -> Outcome<()> {
        if !ty.has_tickets() {
            return Ok(());
        }
        for key in self.big_map_keys(id)? {
            if let Some(value) = self.big_map_get(id, &key)? {
                tickets_of_stored(tokens, &value, ty, gone, gas)?;
            }
        }
        Ok(())
    }
}

fn invalid(token: &TicketToken, amount: &BigInt) -> Failure {
    ProtocolError::InvalidTicketTransfer { ticketer: token.ticketer, amount: amount.clone() }.into()
}

/// The tickets of a value that the ledger keeps.
fn tickets_of_stored(
    tokens: &mut Tokens,
    stored: &Micheline,
    ty: &Type,
    gone: bool,
    gas: &mut Meter,
) -> Outcome<()> {
    let held = with_meter(gas, |gas| {
        let value = Value::parse(stored, ty, &mut Reading::stored(gas)).map_err(|e| e.reason)?;
        HeldTickets::of(&value, ty, gas)
    })?;
    collect(tokens, &held.tickets, gone, gas)
}

fn collect(tokens: &mut Tokens, tickets: &[(Arc<Ticket>, Type)], gone: bool, gas: &mut Meter) -> Outcome<()> {
    for (ticket, ty) in tickets {
        // Every ticket is booked with its type.
        gas.consume(TICKET.saturating_mul(ty.size() as u64))?;
        let content = with_meter(gas, |gas| ticket.contents_key(ty, gas))?;
        let token = TicketToken { ticketer: ticket.ticketer, content_type: ty.to_micheline(), content };
        match gone {
            true => tokens.add(token, &-&*ticket.amount),
            false => tokens.add(token, &ticket.amount),
        }
    }
    Ok(())
}

/// Spends Michelson's gas. What is stored was typed, so that nothing but the gas can be missing.
fn with_meter<T>(meter: &mut Meter, work: impl FnOnce(&mut Gas) -> Result<T, Reason>) -> Outcome<T> {
    let mut gas = Gas::new(meter.left());
    let result = work(&mut gas);
    meter.consume(gas.used())?;
    result.map_err(|reason| match reason {
        Reason::Gas(_) => ProtocolError::GasExhausted.into(),
        other => Failure::Storage(StorageError::Missing(format!("a readable value with tickets: {other}"))),
    })
}
