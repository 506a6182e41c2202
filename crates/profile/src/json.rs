//! A profile for programs. Numbers of ticks are JSON numbers: they stay below 2^53, which 50,000,000,000,000 ticks of a run and a thousand
//! reboots do not reach together.

use crate::calls::{FunctionUse, HostUse};
use crate::run::{Inside, RunProfile};
use crate::section::Section;
use crate::storage::StorageUse;
use crate::text::ended;
use crate::together::Profile;
use serde_json::{Value, json};
use soru_pvm::level::RunEnd;
use soru_pvm::machine::Boundary;
use soru_pvm::phases::Phases;

impl Profile {
    /// All runs, the runs of each level together, and all of them together.
    pub fn to_json(&self) -> Value {
        let levels = self.levels().map(|runs| {
            json!({
                "level": runs.first().and_then(|run| run.level).map(|level| level.get()),
                "runs": runs.iter().map(RunProfile::to_json).collect::<Value>(),
                "together": together(runs),
            })
        });
        json!({ "levels": levels.collect::<Value>(), "together": together(&self.runs) })
    }
}

impl RunProfile {
    /// The run.
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "level": self.level.map(|level| level.get()),
            "run": self.number,
            "kernel": self.kernel.map(|hash| hash.to_hex()),
            "end": end_name(&self.end),
            "how": ended(&self.end),
            "then": self.then.map(|then| match then {
                Boundary::Reboot => "reboot",
                Boundary::Yield => "next inbox",
                Boundary::ForcedYield => "next inbox, no reboot left",
            }),
            "ticks": self.ticks.0,
            "bound": self.bound.0,
            "left": self.left().0,
            "phases": phases(&self.phases, self.eval().0),
            "durable_storage": { "before": storage(self.before), "after": storage(self.after) },
        });
        if let Some(memory) = &self.memory {
            value["memory"] = json!({ "pages_before": memory.pages_before, "pages": memory.pages, "written": memory.written });
        }
        match &self.inside {
            Inside::Calls(calls) => {
                value["has_names"] = calls.has_names.into();
                value["keys_named"] = calls.keys_named.into();
                value["functions"] = functions(&calls.functions);
                value["host_functions"] = hosts(&calls.hosts);
                value["sections"] = sections(&calls.sections);
            }
            Inside::Unknown { reason } => value["unknown"] = reason.as_str().into(),
            Inside::NotCalled => (),
        }
        value
    }
}

fn together(runs: &[RunProfile]) -> Value {
    let all = Profile::together(runs);
    let closest = all.closest.and_then(|at| runs.get(at)).map(|run| {
        json!({ "level": run.level.map(|level| level.get()), "run": run.number, "ticks": run.ticks.0, "left": run.left().0 })
    });
    json!({
        "runs": all.runs,
        "unknown": all.unknown,
        "ticks": all.ticks.0,
        "phases": phases(&all.phases, all.eval().0),
        "closest_to_bound": closest,
        "durable_storage": { "before": storage(all.before), "after": storage(all.after) },
        "functions": functions(&all.functions),
        "host_functions": hosts(&all.hosts),
        "sections": sections(&all.sections),
    })
}

fn end_name(end: &RunEnd) -> &'static str {
    match end {
        RunEnd::Finished => "returned",
        RunEnd::Trapped { .. } => "trapped",
        RunEnd::FellBack { .. } => "fell back",
        RunEnd::Stuck { .. } => "stuck",
        RunEnd::TickByTick { end, .. } => end_name(end),
    }
}

fn phases(phases: &Phases, eval: u64) -> Value {
    json!({ "decode": phases.decode.0, "link": phases.link.0, "init": phases.init.0, "kernel_run": eval })
}

fn storage(storage: StorageUse) -> Value {
    json!({ "keys": storage.keys, "bytes": storage.bytes, "has_more": storage.has_more })
}

fn functions(functions: &[FunctionUse]) -> Value {
    let function = |f: &FunctionUse| json!({ "index": f.index, "name": f.name, "calls": f.calls, "own": f.own, "total": f.total });
    functions.iter().map(function).collect()
}

fn hosts(hosts: &[HostUse]) -> Value {
    let host = |h: &HostUse| json!({ "name": h.function.name(), "calls": h.calls, "failed": h.failed, "ticks": h.ticks, "bytes": h.bytes });
    hosts.iter().map(host).collect()
}

fn sections(sections: &[Section]) -> Value {
    let section = |s: &Section| json!({ "name": s.name, "times": s.times, "ticks": s.ticks });
    sections.iter().map(section).collect()
}
