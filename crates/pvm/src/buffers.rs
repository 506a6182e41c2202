//! The messages not yet read, and the outboxes.

use crate::host::ErrorCode;
use crate::lazy::{ByteVector, Item, LazyMap, LazyVector, read_leaf, require_leaf};
use crate::state::StateError;
use bytes::Bytes;
use num_bigint::BigInt;
use soru_base::bin::{put_bytes, put_z};
use soru_base::level::{Level, LevelSpan};
use soru_merkle::Tree;

/// A message of the inbox with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputMessage {
    /// Level of the inbox.
    pub level: Level,
    /// Index in that inbox.
    pub counter: u64,
    /// The bytes that the kernel reads.
    pub payload: Vec<u8>,
}

/// No message of an inbox is longer; a longer one in a state is not read.
const PAYLOAD_MAX: u64 = 1 << 20;

impl Item for InputMessage {
    fn decode(tree: &Tree) -> Result<Self, StateError> {
        let level = require_leaf(tree, &["raw-level"], |r| r.i32("level"))?;
        let level = u32::try_from(level).ok().and_then(Level::new);
        let counter = require_leaf(tree, &["message-counter"], |r| r.z("counter"))?;
        Ok(Self {
            level: level.ok_or_else(|| StateError::malformed(&["raw-level"], "a negative level"))?,
            counter: u64::try_from(&counter).map_err(|_| {
                StateError::malformed(&["message-counter"], format!("{counter} does not fit 64 bits"))
            })?,
            payload: ByteVector::of_tree(tree.clone()).read_all(PAYLOAD_MAX)?,
        })
    }

    fn encode(&self) -> Result<Tree, StateError> {
        let mut tree = ByteVector::of_bytes(&self.payload)?.tree().clone();
        tree.insert(&["raw-level"], self.level.as_i32().to_be_bytes().to_vec())?;
        let mut counter = Vec::new();
        put_z(&mut counter, &BigInt::from(self.counter));
        tree.insert(&["message-counter"], counter)?;
        Ok(tree)
    }
}

/// A queue of messages.
#[derive(Debug, Clone, Default)]
pub struct InputBuffer {
    messages: LazyVector<InputMessage>,
    // Its subtree, if nothing has changed since it was read or written.
    written: Option<Tree>,
}

impl InputBuffer {
    /// Number of messages not yet read.
    pub fn len(&self) -> u64 {
        self.messages.len()
    }

    /// Whether all messages were read.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Takes the first message.
    pub fn pop(&mut self) -> Result<Option<InputMessage>, StateError> {
        self.written = None;
        self.messages.pop()
    }

    /// Adds a message at the end; false and nothing done if its place is not after that of the last one.
    pub(crate) fn push(&mut self, message: InputMessage) -> Result<bool, StateError> {
        if let Some(last) = self.len().checked_sub(1) {
            let last = self.messages.get(last)?.ok_or_else(|| StateError::missing(&["contents"]))?;
            if (message.level, message.counter) <= (last.level, last.counter) {
                return Ok(false);
            }
        }
        self.written = None;
        self.messages.append(message)?;
        Ok(true)
    }

    pub(crate) fn decode_at(tree: &Tree, path: &[&str]) -> Result<Self, StateError> {
        Ok(Self { messages: LazyVector::decode_at(tree, path)?, written: tree.find_tree(path)? })
    }

    pub(crate) fn encode_at(&mut self, tree: &mut Tree, path: &[&str]) -> Result<(), StateError> {
        if let Some(written) = &self.written {
            return Ok(tree.insert_tree(path, written.clone())?);
        }
        self.messages.encode_at(tree, path)?;
        self.written = tree.find_tree(path)?;
        Ok(())
    }
}

/// A message of an outbox: its bytes behind their length.
impl Item for Bytes {
    fn decode(tree: &Tree) -> Result<Self, StateError> {
        require_leaf(tree, &[], |r| Ok(Bytes::copy_from_slice(r.bytes(u32::MAX as usize, "message")?)))
    }

    fn encode(&self) -> Result<Tree, StateError> {
        let mut leaf = Vec::with_capacity(4 + self.len());
        put_bytes(&mut leaf, self);
        Ok(Tree::leaf(leaf))
    }
}

/// The outboxes of the last levels, one each.
#[derive(Debug, Clone)]
pub struct OutputBuffer {
    outboxes: LazyMap<LazyVector<Bytes>>,
    last_level: Option<i32>,
    validity_period: i32,
    message_limit: i64,
    // Its subtree, if nothing has changed since it was read or written.
    written: Option<Tree>,
}

impl OutputBuffer {
    /// No outbox yet. An outbox is kept for `validity_period` levels and takes `message_limit` messages.
    pub fn new(validity_period: LevelSpan, message_limit: u64) -> Self {
        let validity_period = as_i32(validity_period);
        let message_limit = i64::try_from(message_limit).unwrap_or(i64::MAX);
        Self { outboxes: LazyMap::default(), last_level: None, validity_period, message_limit, written: None }
    }

