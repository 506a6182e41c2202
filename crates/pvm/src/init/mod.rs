//! Making an instance of a kernel: its imports, types, functions, globals, tables, memories, exports; then what fills
//! tables and memory, and the start function.

mod imports;
mod segments;
mod state;

use crate::eval::{Config, Fault, Step, World};
use crate::instance::{
    Extern, FunctionRef, GlobalInstance, Instance, MemoryInstance, Modules, TableInstance,
};
use crate::instance::{Function, InstanceType};
use crate::lazy::{Joining, Mapping, Maybe, Names, Node, Text, Vec32};
use crate::run::ENTRYPOINT;
use crate::state::StateError;
use crate::wasm::module::{Export, Func, Module};
use crate::wasm::types::FuncType;
use soru_merkle::Tree;
use state::{
    Constant, ElemTasks, InitStep, Initialising, NewElements, NewFunction, NewGlobal, NewMemory, NewTable,
};

/// What a kernel's exports have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportRules {
    /// Memory 0 has to be exported. Of the exports only functions are kept.
    Kernel,
    /// Anything goes, and all exports are kept.
    None,
}

/// A machine that makes an instance of its kernel.
#[derive(Debug, Clone)]
pub struct Initialiser(Initialising);

/// What is needed to go on.
struct Making<'a, 'w> {
    name: &'a Text,
    module: &'a mut Module,
    modules: &'a mut Modules,
    world: &'a mut World<'w>,
    rules: ExportRules,
    stack_limit: i32,
}

impl Initialiser {
    pub(crate) fn begin(module: Module, externs: Vec32<Extern>) -> Self {
        let name = Text(crate::decode::MAIN.into());
        let step = InitStep::Start { externs };
        Self(Initialising { name, module, step, modules: Modules::default() })
    }

    pub(crate) fn read(tree: &Tree) -> Result<Self, StateError> {
        Initialising::read(tree).map(Self)
    }

    pub(crate) fn write(&mut self) -> Result<Tree, StateError> {
        let mut tree = Tree::empty();
        self.0.write(&mut tree)?;
        Ok(tree)
    }

    /// Where it is, under the name that the vectors have for it.
    pub fn step_name(&self) -> &'static str {
        match self.0.step.tag() {
            "IK_Types" => "IK_Type",
            "IK_Es_elem" => "IK_Es_elems",
            "IK_Es_data" => "IK_Es_datas",
            tag if tag.starts_with("IK_Aggregate_concat") => "IK_Aggregate_concat",
            tag if tag.starts_with("IK_Aggregate") => "IK_Aggregate",
            tag => tag,
        }
    }

    /// The instances, once they are made.
    pub(crate) fn into_modules(self) -> Modules {
        self.0.modules
    }

    /// Whether the instance is made.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.0.step, InitStep::Stop)
    }

    /// The function that a kernel is called by, and the instances. What is left of this is of no use.
    pub(crate) fn finish(&mut self) -> Result<Option<(FunctionRef, Modules)>, Fault> {
        let mut modules = std::mem::take(&mut self.0.modules);
        let instance = modules.look(crate::decode::MAIN.as_bytes())?;
        let instance = instance.ok_or(crate::lazy::VectorError::NoEntry)?;
        match instance.exports.look(ENTRYPOINT.as_bytes())? {
            Some(Extern::Func { function }) => {
                let function = function.clone();
                Ok(Some((function, modules)))
            }
            Some(_) => Ok(None),
            None => Err(crate::lazy::VectorError::NoEntry.into()),
        }
    }

    /// What is evaluated once the instance is made, the start function at last, and the instances. Nothing before.
    pub(crate) fn parts_mut(&mut self) -> Option<(&mut Config, &mut Modules)> {
        match &mut self.0.step {
            InitStep::Evaluate { config } => Some((config, &mut self.0.modules)),
            _ => None,
        }
    }

    /// Whether the start function is about to be called.
    pub(crate) fn is_at_start(&mut self) -> bool {
        self.parts_mut().is_some_and(|(config, _)| config.is_at_last_call())
    }

    /// Up to `max` ticks, unless it is done: how many were made, and why no more could be.
    pub(crate) fn ticks(
        &mut self,
        max: u64,
        rules: ExportRules,
        world: &mut World<'_>,
    ) -> (u64, Option<Fault>) {
        self.ticks_to(false, max, rules, world)
    }

    /// The same; if it is to pause there, up to where the start function is about to be called. Looking for that reads
    /// more than ticks do.
    pub(crate) fn ticks_to(
        &mut self,
        is_to_pause: bool,
        max: u64,
        rules: ExportRules,
        world: &mut World<'_>,
    ) -> (u64, Option<Fault>) {
        let stack_limit = world.version.call_depth_limit() as i32;
        let mut done = 0;
        while done < max && !self.is_done() {
            if is_to_pause && self.is_at_start() {
                break;
            }
            let Initialising { name, module, step, modules } = &mut self.0;
            if let InitStep::Evaluate { config } = step
                && !matches!(config.step, Step::Result { .. } | Step::Trapped { .. })
            {
                let ticks = if is_to_pause { Config::ticks_to_call } else { Config::ticks };
                let (made, fault) = ticks(config, max - done, modules, world);
                done += made;
                if fault.is_some() {
                    return (done, fault);
                }
                continue;
            }
            let taken = std::mem::replace(step, InitStep::Stop);
            let mut making = Making { name, module, modules, world, rules, stack_limit };
            match making.step(taken) {
                Ok(next) => *step = next,
                Err(fault) => return (done, Some(fault)),
            }
            done += 1;
        }
        (done, None)
    }
}

