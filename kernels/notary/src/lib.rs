#![doc = include_str!("../README.md")]

mod ledger;
mod reply;

use tezos_smart_rollup::inbox::{InboxMessage, InternalInboxMessage, Transfer};
use tezos_smart_rollup::kernel_entry;
use tezos_smart_rollup::michelson::MichelsonBytes;
use tezos_smart_rollup::prelude::*;

/// Reads the whole inbox of the level.
fn run(host: &mut impl Runtime) {
    let own_address = host.reveal_metadata().address();
    loop {
        let message = match host.read_input() {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(error) => {
                debug_msg!(host, "notary: cannot read the inbox: {error}\n");
                return;
            }
        };
        // Calls of other rollups may carry other types: a message that does not parse is not for this kernel.
        match InboxMessage::<MichelsonBytes>::parse(message.as_ref()) {
            Ok((_, InboxMessage::External(payload))) => take_down(host, payload),
            Ok(([], InboxMessage::Internal(InternalInboxMessage::Transfer(transfer)))) => {
                if transfer.destination.hash() == &own_address {
                    certify(host, transfer);
                }
            }
            Ok(_) => {}
            Err(_) => debug_msg!(host, "notary: skipped message {} of level {}\n", message.id, message.level),
        }
    }
}

fn take_down(host: &mut impl Runtime, payload: &[u8]) {
    match ledger::enter(host, payload) {
        Ok(count) => debug_msg!(host, "notary: entry {count}, {} bytes\n", payload.len()),
        Err(error) => debug_msg!(host, "notary: cannot write the entry: {error}\n"),
    }
}

fn certify(host: &mut impl Runtime, transfer: Transfer<MichelsonBytes>) {
    let sender = transfer.sender.to_string();
    let sent = ledger::count(host)
        .map_err(|error| error.to_string())
        .and_then(|count| reply::certificate(transfer.payload.0, count, transfer.sender))
        .and_then(|message| host.write_output(&message).map_err(|error| error.to_string()));
    match sent {
        Ok(()) => debug_msg!(host, "notary: certified for {sender}\n"),
        Err(error) => debug_msg!(host, "notary: cannot certify for {sender}: {error}\n"),
    }
}

kernel_entry!(run);
