//! Small structured kernels that exercise the operand stack: blocks, loops and branches with several values, values left
//! below those that a branch takes along, calls, `br_table`, returns from inside, host calls with good keys.
//!
//! Every loop ends, and functions return at once when their common fuel is used up.

use super::keys::{self, Role};
use arbitrary::Unstructured;
use soru_pvm::host::{HostFunction, ValueType as HostType};
use soru_pvm::run::ENTRYPOINT;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemArg,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// Calls that a run may make.
const FUEL: i32 = 40;
/// In one of so many kernels, `return` may have values below its results: the engines leave such a kernel to the ticks.
const RETURNS_CARRY: usize = 5;
/// How deep blocks are nested.
const NESTING: usize = 4;
/// What functions give is mixed into this global.
const MIX: u32 = 0;
const FUEL_GLOBAL: u32 = 1;

type Code = Vec<Instruction<'static>>;

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
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(in_table.into()));
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(keys::TABLE as i32), keys::table());
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
        module.section(&globals).section(&exports).section(&elements).section(code).section(&data);
        module.finish()
    }
}

/// Takes a value from the stack and mixes it into the global.
fn mix(of_type: ValType, code: &mut Code) {
    use Instruction as I;
    match of_type {
        ValType::I64 => code.push(I::I32WrapI64),
        ValType::V128 => code.push(I::I32x4ExtractLane(2)),
        _ => {}
    }
    code.extend([I::GlobalGet(MIX), I::I32Const(7), I::I32Rotl, I::I32Add, I::GlobalSet(MIX)]);
}

/// The body of a function.
struct Body<'p, 'b> {
    program: &'p mut Program<'b>,
    /// Functions with a smaller number may be called.
    number: usize,
    locals: Vec<ValType>,
    params: usize,
    /// Types of the values on the stack.
    stack: Vec<ValType>,
    /// What a branch to each label takes along, from the outermost on; nothing if it must not be branched to.
    labels: Vec<Option<Vec<ValType>>>,
    code: Code,
}

impl<'p, 'b> Body<'p, 'b> {
    fn new(program: &'p mut Program<'b>, number: usize) -> Self {
        let params = program.functions[number].params.clone();
        let mut locals = params.clone();
        locals.extend([ValType::I32, ValType::I64, ValType::V128]);
        let params = params.len();
        Self { program, number, locals, params, stack: Vec::new(), labels: Vec::new(), code: Code::new() }
    }

    fn finish(mut self, signature: &Signature) -> Function {
        use Instruction as I;
        self.code.extend([I::GlobalGet(FUEL_GLOBAL), I::I32Eqz, I::If(BlockType::Empty)]);
        self.leaves(&signature.results);
        self.stack.clear();
        self.code.extend([I::Return, I::End]);
        self.code.extend([I::GlobalGet(FUEL_GLOBAL), I::I32Const(1), I::I32Sub, I::GlobalSet(FUEL_GLOBAL)]);
        self.labels.push(Some(signature.results.clone()));
        self.block(0, &signature.results);
        self.code.push(I::End);
        let mut function = Function::new(self.locals[self.params..].iter().map(|of_type| (1, *of_type)));
        self.code.iter().for_each(|instruction| {
            function.instruction(instruction);
        });
        function
    }

    fn choose(&mut self, count: usize) -> usize {
        self.program.choose(count)
    }

    fn local(&mut self, of_type: ValType) -> u32 {
        let fitting: Vec<_> = (0..).zip(&self.locals).filter(|(_, other)| **other == of_type).collect();
        let places: Vec<u32> = fitting.into_iter().map(|(place, _)| place).collect();
        places[self.program.choose(places.len())]
    }

    /// Pushes a value from nothing.
    fn leaf(&mut self, of_type: ValType) {
        use Instruction as I;
        let small = self.choose(256) as i64;
        let instruction = match (of_type, self.choose(3)) {
            (_, 1) => I::LocalGet(self.local(of_type)),
            (ValType::I32, 2) => I::GlobalGet(MIX),
            (ValType::I32, _) => I::I32Const(small as i32 - 64),
            (ValType::I64, _) => I::I64Const(small.wrapping_mul(0x0101_0101_0101)),
            _ => I::V128Const(i128::from(small) << (small % 100)),
        };
        self.code.push(instruction);
        self.stack.push(of_type);
    }

