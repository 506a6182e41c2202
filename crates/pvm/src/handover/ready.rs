//! An instance that is ready to run: decoded, linked, initialised.

use super::{Cell, Frozen, HandoverError, thaw};
use crate::decode::MAIN;
use crate::eval::{Config, Evaluator, Ref, Value};
use crate::host::{DebugSink, HostState};
use crate::init::Initialiser;
use crate::instance::{Function, FunctionRef, Instance, Modules};
use crate::numeric::Number;
use crate::reveal::RevealSource;
use crate::state::{Machine, StateError, TickState};
use soru_base::tick::TickSpan;

/// Raised by every change of what a machine does before the call of `kernel_run`: how it decodes, links, initialises, runs a
/// start function, and how many ticks that takes. What is kept of it outlives a program.
pub const REVISION: u32 = 1;

/// A machine that is about to call a function, and what an engine needs to know of its instance. It depends on the kernel and
/// the version of the machine alone.
#[derive(Debug, Clone)]
pub struct Ready {
    pub(super) place: Place,
    ticks: TickSpan,
}

/// Where a machine calls a function by itself.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// The start function, the last part of making an instance.
    Start(Box<Initialiser>),
    /// `kernel_run`.
    Run(Box<Evaluator>),
}

impl Place {
    /// The call, and the instances.
    pub(super) fn parts_mut(&mut self) -> Result<(&mut Config, &mut Modules), HandoverError> {
        match self {
            Self::Start(initialiser) => initialiser.parts_mut().ok_or_else(|| misfit("a start function")),
            Self::Run(evaluator) => Ok(evaluator.parts_mut()),
        }
    }
}

impl Machine {
    /// Reads, links and initialises the kernel, by ticks, up to the call of `kernel_run`. The machine has to be where a run
    /// begins, or anywhere behind that. Nothing if it does not get to the call: then it is where it went instead.
    pub fn make_ready(&mut self, debug: &mut dyn DebugSink) -> Result<Option<Ready>, StateError> {
        self.make_ready_while(debug, &mut || true)
    }

    /// The same as long as `goes_on` says so, which is asked now and then: start functions take as long as they like. If it
    /// says no, there is nothing, and the machine is where it has come to.
    pub fn make_ready_while(
        &mut self,
        debug: &mut dyn DebugSink,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Ready>, StateError> {
        self.make_ready_to(false, debug, goes_on)
    }

    /// The same up to the call of the start function, if there is one.
    pub fn make_start_ready_while(
        &mut self,
        debug: &mut dyn DebugSink,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Ready>, StateError> {
        self.make_ready_to(true, debug, goes_on)
    }

    fn make_ready_to(
        &mut self,
        is_to_pause: bool,
        debug: &mut dyn DebugSink,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Ready>, StateError> {
        /// So many ticks are made between two questions.
        const PART: u64 = 1 << 22;
        let version = self.durable.version()?;
        let mut asked = self.current_tick.0;
        loop {
            let is_at_start = match &mut self.tick_state {
                TickState::Init(initialiser) => is_to_pause && initialiser.is_at_start(),
                _ => false,
            };
            let place = match &self.tick_state {
                TickState::Init(initialiser) if is_at_start => Place::Start(initialiser.clone()),
                TickState::Snapshot | TickState::Decode(_) | TickState::Link(_) | TickState::Init(_) => {
                    if self.current_tick.0 - asked >= PART {
                        asked = self.current_tick.0;
                        if !goes_on() {
                            return Ok(None);
                        }
                    }
                    self.advance_ticks_to(is_to_pause, asked.saturating_add(PART), version, debug)?;
                    continue;
                }
                TickState::Eval(evaluator) => Place::Run(evaluator.clone()),
                _ => return Ok(None),
            };
            let ticks = self.current_tick.since(self.last_top_level_call);
            return Ok(Some(Ready { place, ticks }));
        }
    }

    /// What a kernel that begins to run can reach. The machine keeps its own.
    pub fn lend<'a>(
        &self,
        reveals: &'a mut dyn RevealSource,
        debug: &'a mut dyn DebugSink,
    ) -> Result<HostState<'a>, StateError> {
        let version = self.durable.version()?;
        let (durable, input, output) = (self.durable.clone(), self.input.clone(), self.output.clone());
        Ok(HostState::new(version, durable, input, output, reveals, debug))
    }

    /// Puts the machine, which is where a run begins, into the middle of this run: to where it is `ready` to call a function, or
    /// to `frozen`. That is so many ticks after the call was about to be made, with what the kernel could reach as it is then.
    pub fn enter_run(
        &mut self,
        ready: &Ready,
        frozen: Option<&Frozen<'_>>,
        host: &HostState<'_>,
        ticks: TickSpan,
    ) -> Result<(), HandoverError> {
        let mut place = ready.place.clone();
        if let Some(frozen) = frozen {
            let (config, modules) = place.parts_mut()?;
            thaw::thaw(config, modules, frozen)?;
        }
        self.tick_state = match place {
            Place::Start(initialiser) => TickState::Init(initialiser),
            Place::Run(evaluator) => TickState::Eval(evaluator),
        };
        self.current_tick = self.after(ready.ticks.0.saturating_add(ticks.0))?;
        (self.durable, self.input, self.output) =
            (host.durable.clone(), host.input.clone(), host.output.clone());
        Ok(())
    }
}

/// Most elements of all tables of an instance that are told one by one: a few bytes of a kernel make a hundred thousand.
const ELEMENTS_MAX: usize = 1 << 22;

/// What an instance has at first.
#[derive(Debug, Clone, Default)]
pub struct Beginning {
    /// The index of the function that is called.
    pub entry: u32,
    /// Size of memory 0 in pages.
    pub pages: u32,
    /// Its bytes that are written, in chunks of 512.
    pub chunks: Vec<(u32, Vec<u8>)>,
    /// The globals.
    pub globals: Vec<Cell>,
    /// The elements of the tables; nothing for references of the host.
    pub tables: Vec<Vec<Cell>>,
    /// What the segments of elements hold, those of declarations and those that were copied nothing.
    pub elements: Vec<Vec<Cell>>,
    /// How many bytes the segments of data hold, those that were copied or dropped none.
    pub data: Vec<u64>,
    /// For each function the number of its body; nothing for those of the host.
    pub bodies: Vec<Option<i32>>,
}

impl Ready {
    /// Ticks from the beginning of the run to the call.
    pub fn ticks(&self) -> TickSpan {
        self.ticks
    }

