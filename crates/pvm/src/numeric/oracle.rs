//! Every operation, as the decoder reads it, against an engine of somebody else.

use super::vector::{VecExtractOp, VecReplaceOp, Vector};
use super::{Number, NumericError, NumericTrap, Width};
use crate::decode::tests::instruction;
use crate::lazy::Node;
use crate::numeric::vector::Shape;
use crate::wasm::instruction::Instruction;
use proptest::prelude::*;
use soru_merkle::Tree;
use std::cell::RefCell;
use wasmi::{Engine, Instance, Linker, Memory, Module, Store, TrapCode};

/// Operands are at multiples of 16, the result is put here. Accesses to memory start at 0.
const RESULT: usize = 64;
/// A result takes 16 bytes at most.
const END: usize = RESULT + 16;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    I32,
    I64,
    Vector,
}

impl From<Width> for Type {
    fn from(width: Width) -> Self {
        match width {
            Width::W32 => Self::I32,
            Width::W64 => Self::I64,
        }
    }
}

fn of_lanes(shape: Shape) -> Type {
    if shape == Shape::I64x2 { Type::I64 } else { Type::I32 }
}

impl Type {
    fn load(self) -> &'static [u8] {
        match self {
            Self::I32 => &[0x28],
            Self::I64 => &[0x29],
            Self::Vector => &[0xfd, 0x00],
        }
    }

    fn store(self) -> &'static [u8] {
        match self {
            Self::I32 => &[0x36],
            Self::I64 => &[0x37],
            Self::Vector => &[0xfd, 0x0b],
        }
    }
}

/// What an instruction takes and leaves.
fn signature(instruction: &Instruction) -> Option<(Vec<Type>, Type)> {
    use Instruction as I;
    use Type::{I32, Vector};
    Some(match *instruction {
        I::Test(op) => (vec![op.0.into()], I32),
        I::Compare(op) => (vec![op.0.into(); 2], I32),
        I::Unary(op) => (vec![op.0.into()], op.0.into()),
        I::Binary(op) => (vec![op.0.into(); 2], op.0.into()),
        I::Convert(op) => (vec![if op.0 == Width::W32 { Type::I64 } else { I32 }], op.0.into()),
        I::VecTest(_) | I::VecBitmask(_) | I::VecTestBits(_) => (vec![Vector], I32),
        I::VecUnary(_) | I::VecConvert(_) | I::VecUnaryBits(_) => (vec![Vector], Vector),
        I::VecCompare(_) | I::VecBinary(_) | I::VecBinaryBits(_) => (vec![Vector; 2], Vector),
        I::VecTernaryBits(_) => (vec![Vector; 3], Vector),
        I::VecShift(_) => (vec![Vector, I32], Vector),
        I::VecSplat(op) => (vec![of_lanes(op.0)], Vector),
        I::VecExtract(VecExtractOp { shape, .. }) => (vec![Vector], of_lanes(shape)),
        I::VecReplace(VecReplaceOp { shape, .. }) => (vec![Vector, of_lanes(shape)], Vector),
        I::Load(op) => (vec![], op.to.into()),
        I::Store(op) => (vec![op.of.into()], op.of.into()),
        I::VecLoad(_) => (vec![], Vector),
        I::VecLoadLane(_) => (vec![Vector], Vector),
        I::VecStoreLane(_) => (vec![Vector], Vector),
        _ => return None,
    })
}

fn stores(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::Store(_) | Instruction::VecStoreLane(_))
}

/// An instruction, its bytes, and the bytes of a function without parameters that executes it.
struct Case {
    instruction: Instruction,
    bytes: Vec<u8>,
}

impl Case {
    /// The instruction of these bytes, if it is an operation that any engine knows.
    fn new(bytes: Vec<u8>) -> Option<Self> {
        let instruction = instruction(&bytes)?;
        signature(&instruction)?;
        Some(Self { instruction, bytes })
    }

    fn function(&self) -> Vec<u8> {
        let (operands, result) = signature(&self.instruction).unwrap();
        let accesses = !matches!(self.instruction, Instruction::Load(_) | Instruction::VecLoad(_));
        let loads_lane = matches!(self.instruction, Instruction::VecLoadLane(_));
        // No locals; where the result goes.
        let mut code = vec![0, 0x41, 0xc0, 0];
        if !accesses || loads_lane {
            code.extend([0x41, 0]);
        }
        for (index, operand) in operands.iter().enumerate() {
            code.extend([0x41, 16 * index as u8]);
            code.extend(operand.load());
            code.extend([0, 0]);
        }
        code.extend(&self.bytes);
        if !stores(&self.instruction) {
            code.extend(result.store());
            code.extend([0, 0]);
        }
        code.push(0x0b);
        code
    }

