//! What an opcode stands for, and what follows it.

use super::stream::{Result, Stream, refuse, require};
use crate::wasm::instruction::{
    Constant, Extension, Indices, Instruction, MemoryAccess, Operation, Packing, Types,
};
use crate::wasm::types::{BlockType, GlobalType, Limits, RefType, TableType, ValueType};

/// What the machine says of floats.
const FLOATS: &str = "float instructions are forbidden";

pub(super) fn ref_type(s: &mut Stream) -> Result<RefType> {
    match s.signed(7)? {
        -0x10 => Ok(RefType::Func),
        -0x11 => Ok(RefType::Extern),
        _ => refuse("malformed reference type"),
    }
}

pub(super) fn value_type(s: &mut Stream) -> Result<ValueType> {
    match s.peek()? {
        Some(0x7c..) => match s.signed(7)? {
            -0x01 => Ok(ValueType::I32),
            -0x02 => Ok(ValueType::I64),
            -0x03 | -0x04 => refuse(FLOATS),
            _ => refuse("malformed number type"),
        },
        Some(0x71..) => match s.signed(7)? {
            -0x05 => Ok(ValueType::V128),
            _ => refuse("malformed vector type"),
        },
        _ => ref_type(s).map(RefType::value),
    }
}

pub(super) fn limits(s: &mut Stream) -> Result<Limits> {
    let has_max = s.flag()?;
    let min = s.var()?;
    Ok(Limits { min, max: if has_max { Some(s.var()?) } else { None } })
}

pub(super) fn table_type(s: &mut Stream) -> Result<TableType> {
    let elements = ref_type(s)?;
    Ok(TableType { elements, limits: limits(s)? })
}

pub(super) fn global_type(s: &mut Stream) -> Result<GlobalType> {
    let value = value_type(s)?;
    match s.byte()? {
        0 => Ok(GlobalType { value, mutable: false }),
        1 => Ok(GlobalType { value, mutable: true }),
        _ => refuse("malformed mutability"),
    }
}

pub(super) fn block_type(s: &mut Stream) -> Result<BlockType> {
    match s.peek()? {
        Some(0x40) => {
            s.skip(1)?;
            Ok(BlockType::Value(None))
        }
        Some(byte) if byte & 0xc0 == 0x40 => Ok(BlockType::Value(Some(value_type(s)?))),
        _ => Ok(BlockType::Index(s.signed(33)? as i32)),
    }
}

fn place(s: &mut Stream) -> Result<(i32, i32)> {
    let align = s.var()?;
    require(align as u32 <= 32, "malformed memop flags")?;
    Ok((align, s.var()?))
}

fn access(s: &mut Stream, tag: &'static str, wide: Option<u8>, pack: Packing) -> Result<Instruction> {
    let (align, offset) = place(s)?;
    Ok(Instruction::Memory(tag, MemoryAccess { wide, align, offset, pack }))
}

/// An operation on integers.
fn numeric(tag: &'static str, wide: u8, op: u8) -> Result<Instruction> {
    Ok(Instruction::Numeric(tag, Operation(vec![wide, op])))
}

