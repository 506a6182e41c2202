//! The batcher's part of the store: the queue, the batches, and where they were included. Every step is one transaction, so
//! that a message is in the queue or in one batch, whenever the node is killed.

use super::batch_record::{Attempt, Batch, Inclusion, Message, Place};
use super::tables::*;
use super::{Store, StoreError, damaged};
use crate::layer1::Added;
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};
use soru_base::{Binary, BlockHash, L2MessageId, Level, LevelSpan, PublicKeyHash};
use thiserror::Error;

/// What a sender wants for its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Messages with an order go first, the lowest one before all.
    pub order: Option<u64>,
    /// A message that is there already is not taken again.
    pub drop_duplicates: bool,
}

/// How much the queue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Messages.
    pub elements: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// How much the queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueSize {
    /// Messages.
    pub elements: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Why messages were not taken: none of them was.
#[derive(Debug, Error)]
pub enum EnqueueError {
    /// They do not fit.
    #[error(
        "the queue of the batcher is full: with these it would have {} messages of {} bytes, it takes {} of {}",
        would.elements, would.bytes, room.elements, room.bytes
    )]
    Full {
        /// What the queue would hold.
        would: QueueSize,
        /// What it may hold.
        room: Room,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Puts messages into the queue, all or none; returns their identifiers once they are on the disk.
    pub fn enqueue(
        &self,
        contents: Vec<Vec<u8>>,
        wishes: Wishes,
        room: Room,
    ) -> Result<Vec<L2MessageId>, EnqueueError> {
        let tx = self.db.begin_write().map_err(StoreError::from)?;
        let mut would = QueueSize { elements: queue_len(&tx)?, bytes: number(&tx, QUEUE_BYTES)? };
        let mut ids = Vec::new();
        for content in contents {
            let taken = number(&tx, MESSAGES_TAKEN)?;
            let id = crate::batcher::message_id((!wishes.drop_duplicates).then_some(taken), &content);
            ids.push(id);
            if message(&tx, &id)?.is_some() {
                continue;
            }
            would.elements += 1;
            would.bytes += content.len() as u64;
            set_number(&tx, MESSAGES_TAKEN, taken + 1)?;
            let message = Message { number: taken, order: wishes.order, content, place: Place::Queue };
            put_in_queue(&tx, &id, &message)?;
        }
        if would.elements > room.elements || would.bytes > room.bytes {
            return Err(EnqueueError::Full { would, room });
        }
        tx.commit().map_err(StoreError::from)?;
        Ok(ids)
    }

    /// How much waits.
    pub fn queue_size(&self) -> Result<QueueSize, StoreError> {
        let tx = self.read()?;
        let bytes = tx.open_table(META)?.get(QUEUE_BYTES)?.map_or(0, |v| from_bytes(v.value()));
        Ok(QueueSize { elements: tx.open_table(QUEUE)?.len()?, bytes })
    }

    /// The first `most` messages that wait: identifiers and sizes.
    pub fn queue_front(&self, most: usize) -> Result<Vec<(L2MessageId, usize)>, StoreError> {
        let tx = self.read()?;
        let front = tx.open_table(QUEUE)?;
        let mut out = Vec::new();
        for entry in front.iter()?.take(most) {
            let (id, size) = entry?.1.value();
            out.push((L2MessageId(id), size as usize));
        }
        Ok(out)
    }

    /// A message that the batcher knows.
    pub fn queued(&self, id: &L2MessageId) -> Result<Option<Message>, StoreError> {
        match self.read()?.open_table(QUEUED)?.get(id.0)? {
            None => Ok(None),
            Some(bytes) => Message::from_bytes(bytes.value()).map(Some).map_err(damaged("message")),
        }
    }

    /// The batch of that number.
    pub fn batch(&self, number: u64) -> Result<Option<Batch>, StoreError> {
        match self.read()?.open_table(BATCHES)?.get(number)? {
            None => Ok(None),
            Some(bytes) => Batch::from_bytes(bytes.value()).map(Some).map_err(damaged("batch")),
        }
    }

    /// What the messages of a batch say, in order.
    pub fn contents(&self, ids: &[L2MessageId]) -> Result<Vec<Vec<u8>>, StoreError> {
        let content = |id| Ok(self.queued(id)?.ok_or_else(|| missing("message", id.to_string()))?.content);
        ids.iter().map(content).collect()
    }

    /// The batches that are in no block of the current chain, the oldest first.
    pub fn flights(&self) -> Result<Vec<(u64, Batch)>, StoreError> {
        let tx = self.read()?;
        let batches = tx.open_table(BATCHES)?;
        let mut out = Vec::new();
        for entry in tx.open_table(FLIGHTS)?.iter()? {
            let number = entry?.0.value();
            let bytes = batches.get(number)?.ok_or_else(|| missing("batch", number.to_string()))?;
            out.push((number, Batch::from_bytes(bytes.value()).map_err(damaged("batch"))?));
        }
        Ok(out)
    }

    /// Takes messages out of the queue and makes a batch of them, before its operation is sent.
    pub fn begin_batch(
        &self,
        source: PublicKeyHash,
        messages: Vec<L2MessageId>,
        attempt: Attempt,
    ) -> Result<u64, StoreError> {
        let tx = self.db.begin_write()?;
        let made = number(&tx, BATCHES_MADE)?;
        set_number(&tx, BATCHES_MADE, made + 1)?;
        for id in &messages {
            let message = message(&tx, id)?.ok_or_else(|| missing("message", id.to_string()))?;
            tx.open_table(QUEUE)?.remove(message.key())?;
            add_to_queue_bytes(&tx, -(message.content.len() as i64))?;
            put_message(&tx, id, &Message { place: Place::Batch(made), ..message })?;
        }
        tx.open_table(FLIGHTS)?.insert(made, ())?;
        tx.open_table(BATCH_OPERATIONS)?.insert(attempt.operation.0, made)?;
        put_batch(
            &tx,
            made,
            &Batch { source, messages, attempts: vec![attempt], sent: false, included: None },
        )?;
        tx.commit()?;
        Ok(made)
    }

    /// Notes another operation of a batch, before it is sent.
    pub fn try_again(&self, batch: u64, attempt: Attempt) -> Result<(), StoreError> {
        let tx = self.db.begin_write()?;
        let mut record = required_batch(&tx, batch)?;
        record.attempts.push(attempt);
        record.sent = false;
        tx.open_table(BATCH_OPERATIONS)?.insert(attempt.operation.0, batch)?;
        put_batch(&tx, batch, &record)?;
        Ok(tx.commit()?)
    }

    /// Notes that the layer-1 took the newest operation of a batch.
    pub fn note_sent(&self, batch: u64) -> Result<(), StoreError> {
        let tx = self.db.begin_write()?;
        let record = required_batch(&tx, batch)?;
        put_batch(&tx, batch, &Batch { sent: true, ..record })?;
        Ok(tx.commit()?)
    }

    /// Puts the messages of a batch back to where they were in the queue. None of its operations can be included any more.
    pub fn requeue(&self, batch: u64) -> Result<(), StoreError> {
        let tx = self.db.begin_write()?;
        let record = required_batch(&tx, batch)?;
        for id in &record.messages {
            let message = message(&tx, id)?.ok_or_else(|| missing("message", id.to_string()))?;
            put_in_queue(&tx, id, &Message { place: Place::Queue, ..message })?;
        }
        forget_batch(&tx, batch, &record)?;
        Ok(tx.commit()?)
    }

    /// The last block at or below `level` in which batches were looked for.
    pub fn searched(&self, level: Level) -> Result<Option<(Level, BlockHash)>, StoreError> {
        let tx = self.read()?;
        let searched = tx.open_table(SEARCHED)?;
        let last = searched.range(..=level.get())?.next_back().transpose()?;
        Ok(last.and_then(|(at, hash)| Some((Level::new(at.value())?, BlockHash(hash.value())))))
    }

    /// Takes back what was found above `level`; returns how many batches are pending again.
    pub fn unsearch(&self, level: Option<Level>) -> Result<usize, StoreError> {
        let first = level.map_or(0, |level| level.next().get());
        let tx = self.db.begin_write()?;
        tx.open_table(SEARCHED)?.retain_in(first.., |_, _| false)?;
        let landed: Vec<(u32, u64)> = landed(&tx, first, u32::MAX)?;
        for (at, batch) in &landed {
            tx.open_table(LANDED)?.remove((*at, *batch))?;
            tx.open_table(FLIGHTS)?.insert(*batch, ())?;
            let record = required_batch(&tx, *batch)?;
            put_batch(&tx, *batch, &Batch { included: None, sent: false, ..record })?;
        }
        tx.commit()?;
        Ok(landed.len())
    }

    /// Looks for batches in a block that follows what was searched; forgets those that were included more than
    /// `retention` blocks ago. Returns how many messages it has.
    pub fn search(
        &self,
        level: Level,
        block: BlockHash,
        added: &[Added],
        retention: LevelSpan,
    ) -> Result<usize, StoreError> {
        let tx = self.db.begin_write()?;
        tx.open_table(SEARCHED)?.insert(level.get(), block.0)?;
        let mut found = 0;
        for Added { operation, index } in added {
            let batch = tx.open_table(BATCH_OPERATIONS)?.get(operation.0)?.map(|n| n.value());
            let Some(batch) = batch else { continue };
            let record = required_batch(&tx, batch)?;
            if record.included.is_some() {
                continue;
            }
            found += record.messages.len();
            let included = Inclusion { operation: *operation, index: *index, block, level };
            tx.open_table(FLIGHTS)?.remove(batch)?;
            tx.open_table(LANDED)?.insert((level.get(), batch), ())?;
            put_batch(&tx, batch, &Batch { included: Some(included), sent: true, ..record })?;
        }
        let old = level.minus(retention).get();
        if level > Level::GENESIS.plus(retention) {
            tx.open_table(SEARCHED)?.retain_in(..old, |_, _| false)?;
            for (at, batch) in landed(&tx, 0, old)? {
                tx.open_table(LANDED)?.remove((at, batch))?;
                let record = required_batch(&tx, batch)?;
                for id in &record.messages {
                    tx.open_table(QUEUED)?.remove(id.0)?;
                }
                forget_batch(&tx, batch, &record)?;
            }
        }
        tx.commit()?;
        Ok(found)
    }
}

