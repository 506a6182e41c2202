//! From the code of a function to instructions on cells, each with what it takes in ticks.
//!
//! The height of every stack is known here, so where every operand is, and what leaving a block or calling a function costs, is
//! known too. Operands that are locals or constants need no instruction: the place is remembered until somebody wants the value.
//! Going through a function once more up to a place, with what only the run knows, tells what the machine holds there: see
//! [`Describing`].

mod control;
mod instruction;
mod label;
mod vector;

pub(crate) use label::{Label, Operand, Source};

use crate::Unsupported;
use crate::module::{FEATURES, Module, Ty};
use crate::op::{Op, Slot};
use crate::price;
use label::{Kind, Stack};
use soru_pvm::handover::{Access, VectorOp};
use std::collections::BTreeSet;
use wasmparser::{BinaryReader, FunctionBody, Operator, OperatorsReader};

/// A place in the code: the byte of an instruction in the kernel.
pub(crate) type Place = u32;
/// Of the branch that an `if` without `else` does not have; the rest is the place of its end.
pub(crate) const NO_ELSE: Place = 1 << 31;
/// So many cells has a frame at most.
pub(crate) const CELLS_MAX: usize = 1 << 15;
/// So many operands that are none any more are remembered at most, over all blocks of a function.
const STALE_MAX: usize = 1 << 16;
/// An instruction that moves all of a high stack, or looks at all of it, is two bytes of code. So many operands are moved and
/// looked at for each byte of a function, and so many besides: code that people write comes to a few.
const WORK_PER_BYTE: usize = 64;
const WORK_FREE: usize = 1 << 22;

/// A jump out of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) to: u32,
    pub(crate) edge: u32,
}

/// An indirect call that may call a host function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) table: u32,
    pub(crate) of_type: u32,
    pub(crate) back: u32,
    /// The cell that tells whether it has called one.
    pub(crate) flag: Slot,
}

/// An operation on vectors.
#[derive(Debug, Clone)]
pub(crate) struct Vector {
    pub(crate) op: VectorOp,
    /// Whether its result has a second cell.
    pub(crate) is_wide: bool,
    pub(crate) access: Access,
}

/// A function in instructions.
#[derive(Debug, Default)]
pub(crate) struct Translated {
    pub(crate) ops: Vec<Op>,
    /// Ticks of the instructions without edges.
    pub(crate) prices: Vec<u32>,
    /// Where each instruction begins, and where that of the kernel is which it does.
    pub(crate) places: Vec<(Place, Place)>,
    pub(crate) targets: Vec<Target>,
    pub(crate) sites: Vec<Site>,
    pub(crate) vectors: Vec<Vector>,
    /// Cells of its frame.
    pub(crate) cells: usize,
}

/// What is wanted of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Before the instruction.
    Before,
    /// When it was taken and a part of it is done.
    Again,
    /// In the call that it makes.
    InCall,
    /// The same of a host function.
    InHost,
}

/// What the machine holds at a place: what to look for.
pub(crate) struct Describing<'a> {
    pub(crate) place: Place,
    pub(crate) wanted: Wanted,
    /// Whether a loop was begun again, or an indirect call has called a host function, by its cell.
    pub(crate) flag: &'a dyn Fn(Slot) -> bool,
}

/// A block at a place.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) number: i32,
    pub(crate) next: i32,
    pub(crate) stack: Stack,
}

/// A jump whose target is not known yet.
#[derive(Debug, Clone, Copy)]
enum Fixup {
    Op(u32),
    Target(u32),
}

struct Translator<'a> {
    module: &'a Module,
    locals: Vec<Ty>,
    labels: Vec<Label>,
    fixups: Vec<Vec<Fixup>>,
    /// The number of the next block.
    blocks: i32,
    /// Indirect calls that have a cell.
    flags: usize,
    out: Translated,
    /// What is to be paid with the next instruction, and where that begins.
    pending: Option<(Place, u32)>,
    /// Jumps lead to the instruction of this index, and to no later one yet.
    barrier: usize,
    here: Place,
    /// How many blocks of code that cannot be reached are open.
    dead: usize,
    describing: Option<&'a Describing<'a>>,
    /// Where the blocks begin that the place is in.
    around_place: BTreeSet<Place>,
    described: Option<Vec<Described>>,
    /// How many operands may be moved or looked at yet.
    work: usize,
    /// The most instructions that are made.
    room: usize,
}

