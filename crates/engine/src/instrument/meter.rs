//! Counting ticks.
//!
//! What a function takes is known but for its way through its blocks and for the bytes of some instructions. So while it is
//! rewritten, ticks are *pending* in the rewriter, and code counts only where ways meet that have taken different numbers of them: each
//! block that is jumped to has a number of ticks that are pending at its end (at its beginning, if it is a loop), and who comes
//! with another number counts the difference on the way. The first to come decides, for there nothing has to be counted;
//! but for the blocks of a table of jumps. What such a jump takes depends on the block it leads to: three ticks for each block it
//! goes through, and what the block itself takes. So with three ticks less pending for each block around it, every jump of a
//! table counts the same.
//!
//! The differences are summed up in a local, which the end of the function takes from the global of the ticks that are left,
//! with what is pending there but for what the caller pays ([`super::callees`]). So do loops, now and then, and they look whether there
//! are any left. Where a function has few differences, and no loops, each is taken from the global at once.
//! All of this is a little late, or a little early; the sum at the end of the run is exact.

use super::rewriter::Rewriter;
use soru_exact::price;
use wasm_encoder::{BlockType, InstructionSink};

/// A local has so many ticks at most when a loop begins again.
pub(crate) const HELD: i64 = 1 << 16;
/// So many are pending at most over a call.
pub(crate) const PENDING: i64 = 1 << 16;

/// So many differences are taken from the global at once, at most.
const FEW: u32 = 2;

/// A block whose end, or beginning, jumps lead to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label {
    pub(super) kind: Kind,
    /// How many blocks are around it.
    pub(super) nesting: usize,
    /// Operands below its own.
    pub(super) height: usize,
    /// Values of its own of the block around it.
    pub(super) around: usize,
    pub(super) params: usize,
    pub(super) results: usize,
    /// Ticks that are pending where jumps lead to, if that is settled.
    pub(super) settled: Option<i64>,
    /// Ticks that are pending where the second branch begins.
    pub(super) otherwise: i64,
    /// Whether there were calls on a way to its end, or to its beginning, after which nobody has looked if any ticks are left.
    pub(super) called: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Body,
    Block,
    Loop,
    If,
}

impl Label {
    /// What a jump takes to it that goes through so many blocks on its way, from when it is taken.
    fn jump(&self, through: usize) -> i64 {
        let through = through as u32;
        i64::from(match self.kind {
            Kind::Body => price::jump_out(through, self.results),
            Kind::Loop => price::jump(through, self.params, self.around) + price::TASK,
            Kind::Block | Kind::If => price::jump(through, self.results, self.around),
        })
    }

    /// What is pending before a jump to it that has nothing to count, if that is settled.
    pub(super) fn pending_before(&self, nesting: usize, taken: u32) -> Option<i64> {
        Some(self.settled? - self.jump(nesting - self.nesting) - i64::from(taken))
    }

    /// What its end takes, from inside.
    pub(super) fn end(&self) -> i64 {
        i64::from(match self.kind {
            Kind::Body => price::end_of_function(self.results),
            _ => price::end(self.results, self.around),
        })
    }

    /// Ticks that are pending where a table of jumps leads to.
    pub(super) fn in_table(&self) -> i64 {
        self.jump(0) - i64::from(price::TASK) * self.nesting as i64
    }
}

/// The ticks of a function that is being rewritten.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) is_on: bool,
    /// Ticks that are not counted yet.
    pub(super) pending: i64,
    /// The local that counts.
    local: u32,
    /// Whether there is any need for the local.
    pub(super) counts: bool,
    /// Whether differences are taken from the global at once.
    in_global: bool,
    /// How many differences are counted.
    pub(super) differences: u32,
    /// Whether there are loops, or other things that a local is needed for.
    holds: bool,
    /// What is left to be taken at the end besides the local.
    rest: i64,
    /// The global of what is left.
    ticks: u32,
    /// The function that gives more.
    more: u32,
}

impl Meter {
    pub(super) fn new(rewriter: &Rewriter<'_>, local: u32, pending: u32, in_global: bool) -> Self {
        Self {
            is_on: rewriter.is_metered(),
            pending: pending.into(),
            local,
            counts: false,
            in_global,
            differences: 0,
            holds: false,
            rest: 0,
            ticks: rewriter.ticks(),
            more: rewriter.more(),
        }
    }