    /// Whether the function is the start function, and not `kernel_run`: host functions refuse to be called.
    pub fn is_start(&self) -> bool {
        matches!(self.place, Place::Start(_))
    }

    /// What the instance has.
    pub fn beginning(&self) -> Result<Beginning, HandoverError> {
        let mut place = self.place.clone();
        let (config, modules) = place.parts_mut()?;
        let called = config.called().ok_or_else(|| misfit("a call about to be made"))?;
        let instance = instance(modules)?;
        let functions = Functions::of(instance)?;
        let entry = functions.index(&called)?;
        let mut found = Beginning { entry, ..Beginning::default() };
        for index in 0..instance.functions.length() {
            let body = match fits(instance.functions.get(index), "a function")?.function() {
                Function::Native { body, .. } => Some(*body),
                Function::Host { .. } => None,
            };
            found.bodies.push(body);
        }
        if instance.memories.length() > 0 {
            let memory = fits(instance.memories.look(0), "memory 0")?;
            found.pages = memory.size() as u32;
            found.chunks = memory.written().map(|(index, bytes)| (index as u32, bytes.to_vec())).collect();
        }
        for index in 0..instance.globals.length() {
            let value = &fits(instance.globals.get(index), "a global")?.value;
            found.globals.push(functions.cell(value)?);
        }
        let mut all = 0;
        for index in 0..instance.tables.length() {
            let table = fits(instance.tables.look(index), "a table")?;
            let mut cells = Vec::new();
            all += table.size().max(0) as usize;
            if all > ELEMENTS_MAX {
                let what = format!("room for more than {ELEMENTS_MAX} elements of tables");
                return Err(misfit(&what));
            }
            for element in 0..table.size() {
                let reference = table.load(element).map_err(|_| misfit("an element"))?;
                let reference = reference.ok_or_else(|| misfit("an element"))?;
                cells.push(functions.cell(&Value::Ref { reference })?);
            }
            found.tables.push(cells);
        }
        for index in 0..instance.datas.length() {
            let number = *fits(instance.datas.get(index), "a segment of data")?;
            let data = fits(instance.allocations.datas.look(number), "data")?;
            found.data.push(data.length().max(0) as u64);
        }
        for index in 0..instance.elems.length() {
            let refs = &mut fits(instance.elems.look(index), "a segment of elements")?.refs;
            let mut cells = Vec::new();
            for element in 0..refs.length() {
                let reference = fits(refs.get(element), "an element")?.clone();
                cells.push(functions.cell(&Value::Ref { reference })?);
            }
            found.elements.push(cells);
        }
        Ok(found)
    }
}

pub(super) fn misfit(what: &str) -> HandoverError {
    HandoverError::Misfit(format!("{what} is not there"))
}

pub(super) fn fits<T, E>(found: Result<T, E>, what: &str) -> Result<T, HandoverError> {
    found.map_err(|_| misfit(what))
}

pub(super) fn instance(modules: &mut Modules) -> Result<&mut Instance, HandoverError> {
    let found = modules.get_mut(MAIN.as_bytes())?;
    found.map(|instance| &mut **instance).ok_or_else(|| misfit("the instance"))
}

/// The functions of an instance by what they are.
struct Functions(std::collections::BTreeMap<usize, u32>);

impl Functions {
    fn of(instance: &mut Instance) -> Result<Self, HandoverError> {
        let mut found = std::collections::BTreeMap::new();
        for index in 0..instance.functions.length() {
            let function = fits(instance.functions.get(index), "a function")?;
            found.entry(function.identity()).or_insert(index as u32);
        }
        Ok(Self(found))
    }

    fn index(&self, function: &FunctionRef) -> Result<u32, HandoverError> {
        self.0.get(&function.identity()).copied().ok_or_else(|| misfit("a function that is referred to"))
    }

    fn cell(&self, value: &Value) -> Result<Cell, HandoverError> {
        use crate::wasm::types::RefType;
        Ok(match value {
            Value::Number { number: Number::I32(n) } => Cell::I32(*n),
            Value::Number { number: Number::I64(n) } => Cell::I64(*n),
            Value::Ref { reference: Ref::Func { function } } => Cell::Func(Some(self.index(function)?)),
            Value::Ref { reference: Ref::Null { ref_type: RefType::Func } } => Cell::Func(None),
            Value::Ref { reference: Ref::Null { ref_type: RefType::Extern } } => Cell::Extern,
            Value::Ref { reference: Ref::Extern { .. } } => return Err(misfit("a reference of the host")),
            Value::Vector { vector } => Cell::V128(*vector),
        })
    }
}
