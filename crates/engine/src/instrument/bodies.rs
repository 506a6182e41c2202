//! Rewriting a function.
//!
//! Its parameters are followed by one more, how many functions may be entered; calls hand over one less (but see [`super::heights`]).
//! The body becomes a block of
//! its own if it is left from within, so that every way out of it passes the end. Code that cannot be reached is left out.

use super::meter::{Kind, Label, Meter};
use super::plan::Plan;
use super::unroll;
use super::{InstrumentError, Purpose, Rewriter, encoded};
use crate::decode::ValueType;
use crate::validate::FEATURES;
use soru_exact::price::{self, INSTRUCTION, TASK};
use wasm_encoder::reencode::Reencode;
use wasm_encoder::{
    BlockType, BranchHint, BranchHints, CodeSection, Encode, Function, InstructionSink, ValType,
};
use wasmparser::{FuncValidator, FunctionBody, Operator, OperatorsReader, ValidatorResources};

/// What an instruction takes on as many bytes or elements is counted beforehand, if their number is in the code.
const FEW: u32 = 256;

type Validator = FuncValidator<ValidatorResources>;

impl Rewriter<'_> {
    /// Rewrites the function that comes next.
    pub(super) fn body(
        &mut self,
        validator: &mut Validator,
        body: &FunctionBody<'_>,
        code: &mut CodeSection,
        hints: &mut BranchHints,
    ) -> Result<(), InstrumentError> {
        let index = self.next;
        self.next += 1;
        let plan = Plan::of(body, self.imported.len())?;
        let mut locals = Vec::new();
        let mut own = 0;
        for group in body.get_locals_reader()? {
            let (count, of_type) = group?;
            own += count;
            locals.push((count, self.val_type(of_type)?));
        }
        let (params, results) =
            self.own_type(index).map_or((0, &[][..]), |of| (of.params.len(), &*of.results));
        let depth = (!self.heights.is_flat(index)).then_some(params as u32);
        let room = params as u32 + own + u32::from(depth.is_some());
        let mut rewriting = Rewriting {
            code: Vec::new(),
            hints: Vec::new(),
            depth,
            room,
            meter: Meter::new(self, room + u32::from(plan.needs_room), price::enter(params, own as usize)),
            labels: Vec::new(),
            next_block: 1,
            is_live: true,
            dead: 0,
            put_in: 0,
            constant: None,
            plan,
            rewriter: self,
        };
        rewriting.begin(index, results);
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        reader.set_features(FEATURES);
        let mut operators = OperatorsReader::new(reader);
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            let Some((of_type, times)) = rewriting.small_loop(&operator) else {
                rewriting.operator(validator, &operator)?;
                validator.op(offset, &operator)?;
                continue;
            };
            rewriting.label(validator, Kind::Loop, of_type);
            validator.op(offset, &operator)?;
            let mut inside = Vec::new();
            loop {
                let (operator, offset) = operators.read_with_offset()?;
                validator.op(offset, &operator)?;
                if matches!(operator, Operator::End) {
                    break;
                }
                inside.push(operator);
            }
            rewriting.unroll(validator, of_type, &inside, times)?;
        }
        let Rewriting { code: made, hints: unlikely, meter, plan, .. } = rewriting;
        if plan.needs_room {
            locals.push((1, ValType::I32));
        }
        if meter.counts {
            locals.push((1, ValType::I64));
        }
        let mut function = Function::new(locals);
        let before = function.byte_len();
        let unlikely: Vec<_> = unlikely
            .into_iter()
            .map(|place| BranchHint { branch_func_offset: (before + place) as u32, branch_hint_value: 0 })
            .collect();
        if !unlikely.is_empty() {
            hints.function_hints(self.called((self.imported.len() + index) as u32), unlikely);
        }
        function.raw(made);
        code.function(&function);
        Ok(())
    }
}

