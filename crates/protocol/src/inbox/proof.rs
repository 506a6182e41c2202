//! Proofs that a message is the next one of an inbox, or that there is none: `serialized_proof` of a refutation.
//!
//! Two paths through two skip lists: one over the levels, from the snapshot to the level; one over the messages of the
//! level, from its last message to the one that is proved.
//!
//! **No hash holds the index of a cell.** That of the snapshot is known, and with it those of all levels. But how many
//! messages a level has is only claimed. Whoever knows the inbox has to compare [`InboxProof::claimed_last`]; with the
//! true one, a proof that verifies is of the true message.

use super::path::{self, MAX_CELLS, PathError};
use super::{
    HistoryCell, InboxSource, InternalMessage, MESSAGE_SIZE_LIMIT, NotKeptError, PayloadCell,
    SerializedMessage,
};
use soru_base::bin::{put_bool, put_bytes, put_sized};
use soru_base::{Binary, DecodeError, Level, LevelSpan, Reader};
use thiserror::Error;

/// A message of the inbox at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedMessage {
    /// Its level.
    pub level: Level,
    /// Its counter in the level.
    pub counter: u64,
    /// The message.
    pub message: SerializedMessage,
}

/// The proof of a message, or of the end of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxProof {
    /// From the snapshot to the cell of the level.
    levels: Vec<HistoryCell>,
    /// From the last message of the level to the one that is proved.
    messages: Vec<PayloadCell>,
    /// The message; `None` if the level ends before it.
    payload: Option<SerializedMessage>,
}