impl Making<'_, '_> {
    // Others see the instance from now on as it is.
    fn register(&mut self, instance: &Instance) {
        self.modules.set(&self.name.0, Box::new(instance.clone()));
    }

    fn step(&mut self, step: InitStep) -> Result<InitStep, Fault> {
        Ok(match step {
            InitStep::Start { externs } => {
                let (instance, imports) = (Box::new(Instance::empty()), self.module.imports.clone());
                self.register(&instance);
                let offset = externs.length().wrapping_sub(1);
                InitStep::Imports { instance, externs, imports, offset }
            }
            InitStep::Imports { instance, offset: -1, .. } => {
                self.register(&instance);
                let types = self.module.types.clone();
                let done = Vec32::with_length(types.length());
                InitStep::Types { instance, types, done, offset: 0 }
            }
            InitStep::Imports { mut instance, mut externs, mut imports, offset } => {
                let (given, import) = (externs.get(offset)?, imports.get(offset)?);
                imports::check(&mut self.module.types, given, import)?;
                if let Extern::Func { function } = given {
                    instance.functions.cons(function.clone());
                }
                InitStep::Imports { instance, externs, imports, offset: offset.wrapping_sub(1) }
            }
            InitStep::Types { mut instance, types, done, offset } if offset == types.length() => {
                instance.types = done;
                instance.allocations = self.module.allocations.clone();
                self.register(&instance);
                InitStep::Functions { instance, map: Mapping::of(self.module.funcs.clone()) }
            }
            InitStep::Types { instance, mut types, mut done, offset } => {
                let FuncType { params, results } = types.get(offset)?.clone();
                done.set(offset, InstanceType { params, results });
                InitStep::Types { instance, types, done, offset: offset.wrapping_add(1) }
            }
            InitStep::Functions { instance, map } if map.is_done() => {
                let join = Joining::of(instance.functions.clone(), map.done);
                InitStep::AllFunctions { instance, join }
            }
            InitStep::Functions { instance, mut map } => {
                self.function(&mut map)?;
                InitStep::Functions { instance, map }
            }
            InitStep::AllFunctions { mut instance, join } if join.is_done() => {
                instance.functions = join.done;
                self.register(&instance);
                InitStep::Globals { instance, map: Mapping::of(self.module.globals.clone()) }
            }
            InitStep::AllFunctions { instance, mut join } => {
                join.step()?;
                InitStep::AllFunctions { instance, join }
            }
            InitStep::Globals { instance, map } if map.is_done() => {
                let join = Joining::of(instance.globals.clone(), map.done);
                InitStep::AllGlobals { instance, join }
            }
            InitStep::Globals { instance, mut map } => {
                self.global(&mut map)?;
                InitStep::Globals { instance, map }
            }
            InitStep::AllGlobals { mut instance, join } if join.is_done() => {
                instance.globals = join.done;
                InitStep::Tables { instance, map: Mapping::of(self.module.tables.clone()) }
            }
            InitStep::AllGlobals { instance, mut join } => {
                join.step()?;
                InitStep::AllGlobals { instance, join }
            }
            InitStep::Tables { instance, map } if map.is_done() => {
                let join = Joining::of(instance.tables.clone(), map.done);
                InitStep::AllTables { instance, join }
            }
            InitStep::Tables { instance, mut map } => {
                match map.current.0.take() {
                    None => {
                        map.current = Maybe(Some(NewTable::Given { table: *map.origin.get(map.offset)? }))
                    }
                    Some(NewTable::Given { table }) => {
                        let table = TableInstance::new(table)?;
                        map.current = Maybe(Some(NewTable::Made { table }));
                    }
                    Some(NewTable::Made { table }) => map.put(table),
                }
                InitStep::Tables { instance, map }
            }
            InitStep::AllTables { mut instance, join } if join.is_done() => {
                instance.tables = join.done;
                InitStep::Memories { instance, map: Mapping::of(self.module.memories.clone()) }
            }
            InitStep::AllTables { instance, mut join } => {
                join.step()?;
                InitStep::AllTables { instance, join }
            }
            InitStep::Memories { instance, map } if map.is_done() => {
                let join = Joining::of(instance.memories.clone(), map.done);
                InitStep::AllMemories { instance, join }
            }
            InitStep::Memories { instance, mut map } => {
                match map.current.0.take() {
                    None => {
                        map.current = Maybe(Some(NewMemory::Given { memory: *map.origin.get(map.offset)? }))
                    }
                    Some(NewMemory::Given { memory }) => {
                        let memory = MemoryInstance::new(memory.0)?;
                        map.current = Maybe(Some(NewMemory::Made { memory }));
                    }
                    Some(NewMemory::Made { memory }) => map.put(memory),
                }
                InitStep::Memories { instance, map }
            }
            InitStep::AllMemories { mut instance, join } if join.is_done() => {
                instance.memories = join.done;
                self.register(&instance);
                let (exports, done) = (self.module.exports.clone(), Names::default());
                InitStep::Exports { instance, exports, has_memory: false, done, offset: 0 }
            }
            InitStep::AllMemories { instance, mut join } => {
                join.step()?;
                InitStep::AllMemories { instance, join }
            }
            InitStep::Exports { mut instance, exports, has_memory, done, offset }
                if offset == exports.length() =>
            {
                if self.rules == ExportRules::Kernel && !has_memory {
                    return Err(Fault::explained(
                        "Tezos_webassembly_interpreter.Eval.Missing_memory_0_export",
                        "Module must export memory 0",
                    ));
                }
                instance.exports = done;
                InitStep::Elems { instance, map: Mapping::of(self.module.elems.clone()) }
            }
            InitStep::Exports { mut instance, mut exports, mut has_memory, mut done, offset } => {
                let export = exports.get(offset)?;
                let given = exported(&mut instance, export)?;
                if self.rules == ExportRules::None || matches!(given, Extern::Func { .. }) {
                    done.set(&key_of(&export.name.0), given);
                }
                has_memory |= export.kind.kind == MEMORY && export.kind.index == 0;
                InitStep::Exports { instance, exports, has_memory, done, offset: offset.wrapping_add(1) }
            }
            InitStep::Elems { mut instance, map } if map.is_done() => {
                instance.elems = map.done;
                let segments = self.module.datas.clone();
                let done = Vec32::with_length(segments.length());
                InitStep::Datas { instance, segments, done, offset: 0 }
            }
            InitStep::Elems { instance, mut map } => {
                self.elements(&mut map)?;
                InitStep::Elems { instance, map }
            }
            InitStep::Datas { mut instance, segments, done, offset } if offset == segments.length() => {
                instance.datas = done;
                self.register(&instance);
                InitStep::FillTables { instance, tasks: ElemTasks::of(self.module.elems.clone()) }
            }
            InitStep::Datas { instance, mut segments, mut done, offset } => {
                done.set(offset, segments.get(offset)?.init);
                InitStep::Datas { instance, segments, done, offset: offset.wrapping_add(1) }
            }
            step => return segments::step(step, self.name, self.module, self.stack_limit),
        })
    }

