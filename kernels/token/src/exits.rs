//! Tickets that go out: the outbox of a level takes 100 messages, the others wait for the next level.

use crate::{Result, Ticketer, storage};
use kit::host::Host;
use kit::key::Key;
use kit::micheline::Writer;
use kit::outbox;

/// The ticketer's entrypoint that takes a `pair key_hash (ticket unit)`.
const ENTRYPOINT: &str = "withdraw";
/// Number of the first message that waits.
const FIRST: &[u8] = b"/exits/first";
/// Number of the next message that will have to wait.
const NEXT: &[u8] = b"/exits/next";
/// Most bytes of a message: 21 of a key's hash, 22 of each of two addresses, a number of any size.
const MESSAGE: usize = 2048;

/// Calls the ticketer with that parameter, now or in a later level.
pub(crate) fn send(
    host: &mut impl Host,
    ticketer: &Ticketer,
    parameter: impl FnOnce(&mut Writer<'_>),
) -> Result<()> {
    let mut buffer = [0; MESSAGE];
    let message = outbox::call(&mut buffer, ticketer, ENTRYPOINT, parameter)
        .ok_or("token: a ticket with a number that does not fit into a message\n")?;
    let next = host.number(NEXT);
    // In their order: nothing overtakes what waits.
    if host.number(FIRST) == next && host.write_output(message).is_ok() {
        return Ok(());
    }
    host.write(waiting(next).as_bytes(), 0, message).map_err(storage)?;
    host.set_number(NEXT, next + 1).map_err(storage)
}

/// Sends what waits, as far as the outbox takes it.
pub(crate) fn flush(host: &mut impl Host) {
    let (before, next) = (host.number(FIRST), host.number(NEXT));
    let mut first = before;
    let mut buffer = [0; MESSAGE];
    while first < next {
        let key = waiting(first);
        let Ok(length) = host.read(key.as_bytes(), 0, &mut buffer) else { break };
        if host.write_output(&buffer[..length]).is_err() || host.delete(key.as_bytes()).is_err() {
            break;
        }
        first += 1;
    }
    if first != before && host.set_number(FIRST, first).is_err() {
        host.debug("token: cannot write to the durable storage\n");
    }
}

fn waiting(number: u64) -> Key {
    Key::new(b"/exits").hex(&number.to_be_bytes())
}
