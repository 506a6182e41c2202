//! What is stored of messages and batches, in a binary form of the node's own.

use soru_base::bin::{put_bool, put_bytes};
use soru_base::{Binary, BlockHash, DecodeError, L2MessageId, Level, OperationHash, PublicKeyHash, Reader};

/// Most bytes of a message.
const MAX_CONTENT: usize = 4_096;

/// A message that the batcher took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How many messages were taken before.
    pub number: u64,
    /// Where its sender wants it, if it says so: lower ones go first.
    pub order: Option<u64>,
    /// What goes into the inbox, without the tag.
    pub content: Vec<u8>,
    /// Where it is.
    pub place: Place,
    /// The head when it began to wait; the genesis block as long as no head was seen.
    pub since: Level,
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It waits.
    Queue,
    /// In the batch of that number.
    Batch(u64),
    /// Nowhere: at that head it had waited for too long. It is not sent, and its sender can see that.
    Expired(Level),
}

/// Messages that go together in one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Who signs.
    pub source: PublicKeyHash,
    /// The messages, in order.
    pub messages: Vec<L2MessageId>,
    /// The operations that were made of it, the newest last; never empty.
    pub attempts: Vec<Attempt>,
    /// Whether the layer-1 took the newest one.
    pub sent: bool,
    /// Where it was included, on the current chain.
    pub included: Option<Inclusion>,
}

/// An operation made of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The operation.
    pub operation: OperationHash,
    /// Number of the content that has the messages.
    pub index: u32,
    /// The head at that time.
    pub at: Level,
}

/// Where a batch is in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inclusion {
    /// The operation.
    pub operation: OperationHash,
    /// Number of the content.
    pub index: u32,
    /// The block.
    pub block: BlockHash,
    /// Its level.
    pub level: Level,
}

impl Message {
    /// Its key in the queue.
    pub(super) fn key(&self) -> (bool, u64, u64) {
        (self.order.is_none(), self.order.unwrap_or(0), self.number)
    }
}

impl Binary for Message {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number.to_be_bytes());
        put_option(out, self.order.as_ref(), |order, out| out.extend_from_slice(&order.to_be_bytes()));
        let batch = match self.place {
            Place::Queue | Place::Expired(_) => None,
            Place::Batch(number) => Some(number),
        };
        put_option(out, batch.as_ref(), |number, out| out.extend_from_slice(&number.to_be_bytes()));
        put_bytes(out, &self.content);
        self.since.write(out);
        let expired = match &self.place {
            Place::Expired(at) => Some(at),
            Place::Queue | Place::Batch(_) => None,
        };
        put_option(out, expired, Level::write);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = r.u64("number of the message")?;
        let order = r.bool("has an order")?.then(|| r.u64("order")).transpose()?;
        let mut place = match r.bool("is in a batch")? {
            true => Place::Batch(r.u64("number of the batch")?),
            false => Place::Queue,
        };
        let content = r.bytes(MAX_CONTENT, "content")?.to_vec();
        let mut since = Level::GENESIS;
        // Messages of earlier versions end here.
        if !r.is_empty() {
            since = Level::read(r)?;
            if r.bool("has expired")? {
                place = Place::Expired(Level::read(r)?);
            }
        }
        Ok(Self { number, order, content, place, since })
    }
}

impl Binary for Batch {
    fn write(&self, out: &mut Vec<u8>) {
        self.source.write(out);
        put_bool(out, self.sent);
        put_option(out, self.included.as_ref(), |included, out| {
            included.operation.write(out);
            out.extend_from_slice(&included.index.to_be_bytes());
            included.block.write(out);
            included.level.write(out);
        });
        soru_base::bin::put_sized(out, |out| {
            for attempt in &self.attempts {
                attempt.operation.write(out);
                out.extend_from_slice(&attempt.index.to_be_bytes());
                attempt.at.write(out);
            }
        });
        soru_base::bin::put_sized(out, |out| self.messages.iter().for_each(|id| id.write(out)));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let source = PublicKeyHash::read(r)?;
        let sent = r.bool("was sent")?;
        let included = r.bool("is included")?.then(|| read_inclusion(r)).transpose()?;
        let (mut attempts, mut messages) = (Vec::new(), Vec::new());
        let mut sub = r.sub("attempts")?;
        while !sub.is_empty() {
            attempts.push(Attempt {
                operation: OperationHash::read(&mut sub)?,
                index: sub.u32("number of the content")?,
                at: Level::read(&mut sub)?,
            });
        }
        let mut sub = r.sub("messages")?;
        while !sub.is_empty() {
            messages.push(L2MessageId::read(&mut sub)?);
        }
        Ok(Self { source, messages, attempts, sent, included })
    }
}

fn read_inclusion(r: &mut Reader<'_>) -> Result<Inclusion, DecodeError> {
    Ok(Inclusion {
        operation: OperationHash::read(r)?,
        index: r.u32("number of the content")?,
        block: BlockHash::read(r)?,
        level: Level::read(r)?,
    })
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<&T>, put: impl Fn(&T, &mut Vec<u8>)) {
    put_bool(out, value.is_some());
    if let Some(value) = value {
        put(value, out);
    }
}