    fn function(&mut self, map: &mut Mapping<NewFunction, Func, FunctionRef>) -> Result<(), Fault> {
        match map.current.0.take() {
            None => {
                let func = map.origin.get(map.offset)?.clone();
                map.current = Maybe(Some(NewFunction::Given { func }));
            }
            Some(NewFunction::Given { func }) => {
                let Func { ftype, locals, body } = func;
                let instance = self.modules.look(&self.name.0)?.ok_or(crate::lazy::VectorError::NoEntry)?;
                let func_type = instance.func_type(ftype)?.clone();
                let module = self.name.clone();
                let function = FunctionRef::new(Function::Native { func_type, module, ftype, locals, body });
                map.current = Maybe(Some(NewFunction::Made { function }));
            }
            Some(NewFunction::Made { function }) => map.put(function),
        }
        Ok(())
    }

    fn global(
        &mut self,
        map: &mut Mapping<NewGlobal, crate::wasm::module::Global, GlobalInstance>,
    ) -> Result<(), Fault> {
        match map.current.0.take() {
            None => {
                let global = *map.origin.get(map.offset)?;
                let constant = self.constant(global.init);
                map.current = Maybe(Some(NewGlobal { gtype: global.gtype, constant }));
            }
            Some(NewGlobal { gtype, constant: Constant::Computed { value } }) => {
                map.put(GlobalInstance::new(gtype.mutable, gtype.value, value)?);
            }
            Some(NewGlobal { gtype, constant }) => {
                let constant = self.compute(constant)?;
                map.current = Maybe(Some(NewGlobal { gtype, constant }));
            }
        }
        Ok(())
    }

