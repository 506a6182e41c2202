//! Tickets that come in.

use crate::{KeyHash, Result, Ticketer, accounts, exits};
use kit::host::Host;
use kit::inbox::Transfer;
use kit::micheline::Reader;

/// A ticket, and for whom it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Deposit {
    to: KeyHash,
    ticketer: Ticketer,
    amount: u64,
}

impl Deposit {
    /// Reads a `pair key_hash (ticket unit)`, and returns the ticket's own bytes, too. The layer-1 has checked the type, and that the ticket is one.
    fn parse(payload: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader(payload);
        reader.pair()?;
        let to = reader.bytes()?.try_into().ok()?;
        let ticket = reader.0;
        reader.pair()?;
        let ticketer = reader.contract()?;
        reader.pair()?;
        reader.unit()?;
        let amount = reader.nat()?;
        reader.end()?;
        Some((Self { to, ticketer, amount }, ticket))
    }
}

/// Credits the units of a ticket. One that cannot be credited goes back, to the account that signed the call.
pub(crate) fn take(host: &mut impl Host, transfer: &Transfer<'_>) -> Result<()> {
    let (deposit, ticket) =
        Deposit::parse(transfer.payload).ok_or("token: skipped a call that is no deposit\n")?;
    // Accounts of other curves could not sign orders.
    let known = deposit.to[0] == 0;
    if known && accounts::mint(host, &deposit.ticketer, &deposit.to, deposit.amount)? {
        host.debug("token: a deposit\n");
        return Ok(());
    }
    exits::send(host, &deposit.ticketer, |parameter| {
        parameter.pair().bytes(&transfer.source).raw(ticket);
    })?;
    Err("token: sent a deposit back that cannot be credited\n")
}
