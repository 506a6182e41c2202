//! A kernel in instructions of the interpreter.

use crate::Unsupported;
use crate::module::{Module, Ty};
use crate::op::Op;
use crate::translate::{Place, Target, translate};
use soru_pvm::handover::{Beginning, Cell, Ready};
use soru_pvm::run::Kernel;
use soru_pvm::{Machine, Version};

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

/// A kernel that is ready to run. It depends on the kernel and the version of the machine alone.
#[derive(Debug)]
pub struct Code {
    pub(crate) module: Module,
    pub(crate) ready: Ready,
    pub(crate) beginning: Beginning,
    pub(crate) ops: Vec<Op>,
    /// Ticks of instructions without edges.
    pub(crate) prices: Vec<u32>,
    /// Ticks from an instruction to the next one with edges.
    pub(crate) ahead: Vec<u32>,
    pub(crate) places: Vec<(Place, Place)>,
    pub(crate) targets: Vec<Target>,
    /// By function; of those of the host none of it is used.
    pub(crate) entries: Vec<Entry>,
    /// By function: the number of the first type that is equal to its own.
    pub(crate) kinds: Vec<u32>,
    /// The same by type.
    pub(crate) type_kinds: Vec<u32>,
}

impl Code {
    /// The code of a kernel with which the machine has come to the call of `kernel_run`: see [`Machine::make_ready`].
    pub fn new(kernel: &[u8], version: Version, ready: Ready) -> Result<Self, Unsupported> {
        let beginning = ready.beginning().map_err(|error| Unsupported::new(error.to_string()))?;
        let module = Module::read(kernel, version)?;
        let mut code = Self {
            ready,
            ops: Vec::new(),
            prices: Vec::new(),
            ahead: Vec::new(),
            places: Vec::new(),
            targets: Vec::new(),
            entries: Vec::new(),
            kinds: Vec::new(),
            type_kinds: Vec::new(),
            beginning,
            module,
        };
        code.type_kinds = code
            .module
            .types
            .iter()
            .map(|ty| code.module.types.iter().position(|other| other == ty).unwrap_or_default() as u32)
            .collect();
        if code.beginning.bodies.len() != code.module.functions.len() {
            return Err(Unsupported::new("an instance of other functions"));
        }
        for index in 0..code.module.functions.len() {
            code.add(index as u32)?;
        }
        code.price();
        let entry = &code.module.signature(code.beginning.entry);
        if !entry.params.is_empty() || code.module.functions[code.beginning.entry as usize].host.is_some() {
            return Err(Unsupported::new("`kernel_run` is none of its own functions without parameters"));
        }
        if code.beginning.globals.len() != code.module.globals.len() {
            return Err(Unsupported::new("an instance of other globals"));
        }
        Ok(code)
    }

    /// The machine where it calls `kernel_run`.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    fn add(&mut self, index: u32) -> Result<(), Unsupported> {
        let function = &self.module.functions[index as usize];
        let signature = self.module.signature(index);
        let body = self.beginning.bodies[index as usize].unwrap_or_default();
        let (start, first) = (self.ops.len() as u32, self.targets.len() as u32);
        let mut entry = Entry {
            start,
            params: signature.params.len() as u16,
            locals: function.locals.len() as u16,
            cells: 0,
            body,
        };
        self.kinds.push(self.type_kinds[function.of_type as usize]);
        if function.host.is_none() {
            let translated =
                translate(&self.module, index, body).map_err(|error| error.in_function(index))?;
            entry.cells = translated.cells.max(signature.results.len()) as u32;
            self.ops.extend(translated.ops.into_iter().map(|op| placed(op, start, first)));
            self.prices.extend(translated.prices);
            self.places.extend(translated.places);
            self.targets.extend(
                translated
                    .targets
                    .into_iter()
                    .map(|target| Target { to: target.to + start, edge: target.edge }),
            );
        }
        self.entries.push(entry);
        Ok(())
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

fn placed(mut op: Op, start: u32, target: u32) -> Op {
    match &mut op {
        Op::Jump { to, .. } | Op::JumpIf { to, .. } | Op::JumpIfZero { to, .. } => *to += start,
        Op::JumpTable { first, .. } => *first += target,
        _ => (),
    }
    op
}

/// A value as a cell keeps it.
pub(crate) fn cell_of(cell: Cell) -> u64 {
    match cell {
        Cell::I32(n) => u64::from(n as u32),
        Cell::I64(n) => n as u64,
        Cell::Func(index) => index.map_or(0, |index| u64::from(index) + 1),
        Cell::Extern => 0,
    }
}

/// What a cell keeps.
pub(crate) fn cell_from(cell: u64, ty: Ty) -> Cell {
    match ty {
        Ty::I32 => Cell::I32(cell as i32),
        Ty::I64 => Cell::I64(cell as i64),
        Ty::Func => Cell::Func(cell.checked_sub(1).map(|index| index as u32)),
        Ty::Extern => Cell::Extern,
    }
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
