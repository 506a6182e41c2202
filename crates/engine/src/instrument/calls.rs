//! Rewriting calls.

use super::bodies::{Looks, Rewriting};
use super::callees::LITTLE;
use super::{InstrumentError, Purpose};
use soru_exact::price::INSTRUCTION;

impl Rewriting<'_, '_> {
    /// Values of the innermost block, but for the last ones.
    fn below(&self, height: usize, taken: usize) -> u32 {
        let below = self.labels.last().map_or(0, |label| label.height);
        height.saturating_sub(below + taken) as u32
    }

    pub(super) fn call(&mut self, height: usize, function: u32) -> Result<(), InstrumentError> {
        self.meter.add(INSTRUCTION);
        let called = self.rewriter.called(function);
        let Some(place) = (function as usize).checked_sub(self.rewriter.imported.len()) else {
            self.sink().call(called);
            return Ok(());
        };
        let params = self.rewriter.module.function_type(function).map_or(0, |of| of.params.len());
        let below = self.below(height, params);
        self.meter.add(below);
        self.meter.before_call(&mut self.code);
        if !self.rewriter.heights.is_flat(place) {
            self.one_less();
        }
        self.sink().call(called);
        let Some(callee) = self.rewriter.callee(place) else {
            // What comes behind is left to those who know.
            self.is_live = false;
            return Ok(());
        };
        self.meter.pending += callee.ticks;
        self.after_call(callee.work);
        Ok(())
    }

    pub(super) fn call_indirect(
        &mut self,
        height: usize,
        of_type: u32,
        table: u32,
    ) -> Result<(), InstrumentError> {
        let params = self.rewriter.module.types.get(of_type as usize).map_or(0, |of| of.params.len());
        let below = self.below(height, params + 1);
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
        self.after_call(LITTLE / 16);
        Ok(())
    }

    /// After a call that has done so much without a look.
    fn after_call(&mut self, work: u64) {
        self.called = self.manner.looks == Looks::AfterCalls;
        self.work = self.work.saturating_add(work);
        if self.manner.looks != Looks::Never && self.work > LITTLE {
            (self.called, self.work) = (false, 0);
            self.meter.check_global(&mut self.code, &mut self.hints);
        }
    }

    /// Where ways meet, or the function is left: if on the way there were calls, and ticks were counted or the function is left, it is
    /// time to look if any are left. At the end of a way there is least to be kept for later.
    pub(super) fn look(&mut self, differences: u32, leaves: bool) {
        let counted = self.manner.in_global && self.meter.differences > differences;
        if self.called && (counted || leaves) {
            self.called = false;
            self.looks += 1;
            self.meter.check_global(&mut self.code, &mut self.hints);
        }
    }

    /// How many functions the one may enter that is called next. Functions that count no calls call no others.
    fn one_less(&mut self) {
        let depth = self.depth.unwrap_or_default();
        self.sink().local_get(depth).i32_const(1).i32_sub();
    }
}
