//! A run as the machine holds it.

use crate::Unsupported;
use crate::code::cell_from;
use crate::run::{Frame, Run};
use crate::translate::{Described, Describing, Operand, Source, Wanted, describe};
use soru_pvm::handover::{Block, Call, Cell, Frozen, Operands, Point};

impl Run {
    /// What the machine holds where the run has stopped. Nothing if it has not begun, or is over.
    pub fn freeze(&self) -> Result<Option<Frozen<'_>>, Unsupported> {
        if !self.is_going() {
            return Ok(None);
        }
        let mut calls = Vec::with_capacity(self.frames.len() + 1);
        for frame in &self.frames {
            calls.push(self.call(frame, Wanted::InCall)?);
        }
        let top = Frame { pc: self.pc, base: self.base, cells: 0 };
        let (wanted, point) = match (&self.paying, self.is_again) {
            (Some(paying), _) => {
                let point =
                    Point::Paying { function: paying.function, result: paying.result, ticks: paying.ticks };
                (Wanted::InCall, point)
            }
            (None, true) => (Wanted::Again, Point::Again),
            (None, false) => (Wanted::Before, Point::Next),
        };
        calls.push(self.call(&top, wanted)?);
        let module = &self.code.module;
        let globals = self.globals.iter().zip(&module.globals).map(|(cell, ty)| cell_from(*cell, *ty));
        let dropped = self.dropped.iter().zip(0..).filter(|(dropped, _)| **dropped).map(|(_, index)| index);
        Ok(Some(Frozen {
            calls,
            point,
            pages: self.memory.pages(),
            chunks: self.memory.written().collect(),
            globals: globals.collect(),
            dropped: dropped.collect(),
        }))
    }

    fn call(&self, frame: &Frame, wanted: Wanted) -> Result<Call, Unsupported> {
        let code = &*self.code;
        let function = code.function_at(frame.pc);
        let cells = &self.cells[frame.base..];
        let again = |slot| cells[usize::from(slot)] != 0;
        let (begin, own) = code.places[frame.pc as usize];
        let place = if wanted == Wanted::Before { begin } else { own };
        let describing = Describing { place, wanted, again: &again };
        let body = code.entries[function as usize].body;
        let described = describe(&code.module, function, body, &describing)?;
        let described = described.ok_or_else(|| Unsupported::new(format!("no place at byte {place}")))?;
        let types = code.module.signature(function).params.iter();
        let types = types.chain(&code.module.functions[function as usize].locals);
        Ok(Call {
            function,
            locals: types.zip(cells).map(|(ty, cell)| cell_from(*cell, *ty)).collect(),
            blocks: described.into_iter().map(|block| block_of(block, cells)).collect(),
        })
    }
}

fn block_of(described: Described, cells: &[u64]) -> Block {
    let value = |operand: Operand| -> Cell {
        let cell = match operand.source {
            Source::Cell(slot) => cells[usize::from(slot)],
            Source::Const(value) => value,
        };
        cell_from(cell, operand.ty)
    };
    let stack = described.stack;
    let entries = stack.entries().map(|(key, operand)| (key, value(operand))).collect();
    let operands = Operands { head: stack.head, length: stack.live.len() as i32, entries };
    Block { number: described.number, next: described.next, operands }
}