/// Translates a function, whose body has that number in the state, into so many instructions at most.
pub(crate) fn translate(
    module: &Module,
    function: u32,
    body: i32,
    room: usize,
) -> Result<Translated, Unsupported> {
    let mut translator = Translator::new(module, function, body, None);
    translator.room = room;
    translator.all(function)?;
    Ok(translator.out)
}

/// What the machine holds at a place of a function: its blocks, the body first.
pub(crate) fn describe(
    module: &Module,
    function: u32,
    body: i32,
    describing: &Describing<'_>,
) -> Result<Option<Vec<Described>>, Unsupported> {
    let mut translator = Translator::new(module, function, body, Some(describing));
    translator.all(function)?;
    Ok(translator.described)
}

fn refused(error: &wasmparser::Error) -> Unsupported {
    Unsupported::new(error.to_string())
}

/// Where the blocks begin that a place is in.
fn blocks_around(place: Place, reader: BinaryReader<'_>) -> Result<BTreeSet<Place>, Unsupported> {
    let mut open = Vec::new();
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset().map_err(|error| refused(&error))?;
        if offset as Place == place {
            break;
        }
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                open.push(offset as Place)
            }
            Operator::End => drop(open.pop()),
            _ => (),
        }
    }
    Ok(open.into_iter().collect())
}

impl<'a> Translator<'a> {
    fn new(module: &'a Module, function: u32, body: i32, describing: Option<&'a Describing<'a>>) -> Self {
        let signature = module.signature(function);
        let mut locals = signature.params.clone();
        locals.extend(module.functions[function as usize].locals.types());
        let label = Label {
            kind: Kind::Body,
            number: body,
            taken: 0,
            params: 0,
            results: signature.results.clone(),
            stack: Stack::empty(describing.is_some()),
            stale_around: 0,
            other: None,
            base: locals.len(),
            reach: locals.len(),
            is_live: true,
        };
        Self {
            module,
            out: Translated { cells: locals.len(), ..Translated::default() },
            locals,
            labels: vec![label],
            fixups: vec![Vec::new()],
            blocks: body + 1,
            flags: 0,
            pending: None,
            barrier: 0,
            here: 0,
            dead: 0,
            describing,
            around_place: BTreeSet::new(),
            described: None,
            work: WORK_FREE,
            room: usize::MAX,
        }
    }

    fn all(&mut self, function: u32) -> Result<(), Unsupported> {
        if self.locals.len() > CELLS_MAX {
            return Err(Unsupported::new(format!("a function of {} locals", self.locals.len())));
        }
        let range = self.module.functions[function as usize].code.clone();
        self.work = self.work.saturating_add(range.len().saturating_mul(WORK_PER_BYTE));
        let body = FunctionBody::new(BinaryReader::new(&self.module.bytes[range.clone()], range.start));
        let mut reader = body.get_binary_reader_for_operators().map_err(|error| refused(&error))?;
        reader.set_features(FEATURES);
        self.make_flags(reader.clone())?;
        if let Some(describing) = self.describing {
            self.around_place = blocks_around(describing.place & !NO_ELSE, reader.clone())?;
        }
        let mut operators = OperatorsReader::new(reader);
        while !operators.eof() && self.described.is_none() {
            let (operator, offset) = operators.read_with_offset().map_err(|error| refused(&error))?;
            self.here = offset as Place;
            self.operator(&operator)?;
            if self.out.cells > CELLS_MAX {
                return Err(Unsupported::new("a function with very many operands"));
            }
            self.check_room()?;
        }
        Ok(())
    }