/// The instruction of an opcode that opens no block.
pub(super) fn instruction(s: &mut Stream, opcode: u8) -> Result<Instruction> {
    const INT32: u8 = 0;
    const INT64: u8 = 1;
    const EXTEND: u8 = 3;
    let plain = |tag| Ok(Instruction::Plain(tag));
    let illegal = || refuse(format!("illegal opcode {opcode:02x}"));
    match opcode {
        0x00 => plain("Unreachable"),
        0x01 => plain("Nop"),
        0x05 => refuse("misplaced ELSE opcode"),
        0x0b => refuse("misplaced END opcode"),
        0x0c => index(s, "Br"),
        0x0d => index(s, "BrIf"),
        0x0e => {
            let count = s.length()?;
            let targets = (0..count).map(|_| s.var()).collect::<Result<_>>()?;
            Ok(Instruction::BrTable(Indices(targets), s.var()?))
        }
        0x0f => plain("Return"),
        0x10 => index(s, "Call"),
        0x11 => {
            let function_type = s.var()?;
            Ok(Instruction::Indices("CallIndirect", s.var()?, function_type))
        }
        0x1a => plain("Drop"),
        0x1b => Ok(Instruction::Select(None)),
        0x1c => {
            let count = s.length()?;
            let types = (0..count).map(|_| value_type(s)).collect::<Result<_>>()?;
            Ok(Instruction::Select(Some(Types(types))))
        }
        0x20 => index(s, "LocalGet"),
        0x21 => index(s, "LocalSet"),
        0x22 => index(s, "LocalTee"),
        0x23 => index(s, "GlobalGet"),
        0x24 => index(s, "GlobalSet"),
        0x25 => index(s, "TableGet"),
        0x26 => index(s, "TableSet"),
        0x2a | 0x2b | 0x38 | 0x39 | 0x43 | 0x44 | 0x5b..=0x66 | 0x8b..=0xa6 | 0xb2..=0xbb | 0xbe | 0xbf => {
            refuse(FLOATS)
        }
        0x28 => access(s, "Load", Some(INT32), Packing::Load(None)),
        0x29 => access(s, "Load", Some(INT64), Packing::Load(None)),
        0x2c..=0x35 => {
            // Two of 8 and two of 16 bits for either width, two of 32 bits for the wide one; signed first.
            let (wide, nth) = if opcode < 0x30 { (INT32, opcode - 0x2c) } else { (INT64, opcode - 0x30) };
            access(s, "Load", Some(wide), Packing::Load(Some((nth / 2, Extension::Number(nth % 2)))))
        }
        0x36 => access(s, "Store", Some(INT32), Packing::Store(None)),
        0x37 => access(s, "Store", Some(INT64), Packing::Store(None)),
        0x3a | 0x3b => access(s, "Store", Some(INT32), Packing::Store(Some(opcode - 0x3a))),
        0x3c..=0x3e => access(s, "Store", Some(INT64), Packing::Store(Some(opcode - 0x3c))),
        0x3f => {
            s.zero()?;
            plain("MemorySize")
        }
        0x40 => {
            s.zero()?;
            plain("MemoryGrow")
        }
        0x41 => Ok(Instruction::Const(Constant::I32(s.signed(32)? as i32))),
        0x42 => Ok(Instruction::Const(Constant::I64(s.signed(64)?))),
        0x45 => numeric("Test", INT32, 0),
        0x46..=0x4f => numeric("Compare", INT32, opcode - 0x46),
        0x50 => numeric("Test", INT64, 0),
        0x51..=0x5a => numeric("Compare", INT64, opcode - 0x51),
        0x67..=0x69 => numeric("Unary", INT32, opcode - 0x67),
        0x6a..=0x78 => numeric("Binary", INT32, opcode - 0x6a),
        0x79..=0x7b => numeric("Unary", INT64, opcode - 0x79),
        0x7c..=0x8a => numeric("Binary", INT64, opcode - 0x7c),
        0xa7 => numeric("Convert", INT32, 2),
        0xa8..=0xab => numeric("Convert", INT32, 3 + opcode - 0xa8),
        0xac | 0xad => numeric("Convert", INT64, opcode - 0xac),
        0xae..=0xb1 => numeric("Convert", INT64, 3 + opcode - 0xae),
        0xbc => numeric("Convert", INT32, 11),
        0xbd => numeric("Convert", INT64, 11),
        0xc0 | 0xc1 => Ok(Instruction::Numeric("Unary", Operation(vec![INT32, EXTEND, opcode - 0xc0]))),
        0xc2..=0xc4 => Ok(Instruction::Numeric("Unary", Operation(vec![INT64, EXTEND, opcode - 0xc2]))),
        0xd0 => Ok(Instruction::RefNull(ref_type(s)?)),
        0xd1 => plain("RefIsNull"),
        0xd2 => index(s, "RefFunc"),
        0xfc => prefixed(s),
        0xfd => vector(s),
        _ => illegal(),
    }
}

fn index(s: &mut Stream, tag: &'static str) -> Result<Instruction> {
    Ok(Instruction::Index(tag, s.var()?))
}

fn prefixed(s: &mut Stream) -> Result<Instruction> {
    match s.var()? as u32 {
        op @ 0x00..=0x03 => numeric("Convert", 0, 7 + op as u8),
        op @ 0x04..=0x07 => numeric("Convert", 1, 3 + op as u8),
        0x08 => {
            let data = s.var()?;
            s.zero()?;
            Ok(Instruction::Index("MemoryInit", data))
        }
        0x09 => index(s, "DataDrop"),
        0x0a => {
            s.zero()?;
            s.zero()?;
            Ok(Instruction::Plain("MemoryCopy"))
        }
        0x0b => {
            s.zero()?;
            Ok(Instruction::Plain("MemoryFill"))
        }
        0x0c => {
            let elements = s.var()?;
            Ok(Instruction::Indices("TableInit", s.var()?, elements))
        }
        0x0d => index(s, "ElemDrop"),
        0x0e => {
            let to = s.var()?;
            Ok(Instruction::Indices("TableCopy", to, s.var()?))
        }
        0x0f => index(s, "TableGrow"),
        0x10 => index(s, "TableSize"),
        0x11 => index(s, "TableFill"),
        n => refuse(format!("illegal opcode fc {n:02x}")),
    }
}

