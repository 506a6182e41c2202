//! The messages of one level, from its first to its last.

use super::message::{InternalMessage, SerializedMessage};
use super::payloads::PayloadCell;
use super::{Inbox, InboxError};
use soru_base::{BlockHash, MerkelizedPayloadHash};

/// Messages that one level may hold besides those of the protocol.
pub const MAX_MESSAGES_PER_LEVEL: u64 = 1_000_000;

/// What the protocol itself puts into the inbox of a level, besides start and end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProtocolMessages {
    /// Timestamp and hash of the predecessor block, on networks whose inboxes tell them.
    pub info: Option<(i64, BlockHash)>,
    /// In the first level of a protocol: the protocol's name.
    pub migration: Option<String>,
}

/// The inbox of a level while it is being filled: start of level and what followed so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLevel {
    witness: PayloadCell,
}

/// The complete inbox of one level.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelInbox {
    /// The inbox of all rollups after this level.
    pub inbox: Inbox,
    /// Every message of the level in order, the protocol's included: message `i` has the counter `i`.
    pub messages: Vec<SerializedMessage>,
    /// The cell of each message.
    pub cells: Vec<PayloadCell>,
}

impl OpenLevel {
    /// Starts a level.
    pub fn start(protocol: &ProtocolMessages) -> Self {
        let mut messages = opening_messages(protocol).into_iter();
        let first = messages.next().unwrap_or_else(InternalMessage::start_of_level);
        let witness = messages.fold(PayloadCell::start(&first), |witness, message| witness.push(&message));
        Self { witness }
    }

    /// Continues a level whose last cell is known.
    pub fn resume(witness: PayloadCell) -> Self {
        Self { witness }
    }

    /// The last cell.
    pub fn witness(&self) -> &PayloadCell {
        &self.witness
    }

    /// Adds a message.
    pub fn add(&mut self, message: &SerializedMessage) -> Result<(), InboxError> {
        if self.witness.index > MAX_MESSAGES_PER_LEVEL {
            return Err(InboxError::LevelFull);
        }
        self.witness = self.witness.push(message);
        Ok(())
    }

    /// Ends the level: the hash of its last cell.
    pub fn end(&self) -> MerkelizedPayloadHash {
        self.witness.push(&InternalMessage::end_of_level()).hash()
    }
}

fn opening_messages(protocol: &ProtocolMessages) -> Vec<SerializedMessage> {
    let mut messages = vec![InternalMessage::start_of_level()];
    if let Some((timestamp, predecessor)) = protocol.info {
        messages.push(InternalMessage::info_per_level(timestamp, predecessor));
    }
    if let Some(name) = &protocol.migration {
        let message = super::InboxMessage::Internal(InternalMessage::ProtocolMigration(name.clone()));
        messages.push(SerializedMessage(soru_base::Binary::to_bytes(&message)));
    }
    messages
}

impl LevelInbox {
    /// The inbox of the level after `predecessor`'s, with `messages` between what the protocol adds.
    pub fn build(
        predecessor: &Inbox,
        protocol: &ProtocolMessages,
        messages: &[SerializedMessage],
    ) -> Result<Self, InboxError> {
        let (all, cells) = cells(protocol, messages)?;
        let last = cells.last().ok_or(InboxError::LevelFull)?;
        Ok(Self { inbox: predecessor.archive(last.hash())?, messages: all, cells })
    }

    /// The very first inbox: nothing but the protocol's messages, at `level`.
    pub fn genesis(level: soru_base::Level, protocol: &ProtocolMessages) -> Self {
        let (messages, cells) = cells(protocol, &[]).expect("the protocol's messages alone fit a level");
        let hash = cells.last().expect("a level has at least its start and its end").hash();
        Self { inbox: Inbox::first(level, hash), messages, cells }
    }

    /// Hash of the last cell.
    pub fn payloads_hash(&self) -> MerkelizedPayloadHash {
        self.inbox.current_payloads()
    }
}

type MessagesAndCells = (Vec<SerializedMessage>, Vec<PayloadCell>);

fn cells(
    protocol: &ProtocolMessages,
    messages: &[SerializedMessage],
) -> Result<MessagesAndCells, InboxError> {
    let mut all = opening_messages(protocol);
    let first = all.first().map(PayloadCell::start).ok_or(InboxError::LevelFull)?;
    let mut cells = vec![first.clone()];
    let mut level = OpenLevel { witness: first };
    for message in &all[1..] {
        level.witness = level.witness.push(message);
        cells.push(level.witness.clone());
    }
    for message in messages {
        level.add(message)?;
        cells.push(level.witness.clone());
        all.push(message.clone());
    }
    let end = InternalMessage::end_of_level();
    cells.push(level.witness.push(&end));
    all.push(end);
    Ok((all, cells))
}
