//! Levels of the layer-1, and distances between them.

use crate::bin::{Binary, DecodeError, Reader};
use crate::json::{Json, JsonError};
use crate::profile::IdFamily;
use serde_json::Value;
use std::fmt;

/// The height of a block: 0 is the genesis. At most 2^31 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Level(u32);

/// A number of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LevelSpan(pub u32);

impl Level {
    /// The genesis.
    pub const GENESIS: Self = Self(0);
    /// The highest level the network can write.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// A level, or `None` above 2^31 − 1.
    pub fn new(level: u32) -> Option<Self> {
        (level <= Self::MAX.0).then_some(Self(level))
    }

    /// As the network's int32.
    pub fn as_i32(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }

    /// As a number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The next level; stays at [`Self::MAX`].
    pub fn next(self) -> Self {
        self.plus(LevelSpan(1))
    }

    /// The level before, if any.
    pub fn prev(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// So many blocks later; stays at [`Self::MAX`].
    pub fn plus(self, span: LevelSpan) -> Self {
        Self(self.0.saturating_add(span.0).min(Self::MAX.0))
    }

    /// So many blocks earlier; stays at the genesis.
    pub fn minus(self, span: LevelSpan) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Blocks from `earlier` to this level; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> LevelSpan {
        LevelSpan(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LevelSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Binary for Level {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let level = r.u32("level")?;
        Self::new(level).ok_or_else(|| r.invalid("level", "a negative int32"))
    }
}

impl Json for Level {
    fn to_json(&self, _: IdFamily) -> Value {
        Value::from(self.0)
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        // A number on the network; some proxies and indexers make texts of all numbers.
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let level = number.and_then(|n| u32::try_from(n).ok()).and_then(Self::new);
        level.ok_or_else(|| JsonError::new("a level (0 to 2147483647)", value))
    }
}
