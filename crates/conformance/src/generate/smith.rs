//! Kernels of wasm-smith: any instructions at all, without floats.
//!
//! What it makes calls host functions with any arguments; the calls are led over functions that put them right.

use super::keys;
use arbitrary::Unstructured;
use soru_pvm::host::{HostFunction, ValueType as HostType};
use soru_pvm::run::ENTRYPOINT;
use std::convert::Infallible;
use std::ops::Range;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, EntityType, ExportSection,
    Function, FunctionSection, GlobalSection, HeapType, ImportSection, MemArg, MemorySection, Module,
    StartSection, TableSection, TypeSection, ValType,
};
use wasm_smith::Config;
use wasmparser::{FuncType, FunctionBody, Operator, Parser, Payload, TypeRef};

/// So often a loop may begin, or a function, in a call by the driver. Less than the call depth that the machine allows,
/// but in one of eight kernels.
const FUEL: [u32; 8] = [250, 250, 250, 1500, 250, 250, 250, 250];
const PAGES: u64 = 4;

/// A kernel made of those bytes; nothing if they do not make one.
pub fn kernel(bytes: &[u8]) -> Option<Vec<u8>> {
    let (seed, rest) = bytes.split_first()?;
    let config = Config { allow_start_export: seed % 8 == 0, disallow_traps: seed % 4 != 1, ..config() };
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(rest)).ok()?;
    let fuel = FUEL[usize::from(seed % 8)];
    let global = module.ensure_termination(fuel).ok()?;
    finish(
        &module.to_bytes(),
        &Plan { seed: *seed, fuel: (global, fuel), returns: seed % 4 != 1, returns_carry: seed / 8 % 4 == 0 },
    )
    .ok()
}

/// How a module becomes a kernel.
struct Plan {
    seed: u8,
    /// The global of the fuel, and how much there is at each call of the driver.
    fuel: (u32, u32),
    /// Functions return instead of being unreachable: they do not trap when the fuel is used up.
    returns: bool,
    /// `return` stays, whatever is below its results: the engines leave such a kernel to the ticks.
    returns_carry: bool,
}

