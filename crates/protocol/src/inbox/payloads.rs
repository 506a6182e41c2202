//! The messages of one level as a skip list of their hashes.

use super::message::SerializedMessage;
use super::skip_list::Cell;
use soru_base::blake2b::hash32_parts;
use soru_base::{InboxMessageHash, MerkelizedPayloadHash};

/// A cell of the list: it holds the hash of a message.
pub type PayloadCell = Cell<InboxMessageHash, MerkelizedPayloadHash>;

impl PayloadCell {
    /// Hash of the cell: of the message's hash and the back pointers.
    pub fn hash(&self) -> MerkelizedPayloadHash {
        let mut parts: Vec<&[u8]> = Vec::with_capacity(1 + self.back_pointers.len());
        parts.push(self.content.as_bytes());
        parts.extend(self.back_pointers.iter().map(MerkelizedPayloadHash::as_bytes));
        MerkelizedPayloadHash(hash32_parts(&parts))
    }

    /// A list of one message.
    pub fn start(payload: &SerializedMessage) -> Self {
        Self::genesis(payload.hash())
    }

    /// The list with one more message.
    pub fn push(&self, payload: &SerializedMessage) -> Self {
        self.next(self.hash(), payload.hash()).expect("a list built from its first cell has all its pointers")
    }
}
