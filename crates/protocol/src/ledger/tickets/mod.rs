//! The ledger of tickets. A ticket exists where it is counted here, whatever contracts write into their storage. Below
//! `tickets`:
//!
//! | leaf | what |
//! |---|---|
//! | `balances/<hash>` | how many of a token somebody owns; the hash is that of ticketer, type, content and owner |
//! | `used`, `paid` | bytes that all balances take, and the most they took so far |

mod apply;
mod flow;
mod tokens;

pub(super) use apply::TicketTransfer;
#[cfg(test)]
pub(super) use flow::{Kept, Sent};
#[cfg(test)]
pub(super) use tokens::Tokens;

use super::Ledger;
use super::error::{Failure, Outcome, ProtocolError, StorageError};
use super::gas::Meter;
use super::store::at;
use crate::receipt::TicketToken;
use num_bigint::{BigInt, BigUint, Sign};
use soru_base::bin::put_z;
use soru_base::blake2b::hash32;
use soru_base::{Address, Binary, ContractHash, DecodeError, Reader, ScriptExprHash};
use soru_michelson::{Gas, HeldTickets, Micheline, Reading, Value};

const TICKETS: &str = "tickets";
/// What the network counts for the key of a balance.
const KEY: i64 = 65;

/// How many tickets somebody owns, as a leaf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Amount(BigInt);

impl Binary for Amount {
    fn write(&self, out: &mut Vec<u8>) {
        put_z(out, &self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.z("amount of tickets").map(Self)
    }
}

/// The name of a balance: as on the network, the hash of a sequence of four expressions.
fn balance_key(token: &TicketToken, owner: &Address) -> ScriptExprHash {
    let key = Micheline::seq([
        Micheline::bytes(token.ticketer.to_bytes()),
        token.content_type.clone(),
        token.content.clone(),
        Micheline::bytes(owner.to_bytes()),
    ]);
    ScriptExprHash(hash32(&key.to_bytes()))
}

/// What the RPC asks.
impl Ledger {
    /// How many tickets of a token an account, a contract or a rollup owns. The token has to be written as receipts write
    /// it.
    pub fn ticket_balance(&self, owner: &Address, token: &TicketToken) -> Result<BigUint, StorageError> {
        let balance = self.balance_of_tickets(&balance_key(token, owner))?;
        Ok(balance.unwrap_or_default().magnitude().clone())
    }

    /// The tickets in the storage of a contract and in its big maps, the last token first; `None` if there is no such
    /// contract.
    pub fn stored_tickets(
        &self,
        contract: &ContractHash,
    ) -> Result<Option<Vec<(TicketToken, BigUint)>>, StorageError> {
        let Some(script) = self.script(contract)? else { return Ok(None) };
        let unreadable = |e: String| StorageError::Missing(format!("a readable storage of {contract}: {e}"));
        let ty = soru_michelson::Script::storage_of(&script.code).map_err(|e| unreadable(e.to_string()))?;
        let mut gas = Gas::unlimited();
        let value = Value::parse(&script.storage, &ty, &mut Reading::stored(&mut gas))
            .map_err(|e| unreadable(e.to_string()))?;
        let held = HeldTickets::of(&value, &ty, &mut gas).map_err(|e| unreadable(e.to_string()))?;
        let tokens = self.tokens(&held, &mut Meter::new(u64::MAX)).map_err(|failure| match failure {
            Failure::Storage(error) => error,
            Failure::Rule(trace) => unreadable(trace.to_string()),
        })?;
        let each = tokens.each().rev().map(|(token, n)| (token.clone(), n.magnitude().clone()));
        Ok(Some(each.collect()))
    }

    /// Bytes that the balances of all tickets take, and bytes that were paid for them.
    pub fn ticket_storage(&self) -> Result<(u64, u64), StorageError> {
        Ok((self.store.number(at![TICKETS, "used"])?, self.store.number(at![TICKETS, "paid"])?))
    }
}

impl Ledger {
    fn balance_of_tickets(&self, key: &ScriptExprHash) -> Result<Option<BigInt>, StorageError> {
        Ok(self.store.get::<Amount>(at![TICKETS, "balances", key])?.map(|amount| amount.0))
    }

    /// Changes what somebody owns; the bytes that are used more, or less.
    fn adjust_tickets(&mut self, token: &TicketToken, owner: &Address, change: &BigInt) -> Outcome<i64> {
        let key = balance_key(token, owner);
        let before = self.balance_of_tickets(&key)?;
        let used = before.as_ref().map_or(0, size);
        let balance = before.unwrap_or_default() + change;
        match balance.sign() {
            Sign::Minus => Err(ProtocolError::NegativeTicketBalance { key, balance }.into()),
            Sign::NoSign => {
                self.store.remove(at![TICKETS, "balances", key])?;
                Ok(-used)
            }
            Sign::Plus => {
                let now = size(&balance);
                self.store.set(at![TICKETS, "balances", key], &Amount(balance))?;
                Ok(now - used)
            }
        }
    }

    /// Counts bytes that are used more, or less; those that have to be paid: nothing as long as others freed as many.
    pub(super) fn settle_ticket_storage(&mut self, change: i64) -> Outcome<u64> {
        if change == 0 {
            return Ok(0);
        }
        let (used, paid) = self.ticket_storage()?;
        let used = used.checked_add_signed(change).ok_or(ProtocolError::TicketStorageUnderflow)?;
        self.store.set_number(at![TICKETS, "used"], used)?;
        if used <= paid {
            return Ok(0);
        }
        self.store.set_number(at![TICKETS, "paid"], used)?;
        Ok(used - paid)
    }

    /// Moves tickets from one owner to another; the bytes that have to be paid.
    pub(super) fn move_tickets(
        &mut self,
        token: &TicketToken,
        from: &Address,
        to: &Address,
        amount: &BigInt,
    ) -> Outcome<u64> {
        let freed = self.adjust_tickets(token, from, &-amount)?;
        let taken = self.adjust_tickets(token, to, amount)?;
        self.settle_ticket_storage(freed.saturating_add(taken))
    }
}

/// The bytes that the network counts for a balance.
fn size(balance: &BigInt) -> i64 {
    let mut bytes = Vec::new();
    put_z(&mut bytes, balance);
    KEY.saturating_add(i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_michelson::Prim;

    #[test]
    fn a_balance_is_named_by_four_expressions() {
        let (ticketer, owner) = (ContractHash([0xab; 20]), soru_base::RollupAddress([0xcd; 20]));
        let (content_type, content) = (Micheline::atom(Prim::string), Micheline::string("t"));
        let token = TicketToken { ticketer: ticketer.into(), content_type, content };
        // A sequence of 62 bytes: an address, the primitive 0x68, a text, an address.
        let written = format!(
            "020000003e0a0000001601{}000368010000000174 0a0000001603{}00",
            "ab".repeat(20),
            "cd".repeat(20)
        );
        let bytes = hex::decode(written.replace(' ', "")).unwrap();
        assert_eq!(bytes.len(), 5 + 62);
        assert_eq!(balance_key(&token, &owner.into()), ScriptExprHash(hash32(&bytes)));
    }

    #[test]
    fn a_place_takes_what_the_network_counts() {
        for (balance, bytes) in [(1u64, 66), (63, 66), (64, 67), (8_191, 67), (8_192, 68), (5_000_000, 69)] {
            assert_eq!(size(&balance.into()), bytes, "{balance}");
        }
    }
}
