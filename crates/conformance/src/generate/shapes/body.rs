//! The body of a function: statements over values on the stack, whose types are known.

use super::{FUEL_GLOBAL, MIX, NESTING, OTHER_TABLE, PASSIVE, Program, Signature};
use crate::generate::keys::{self, Role};
use wasm_encoder::{BlockType, Function, HeapType, Instruction, MemArg, ValType};

type Code = Vec<Instruction<'static>>;

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
pub(super) struct Body<'p, 'b> {
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
    pub(super) fn new(program: &'p mut Program<'b>, number: usize) -> Self {
        let params = program.functions[number].params.clone();
        let mut locals = params.clone();
        locals.extend([ValType::I32, ValType::I64, ValType::V128]);
        let params = params.len();
        Self { program, number, locals, params, stack: Vec::new(), labels: Vec::new(), code: Code::new() }
    }

    pub(super) fn finish(mut self, signature: &Signature) -> Function {
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
        match self.choose(18) {
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
            16 => self.bulk(),
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

    /// Instructions on many bytes or elements, and others that random code hardly comes to; one in some dozens traps.
    fn bulk(&mut self) {
        use Instruction as I;
        let functions = self.program.functions.len();
        let wild = if self.choose(32) == 31 { OTHER_TABLE } else { 0 };
        let (to, length) = ((self.choose(5) + wild) as i32, self.choose(4) as i32);
        let of_functions = length.min(functions as i32);
        let range = |from: i32, length: i32| [to, from, length].map(I::I32Const);
        match self.choose(10) {
            0 => {
                self.code.extend(range(to, length));
                self.code.push(I::MemoryInit { mem: 0, data_index: PASSIVE });
            }
            1 => {
                self.code.extend(range(0, of_functions));
                self.code.push(I::TableInit { elem_index: PASSIVE, table: 1 });
            }
            2 => {
                self.code.extend(range(3, length));
                self.code.push(I::TableCopy { src_table: 1, dst_table: 1 });
            }
            3 => {
                self.code.extend(range(0, of_functions));
                self.code.push(I::TableCopy { src_table: 0, dst_table: 1 });
            }
            4 => {
                let function = Program::imported() + self.choose(functions) as u32;
                self.code.extend([
                    I::I32Const(to),
                    I::RefFunc(function),
                    I::I32Const(length),
                    I::TableFill(1),
                ]);
            }
            5 => {
                self.code.extend([I::RefNull(HeapType::FUNC), I::I32Const(length), I::TableGrow(1)]);
                self.stack.push(ValType::I32);
            }
            6 => {
                self.code.push(I::TableSize(1));
                self.stack.push(ValType::I32);
            }
            7 => {
                self.code.extend([I::I32Const(to), I::TableGet(1), I::RefIsNull]);
                self.stack.push(ValType::I32);
            }
            8 if self.choose(8) == 7 => self.code.extend([I::DataDrop(PASSIVE), I::ElemDrop(PASSIVE)]),
            _ => {
                self.leaves(&[ValType::V128; 3]);
                self.code.push(I::V128Bitselect);
                self.pop(2);
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
