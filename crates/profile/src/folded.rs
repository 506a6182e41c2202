//! Stacks with their ticks, as text.

use std::collections::BTreeMap;
use std::fmt;

/// Stacks of frames with ticks. Its text has a line for each, `outer;inner 123`, as inferno, speedscope and FlameGraph read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded(BTreeMap<String, u64>);

impl Folded {
    /// Adds ticks to a stack, which is given as in the text.
    pub(crate) fn add(&mut self, stack: &str, ticks: u64) {
        if ticks == 0 {
            return;
        }
        match self.0.get_mut(stack) {
            Some(sum) => *sum += ticks,
            None => {
                self.0.insert(stack.to_owned(), ticks);
            }
        }
    }

    /// Adds all that others have.
    pub(crate) fn add_all(&mut self, others: &Self) {
        others.0.iter().for_each(|(stack, ticks)| self.add(stack, *ticks));
    }

    /// Stacks with their ticks, in the order of their texts.
    pub fn stacks(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(stack, ticks)| (stack.as_str(), *ticks))
    }

    /// All ticks.
    pub fn ticks(&self) -> u64 {
        self.0.values().sum()
    }
}

impl fmt::Display for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(stack, ticks)| writeln!(f, "{stack} {ticks}"))
    }
}
