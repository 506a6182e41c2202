//! The batcher's part of the store: the queue, the batches, and where they were included. Every step is one transaction, so
//! that a message is in the queue or in one batch, whenever the node is killed.

use super::batch_record::{Attempt, Batch, Inclusion, Message, Place};
use super::tables::*;
use super::{Store, StoreError, damaged};
use crate::layer1::Added;
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
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
        let since = followed(&tx)?;
        for content in contents {
            let taken = number(&tx, MESSAGES_TAKEN)?;
            let id = crate::batcher::message_id((!wishes.drop_duplicates).then_some(taken), &content);
            ids.push(id);
            if let Some(known) = message(&tx, &id)? {
                // One that was given up is taken again.
                let Place::Expired(at) = known.place else { continue };
                forget_expiry(&tx, at, known.number)?;
            }
            would.elements += 1;
            would.bytes += content.len() as u64;
            set_number(&tx, MESSAGES_TAKEN, taken + 1)?;
            let message = Message { number: taken, order: wishes.order, content, place: Place::Queue, since };
            put_in_queue(&tx, &id, &message)?;
        }
        if would.elements > room.elements || would.bytes > room.bytes {
            return Err(EnqueueError::Full { would, room });
        }
        tx.commit().map_err(StoreError::from)?;
        Ok(ids)
    }

    /// Throws away messages that wait: all of them, or those with an order up to `up_to` and, if `unordered`, those without
    /// one. Returns how many. A message that is in a batch stays there.
    pub fn clear_queue(&self, up_to: Option<u64>, unordered: bool) -> Result<u64, StoreError> {
        let tx = self.db.begin_write()?;
        let mut gone = Vec::new();
        for entry in tx.open_table(QUEUE)?.iter()? {
            let id = L2MessageId(entry?.1.value().0);
            let message = message(&tx, &id)?.ok_or_else(|| missing("message", id.to_string()))?;
            let goes = match (up_to, message.order) {
                (None, _) => true,
                (Some(up_to), Some(order)) => order <= up_to,
                (Some(_), None) => unordered,
            };
            if goes {
                gone.push((id, message));
            }
        }
        for (id, message) in &gone {
            take_from_queue(&tx, message)?;
            tx.open_table(QUEUED)?.remove(id.0)?;
        }
        tx.commit()?;
        Ok(gone.len() as u64)
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
            take_from_queue(&tx, &message)?;
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

    /// Gives up the messages that wait since `head` minus `age` or longer, and forgets those that were given up more than
    /// `retention` blocks ago. Returns how many were given up.
    pub fn expire(&self, head: Level, age: LevelSpan, retention: LevelSpan) -> Result<usize, StoreError> {
        if !self.any_expires(head, age, retention)? {
            return Ok(0);
        }
        let tx = self.db.begin_write()?;
        let mut old = taken_out(&mut tx.open_table(WAITING)?, head.minus(age))?;
        // No head was known when they came.
        let (unknown, rest) = old.into_iter().partition(|(since, ..)| *since == Level::GENESIS.get());
        old = rest;
        for (_, _, id) in unknown {
            let Some(message) = message(&tx, &id)?.filter(|m| m.place == Place::Queue) else { continue };
            put_message(&tx, &id, &Message { since: head, ..message.clone() })?;
            tx.open_table(WAITING)?.insert((head.get(), message.number), id.0)?;
        }
        let mut given_up = 0;
        for (_, _, id) in old {
            let Some(message) = message(&tx, &id)?.filter(|m| m.place == Place::Queue) else { continue };
            take_from_queue(&tx, &message)?;
            tx.open_table(EXPIRED)?.insert((head.get(), message.number), id.0)?;
            put_message(&tx, &id, &Message { place: Place::Expired(head), ..message })?;
            given_up += 1;
        }
        for (_, _, id) in taken_out(&mut tx.open_table(EXPIRED)?, head.minus(retention))? {
            tx.open_table(QUEUED)?.remove(id.0)?;
        }
        tx.commit()?;
        Ok(given_up)
    }

    /// Whether there is something to give up or to forget. Nearly always there is not: the writer is not bothered for that.
    fn any_expires(&self, head: Level, age: LevelSpan, retention: LevelSpan) -> Result<bool, StoreError> {
        let tx = self.read()?;
        let first = |table: TableDefinition<'_, (u32, u64), [u8; 32]>| -> Result<Option<u32>, StoreError> {
            Ok(tx.open_table(table)?.first()?.map(|(key, _)| key.value().0))
        };
        let due = |first: Option<u32>, since: Level| first.is_some_and(|level| level <= since.get());
        Ok(due(first(WAITING)?, head.minus(age)) || due(first(EXPIRED)?, head.minus(retention)))
    }

    /// Puts the messages of a batch back to where they were in the queue. None of its operations can be included any more.
    pub fn requeue(&self, batch: u64) -> Result<(), StoreError> {
        let tx = self.db.begin_write()?;
        let record = required_batch(&tx, batch)?;
        let since = followed(&tx)?;
        for id in &record.messages {
            let message = message(&tx, id)?.ok_or_else(|| missing("message", id.to_string()))?;
            put_in_queue(&tx, id, &Message { place: Place::Queue, since, ..message })?;
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
    tx.open_table(WAITING)?.insert((message.since.get(), message.number), id.0)?;
    add_to_queue_bytes(tx, i64::from(size))?;
    put_message(tx, id, message)
}

fn forget_expiry(tx: &WriteTransaction, at: Level, number: u64) -> Result<(), StoreError> {
    tx.open_table(EXPIRED)?.remove((at.get(), number))?;
    Ok(())
}

fn take_from_queue(tx: &WriteTransaction, message: &Message) -> Result<(), StoreError> {
    tx.open_table(QUEUE)?.remove(message.key())?;
    tx.open_table(WAITING)?.remove((message.since.get(), message.number))?;
    add_to_queue_bytes(tx, -(message.content.len() as i64))
}

/// The last head that was followed; the genesis block if there is none.
fn followed(tx: &WriteTransaction) -> Result<Level, StoreError> {
    let level = tx.open_table(SEARCHED)?.last()?.map(|(level, _)| level.value());
    Ok(level.and_then(Level::new).unwrap_or(Level::GENESIS))
}

/// Removes the entries up to a level, and returns them.
fn taken_out(
    table: &mut redb::Table<'_, (u32, u64), [u8; 32]>,
    level: Level,
) -> Result<Vec<(u32, u64, L2MessageId)>, StoreError> {
    let mut out = Vec::new();
    for entry in table.extract_from_if(..=(level.get(), u64::MAX), |_, _| true)? {
        let (key, id) = entry?;
        let (at, number) = key.value();
        out.push((at, number, L2MessageId(id.value())));
    }
    Ok(out)
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
