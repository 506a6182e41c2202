//! Blocks, jumps, calls.

use super::label::{Kind, Label, Source};
use super::{Fixup, NO_ELSE, Site, Target, Translator, Wanted};
use crate::Unsupported;
use crate::module::{Signature, Ty};
use crate::op::{Op, Slot};
use crate::price;
use std::collections::BTreeMap;
use wasmparser::BrTable;

/// A jump that is being made.
struct Leap {
    /// The index of the block it leads to.
    target: usize,
    /// What it takes, from when it is taken.
    ticks: u32,
    /// What has to be moved.
    moves: Vec<(Slot, Source)>,
}

/// Where a target of a table leads.
#[derive(Clone, Copy)]
struct Way {
    /// The block, if nothing has to be moved.
    simple: Option<usize>,
    ticks: u32,
    /// The first instruction of the way, once it is made.
    start: Option<u32>,
}

impl Translator<'_> {
    /// Begins a block that takes so many ticks to begin.
    pub(super) fn begin(&mut self, signature: Signature, is_loop: bool) -> Result<(), Unsupported> {
        self.charge(price::INSTRUCTION);
        self.settle_all()?;
        self.open(signature, is_loop)
    }

    fn settle_all(&mut self) -> Result<(), Unsupported> {
        let length = self.top().stack.live.len();
        self.settle_last(length)
    }

    fn open(&mut self, signature: Signature, is_loop: bool) -> Result<(), Unsupported> {
        let params = signature.params.len();
        self.work(params + signature.results.len())?;
        let around = self.top();
        around.reach = around.reach.max(around.next_cell());
        let again = Self::slot(around.reach);
        let base = around.reach + usize::from(is_loop);
        if let Some(describing) = self.describing
            && is_loop
            && (describing.flag)(again)
        {
            self.top().stack.renew();
        }
        let is_tracked = self.around_place.contains(&self.here);
        let stale_around = self.top().stale_around + self.top().stack.stale_most();
        let mut stack = self.top().stack.enter(params, is_tracked);
        for (index, operand) in stack.live.iter_mut().enumerate() {
            let own = Self::slot(base + index);
            let source = std::mem::replace(&mut operand.source, Source::of(own, operand.ty));
            self.put(own, source, 0);
        }
        self.out.cells = self.out.cells.max(base + params);
        let kind = if is_loop {
            self.emit(Op::Const { d: again, low: 0, high: 0 }, 0);
            Kind::Loop { start: self.bind(), again }
        } else {
            Kind::Block
        };
        let number = self.blocks;
        self.blocks += 1;
        self.labels.push(Label {
            kind,
            number,
            taken: 0,
            params,
            results: signature.results,
            stack,
            stale_around,
            other: None,
            base,
            reach: base + params,
            is_live: true,
        });
        self.fixups.push(Vec::new());
        self.check_stale()
    }

    /// Begins an `if`: the condition is the last operand.
    pub(super) fn begin_if(&mut self, signature: Signature) -> Result<(), Unsupported> {
        let a = self.take()?;
        self.settle_all()?;
        // Nothing is put where the condition is before it was looked at.
        if usize::from(a) >= self.locals.len() {
            self.top().reach = self.top().reach.max(usize::from(a) + 1);
        }
        // The arguments are moved before the jump, so that both branches have them.
        let ticks = price::INSTRUCTION + price::TASK;
        self.open(signature, false)?;
        let past = self.emit_edges(Op::JumpIfZero { a, to: 0, jump: ticks, fall: ticks });
        let top = self.top();
        top.kind = Kind::Then { past };
        top.other = Some(top.stack.clone());
        Ok(())
    }

    /// The values of a block that ends go to the one around it.
    fn leave(&mut self, count: usize) -> Result<(), Unsupported> {
        self.work(count)?;
        let [.., around, label] = self.labels.as_slice() else {
            return Err(Unsupported::new("the end of no block"));
        };
        let first = label.stack.live.len() - count;
        let ticks = price::end(count, around.stack.live.len());
        let moves: Vec<_> = label.stack.live[first..]
            .iter()
            .enumerate()
            .map(|(index, operand)| (Self::slot(around.next_cell() + index), operand.source))
            .collect();
        self.out.cells = self.out.cells.max(around.next_cell() + count);
        self.charge(ticks);
        moves.into_iter().for_each(|(d, source)| self.put(d, source, 0));
        Ok(())
    }

    pub(super) fn otherwise(&mut self) -> Result<(), Unsupported> {
        let Kind::Then { past } = self.top().kind else {
            return Err(Unsupported::new("`else` without `if`"));
        };
        if self.top().is_live {
            let count = self.top().results.len();
            self.leave(count)?;
            let jump = self.emit_edges(Op::Jump { to: 0, edge: 0 });
            self.fixup(self.labels.len() - 1, Fixup::Op(jump));
        }
        let start = self.bind();
        self.fix(Fixup::Op(past), start);
        let number = self.blocks;
        self.blocks += 1;
        let top = self.top();
        top.kind = Kind::Else;
        (top.number, top.taken) = (number, 0);
        top.stack = top.other.take().unwrap_or_default();
        top.reach = top.base + top.params;
        top.is_live = true;
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), Unsupported> {
        let (kind, is_live, count) = (self.top().kind, self.top().is_live, self.top().results.len());
        if kind == Kind::Body {
            if is_live {
                self.give_back(count, price::end_of_function(count))?;
            }
            self.top().is_live = false;
            return Ok(());
        }
        if is_live {
            self.leave(count)?;
        }
        if let Kind::Then { past } = kind {
            if is_live {
                let jump = self.emit_edges(Op::Jump { to: 0, edge: 0 });
                self.fixup(self.labels.len() - 1, Fixup::Op(jump));
            }
            let start = self.bind();
            self.fix(Fixup::Op(past), start);
            // The branch that is not there is block 0, which is empty.
            let top = self.top();
            (top.number, top.taken) = (0, 0);
            top.stack = top.other.take().unwrap_or_default();
            self.here |= NO_ELSE;
            if self.wants(self.here, Wanted::Before) {
                self.describe();
                return Ok(());
            }
            self.leave(count)?;
        }
        let end = self.bind();
        for fixup in self.fixups.pop().unwrap_or_default() {
            self.fix(fixup, end);
        }
        let Some(label) = self.labels.pop() else { return Ok(()) };
        label.results.into_iter().for_each(|ty| {
            self.push_own(ty);
        });
        let around = self.top();
        around.stack.renew();
        around.reach = around.next_cell();
        Ok(())
    }

    fn fixup(&mut self, label: usize, fixup: Fixup) {
        self.fixups[label].push(fixup);
    }

    fn fix(&mut self, fixup: Fixup, target: u32) {
        match fixup {
            Fixup::Target(index) => self.out.targets[index as usize].to = target,
            Fixup::Op(index) => {
                if let Op::Jump { to, .. } | Op::JumpIf { to, .. } | Op::JumpIfZero { to, .. } =
                    &mut self.out.ops[index as usize]
                {
                    *to = target;
                }
            }
        }
    }

    /// The last operands are results; they lie in a row.
    fn give_back(&mut self, count: usize, ticks: u32) -> Result<(), Unsupported> {
        let first = self.results(count)?;
        self.emit_edges(Op::Return { first, count: count as u16, edge: ticks });
        Ok(())
    }

    /// Where the last operands are, as results.
    fn results(&mut self, count: usize) -> Result<Slot, Unsupported> {
        let top = self.top();
        let first = top.stack.live.len() - count;
        if let (1, Some(slot)) = (count, top.stack.live.last().and_then(|operand| operand.source.slot())) {
            return Ok(slot);
        }
        let own = Self::slot(top.base + first);
        self.settle_last(count)?;
        Ok(own)
    }

    fn leap(&mut self, depth: u32) -> Result<Leap, Unsupported> {
        let target = (self.labels.len() - 1).checked_sub(depth as usize);
        let target = target.ok_or_else(|| Unsupported::new("a jump to no block"))?;
        let label = &self.labels[target];
        let count = label.arity();
        if label.kind == Kind::Body {
            return Ok(Leap { target, ticks: price::jump_out(depth, count), moves: Vec::new() });
        }
        self.work(count)?;
        let (label, around) = (&self.labels[target], &self.labels[target - 1]);
        let mut ticks = price::jump(depth, count, around.stack.live.len());
        let mut moves = Vec::new();
        let last = self.labels.last().map(|label| label.stack.live.as_slice()).unwrap_or_default();
        let taken = &last[last.len() - count..];
        if let Kind::Loop { again, .. } = label.kind {
            ticks += price::TASK;
            for (index, operand) in taken.iter().enumerate() {
                let outer = Self::slot(around.next_cell() + index);
                moves.push((outer, operand.source));
            }
            // The block that begins again has them in cells of its own.
            for (index, operand) in taken.iter().enumerate() {
                let outer = Self::slot(around.next_cell() + index);
                moves.push((Self::slot(label.base + index), Source::of(outer, operand.ty)));
            }
            moves.push((again, Source::Const(1)));
        } else {
            let outer = around.next_cell();
            self.out.cells = self.out.cells.max(outer + count);
            let moved = taken.iter().enumerate();
            moves.extend(moved.map(|(index, operand)| (Self::slot(outer + index), operand.source)));
        }
        moves.retain(|(d, source)| source.slot() != Some(*d));
        Ok(Leap { target, ticks, moves })
    }

    /// Makes a jump that takes so many ticks.
    fn make(&mut self, leap: Leap, ticks: u32, results: Slot) {
        let label = &self.labels[leap.target];
        match label.kind {
            Kind::Body => {
                let count = label.results.len() as u16;
                self.emit_edges(Op::Return { first: results, count, edge: ticks });
            }
            kind => {
                let edge = if leap.moves.is_empty() { ticks } else { 0 };
                if edge == 0 {
                    self.charge(ticks);
                }
                leap.moves.into_iter().for_each(|(d, source)| self.put(d, source, 0));
                let to = if let Kind::Loop { start, .. } = kind { start } else { 0 };
                let jump = self.emit_edges(Op::Jump { to, edge });
                if !matches!(kind, Kind::Loop { .. }) {
                    self.fixup(leap.target, Fixup::Op(jump));
                }
            }
        }
    }

    /// If the jump leaves the function: where its results are.
    fn leaving(&mut self, target: usize) -> Result<Slot, Unsupported> {
        if self.labels[target].kind != Kind::Body {
            return Ok(0);
        }
        let count = self.labels[target].results.len();
        self.results(count)
    }

    fn is_simple(&self, leap: &Leap) -> bool {
        leap.moves.is_empty()
            && matches!(self.labels[leap.target].kind, Kind::Block | Kind::Then { .. } | Kind::Else)
    }

    pub(super) fn jump(&mut self, depth: u32) -> Result<(), Unsupported> {
        let leap = self.leap(depth)?;
        let results = self.leaving(leap.target)?;
        let ticks = price::TASK + leap.ticks;
        self.make(leap, ticks, results);
        self.top().is_live = false;
        Ok(())
    }

    pub(super) fn jump_if(&mut self, depth: u32) -> Result<(), Unsupported> {
        let a = self.take()?;
        let leap = self.leap(depth)?;
        let results = self.leaving(leap.target)?;
        let ticks = price::INSTRUCTION + leap.ticks;
        if self.is_simple(&leap) {
            let jump = self.emit_edges(Op::JumpIf { a, to: 0, jump: ticks, fall: price::INSTRUCTION });
            self.fixup(leap.target, Fixup::Op(jump));
            return Ok(());
        }
        // Until the first move nothing has changed: what the jump takes is paid there.
        let past = self.emit_edges(Op::JumpIfZero { a, to: 0, jump: price::INSTRUCTION, fall: 0 });
        self.make(leap, ticks, results);
        let next = self.bind();
        self.fix(Fixup::Op(past), next);
        Ok(())
    }

    pub(super) fn jump_table(&mut self, table: &BrTable<'_>) -> Result<(), Unsupported> {
        let a = self.take()?;
        let mut depths = Vec::new();
        for depth in table.targets() {
            depths.push(depth.map_err(|error| super::refused(&error))?);
        }
        depths.push(table.default());
        let outermost = self.labels.len() as u32 - 1;
        let results = if depths.contains(&outermost) { self.leaving(0)? } else { 0 };
        let first = self.out.targets.len() as u32;
        let pending = self.pending.map_or(0, |(_, ticks)| ticks);
        self.emit_edges(Op::JumpTable { a, first, count: depths.len() as u32 - 1 });
        // Many of the targets may be one: a way that moves something is made once for all of them.
        let mut ways: BTreeMap<u32, Way> = BTreeMap::new();
        for depth in &depths {
            if !ways.contains_key(depth) {
                let leap = self.leap(*depth)?;
                let ticks = price::INSTRUCTION + leap.ticks;
                let simple = self.is_simple(&leap).then_some(leap.target);
                ways.insert(*depth, Way { simple, ticks, start: None });
            }
            let ticks = ways[depth].simple.map_or(0, |_| ways[depth].ticks);
            self.out.targets.push(Target { to: 0, edge: pending + ticks });
        }
        for (index, depth) in (first..).zip(depths) {
            let Way { simple, ticks, start } = ways[&depth];
            match (simple, start) {
                (Some(target), _) => self.fixup(target, Fixup::Target(index)),
                (None, Some(start)) => self.fix(Fixup::Target(index), start),
                (None, None) => {
                    let start = self.bind();
                    self.fix(Fixup::Target(index), start);
                    let leap = self.leap(depth)?;
                    self.make(leap, ticks, results);
                    self.check_room()?;
                    ways.insert(depth, Way { simple, ticks, start: Some(start) });
                }
            }
        }
        self.top().is_live = false;
        Ok(())
    }

    pub(super) fn return_(&mut self) -> Result<(), Unsupported> {
        let (count, values) = (self.labels[0].results.len(), self.top().stack.live.len());
        if values == count {
            self.give_back(count, price::return_(count))?;
        } else {
            // The machine gives all values of the innermost block to the caller.
            self.emit_edges(Op::ReturnMore { edge: price::return_(values) });
        }
        self.top().is_live = false;
        Ok(())
    }

    pub(super) fn call(&mut self, function: u32) -> Result<(), Unsupported> {
        let called = self.module.functions.get(function as usize);
        let called = called.ok_or_else(|| Unsupported::new("a call of no function"))?;
        let (signature, locals) = (self.module.signature(function).clone(), called.locals.count());
        let params = signature.params.len();
        self.work(signature.results.len())?;
        let (args, around) = self.arguments(params)?;
        if called.host.is_some() {
            if self.wants(self.here, Wanted::InHost) {
                self.describe();
                return Ok(());
            }
            self.emit_edges(Op::CallHost { args, function, enter: price::INSTRUCTION });
            self.called_host(params, signature.results);
            return Ok(());
        }
        let enter = price::INSTRUCTION + price::enter(params, locals);
        self.emit_edges(Op::Call { args, function, enter, back: around as u32 });
        self.called(params, signature.results);
        Ok(())
    }

    pub(super) fn call_indirect(&mut self, of_type: u32, table: u32) -> Result<(), Unsupported> {
        let index = self.take()?;
        let signature = self.module.types[of_type as usize].clone();
        let params = signature.params.len();
        self.work(signature.results.len())?;
        let (args, around) = self.arguments(params)?;
        if self.wants(self.here, Wanted::InHost) {
            self.describe();
            return Ok(());
        }
        let (enter, back) = (price::INSTRUCTION, around as u32);
        if self.module.may_call_host(of_type) {
            let flag = Self::slot(self.locals.len() + self.flags);
            self.flags += 1;
            let site = self.out.sites.len() as u32;
            self.out.sites.push(Site { table, of_type, back, flag });
            self.emit_edges(Op::CallAny { args, index, site, enter });
            // Which function it was makes a difference for the keys of the operands, not for their cells.
            if self.describing.is_some_and(|describing| (describing.flag)(flag)) {
                self.called_host(params, signature.results);
            } else {
                let top = self.top();
                let reach = top.reach.max(top.next_cell());
                let stale = top.stack.stale_most() + params;
                self.called(params, signature.results);
                self.top().reach = reach;
                if self.describing.is_none() {
                    // What is taken has to be described in any case.
                    self.top().stack.assume_stale(stale);
                }
            }
            return Ok(());
        }
        let table = u16::try_from(table).map_err(|_| Unsupported::new("very many tables"))?;
        self.emit_edges(Op::CallIndirect { args, index, table, of_type, enter, back });
        self.called(params, signature.results);
        Ok(())
    }

    /// Puts the arguments in a row: where they begin, and how many operands are below.
    fn arguments(&mut self, params: usize) -> Result<(Slot, usize), Unsupported> {
        self.settle_last(params)?;
        let top = self.top();
        let around = top.stack.live.len() - params;
        Ok((Self::slot(top.base + around), around))
    }

    /// After the call of a host function.
    fn called_host(&mut self, params: usize, results: Vec<Ty>) {
        let top = self.top();
        top.reach = top.reach.max(top.next_cell());
        top.stack.cut(params);
        results.into_iter().for_each(|ty| {
            self.push_own(ty);
        });
    }

    /// After the call of a function of the kernel.
    fn called(&mut self, params: usize, results: Vec<Ty>) {
        self.top().stack.cut(params);
        if self.wants(self.here, Wanted::InCall) {
            self.describe();
            return;
        }
        results.into_iter().for_each(|ty| {
            self.push_own(ty);
        });
        let top = self.top();
        top.stack.renew();
        top.reach = top.next_cell();
    }
}
