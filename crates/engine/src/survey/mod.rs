//! The rules for kernels, one by one, for those who write them.

mod calls;

use crate::decode::{ExportKind, FLOATS, Module, decode};
use crate::instrument::entry;
use crate::link::{mismatch, missing};
use crate::prepare::{KernelError, check};
use crate::returns::carrying;
use crate::validate::validate;
pub use calls::CallStack;
pub(crate) use calls::{Calls, functions};
use soru_pvm::Version;
use soru_pvm::host::hint;
use soru_pvm::run::ENTRYPOINT;

/// What is known of a kernel without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// One finding for each rule that could be looked at.
    pub findings: Vec<Finding>,
    /// The estimate of the call stack, of a kernel that can be read.
    pub call_stack: Option<CallStack>,
}

impl Survey {
    /// Whether a rollup can live with the kernel.
    pub fn is_valid(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Broken)
    }
}

/// What was found about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Whether the kernel keeps it.
    pub verdict: Verdict,
    /// What was found, for people; a line each.
    pub says: Vec<String>,
}

/// A rule for kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// No instruction and no type of floating-point numbers.
    Floats,
    /// WebAssembly that the machine can read, and that the compilers take.
    Module,
    /// `kernel_run` is exported, takes nothing and returns nothing.
    Entry,
    /// Exactly one memory, exported.
    Memory,
    /// Nothing is imported but host functions, with their types.
    Imports,
    /// No more frames than the machine has.
    CallStack,
}

impl Rule {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floats => "floats",
            Self::Module => "module",
            Self::Entry => "kernel_run",
            Self::Memory => "memory",
            Self::Imports => "imports",
            Self::CallStack => "call stack",
        }
    }
}

/// Whether a rule is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Kept,
    /// It is not, or perhaps not, and the machine runs the kernel all the same.
    Doubtful,
    /// It is not: no rollup can live with the kernel.
    Broken,
}

impl Verdict {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Doubtful => "doubtful",
            Self::Broken => "broken",
        }
    }
}

/// Goes through the rules for kernels. The kernel is valid if and only if [`check`] takes it.
pub fn survey(kernel: &[u8], version: Version) -> Survey {
    let checked = check(kernel, version);
    let Ok(module) = decode(kernel) else {
        let says = checked.err().map(|error| error.to_string()).unwrap_or_default();
        let rule = if says.contains(FLOATS) { Rule::Floats } else { Rule::Module };
        let findings = vec![Finding { rule, verdict: Verdict::Broken, says: vec![says] }];
        return Survey { findings, call_stack: None };
    };
    let call_stack = calls::estimate(kernel, &module, version);
    let mut findings = vec![
        finding(Rule::Floats, Verdict::Kept, "none"),
        entry_point(&module),
        memory(&module),
        imports(&module, version),
    ];
    let told = findings.iter().any(|finding| finding.verdict == Verdict::Broken);
    findings.insert(1, whole(kernel, &module, checked, told));
    if let Some(calls) = &call_stack {
        let verdict = if calls.is_doubtful() { Verdict::Doubtful } else { Verdict::Kept };
        findings.push(finding(Rule::CallStack, verdict, calls.to_string()));
    }
    Survey { findings, call_stack }
}

fn finding(rule: Rule, verdict: Verdict, says: impl Into<String>) -> Finding {
    Finding { rule, verdict, says: vec![says.into()] }
}

/// What no other rule tells: everything else that the machine or the compilers do not take.
fn whole(kernel: &[u8], module: &Module, checked: Result<(), KernelError>, told: bool) -> Finding {
    let reason = match checked {
        Err(_) if told => validate(kernel, module, carrying).map_err(KernelError::Unsupported).err(),
        checked => checked.err(),
    };
    match reason {
        Some(reason) => finding(Rule::Module, Verdict::Broken, reason.to_string()),
        None => {
            let count = module.functions.len();
            let s = if count == 1 { "" } else { "s" };
            finding(Rule::Module, Verdict::Kept, format!("valid WebAssembly, {count} function{s}"))
        }
    }
}

fn entry_point(module: &Module) -> Finding {
    let Some(index) = entry(module) else {
        let says = format!("no function `{ENTRYPOINT}` is exported: the machine has nothing to call");
        return finding(Rule::Entry, Verdict::Broken, says);
    };
    let Some(of_type) = module.function_type(index) else {
        let says = format!("`{ENTRYPOINT}` is exported as function {index}, which is not there");
        return finding(Rule::Entry, Verdict::Broken, says);
    };
    let count = module.exports.iter().filter(|export| export.name == ENTRYPOINT).count();
    if !of_type.params.is_empty() {
        let says = format!("`{ENTRYPOINT}` takes {}: it has to take nothing", values(of_type.params.len()));
        finding(Rule::Entry, Verdict::Broken, says)
    } else if !of_type.results.is_empty() {
        let says = format!(
            "`{ENTRYPOINT}` returns {}: it should return nothing; the machine drops them",
            values(of_type.results.len())
        );
        finding(Rule::Entry, Verdict::Doubtful, says)
    } else if count > 1 {
        let says =
            format!("{count} exports bear the name `{ENTRYPOINT}`: the machine calls the last function");
        finding(Rule::Entry, Verdict::Doubtful, says)
    } else {
        finding(Rule::Entry, Verdict::Kept, "exported, takes nothing and returns nothing")
    }
}

fn values(count: usize) -> String {
    if count == 1 { "a value".to_owned() } else { format!("{count} values") }
}

fn memory(module: &Module) -> Finding {
    let exported: Vec<_> = module.exports.iter().filter(|export| export.kind == ExportKind::Memory).collect();
    let first = module.memories.first().zip(exported.iter().find(|export| export.index == 0));
    let Some((limits, export)) = first else {
        let says = if module.memories.is_empty() {
            "no memory is declared: the machine asks for exactly one, exported"
        } else {
            "the memory is not exported: the machine asks for it"
        };
        return finding(Rule::Memory, Verdict::Broken, says);
    };
    if module.memories.len() > 1 || exported.len() > 1 {
        let says = format!(
            "{} memories and {} exports of a memory, one of each is the rule; the machine uses the first memory",
            module.memories.len(),
            exported.len()
        );
        return finding(Rule::Memory, Verdict::Doubtful, says);
    }
    let pages = u64::from(limits.min);
    let says = format!("one, exported as `{}`, {} KiB to begin with", export.name, pages * 64);
    finding(Rule::Memory, Verdict::Kept, says)
}

fn imports(module: &Module, version: Version) -> Finding {
    let mut says = Vec::new();
    for import in &module.imports {
        let reason = missing(&import.module, &import.item, version).or_else(|| mismatch(module, import));
        let Some(reason) = reason else { continue };
        let hint = hint(&reason).map(str::to_owned);
        says.push(reason);
        says.extend(hint);
    }
    if !says.is_empty() {
        return Finding { rule: Rule::Imports, verdict: Verdict::Broken, says };
    }
    let names: Vec<_> = module.imports.iter().map(|import| &import.item[..]).collect();
    let says = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    finding(Rule::Imports, Verdict::Kept, says)
}

#[cfg(test)]
mod tests;