    fn leaves(&mut self, types: &[ValType]) {
        types.iter().for_each(|of_type| self.leaf(*of_type));
    }

    fn pop(&mut self, count: usize) {
        self.stack.truncate(self.stack.len() - count);
    }

    /// Statements on the stack above `base`, which then holds exactly what is wanted.
    fn block(&mut self, base: usize, want: &[ValType]) {
        for _ in 0..self.choose(7) {
            self.statement(base);
        }
        if self.stack.len() == base + want.len() && self.stack[base..] == *want {
            return;
        }
        if self.choose(3) == 1 && self.labels.last().is_some_and(Option::is_some) {
            // What is below goes with the branch.
            self.leaves(want);
            self.code.push(Instruction::Br(0));
        } else {
            while self.stack.len() > base {
                self.drop();
            }
            self.leaves(want);
        }
        self.stack.truncate(base);
        self.stack.extend(want);
    }

    fn drop(&mut self) {
        if let Some(of_type) = self.stack.pop() {
            match self.choose(3) {
                0 => self.code.push(Instruction::Drop),
                _ => mix(of_type, &mut self.code),
            }
        }
    }

    fn statement(&mut self, base: usize) {
        let above = self.stack.len() - base;
        match self.choose(16) {
            1 | 2 => self.nested(base),
            3 => self.call(),
            4 => self.call_through_table(),
            5 => self.branch_if(),
            6 => self.branch_away(),
            7 | 8 if above >= 2 => self.binary(),
            9 if above >= 1 => self.unary(),
            10 if above >= 1 => self.drop(),
            11 if above >= 1 => self.keep(),
            12 => self.select(),
            13 => self.memory(),
            14 | 15 => self.host_call(),
            _ => {
                let of_type = self.program.value_type();
                self.leaf(of_type);
            }
        }
    }

    /// A block, a loop or an if, with parameters from the stack.
    fn nested(&mut self, base: usize) {
        use Instruction as I;
        if self.labels.len() > NESTING {
            return self.leaf(ValType::I64);
        }
        let kind = self.choose(3);
        let count = self.choose(1 + (self.stack.len() - base).min(3));
        let params = self.stack[self.stack.len() - count..].to_vec();
        let results = self.program.value_types(4);
        let of_type = BlockType::FunctionType(self.program.type_index(params.clone(), results.clone()));
        let inner = self.stack.len() - count;
        match kind {
            0 => {
                self.code.push(I::Block(of_type));
                self.labels.push(Some(results.clone()));
                self.block(inner, &results);
            }
            1 => {
                let counter = self.locals.len() as u32;
                self.locals.push(ValType::I32);
                let turns = 1 + self.choose(3) as i32;
                self.code.extend([I::I32Const(turns), I::LocalSet(counter), I::Loop(of_type)]);
                self.labels.push(None);
                for _ in 0..self.choose(4) {
                    self.statement(inner);
                }
                let again = [I::LocalGet(counter), I::I32Const(1), I::I32Sub, I::LocalTee(counter)];
                if self.choose(2) == 0 {
                    self.leaves(&params);
                    self.code.extend(again);
                    self.code.push(I::BrIf(0));
                } else {
                    self.code.extend(again);
                    self.code.push(I::If(BlockType::Empty));
                    self.leaves(&params);
                    self.pop(params.len());
                    self.code.extend([I::Br(1), I::End]);
                }
                self.block(inner, &results);
            }
            _ => {
                self.leaf(ValType::I32);
                self.pop(1);
                self.code.push(I::If(of_type));
                self.labels.push(Some(results.clone()));
                let before = self.stack.clone();
                self.block(inner, &results);
                self.code.push(I::Else);
                self.stack = before;
                self.block(inner, &results);
            }
        }
        self.labels.pop();
        self.code.push(I::End);
    }

    fn callee(&mut self) -> Option<(usize, Signature)> {
        let callee = (self.number > 0).then(|| self.program.choose(self.number))?;
        Some((callee, self.program.functions[callee].clone()))
    }