    /// What the function does to memory.
    fn evaluate(&self, memory: &mut [u8; END]) -> Result<(), NumericError> {
        use Instruction as I;
        let number = |index: usize| match signature(&self.instruction).unwrap().0[index] {
            Type::I32 => Number::I32(i32::from_le_bytes(memory[16 * index..][..4].try_into().unwrap())),
            Type::I64 => Number::I64(i64::from_le_bytes(memory[16 * index..][..8].try_into().unwrap())),
            Type::Vector => unreachable!(),
        };
        let vector = |index: usize| -> Vector { memory[16 * index..][..16].try_into().unwrap() };
        let of_number = |n: Number| match n {
            Number::I32(n) => n.to_le_bytes().to_vec(),
            Number::I64(n) => n.to_le_bytes().to_vec(),
        };
        let result = match &self.instruction {
            I::Test(op) => of_number(op.apply(number(0))?),
            I::Compare(op) => of_number(op.apply(number(0), number(1))?),
            I::Unary(op) => of_number(op.apply(number(0))?),
            I::Binary(op) => of_number(op.apply(number(0), number(1))?),
            I::Convert(op) => of_number(op.apply(number(0))?),
            I::VecTest(op) => of_number(op.apply(&vector(0))),
            I::VecBitmask(op) => of_number(op.apply(&vector(0))),
            I::VecTestBits(op) => of_number(op.apply(&vector(0))),
            I::VecExtract(op) => of_number(op.apply(&vector(0))?),
            I::VecUnary(op) => op.apply(&vector(0)).to_vec(),
            I::VecConvert(op) => op.apply(&vector(0)).to_vec(),
            I::VecUnaryBits(op) => op.apply(&vector(0)).to_vec(),
            I::VecCompare(op) => op.apply(&vector(0), &vector(1)).to_vec(),
            I::VecBinary(op) => op.apply(&vector(0), &vector(1))?.to_vec(),
            I::VecBinaryBits(op) => op.apply(&vector(0), &vector(1)).to_vec(),
            I::VecTernaryBits(op) => op.apply(&vector(0), &vector(1), &vector(2)).to_vec(),
            I::VecShift(op) => op.apply(&vector(0), number(1))?.to_vec(),
            I::VecSplat(op) => op.apply(number(0))?.to_vec(),
            I::VecReplace(op) => op.apply(&vector(0), number(1))?.to_vec(),
            I::Load(op) => of_number(op.value(&memory[..op.width()])),
            I::Store(op) => op.bytes(number(0))[..op.width(number(0))].to_vec(),
            I::VecLoad(op) => op.value(&memory[..op.width()]).to_vec(),
            I::VecLoadLane(op) => op.loaded(&memory[..op.width()], &vector(0)).to_vec(),
            I::VecStoreLane(op) => op.stored(&vector(0))?[..op.width()].to_vec(),
            other => unreachable!("{other:?}"),
        };
        memory[RESULT..][..result.len()].copy_from_slice(&result);
        Ok(())
    }
}

/// All opcodes of operations on numbers and vectors, with immediates that any engine takes.
fn cases() -> Vec<Case> {
    const SHUFFLES: [[u8; 16]; 3] = [
        [0; 16],
        [31, 30, 29, 28, 27, 26, 25, 24, 0, 1, 2, 3, 4, 5, 6, 7],
        [16, 0, 17, 1, 18, 2, 15, 31, 9, 22, 9, 9, 30, 11, 3, 12],
    ];
    let scalar = (0x45..=0xc4u8).filter(|op| !matches!(op, 0xa8..=0xab | 0xae..=0xb1 | 0xbc | 0xbd));
    let mut bytes: Vec<Vec<u8>> = scalar.map(|op| vec![op]).collect();
    bytes.extend((0x28..=0x3e).map(|op| vec![op, 0, 0]));
    for op in 0u32..0x100 {
        let mut with = |immediates: &[u8]| {
            let leb = if op < 0x80 { vec![op as u8] } else { vec![op as u8, 1] };
            bytes.push([&[0xfd][..], &leb, immediates].concat());
        };
        match op {
            0x0b | 0x0c => (),
            0x0d => SHUFFLES.iter().for_each(|lanes| with(lanes)),
            0x00..=0x0a | 0x5c | 0x5d => with(&[0, 0]),
            0x15..=0x1e => {
                let lanes = [16, 16, 16, 8, 8, 8, 4, 4, 2, 2][op as usize - 0x15];
                (0..lanes).for_each(|lane| with(&[lane]));
            }
            0x54..=0x5b => (0..16 >> (op % 4)).for_each(|lane| with(&[0, 0, lane])),
            _ => with(&[]),
        }
    }
    bytes.into_iter().filter_map(Case::new).collect()
}

fn leb(mut n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

fn sized(items: &[Vec<u8>]) -> Vec<u8> {
    [leb(items.len()), items.concat()].concat()
}

/// A module with a memory `m` and one exported function for each case, under its number.
fn module(cases: &[Case]) -> Vec<u8> {
    let section = |id: u8, body: Vec<u8>| [vec![id], leb(body.len()), body].concat();
    let functions: Vec<Vec<u8>> = cases.iter().map(|_| vec![0]).collect();
    let mut exports = vec![vec![1, b'm', 2, 0]];
    exports.extend((0..cases.len()).map(|index| {
        let name = index.to_string().into_bytes();
        [leb(name.len()), name, vec![0], leb(index)].concat()
    }));
    let bodies: Vec<Vec<u8>> = cases
        .iter()
        .map(|case| {
            let code = case.function();
            [leb(code.len()), code].concat()
        })
        .collect();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, sized(&[vec![0x60, 0, 0]])),
        section(3, sized(&functions)),
        section(5, sized(&[vec![0, 1]])),
        section(7, sized(&exports)),
        section(10, sized(&bodies)),
    ]
    .concat()
}

