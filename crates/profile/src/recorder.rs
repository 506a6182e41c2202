//! Takes down where the ticks of a run go, while it runs.

use crate::section::Sections;
use soru_exact::{HostCall, Watch};
use soru_pvm::host::HostFunction;
use std::collections::{BTreeMap, BTreeSet};

/// Calls are told apart down to so many at once; what is below counts to the last of them.
const DEPTH_MAX: u32 = 250;
/// The different stacks hold no more frames than these together. What does not fit counts to the call that it comes from.
const FRAMES_MAX: u64 = 1 << 20;
/// No more different keys of the durable storage are counted.
pub(crate) const KEYS_MAX: usize = 1 << 17;

/// A function, called from one stack.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) parent: u32,
    pub(crate) function: u32,
    depth: u32,
    /// Ticks of the function itself.
    pub(crate) own: u64,
    /// Ticks of what it calls, where that is not told apart.
    pub(crate) below: u64,
    /// The call made last, which is often the next one, too.
    last: Option<(u32, u32)>,
}

/// Ticks and calls of a function.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count {
    pub(crate) calls: u64,
    pub(crate) own: u64,
    /// Its own ticks and those of all that it calls; those of a call of itself count once.
    pub(crate) total: u64,
    /// How often it is at work now.
    at_work: u32,
}

/// Ticks and calls of a host function.
#[derive(Debug, Clone)]
pub(crate) struct HostCount {
    pub(crate) function: HostFunction,
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) ticks: u64,
    pub(crate) bytes: u64,
}

/// A function at work.
#[derive(Debug, Clone, Copy)]
struct Open {
    function: u32,
    node: u32,
    is_below: bool,
    entered: u64,
}

/// No node: what calls `kernel_run`.
pub(crate) const NOBODY: u32 = u32::MAX;

/// What happens in a run.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) nodes: Vec<Node>,
    children: BTreeMap<(u32, u32), u32>,
    frames: u64,
    pub(crate) functions: BTreeMap<u32, Count>,
    pub(crate) hosts: BTreeMap<u32, HostCount>,
    pub(crate) keys: BTreeSet<Vec<u8>>,
    pub(crate) sections: Sections,
    open: Vec<Open>,
    /// Up to here all ticks are counted.
    counted: u64,
    /// The last call of a host function: the end of the run may cut it short.
    last_host: Option<(u32, Option<u32>)>,
}

impl Recorder {
    /// Ticks up to `used` count to the function at work.
    fn count(&mut self, used: u64) {
        let more = used.saturating_sub(self.counted);
        self.counted = self.counted.max(used);
        let Some(open) = self.open.last() else { return };
        self.functions.entry(open.function).or_default().own += more;
        if let Some(node) = self.nodes.get_mut(open.node as usize) {
            if open.is_below { node.below += more } else { node.own += more }
        }
    }

    /// The node of a function that is called now; none if that is not told apart from what calls it.
    fn node(&mut self, function: u32) -> Option<u32> {
        let (parent, depth) = match self.open.last() {
            None => (NOBODY, 1),
            Some(open) if open.is_below => return None,
            Some(open) => {
                let caller = self.nodes.get(open.node as usize)?;
                if let Some((called, node)) = caller.last
                    && called == function
                {
                    return Some(node);
                }
                (open.node, caller.depth + 1)
            }
        };
        let node = match self.children.get(&(parent, function)) {
            Some(node) => *node,
            None => {
                self.frames += u64::from(depth);
                if depth > DEPTH_MAX || self.frames > FRAMES_MAX {
                    self.frames -= u64::from(depth);
                    return None;
                }
                let node = self.nodes.len() as u32;
                self.nodes.push(Node { parent, function, depth, own: 0, below: 0, last: None });
                self.children.insert((parent, function), node);
                node
            }
        };
        if let Some(caller) = self.nodes.get_mut(parent as usize) {
            caller.last = Some((function, node));
        }
        Some(node)
    }

    /// The run is over after so many ticks. Those that are not counted are of the function at work, which trapped or was stopped; of
    /// `entry` if none has begun.
    pub(crate) fn finish(&mut self, used: u64, entry: u32) {
        if self.functions.is_empty() && used > 0 {
            self.enter(entry, 0);
        }
        let over = self.counted.saturating_sub(used);
        if let Some((function, node)) = self.last_host.filter(|_| over > 0) {
            if let Some(host) = self.hosts.get_mut(&function) {
                host.ticks -= over;
            }
            match (node.and_then(|node| self.nodes.get_mut(node as usize)), self.open.last()) {
                (Some(node), _) => node.own -= over,
                (None, Some(open)) => {
                    if let Some(node) = self.nodes.get_mut(open.node as usize) {
                        node.below -= over;
                    }
                }
                (None, None) => (),
            }
            self.counted = used;
        }
        while !self.open.is_empty() {
            self.leave(used);
        }
        self.sections.finish();
    }
}

