//! The inbox that all rollups share: what is put into it at each level, and the skip lists whose hashes witness it.
//!
//! The messages of a level form one skip list ([`payloads`]); the hashes of these lists form another one over the
//! levels ([`Inbox`]). The layer-1 keeps the last cell of each; a rollup node builds the same with all messages
//! ([`LevelInbox`]).

mod level;
mod message;
mod path;
pub mod payloads;
mod proof;
pub mod skip_list;
mod source;

pub use level::{LevelInbox, MAX_MESSAGES_PER_LEVEL, OpenLevel, ProtocolMessages};
pub use message::{
    InboxMessage, InternalMessage, MESSAGE_SIZE_LIMIT, MessageTooLargeError, SerializedMessage,
};
pub use path::PathError;
pub use payloads::PayloadCell;
pub use proof::{InboxProof, InboxProofError, ProvedMessage};
pub use source::{InboxSource, NotKeptError};

use serde_json::{Value, json};
use skip_list::Cell;
use soru_base::blake2b::hash32_parts;
use soru_base::json::{field, u64_field};
use soru_base::{
    Binary, DecodeError, IdFamily, InboxHash, Json, JsonError, Level, MerkelizedPayloadHash, Reader,
};
use thiserror::Error;

/// Why an inbox cannot be continued.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InboxError {
    /// More messages than a level may hold.
    #[error("a level holds at most {MAX_MESSAGES_PER_LEVEL} messages")]
    LevelFull,
    /// The last cell of the inbox has fewer back pointers than its index asks for.
    #[error("cell {index} of the inbox has {found} back pointers, fewer than its index asks for")]
    MissingBackPointers {
        /// Index of the cell.
        index: u64,
        /// Pointers found.
        found: usize,
    },
}

/// What a cell of the inbox holds: the messages of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelProof {
    /// Hash of the last cell of the level's messages.
    pub hash: MerkelizedPayloadHash,
    /// The level.
    pub level: Level,
}

/// A cell of the skip list over the levels.
pub type HistoryCell = Cell<LevelProof, InboxHash>;

/// The inbox after some level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    /// The level.
    pub level: Level,
    /// The level's cell.
    pub old_levels_messages: HistoryCell,
}

impl HistoryCell {
    /// Hash of the cell: of the messages' hash, the level in decimal digits and the back pointers.
    pub fn hash(&self) -> InboxHash {
        let level = self.content.level.to_string();
        let mut parts: Vec<&[u8]> = vec![self.content.hash.as_bytes(), level.as_bytes()];
        parts.extend(self.back_pointers.iter().map(InboxHash::as_bytes));
        InboxHash(hash32_parts(&parts))
    }
}

impl Inbox {
    /// An inbox that starts at `level`.
    pub fn first(level: Level, payloads: MerkelizedPayloadHash) -> Self {
        Self { level, old_levels_messages: Cell::genesis(LevelProof { hash: payloads, level }) }
    }

    /// The inbox one level later, whose messages have the last cell `payloads`.
    pub fn archive(&self, payloads: MerkelizedPayloadHash) -> Result<Self, InboxError> {
        let level = self.level.next();
        let last = &self.old_levels_messages;
        let cell = last
            .next(last.hash(), LevelProof { hash: payloads, level })
            .ok_or(InboxError::MissingBackPointers { index: last.index, found: last.back_pointers.len() })?;
        Ok(Self { level, old_levels_messages: cell })
    }

    /// Hash of the inbox: of its last cell.
    pub fn hash(&self) -> InboxHash {
        self.old_levels_messages.hash()
    }

    /// Hash of the last cell of this level's messages.
    pub fn current_payloads(&self) -> MerkelizedPayloadHash {
        self.old_levels_messages.content.hash
    }
}

impl Binary for LevelProof {
    fn write(&self, out: &mut Vec<u8>) {
        self.hash.write(out);
        self.level.write(out);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { hash: MerkelizedPayloadHash::read(r)?, level: Level::read(r)? })
    }
}

impl Json for LevelProof {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({ "hash": self.hash.to_json(family), "level": self.level.get() })
    }
    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self { hash: field(value, "hash", family)?, level: level_field(value, "level")? })
    }
}

impl Binary for Inbox {
    fn write(&self, out: &mut Vec<u8>) {
        self.level.write(out);
        self.old_levels_messages.write(out);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { level: Level::read(r)?, old_levels_messages: HistoryCell::read(r)? })
    }
}

impl Json for Inbox {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({
            "level": self.level.get(),
            "old_levels_messages": self.old_levels_messages.to_json(family),
        })
    }
    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            level: level_field(value, "level")?,
            old_levels_messages: field(value, "old_levels_messages", family)?,
        })
    }
}

/// The member `name` of an object, a level.
pub(crate) fn level_field(value: &Value, name: &str) -> Result<Level, JsonError> {
    u32::try_from(u64_field(value, name)?)
        .ok()
        .and_then(Level::new)
        .ok_or_else(|| JsonError::new("a level below 2^31", &value[name]).within(name))
}

#[cfg(test)]
mod tests;
