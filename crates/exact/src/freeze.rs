//! A run as the machine holds it.

use crate::Unsupported;
use crate::code::cell_from;
use crate::module::Ty;
use crate::run::{Frame, Run};
use crate::translate::{Described, Describing, Operand, Source, Wanted, describe};
use soru_pvm::handover::{Block, Call, Cell, ChangedTable, Frozen, Operands, Point};
use std::sync::Arc;

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
                (Wanted::InHost, point)
            }
            (None, true) => (Wanted::Again, Point::Again),
            (None, false) => (Wanted::Before, Point::Next),
        };
        calls.push(self.call(&top, wanted)?);
        let module = &self.code.module;
        let globals = self.globals.iter().zip(&self.globals_high).zip(&module.globals);
        let globals = globals.map(|((cell, high), ty)| cell_from(*cell, || *high, *ty));
        let dropped = self.dropped.iter().zip(0..).filter(|(dropped, _)| **dropped).map(|(_, index)| index);
        let is_dropped = self.dropped_elements.iter().zip(0..);
        let dropped_elements = is_dropped.filter(|(dropped, _)| **dropped).map(|(_, index)| index);
        Ok(Some(Frozen {
            calls,
            point,
            pages: self.memory.pages(),
            chunks: self.memory.written().collect(),
            globals: globals.collect(),
            dropped: dropped.collect(),
            dropped_elements: dropped_elements.collect(),
            tables: self.changed_tables(),
        }))
    }

    fn changed_tables(&self) -> Vec<ChangedTable> {
        let beginning = &self.code.tables;
        if Arc::ptr_eq(&self.tables, beginning) {
            return Vec::new();
        }
        let mut changed = Vec::new();
        for ((index, now), (before, ty)) in
            (0..).zip(&*self.tables).zip(beginning.iter().zip(&self.code.module.tables))
        {
            let differs =
                |(place, cell): &(u32, &u64)| **cell != before.get(*place as usize).copied().unwrap_or(0);
            let elements: Vec<_> = (0..)
                .zip(now)
                .filter(differs)
                .map(|(place, cell)| (place, cell_from(*cell, || 0, *ty)))
                .collect();
            if !elements.is_empty() || now.len() != before.len() {
                changed.push(ChangedTable { index, size: now.len() as u32, elements });
            }
        }
        changed
    }

    fn call(&self, frame: &Frame, wanted: Wanted) -> Result<Call, Unsupported> {
        let code = &*self.code;
        let function = code.function_at(frame.pc);
        let cells =
            Cells { low: &self.cells[frame.base..], high: self.highs.get(frame.base..).unwrap_or_default() };
        let flag = |slot| cells.low[usize::from(slot)] != 0;
        let (begin, own) = code.places[frame.pc as usize];
        let place = if wanted == Wanted::Before { begin } else { own };
        let describing = Describing { place, wanted, flag: &flag };
        let body = code.entries[function as usize].body;
        let described = describe(&code.module, function, body, &describing)?;
        let described = described.ok_or_else(|| Unsupported::new(format!("no place at byte {place}")))?;
        let types = code.module.signature(function).params.iter();
        let types = types.chain(&code.module.functions[function as usize].locals);
        Ok(Call {
            function,
            locals: types.zip(0..).map(|(ty, slot)| cells.value(slot, *ty)).collect(),
            blocks: described.into_iter().map(|block| block_of(block, &cells)).collect(),
        })
    }
}

/// The cells of a frame.
struct Cells<'a> {
    low: &'a [u64],
    high: &'a [u64],
}

impl Cells<'_> {
    fn value(&self, slot: usize, ty: Ty) -> Cell {
        cell_from(self.low[slot], || self.high[slot], ty)
    }
}

fn block_of(described: Described, cells: &Cells<'_>) -> Block {
    let value = |operand: Operand| match operand.source {
        Source::Cell(slot) | Source::Wide(slot) => cells.value(usize::from(slot), operand.ty),
        Source::Const(value) => cell_from(value, || 0, operand.ty),
    };
    let stack = described.stack;
    let entries = stack.entries().map(|(key, operand)| (key, value(operand))).collect();
    let operands = Operands { head: stack.head, length: stack.live.len() as i32, entries };
    Block { number: described.number, next: described.next, operands }
}
