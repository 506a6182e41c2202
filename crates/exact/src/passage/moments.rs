//! What a run was at some of its ticks.

use crate::Unsupported;
use crate::code::{Code, Tables};
use crate::memory::{Bytes, Snapshot};
use crate::run::{Frame, Run};
use soru_pvm::buffers::{InputBuffer, OutputBuffer};
use soru_pvm::durable::Durable;
use soru_pvm::handover::Frozen;
use soru_pvm::host::{DebugSink, HostState};
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::RunnerError;
use soru_pvm::state::StateError;
use soru_pvm::{Machine, Version};
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

/// What the kernel can reach beside its memory.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    version: Version,
    durable: Durable,
    input: InputBuffer,
    output: OutputBuffer,
    has_begun: bool,
}

impl Reach {
    /// What was lent. Its storage is hashed: whoever goes on from here shares the hashes.
    pub(super) fn of(host: HostState<'_>) -> Result<Self, RunnerError> {
        let has_begun = host.has_begun();
        let HostState { version, durable, input, output, .. } = host;
        durable.tree().hash().map_err(StateError::from)?;
        Ok(Self { version, durable, input, output, has_begun })
    }

    /// Lends it to the run.
    pub(super) fn lend<'a>(
        &self,
        reveals: &'a mut dyn RevealSource,
        debug: &'a mut dyn DebugSink,
    ) -> HostState<'a> {
        let Self { version, durable, input, output, has_begun } = self.clone();
        let host = HostState::new(version, durable, input, output, reveals, debug);
        if has_begun { host.in_run() } else { host }
    }
}

/// A run between two instructions.
#[derive(Debug)]
pub(super) struct Moment {
    /// All but its memory.
    run: Run,
    memory: Snapshot,
    reach: Reach,
    /// Up to so many ticks after the call it is the last one.
    until: u64,
}

impl Moment {
    /// Where the machine, which is about to begin a run, is about to call the kernel.
    pub(super) fn first(start: &Machine, code: Arc<Code>) -> Result<Self, RunnerError> {
        let (mut reveals, mut debug) = ((), ());
        let mut host = start.lend(&mut reveals, &mut debug)?;
        if !code.ready().is_start() {
            host.begin_run()?;
        }
        Ok(Self::of(&mut Run::new(code), Reach::of(host)?, 0))
    }

    /// Where a run is that was to go so far.
    pub(super) fn of(run: &mut Run, reach: Reach, until: u64) -> Self {
        let memory = run.memory.snapshot();
        let (cells, highs) = (mem::take(&mut run.cells), mem::take(&mut run.highs));
        let bytes = mem::take(&mut run.memory);
        let mut copy = run.clone();
        // What is above the innermost function is nobody's.
        let function = run.code.shared.function_at(run.pc) as usize;
        let used = run.base + run.code.shared.entries[function].cells as usize;
        let part = |cells: &Vec<u64>| cells[..used.min(cells.len())].to_vec();
        (copy.cells, copy.highs) = (part(&cells), part(&highs));
        (run.cells, run.highs, run.memory) = (cells, highs, bytes);
        Self { run: copy, memory, reach, until }
    }

    /// The run, which can go on.
    pub(super) fn run(&self) -> Run {
        let mut run = self.run.clone();
        run.memory = Bytes::restore(&self.memory);
        run
    }

    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    pub(super) fn memory(&self) -> &Snapshot {
        &self.memory
    }

    /// Bytes of its memory that a moment before it did not share.
    pub(super) fn fresh(&self) -> usize {
        self.memory.fresh()
    }

    /// Ticks since the call was about to be made.
    pub(super) fn used(&self) -> u64 {
        self.run.used()
    }

    /// What the machine holds, but for the memory.
    pub(super) fn frozen(&self) -> Result<Option<Frozen<'_>>, Unsupported> {
        self.run.freeze()
    }

    /// Bytes that it takes beside an earlier one.
    fn bytes_beside(&self, earlier: Option<&Self>) -> usize {
        let none = Snapshot::default();
        let memory = self.memory.bytes_beside(earlier.map_or(&none, |earlier| &earlier.memory));
        let tables = &self.run.tables;
        let is_known = |others: &Arc<Tables>| Arc::ptr_eq(tables, others);
        let elements =
            match is_known(&self.run.code.tables) || earlier.is_some_and(|it| is_known(&it.run.tables)) {
                true => 0,
                false => tables.iter().map(Vec::len).sum(),
            };
        memory
            + (self.run.cells.len() + self.run.highs.len() + elements) * size_of::<u64>()
            + self.run.frames.len() * size_of::<Frame>()
    }
}

/// The most that moments of a run take, the first one apart.
const BYTES_MAX: usize = 256 << 20;
const MOMENTS_MAX: usize = 1 << 10;

/// Moments of a run, by their ticks: those of the last looks, as far as there is room.
pub(super) struct Moments {
    kept: BTreeMap<u64, Kept>,
    looks: u64,
    bytes: usize,
}

struct Kept {
    moment: Arc<Moment>,
    /// The last look that has made or used it.
    look: u64,
    /// What it takes beside the one before.
    bytes: usize,
}

impl Moments {
    pub(super) fn new(first: Arc<Moment>) -> Self {
        let kept = Kept { moment: first, look: 0, bytes: 0 };
        Self { kept: BTreeMap::from([(0, kept)]), looks: 0, bytes: 0 }
    }