    /// The level whose outbox is written.
    pub fn last_level(&self) -> Option<i32> {
        self.last_level
    }

    /// The messages of a level; nothing if its outbox is too old, or not there yet.
    pub fn outbox(&self, level: Level) -> Result<Option<Vec<Bytes>>, StateError> {
        let Some(outbox) = self.find(level)? else { return Ok(None) };
        let mut messages = Vec::new();
        for index in 0..outbox.len() {
            messages.extend(outbox.get(index)?);
        }
        Ok(Some(messages))
    }

    /// One message of a level.
    pub fn message(&self, level: Level, index: u64) -> Result<Option<Bytes>, StateError> {
        match self.find(level)? {
            Some(outbox) => outbox.get(index),
            None => Ok(None),
        }
    }

    fn find(&self, level: Level) -> Result<Option<LazyVector<Bytes>>, StateError> {
        let Some(last) = self.last_level else { return Ok(None) };
        let level = level.as_i32();
        if level > last || level < first_kept(last, self.validity_period) {
            return Ok(None);
        }
        self.outboxes.get(i64::from(level))
    }

    /// Adds a message to the outbox of the current level, or says why not.
    pub(crate) fn push(&mut self, message: Vec<u8>) -> Result<Result<(), ErrorCode>, StateError> {
        let Some(level) = self.last_level.map(i64::from) else {
            return Ok(Err(ErrorCode::GenericInvalidAccess));
        };
        let Some(mut outbox) = self.outboxes.get(level)? else {
            return Ok(Err(ErrorCode::GenericInvalidAccess));
        };
        // Written so that a limit of zero or less still lets the first message in, as the machine does.
        if !outbox.is_empty() && outbox.len() as i64 >= self.message_limit {
            return Ok(Err(ErrorCode::FullOutbox));
        }
        self.written = None;
        outbox.append(message.into())?;
        self.outboxes.set(level, outbox);
        Ok(Ok(()))
    }

    /// Opens the outbox of the next level, or that of `level` if there is none yet; drops the oldest one.
    pub(crate) fn open(&mut self, level: Level) {
        self.written = None;
        let last = self.last_level;
        let level = last.map_or(level.as_i32(), |last| last.wrapping_add(1));
        self.last_level = Some(level);
        self.outboxes.set(i64::from(level), LazyVector::default());
        // In this order: a validity of no levels drops the outbox that was just opened.
        if let Some(last) = last {
            self.outboxes.remove(i64::from(first_kept(last, self.validity_period)));
        }
    }

    pub(crate) fn set_validity_period(&mut self, period: LevelSpan) {
        self.written = None;
        self.validity_period = as_i32(period);
    }

    pub(crate) fn decode_at(tree: &Tree, path: &[&str]) -> Result<Self, StateError> {
        let tree = tree.find_tree(path)?.unwrap_or_default();
        let limit = require_leaf(&tree, &["4", "message_limit"], |r| r.z("limit"))?;
        Ok(Self {
            outboxes: LazyMap::of_tree(tree.find_tree(&["1", "outboxes"])?.unwrap_or_default()),
            last_level: read_leaf(&tree, &["2", "last_level"], |r| r.i32("level"))?,
            validity_period: require_leaf(&tree, &["3", "validity_period"], |r| r.i32("levels"))?,
            message_limit: i64::try_from(&limit)
                .map_err(|_| StateError::malformed(&["4", "message_limit"], "a number beyond 64 bits"))?,
            written: Some(tree),
        })
    }

    pub(crate) fn encode_at(&mut self, tree: &mut Tree, path: &[&str]) -> Result<(), StateError> {
        if let Some(written) = &self.written {
            return Ok(tree.insert_tree(path, written.clone())?);
        }
        let mut below = tree.find_tree(path)?.unwrap_or_default();
        below.insert_tree(&["1", "outboxes"], self.outboxes.encode()?)?;
        match self.last_level {
            Some(level) => below.insert(&["2", "last_level"], level.to_be_bytes().to_vec())?,
            None => below.remove(&["2", "last_level"])?,
        }
        below.insert(&["3", "validity_period"], self.validity_period.to_be_bytes().to_vec())?;
        let mut limit = Vec::new();
        put_z(&mut limit, &BigInt::from(self.message_limit));
        below.insert(&["4", "message_limit"], limit)?;
        self.written = Some(below.clone());
        Ok(tree.insert_tree(path, below)?)
    }
}

fn as_i32(period: LevelSpan) -> i32 {
    i32::try_from(period.0).unwrap_or(i32::MAX)
}

fn first_kept(last: i32, validity_period: i32) -> i32 {
    last.wrapping_sub(validity_period).wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_that_is_kept_for_no_level_takes_no_message() {
        let mut output = OutputBuffer::new(LevelSpan(0), 2);
        let mut pushed = |level| {
            output.open(Level::new(level).unwrap());
            output.push(vec![1]).unwrap()
        };
        // The first outbox is opened without looking for one that is too old.
        assert_eq!(pushed(7), Ok(()));
        assert_eq!(pushed(8), Err(ErrorCode::GenericInvalidAccess));
    }
}
