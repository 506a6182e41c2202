//! `batcher` and `injector` of `config.json`: how much goes into a batch, and what is kept how long.

use super::{MAX_MESSAGE_SIZE, MESSAGE_OVERHEAD};
use crate::config::keys::{Faults, Object};
use crate::store::Room;
use serde_json::{Map, Value, json};
use soru_base::LevelSpan;
use soru_protocol::operation::MAX_OPERATION_SIZE;

/// Most bytes of a batch: what an operation may have, less room for all else in it, a reveal of the largest kind included.
pub const MAX_BATCH_SIZE: usize = MAX_OPERATION_SIZE - 512;

/// Longest time for which a status is kept, in blocks.
const MAX_RETENTION: u32 = 40_960;

/// What the batcher keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `batcher.min_batch_elements`: so many messages do not wait for the next block.
    pub min_elements: u64,
    /// `batcher.min_batch_size`: nor do they if they have fewer bytes.
    pub min_size: u64,
    /// `batcher.max_batch_elements`: messages of a batch at most.
    pub max_elements: usize,
    /// `batcher.max_batch_size`: bytes of a batch at most, 4 more for each message.
    pub max_size: usize,
    /// `batcher.max_queue_elements` and `batcher.max_queue_size`: messages and bytes that may wait.
    pub room: Room,
    /// `batcher.max_queue_age`: blocks after which a message that waits is given up; never if not set.
    pub max_age: Option<LevelSpan>,
    /// `injector.injection_ttl`: blocks after which an operation that is still in the mempool is sent again with a higher fee.
    pub ttl: LevelSpan,
    /// `injector.retention_period`: blocks for which the status of an included message is kept.
    pub retention: LevelSpan,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_elements: 10,
            min_size: 10,
            max_elements: (1 << 30) - 1,
            max_size: MAX_BATCH_SIZE,
            room: Room { elements: 100_000, bytes: 64 << 20 },
            max_age: Some(LevelSpan(7_200)),
            ttl: LevelSpan(120),
            retention: LevelSpan(2_048),
        }
    }
}

impl Settings {
    /// Largest content of a message that is taken, in bytes.
    pub fn max_message(&self) -> usize {
        MAX_MESSAGE_SIZE.min(self.max_size.saturating_sub(MESSAGE_OVERHEAD))
    }

    /// A number of blocks as `retention_period` and `injection_ttl` take it.
    pub fn blocks(blocks: u32) -> Result<LevelSpan, String> {
        match (1..=MAX_RETENTION).contains(&blocks) {
            true => Ok(LevelSpan(blocks)),
            false => Err(format!("expected a number of blocks from 1 to {MAX_RETENTION}, found {blocks}")),
        }
    }

    pub(crate) fn parse(object: &mut Object<'_>, faults: &mut Faults) -> Self {
        let mut settings = Self::default();
        let natural = |v: &Value| v.as_u64().filter(|n| (1..=u64::from(u32::MAX >> 2)).contains(n));
        object.nested("batcher", faults, |object, faults| {
            let mut read = |name: &str, default: u64| {
                object.optional(name, "a number from 1 to 1073741823", faults, natural).unwrap_or(default)
            };
            settings.min_elements = read("min_batch_elements", settings.min_elements);
            settings.min_size = read("min_batch_size", settings.min_size);
            settings.max_elements = read("max_batch_elements", settings.max_elements as u64) as usize;
            settings.max_size = read("max_batch_size", settings.max_size as u64) as usize;
            settings.room.elements = read("max_queue_elements", settings.room.elements);
            settings.room.bytes = read("max_queue_size", settings.room.bytes);
            let age = |v: &Value| match v {
                Value::Null => Some(None),
                v => natural(v).and_then(|n| u32::try_from(n).ok()).map(|n| Some(LevelSpan(n))),
            };
            let expected = "a number of blocks from 1 to 1073741823, or null";
            settings.max_age =
                object.optional("max_queue_age", expected, faults, age).unwrap_or(settings.max_age);
            if settings.max_size > MAX_BATCH_SIZE {
                faults.add(format!(
                    "batcher.max_batch_size: expected at most {MAX_BATCH_SIZE}, found {}",
                    settings.max_size
                ));
            }
            if (settings.max_size as u64) < settings.min_size {
                faults.add("batcher.max_batch_size: expected at least min_batch_size");
            }
            if (settings.max_elements as u64) < settings.min_elements {
                faults.add("batcher.max_batch_elements: expected at least min_batch_elements");
            }
        });
        object.nested("injector", faults, |object, faults| {
            let blocks = |v: &Value| {
                v.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=MAX_RETENTION).contains(n))
            };
            let period =
                object.optional("retention_period", "a number of blocks from 1 to 40960", faults, blocks);
            settings.retention = period.map_or(settings.retention, LevelSpan);
            let ttl = object.optional("injection_ttl", "a number of blocks from 1 to 40960", faults, blocks);
            settings.ttl = ttl.map_or(settings.ttl, LevelSpan);
            object.unused("attempts", "a batch is sent until it is in a block, or taken apart", faults);
            object.unused("max_batch_length", "`batcher` says how large batches are", faults);
        });
        settings
    }

    /// Adds what differs from the default.
    pub(crate) fn add_to(&self, out: &mut Map<String, Value>) {
        let default = Self::default();
        let fields = [
            ("min_batch_elements", self.min_elements, default.min_elements),
            ("min_batch_size", self.min_size, default.min_size),
            ("max_batch_elements", self.max_elements as u64, default.max_elements as u64),
            ("max_batch_size", self.max_size as u64, default.max_size as u64),
            ("max_queue_elements", self.room.elements, default.room.elements),
            ("max_queue_size", self.room.bytes, default.room.bytes),
        ];
        let differ = fields.into_iter().filter(|(_, value, default)| value != default);
        let mut batcher: Map<String, Value> =
            differ.map(|(name, value, _)| (name.to_owned(), json!(value))).collect();
        if self.max_age != default.max_age {
            batcher.insert("max_queue_age".to_owned(), json!(self.max_age.map(|age| age.0)));
        }
        if !batcher.is_empty() {
            out.insert("batcher".to_owned(), Value::Object(batcher));
        }
        let fields = [
            ("retention_period", self.retention, default.retention),
            ("injection_ttl", self.ttl, default.ttl),
        ];
        let differ = fields.into_iter().filter(|(_, value, default)| value != default);
        let injector: Map<String, Value> =
            differ.map(|(name, value, _)| (name.to_owned(), json!(value.0))).collect();
        if !injector.is_empty() {
            out.insert("injector".to_owned(), Value::Object(injector));
        }
    }
}