/// A function that is being rewritten.
pub(super) struct Rewriting<'r, 'a> {
    pub(super) rewriter: &'r mut Rewriter<'a>,
    plan: Plan,
    pub(super) code: Vec<u8>,
    /// Where code begins that is hardly ever run: at the `if` before it.
    pub(super) hints: Vec<usize>,
    /// The local that says how many functions may be entered, where calls are counted.
    depth: Option<u32>,
    /// The local where a number can be put aside.
    room: u32,
    pub(super) meter: Meter,
    /// The blocks that are open, the body first.
    pub(super) labels: Vec<Label>,
    /// The block that begins next, in the order of the plan.
    next_block: usize,
    /// Whether what comes next can be reached.
    pub(super) is_live: bool,
    /// How many blocks are open in code that cannot be reached.
    dead: usize,
    /// Blocks that were put in around the one that is being rewritten, besides itself.
    pub(super) put_in: u32,
    /// The number that the instruction before has given, if it is a constant.
    pub(super) constant: Option<u32>,
}

impl Rewriting<'_, '_> {
    pub(super) fn sink(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.code)
    }

    fn begin(&mut self, index: usize, results: &[ValueType]) {
        if let Some(depth) = self.depth {
            let needed = self.rewriter.heights.needed(index);
            self.sink().block(BlockType::Empty).local_get(depth);
            if needed > 0 {
                self.sink().i32_const(needed.cast_signed()).i32_gt_u();
            }
            self.sink().br_if(0);
            if self.rewriter.purpose == Purpose::Module {
                let exhausted = self.rewriter.exhausted();
                self.sink().i32_const(1).global_set(exhausted);
            }
            self.sink().unreachable().end();
        }
        if self.plan.calls {
            self.meter.check_global(&mut self.code, &mut self.hints);
        }
        if self.plan.blocks[0].is_target {
            let of_type = match results {
                [] => BlockType::Empty,
                [result] => BlockType::Result(encoded(*result)),
                results => BlockType::FunctionType(self.rewriter.results(results)),
            };
            self.sink().block(of_type);
        }
        self.labels.push(Label {
            kind: Kind::Body,
            nesting: 0,
            height: 0,
            around: 0,
            params: 0,
            results: results.len(),
            settled: None,
            otherwise: 0,
        });
        let label = &mut self.labels[0];
        label.settled = self.plan.blocks[0].is_in_table.then(|| label.in_table());
    }

    pub(super) fn operator(
        &mut self,
        validator: &Validator,
        operator: &Operator<'_>,
    ) -> Result<(), InstrumentError> {
        if !self.is_live {
            return self.skip(operator);
        }
        let before = self.constant.take();
        match operator {
            Operator::Block { blockty } => self.open(validator, Kind::Block, *blockty, operator),
            Operator::Loop { blockty } => self.open(validator, Kind::Loop, *blockty, operator),
            Operator::If { blockty } => self.open(validator, Kind::If, *blockty, operator),
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
                self.is_live = false;
                self.copy(operator)
            }
            Operator::Return => {
                let outermost = self.labels.len() as u32 - 1;
                let body = &mut self.labels[0];
                let ticks = i64::from(price::return_(body.results));
                self.meter.settle(&mut self.code, body, ticks);
                let outermost = self.depth(outermost);
                self.sink().br(outermost);
                self.is_live = false;
                Ok(())
            }
            Operator::Unreachable => {
                self.is_live = false;
                self.copy(operator)
            }
            Operator::Call { function_index } => self.call(validator, *function_index),
            Operator::CallIndirect { type_index, table_index } => {
                self.call_indirect(validator, *type_index, *table_index)
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

    /// The type of a loop, and how often it is written, if that is more than once.
    fn small_loop(&mut self, operator: &Operator<'_>) -> Option<(wasmparser::BlockType, usize)> {
        let Operator::Loop { blockty } = operator else { return None };
        let takes_nothing = !matches!(blockty, wasmparser::BlockType::FuncType(_));
        if !(self.is_live && self.meter.is_on && takes_nothing) {
            return None;
        }
        let block = &self.plan.blocks[self.next_block];
        let times = unroll::times(block);
        let pairs = (times * block.plain?) as u64 * u64::from(self.room + 1);
        if times == 1 || pairs > self.rewriter.pairs {
            return None;
        }
        self.rewriter.pairs -= pairs;
        Some((*blockty, times))
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
        validator: &Validator,
        kind: Kind,
        of_type: wasmparser::BlockType,
        operator: &Operator<'_>,
    ) -> Result<(), InstrumentError> {
        let is_loop = self.label(validator, kind, of_type);
        self.copy(operator)?;
        if is_loop {
            self.meter.check_local(&mut self.code, &mut self.hints);
        }
        Ok(())
    }

    /// What is pending in a block that begins; whether it is a loop that begins again.
    fn label(&mut self, validator: &Validator, kind: Kind, of_type: wasmparser::BlockType) -> bool {
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
        let height = validator.operand_stack_height() as usize - taken;
        let around = height - self.labels.last().map_or(0, |label| label.height);
        let nesting = self.labels.len();
        let mut label = Label { kind, nesting, height, around, params, results, settled: None, otherwise: 0 };
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
        label.otherwise = self.meter.pending;
        self.labels.push(label);
        is_loop
    }

    fn otherwise(&mut self) -> Result<(), InstrumentError> {
        let Some(label) = self.labels.last_mut() else { return Err(no_block()) };
        if self.is_live {
            let ticks = label.end();
            self.meter.settle(&mut self.code, label, ticks);
        }
        self.meter.pending = label.otherwise;
        self.is_live = true;
        self.sink().else_();
        Ok(())
    }

    fn end(&mut self) -> Result<(), InstrumentError> {
        let Some(mut label) = self.labels.pop() else { return Err(no_block()) };
        if label.kind == Kind::Loop {
            // Jumps lead to its beginning.
            label.settled = None;
        }
        if self.is_live {
            let ticks = label.end();
            self.meter.settle(&mut self.code, &mut label, ticks);
        }
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
        if self.is_live {
            self.meter.pay(&mut self.code);
        }
        self.sink().end();
        Ok(())
    }

    /// Before a jump that takes so many ticks to be taken.
    fn jump(&mut self, depth: u32, taken: u32) -> Result<(), InstrumentError> {
        let nesting = self.labels.len() - 1;
        let target = nesting.checked_sub(depth as usize).and_then(|place| self.labels.get_mut(place));
        let target = target.ok_or_else(no_block)?;
        self.meter.jump(&mut self.code, target, nesting, taken);
        Ok(())
    }

    /// Values of the innermost block, but for the last ones.
    fn below(&self, validator: &Validator, taken: usize) -> u32 {
        let height = self.labels.last().map_or(0, |label| label.height);
        (validator.operand_stack_height() as usize).saturating_sub(height + taken) as u32
    }

    fn call(&mut self, validator: &Validator, function: u32) -> Result<(), InstrumentError> {
        self.meter.add(INSTRUCTION);
        let called = self.rewriter.called(function);
        if function as usize >= self.rewriter.imported.len() {
            let params = self.rewriter.module.function_type(function).map_or(0, |of| of.params.len());
            let below = self.below(validator, params);
            self.meter.add(below);
            self.meter.before_call(&mut self.code);
            if !self.rewriter.heights.is_flat(function as usize - self.rewriter.imported.len()) {
                self.one_less();
            }
        }
        self.sink().call(called);
        Ok(())
    }

    fn call_indirect(
        &mut self,
        validator: &Validator,
        of_type: u32,
        table: u32,
    ) -> Result<(), InstrumentError> {
        let params = self.rewriter.module.types.get(of_type as usize).map_or(0, |of| of.params.len());
        let below = self.below(validator, params + 1);
        self.meter.add(INSTRUCTION + below);
        self.meter.before_call(&mut self.code);
        let room = self.room;
        self.sink().local_set(room);
        if self.rewriter.purpose == Purpose::Module {
            let index = self.rewriter.index();
            self.sink().local_get(room).global_set(index);
        }
        if let Some(around) = self.rewriter.around() {
            self.sink().i64_const(below.into()).global_set(around);
        }
        let of_type = self.rewriter.deeper(of_type);
        self.one_less();
        self.sink().local_get(room).call_indirect(table, of_type);
        Ok(())
    }

    /// How many functions the one may enter that is called next. Functions that count no calls call no others.
    fn one_less(&mut self) {
        let depth = self.depth.unwrap_or_default();
        self.sink().local_get(depth).i32_const(1).i32_sub();
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
