//! Instructions on many bytes or elements, which can stop in the middle.

use crate::price;

/// How much of such an instruction is done.
#[derive(Default)]
pub(super) struct Part {
    pub(super) count: u32,
    /// None if it is not begun.
    pub(super) ticks: u64,
    pub(super) is_part: bool,
}

/// How much of it `left` ticks are enough for, of `len` bytes or elements. If it comes again, it was taken already.
pub(super) fn part(left: u64, edge: u32, is_again: bool, len: u32, each: u64) -> Part {
    let edge = if is_again { price::TASK } else { edge };
    let whole = u64::from(edge) + u64::from(len) * each;
    if left >= whole {
        return Part { count: len, ticks: whole, is_part: false };
    }
    // The machine is before the rest of it when that was taken, and is not begun.
    let before = u64::from(edge - price::TASK);
    let count = left.saturating_sub(before) / each;
    if count == 0 {
        return Part::default();
    }
    Part { count: count as u32, ticks: before + count * each, is_part: true }
}
