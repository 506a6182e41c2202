//! Small structured kernels that exercise the operand stack: blocks, loops and branches with several values, values left
//! below those that a branch takes along, calls, `br_table`, returns from inside, host calls with good keys; in some a start
//! function with loops, which may trap.
//!
//! Every loop ends, and functions return at once when their common fuel is used up.

mod body;

use super::keys;
use arbitrary::Unstructured;
use body::Body;
use soru_pvm::host::{HostFunction, ValueType as HostType};
use soru_pvm::run::ENTRYPOINT;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, MemArg,
    MemorySection, MemoryType, Module, RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};

/// Calls that a run may make.
const FUEL: i32 = 40;
/// In one of so many kernels, `return` may have values below its results: the engines leave such a kernel to the ticks.
const RETURNS_CARRY: usize = 5;
/// One in so many kernels has a start function.
const STARTS: usize = 4;
/// How deep blocks are nested.
const NESTING: usize = 4;
/// What functions give is mixed into this global.
const MIX: u32 = 0;
const FUEL_GLOBAL: u32 = 1;
/// Elements of the table that is not called through, at first.
const OTHER_TABLE: usize = 8;
/// The segments that are there to be copied from.
const PASSIVE: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    params: Vec<ValType>,
    results: Vec<ValType>,
}

/// A kernel made of those bytes, whatever they are.
pub fn kernel(bytes: &[u8]) -> Vec<u8> {
    let mut program = Program {
        choices: Unstructured::new(bytes),
        returns_carry: false,
        types: Vec::new(),
        functions: Vec::new(),
    };
    program.returns_carry = program.choose(RETURNS_CARRY) == 0;
    let start = (program.choose(STARTS) == 1).then(|| [16, 3, 12].map(|count| program.choose(count)));
    let count = 1 + program.choose(5);
    let hosts: Vec<_> = keys::host_functions().collect();
    let host_types: Vec<_> = hosts
        .iter()
        .map(|host| {
            let list = |types: &[HostType]| types.iter().map(keys::encoded).collect();
            program.type_index(list(host.params()), list(host.results()))
        })
        .collect();
    for _ in 0..count {
        let (params, results) = (program.value_types(4), program.value_types(4));
        program.functions.push(Signature { params, results });
    }
    let mut code = CodeSection::new();
    let mut own_types = Vec::new();
    for number in 0..count {
        let signature = program.functions[number].clone();
        own_types.push(program.type_index(signature.params.clone(), signature.results.clone()));
        code.function(&Body::new(&mut program, number).finish(&signature));
    }
    own_types.push(program.type_index(Vec::new(), Vec::new()));
    code.function(&program.entry());
    if let Some(choices) = start {
        own_types.push(program.type_index(Vec::new(), Vec::new()));
        code.function(&program.start(choices));
    }
    program.module(&hosts, &host_types, &own_types, &code)
}

struct Program<'b> {
    returns_carry: bool,
    choices: Unstructured<'b>,
    types: Vec<Signature>,
    functions: Vec<Signature>,
}

