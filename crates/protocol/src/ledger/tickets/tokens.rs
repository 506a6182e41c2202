use super::balance_key;
use crate::receipt::{TicketToken, TicketUpdate};
use num_bigint::{BigInt, Sign};
use soru_base::{Address, ScriptExprHash};
use std::collections::BTreeMap;

/// Amounts of tickets by token, below zero for those that are gone. In the network's order: by the hash of the token.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Tokens(BTreeMap<ScriptExprHash, (TicketToken, BigInt)>);

/// The place of a token: as the network has it, the name of its ticketer's balance.
pub(super) fn place(token: &TicketToken) -> ScriptExprHash {
    balance_key(token, &token.ticketer.into())
}

impl Tokens {
    pub(in super::super) fn add(&mut self, token: TicketToken, amount: &BigInt) {
        let (_, sum) = self.0.entry(place(&token)).or_insert_with(|| (token, BigInt::default()));
        *sum += amount;
    }

    pub(super) fn take_all(&mut self, others: &Self) {
        for (token, amount) in others.each() {
            self.add(token.clone(), &-amount);
        }
    }

    pub(super) fn each(&self) -> impl DoubleEndedIterator<Item = (&TicketToken, &BigInt)> {
        self.0.values().map(|(token, amount)| (token, amount))
    }

    pub(super) fn of(&self, token: &TicketToken) -> BigInt {
        self.0.get(&place(token)).map(|(_, amount)| amount.clone()).unwrap_or_default()
    }

    /// What they mean for an owner, in the order of the network's receipts: the last token first.
    pub(in super::super) fn updates(&self, owner: &Address) -> Vec<TicketUpdate> {
        let moved = self.each().rev().filter(|(_, amount)| amount.sign() != Sign::NoSign);
        moved.map(|(token, amount)| TicketUpdate::new(token.clone(), *owner, amount.clone())).collect()
    }
}