/// Shapes of vectors, as they are written.
const I8X16: u8 = 0;
const I16X8: u8 = 1;
const I32X4: u8 = 2;
const I64X2: u8 = 3;

fn on_lanes(tag: &'static str, shape: u8, op: u8) -> Result<Instruction> {
    Ok(Instruction::Vector(tag, Operation(vec![0, shape, op])))
}

fn vector(s: &mut Stream) -> Result<Instruction> {
    const SHUFFLE: u8 = 19;
    let opcode = s.var()? as u32;
    match opcode {
        0x00 => access(s, "VecLoad", None, Packing::Load(None)),
        0x01..=0x06 => {
            let nth = (opcode - 1) as u8;
            let pack = Some((3, Extension::Lanes(nth / 2, nth % 2)));
            access(s, "VecLoad", None, Packing::Load(pack))
        }
        0x07..=0x0a => {
            access(s, "VecLoad", None, Packing::Load(Some(((opcode - 7) as u8, Extension::Splat))))
        }
        0x0b => access(s, "VecStore", None, Packing::Whole),
        0x0c => Ok(Instruction::Const(Constant::V128(s.array()?))),
        0x0d => {
            let mut lanes = [0; 16];
            for lane in &mut lanes {
                *lane = s.byte()?;
            }
            // Lanes are written as signed bytes.
            if lanes.iter().any(|lane| *lane > 0x7f) {
                return Ok(Instruction::Unwritable);
            }
            let mut operation = vec![0, I8X16, SHUFFLE, 0, 0, 0, 16];
            operation.extend(lanes);
            Ok(Instruction::Vector("VecBinary", Operation(operation)))
        }
        0x0f..=0x12 => on_lanes("VecSplat", (opcode - 0x0f) as u8, 0),
        0x15 | 0x16 | 0x18 | 0x19 => {
            let (shape, unsigned) =
                if opcode < 0x18 { (I8X16, opcode - 0x15) } else { (I16X8, opcode - 0x18) };
            let lane = s.byte()?;
            let operation = vec![0, shape, 0, 0, 0, 0, lane, unsigned as u8];
            Ok(Instruction::Vector("VecExtract", Operation(operation)))
        }
        0x17 | 0x1a | 0x1c | 0x1e => {
            let shape = match opcode {
                0x17 => I8X16,
                0x1a => I16X8,
                0x1c => I32X4,
                _ => I64X2,
            };
            Ok(Instruction::Vector("VecReplace", Operation(vec![0, shape, 0, 0, 0, 0, s.byte()?])))
        }
        0x1b | 0x1d => {
            let shape = if opcode == 0x1b { I32X4 } else { I64X2 };
            Ok(Instruction::Vector("VecExtract", Operation(vec![0, shape, 0, 0, 0, 0, s.byte()?])))
        }
        0x4d => Ok(Instruction::Vector("VecUnaryBits", Operation(vec![0, 0]))),
        0x4e => Ok(Instruction::Vector("VecBinaryBits", Operation(vec![0, 0]))),
        0x4f => Ok(Instruction::Vector("VecBinaryBits", Operation(vec![0, 3]))),
        0x50 | 0x51 => Ok(Instruction::Vector("VecBinaryBits", Operation(vec![0, (opcode - 0x4f) as u8]))),
        0x52 => Ok(Instruction::Vector("VecTernaryBits", Operation(vec![0, 0]))),
        0x53 => Ok(Instruction::Vector("VecTestBits", Operation(vec![0, 0]))),
        0x54..=0x5b => {
            let nth = (opcode - 0x54) as u8;
            let tag = if nth < 4 { "VecLoadLane" } else { "VecStoreLane" };
            let (align, offset) = place(s)?;
            let pack = Packing::Lane { size: nth % 4, lane: s.byte()? };
            Ok(Instruction::Memory(tag, MemoryAccess { wide: None, align, offset, pack }))
        }
        0x5c | 0x5d => {
            let pack = Some(((opcode - 0x5c) as u8 + 2, Extension::Zero));
            access(s, "VecLoad", None, Packing::Load(pack))
        }
        0x13 | 0x14 | 0x1f..=0x22 | 0x41..=0x4c | 0x5e | 0x5f | 0x67..=0x6a | 0xe0 | 0xe1 => refuse(FLOATS),
        0xe3..=0xed | 0xef..=0xf7 | 0xfe | 0xff => refuse(FLOATS),
        // Rounding and converting floats are taken.
        0x74 | 0x75 | 0x7a | 0x94 | 0xfa | 0xfb => Ok(Instruction::Unwritable),
        0x23..=0x40 | 0xd6..=0xdb => comparison(opcode),
        _ => match arithmetic(opcode) {
            Some((tag, shape, op)) => on_lanes(tag, shape, op),
            None => refuse(format!("illegal opcode {opcode:02x}")),
        },
    }
}