    /// Somebody begins to look into the run.
    pub(super) fn begin_look(&mut self) {
        self.looks += 1;
    }

    /// The last one so many ticks after the call, or before.
    pub(super) fn nearest(&mut self, used: u64) -> Arc<Moment> {
        let looks = self.looks;
        let found = self.kept.range_mut(..=used).next_back().map(|(_, kept)| {
            kept.look = looks;
            kept.moment.clone()
        });
        found.expect("the first moment is at tick 0 and stays")
    }

    /// The moment that is the last one so many ticks after the call, if it is known.
    pub(super) fn at(&mut self, used: u64) -> Option<Arc<Moment>> {
        let (_, kept) = self.kept.range_mut(..=used).next_back()?;
        kept.look = self.looks;
        (used <= kept.moment.until).then(|| kept.moment.clone())
    }

    pub(super) fn insert(&mut self, moment: Arc<Moment>) {
        let used = moment.used();
        if let Some(kept) = self.kept.get_mut(&used) {
            // The same one, of which more is known now.
            if kept.moment.until < moment.until {
                kept.moment = moment;
            }
            return;
        }
        self.kept.insert(used, Kept { moment, look: self.looks, bytes: 0 });
        self.count(used);
        self.count_after(used);
        while self.bytes > BYTES_MAX || self.kept.len() > MOMENTS_MAX {
            let Some(used) = self.least_useful() else { return };
            if let Some(kept) = self.kept.remove(&used) {
                self.bytes -= kept.bytes;
            }
            self.count_after(used);
        }
    }

    /// Counts what a moment takes beside the one before.
    fn count(&mut self, used: u64) {
        let before = self.kept.range(..used).next_back().map(|(_, kept)| kept.moment.clone());
        if let Some(kept) = self.kept.get_mut(&used).filter(|_| before.is_some()) {
            self.bytes -= kept.bytes;
            kept.bytes = kept.moment.bytes_beside(before.as_deref());
            self.bytes += kept.bytes;
        }
    }

    fn count_after(&mut self, used: u64) {
        let next = self.kept.range(used + 1..).next().map(|(used, _)| *used);
        next.into_iter().for_each(|next| self.count(next));
    }

    /// One of the oldest look, from which it is least far back to the one before.
    fn least_useful(&self) -> Option<u64> {
        let pairs = self.kept.iter().zip(self.kept.iter().skip(1));
        let least = pairs.min_by_key(|((before, _), (used, kept))| (kept.look, *used - *before));
        least.map(|(_, (used, _))| *used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::Prepared;
    use crate::runner::TickExact;
    use soru_base::tick::TickSpan;
    use soru_pvm::run::Kernel;

    /// Stops a run of a kernel so many times, every so many ticks, and keeps the moments.
    fn looked_at(wat: &str, times: u64, ticks: u64) -> Moments {
        let kernel = Kernel::of_bytes(&wat::parse_str(wat).unwrap()).unwrap();
        let prepared = TickExact::new().prepared(&kernel, Version::V0).unwrap();
        let Prepared::Ready(code) = &*prepared else { panic!("{prepared:?}") };
        let start = Machine::of_kernel(&kernel, Version::V0, TickSpan(1 << 40)).unwrap();
        let first = Arc::new(Moment::first(&start, code.clone()).unwrap());
        let (mut reveals, mut debug) = ((), ());
        let mut moments = Moments::new(first.clone());
        let mut run = first.run();
        let mut host = first.reach().lend(&mut reveals, &mut debug);
        for until in (1..=times).map(|n| n * ticks) {
            run.go(until, &mut host);
            let reach = first.reach().clone();
            moments.insert(Arc::new(Moment::of(&mut run, reach, until)));
        }
        moments
    }

    /// Tables and stacks of many moments take room as memories do.
    #[test]
    fn tables_count_where_they_have_changed() {
        let wat = r#"(module (memory 1) (export "mem" (memory 0)) (table 50000 funcref) (func (export "kernel_run")
            (loop (table.set (i32.const 0) (ref.null func)) (br 0))))"#;
        let moments = looked_at(wat, 2_000, 1_000);
        let tables: usize = moments.kept.values().map(|kept| kept.moment.run.tables[0].len() * 8).sum();
        assert!(tables > 1 << 20 && tables <= BYTES_MAX, "{tables} bytes of {} moments", moments.kept.len());
    }

    /// Of a kernel that writes all of a large memory again and again, few moments are kept.
    #[test]
    fn memories_count_where_they_have_changed() {
        let wat = r#"(module (memory 1024) (export "mem" (memory 0)) (func (export "kernel_run") (local $n i32)
            (loop
                (memory.fill (i32.const 0) (local.get $n) (i32.const 0x4000000))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br 0))))"#;
        // A fill takes 42 ticks for each byte.
        let moments = looked_at(wat, 20, 3 << 30);
        let fresh: usize = moments.kept.values().map(|kept| kept.moment.fresh()).sum();
        assert!(fresh > 1 << 26 && fresh <= BYTES_MAX, "{fresh} bytes of {} moments", moments.kept.len());
        assert!(moments.bytes <= BYTES_MAX, "{} bytes are counted", moments.bytes);
    }
}
