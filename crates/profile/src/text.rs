//! A profile for people.

use crate::calls::{FunctionUse, HostUse};
use crate::number::{number, percent, several};
use crate::run::{Inside, RunProfile};
use crate::section::Section;
use crate::storage::StorageUse;
use crate::together::{Profile, Together};
use soru_pvm::level::RunEnd;
use soru_pvm::machine::Boundary;
use soru_pvm::phases::Phases;

/// How many functions a table has at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows(pub usize);

impl Default for Rows {
    fn default() -> Self {
        Self(15)
    }
}

impl Profile {
    /// Lines for people: each run, what the runs of a level come to together, and all of them.
    pub fn lines(&self, rows: Rows) -> Vec<String> {
        let mut lines = Vec::new();
        let mut levels = 0;
        for runs in self.levels() {
            levels += 1;
            runs.iter().for_each(|run| lines.extend(run.lines(rows)));
            if runs.len() > 1 {
                let level = runs.first().and_then(|run| run.level);
                let title = level.map_or("together".to_owned(), |level| format!("level {level}, together"));
                together(&mut lines, &title, runs, rows);
            }
        }
        if levels > 1 {
            together(&mut lines, &format!("{levels} levels, together"), &self.runs, rows);
        }
        lines
    }
}

impl RunProfile {
    /// Its name among others.
    pub fn title(&self) -> String {
        match self.level {
            Some(level) => format!("level {level}, run {}", self.number),
            None => format!("run {}", self.number),
        }
    }

    /// Lines for people.
    pub fn lines(&self, rows: Rows) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.title(), how(&self.end, self.then))];
        let used = number(self.ticks.0);
        lines.push(format!(
            "  {used} ticks, {} of the {} of a run; {} are left",
            percent(self.ticks.0, self.bound.0),
            number(self.bound.0),
            number(self.left().0),
        ));
        phases(&mut lines, &self.phases, self.eval().0, self.ticks.0);
        if let Some(memory) = &self.memory {
            let grown = if memory.pages_before == memory.pages {
                String::new()
            } else {
                format!(", {} at first", number(memory.pages_before.into()))
            };
            lines.push(format!(
                "  memory: {} of 65,536 bytes{grown}; {} written",
                several(memory.pages.into(), "page", "pages"),
                several(memory.written, "byte", "bytes"),
            ));
        }
        storage(&mut lines, self.before, self.after);
        match &self.inside {
            Inside::NotCalled => lines.push("  kernel_run was not called".to_owned()),
            Inside::Unknown { reason } => lines.push(format!(
                "  where the ticks of kernel_run go is not known: the tick-exact interpreter does not take this kernel ({reason})"
            )),
            Inside::Calls(calls) => {
                if calls.keys_named > 0 {
                    let more = if calls.has_more_keys { "at least " } else { "" };
                    let keys = several(calls.keys_named, "different key", "different keys");
                    lines.push(format!("  keys: {more}{keys} named in calls of host functions"));
                }
                if !calls.has_names {
                    lines.push("  names: the kernel has no name section, `soru kernel build --keep-names` leaves it in".to_owned());
                }
                tables(&mut lines, (&calls.functions, &calls.hosts, &calls.sections), self.ticks.0, rows);
            }
        }
        lines
    }
}

fn together(lines: &mut Vec<String>, title: &str, runs: &[RunProfile], rows: Rows) {
    let all: Together = Profile::together(runs);
    lines.push(format!("{title}: {}", several(all.runs as u64, "run", "runs")));
    lines.push(format!("  {} ticks without padding", number(all.ticks.0)));
    phases(lines, &all.phases, all.eval().0, all.ticks.0);
    if let Some(run) = all.closest.and_then(|at| runs.get(at)) {
        lines.push(format!(
            "  closest to its bound: {}, with {} ticks, {}",
            run.title(),
            number(run.ticks.0),
            percent(run.ticks.0, run.bound.0)
        ));
    }
    if let Some(pages) = all.pages {
        lines.push(format!("  memory: up to {}", several(pages.into(), "page", "pages")));
    }
    storage(lines, all.before, all.after);
    if all.unknown > 0 {
        let runs = several(all.unknown as u64, "run", "runs");
        lines.push(format!("  the calls of {runs} are not known"));
    }
    tables(lines, (&all.functions, &all.hosts, &all.sections), all.ticks.0, rows);
}

