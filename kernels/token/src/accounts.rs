//! What accounts hold, and what they have signed so far.

use crate::{KeyHash, Result, Ticketer, storage};
use kit::host::Host;
use kit::key::Key;

/// The units of a ticketer that an account holds: 8 bytes, big-endian.
pub(crate) fn balance_key(ticketer: &Ticketer, account: &KeyHash) -> Key {
    Key::new(b"/balances").hex(ticketer).hex(account)
}

/// All units of a ticketer: 8 bytes, big-endian.
pub(crate) fn supply_key(ticketer: &Ticketer) -> Key {
    Key::new(b"/supply").hex(ticketer)
}

/// How many orders of an account were carried out: 8 bytes, big-endian.
pub(crate) fn nonce_key(account: &KeyHash) -> Key {
    Key::new(b"/nonces").hex(account)
}

/// New units. Nothing changes when their number would be too large for 8 bytes: then no balance can be either.
pub(crate) fn mint(
    host: &mut impl Host,
    ticketer: &Ticketer,
    account: &KeyHash,
    amount: u64,
) -> Result<bool> {
    let key = supply_key(ticketer);
    let Some(supply) = host.number(key.as_bytes()).checked_add(amount) else { return Ok(false) };
    host.set_number(key.as_bytes(), supply).map_err(storage)?;
    credit(host, ticketer, account, amount)?;
    Ok(true)
}

/// Units that are gone.
pub(crate) fn burn(host: &mut impl Host, ticketer: &Ticketer, account: &KeyHash, amount: u64) -> Result<()> {
    debit(host, ticketer, account, amount)?;
    let key = supply_key(ticketer);
    let supply = host.number(key.as_bytes()).saturating_sub(amount);
    host.set_number(key.as_bytes(), supply).map_err(storage)
}

/// Units that change hands.
pub(crate) fn transfer(
    host: &mut impl Host,
    ticketer: &Ticketer,
    from: &KeyHash,
    to: &KeyHash,
    amount: u64,
) -> Result<()> {
    debit(host, ticketer, from, amount)?;
    credit(host, ticketer, to, amount)
}

fn debit(host: &mut impl Host, ticketer: &Ticketer, account: &KeyHash, amount: u64) -> Result<()> {
    let key = balance_key(ticketer, account);
    let rest = host
        .number(key.as_bytes())
        .checked_sub(amount)
        .ok_or("token: refused an order for more than the account has\n")?;
    if rest == 0 {
        host.delete(key.as_bytes()).map_err(storage)
    } else {
        host.set_number(key.as_bytes(), rest).map_err(storage)
    }
}

fn credit(host: &mut impl Host, ticketer: &Ticketer, account: &KeyHash, amount: u64) -> Result<()> {
    let key = balance_key(ticketer, account);
    // No overflow: a balance is at most the supply.
    let sum = host.number(key.as_bytes()).saturating_add(amount);
    host.set_number(key.as_bytes(), sum).map_err(storage)
}
