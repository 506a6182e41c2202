//! A kernel in instructions of the interpreter.

use crate::Unsupported;
use crate::module::{Module, Signature, Ty};
use crate::op::Op;
use crate::translate::{Place, Site, Target, Translated, Vector, translate};
use soru_pvm::handover::{Beginning, Cell, Ready};
use soru_pvm::run::Kernel;
use soru_pvm::{Machine, Version};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// So many instructions are made of all functions together at most, some two gigabytes: a jump with many values is one for each
/// of them.
const OPS_MAX: usize = 1 << 26;
/// So many cells has a function that is left to the machine: there is no room for it.
const LEFT_OUT: u32 = u32::MAX;

/// A function in the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Its first instruction.
    pub(crate) start: u32,
    pub(crate) params: u16,
    /// All but the parameters.
    pub(crate) locals: u16,
    /// Cells of its frame.
    pub(crate) cells: u32,
    /// Number of its body in the state.
    pub(crate) body: i32,
}

/// The elements of the tables, as cells keep them.
pub(crate) type Tables = Vec<Vec<u64>>;

/// A kernel in instructions, wherever it is called. It depends on the kernel and the version of the machine alone.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) module: Module,
    pub(crate) ops: Vec<Op>,
    /// Ticks of instructions without edges.
    pub(crate) prices: Vec<u32>,
    /// Ticks from an instruction to the next one with edges.
    pub(crate) ahead: Vec<u32>,
    pub(crate) places: Vec<(Place, Place)>,
    pub(crate) targets: Vec<Target>,
    pub(crate) sites: Vec<Site>,
    pub(crate) vectors: Vec<Vector>,
    pub(crate) has_vectors: bool,
    /// Functions that are left to the machine, and why: calls of them are not made.
    left_out: Vec<Unsupported>,
    /// By function; of those of the host none of it is used.
    pub(crate) entries: Vec<Entry>,
    /// By function: the number of the first type that is equal to its own.
    pub(crate) kinds: Vec<u32>,
    /// The same by type.
    pub(crate) type_kinds: Vec<u32>,
}

/// A kernel that is ready to be called, and what its instance has then. It depends on the kernel and the version of the machine
/// alone.
#[derive(Debug)]
pub struct Code {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ready: Ready,
    pub(crate) beginning: Beginning,
    /// The tables at first.
    pub(crate) tables: Arc<Tables>,
    /// The segments of elements.
    pub(crate) elements: Vec<Vec<u64>>,
    /// The bytes of the segments of data, in the kernel.
    pub(crate) segments: Vec<Range<usize>>,
}

impl Code {
    /// The code of a kernel with which the machine has come to the call of a function: see [`Machine::make_ready`].
    pub fn new(kernel: &[u8], version: Version, ready: Ready) -> Result<Self, Unsupported> {
        let beginning = beginning(&ready)?;
        let shared = Shared::new(Module::read(kernel, version)?, &beginning.bodies)?;
        Self::with(Arc::new(shared), ready, beginning)
    }

    /// The same kernel where it calls a function later in the run.
    pub(crate) fn later(&self, ready: Ready) -> Result<Self, Unsupported> {
        let beginning = beginning(&ready)?;
        if beginning.bodies != self.beginning.bodies {
            return Err(Unsupported::new("an instance of other functions"));
        }
        Self::with(self.shared.clone(), ready, beginning)
    }

    fn with(shared: Arc<Shared>, ready: Ready, beginning: Beginning) -> Result<Self, Unsupported> {
        let (module, entry) = (&shared.module, beginning.entry);
        if !module.signature(entry).params.is_empty() || shared.entries[entry as usize].cells == LEFT_OUT {
            let reason = shared.left_out_reason(entry).cloned();
            return Err(reason.unwrap_or_else(|| {
                Unsupported::new("what is called is none of its own functions without parameters")
            }));
        }
        if ready.is_start() && module.start != Some(entry) {
            return Err(Unsupported::new("a call that is none of the start function"));
        }
        if (beginning.globals.len(), beginning.tables.len(), beginning.data.len())
            != (module.globals.len(), module.tables.len(), module.segments.len())
        {
            return Err(Unsupported::new("an instance of other globals, tables or segments"));
        }
        let cells = |rows: &[Vec<Cell>]| -> Vec<Vec<u64>> {
            rows.iter().map(|row| row.iter().map(|cell| cell_of(*cell)).collect()).collect()
        };
        // The start function may have dropped segments.
        let segments = module.segments.iter().zip(&beginning.data);
        let segments =
            segments.map(|(bytes, len)| bytes.start..bytes.start + bytes.len().min(*len as usize)).collect();
        let (tables, elements) = (Arc::new(cells(&beginning.tables)), cells(&beginning.elements));
        Ok(Self { shared, ready, beginning, tables, elements, segments })
    }

