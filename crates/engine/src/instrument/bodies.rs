//! Rewriting a function.
//!
//! Its parameters are followed by one more, how many functions may be entered; calls hand over one less (but see [`super::heights`]).
//! The body becomes a block of its own if it is left from within, so that every way out of it passes the end. Small functions
//! are rewritten more than once, to see how they count best.

use super::meter::{Kind, Label, Meter};
use super::plan::Plan;
use super::rewriter::{Rewriter, encoded};
use super::{InstrumentError, Purpose};
use crate::decode::ValueType;
use crate::validate::FEATURES;
use soru_exact::price;
use wasm_encoder::reencode::Reencode;
use wasm_encoder::{BlockType, BranchHint, BranchHints, CodeSection, Function, InstructionSink, ValType};
use wasmparser::{FuncToValidate, FuncValidator, FunctionBody, OperatorsReader, ValidatorResources};

/// So many bytes a function has at most that is rewritten more than once.
const SMALL: usize = 1 << 12;
/// At so many places a function looks after calls, at most.
const PLACES: u32 = 2;

type Validator = FuncValidator<ValidatorResources>;

/// A function of the kernel's own.
pub(super) struct Own<'a> {
    pub(super) function: FuncToValidate<ValidatorResources>,
    pub(super) body: FunctionBody<'a>,
}

impl Own<'_> {
    /// Whether it is rewritten more than once.
    pub(super) fn is_small(&self) -> bool {
        self.body.range().len() <= SMALL
    }

    fn validator(&self, rewriter: &mut Rewriter<'_>) -> Validator {
        let FuncToValidate { resources, index, ty, features } = &self.function;
        let again =
            FuncToValidate { resources: resources.clone(), index: *index, ty: *ty, features: *features };
        again.into_validator(std::mem::take(&mut rewriter.allocations))
    }
}

/// How a function counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    /// Ticks that its callers pay.
    pub(super) paid: i64,
    /// Whether it takes differences from the global at once.
    pub(super) in_global: bool,
    pub(super) looks: Looks,
}

/// Where a function looks whether any ticks are left, besides loops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Looks {
    #[default]
    Never,
    AtTheBeginning,
    /// After the last call of each way.
    AfterCalls,
}

/// A function that was rewritten.
pub(super) struct Made {
    function: Function,
    hints: Vec<BranchHint>,
    /// What the first way to the end has taken but for what was counted on it.
    pub(super) taken: Option<i64>,
    /// How it should count.
    better: Manner,
}

impl Rewriter<'_> {
    /// Rewrites the functions of the kernel's own.
    pub(super) fn bodies(
        &mut self,
        functions: &[Own<'_>],
        code: &mut CodeSection,
        hints: &mut BranchHints,
    ) -> Result<(), InstrumentError> {
        for (index, own) in functions.iter().enumerate() {
            let callee = self.callee(index).unwrap_or_default();
            let pairs = self.pairs;
            let mut manner = Manner { paid: callee.ticks, in_global: false, looks: callee.looks };
            let made = loop {
                self.pairs = pairs;
                let made = self.rewrite(index, own, manner)?;
                if !own.is_small() || made.better == manner {
                    break made;
                }
                manner = made.better;
            };
            if !made.hints.is_empty() {
                hints.function_hints(self.called((self.imported.len() + index) as u32), made.hints);
            }
            code.function(&made.function);
        }
        Ok(())
    }

    /// Rewrites a function.
    pub(super) fn rewrite(
        &mut self,
        index: usize,
        own: &Own<'_>,
        manner: Manner,
    ) -> Result<Made, InstrumentError> {
        let Own { body, .. } = own;
        let mut validator = own.validator(self);
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
        let counter = room + u32::from(plan.needs_room);
        let mut rewriting = Rewriting {
            code: Vec::new(),
            hints: Vec::new(),
            depth,
            room,
            meter: Meter::new(self, counter, price::enter(params, own as usize), manner.in_global),
            manner,
            labels: Vec::new(),
            next_block: 1,
            is_live: true,
            dead: 0,
            put_in: 0,
            unrolled: 0,
            constant: None,
            called: false,
            looks: 0,
            work: 0,
            taken: None,
            plan,
            rewriter: self,
        };
        rewriting.begin(index, results);
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        reader.set_features(FEATURES);
        let mut operators = OperatorsReader::new(reader);
        while !operators.eof() {
            rewriting.next(&mut validator, &mut operators)?;
        }
        let Rewriting { code: made, hints: unlikely, meter, plan, taken, looks, .. } = rewriting;
        self.allocations = validator.into_allocations();
        if plan.needs_room {
            locals.push((1, ValType::I32));
        }
        if meter.counts {
            locals.push((1, ValType::I64));
        }
        let mut function = Function::new(locals);
        let before = function.byte_len();
        let hint = |place| BranchHint { branch_func_offset: (before + place) as u32, branch_hint_value: 0 };
        let hints = unlikely.into_iter().map(hint).collect();
        function.raw(made);
        let looks = if looks > PLACES { Looks::AtTheBeginning } else { manner.looks };
        let better = Manner { in_global: manner.in_global || meter.counts_little(), looks, ..manner };
        Ok(Made { function, hints, taken, better })
    }
}

