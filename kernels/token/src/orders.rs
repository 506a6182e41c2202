//! What accounts sign.

use crate::{KeyHash, Result, Rollup, Ticketer, accounts, exits, storage};
use kit::host::Host;
use kit::signed::Signed;

/// A signed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    kind: Kind,
    ticketer: Ticketer,
    amount: u64,
    to: KeyHash,
}

/// What becomes of the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Another account has them.
    Transfer,
    /// They leave as a ticket.
    Withdraw,
}

impl Order {
    fn parse(command: &[u8]) -> Option<Self> {
        let (tag, rest) = command.split_first()?;
        let kind = match tag {
            0 => Kind::Transfer,
            1 => Kind::Withdraw,
            _ => return None,
        };
        let (ticketer, rest) = rest.split_first_chunk()?;
        let (amount, to) = rest.split_first_chunk()?;
        let to: KeyHash = to.try_into().ok()?;
        Some(Self { kind, ticketer: *ticketer, amount: u64::from_be_bytes(*amount), to })
    }
}

/// Carries out an external message, if it is an order for this rollup. What costs little is checked first.
pub(crate) fn carry_out(
    host: &mut impl Host,
    external: &[u8],
    rollup: &Rollup,
    signatures: &mut u32,
) -> Result<()> {
    let Some(signed) = Signed::parse(external, rollup) else { return Ok(()) };
    let order =
        Order::parse(signed.command).ok_or("token: skipped an order that it does not understand\n")?;
    let from = signed.account();
    let nonce_key = accounts::nonce_key(&from);
    let nonce = host.number(nonce_key.as_bytes());
    if signed.nonce != nonce {
        return Err("token: refused an order with another nonce than the account's\n");
    }
    check(host, &order, &from)?;
    *signatures += 1;
    if !signed.is_genuine() {
        return Err("token: refused an order with a wrong signature\n");
    }
    // A nonce never comes to its end: that would take 2^64 orders.
    host.set_number(nonce_key.as_bytes(), nonce.saturating_add(1)).map_err(storage)?;
    match order.kind {
        Kind::Transfer => {
            accounts::transfer(host, &order.ticketer, &from, &order.to, order.amount)?;
            host.debug("token: a transfer\n");
        }
        Kind::Withdraw => {
            accounts::burn(host, &order.ticketer, &from, order.amount)?;
            exits::send(host, &order.ticketer, |parameter| {
                parameter.pair().bytes(&order.to);
                parameter.pair().contract(&order.ticketer).pair().unit().int(order.amount.into());
            })?;
            host.debug("token: a withdrawal\n");
        }
    }
    Ok(())
}

fn check(host: &impl Host, order: &Order, from: &KeyHash) -> Result<()> {
    if order.amount == 0 {
        return Err("token: refused an order for nothing\n");
    }
    // An account of another curve could hold units, and never sign; the layer-1 pays any of its own curves.
    let curves = match order.kind {
        Kind::Transfer => 0..=0,
        Kind::Withdraw => 0..=3,
    };
    if !curves.contains(&order.to[0]) {
        return Err("token: refused an order for an account of an unknown curve\n");
    }
    let balance = host.number(accounts::balance_key(&order.ticketer, from).as_bytes());
    if balance < order.amount {
        return Err("token: refused an order for more than the account has\n");
    }
    Ok(())
}