    /// Notes that so many operands are moved or looked at.
    fn work(&mut self, operands: usize) -> Result<(), Unsupported> {
        let left = self.work.checked_sub(operands);
        self.work = left.ok_or_else(|| Unsupported::new("a function that moves very many operands"))?;
        Ok(())
    }

    fn check_room(&self) -> Result<(), Unsupported> {
        match self.out.ops.len() > self.room {
            true => Err(Unsupported::new("a kernel of very many instructions")),
            false => Ok(()),
        }
    }

    /// Cells behind the locals, for indirect calls that may call host functions.
    fn make_flags(&mut self, reader: BinaryReader<'_>) -> Result<(), Unsupported> {
        if self.module.indirect_hosts.is_empty() {
            return Ok(());
        }
        let mut flags = 0;
        for operator in OperatorsReader::new(reader) {
            if let Operator::CallIndirect { type_index, .. } = operator.map_err(|error| refused(&error))? {
                flags += usize::from(self.module.may_call_host(type_index));
            }
        }
        let top = self.top();
        (top.base, top.reach) = (top.base + flags, top.reach + flags);
        self.out.cells += flags;
        if self.out.cells > CELLS_MAX {
            return Err(Unsupported::new("a function of very many indirect calls"));
        }
        Ok(())
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), Unsupported> {
        if !self.top().is_live {
            self.skip(operator)?;
            return Ok(());
        }
        if self.wants(self.here, Wanted::Before) {
            self.describe();
            return Ok(());
        }
        match operator {
            Operator::Else => self.otherwise(),
            Operator::End => self.end(),
            other => {
                self.top().taken += 1;
                self.instruction(other)
            }
        }
    }