/// A function that is being rewritten.
pub(super) struct Rewriting<'r, 'a> {
    pub(super) rewriter: &'r mut Rewriter<'a>,
    pub(super) plan: Plan,
    pub(super) code: Vec<u8>,
    /// Where code begins that is hardly ever run: at the `if` before it.
    pub(super) hints: Vec<usize>,
    /// The local that says how many functions may be entered, where calls are counted.
    pub(super) depth: Option<u32>,
    /// The local where a number can be put aside.
    pub(super) room: u32,
    pub(super) meter: Meter,
    pub(super) manner: Manner,
    /// The blocks that are open, the body first.
    pub(super) labels: Vec<Label>,
    /// The block that begins next, in the order of the plan.
    pub(super) next_block: usize,
    /// Whether what comes next can be reached.
    pub(super) is_live: bool,
    /// How many blocks are open in code that cannot be reached.
    pub(super) dead: usize,
    /// Blocks that were put in around the loop that is written several times, besides itself.
    pub(super) put_in: u32,
    /// The label of this loop.
    pub(super) unrolled: usize,
    /// The number that the instruction before has given, if it is a constant.
    pub(super) constant: Option<u32>,
    /// Whether there were calls on a way here after which nobody has looked if any ticks are left.
    pub(super) called: bool,
    /// At how many places it is looked after calls.
    pub(super) looks: u32,
    /// Ticks of work in calls, roughly, since it was looked.
    pub(super) work: u64,
    /// What is pending at the end, if anybody comes there.
    pub(super) taken: Option<i64>,
}

impl Rewriting<'_, '_> {
    /// Rewrites the next instruction, or the next loop if it is small.
    fn next(
        &mut self,
        validator: &mut Validator,
        operators: &mut OperatorsReader<'_>,
    ) -> Result<(), InstrumentError> {
        let (operator, offset) = operators.read_with_offset()?;
        let height = validator.operand_stack_height() as usize;
        let Some((of_type, length, times)) = self.small_loop(&operator) else {
            self.operator(height, &operator)?;
            return Ok(validator.op(offset, &operator)?);
        };
        self.label(height, Kind::Loop, of_type);
        validator.op(offset, &operator)?;
        let mut inside = Vec::with_capacity(length);
        for _ in 0..length {
            let (operator, offset) = operators.read_with_offset()?;
            inside.push((validator.operand_stack_height() as usize, operator.clone()));
            validator.op(offset, &operator)?;
        }
        let (end, offset) = operators.read_with_offset()?;
        validator.op(offset, &end)?;
        self.unroll(of_type, &inside, times)
    }

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
        if self.manner.looks == Looks::AtTheBeginning {
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
            called: false,
        });
        let label = &mut self.labels[0];
        let is_in_table = self.plan.blocks[0].is_in_table;
        label.settled = match self.manner.paid {
            _ if is_in_table => Some(label.in_table()),
            0 => None,
            paid => Some(paid),
        };
    }
}
