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
            Err(_) => {
                host.write_debug("notary: cannot read the inbox\n");
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
            Err(_) => host.write_debug("notary: skipped a message that is for somebody else\n"),
        }
    }
}

fn take_down(host: &mut impl Runtime, payload: &[u8]) {
    let told = match ledger::enter(host, payload) {
        Ok(_) => "notary: a new entry\n",
        Err(_) => "notary: cannot write the entry\n",
    };
    host.write_debug(told);
}

fn certify(host: &mut impl Runtime, transfer: Transfer<MichelsonBytes>) {
    let Ok(count) = ledger::count(host) else {
        return host.write_debug("notary: cannot read the counter\n");
    };
    let Some(message) = reply::certificate(transfer.payload.0, count, transfer.sender) else {
        return host.write_debug("notary: cannot write the answer\n");
    };
    let told = match host.write_output(&message) {
        Ok(()) => "notary: certified\n",
        Err(_) => "notary: the outbox takes no more\n",
    };
    host.write_debug(told);
}

kernel_entry!(run);
