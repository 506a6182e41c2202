//! Small loops, made longer.
//!
//! A loop counts and looks at its ticks once each time it begins again, which costs as much as a small body does. So the body of a
//! loop without loops, calls and tables of jumps inside is written out several times. Each time but for the last it is a block of its own: where
//! it began again, it goes to the end of this block, with its ticks pending; only the last goes back to the beginning, and counts
//! for all of them. Ways out that take another number of ticks each time count the difference when they are taken.
//!
//! ```text
//! loop (body)   becomes   block (loop (block (body) (br 2)) (block (body) (br 2)) … (body)))
//! ```

use super::InstrumentError;
use super::bodies::Rewriting;
use super::meter::Kind;
use super::plan::Block;
use wasm_encoder::BlockType;
use wasm_encoder::reencode::Reencode;
use wasmparser::Operator;

/// So many instructions a body has at most that is written several times.
const SMALL: usize = 48;
/// So many instructions they have at most together.
const TOGETHER: usize = 160;
/// A body is written so often at most.
const TIMES: usize = 8;

/// A compiler may look at every local for every jump. So many pairs of an instruction and a local are written in a kernel.
pub(super) const PAIRS: u64 = 1 << 24;

/// How often the body of a loop is written.
pub(super) fn times(block: &Block) -> usize {
    match block.plain {
        Some(length) if block.is_target && length <= SMALL => TIMES.min(TOGETHER / length.max(1)),
        _ => 1,
    }
}

impl Rewriting<'_, '_> {
    /// Writes a loop that was opened, but for its instruction, `times` times.
    pub(super) fn unroll(
        &mut self,
        of_type: wasmparser::BlockType,
        body: &[(usize, Operator<'_>)],
        times: usize,
    ) -> Result<(), InstrumentError> {
        let of_type = self.rewriter.block_type(of_type)?;
        self.sink().block(of_type).loop_(of_type);
        self.meter.check_local(&mut self.code, &mut self.hints);
        let place = self.labels.len() - 1;
        self.unrolled = place;
        let (begin, first) = (self.labels[place].settled, self.next_block);
        let mut after = None;
        for left in (0..times).rev() {
            let is_last = left == 0;
            if !is_last {
                self.sink().block(BlockType::Empty);
            }
            self.labels[place].settled = if is_last { begin } else { None };
            self.put_in = if is_last { 1 } else { 2 };
            self.next_block = first;
            for (height, operator) in body {
                self.operator(*height, operator)?;
            }
            if self.is_live {
                let label = self.labels[place];
                let pending = *after.get_or_insert(self.meter.pending + label.end());
                self.meter.count(&mut self.code, pending - label.end());
                if !is_last {
                    self.sink().br(2);
                }
            }
            if !is_last {
                self.sink().end();
                self.meter.pending = self.labels[place].settled.unwrap_or_default();
                self.is_live = true;
            }
        }
        self.put_in = 0;
        self.constant = None;
        self.labels.pop();
        self.sink().end().end();
        self.meter.pending = after.unwrap_or_default();
        self.is_live = true;
        Ok(())
    }

    /// A block as it is counted in the rewritten code.
    pub(super) fn depth(&self, depth: u32) -> u32 {
        if self.leaves(depth) { depth + self.put_in } else { depth }
    }

    /// Whether a jump leaves a loop that is written several times.
    fn leaves(&self, depth: u32) -> bool {
        self.put_in > 0 && self.labels.len() <= self.unrolled + depth as usize
    }

    /// A jump out of a loop that is written several times, if there is something to count on its way alone. Says if there is.
    pub(super) fn leave(&mut self, depth: u32, taken: u32) -> bool {
        let nesting = self.labels.len() - 1;
        let target = nesting.checked_sub(depth as usize).and_then(|place| self.labels.get(place));
        let Some(mut target) = target.copied().filter(|_| self.leaves(depth)) else { return false };
        let values = if target.kind == Kind::Loop { target.params } else { target.results };
        if values > 0
            || target.pending_before(nesting, taken).is_none_or(|settled| settled == self.meter.pending)
        {
            return false;
        }
        let pending = self.meter.pending;
        self.hints.push(self.code.len());
        self.sink().if_(BlockType::Empty);
        self.meter.jump(&mut self.code, &mut target, nesting, taken);
        let depth = self.depth(depth) + 1;
        self.sink().br(depth).end();
        self.meter.pending = pending;
        true
    }
}
