//! Several runs together.

use crate::calls::{FunctionUse, HostUse, add_host, sort_functions, sort_hosts};
use crate::folded::Folded;
use crate::run::{Inside, RunProfile};
use crate::section::Section;
use crate::storage::StorageUse;
use soru_base::tick::TickSpan;
use soru_pvm::phases::Phases;
use std::collections::BTreeMap;

/// Runs, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The runs.
    pub runs: Vec<RunProfile>,
}

/// What runs come to together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Together {
    /// How many there are.
    pub runs: usize,
    /// Runs of which the calls are not known.
    pub unknown: usize,
    /// Their ticks, without padding.
    pub ticks: TickSpan,
    /// Ticks up to the calls of `kernel_run`.
    pub phases: Phases,
    /// The place of the run that comes closest to its bound.
    pub closest: Option<usize>,
    /// Functions of the kernel, those with most ticks of their own first; those of different kernels are told apart.
    pub functions: Vec<FunctionUse>,
    /// Host functions, those with most ticks first.
    pub hosts: Vec<HostUse>,
    /// Sections that the kernel marks.
    pub sections: Vec<Section>,
    /// Most pages that a run had.
    pub pages: Option<u32>,
    /// The durable storage before the first run.
    pub before: StorageUse,
    /// The durable storage after the last run.
    pub after: StorageUse,
    /// All stacks.
    pub folded: Folded,
}

impl Together {
    /// Ticks from the calls of `kernel_run` to their ends.
    pub fn eval(&self) -> TickSpan {
        TickSpan(self.ticks.0.saturating_sub(self.phases.total().0))
    }
}

impl Profile {
    /// The levels, each with its runs, which follow one another.
    pub fn levels(&self) -> impl Iterator<Item = &[RunProfile]> {
        self.runs.chunk_by(|a, b| a.level == b.level)
    }

    /// What these runs come to together.
    pub fn together(runs: &[RunProfile]) -> Together {
        let mut all = Together { runs: runs.len(), ..Together::default() };
        all.before = runs.first().map(|run| run.before).unwrap_or_default();
        all.after = runs.last().map(|run| run.after).unwrap_or_default();
        all.closest = (0..runs.len()).min_by_key(|at| runs[*at].left());
        all.phases.gets_to_call = true;
        let mut functions = BTreeMap::<_, FunctionUse>::new();
        let mut sections = BTreeMap::<&str, (u64, u64)>::new();
        for run in runs {
            all.ticks.0 += run.ticks.0;
            all.phases.decode.0 += run.phases.decode.0;
            all.phases.link.0 += run.phases.link.0;
            all.phases.init.0 += run.phases.init.0;
            all.phases.gets_to_call &= run.phases.gets_to_call;
            all.unknown += usize::from(matches!(run.inside, Inside::Unknown { .. }));
            all.pages = all.pages.max(run.memory.map(|memory| memory.pages));
            all.folded.add_all(&run.folded());
            let Some(calls) = run.calls() else { continue };
            for function in &calls.functions {
                let place = (run.kernel.map(|hash| hash.to_hex()), function.index);
                let new = || FunctionUse { calls: 0, own: 0, total: 0, ..function.clone() };
                let sum = functions.entry(place).or_insert_with(new);
                sum.calls += function.calls;
                sum.own += function.own;
                sum.total += function.total;
            }
            calls.hosts.iter().for_each(|host| add_host(&mut all.hosts, host));
            for section in &calls.sections {
                let (times, ticks) = sections.entry(&section.name).or_default();
                *times += section.times;
                *ticks += section.ticks;
            }
        }
        all.functions = functions.into_values().collect();
        sort_functions(&mut all.functions);
        sort_hosts(&mut all.hosts);
        let sections = sections.into_iter();
        all.sections =
            sections.map(|(name, (times, ticks))| Section { name: name.to_owned(), times, ticks }).collect();
        all
    }
}
