//! Ticks: the steps of the machine. They fit 64 bits: 2^64 of them are 16 million full levels.

use std::fmt;

/// A point in the life of a machine: how many steps it has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u64);

/// A number of ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TickSpan(pub u64);

impl Tick {
    /// Before the first step.
    pub const ZERO: Self = Self(0);

    /// So many ticks later; stays at the last one.
    pub fn plus(self, span: TickSpan) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Ticks from `earlier` to this one; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> TickSpan {
        TickSpan(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TickSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