/// How a run ended and what came after, in words.
fn how(end: &RunEnd, then: Option<Boundary>) -> String {
    let end = ended(end);
    match then {
        None => end,
        Some(Boundary::Reboot) => format!("{end}; then a reboot"),
        Some(Boundary::Yield) => format!("{end}; then the next inbox"),
        Some(Boundary::ForcedYield) => format!("{end}; then the next inbox, the kernel has no reboot left"),
    }
}

/// How a run ended, in words.
pub(crate) fn ended(end: &RunEnd) -> String {
    match end {
        RunEnd::Finished => "returned".to_owned(),
        RunEnd::Trapped { reason } => format!("trapped ({reason})"),
        RunEnd::FellBack { reason, .. } => format!("refused, the kernel before takes its place ({reason})"),
        RunEnd::Stuck { reason, .. } => format!("stuck for ever ({reason})"),
        RunEnd::TickByTick { end, .. } => ended(end),
    }
}

fn phases(lines: &mut Vec<String>, phases: &Phases, eval: u64, all: u64) {
    let parts =
        [("decode", phases.decode.0), ("link", phases.link.0), ("init", phases.init.0), ("kernel_run", eval)];
    for (name, ticks) in parts {
        lines.push(format!("  {name:<10} {:>19} {:>8}", number(ticks), percent(ticks, all)));
    }
}

fn storage(lines: &mut Vec<String>, before: StorageUse, after: StorageUse) {
    let text = |storage: StorageUse| {
        let more = if storage.has_more { "more than " } else { "" };
        let (keys, bytes) = (several(storage.keys, "key", "keys"), several(storage.bytes, "byte", "bytes"));
        format!("{more}{keys} with {bytes}")
    };
    let after = if before == after { "the same after".to_owned() } else { format!("{} after", text(after)) };
    lines.push(format!("  durable storage: {} before, {after}", text(before)));
}

type Tables<'a> = (&'a [FunctionUse], &'a [HostUse], &'a [Section]);

fn tables(lines: &mut Vec<String>, (functions, hosts, sections): Tables<'_>, all: u64, Rows(rows): Rows) {
    if !functions.is_empty() {
        lines.push(format!(
            "  {:>19} {:>8} {:>19} {:>8} {:>11}  function",
            "own ticks", "", "with calls", "", "calls"
        ));
        for function in functions.iter().take(rows) {
            lines.push(format!(
                "  {:>19} {:>8} {:>19} {:>8} {:>11}  {}",
                number(function.own),
                percent(function.own, all),
                number(function.total),
                percent(function.total, all),
                number(function.calls),
                function.name
            ));
        }
        if functions.len() > rows {
            let own: u64 = functions[rows..].iter().map(|function| function.own).sum();
            let others = several((functions.len() - rows) as u64, "other function", "other functions");
            let columns = format!("{:>19} {:>8}", number(own), percent(own, all));
            lines.push(format!("  {columns} {:>19} {:>8} {:>11}  {others}", "", "", ""));
        }
    }
    if !hosts.is_empty() {
        lines.push(format!(
            "  {:>19} {:>8} {:>19} {:>8} {:>11}  host function",
            "ticks", "", "bytes", "failed", "calls"
        ));
        for host in hosts {
            lines.push(format!(
                "  {:>19} {:>8} {:>19} {:>8} {:>11}  {}",
                number(host.ticks),
                percent(host.ticks, all),
                number(host.bytes),
                number(host.failed),
                number(host.calls),
                host.function.name()
            ));
        }
    }
    if !sections.is_empty() {
        lines.push(format!("  {:>19} {:>8} {:>40}  section", "ticks", "", "times"));
        for section in sections {
            lines.push(format!(
                "  {:>19} {:>8} {:>40}  {}",
                number(section.ticks),
                percent(section.ticks, all),
                number(section.times),
                section.name
            ));
        }
    }
}
