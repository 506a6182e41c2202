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

impl Bulk for TableInit {
    const TASKS: i32 = 7;

    fn index(&mut self) -> &mut i32 {
        &mut self.index
    }

    fn nth(&self, index: i32) -> Option<Task> {
        Some(match index {
            0 => i32(self.to),
            1 => Task::Refer { reference: self.reference.clone() },
            2 => plain(Instruction::TableSet(self.table)),
            3 => i32(self.to.wrapping_add(1)),
            4 => i32(self.from.wrapping_add(1)),
            5 => i32(self.count.wrapping_sub(1)),
            6 => plain(Instruction::TableInit { table: self.table, segment: self.segment }),
            _ => return None,
        })
    }

    fn again(self: Box<Self>) -> Task {
        Task::TableInit { bulk: self }
    }
}

impl Bulk for TableFill {
    const TASKS: i32 = 7;

    fn index(&mut self) -> &mut i32 {
        &mut self.index
    }

    fn nth(&self, index: i32) -> Option<Task> {
        Some(match index {
            0 => i32(self.to),
            1 | 4 => Task::Refer { reference: self.reference.clone() },
            2 => plain(Instruction::TableSet(self.table)),
            3 => i32(self.to.wrapping_add(1)),
            5 => i32(self.count.wrapping_sub(1)),
            6 => plain(Instruction::TableFill(self.table)),
            _ => return None,
        })
    }

    fn again(self: Box<Self>) -> Task {
        Task::TableFill { bulk: self }
    }
}

// The element itself comes first upwards, last downwards.
fn copying(index: i32, upwards: bool) -> i32 {
    if upwards || !(0..8).contains(&index) { index } else { (index + 4) % 8 }
}

impl Bulk for TableCopy {
    const TASKS: i32 = 8;

    fn index(&mut self) -> &mut i32 {
        &mut self.index
    }

    fn nth(&self, index: i32) -> Option<Task> {
        Some(match copying(index, self.upwards) {
            0 => i32(self.to),
            1 => i32(self.from),
            2 => plain(Instruction::TableGet(self.from_table)),
            3 => plain(Instruction::TableSet(self.to_table)),
            4 => i32(self.to.wrapping_add(1)),
            5 => i32(self.from.wrapping_add(1)),
            6 => i32(self.count.wrapping_sub(1)),
            7 => plain(Instruction::TableCopy { to: self.to_table, from: self.from_table }),
            _ => return None,
        })
    }

    fn again(self: Box<Self>) -> Task {
        Task::TableCopy { bulk: self }
    }
}

impl Bulk for MemoryInit {
    const TASKS: i32 = 7;

    fn index(&mut self) -> &mut i32 {
        &mut self.index
    }

    fn nth(&self, index: i32) -> Option<Task> {
        Some(match index {
            0 => i32(self.to),
            1 => i32(self.byte),
            2 => store_byte(),
            3 => i32(self.to.wrapping_add(1)),
            4 => i32(self.from.wrapping_add(1)),
            5 => i32(self.count.wrapping_sub(1)),
            6 => plain(Instruction::MemoryInit(self.segment)),
            _ => return None,
        })
    }

    fn again(self: Box<Self>) -> Task {
        Task::MemoryInit { bulk: self }
    }
}

impl Bulk for MemoryFill {
    const TASKS: i32 = 7;

    fn index(&mut self) -> &mut i32 {
        &mut self.index
    }

    fn nth(&self, index: i32) -> Option<Task> {
        Some(match index {
            0 => i32(self.to),
            1 | 4 => number(self.value),
            2 => store_byte(),
            3 => i32(self.to.wrapping_add(1)),
            5 => i32(self.count.wrapping_sub(1)),
            6 => plain(Instruction::MemoryFill),
            _ => return None,
        })
    }

    fn again(self: Box<Self>) -> Task {
        Task::MemoryFill { bulk: self }
    }
}

impl Bulk for MemoryCopy {
    const TASKS: i32 = 8;

    fn index(&mut self) -> &mut i32 {
        &mut self.index
    }

    fn nth(&self, index: i32) -> Option<Task> {
        Some(match copying(index, self.upwards) {
            0 => i32(self.to),
            1 => i32(self.from),
            2 => load_byte(),
            3 => store_byte(),
            4 => i32(self.to.wrapping_add(1)),
            5 => i32(self.from.wrapping_add(1)),
            6 => i32(self.count.wrapping_sub(1)),
            7 => plain(Instruction::MemoryCopy),
            _ => return None,
        })
    }

    fn again(self: Box<Self>) -> Task {
        Task::MemoryCopy { bulk: self }
    }
}
