//! What the layer-1 and its clients say to each other.

use crate::laws;
use soru_base::{Binary, OperationHash, blake2b::hash32};
use soru_protocol::inbox::InboxMessage;
use soru_protocol::operation::{Action, Operation, RevealProof};
use soru_protocol::outbox::OUTBOX_MESSAGE_SIZE_LIMIT;
use soru_protocol::receipt::BlockOperation;
use soru_protocol::{BlockHeader, Commitment, Inbox, OutboxMessage, SignedOperation};
use soru_pvm::input::InputKind;

/// Signed operations: exact, since the signature and the hash cover the bytes. Their JSON says the same.
pub fn operation(bytes: &[u8]) {
    let Some(mut operation) = laws::exact::<SignedOperation>(bytes) else { return };
    assert_eq!(operation.hash(), OperationHash(hash32(bytes)));
    say_proofs(&mut operation.operation);
    laws::json(&operation);
}

/// JSON does not tell a proof that is left out from one that is said not to be there.
pub(super) fn say_proofs(operation: &mut Operation) {
    for content in &mut operation.contents {
        if let Action::Reveal { proof, .. } = &mut content.action
            && *proof == RevealProof::LeftOut
        {
            *proof = RevealProof::None;
        }
    }
}

/// Block headers: exact, since the hash covers the bytes. Their JSON says the same.
pub fn block_header(bytes: &[u8]) {
    if let Some(header) = laws::exact::<BlockHeader>(bytes) {
        laws::json(&header);
    }
}

/// Commitments: exact, since the hash covers the bytes. Their JSON says the same.
pub fn commitment(bytes: &[u8]) {
    if let Some(commitment) = laws::exact::<Commitment>(bytes) {
        laws::json(&commitment);
    }
}

/// Messages of the inbox, as the protocol and as the machine look at them. What was read can be sent.
pub fn inbox_message(bytes: &[u8]) {
    let kind = InputKind::of(bytes);
    let Some(message) = laws::stable::<InboxMessage>(bytes) else { return };
    assert_ne!(kind, InputKind::MalformedMigration, "the protocol reads what the machine has no rule for");
    assert!(message.serialize().is_ok());
}

/// Messages of the outbox. Their JSON says the same, but for signals: those are shown as text.
pub fn outbox_message(bytes: &[u8]) {
    let Ok(message) = OutboxMessage::from_bytes(bytes) else { return };
    // An entrypoint without a name is written with one, which may be too long.
    if message.to_bytes().len() <= OUTBOX_MESSAGE_SIZE_LIMIT {
        laws::reads_back(&message);
    }
    if !matches!(message, OutboxMessage::CanonicalRollupSignal(_)) {
        laws::json(&message);
    }
}

/// JSON that a node or a client gets from a layer-1, chosen by the first byte.
pub fn json(bytes: &[u8]) {
    let Some((what, text)) = bytes.split_first() else { return };
    let Ok(value) = soru_base::json_text::parse(text, laws::JSON_DEPTH) else { return };
    match what % 6 {
        0 => {
            if let Some(operation) = laws::from_json::<SignedOperation>(&value) {
                // Clients may ask for what is too long to be sent.
                let _ = SignedOperation::from_bytes(&operation.to_bytes());
            }
        }
        1 => {
            if let Some(header) = laws::from_json::<BlockHeader>(&value) {
                laws::reads_back(&header);
            }
        }
        2 => {
            if let Some(commitment) = laws::from_json::<Commitment>(&value) {
                laws::reads_back(&commitment);
            }
        }
        3 => {
            if let Some(inbox) = laws::from_json::<Inbox>(&value) {
                laws::reads_back(&inbox);
            }
        }
        4 => drop(laws::from_json::<OutboxMessage>(&value)),
        _ => drop(laws::from_json::<BlockOperation>(&value)),
    }
}
