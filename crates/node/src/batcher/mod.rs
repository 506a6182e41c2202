//! External messages taken over the RPC and sent to the layer-1 in batches.
//!
//! A message is in the store before its sender has an answer, and a batch is in the store before its operation is sent: what
//! is there follows from the store alone, so a restart loses nothing. An operation of a batch that is neither in a block nor in
//! the mempool is made anew with the same key: its counter is the same, so that the layer-1 takes one of the two at most.

pub(crate) mod gauges;
mod plan;
mod settings;
mod task;

pub use settings::{MAX_BATCH_SIZE, Settings};
pub use task::Batcher;

use soru_base::bin::{put_bool, put_bytes, put_z};
use soru_base::blake2b::hash32;
use soru_base::{L2MessageId, Level};
use std::sync::Arc;
use tokio::sync::Notify;

/// Bytes that a message takes in a batch besides its own.
pub const MESSAGE_OVERHEAD: usize = 4;
/// Largest content of a message: with its tag it has 4,096 bytes.
pub const MAX_MESSAGE_SIZE: usize = 4_095;

/// The identifier of a message: the network's hash of its content and, unless equal messages are one, its number.
pub fn message_id(number: Option<u64>, content: &[u8]) -> L2MessageId {
    let mut bytes = Vec::new();
    put_bool(&mut bytes, number.is_some());
    if let Some(number) = number {
        put_z(&mut bytes, &number.into());
    }
    put_bytes(&mut bytes, content);
    L2MessageId(hash32(&bytes))
}

/// What the RPC has of a batcher.
#[derive(Debug, Clone)]
pub struct Inlet {
    /// What is taken.
    pub settings: Settings,
    /// Tells the batcher that there are messages.
    pub arrived: Arc<Notify>,
    /// Held from when messages are picked for a batch until they are in it: nobody throws them away in between.
    pub picking: Arc<tokio::sync::Mutex<()>>,
}

/// How the batcher is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatcherStatus {
    /// The level up to which batches were looked for.
    pub followed: Option<Level>,
    /// What a person has to look at.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_the_network_s() {
        // 00, or ff and the number; then the length and the content.
        let without = hash32(&[0, 0, 0, 0, 2, 0xca, 0xfe]);
        assert_eq!(message_id(None, &[0xca, 0xfe]), L2MessageId(without));
        let with = hash32(&[0xff, 0x80, 0x01, 0, 0, 0, 1, 7]);
        assert_eq!(message_id(Some(64), &[7]), L2MessageId(with));
        let text = message_id(Some(0), b"").to_string();
        assert!(text.starts_with("scmsg") && text.len() == 55, "{text}");
    }
}