    /// The machine where it calls the function.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Functions that the interpreter does not take, and why: a run that comes to one is left to the machine.
    pub fn left_out(&self) -> &[Unsupported] {
        &self.shared.left_out
    }
}

fn beginning(ready: &Ready) -> Result<Beginning, Unsupported> {
    ready.beginning().map_err(|error| Unsupported::new(error.to_string()))
}

impl Shared {
    /// A module whose functions have bodies of those numbers in the state.
    fn new(module: Module, bodies: &[Option<i32>]) -> Result<Self, Unsupported> {
        let type_kinds = first_equal(&module.types);
        let mut code = Self { module, type_kinds, ..Self::default() };
        if bodies.len() != code.module.functions.len() {
            return Err(Unsupported::new("an instance of other functions"));
        }
        for (index, body) in (0..).zip(bodies) {
            code.add(index, body.unwrap_or_default())?;
        }
        code.has_vectors = !code.vectors.is_empty() || code.module.has_vectors();
        code.price();
        Ok(code)
    }

    /// Why a function is left out.
    pub(crate) fn left_out_reason(&self, function: u32) -> Option<&Unsupported> {
        let is_left_out = |index: u32| {
            let own = self.module.functions[index as usize].host.is_none();
            own && self.entries[index as usize].cells == LEFT_OUT
        };
        let before = (0..function).filter(|index| is_left_out(*index)).count();
        self.left_out.get(before).filter(|_| is_left_out(function))
    }

