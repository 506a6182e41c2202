//! Rewriting instructions and blocks. Code that cannot be reached is left out.

use super::bodies::Rewriting;
use super::meter::{Kind, Label};
use super::{InstrumentError, Purpose, unroll};
use soru_exact::price::{self, INSTRUCTION, TASK};
use wasm_encoder::Encode;
use wasm_encoder::reencode::Reencode;
use wasmparser::Operator;

/// What an instruction takes on as many bytes or elements is counted beforehand, if their number is in the code.
const FEW: u32 = 256;

impl Rewriting<'_, '_> {
    /// Rewrites an instruction before which so many operands are on the stack.
    pub(super) fn operator(&mut self, height: usize, operator: &Operator<'_>) -> Result<(), InstrumentError> {
        if !self.is_live {
            return self.skip(operator);
        }
        let before = self.constant.take();
        match operator {
            Operator::Block { blockty } => self.open(height, Kind::Block, *blockty, operator),
            Operator::Loop { blockty } => self.open(height, Kind::Loop, *blockty, operator),
            Operator::If { blockty } => self.open(height, Kind::If, *blockty, operator),
            Operator::Else => self.otherwise(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                self.jump(*relative_depth, TASK)?;
                self.is_live = false;
                let depth = self.depth(*relative_depth);
                self.sink().br(depth);
                Ok(())
            }
            Operator::BrIf { relative_depth } => {
                if !self.leave(*relative_depth, INSTRUCTION) {
                    self.jump(*relative_depth, INSTRUCTION)?;
                    let depth = self.depth(*relative_depth);
                    self.sink().br_if(depth);
                }
                self.meter.add(INSTRUCTION);
                Ok(())
            }
            Operator::BrTable { targets } => {
                self.jump(targets.default(), INSTRUCTION)?;
                self.look(self.meter.differences, true);
                self.is_live = false;
                self.copy(operator)
            }
            Operator::Return => {
                let outermost = self.labels.len() as u32 - 1;
                let (body, differences) = (&mut self.labels[0], self.meter.differences);
                let ticks = i64::from(price::return_(body.results));
                self.meter.settle(&mut self.code, body, ticks);
                self.look(differences, true);
                let outermost = self.depth(outermost);
                self.sink().br(outermost);
                self.is_live = false;
                Ok(())
            }
            Operator::Unreachable => {
                self.is_live = false;
                self.copy(operator)
            }
            Operator::Call { function_index } => self.call(height, *function_index),
            Operator::CallIndirect { type_index, table_index } => {
                self.call_indirect(height, *type_index, *table_index)
            }
            Operator::LocalGet { local_index } => {
                let local = self.local(*local_index);
                self.meter.add(INSTRUCTION);
                self.sink().local_get(local);
                Ok(())
            }
            Operator::LocalSet { local_index } => {
                let local = self.local(*local_index);
                self.meter.add(INSTRUCTION);
                self.sink().local_set(local);
                Ok(())
            }
            Operator::LocalTee { local_index } => {
                let local = self.local(*local_index);
                self.meter.add(INSTRUCTION);
                self.sink().local_tee(local);
                Ok(())
            }
            Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => {
                self.many(operator, before, price::FILLED)
            }
            Operator::MemoryCopy { .. } => self.many(operator, before, price::COPIED),
            Operator::TableFill { .. } | Operator::TableInit { .. } => {
                self.many(operator, before, price::FILLED)
            }
            Operator::TableCopy { .. } => self.many(operator, before, price::COPIED),
            _ => {
                if let Operator::I32Const { value } = operator {
                    self.constant = Some(value.cast_unsigned());
                }
                self.meter.add(INSTRUCTION);
                self.copy(operator)
            }
        }
    }

    /// The type of a loop, how many instructions are in it, and how often it is written, if that is more than once.
    pub(super) fn small_loop(
        &mut self,
        operator: &Operator<'_>,
    ) -> Option<(wasmparser::BlockType, usize, usize)> {
        let Operator::Loop { blockty } = operator else { return None };
        let takes_nothing = !matches!(blockty, wasmparser::BlockType::FuncType(_));
        if !(self.is_live && self.meter.is_on && takes_nothing) {
            return None;
        }
        let block = &self.plan.blocks[self.next_block];
        let (times, length) = (unroll::times(block), block.plain?);
        let pairs = (times * length) as u64 * u64::from(self.room + 1);
        if times == 1 || pairs > self.rewriter.pairs {
            return None;
        }
        self.rewriter.pairs -= pairs;
        Some((*blockty, length, times))
    }