fn landed(tx: &WriteTransaction, first: u32, end: u32) -> Result<Vec<(u32, u64)>, StoreError> {
    let table = tx.open_table(LANDED)?;
    let range = table.range((first, 0)..(end, 0))?;
    range.map(|entry| Ok(entry?.0.value())).collect()
}

fn put_in_queue(tx: &WriteTransaction, id: &L2MessageId, message: &Message) -> Result<(), StoreError> {
    let size = u32::try_from(message.content.len()).unwrap_or(u32::MAX);
    tx.open_table(QUEUE)?.insert(message.key(), (id.0, size))?;
    add_to_queue_bytes(tx, i64::from(size))?;
    put_message(tx, id, message)
}

fn put_message(tx: &WriteTransaction, id: &L2MessageId, message: &Message) -> Result<(), StoreError> {
    tx.open_table(QUEUED)?.insert(id.0, message.to_bytes().as_slice())?;
    Ok(())
}

fn message(tx: &WriteTransaction, id: &L2MessageId) -> Result<Option<Message>, StoreError> {
    match tx.open_table(QUEUED)?.get(id.0)? {
        None => Ok(None),
        Some(bytes) => Message::from_bytes(bytes.value()).map(Some).map_err(damaged("message")),
    }
}

fn put_batch(tx: &WriteTransaction, number: u64, batch: &Batch) -> Result<(), StoreError> {
    tx.open_table(BATCHES)?.insert(number, batch.to_bytes().as_slice())?;
    Ok(())
}

