//! A run as the machine holds it.

use crate::Unsupported;
use crate::code::cell_from;
use crate::module::Ty;
use crate::op::Slot;
use crate::run::{Frame, Run};
use crate::translate::{Described, Describing, Operand, Source, Wanted, describe};
use soru_pvm::handover::{Block, Call, Cell, ChangedTable, Frozen, Operands, Point};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

impl Run {
    /// What the machine holds where the run has stopped. Nothing if it has not begun, or is over.
    pub fn freeze(&self) -> Result<Option<Frozen<'_>>, Unsupported> {
        if !self.is_going() {
            return Ok(None);
        }
        let mut calls = Vec::with_capacity(self.frames.len() + 1);
        let mut known = Known::default();
        for frame in &self.frames {
            calls.push(self.call(frame, Wanted::InCall, &mut known)?);
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
        calls.push(self.call(&top, wanted, &mut Known::default())?);
        let module = &self.code.shared.module;
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
            (0..).zip(&*self.tables).zip(beginning.iter().zip(&self.code.shared.module.tables))
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

    fn call(&self, frame: &Frame, wanted: Wanted, known: &mut Known) -> Result<Call, Unsupported> {
        let code = &*self.code.shared;
        let function = code.function_at(frame.pc);
        let cells =
            Cells { low: &self.cells[frame.base..], high: self.highs.get(frame.base..).unwrap_or_default() };
        let flag = |slot| cells.low[usize::from(slot)] != 0;
        let blocks = match known.find(frame.pc, flag) {
            Some(blocks) => blocks,
            None => {
                let asked: RefCell<Vec<(Slot, bool)>> = RefCell::default();
                let blocks = self.describe(frame.pc, function, wanted, &|slot| {
                    asked.borrow_mut().push((slot, flag(slot)));
                    flag(slot)
                })?;
                known.add(frame.pc, asked.into_inner(), blocks)
            }
        };
        let types = code.module.signature(function).params.iter().copied();
        let types = types.chain(code.module.functions[function as usize].locals.types());
        Ok(Call {
            function,
            locals: types.zip(0..).map(|(ty, slot)| cells.value(slot, ty)).collect(),
            blocks: blocks.iter().map(|block| block_of(block, &cells)).collect(),
        })
    }

    /// The blocks of a function at an instruction.
    fn describe(
        &self,
        pc: u32,
        function: u32,
        wanted: Wanted,
        flag: &dyn Fn(Slot) -> bool,
    ) -> Result<Vec<Described>, Unsupported> {
        let (begin, own) = self.code.shared.places[pc as usize];
        let place = if wanted == Wanted::Before { begin } else { own };
        let body = self.code.shared.entries[function as usize].body;
        let described =
            describe(&self.code.shared.module, function, body, &Describing { place, wanted, flag })?;
        described.ok_or_else(|| Unsupported::new(format!("no place at byte {place}")))
    }
}

/// The blocks of functions that wait for others, by the instruction that calls: to find them out is to go through the function,
/// and the same call may wait many thousand times.
#[derive(Default)]
struct Known(BTreeMap<u32, Vec<Blocks>>);

/// So many are remembered of one instruction.
const KNOWN_MAX: usize = 8;

struct Blocks {
    /// What was asked for of the cells, and what they said: they follow from nothing else.
    asked: Vec<(Slot, bool)>,
    blocks: Rc<Vec<Described>>,
}

impl Known {
    fn find(&self, pc: u32, flag: impl Fn(Slot) -> bool) -> Option<Rc<Vec<Described>>> {
        let is_same = |known: &&Blocks| known.asked.iter().all(|(slot, said)| flag(*slot) == *said);
        self.0.get(&pc)?.iter().find(is_same).map(|known| known.blocks.clone())
    }

    fn add(&mut self, pc: u32, asked: Vec<(Slot, bool)>, blocks: Vec<Described>) -> Rc<Vec<Described>> {
        let blocks = Rc::new(blocks);
        let known = self.0.entry(pc).or_default();
        if known.len() < KNOWN_MAX {
            known.push(Blocks { asked, blocks: blocks.clone() });
        }
        blocks
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

fn block_of(described: &Described, cells: &Cells<'_>) -> Block {
    let value = |operand: Operand| match operand.source {
        Source::Cell(slot) | Source::Wide(slot) => cells.value(usize::from(slot), operand.ty),
        Source::Const(value) => cell_from(value, || 0, operand.ty),
    };
    let stack = &described.stack;
    let entries = stack.entries().map(|(key, operand)| (key, value(operand))).collect();
    let operands = Operands { head: stack.head, length: stack.live.len() as i32, entries };
    Block { number: described.number, next: described.next, operands }
}