    /// Code that cannot be reached, up to where it can.
    fn skip(&mut self, operator: &Operator<'_>) -> Result<(), InstrumentError> {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.dead += 1;
                self.next_block += 1;
            }
            Operator::Else if self.dead == 0 => return self.otherwise(),
            Operator::End if self.dead == 0 => return self.end(),
            Operator::End => self.dead -= 1,
            _ => (),
        }
        Ok(())
    }

    fn copy(&mut self, operator: &Operator<'_>) -> Result<(), InstrumentError> {
        let is_of_table = matches!(operator, Operator::TableGet { .. } | Operator::TableSet { .. })
            || matches!(operator, Operator::TableFill { .. } | Operator::TableCopy { .. })
            || matches!(operator, Operator::TableInit { .. });
        let noted =
            (is_of_table && self.rewriter.purpose == Purpose::Module).then(|| self.rewriter.table_access());
        if let Some(flag) = noted {
            self.sink().i32_const(1).global_set(flag);
        }
        self.rewriter.instruction(operator.clone())?.encode(&mut self.code);
        if let Some(flag) = noted {
            self.sink().i32_const(0).global_set(flag);
        }
        Ok(())
    }

    /// A local of the kernel: the one that was put in comes after the parameters.
    fn local(&self, local: u32) -> u32 {
        local + u32::from(self.depth.is_some_and(|depth| local >= depth))
    }

    /// Begins a block.
    fn open(
        &mut self,
        height: usize,
        kind: Kind,
        of_type: wasmparser::BlockType,
        operator: &Operator<'_>,
    ) -> Result<(), InstrumentError> {
        let is_loop = self.label(height, kind, of_type);
        self.copy(operator)?;
        if is_loop {
            self.meter.check_local(&mut self.code, &mut self.hints);
        }
        Ok(())
    }

    /// What is pending in a block that begins; whether it is a loop that begins again.
    pub(super) fn label(&mut self, height: usize, kind: Kind, of_type: wasmparser::BlockType) -> bool {
        let block = self.plan.blocks[self.next_block];
        self.next_block += 1;
        let (params, results) = match of_type {
            wasmparser::BlockType::Empty => (0, 0),
            wasmparser::BlockType::Type(_) => (0, 1),
            wasmparser::BlockType::FuncType(index) => {
                let of_type = self.rewriter.module.types.get(index as usize);
                of_type.map_or((0, 0), |of_type| (of_type.params.len(), of_type.results.len()))
            }
        };
        let taken = params + usize::from(kind == Kind::If);
        let height = height - taken;
        let around = height - self.labels.last().map_or(0, |label| label.height);
        let nesting = self.labels.len();
        let (differences, called) = (self.meter.differences, false);
        let mut label =
            Label { kind, nesting, height, around, params, results, settled: None, otherwise: 0, called };
        label.settled = block.is_in_table.then(|| label.in_table());
        self.meter.add(if kind == Kind::If { INSTRUCTION + TASK } else { INSTRUCTION });
        let is_loop = kind == Kind::Loop && block.is_target;
        if is_loop {
            self.meter.settle(&mut self.code, &mut label, 0);
        }
        if kind == Kind::If && !block.has_else {
            // The branch that is not there has an end, and no code: what has to be counted is counted before.
            let ticks = label.end();
            self.meter.settle(&mut self.code, &mut label, ticks);
        }
        // No call is in a loop, else it would be looked at the beginning: so a loop begins again as it began.
        self.look(differences, kind == Kind::Loop);
        label.called = kind == Kind::If && self.called;
        label.otherwise = self.meter.pending;
        self.labels.push(label);
        is_loop
    }

    fn otherwise(&mut self) -> Result<(), InstrumentError> {
        let differences = self.meter.differences;
        let Some(label) = self.labels.last_mut() else { return Err(no_block()) };
        let (otherwise, called) = (label.otherwise, label.called);
        if self.is_live {
            let ticks = label.end();
            self.meter.settle(&mut self.code, label, ticks);
            self.look(differences, false);
            if let Some(label) = self.labels.last_mut() {
                label.called |= self.called;
            }
        }
        self.meter.pending = otherwise;
        self.called = called;
        self.is_live = true;
        self.sink().else_();
        Ok(())
    }

    fn end(&mut self) -> Result<(), InstrumentError> {
        let differences = self.meter.differences;
        let Some(mut label) = self.labels.pop() else { return Err(no_block()) };
        if label.kind == Kind::Loop {
            // Jumps lead to its beginning.
            label.settled = None;
        }
        if self.is_live {
            let ticks = label.end();
            self.meter.settle(&mut self.code, &mut label, ticks);
            self.look(differences, label.kind == Kind::Body);
            label.called |= self.called;
        }
        self.called = label.called;
        // Where nobody comes to, nothing is counted.
        self.meter.pending = label.settled.unwrap_or_default();
        if label.kind != Kind::Body {
            self.is_live = true;
            self.sink().end();
            return Ok(());
        }
        if self.plan.blocks[0].is_target {
            self.sink().end();
            self.is_live = true;
        }
        self.taken = label.settled;
        if self.is_live {
            self.meter.pay(&mut self.code, self.manner.paid);
        }
        self.sink().end();
        Ok(())
    }

    /// Before a jump that takes so many ticks to be taken.
    fn jump(&mut self, depth: u32, taken: u32) -> Result<(), InstrumentError> {
        let (nesting, differences) = (self.labels.len() - 1, self.meter.differences);
        let place = nesting.checked_sub(depth as usize).ok_or_else(no_block)?;
        self.meter.jump(&mut self.code, &mut self.labels[place], nesting, taken);
        self.look(differences, place == 0);
        self.labels[place].called |= self.called;
        Ok(())
    }

    /// An instruction on many bytes or elements: how many is the last operand.
    fn many(
        &mut self,
        operator: &Operator<'_>,
        number: Option<u32>,
        price: u64,
    ) -> Result<(), InstrumentError> {
        self.meter.add(INSTRUCTION);
        if let Some(number) = number.filter(|number| *number <= FEW) {
            self.meter.add(number * price as u32);
            self.copy(operator)?;
            if self.meter.before_call(&mut self.code) {
                self.meter.check_local(&mut self.code, &mut self.hints);
            }
            return Ok(());
        }
        let room = self.room;
        self.sink().local_tee(room);
        self.copy(operator)?;
        self.meter.each(&mut self.code, &mut self.hints, room, price);
        Ok(())
    }
}

fn no_block() -> InstrumentError {
    InstrumentError("a jump to no block".into())
}