fn config() -> Config {
    Config {
        available_imports: Some(imports()),
        exports: Some(exports()),
        allow_floats: false,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        max_data_segments: 4,
        max_element_segments: 4,
        max_funcs: 30,
        max_globals: 8,
        max_instructions: 120,
        // The one that is exported comes on top.
        max_memories: 0,
        memory64_enabled: false,
        max_table_elements: 100,
        max_tables: 2,
        max_type_size: 100_000,
        max_types: 16,
        min_funcs: 4,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: false,
        shared_everything_threads_enabled: false,
        table_max_size_required: true,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// A module that imports every host function.
fn imports() -> Vec<u8> {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    for (index, function) in (0..).zip(keys::host_functions()) {
        types.ty().function(
            function.params().iter().map(keys::encoded),
            function.results().iter().map(keys::encoded),
        );
        imports.import(HostFunction::MODULE, function.name(), EntityType::Function(index));
    }
    let mut module = Module::new();
    module.section(&types).section(&imports);
    module.finish()
}

/// A module that exports what a kernel has to.
fn exports() -> Vec<u8> {
    let (mut types, mut functions, mut memories) =
        (TypeSection::new(), FunctionSection::new(), MemorySection::new());
    types.ty().function([], []);
    functions.function(0);
    memories.memory(wasm_encoder::MemoryType {
        minimum: 1,
        maximum: Some(PAGES),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    exports.export("mem", wasm_encoder::ExportKind::Memory, 0);
    exports.export(ENTRYPOINT, wasm_encoder::ExportKind::Func, 0);
    let mut body = Function::new([]);
    body.instructions().end();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// Leads the calls of imports, and references to them, over wrappers behind the last function.
struct Leader<'a> {
    survey: &'a Survey,
    plan: &'a Plan,
    /// The function that comes next.
    body: usize,
}

impl Reencode for Leader<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        let wrapped = (function as usize) < self.survey.imported.len();
        // One import more comes before the functions of the module.
        Ok(if wrapped { self.survey.own_functions().end + function } else { function + 1 })
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let of_type = self.survey.own.get(self.body).and_then(|index| self.survey.types.get(*index as usize));
        self.body += 1;
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        let mut open = 0;
        while !operators.eof() {
            let operator = operators.read()?;
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => open += 1,
                Operator::End => open -= 1,
                _ => {}
            }
            match (operator, of_type) {
                (Operator::Return, _) if !self.plan.returns_carry => {
                    function.instructions().br(open as u32);
                }
                (Operator::Unreachable, Some(of_type)) if self.plan.returns => {
                    let mut code = function.instructions();
                    for result in of_type.results() {
                        match result {
                            wasmparser::ValType::I64 => code.i64_const(1),
                            wasmparser::ValType::V128 => code.v128_const(1),
                            wasmparser::ValType::Ref(of_type) if of_type.is_func_ref() => {
                                code.ref_null(HeapType::FUNC)
                            }
                            wasmparser::ValType::Ref(_) => code.ref_null(HeapType::EXTERN),
                            _ => code.i32_const(1),
                        };
                    }
                    code.br(open as u32);
                }
                (operator, _) => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }
}

/// What has to be known of a module before it is written anew.
#[derive(Default)]
struct Survey {
    types: Vec<FuncType>,
    imported: Vec<(u32, HostFunction)>,
    own: Vec<u32>,
}

impl Survey {
    fn of(wasm: &[u8]) -> Result<Self, wasmparser::Error> {
        let mut survey = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for of_type in section.into_iter_err_on_gc_types() {
                        survey.types.push(of_type?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let function = keys::host_functions().find(|function| function.name() == import.name);
                        if let (TypeRef::Func(of_type), Some(function)) = (import.ty, function) {
                            survey.imported.push((of_type, function));
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    survey.own = section.into_iter().collect::<Result<_, _>>()?;
                }
                _ => {}
            }
        }
        Ok(survey)
    }

    /// The function that only the driver calls: an import behind the others.
    fn store_write(&self) -> u32 {
        self.imported.len() as u32
    }

    /// The first function of the module's own, and the first behind them.
    fn own_functions(&self) -> Range<u32> {
        let first = self.store_write() + 1;
        first..first + self.own.len() as u32
    }

    /// Calls every function of the module once, beginning with some, with arguments that hardly matter; and stores what
    /// comes of it.
    fn driver(&self, plan: &Plan) -> Function {
        const RESULTS: i32 = 0x7000;
        let (seed, (global, fuel)) = (plan.seed, plan.fuel);
        let mut body = Function::new([(1, ValType::I32), (1, ValType::I64), (1, ValType::V128)]);
        let mut code = body.instructions();
        for (turn, (index, function)) in self.wrappers().enumerate() {
            for param in function.params() {
                match param {
                    HostType::I32 => code.i32_const(i32::from(seed) + turn as i32),
                    HostType::I64 => code.i64_const(i64::from(seed)),
                };
            }
            code.call(index);
            if !function.results().is_empty() {
                code.drop();
            }
        }
        for turn in 0..self.own.len() {
            let place = (turn + usize::from(seed)) % self.own.len();
            let of_type = &self.types[self.own[place] as usize];
            for param in of_type.params() {
                match param {
                    wasmparser::ValType::I64 => code.i64_const(i64::from(seed) << turn),
                    wasmparser::ValType::V128 => code.v128_const(i128::from(seed)),
                    wasmparser::ValType::Ref(of_type) if of_type.is_func_ref() => {
                        code.ref_null(HeapType::FUNC)
                    }
                    wasmparser::ValType::Ref(_) => code.ref_null(HeapType::EXTERN),
                    _ => code.i32_const(i32::from(seed) + turn as i32),
                };
            }
            code.i32_const(fuel as i32).global_set(global);
            code.call(self.own_functions().start + place as u32);
            for (slot, result) in (0..).zip(of_type.results().iter().rev()) {
                let memory = MemArg { offset: 16 * slot, align: 0, memory_index: 0 };
                match result {
                    wasmparser::ValType::I32 => {
                        code.local_set(0).i32_const(RESULTS).local_get(0).i32_store(memory);
                    }
                    wasmparser::ValType::I64 => {
                        code.local_set(1).i32_const(RESULTS).local_get(1).i64_store(memory);
                    }
                    wasmparser::ValType::V128 => {
                        code.local_set(2).i32_const(RESULTS).local_get(2).v128_store(memory);
                    }
                    _ => {
                        code.ref_is_null().local_set(0).i32_const(RESULTS).local_get(0).i32_store(memory);
                    }
                }
            }
            let (key, length) = keys::key(turn);
            for source in [RESULTS, 0] {
                code.i32_const(key).i32_const(length).i32_const(source & 64).i32_const(source).i32_const(64);
                code.call(self.store_write()).drop();
            }
        }
        code.end();
        body
    }

    /// The wrappers, which come behind all other functions, with what they wrap.
    fn wrappers(&self) -> impl Iterator<Item = (u32, HostFunction)> {
        (self.own_functions().end..).zip(self.imported.iter().map(|(_, function)| *function))
    }
}

/// Adds the wrappers, the table of keys, and a `kernel_run` that calls everything.
fn finish(wasm: &[u8], plan: &Plan) -> Result<Vec<u8>, Error<Infallible>> {
    let survey = Survey::of(wasm)?;
    let mut leader = Leader { survey: &survey, plan, body: 0 };

    let (mut types, mut imports, mut functions) =
        (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut tables, mut memories, mut globals) =
        (TableSection::new(), MemorySection::new(), GlobalSection::new());
    let (mut exports, mut elements, mut code, mut data) =
        (ExportSection::new(), ElementSection::new(), CodeSection::new(), DataSection::new());
    let mut start = None;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(section) => leader.parse_type_section(&mut types, section)?,
            Payload::ImportSection(section) => leader.parse_import_section(&mut imports, section)?,
            Payload::FunctionSection(section) => leader.parse_function_section(&mut functions, section)?,
            Payload::TableSection(section) => leader.parse_table_section(&mut tables, section)?,
            Payload::MemorySection(section) => leader.parse_memory_section(&mut memories, section)?,
            Payload::GlobalSection(section) => leader.parse_global_section(&mut globals, section)?,
            Payload::ExportSection(section) => {
                let memory = section.into_iter().find(|export| {
                    export.as_ref().is_ok_and(|export| export.kind == wasmparser::ExternalKind::Memory)
                });
                if let Some(memory) = memory {
                    leader.parse_export(&mut exports, memory?)?;
                }
            }
            Payload::ElementSection(section) => leader.parse_element_section(&mut elements, section)?,
            Payload::StartSection { func, .. } => start = Some(leader.function_index(func)?),
            Payload::CodeSectionEntry(body) => leader.parse_function_body(&mut code, body)?,
            Payload::DataSection(section) => leader.parse_data_section(&mut data, section)?,
            _ => {}
        }
    }
    let mut last_type = survey.types.len() as u32;
    types.ty().function(
        HostFunction::StoreWrite.params().iter().map(keys::encoded),
        HostFunction::StoreWrite.results().iter().map(keys::encoded),
    );
    imports.import(HostFunction::MODULE, HostFunction::StoreWrite.name(), EntityType::Function(last_type));
    for (index, (of_type, function)) in (0..).zip(&survey.imported) {
        functions.function(*of_type);
        code.function(&keys::wrapper(*function, index));
    }
    last_type += 1;
    types.ty().function([], []);
    functions.function(last_type);
    code.function(&survey.driver(plan));
    let driver = survey.own_functions().end + survey.imported.len() as u32;
    exports.export(ENTRYPOINT, wasm_encoder::ExportKind::Func, driver);
    data.active(0, &ConstExpr::i32_const(keys::TABLE as i32), keys::table());

    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&tables);
    module.section(&memories).section(&globals).section(&exports);
    if let Some(function_index) = start {
        module.section(&StartSection { function_index });
    }
    module.section(&elements).section(&DataCountSection { count: data.len() });
    module.section(&code).section(&data);
    Ok(module.finish())
}