    fn call(&mut self) {
        let Some((callee, signature)) = self.callee() else { return self.leaf(ValType::I32) };
        self.leaves(&signature.params);
        self.pop(signature.params.len());
        self.code.push(Instruction::Call(Program::imported() + callee as u32));
        self.stack.extend(signature.results);
    }

    fn call_through_table(&mut self) {
        let Some((callee, signature)) = self.callee() else { return self.leaf(ValType::I32) };
        self.leaves(&signature.params);
        self.pop(signature.params.len());
        // One in thirty-two calls another one, or nothing at all.
        let wild = self.choose(32) == 31;
        self.code.push(Instruction::I32Const(if wild { callee as i32 + 1 } else { callee as i32 }));
        let type_index = self.program.type_index(signature.params, signature.results.clone());
        self.code.push(Instruction::CallIndirect { type_index, table_index: 0 });
        self.stack.extend(signature.results);
    }

    /// A label that may be branched to: how far out it is, what it takes.
    fn label(&mut self) -> (u32, Vec<ValType>) {
        let labels: Vec<_> = (0..)
            .zip(self.labels.iter().rev())
            .filter_map(|(far, label)| Some((far, label.clone()?)))
            .collect();
        let place = self.program.choose(labels.len());
        labels[place].clone()
    }

    fn branch_if(&mut self) {
        let (far, takes) = self.label();
        self.leaves(&takes);
        self.leaf(ValType::I32);
        self.code.push(Instruction::BrIf(far));
        self.pop(1);
    }

    /// A branch, a return or a jump through a table, with values left behind; not always taken.
    fn branch_away(&mut self) {
        use Instruction as I;
        let before = self.stack.clone();
        self.leaf(ValType::I32);
        self.code.push(I::If(BlockType::Empty));
        self.labels.push(Some(Vec::new()));
        let way = self.choose(3);
        // On the machine, `return` gives them to the caller.
        if way != 1 || self.program.returns_carry {
            let left_behind = self.program.value_types(4);
            self.leaves(&left_behind);
        }
        let (far, takes) = self.label();
        match way {
            0 => {
                self.leaves(&takes);
                self.code.push(I::Br(far));
            }
            1 => {
                let results = self.labels[0].clone().unwrap_or_default();
                self.leaves(&results);
                self.code.push(I::Return);
            }
            _ => {
                let alike: Vec<u32> = (0..)
                    .zip(self.labels.iter().rev())
                    .filter(|(_, label)| label.as_ref() == Some(&takes))
                    .map(|(far, _)| far)
                    .collect();
                let targets: Vec<u32> =
                    (0..self.choose(5)).map(|_| alike[self.program.choose(alike.len())]).collect();
                self.leaves(&takes);
                self.leaf(ValType::I32);
                self.code.extend([I::I32Const(7), I::I32And, I::BrTable(targets.into(), far)]);
            }
        }
        self.labels.pop();
        self.code.push(I::End);
        self.stack = before;
    }

    fn binary(&mut self) {
        use Instruction as I;
        let [.., left, right] = self.stack[..] else { return };
        let which = self.choose(12);
        let instruction = match (left, right) {
            (ValType::I32, ValType::I32) => [
                I::I32Add,
                I::I32Sub,
                I::I32Mul,
                I::I32And,
                I::I32Or,
                I::I32Xor,
                I::I32Shl,
                I::I32ShrU,
                I::I32Rotl,
                I::I32LtS,
                I::I32GeU,
                I::I32DivU,
            ][which]
                .clone(),
            (ValType::I64, ValType::I64) => [
                I::I64Add,
                I::I64Sub,
                I::I64Mul,
                I::I64And,
                I::I64Or,
                I::I64Xor,
                I::I64Shl,
                I::I64ShrS,
                I::I64Rotr,
                I::I64Add,
                I::I64Mul,
                I::I64RemU,
            ][which]
                .clone(),
            (ValType::V128, ValType::V128) => [
                I::V128And,
                I::V128Xor,
                I::I8x16Add,
                I::I16x8Mul,
                I::I32x4Sub,
                I::I64x2Add,
                I::I8x16Swizzle,
                I::I16x8AddSatS,
                I::I8x16MinU,
                I::I32x4LtS,
                I::I8x16Eq,
                I::I16x8ExtMulLowI8x16S,
            ][which]
                .clone(),
            _ => return self.drop(),
        };
        self.code.push(instruction);
        self.pop(1);
    }

