//! Tickets.

use super::RunError;
use super::machine::{Machine, Next};
use crate::gas::cost;
use crate::typecheck::Instruction as I;
use crate::values::{Ticket, Value, unshare};
use num_traits::{Signed, Zero};
use std::sync::Arc;

impl Machine<'_> {
    pub(super) fn tickets(&mut self, instruction: &I) -> Result<Next, RunError> {
        match instruction {
            I::Ticket => {
                let contents = self.pop()?;
                let amount = self.pop_int()?;
                let ticket = Ticket { ticketer: self.context.self_address.into(), contents, amount };
                self.push(if ticket.amount.is_positive() { Value::some(wrap(ticket)) } else { Value::none() })
            }
            I::ReadTicket => {
                let ticket = self.pop_ticket()?;
                let read = ticket.opened();
                self.stack.push(Value::Ticket(ticket));
                self.push(read)
            }
            I::SplitTicket => {
                let ticket = unshare(self.pop_ticket()?);
                let (Value::Int(a), Value::Int(b)) = self.pop_pair()? else {
                    return Err(self.fault("two amounts"));
                };
                self.gas.charge((a.bits().max(b.bits()) / 8).saturating_mul(cost::BYTE))?;
                if &*a + &*b != *ticket.amount || a.is_zero() || b.is_zero() {
                    return self.push(Value::none());
                }
                let part = |amount| wrap(Ticket { amount, ..ticket.clone() });
                self.push(Value::some(Value::pair(part(a), part(b))))
            }
            I::JoinTickets => {
                let (Value::Ticket(a), Value::Ticket(b)) = self.pop_pair()? else {
                    return Err(self.fault("two tickets"));
                };
                let (a, b) = (unshare(a), unshare(b));
                self.gas.charge(cost::of(
                    a.contents.compared_size().min(b.contents.compared_size()),
                    cost::BYTE,
                ))?;
                if a.ticketer != b.ticketer || a.contents != b.contents {
                    return self.push(Value::none());
                }
                self.gas.charge((a.amount.bits().max(b.amount.bits()) / 8).saturating_mul(cost::BYTE))?;
                let amount = Arc::new(&*a.amount + &*b.amount);
                self.push(Value::some(wrap(Ticket { amount, ..a })))
            }
            _ => Err(self.fault("an instruction that can be run")),
        }
    }

    fn pop_ticket(&mut self) -> Result<Arc<Ticket>, RunError> {
        match self.pop()? {
            Value::Ticket(ticket) => Ok(ticket),
            _ => Err(self.fault("a ticket")),
        }
    }
}

fn wrap(ticket: Ticket) -> Value {
    Value::Ticket(Arc::new(ticket))
}
