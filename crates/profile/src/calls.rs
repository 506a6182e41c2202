//! What was called in a run.

use crate::folded::Folded;
use crate::names::Names;
use crate::recorder::{KEYS_MAX, NOBODY, Node, Recorder};
use crate::section::Section;
use soru_pvm::host::HostFunction;
use std::cmp::Reverse;

/// The frame of calls that are not told apart, because they are too deep or too many.
const BELOW: &str = "[further calls]";

/// A function of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUse {
    /// Its index in the kernel.
    pub index: u32,
    /// Its name: see [`Names`].
    pub name: String,
    /// How often it was called.
    pub calls: u64,
    /// Ticks of its own instructions. If the run traps or is stopped, what that takes counts to the function that was at work.
    pub own: u64,
    /// Ticks from its call to its return, with all that it calls. When it calls itself, these ticks count once.
    pub total: u64,
}

/// A host function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostUse {
    /// Which one.
    pub function: HostFunction,
    /// How often it was called.
    pub calls: u64,
    /// How often its result was an error.
    pub failed: u64,
    /// Ticks that it took.
    pub ticks: u64,
    /// Bytes that the kernel got from the host or gave to it, keys not counted.
    pub bytes: u64,
}

/// The calls of a run. The own ticks of the functions and the ticks of the host functions are all ticks from the call of
/// `kernel_run` to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// The functions of the kernel, those with most ticks of their own first.
    pub functions: Vec<FunctionUse>,
    /// The host functions, those with most ticks first.
    pub hosts: Vec<HostUse>,
    /// Sections that the kernel marks, by their names.
    pub sections: Vec<Section>,
    /// Different keys of the durable storage that the kernel has named.
    pub keys_named: u64,
    /// Whether there may be more such keys.
    pub has_more_keys: bool,
    /// Whether the kernel has a name section.
    pub has_names: bool,
    /// What called what.
    pub stacks: Folded,
}

impl Calls {
    pub(crate) fn of(recorder: &Recorder, names: &Names) -> Self {
        let functions = recorder.functions.iter().map(|(index, count)| FunctionUse {
            index: *index,
            name: names.name(*index),
            calls: count.calls,
            own: count.own,
            total: count.total,
        });
        let mut functions: Vec<_> = functions.collect();
        sort_functions(&mut functions);
        let mut hosts = Vec::new();
        for count in recorder.hosts.values() {
            let &crate::recorder::HostCount { function, calls, failed, ticks, bytes } = count;
            add_host(&mut hosts, &HostUse { function, calls, failed, ticks, bytes });
        }
        sort_hosts(&mut hosts);
        Self {
            functions,
            hosts,
            sections: recorder.sections.found(),
            keys_named: recorder.keys.len() as u64,
            has_more_keys: recorder.keys.len() >= KEYS_MAX,
            has_names: names.has_section(),
            stacks: stacks(&recorder.nodes, names),
        }
    }

    /// All ticks from the call of `kernel_run` to its end.
    pub fn ticks(&self) -> u64 {
        let functions: u64 = self.functions.iter().map(|function| function.own).sum();
        functions + self.hosts.iter().map(|host| host.ticks).sum::<u64>()
    }
}

/// Those with most ticks of their own first, the rest in the order of the kernel.
pub(crate) fn sort_functions(functions: &mut [FunctionUse]) {
    functions.sort_by_key(|function| (Reverse(function.own), function.index));
}

pub(crate) fn sort_hosts(hosts: &mut [HostUse]) {
    hosts.sort_by_key(|host| (Reverse(host.ticks), host.function));
}

/// A kernel may import a function twice, and runs may use the same one.
pub(crate) fn add_host(hosts: &mut Vec<HostUse>, more: &HostUse) {
    match hosts.iter_mut().find(|host| host.function == more.function) {
        Some(host) => {
            host.calls += more.calls;
            host.failed += more.failed;
            host.ticks += more.ticks;
            host.bytes += more.bytes;
        }
        None => hosts.push(more.clone()),
    }
}

fn stacks(nodes: &[Node], names: &Names) -> Folded {
    let mut folded = Folded::default();
    for node in nodes {
        if node.own == 0 && node.below == 0 {
            continue;
        }
        let mut frames = vec![names.name(node.function)];
        let mut parent = node.parent;
        while parent != NOBODY {
            let Some(caller) = nodes.get(parent as usize) else { break };
            frames.push(names.name(caller.function));
            parent = caller.parent;
        }
        frames.reverse();
        let stack = frames.join(";");
        folded.add(&stack, node.own);
        if node.below > 0 {
            folded.add(&format!("{stack};{BELOW}"), node.below);
        }
    }
    folded
}
