#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "called by the machine, and by the unit tests")
)]

mod accounts;
mod deposit;
mod exits;
mod orders;
#[cfg(test)]
mod tests;

use kit::host::{Host, MESSAGE_MAX, Refused};
use kit::inbox::{Message, Transfer};
use kit::{Contract, KeyHash, Rollup};

/// The contract whose tickets the units are, and that takes them back.
type Ticketer = Contract;

/// Signatures that are checked in a run before the machine is asked for another one: a run has a bound of ticks, and a level may have thousands of
/// signed messages.
const SIGNATURES: u32 = 64;

/// Why a message is not carried out, for the log.
type Result<T> = core::result::Result<T, &'static str>;

fn storage(_: Refused) -> &'static str {
    "token: cannot write to the durable storage\n"
}

/// Carries out what the inbox of the level tells this rollup.
fn run(host: &mut impl Host) {
    let rollup = host.rollup();
    exits::flush(host);
    let mut buffer = [0; MESSAGE_MAX];
    let mut signatures = 0;
    while signatures < SIGNATURES {
        let Some(length) = host.read_input(&mut buffer) else { return };
        let message = buffer.get(..length).and_then(Message::parse);
        let done = match message {
            Some(Message::External(external)) => orders::carry_out(host, external, &rollup, &mut signatures),
            Some(Message::Transfer(transfer)) => called(host, &transfer, &rollup),
            _ => Ok(()),
        };
        if let Err(reason) = done {
            host.debug(reason);
        }
    }
    if host.reboot().is_err() {
        host.debug("token: cannot ask for another run\n");
    }
}

fn called(host: &mut impl Host, transfer: &Transfer<'_>, rollup: &Rollup) -> Result<()> {
    if transfer.destination != *rollup { Ok(()) } else { deposit::take(host, transfer) }
}

kit::kernel!(run);