/// Why there is no inbox proof, or why it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InboxProofError {
    /// The inbox is not there.
    #[error(transparent)]
    NotKept(#[from] NotKeptError),
    /// What is there belongs to another inbox than the snapshot.
    #[error("the {what} found of level {level} is not that of the snapshot")]
    AnotherInbox {
        /// What was looked at.
        what: &'static str,
        /// Its level.
        level: Level,
    },
    /// The inbox has no such level.
    #[error("the level {level} is not in the inbox of levels {first} to {last}")]
    NoSuchLevel {
        /// The level.
        level: Level,
        /// First level of the inbox.
        first: Level,
        /// Level of the snapshot.
        last: Level,
    },
    /// The counter is behind the place that follows the last message.
    #[error("the counter {counter} is behind the end of the level, whose last message has {last}")]
    BehindTheEnd {
        /// The counter.
        counter: u64,
        /// Counter of the last message.
        last: u64,
    },
    /// The levels are no path.
    #[error("path over the levels: {0}")]
    Levels(#[source] PathError),
    /// The messages are no path.
    #[error("path over the messages: {0}")]
    Messages(#[source] PathError),
    /// The proof is of something else.
    #[error("the proof is of another {0}")]
    Another(&'static str),
}

impl InboxProof {
    /// Proves what comes first at or after `(level, counter)` in the inbox that ends with `snapshot`; `None` if it ends
    /// there. The counter may be that of a message, or the one behind the last.
    pub fn produce(
        source: &dyn InboxSource,
        snapshot: &HistoryCell,
        level: Level,
        counter: u64,
    ) -> Result<(Self, Option<ProvedMessage>), InboxProofError> {
        let levels = walk_levels(source, snapshot, level)?;
        let content = levels.last().unwrap_or(snapshot).content;
        let all = source.messages(level)?;
        let cells = cells(&all);
        let Some(head) = cells.last().filter(|head| head.hash() == content.hash) else {
            return Err(InboxProofError::AnotherInbox { what: "messages", level });
        };
        let last = head.index;
        let payload = usize::try_from(counter).ok().and_then(|i| all.get(i)).cloned();
        if payload.is_none() && Some(counter) != last.checked_add(1) {
            return Err(InboxProofError::BehindTheEnd { counter, last });
        }
        let messages = path::walk(head.clone(), counter.min(last), |index, _| {
            usize::try_from(index)
                .ok()
                .and_then(|i| cells.get(i))
                .cloned()
                .ok_or(PathError::NoWay { from: last, goal: counter })
        })
        .map_err(InboxProofError::Messages)?;
        let proof = Self { levels, messages, payload };
        let proved = proof.verify(snapshot, level, counter)?;
        Ok((proof, proved))
    }

    /// What comes first at or after `(level, counter)` in the inbox that ends with `snapshot`; `None` if it ends there.
    ///
    /// The cells must have the contents and pointers that hash to what leads to them, and the indices that their pointers
    /// have, the first one that of the snapshot; and the last one must be that of `level`. The rest is in
    /// [`claimed_last`](Self::claimed_last).
    pub fn verify(
        &self,
        snapshot: &HistoryCell,
        level: Level,
        counter: u64,
    ) -> Result<Option<ProvedMessage>, InboxProofError> {
        let (first, cell) = path::check(&self.levels, HistoryCell::hash).map_err(InboxProofError::Levels)?;
        if first != snapshot {
            return Err(InboxProofError::Another("inbox"));
        }
        if cell.content.level != level {
            return Err(InboxProofError::Another("level"));
        }
        let (head, target) =
            path::check(&self.messages, PayloadCell::hash).map_err(InboxProofError::Messages)?;
        if head.hash() != cell.content.hash {
            return Err(InboxProofError::Another("level's messages"));
        }
        if let Some(message) = &self.payload {
            if target.index != counter || target.content != message.hash() {
                return Err(InboxProofError::Another("message"));
            }
            return Ok(Some(ProvedMessage { level, counter, message: message.clone() }));
        }
        if Some(counter) != head.index.checked_add(1) || self.messages.len() != 1 {
            return Err(InboxProofError::Another("end of the level"));
        }
        let next =
            ProvedMessage { level: level.next(), counter: 0, message: InternalMessage::start_of_level() };
        Ok((cell != snapshot).then_some(next))
    }

    /// The counter of the level's last message, as the proof has it: to be compared with the true one.
    pub fn claimed_last(&self) -> Option<u64> {
        self.messages.first().map(|head| head.index)
    }
}

/// The levels of an inbox follow each other without a gap: the index of a level's cell follows from the snapshot's.
fn walk_levels(
    source: &dyn InboxSource,
    snapshot: &HistoryCell,
    level: Level,
) -> Result<Vec<HistoryCell>, InboxProofError> {
    let last = snapshot.content.level;
    let length = u32::try_from(snapshot.index).unwrap_or(u32::MAX);
    let first = last.minus(LevelSpan(length));
    if level < first || level > last {
        return Err(InboxProofError::NoSuchLevel { level, first, last });
    }
    let goal = snapshot.index - u64::from(last.since(level).0);
    let path = path::walk(snapshot.clone(), goal, |index, pointer| {
        let behind = u32::try_from(snapshot.index - index).unwrap_or(u32::MAX);
        let level = last.minus(LevelSpan(behind));
        let cell = source.cell(level)?;
        if cell.hash() != pointer {
            return Err(WalkError::Inbox(InboxProofError::AnotherInbox { what: "cell", level }));
        }
        Ok(cell)
    });
    path.map_err(|error| match error {
        WalkError::Path(error) => InboxProofError::Levels(error),
        WalkError::Inbox(error) => error,
    })
}

enum WalkError {
    Path(PathError),
    Inbox(InboxProofError),
}

impl From<PathError> for WalkError {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<NotKeptError> for WalkError {
    fn from(error: NotKeptError) -> Self {
        Self::Inbox(error.into())
    }
}

fn cells(messages: &[SerializedMessage]) -> Vec<PayloadCell> {
    let mut cells: Vec<PayloadCell> = Vec::with_capacity(messages.len());
    for message in messages {
        cells.push(match cells.last() {
            None => PayloadCell::start(message),
            Some(last) => last.push(message),
        });
    }
    cells
}

impl Binary for InboxProof {
    fn write(&self, out: &mut Vec<u8>) {
        put_sized(out, |out| self.levels.iter().for_each(|cell| cell.write(out)));
        put_sized(out, |out| self.messages.iter().for_each(|cell| cell.write(out)));
        put_bool(out, self.payload.is_some());
        if let Some(payload) = &self.payload {
            put_bytes(out, payload.as_bytes());
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let levels = read_path(r, "path over the levels")?;
        let messages = read_path(r, "path over the messages")?;
        let payload = if r.bool("message of a proof")? {
            Some(SerializedMessage(r.bytes(MESSAGE_SIZE_LIMIT, "message of a proof")?.to_vec()))
        } else {
            None
        };
        Ok(Self { levels, messages, payload })
    }
}

fn read_path<T: Binary>(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<T>, DecodeError> {
    let mut inner = r.sub(what)?;
    let mut cells = Vec::new();
    while !inner.is_empty() {
        if cells.len() == MAX_CELLS {
            return Err(inner.invalid(what, format!("more than {MAX_CELLS} cells")));
        }
        cells.push(T::read(&mut inner)?);
    }
    Ok(cells)
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
