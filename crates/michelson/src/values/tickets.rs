//! Tickets: what they are, how they are written, where they are in a value.

use super::{BigMap, Form, Value};
use crate::error::Reason;
use crate::gas::{Gas, cost};
use crate::types::Type;
use num_bigint::BigInt;
use soru_base::Contract;
use std::sync::Arc;

/// A ticket: so many of something that only its ticketer can make.
#[derive(Clone)]
pub struct Ticket {
    /// Who made it: a contract, unless somebody pretends.
    pub ticketer: Contract,
    /// What it stands for.
    pub contents: Value,
    /// How many, at least 1.
    pub amount: Arc<BigInt>,
}

impl Ticket {
    /// The value that shows what is in a ticket: ticketer, contents and amount.
    pub(crate) fn opened(&self) -> Value {
        let ticketer = Value::address(self.ticketer);
        Value::pair(ticketer, Value::pair(self.contents.clone(), Value::Int(self.amount.clone())))
    }

    /// The type of that value.
    pub(crate) fn opened_type(contents: &Type) -> Type {
        Type::pair(Type::Address, Type::pair(contents.clone(), Type::Nat))
    }
}

/// The tickets that a value holds.
#[derive(Clone, Default)]
pub struct HeldTickets {
    /// Tickets with the types of their contents, in the order in which they are met.
    pub tickets: Vec<(Arc<Ticket>, Type)>,
    /// Numbers of big maps whose values can hold more, with the types of these values.
    pub big_maps: Vec<(BigInt, Type)>,
    /// Whether a big map that can hold tickets has changes that the chain does not know yet.
    pub unwritten: bool,
}

impl HeldTickets {
    /// Looks for the tickets in a value. Costs gas only if its type has tickets.
    pub fn of(value: &Value, ty: &Type, gas: &mut Gas) -> Result<Self, Reason> {
        let mut held = Self::default();
        if ty.has_tickets() {
            held.collect(value, ty, gas)?;
        }
        Ok(held)
    }

    fn collect(&mut self, value: &Value, ty: &Type, gas: &mut Gas) -> Result<(), Reason> {
        let mut pending = vec![(value, ty)];
        while let Some((value, ty)) = pending.pop() {
            gas.charge(cost::ELEMENT)?;
            match (value, ty) {
                (Value::Ticket(ticket), Type::Ticket(contents)) => {
                    self.tickets.push((ticket.clone(), Type::clone(contents)));
                }
                (Value::BigMap(map), Type::BigMap(types)) => self.big_map(map, &types.1),
                (Value::Pair(pair), Type::Pair(types)) => {
                    push(&mut pending, &pair.1, &types.1);
                    push(&mut pending, &pair.0, &types.0);
                }
                (Value::Left(value), Type::Or(types)) => push(&mut pending, value, &types.0),
                (Value::Right(value), Type::Or(types)) => push(&mut pending, value, &types.1),
                (Value::Option(Some(value)), Type::Option(ty)) => push(&mut pending, value, ty),
                (Value::List(list), Type::List(ty)) => list.iter().for_each(|v| push(&mut pending, v, ty)),
                (Value::Map(map), Type::Map(types)) => {
                    map.values().for_each(|v| push(&mut pending, v, &types.1));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn big_map(&mut self, map: &BigMap, values: &Type) {
        self.unwritten |= !map.changes.is_empty();
        self.big_maps.extend(map.id.clone().map(|id| (id, values.clone())));
    }
}

/// Parts whose types have no tickets need no look.
fn push<'a>(pending: &mut Vec<(&'a Value, &'a Type)>, value: &'a Value, ty: &'a Type) {
    if ty.has_tickets() {
        pending.push((value, ty));
    }
}

/// The tickets of a call: what a contract got, what it had and what it has.
#[derive(Clone, Default)]
pub struct TicketFlow {
    /// In the argument.
    pub argument: HeldTickets,
    /// In the storage before, apart from big maps.
    pub before: HeldTickets,
    /// In the storage afterwards, apart from big maps.
    pub after: HeldTickets,
    /// Whether the storage can hold tickets at all.
    pub stored: bool,
    /// How many of the changes to big maps are those of operations; the others are those of the storage.
    pub handed_over: usize,
}

/// The form of contents that balances are kept by.
impl Ticket {
    /// The contents as balances know them.
    pub fn contents_key(&self, contents: &Type, gas: &mut Gas) -> Result<crate::Micheline, Reason> {
        self.contents.to_micheline(contents, Form::Packed, gas)
    }
}
