//! Instructions on many bytes or elements, which can stop in the middle.

use crate::code::{Code, Tables};
use crate::memory::Bytes;
use crate::op::{Op, Slot};
use crate::price;
use std::sync::Arc;

/// What such an instruction has come to.
pub(super) enum Bulk {
    /// It is left to the machine.
    Machine,
    /// There are not enough ticks to begin, or to go on with it.
    TooFew,
    /// A part is done, in so many ticks.
    Part(u64),
    /// All of it is done, in so many ticks.
    Done(u64),
}

/// What it reaches.
pub(super) struct Reach<'a> {
    pub(super) code: &'a Code,
    pub(super) memory: &'a mut Bytes,
    pub(super) tables: &'a mut Arc<Tables>,
    pub(super) dropped: &'a [bool],
    pub(super) dropped_elements: &'a [bool],
}

/// Where it writes, what it reads and how much of it there is. The cells that say so say of a part that is done what is left.
struct Work {
    to: Slot,
    /// The place that it reads from; nothing if it fills.
    from: Option<Slot>,
    count: Slot,
}

/// Does as much of it as `left` ticks are enough for. If it comes again, it was taken already.
#[inline(never)]
pub(super) fn bulk(op: Op, regs: &mut [u64], left: u64, is_again: bool, reach: Reach<'_>) -> Bulk {
    let number = |slot: Slot| regs[usize::from(slot)] as u32;
    let (edge, each, work) = match op {
        Op::MemoryFill { to, count, edge, .. } | Op::TableFill { to, count, edge, .. } => {
            (edge, price::FILLED, Work { to, from: None, count })
        }
        Op::MemoryInit { to, from, count, edge, .. } | Op::TableInit { to, from, count, edge, .. } => {
            (edge, price::FILLED, Work { to, from: Some(from), count })
        }
        Op::MemoryCopy { to, from, count, edge } | Op::TableCopy { to, from, count, edge, .. } => {
            (edge, price::COPIED, Work { to, from: Some(from), count })
        }
        _ => return Bulk::Machine,
    };
    let (to, from, len) = (number(work.to), work.from.map_or(0, number), number(work.count));
    let Some(bounds) = bounds(&op, &reach) else { return Bulk::Machine };
    let is_outside = |start: u32, bound: u64| u64::from(start) + u64::from(len) > bound;
    if is_outside(to, bounds.0) || bounds.1.is_some_and(|bound| is_outside(from, bound)) {
        return Bulk::Machine;
    }
    let Some(part) = part(left, edge, is_again, len, each) else { return Bulk::TooFew };
    if part.is_part && each == price::COPIED && to > from {
        // From the end: the machine keeps a task for every byte, which is its own business.
        return Bulk::TooFew;
    }
    if part.count > 0 {
        go(&op, (to, from, part.count), |slot| regs[usize::from(slot)], reach);
    }
    if !part.is_part {
        return Bulk::Done(part.ticks);
    }
    regs[usize::from(work.to)] = u64::from(to + part.count);
    if let Some(slot) = work.from {
        regs[usize::from(slot)] = u64::from(from + part.count);
    }
    regs[usize::from(work.count)] = u64::from(len - part.count);
    Bulk::Part(part.ticks)
}

/// How much there is of what it writes to, and of what it reads.
fn bounds(op: &Op, reach: &Reach<'_>) -> Option<(u64, Option<u64>)> {
    let memory = u64::from(reach.memory.pages()) << 16;
    let table = |index: u16| reach.tables.get(usize::from(index)).map(|table| table.len() as u64);
    Some(match *op {
        Op::MemoryFill { .. } => (memory, None),
        Op::MemoryCopy { .. } => (memory, Some(memory)),
        Op::MemoryInit { segment, .. } => (memory, Some(data(reach, segment).len() as u64)),
        Op::TableFill { table: index, .. } => (table(index)?, None),
        Op::TableCopy { to_table, from_table, .. } => (table(to_table)?, Some(table(from_table)?)),
        Op::TableInit { table: index, segment, .. } => {
            (table(index)?, Some(elements(reach, segment).len() as u64))
        }
        _ => return None,
    })
}

fn data<'a>(reach: &Reach<'a>, segment: u32) -> &'a [u8] {
    let is_dropped = reach.dropped.get(segment as usize).is_none_or(|dropped| *dropped);
    if is_dropped {
        &[]
    } else {
        &reach.code.shared.module.bytes[reach.code.segments[segment as usize].clone()]
    }
}

fn elements<'a>(reach: &Reach<'a>, segment: u16) -> &'a [u64] {
    let is_dropped = reach.dropped_elements.get(usize::from(segment)).is_none_or(|dropped| *dropped);
    if is_dropped { &[] } else { &reach.code.elements[usize::from(segment)] }
}

/// Does it, all of which is inside.
fn go(op: &Op, (to, from, count): (u32, u32, u32), cell: impl Fn(Slot) -> u64, reach: Reach<'_>) {
    let (start, source, len) = (to as usize, from as usize, count as usize);
    match *op {
        Op::MemoryFill { value, .. } => reach.memory.fill(to, count, cell(value) as u8),
        Op::MemoryCopy { .. } => reach.memory.copy(to, from, count),
        Op::MemoryInit { segment, .. } => {
            let bytes = data(&reach, segment);
            reach.memory.write_all(to, &bytes[source..source + len]);
        }
        Op::TableFill { value, table, .. } => {
            Arc::make_mut(reach.tables)[usize::from(table)][start..start + len].fill(cell(value));
        }
        Op::TableCopy { to_table, from_table, .. } => {
            let tables = Arc::make_mut(reach.tables);
            if to_table == from_table {
                tables[usize::from(to_table)].copy_within(source..source + len, start);
            } else {
                let copied = tables[usize::from(from_table)][source..source + len].to_vec();
                tables[usize::from(to_table)][start..start + len].copy_from_slice(&copied);
            }
        }
        Op::TableInit { table, segment, .. } => {
            let cells = elements(&reach, segment);
            let table = &mut Arc::make_mut(reach.tables)[usize::from(table)];
            table[start..start + len].copy_from_slice(&cells[source..source + len]);
        }
        _ => (),
    }
}

/// How much of it is done.
struct Part {
    count: u32,
    ticks: u64,
    is_part: bool,
}

/// Nothing if it is not begun.
fn part(left: u64, edge: u32, is_again: bool, len: u32, each: u64) -> Option<Part> {
    // It was taken already.
    let edge = if is_again { price::TASK } else { edge };
    let whole = u64::from(edge) + u64::from(len) * each;
    if left >= whole {
        return Some(Part { count: len, ticks: whole, is_part: false });
    }
    // The machine is before the rest of it when that was taken, and is not begun.
    let before = u64::from(edge - price::TASK);
    let count = left.saturating_sub(before) / each;
    (count > 0).then_some(Part { count: count as u32, ticks: before + count * each, is_part: true })
}
