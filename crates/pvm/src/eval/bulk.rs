//! Instructions on many bytes or elements at once: each is done one by one, by tasks that make tasks.

use super::shape::{Task, Tasks};
use super::value::Ref;
use crate::lazy::record;
use crate::numeric::{Extension, LoadOp, Number, Packing, StoreOp, Width};
use crate::wasm::instruction::Instruction;

record! {
    /// One more reference out of a segment, then the others.
    TableInit {
        index: i32 = ["1"], reference: Ref = ["2"], to: i32 = ["3"], from: i32 = ["4"], count: i32 = ["5"],
        table: i32 = ["6"], segment: i32 = ["7"],
    }
}

record! {
    TableFill { index: i32 = ["1"], to: i32 = ["2"], count: i32 = ["3"], reference: Ref = ["4"], table: i32 = ["5"] }
}

record! {
    TableCopy {
        index: i32 = ["1"], to: i32 = ["2"], from: i32 = ["3"], count: i32 = ["4"], to_table: i32 = ["5"],
        from_table: i32 = ["6"], upwards: bool = ["7"],
    }
}

record! {
    MemoryInit {
        index: i32 = ["1"], to: i32 = ["2"], byte: i32 = ["3"], count: i32 = ["4"], from: i32 = ["5"],
        segment: i32 = ["6"],
    }
}

record! {
    MemoryFill { index: i32 = ["1"], to: i32 = ["2"], value: Number = ["3"], count: i32 = ["4"] }
}

record! {
    MemoryCopy { index: i32 = ["1"], to: i32 = ["2"], from: i32 = ["3"], count: i32 = ["4"], upwards: bool = ["5"] }
}

fn number(number: Number) -> Task {
    Task::Plain { instruction: Instruction::Const(number) }
}

fn i32(n: i32) -> Task {
    number(Number::I32(n))
}

fn plain(instruction: Instruction) -> Task {
    Task::Plain { instruction }
}

fn store_byte() -> Task {
    plain(Instruction::Store(StoreOp { of: Width::W32, align: 0, offset: 0, pack: Some(Packing::Pack8) }))
}

fn load_byte() -> Task {
    let pack = Some((Packing::Pack8, Extension::Unsigned));
    plain(Instruction::Load(LoadOp { to: Width::W32, align: 0, offset: 0, pack }))
}

/// What takes one task and comes back for the next.
pub(crate) trait Bulk: Sized {
    /// How many tasks there are.
    const TASKS: i32;
    fn index(&mut self) -> &mut i32;
    fn nth(&self, index: i32) -> Option<Task>;
    fn again(self: Box<Self>) -> Task;
}

/// Puts the next task before the others, and itself behind it unless that is the last one. False if it is behind its
/// end.
pub(crate) fn unfold<B: Bulk>(mut bulk: Box<B>, tasks: &mut Tasks) -> bool {
    let index = *bulk.index();
    let Some(task) = bulk.nth(index) else { return false };
    if index + 1 < B::TASKS {
        *bulk.index() = index + 1;
        tasks.cons(bulk.again());
    }
    tasks.cons(task);
    true
}

/// A bulk and its tasks.
macro_rules! bulk {
    ($name:ident, $tasks:literal, |$bulk:ident, $index:ident| $nth:expr) => {
        impl Bulk for $name {
            const TASKS: i32 = $tasks;

            fn index(&mut self) -> &mut i32 {
                &mut self.index
            }

            fn nth(&self, $index: i32) -> Option<Task> {
                let $bulk = self;
                Some($nth)
            }

            fn again(self: Box<Self>) -> Task {
                Task::$name { bulk: self }
            }
        }
    };
}

// The element itself comes first upwards, last downwards.
fn copying(index: i32, upwards: bool) -> i32 {
    if upwards || !(0..8).contains(&index) { index } else { (index + 4) % 8 }
}

bulk!(TableInit, 7, |bulk, index| match index {
    0 => i32(bulk.to),
    1 => Task::Refer { reference: bulk.reference.clone() },
    2 => plain(Instruction::TableSet(bulk.table)),
    3 => i32(bulk.to.wrapping_add(1)),
    4 => i32(bulk.from.wrapping_add(1)),
    5 => i32(bulk.count.wrapping_sub(1)),
    6 => plain(Instruction::TableInit { table: bulk.table, segment: bulk.segment }),
    _ => return None,
});

bulk!(TableFill, 7, |bulk, index| match index {
    0 => i32(bulk.to),
    1 | 4 => Task::Refer { reference: bulk.reference.clone() },
    2 => plain(Instruction::TableSet(bulk.table)),
    3 => i32(bulk.to.wrapping_add(1)),
    5 => i32(bulk.count.wrapping_sub(1)),
    6 => plain(Instruction::TableFill(bulk.table)),
    _ => return None,
});

bulk!(TableCopy, 8, |bulk, index| match copying(index, bulk.upwards) {
    0 => i32(bulk.to),
    1 => i32(bulk.from),
    2 => plain(Instruction::TableGet(bulk.from_table)),
    3 => plain(Instruction::TableSet(bulk.to_table)),
    4 => i32(bulk.to.wrapping_add(1)),
    5 => i32(bulk.from.wrapping_add(1)),
    6 => i32(bulk.count.wrapping_sub(1)),
    7 => plain(Instruction::TableCopy { to: bulk.to_table, from: bulk.from_table }),
    _ => return None,
});

bulk!(MemoryInit, 7, |bulk, index| match index {
    0 => i32(bulk.to),
    1 => i32(bulk.byte),
    2 => store_byte(),
    3 => i32(bulk.to.wrapping_add(1)),
    4 => i32(bulk.from.wrapping_add(1)),
    5 => i32(bulk.count.wrapping_sub(1)),
    6 => plain(Instruction::MemoryInit(bulk.segment)),
    _ => return None,
});

bulk!(MemoryFill, 7, |bulk, index| match index {
    0 => i32(bulk.to),
    1 | 4 => number(bulk.value),
    2 => store_byte(),
    3 => i32(bulk.to.wrapping_add(1)),
    5 => i32(bulk.count.wrapping_sub(1)),
    6 => plain(Instruction::MemoryFill),
    _ => return None,
});

bulk!(MemoryCopy, 8, |bulk, index| match copying(index, bulk.upwards) {
    0 => i32(bulk.to),
    1 => i32(bulk.from),
    2 => load_byte(),
    3 => store_byte(),
    4 => i32(bulk.to.wrapping_add(1)),
    5 => i32(bulk.from.wrapping_add(1)),
    6 => i32(bulk.count.wrapping_sub(1)),
    7 => plain(Instruction::MemoryCopy),
    _ => return None,
});