impl Watch for Recorder {
    fn enter(&mut self, function: u32, used: u64) {
        self.count(used);
        let node = self.node(function);
        let caller = self.open.last().map_or(NOBODY, |open| open.node);
        let (node, is_below) = node.map_or((caller, true), |node| (node, false));
        let count = self.functions.entry(function).or_default();
        count.calls += 1;
        count.at_work += 1;
        self.open.push(Open { function, node, is_below, entered: used });
    }

    fn leave(&mut self, used: u64) {
        self.count(used);
        let Some(open) = self.open.pop() else { return };
        let count = self.functions.entry(open.function).or_default();
        count.at_work = count.at_work.saturating_sub(1);
        if count.at_work == 0 {
            count.total += used.saturating_sub(open.entered);
        }
    }

    fn host_call(&mut self, call: &HostCall<'_>) {
        self.count(call.used);
        let node = self.node(call.index);
        match (node.and_then(|node| self.nodes.get_mut(node as usize)), self.open.last()) {
            (Some(node), _) => node.own += call.ticks,
            (None, Some(open)) => {
                if let Some(node) = self.nodes.get_mut(open.node as usize) {
                    node.below += call.ticks;
                }
            }
            (None, None) => (),
        }
        let new = || HostCount { function: call.function, calls: 0, failed: 0, ticks: 0, bytes: 0 };
        let count = self.hosts.entry(call.index).or_insert_with(new);
        count.calls += 1;
        count.failed += u64::from(call.count().is_none());
        count.ticks += call.ticks;
        count.bytes += call.bytes();
        self.counted = self.counted.max(call.used) + call.ticks;
        self.last_host = Some((call.index, node));
        if self.keys.len() < KEYS_MAX {
            self.keys.extend(call.keys());
        }
        self.sections.host_call(call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(recorder: &Recorder) -> Vec<(u64, u64, u64)> {
        recorder.functions.values().map(|count| (count.calls, count.own, count.total)).collect()
    }

    #[test]
    fn ticks_count_to_who_is_at_work() {
        let mut recorder = Recorder::default();
        recorder.enter(0, 0);
        recorder.enter(1, 10);
        recorder.enter(2, 30);
        recorder.leave(60);
        recorder.leave(100);
        recorder.enter(2, 110);
        recorder.leave(115);
        recorder.leave(160);
        recorder.finish(160, 0);
        assert_eq!(own(&recorder), [(1, 65, 160), (1, 60, 90), (2, 35, 35)]);
        let nodes: Vec<_> =
            recorder.nodes.iter().map(|node| (node.parent, node.function, node.own)).collect();
        assert_eq!(nodes, [(NOBODY, 0, 65), (0, 1, 60), (1, 2, 30), (0, 2, 5)]);
    }

    #[test]
    fn a_function_that_calls_itself_counts_once_in_its_total() {
        let mut recorder = Recorder::default();
        recorder.enter(0, 0);
        for at in 1..=5 {
            recorder.enter(1, at * 10);
        }
        for at in 6..=10 {
            recorder.leave(at * 10);
        }
        // It traps.
        recorder.finish(120, 0);
        assert_eq!(own(&recorder), [(1, 30, 120), (5, 90, 90)]);
    }

    #[test]
    fn deep_calls_are_no_longer_told_apart() {
        let mut recorder = Recorder::default();
        for at in 0..60_000 {
            recorder.enter(0, at * 2);
        }
        recorder.finish(200_000, 0);
        assert_eq!(recorder.nodes.len(), DEPTH_MAX as usize);
        let all: u64 = recorder.nodes.iter().map(|node| node.own + node.below).sum();
        assert_eq!((all, own(&recorder)), (200_000, vec![(60_000, 200_000, 200_000)]));
        assert!(recorder.nodes.last().unwrap().below > 0);
    }

    #[test]
    fn many_stacks_are_bounded_and_nothing_is_lost() {
        let mut recorder = Recorder::default();
        recorder.enter(0, 0);
        for function in 1..2_000_000 {
            recorder.enter(function, u64::from(function));
            recorder.leave(u64::from(function) + 1);
        }
        recorder.finish(3_000_000, 0);
        assert!(recorder.nodes.len() as u64 <= FRAMES_MAX);
        let all: u64 = recorder.nodes.iter().map(|node| node.own + node.below).sum();
        assert_eq!(all, 3_000_000);
    }
}