    pub(super) fn add(&mut self, ticks: u32) {
        self.pending += i64::from(ticks);
    }

    /// Counts until so many ticks are pending.
    pub(super) fn count(&mut self, code: &mut Vec<u8>, pending: i64) {
        let difference = self.pending - pending;
        self.pending = pending;
        if !self.is_on || difference == 0 {
            return;
        }
        self.differences += 1;
        let mut sink = InstructionSink::new(code);
        if self.in_global {
            sink.global_get(self.ticks).i64_const(difference).i64_sub().global_set(self.ticks);
        } else {
            self.counts = true;
            sink.local_get(self.local).i64_const(difference).i64_add().local_set(self.local);
        }
    }

    /// Whether it is better to take differences from the global at once.
    pub(super) fn counts_little(&self) -> bool {
        (1..=FEW).contains(&self.differences) && !self.holds && self.rest == 0
    }

    /// Before a call of a function of the kernel: counts if much is pending, and says if it is.
    pub(super) fn before_call(&mut self, code: &mut Vec<u8>) -> bool {
        let is_much = self.pending.abs() > PENDING;
        if is_much {
            self.count(code, 0);
        }
        is_much
    }

    /// Before a way to where jumps to the label lead, which takes so many ticks.
    pub(super) fn settle(&mut self, code: &mut Vec<u8>, label: &mut Label, ticks: i64) {
        let settled = *label.settled.get_or_insert(self.pending + ticks);
        self.count(code, settled - ticks);
    }

    /// Before a jump to the label, the innermost of `nesting` blocks and of the body being where it begins.
    pub(super) fn jump(&mut self, code: &mut Vec<u8>, label: &mut Label, nesting: usize, taken: u32) {
        let ticks = label.jump(nesting - label.nesting) + i64::from(taken);
        self.settle(code, label, ticks);
    }

    /// After an instruction on so many bytes or elements as the local `number` says.
    pub(super) fn each(&mut self, code: &mut Vec<u8>, hints: &mut Vec<usize>, number: u32, price: u64) {
        if self.is_on {
            (self.counts, self.holds) = (true, true);
            let local = self.local;
            let mut sink = InstructionSink::new(code);
            sink.local_get(number).i64_extend_i32_u().i64_const(price as i64).i64_mul();
            sink.local_get(local).i64_add().local_set(local);
            self.check_local(code, hints);
        }
    }

    /// Where a loop begins, or begins again.
    pub(super) fn check_local(&mut self, code: &mut Vec<u8>, hints: &mut Vec<usize>) {
        if self.is_on {
            (self.counts, self.holds) = (true, true);
            let (local, ticks) = (self.local, self.ticks);
            InstructionSink::new(code).local_get(local).i64_const(HELD).i64_gt_s();
            hints.push(code.len());
            let mut sink = InstructionSink::new(code);
            sink.if_(BlockType::Empty);
            sink.global_get(ticks).local_get(local).i64_sub().global_set(ticks);
            sink.i64_const(0).local_set(local);
            self.check_global(code, hints);
            InstructionSink::new(code).end();
        }
    }

    /// Where a function begins that calls others, or after calls.
    pub(super) fn check_global(&self, code: &mut Vec<u8>, hints: &mut Vec<usize>) {
        if self.is_on {
            InstructionSink::new(code).global_get(self.ticks).i64_const(0).i64_lt_s();
            hints.push(code.len());
            InstructionSink::new(code).if_(BlockType::Empty).call(self.more).end();
        }
    }

    /// Where a function ends of which the caller pays so much.
    pub(super) fn pay(&mut self, code: &mut Vec<u8>, paid: i64) {
        self.rest = self.pending - paid;
        if !self.is_on || (self.rest == 0 && !self.counts) {
            return;
        }
        let mut sink = InstructionSink::new(code);
        sink.global_get(self.ticks);
        match (self.rest, self.counts) {
            (0, _) => sink.local_get(self.local),
            (rest, false) => sink.i64_const(rest),
            (rest, true) => sink.local_get(self.local).i64_const(rest).i64_add(),
        };
        sink.i64_sub().global_set(self.ticks);
    }
}