fn comparison(opcode: u32) -> Result<Instruction> {
    // eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u, in the order of their opcodes.
    const ORDER: [u8; 10] = [0, 1, 2, 3, 6, 7, 4, 5, 8, 9];
    const OF_I64: [u8; 6] = [0, 1, 2, 6, 4, 8];
    match opcode {
        0xd6.. => on_lanes("VecCompare", I64X2, OF_I64[(opcode - 0xd6) as usize]),
        _ => {
            let nth = (opcode - 0x23) as usize;
            on_lanes("VecCompare", (nth / 10) as u8, ORDER[nth % 10])
        }
    }
}

/// Tag, shape and number of an operation on the lanes of integers.
fn arithmetic(opcode: u32) -> Option<(&'static str, u8, u8)> {
    const UNARY: &str = "VecUnary";
    const BINARY: &str = "VecBinary";
    const CONVERT: &str = "VecConvert";
    const SHIFT: &str = "VecShift";
    // add sub mul min_s min_u max_s max_u avgr_u
    let (add, sub, mul, min_s, avgr) = (0, 1, 2, 3, 7);
    let shape = match opcode {
        0x0e | 0x60..=0x7b => I8X16,
        0x7c | 0x7d | 0x80..=0x9f => I16X8,
        0x7e | 0x7f | 0xa0..=0xbf | 0xf8..=0xfd => I32X4,
        _ => I64X2,
    };
    let (tag, op) = match opcode {
        0x0e => (BINARY, 18),
        0x60 | 0x80 | 0xa0 | 0xc0 => (UNARY, 0),
        0x61 | 0x81 | 0xa1 | 0xc1 => (UNARY, 1),
        0x62 => (UNARY, 2),
        0x63 | 0x83 | 0xa3 | 0xc3 => ("VecTest", 0),
        0x64 | 0x84 | 0xa4 | 0xc4 => ("VecBitmask", 0),
        0x65 | 0x66 => (BINARY, (20 + opcode - 0x65) as u8),
        0x85 | 0x86 => (BINARY, (20 + opcode - 0x85) as u8),
        0x6b..=0x6d => (SHIFT, (opcode - 0x6b) as u8),
        0x8b..=0x8d => (SHIFT, (opcode - 0x8b) as u8),
        0xab..=0xad => (SHIFT, (opcode - 0xab) as u8),
        0xcb..=0xcd => (SHIFT, (opcode - 0xcb) as u8),
        0x6e | 0x8e | 0xae | 0xce => (BINARY, add),
        0x6f | 0x70 => (BINARY, (8 + opcode - 0x6f) as u8),
        0x8f | 0x90 => (BINARY, (8 + opcode - 0x8f) as u8),
        0x71 | 0x91 | 0xb1 | 0xd1 => (BINARY, sub),
        0x72 | 0x73 => (BINARY, (10 + opcode - 0x72) as u8),
        0x92 | 0x93 => (BINARY, (10 + opcode - 0x92) as u8),
        0x95 | 0xb5 | 0xd5 => (BINARY, mul),
        0x76..=0x79 => (BINARY, min_s + (opcode - 0x76) as u8),
        0x96..=0x99 => (BINARY, min_s + (opcode - 0x96) as u8),
        0xb6..=0xb9 => (BINARY, min_s + (opcode - 0xb6) as u8),
        0x7b | 0x9b => (BINARY, avgr),
        0x82 => (BINARY, 13),
        0xba => (BINARY, 12),
        0x9c..=0x9f => (BINARY, (14 + opcode - 0x9c) as u8),
        0xbc..=0xbf => (BINARY, (14 + opcode - 0xbc) as u8),
        0xdc..=0xdf => (BINARY, (14 + opcode - 0xdc) as u8),
        0x7c | 0x7e => (CONVERT, 4),
        0x7d | 0x7f => (CONVERT, 5),
        // low_s high_s low_u high_u; written: low_s low_u high_s high_u
        0x87 | 0xa7 | 0xc7 => (CONVERT, 0),
        0x88 | 0xa8 | 0xc8 => (CONVERT, 2),
        0x89 | 0xa9 | 0xc9 => (CONVERT, 1),
        0x8a | 0xaa | 0xca => (CONVERT, 3),
        0xf8 => (CONVERT, 6),
        0xf9 => (CONVERT, 7),
        0xfc => (CONVERT, 8),
        0xfd => (CONVERT, 9),
        _ => return None,
    };
    Some((tag, shape, op))
}
