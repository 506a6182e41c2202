//! A call of `kernel_run`, or of the start function.

mod bulk;
mod host;
mod interpret;
mod table;

use crate::Unsupported;
use crate::code::{Code, Tables, cells_of};
use crate::memory::Bytes;
use crate::op::Op;
use crate::price;
use crate::watch::Watch;
use soru_pvm::handover::Cell;
use soru_pvm::host::{HostState, HostTrap};
use std::sync::Arc;

/// So many cells can be reached from the beginning of a frame.
pub(crate) const WINDOW: usize = 1 << 16;
/// A memory of more pages is left to the machine.
const PAGES_MAX: u32 = 1 << 16;

/// Where a function waits for another one that it has called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// The instruction that calls.
    pub(crate) pc: u32,
    pub(crate) base: usize,
    pub(crate) cells: u32,
}

/// A host function that is being paid for.
#[derive(Debug, Clone)]
pub(crate) struct Paying {
    pub(crate) function: u32,
    pub(crate) result: Option<Cell>,
    pub(crate) ticks: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Before,
    Going,
    Over,
}

/// A call of `kernel_run` or of the start function, as far as it has come. A copy goes on by itself, given a copy of the host's
/// state.
#[derive(Debug, Clone)]
pub struct Run {
    pub(crate) code: Arc<Code>,
    pub(crate) cells: Vec<u64>,
    /// The second cells of vectors, at the places of the first ones. None if the kernel has no vectors.
    pub(crate) highs: Vec<u64>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) memory: Bytes,
    pub(crate) globals: Vec<u64>,
    pub(crate) globals_high: Vec<u64>,
    pub(crate) dropped: Vec<bool>,
    pub(crate) dropped_elements: Vec<bool>,
    pub(crate) pc: u32,
    pub(crate) base: usize,
    pub(crate) paying: Option<Paying>,
    /// The next instruction was begun, and a part of it is done.
    pub(crate) is_again: bool,
    pub(crate) tables: Arc<Tables>,
    used: u64,
    phase: Phase,
}

/// Why a run has stopped.
#[derive(Debug)]
pub enum Pause {
    /// What comes next takes more ticks than there are left.
    Limit,
    /// `kernel_run` has returned, and the machine has noted it.
    Finished,
    /// What comes next is left to the machine: a trap, what leaves it stuck, what is beyond the interpreter, or the end of the
    /// start function.
    Machine,
    /// A host function has no result.
    Host(HostTrap),
}

impl Run {
    /// The call that is about to be made.
    pub fn new(code: Arc<Code>) -> Self {
        let beginning = &code.beginning;
        let pages = if beginning.pages > PAGES_MAX { 0 } else { beginning.pages };
        let mut memory = Bytes::new(pages);
        beginning.chunks.iter().for_each(|(chunk, bytes)| memory.put(*chunk, bytes));
        Self {
            cells: Vec::new(),
            highs: Vec::new(),
            frames: Vec::new(),
            globals: beginning.globals.iter().map(|cell| cells_of(*cell).0).collect(),
            globals_high: beginning.globals.iter().map(|cell| cells_of(*cell).1).collect(),
            dropped: vec![false; code.segments.len()],
            dropped_elements: vec![false; code.elements.len()],
            pc: 0,
            base: 0,
            paying: None,
            is_again: false,
            tables: code.tables.clone(),
            used: 0,
            phase: Phase::Before,
            memory,
            code,
        }
    }

    /// Ticks since the call was about to be made.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Size of the memory in pages.
    pub fn pages(&self) -> u32 {
        self.memory.pages()
    }

    /// Bytes of the memory that were written, in parts of 512.
    pub fn written(&self) -> u64 {
        self.memory.written().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Its code.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Why the function is left to the machine that comes next, if one does that is named by the code.
    pub(crate) fn left_out(&self) -> Option<&Unsupported> {
        match self.code.shared.ops.get(self.pc as usize)? {
            Op::Call { function, .. } if self.is_going() => self.code.shared.left_out_reason(*function),
            _ => None,
        }
    }

    pub(crate) fn is_going(&self) -> bool {
        self.phase == Phase::Going
    }

    /// Goes on until no more than so many ticks have passed since the beginning, and as close to it as an instruction
    /// ends. [`HostState::begin_run`] is to be called before `kernel_run` is, and not before the start function is.
    pub fn go(&mut self, until: u64, host: &mut HostState<'_>) -> Pause {
        self.watch(until, host, &mut ())
    }

    /// The same while somebody looks on.
    pub fn watch<W: Watch>(&mut self, until: u64, host: &mut HostState<'_>, watch: &mut W) -> Pause {
        let until = until.max(self.used);
        let (left, pause) = self.go_on(until, until - self.used, host, watch);
        self.used = until - left;
        pause
    }

    fn go_on<W: Watch>(
        &mut self,
        until: u64,
        mut left: u64,
        host: &mut HostState<'_>,
        watch: &mut W,
    ) -> (u64, Pause) {
        match self.phase {
            Phase::Over => return (left, Pause::Finished),
            Phase::Going => (),
            Phase::Before => {
                if self.code.beginning.pages > PAGES_MAX {
                    return (left, Pause::Machine);
                }
                let entry = self.code.shared.entries[self.code.beginning.entry as usize];
                let price = u64::from(price::enter(0, usize::from(entry.locals)));
                if left < price {
                    return (left, Pause::Limit);
                }
                left -= price;
                watch.enter(self.code.beginning.entry, 0);
                self.cells.resize(WINDOW, 0);
                self.pc = entry.start;
                self.phase = Phase::Going;
            }
        }
        if let Some(paying) = self.paying.take() {
            let price = paying.ticks + price::HOST_END;
            if left < price {
                let paid = left.min(paying.ticks);
                self.paying = Some(Paying { ticks: paying.ticks - paid, ..paying });
                return (left - paid, Pause::Limit);
            }
            left -= price;
            self.host_result(paying.result);
            self.pc += 1;
        }
        self.interpret(until, left, host, watch)
    }
}