    fn elements(
        &mut self,
        map: &mut Mapping<NewElements, crate::wasm::module::ElemSegment, crate::instance::Elements>,
    ) -> Result<(), Fault> {
        match map.current.0.take() {
            None => {
                let blocks = map.origin.get(map.offset)?.init.clone();
                map.current = Maybe(Some(Mapping::of(blocks)));
            }
            Some(inner) if inner.is_done() => map.put(crate::instance::Elements { refs: inner.done }),
            Some(mut inner) => {
                match inner.current.0.take() {
                    None => {
                        let block = *inner.origin.get(inner.offset)?;
                        inner.current = Maybe(Some(self.constant(block)));
                    }
                    Some(Constant::Computed { value: crate::eval::Value::Ref { reference } }) => {
                        inner.put(reference);
                    }
                    Some(Constant::Computed { .. }) => return Err(Fault::unknown("Failure(\"as_ref\")")),
                    Some(constant) => inner.current = Maybe(Some(self.compute(constant)?)),
                }
                map.current = Maybe(Some(inner));
            }
        }
        Ok(())
    }

    fn constant(&self, block: i32) -> Constant {
        Constant::Computing { config: Box::new(Config::of_block(self.name, self.stack_limit, block)) }
    }

    fn compute(&mut self, constant: Constant) -> Result<Constant, Fault> {
        let Constant::Computing { mut config } = constant else { return Ok(constant) };
        if let Step::Result { values } = &mut config.step {
            if values.length() != 1 {
                return Err(Fault::crash("wrong number of results on stack"));
            }
            return Ok(Constant::Computed { value: values.pop()? });
        }
        config.tick(self.modules, self.world)?;
        Ok(Constant::Computing { config })
    }
}

/// The name of an export as a key of the state: what is not plain ASCII is escaped, byte by byte.
pub(crate) fn key_of(name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            0..0x20 | 0x7f.. => key.extend(format!("\\u{{{byte:02x}}}").bytes()),
            b'"' | b'\\' => key.extend([b'\\', *byte]),
            plain => key.push(*plain),
        }
    }
    key
}

const MEMORY: u8 = 2;

fn exported(instance: &mut Instance, export: &Export) -> Result<Extern, Fault> {
    let index = export.kind.index;
    Ok(match export.kind.kind {
        0 => Extern::Func { function: instance.function(index)?.clone() },
        1 => Extern::Table { table: instance.look_at_table(index)?.clone() },
        MEMORY => Extern::Memory { memory: instance.look_at_memory(index)?.clone() },
        _ => Extern::Global { global: instance.look_at_global(index)?.clone() },
    })
}
