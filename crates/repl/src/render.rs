//! Messages as texts, in the form of the document where it has one.

use soru_base::{Binary, IdFamily};
use soru_protocol::inbox::{InboxMessage, InternalMessage};
use soru_protocol::{OutboxMessage, Timestamp};

/// A message of the inbox.
pub(crate) fn input(bytes: &[u8], ids: IdFamily) -> String {
    let Ok(message) = InboxMessage::from_bytes(bytes) else {
        return format!("Unknown encoding: {}", hex::encode(bytes));
    };
    match message {
        InboxMessage::External(bytes) => hex::encode(bytes),
        InboxMessage::Internal(InternalMessage::StartOfLevel) => "Start_of_level".to_owned(),
        InboxMessage::Internal(InternalMessage::EndOfLevel) => "End_of_level".to_owned(),
        InboxMessage::Internal(InternalMessage::ProtocolMigration(name)) => {
            format!("Protocol_migration {name}")
        }
        InboxMessage::Internal(InternalMessage::InfoPerLevel { predecessor_timestamp, predecessor }) => {
            let time = Timestamp(predecessor_timestamp).to_string().replace('Z', "-00:00");
            format!("Info_per_level {{predecessor_timestamp = {time}; predecessor = {predecessor}}}")
        }
        InboxMessage::Internal(InternalMessage::Transfer { payload, sender, source, destination }) => {
            format!(
                "Transfer {{payload = {payload}; sender = {sender}; source = {source}; destination = {}}}",
                destination.in_family(ids)
            )
        }
    }
}

/// A message of the outbox: one part for each transaction.
pub(crate) fn output(bytes: &[u8]) -> String {
    let Ok(message) = OutboxMessage::from_bytes(bytes) else {
        return format!("Unknown encoding: {}", hex::encode(bytes));
    };
    let parts: Vec<String> = match message {
        OutboxMessage::AtomicTransactionBatch(transactions) => transactions
            .iter()
            .map(|t| {
                format!(
                    "{{ unparsed_parameters: {};\n  destination: {};\n  entrypoint: {}; }}",
                    t.parameters, t.destination, t.entrypoint
                )
            })
            .collect(),
        OutboxMessage::AtomicTransactionBatchTyped(transactions) => transactions
            .iter()
            .map(|t| {
                format!(
                    "{{ unparsed_parameters: {};\n  unparsed_ty: {};\n  destination: {};\n  entrypoint: {}; }}",
                    t.parameters, t.parameters_ty, t.destination, t.entrypoint
                )
            })
            .collect(),
        OutboxMessage::WhitelistUpdate(None) => vec!["{ whitelist: none; }".to_owned()],
        OutboxMessage::WhitelistUpdate(Some(stakers)) => {
            let stakers: Vec<String> = stakers.iter().map(ToString::to_string).collect();
            vec![format!("{{ whitelist: {}; }}", stakers.join(", "))]
        }
        OutboxMessage::CanonicalRollupSignal(bytes) => {
            vec![format!("{{ canonical_rollup_signal: {}; }}", hex::encode(bytes))]
        }
    };
    parts.join("\n")
}