    /// Code that cannot be reached: its blocks have numbers, that is all.
    fn skip(&mut self, operator: &Operator<'_>) -> Result<(), Unsupported> {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.dead += 1;
                self.blocks += 1;
            }
            Operator::Else if self.dead > 0 => self.blocks += 1,
            Operator::Else => return self.otherwise(),
            Operator::End if self.dead > 0 => self.dead -= 1,
            Operator::End => return self.end(),
            _ => (),
        }
        Ok(())
    }

    fn wants(&self, place: Place, wanted: Wanted) -> bool {
        self.describing.is_some_and(|describing| describing.place == place && describing.wanted == wanted)
    }

    /// Notes what the machine holds here.
    fn describe(&mut self) {
        let blocks = self
            .labels
            .iter()
            .map(|label| Described { number: label.number, next: label.taken, stack: label.stack.clone() })
            .collect();
        self.described = Some(blocks);
    }

    fn top(&mut self) -> &mut Label {
        let last = self.labels.len() - 1;
        &mut self.labels[last]
    }

    /// So many ticks more, without an instruction.
    fn charge(&mut self, ticks: u32) {
        let (_, pending) = self.pending.get_or_insert((self.here, 0));
        *pending += ticks;
    }

    /// An instruction without edges that takes so many ticks.
    fn emit(&mut self, op: Op, ticks: u32) {
        let (place, pending) = self.pending.take().unwrap_or((self.here, 0));
        self.out.ops.push(op);
        self.out.prices.push(pending + ticks);
        self.out.places.push((place, self.here));
    }

    /// An instruction with edges, whose prices are in it. Gives its index.
    fn emit_edges(&mut self, mut op: Op) -> u32 {
        let (place, pending) = self.pending.take().unwrap_or((self.here, 0));
        op.add_to_edges(pending);
        self.out.ops.push(op);
        self.out.prices.push(0);
        self.out.places.push((place, self.here));
        (self.out.ops.len() - 1) as u32
    }

    /// The index of the next instruction, to which jumps lead.
    fn bind(&mut self) -> u32 {
        if let Some((_, ticks)) = self.pending {
            match (self.out.ops.last(), self.out.prices.last_mut()) {
                // What takes nothing is part of an instruction that was paid for: a run never stops in front of it.
                (Some(last), Some(price))
                    if self.out.places.len() > self.barrier && *price > 0 && !last.has_edges() =>
                {
                    *price += ticks;
                    self.pending = None;
                }
                _ => self.emit(Op::Nothing, 0),
            }
        }
        self.barrier = self.out.ops.len();
        self.barrier as u32
    }

    fn slot(cell: usize) -> Slot {
        // Cells were counted: see `CELLS_MAX`.
        cell as Slot
    }

    /// Puts an operand into its own cell.
    fn settle(&mut self, index: usize) {
        let label = self.top();
        let own = Self::slot(label.base + index);
        let operand = &mut label.stack.live[index];
        let source = std::mem::replace(&mut operand.source, Source::of(own, operand.ty));
        self.put(own, source, 0);
    }

    fn settle_last(&mut self, count: usize) -> Result<(), Unsupported> {
        self.work(count)?;
        let length = self.top().stack.live.len();
        (length - count..length).for_each(|index| self.settle(index));
        Ok(())
    }

    /// Brings a value into a cell, if it is not there.
    fn put(&mut self, d: Slot, source: Source, ticks: u32) {
        match source {
            Source::Cell(a) | Source::Wide(a) if a == d && ticks == 0 => (),
            Source::Cell(a) | Source::Wide(a) if a == d => self.charge(ticks),
            Source::Cell(a) => self.emit(Op::Copy { d, a }, ticks),
            Source::Wide(a) => self.emit(Op::CopyWide { d, a }, ticks),
            Source::Const(value) => {
                self.emit(Op::Const { d, low: value as u32, high: (value >> 32) as u32 }, ticks);
            }
        }
    }

    /// Takes the last operand, to read it from a cell.
    fn take(&mut self) -> Result<Slot, Unsupported> {
        let length = self.top().stack.live.len();
        let Some(index) = length.checked_sub(1) else {
            return Err(Unsupported::new("an operand is missing"));
        };
        if let Source::Const(_) = self.top().stack.live[index].source {
            self.settle(index);
        }
        let slot = self.top().stack.pop().and_then(|operand| operand.source.slot());
        slot.ok_or_else(|| Unsupported::new("an operand is missing"))
    }

    fn push(&mut self, source: Source, ty: Ty) {
        let label = self.top();
        label.stack.push(Operand { source, ty });
        let used = label.next_cell();
        self.out.cells = self.out.cells.max(used);
    }

    /// Pushes an operand and gives its own cell, into which it goes.
    fn push_own(&mut self, ty: Ty) -> Slot {
        let own = Self::slot(self.top().next_cell());
        self.push(Source::of(own, ty), ty);
        own
    }

    /// Sets a local to the last operand.
    fn set_local(&mut self, local: Slot, stays: bool) -> Result<(), Unsupported> {
        let length = self.top().stack.live.len();
        let Some(index) = length.checked_sub(1) else {
            return Err(Unsupported::new("an operand is missing"));
        };
        self.work(index)?;
        for other in 0..index {
            if self.top().stack.live[other].source.slot() == Some(local) {
                self.settle(other);
            }
        }
        let label = self.top();
        let own = Self::slot(label.base + index);
        let source = label.stack.live[index].source;
        let is_free = self.pending.is_none()
            && self.out.ops.len() > self.barrier
            && self.out.prices.last().is_some_and(|price| *price > 0);
        let made = self.out.ops.last_mut().filter(|_| is_free && source.slot() == Some(own));
        match made.and_then(Op::destination).filter(|d| **d == own) {
            // What made the value writes it to the local at once.
            Some(d) => {
                *d = local;
                if let Some(price) = self.out.prices.last_mut() {
                    *price += price::INSTRUCTION;
                }
                self.top().stack.live[index].source = Source::of(local, self.locals[usize::from(local)]);
            }
            None => self.put(local, source, price::INSTRUCTION),
        }
        if !stays {
            self.top().stack.pop();
        }
        Ok(())
    }

    fn check_stale(&self) -> Result<(), Unsupported> {
        let most = self.labels.last().map_or(0, |label| label.stale_around + label.stack.stale_most());
        if most > STALE_MAX { Err(Unsupported::new("blocks in very high stacks")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_pvm::Version;

    /// The first function of a module, in so many instructions at most.
    fn translated(room: usize, function: &str) -> Result<usize, String> {
        let module = Module::read(&wat::parse_str(format!("(module {function})")).unwrap(), Version::V0);
        let translated = translate(&module.unwrap(), 0, 0, room);
        translated.map(|translated| translated.ops.len()).map_err(|error| error.reason)
    }

    #[test]
    fn a_way_of_a_table_of_jumps_is_made_once() {
        let function = |targets: usize| {
            let (values, targets) = ("i32 ".repeat(50), "0 1 ".repeat(targets));
            let (zeros, drops) = ("(i32.const 0)".repeat(50), "(drop)".repeat(50));
            format!(
                "(func (param i32) {zeros} (block (param {values}) (result {values}) (loop (param {values})
                    (br_table {targets} 0 (local.get 0))) (unreachable)) {drops})"
            )
        };
        let (few, many) = (translated(usize::MAX, &function(1)), translated(usize::MAX, &function(1000)));
        assert!(few == many && few.as_ref().is_ok_and(|ops| *ops > 150), "{few:?} {many:?}");
    }

    #[test]
    fn what_moves_very_many_operands_is_left_out() {
        let (gets, tees, drops) = ("local.get 0 ", "local.tee 1 ", "drop ");
        let function = |height: usize, tees_: usize| {
            let body = gets.repeat(height) + &tees.repeat(tees_) + &drops.repeat(height);
            translated(usize::MAX, &format!("(func (param i32 i32) {body})"))
        };
        assert!(function(20, 20_000).is_ok());
        assert_eq!(function(20_000, 20_000).unwrap_err(), "a function that moves very many operands");
        let (values, blocks) = ("i32 ".repeat(900), "(block (type $t))".repeat(20_000));
        let (zeros, end) = ("(i32.const 0)".repeat(900), "(drop)".repeat(900));
        let ty = format!("(type $t (func (param {values}) (result {values})))");
        assert!(translated(usize::MAX, &format!("{ty} (func {zeros} {blocks} {end})")).is_err());
    }

    /// Whether an indirect call has called a host function is known to the run alone: where one of the two makes more of a stack
    /// than can be described, the function is not taken.
    #[test]
    fn what_is_taken_can_be_described() {
        let function = |height: usize| {
            let (zeros, drops) = ("(i32.const 0)".repeat(height), "(drop)".repeat(height));
            let wat = format!(
                r#"(module (import "smart_rollup_core" "write_debug" (func (param i32 i32)))
                (table 1 funcref) (elem (i32.const 0) func 0)
                (func {zeros} {drops} (call_indirect (param i32 i32) (i32.const 0) (i32.const 0) (i32.const 0))
                    (block (block (block (block (nop) (unreachable)))))))"#
            );
            Module::read(&wat::parse_str(wat).unwrap(), Version::V0).unwrap()
        };
        for (height, is_taken) in [(10_000, true), (20_000, false)] {
            let module = function(height);
            let translated = translate(&module, 1, 0, usize::MAX);
            assert_eq!(translated.is_ok(), is_taken, "{height}");
            let place = module.bytes.windows(2).rposition(|bytes| bytes == [1, 0]).unwrap() as Place;
            for called_host in [false, true] {
                let flag = |_| called_host;
                let describing = Describing { place, wanted: Wanted::Before, flag: &flag };
                let described = describe(&module, 1, 0, &describing);
                assert!(!is_taken || described.is_ok_and(|blocks| blocks.is_some_and(|it| it.len() == 5)));
            }
        }
    }

    #[test]
    fn more_instructions_than_there_is_room_for_are_left_out() {
        let function = format!("(func {})", "(global.set 0 (i32.const 1))".repeat(100))
            + "(global (mut i32) (i32.const 0))";
        assert!(translated(210, &function).is_ok());
        assert_eq!(translated(100, &function).unwrap_err(), "a kernel of very many instructions");
    }
}