    fn unary(&mut self) {
        use Instruction as I;
        let Some(of_type) = self.stack.pop() else { return };
        let (instruction, result) = match (of_type, self.choose(4)) {
            (ValType::I32, 0) => (I::I64ExtendI32U, ValType::I64),
            (ValType::I32, 1) => (I::I32Clz, ValType::I32),
            (ValType::I32, 2) => (I::I32Extend8S, ValType::I32),
            (ValType::I32, _) => (I::I16x8Splat, ValType::V128),
            (ValType::I64, 0) => (I::I32WrapI64, ValType::I32),
            (ValType::I64, 1) => (I::I64Popcnt, ValType::I64),
            (ValType::I64, 2) => (I::I64Eqz, ValType::I32),
            (ValType::I64, _) => (I::I64x2Splat, ValType::V128),
            (_, 0) => (I::I64x2ExtractLane(1), ValType::I64),
            (_, 1) => (I::I8x16Bitmask, ValType::I32),
            (_, 2) => (I::V128Not, ValType::V128),
            _ => (I::I8x16Popcnt, ValType::V128),
        };
        self.code.push(instruction);
        self.stack.push(result);
    }

    fn keep(&mut self) {
        let Some(of_type) = self.stack.last().copied() else { return };
        // Not into a counter of a loop: those come behind the first ones.
        let first = self.params as u32;
        let local = match of_type {
            ValType::I64 => first + 1,
            ValType::V128 => first + 2,
            _ => first,
        };
        if self.choose(2) == 0 {
            self.code.push(Instruction::LocalTee(local));
        } else {
            self.code.push(Instruction::LocalSet(local));
            self.pop(1);
        }
    }

    fn select(&mut self) {
        let of_type = self.program.value_type();
        self.leaves(&[of_type, of_type, ValType::I32]);
        let typed = self.choose(2) == 1;
        self.code.push(if typed { Instruction::TypedSelect(of_type) } else { Instruction::Select });
        self.pop(2);
    }

    fn memory(&mut self) {
        use Instruction as I;
        let memory = MemArg { offset: self.choose(64) as u64, align: 0, memory_index: 0 };
        self.code.push(I::I32Const(self.program.choose(0x400) as i32));
        match self.choose(7) {
            0 => {
                self.code.push(I::I32Load16U(memory));
                self.stack.push(ValType::I32);
            }
            1 => {
                self.code.push(I::I64Load(memory));
                self.stack.push(ValType::I64);
            }
            2 => {
                self.code.push(I::V128Load32Splat(memory));
                self.stack.push(ValType::V128);
            }
            3 => {
                self.leaf(ValType::I64);
                self.code.push(I::I64Store32(memory));
                self.pop(1);
            }
            4 => {
                self.leaf(ValType::V128);
                self.code.push(I::V128Store(memory));
                self.pop(1);
            }
            5 => {
                self.leaf(ValType::I32);
                self.code.extend([I::I32Const(20), I::MemoryFill(0)]);
                self.pop(1);
            }
            _ => {
                self.code.extend([I::I32Const(self.program.choose(0x400) as i32), I::I32Const(17)]);
                self.code.push(I::MemoryCopy { src_mem: 0, dst_mem: 0 });
            }
        }
    }

    fn host_call(&mut self) {
        let hosts: Vec<_> = keys::host_functions().collect();
        let host = hosts[self.choose(hosts.len())];
        let mut length = 0;
        for role in keys::roles(host) {
            let constant = match role {
                Role::Key => {
                    let (key, of_key) = keys::key(self.choose(16));
                    length = of_key;
                    key
                }
                Role::KeyLength => length,
                Role::Address => 16 * self.choose(0x80) as i32,
                Role::Length => 8 * self.choose(12) as i32,
                Role::Offset => self.choose(9) as i32,
                Role::Index => {
                    self.code.push(Instruction::I64Const(self.program.choose(5) as i64));
                    continue;
                }
            };
            self.code.push(Instruction::I32Const(constant));
        }
        self.code.push(Instruction::Call(Program::host(host)));
        self.stack.extend(host.results().iter().map(keys::encoded));
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