    fn add(&mut self, index: u32, body: i32) -> Result<(), Unsupported> {
        let function = &self.module.functions[index as usize];
        let signature = self.module.signature(index);
        let start = self.ops.len() as u32;
        let mut entry = Entry {
            start,
            params: signature.params.len() as u16,
            locals: function.locals.count() as u16,
            cells: LEFT_OUT,
            body,
        };
        let results = signature.results.len();
        self.kinds.push(self.type_kinds[function.of_type as usize]);
        if function.host.is_none() {
            let translated = match &function.invalid {
                Some(reason) => Err(Unsupported::new(reason.clone())),
                None => translate(&self.module, index, body, OPS_MAX.saturating_sub(self.ops.len())),
            };
            match translated {
                Ok(translated) => {
                    entry.cells = translated.cells.max(results) as u32;
                    self.append(translated);
                }
                Err(error) => self.left_out.push(error.in_function(index)),
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    fn append(&mut self, translated: Translated) {
        let start = Start {
            op: self.ops.len() as u32,
            target: self.targets.len() as u32,
            site: self.sites.len() as u32,
            vector: self.vectors.len() as u32,
        };
        self.ops.extend(translated.ops.into_iter().map(|op| start.placed(op)));
        self.prices.extend(translated.prices);
        self.places.extend(translated.places);
        let targets = translated.targets.into_iter();
        self.targets.extend(targets.map(|target| Target { to: target.to + start.op, edge: target.edge }));
        self.sites.extend(translated.sites);
        self.vectors.extend(translated.vectors);
    }

    /// Each edge is priced at all that is done behind it up to the next edge.
    fn price(&mut self) {
        self.ahead = vec![0; self.ops.len() + 1];
        for index in (0..self.ops.len()).rev() {
            if !self.ops[index].has_edges() {
                self.ahead[index] = self.prices[index].saturating_add(self.ahead[index + 1]);
            }
        }
        let ahead = &self.ahead;
        let starts: Vec<u32> = self.entries.iter().map(|entry| entry.start).collect();
        for (index, op) in self.ops.iter_mut().enumerate() {
            let next = ahead[index + 1];
            match op {
                Op::Jump { to, edge } => *edge += ahead[*to as usize],
                Op::JumpIf { to, jump, fall, .. } | Op::JumpIfZero { to, jump, fall, .. } => {
                    *jump += ahead[*to as usize];
                    *fall += next;
                }
                Op::Call { function, enter, back, .. } => {
                    *enter += ahead[starts[*function as usize] as usize];
                    *back += next;
                }
                Op::CallIndirect { back, .. } => *back += next,
                Op::CallAny { site, .. } => self.sites[*site as usize].back += next,
                _ => (),
            }
        }
        for target in &mut self.targets {
            target.edge += ahead[target.to as usize];
        }
    }

    /// The function of an instruction.
    pub(crate) fn function_at(&self, op: u32) -> u32 {
        // Host functions have no instructions: among those that begin there the last one is meant.
        self.entries.partition_point(|entry| entry.start <= op).saturating_sub(1) as u32
    }
}

/// For each type the number of the first one that is equal.
fn first_equal(types: &[Signature]) -> Vec<u32> {
    let mut first = BTreeMap::new();
    (0..).zip(types).map(|(index, ty)| *first.entry(ty).or_insert(index)).collect()
}

/// Where the parts of a function begin among those of all.
struct Start {
    op: u32,
    target: u32,
    site: u32,
    vector: u32,
}

impl Start {
    fn placed(&self, mut op: Op) -> Op {
        match &mut op {
            Op::Jump { to, .. } | Op::JumpIf { to, .. } | Op::JumpIfZero { to, .. } => *to += self.op,
            Op::JumpTable { first, .. } => *first += self.target,
            Op::CallAny { site, .. } => *site += self.site,
            Op::Vector { index, .. } | Op::VectorLoad { index, .. } | Op::VectorStore { index, .. } => {
                *index += self.vector;
            }
            _ => (),
        }
        op
    }
}

/// A value as cells keep it: most have nothing in the second one.
pub(crate) fn cells_of(cell: Cell) -> (u64, u64) {
    match cell {
        Cell::I32(n) => (u64::from(n as u32), 0),
        Cell::I64(n) => (n as u64, 0),
        Cell::Func(index) => (index.map_or(0, |index| u64::from(index) + 1), 0),
        Cell::Extern => (0, 0),
        Cell::V128(bytes) => {
            let vector = u128::from_le_bytes(bytes);
            (vector as u64, (vector >> 64) as u64)
        }
    }
}

/// The first cell of a value.
pub(crate) fn cell_of(cell: Cell) -> u64 {
    cells_of(cell).0
}

/// What the cells keep. The second one is asked for if there is something in it.
pub(crate) fn cell_from(cell: u64, high: impl FnOnce() -> u64, ty: Ty) -> Cell {
    match ty {
        Ty::I32 => Cell::I32(cell as i32),
        Ty::I64 => Cell::I64(cell as i64),
        Ty::Func => Cell::Func(cell.checked_sub(1).map(|index| index as u32)),
        Ty::Extern => Cell::Extern,
        Ty::V128 => Cell::V128(join(cell, high()).to_le_bytes()),
    }
}

/// A vector out of its two cells.
#[inline(always)]
pub(crate) fn join(low: u64, high: u64) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

/// The code of a kernel, if the machine that begins a run with it gets to the call of `kernel_run`. The machine is not
/// changed.
pub fn prepare(machine: &Machine, kernel: &Kernel, version: Version) -> Result<Code, Unsupported> {
    let unsupported = |error: &dyn std::fmt::Display| Unsupported::new(error.to_string());
    let ready = machine.clone().make_ready(&mut ()).map_err(|error| unsupported(&error))?;
    let ready = ready.ok_or_else(|| Unsupported::new("the kernel is refused"))?;
    let bytes = kernel.load().map_err(|error| unsupported(&error))?;
    Code::new(&bytes, version, ready)
}
