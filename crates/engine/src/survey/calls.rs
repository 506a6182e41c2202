//! How deep the calls of a kernel go, as far as its code says it.

use crate::decode::Module;
use crate::instrument::entry;
use soru_pvm::Version;
use std::collections::BTreeSet;
use std::fmt;
use wasmparser::{Operator, Parser, Payload};

/// How deep the calls of a kernel go, as far as its code says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStack {
    /// Functions in the longest chain of direct calls that passes none twice, from `kernel_run` or the start function on.
    pub direct: u32,
    /// A function that can be reached and calls itself, directly or through others: then it can go deeper.
    pub recursive: Option<u32>,
    /// Whether an indirect call can be reached: then it can go deeper.
    pub indirect: bool,
    /// Most functions in a chain of calls: at one more the machine is stuck for ever.
    pub limit: u32,
}

impl CallStack {
    pub(super) fn is_doubtful(&self) -> bool {
        self.recursive.is_some() || self.direct > self.limit
    }
}

impl fmt::Display for CallStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} functions deep", self.direct, self.limit)?;
        match (self.recursive, self.indirect) {
            (None, false) => f.write_str(" at most"),
            (None, true) => f.write_str(" by direct calls; there are indirect ones, too"),
            (Some(function), _) => {
                write!(
                    f,
                    " without recursion; function {function} can call itself, directly or through others"
                )
            }
        }?;
        if self.is_doubtful() { f.write_str("; beyond them the machine is stuck for ever") } else { Ok(()) }
    }
}

/// What a function calls.
#[derive(Default)]
pub(crate) struct Calls {
    /// Functions by their indexes.
    pub(crate) direct: BTreeSet<u32>,
    /// Whether it calls one of a table.
    pub(crate) indirect: bool,
}

/// None if the code cannot be gone through, or there is nothing to call.
pub(super) fn estimate(kernel: &[u8], module: &Module, version: Version) -> Option<CallStack> {
    let functions = functions(kernel)?;
    let imported = u32::try_from(module.imported_functions()).ok()?;
    let limit = version.call_depth_limit().saturating_sub(1);
    let mut walk = Walk {
        calls: &functions,
        imported,
        depth: vec![Depth::Unknown; functions.len()],
        found: CallStack { direct: 0, recursive: None, indirect: false, limit },
    };
    for root in [module.start, entry(module)].into_iter().flatten() {
        let depth = walk.from(root);
        walk.found.direct = walk.found.direct.max(depth);
    }
    entry(module).map(|_| walk.found)
}

/// What each function of the kernel's own calls, if its code can be gone through.
pub(crate) fn functions(kernel: &[u8]) -> Option<Vec<Calls>> {
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(kernel) {
        let Payload::CodeSectionEntry(body) = payload.ok()? else { continue };
        let mut calls = Calls::default();
        for operator in body.get_operators_reader().ok()? {
            match operator.ok()? {
                Operator::Call { function_index } => {
                    calls.direct.insert(function_index);
                }
                Operator::CallIndirect { .. } => calls.indirect = true,
                _ => {}
            }
        }
        functions.push(calls);
    }
    Some(functions)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Unknown,
    /// On the path that is being gone.
    Open,
    /// Functions in the longest chain from here.
    Known(u32),
}

struct Walk<'a> {
    calls: &'a [Calls],
    imported: u32,
    depth: Vec<Depth>,
    found: CallStack,
}

impl Walk<'_> {
    /// Functions in the longest chain from a function on; host functions take no frame.
    fn from(&mut self, root: u32) -> u32 {
        let Some(root) = self.own(root) else { return 0 };
        // A function, what it calls and was not gone yet, the longest chain below. Not by recursion: a chain may be long.
        let mut path = vec![];
        self.open(root, &mut path);
        while let Some((function, left, below)) = path.last_mut() {
            let Some(callee) = left.pop() else {
                let (function, depth) = (*function, *below + 1);
                self.depth[function] = Depth::Known(depth);
                path.pop();
                if let Some((_, _, below)) = path.last_mut() {
                    *below = depth.max(*below);
                }
                continue;
            };
            let Some(callee) = self.own(callee) else { continue };
            match self.depth[callee] {
                Depth::Known(depth) => *below = depth.max(*below),
                Depth::Open => self.found.recursive = Some(self.imported + callee as u32),
                Depth::Unknown => self.open(callee, &mut path),
            }
        }
        match self.depth[root] {
            Depth::Known(depth) => depth,
            _ => 0,
        }
    }

    fn open(&mut self, function: usize, path: &mut Vec<(usize, Vec<u32>, u32)>) {
        if self.depth[function] != Depth::Unknown {
            return;
        }
        self.depth[function] = Depth::Open;
        self.found.indirect |= self.calls[function].indirect;
        path.push((function, self.calls[function].direct.iter().copied().collect(), 0));
    }

    /// The place of a function of the kernel's own.
    fn own(&self, function: u32) -> Option<usize> {
        let place = function.checked_sub(self.imported)? as usize;
        (place < self.calls.len()).then_some(place)
    }
}