impl Program<'_> {
    /// A number below `count`; 0 when the bytes are used up.
    fn choose(&mut self, count: usize) -> usize {
        self.choices.int_in_range(0..=count.saturating_sub(1)).unwrap_or_default()
    }

    fn value_type(&mut self) -> ValType {
        [ValType::I32, ValType::I64, ValType::I32, ValType::V128][self.choose(4)]
    }

    fn value_types(&mut self, below: usize) -> Vec<ValType> {
        (0..self.choose(below)).map(|_| self.value_type()).collect()
    }

    fn type_index(&mut self, params: Vec<ValType>, results: Vec<ValType>) -> u32 {
        let signature = Signature { params, results };
        let place = self.types.iter().position(|other| *other == signature);
        place.unwrap_or_else(|| {
            self.types.push(signature);
            self.types.len() - 1
        }) as u32
    }

    fn imported() -> u32 {
        keys::host_functions().count() as u32
    }

    fn host(function: HostFunction) -> u32 {
        keys::host_functions().position(|other| other == function).unwrap_or_default() as u32
    }

    /// `kernel_run`: calls every function, stores what came of it.
    fn entry(&mut self) -> Function {
        const PLACE: i32 = 0x800;
        let mut body = Function::new([]);
        let mut code = body.instructions();
        // A message into the memory, so that there is something to compute with.
        code.i32_const(0x100)
            .i32_const(0x110)
            .i32_const(200)
            .call(Self::host(HostFunction::ReadInput))
            .drop();
        for number in (0..self.functions.len()).rev() {
            code.i32_const(FUEL).global_set(FUEL_GLOBAL);
            let signature = self.functions[number].clone();
            for param in &signature.params {
                match param {
                    ValType::I64 => code.i64_const(number as i64 - 1),
                    ValType::V128 => code.v128_const(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
                    _ => code.i32_const(number as i32 + 3),
                };
            }
            code.call(Self::imported() + number as u32);
            for result in signature.results.iter().rev() {
                match result {
                    ValType::I64 => code.i32_wrap_i64(),
                    ValType::V128 => code.i32x4_extract_lane(2),
                    _ => &mut code,
                };
                code.global_get(MIX).i32_const(7).i32_rotl().i32_add().global_set(MIX);
            }
            let (key, length) = keys::key(number);
            code.i32_const(PLACE).global_get(MIX).i32_store(MemArg { offset: 0, align: 2, memory_index: 0 });
            code.i32_const(key).i32_const(length).i32_const(0).i32_const(PLACE).i32_const(4);
            code.call(Self::host(HostFunction::StoreWrite)).drop();
        }
        code.i32_const(PLACE).i32_const(4).call(Self::host(HostFunction::WriteOutput)).drop();
        code.end();
        body
    }

    /// A start function: a loop on memory, table and globals, then perhaps a trap, or calls that may lead to the host, which
    /// nobody can call yet.
    fn start(&self, [turns, then, after]: [usize; 3]) -> Function {
        let memory = MemArg { offset: 0x900, align: 0, memory_index: 0 };
        let mut body = Function::new([(1, ValType::I32)]);
        let mut code = body.instructions();
        code.i32_const(1 + 7 * turns as i32).local_set(0).loop_(BlockType::Empty);
        code.local_get(0).global_get(MIX).i32_const(5).i32_rotl().local_get(0).i32_add();
        code.global_set(MIX).global_get(MIX).i32_store(memory);
        code.local_get(0).local_get(0).i32_const(9).memory_fill(0);
        code.i32_const(0).i32_const(0).table_get(0).table_set(0);
        // The last turns trap if there are few of them.
        if then == 1 {
            code.global_get(MIX).local_get(0).i32_const(after as i32).i32_sub().i32_div_s().global_set(MIX);
        }
        code.local_get(0).i32_const(1).i32_sub().local_tee(0).br_if(0).end();
        if then == 2 && after < self.functions.len() {
            code.i32_const(FUEL).global_set(FUEL_GLOBAL);
            let signature = &self.functions[after];
            for param in &signature.params {
                match param {
                    ValType::I64 => code.i64_const(after as i64),
                    ValType::V128 => code.v128_const(7 << 64),
                    _ => code.i32_const(after as i32),
                };
            }
            code.call(Self::imported() + after as u32);
            signature.results.iter().for_each(|_| {
                code.drop();
            });
        }
        code.end();
        body
    }

    fn module(
        self,
        hosts: &[HostFunction],
        host_types: &[u32],
        own_types: &[u32],
        code: &CodeSection,
    ) -> Vec<u8> {
        let (mut types, mut imports, mut functions) =
            (TypeSection::new(), ImportSection::new(), FunctionSection::new());
        for Signature { params, results } in &self.types {
            types.ty().function(params.iter().copied(), results.iter().copied());
        }
        for (host, of_type) in hosts.iter().zip(host_types) {
            imports.import(HostFunction::MODULE, host.name(), EntityType::Function(*of_type));
        }
        own_types.iter().for_each(|of_type| {
            functions.function(*of_type);
        });
        // One entry more than there are functions: a call of it is one of nothing.
        let minimum = self.functions.len() as u64 + 1;
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum,
            maximum: Some(minimum),
            shared: false,
        });
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: OTHER_TABLE as u64,
            maximum: Some(OTHER_TABLE as u64 + 6),
            shared: false,
        });
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: Some(2),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut globals = GlobalSection::new();
        for _ in [MIX, FUEL_GLOBAL] {
            let of_type = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
            globals.global(of_type, &ConstExpr::i32_const(1));
        }
        let mut exports = ExportSection::new();
        exports.export("mem", ExportKind::Memory, 0);
        exports.export(ENTRYPOINT, ExportKind::Func, Self::imported() + self.functions.len() as u32);
        let in_table: Vec<_> =
            (0..self.functions.len() as u32).map(|number| Self::imported() + number).collect();
        let mut elements = ElementSection::new();
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions((&in_table).into()));
        elements.passive(Elements::Functions(in_table.into()));
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(keys::TABLE as i32), keys::table());
        data.passive(*b"some bytes to copy");
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
        module.section(&globals).section(&exports);
        let entry = self.functions.len();
        if own_types.len() > entry + 1 {
            module.section(&StartSection { function_index: Self::imported() + entry as u32 + 1 });
        }
        let count = DataCountSection { count: PASSIVE + 1 };
        module.section(&elements).section(&count).section(code).section(&data);
        module.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn kernels_are_valid(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let kernel = kernel(&bytes);
            let mut validator = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::WASM2);
            if let Err(error) = validator.validate_all(&kernel) {
                panic!("{error}: {}", hex::encode(&kernel));
            }
        }
    }
}