fn required_batch(tx: &WriteTransaction, number: u64) -> Result<Batch, StoreError> {
    match tx.open_table(BATCHES)?.get(number)? {
        None => Err(missing("batch", number.to_string())),
        Some(bytes) => Batch::from_bytes(bytes.value()).map_err(damaged("batch")),
    }
}

fn forget_batch(tx: &WriteTransaction, number: u64, batch: &Batch) -> Result<(), StoreError> {
    tx.open_table(FLIGHTS)?.remove(number)?;
    tx.open_table(BATCHES)?.remove(number)?;
    for attempt in &batch.attempts {
        tx.open_table(BATCH_OPERATIONS)?.remove(attempt.operation.0)?;
    }
    Ok(())
}

fn queue_len(tx: &WriteTransaction) -> Result<u64, StoreError> {
    Ok(tx.open_table(QUEUE)?.len()?)
}

fn add_to_queue_bytes(tx: &WriteTransaction, bytes: i64) -> Result<(), StoreError> {
    set_number(tx, QUEUE_BYTES, number(tx, QUEUE_BYTES)?.saturating_add_signed(bytes))
}

fn number(tx: &WriteTransaction, name: &str) -> Result<u64, StoreError> {
    Ok(tx.open_table(META)?.get(name)?.map_or(0, |v| from_bytes(v.value())))
}

fn set_number(tx: &WriteTransaction, name: &str, value: u64) -> Result<(), StoreError> {
    tx.open_table(META)?.insert(name, value.to_be_bytes().as_slice())?;
    Ok(())
}

fn from_bytes(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

fn missing(what: &'static str, name: String) -> StoreError {
    StoreError::Damaged { what, reason: format!("{name} of the batcher is missing") }
}