struct Oracle {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    cases: Vec<Case>,
}

impl Oracle {
    fn new() -> Self {
        let cases = cases();
        let engine = Engine::default();
        let module = Module::new(&engine, module(&cases)).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
        let memory = instance.get_memory(&store, "m").unwrap();
        Self { store, instance, memory, cases }
    }

    fn compare(&mut self, operands: [Vector; 3]) {
        for (index, case) in self.cases.iter().enumerate() {
            let mut ours = [0xa5; END];
            ours[..48].copy_from_slice(&operands.concat());
            self.memory.write(&mut self.store, 0, &ours).unwrap();
            let function = self.instance.get_func(&self.store, &index.to_string()).unwrap();
            let theirs = function.call(&mut self.store, &[], &mut []).map_err(|e| e.as_trap_code());
            let expected = case.evaluate(&mut ours).map_err(|e| match e {
                NumericError::Trap(NumericTrap::DivideByZero) => Some(TrapCode::IntegerDivisionByZero),
                NumericError::Trap(NumericTrap::Overflow) => Some(TrapCode::IntegerOverflow),
                _ => None,
            });
            assert_eq!(expected, theirs, "{:?} of {operands:02x?}", case.instruction);
            let mut theirs = [0; END];
            self.memory.read(&self.store, 0, &mut theirs).unwrap();
            assert_eq!(ours, theirs, "{:?} of {operands:02x?}", case.instruction);
        }
    }
}

thread_local! {
    static ORACLE: RefCell<Oracle> = RefCell::new(Oracle::new());
}

/// Vectors with what is special in them: ends of ranges, equal lanes, small numbers, floats near the ends of int32.
fn operand() -> impl Strategy<Value = Vector> {
    let byte = prop::sample::select(vec![0, 1, 2, 0x3f, 0x7f, 0x80, 0x81, 0xfe, 0xff]);
    let word =
        prop::sample::select(vec![0, 1, -1, 31, 32, 33, 63, 64, i64::MIN, i64::MAX, 1 << 31, -(1 << 31)]);
    let f32s = prop::sample::select(vec![
        0.0f32,
        -0.5,
        -1.0,
        1.5,
        2147483520.0,
        2147483648.0,
        -2147483648.0,
        -2147483904.0,
        4294967040.0,
        4294967296.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MIN_POSITIVE,
    ]);
    let f64s = prop::sample::select(vec![
        0.0f64,
        -0.9,
        -1.0,
        2147483647.5,
        2147483648.0,
        -2147483648.5,
        -2147483649.0,
        4294967295.9,
        4294967296.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-310,
        1e18,
    ]);
    prop_oneof![
        any::<[u8; 16]>(),
        prop::array::uniform16(byte),
        prop::array::uniform2(word)
            .prop_map(|words| std::array::from_fn(|i| words[i / 8].to_le_bytes()[i % 8])),
        prop::array::uniform4(any::<i8>())
            .prop_map(|n| std::array::from_fn(|i| i32::from(n[i / 4]).to_le_bytes()[i % 4])),
        prop::array::uniform4(f32s).prop_map(|n| std::array::from_fn(|i| n[i / 4].to_le_bytes()[i % 4])),
        prop::array::uniform2(f64s).prop_map(|n| std::array::from_fn(|i| n[i / 8].to_le_bytes()[i % 8])),
    ]
}

#[test]
fn cases_are_there() {
    // The lanes of one opcode count as one.
    let mut opcodes: Vec<Vec<u8>> =
        cases().iter().map(|case| case.bytes[..3.min(case.bytes.len())].to_vec()).collect();
    opcodes.iter_mut().for_each(|bytes| {
        bytes.truncate(if bytes[0] == 0xfd { 2 + usize::from(bytes[1] > 0x7f) } else { 1 })
    });
    opcodes.dedup();
    let (vectors, numbers): (Vec<_>, Vec<_>) = opcodes.iter().partition(|bytes| bytes[0] == 0xfd);
    // 66 operations on numbers and 19 accesses; of vectors all but the constant and the plain store.
    assert_eq!((numbers.len(), vectors.len()), (85, 180));
}

#[test]
fn instructions_are_read_as_they_are_written() {
    for mut case in cases() {
        let mut tree = Tree::empty();
        case.instruction.write(&mut tree).unwrap();
        assert_eq!(Instruction::read(&tree).unwrap(), case.instruction);
    }
}

proptest! {
    #[test]
    fn operations_have_the_results_of_another_engine(a in operand(), b in operand(), c in operand()) {
        ORACLE.with_borrow_mut(|oracle| oracle.compare([a, b, c]));
    }
}
