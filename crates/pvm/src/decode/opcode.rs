//! What an opcode stands for, and what follows it.

use super::stream::{Result, Stream, refuse, require};
use crate::numeric::vector::{
    FloatLanes, Half, LaneBinary, LaneBits, LaneShift, LaneUnary, Shape, VecBinaryBitsOp, VecBinaryOp,
    VecBitmaskOp, VecCompareOp, VecConvertOp, VecExtractOp, VecLaneOp, VecLoadOp, VecPacking, VecReplaceOp,
    VecShiftOp, VecSplatOp, VecStoreOp, VecTernaryBitsOp, VecTestBitsOp, VecTestOp, VecUnaryBitsOp,
    VecUnaryOp, Wide,
};
use crate::numeric::{
    Binary, BinaryOp, CompareOp, Comparison, Conversion, ConvertOp, Extension, LoadOp, Number, Packing,
    StoreOp, TestOp, Unary, UnaryOp, Width,
};
use crate::wasm::instruction::{Indices, Instruction, Types};
use crate::wasm::types::{BlockType, GlobalType, Limits, RefType, TableType, ValueType};
use std::sync::Arc;

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

fn load(s: &mut Stream, to: Width, pack: Option<(Packing, Extension)>) -> Result<Instruction> {
    let (align, offset) = place(s)?;
    Ok(Instruction::Load(LoadOp { to, align, offset, pack }))
}

fn store(s: &mut Stream, of: Width, pack: Option<Packing>) -> Result<Instruction> {
    let (align, offset) = place(s)?;
    Ok(Instruction::Store(StoreOp { of, align, offset, pack }))
}

/// The one of these that belongs to an opcode, where `first` belongs to the first one.
fn nth<T: Copy>(all: &[T], opcode: impl Into<u32>, first: u32) -> T {
    all[(opcode.into() - first) as usize]
}

/// The instruction of an opcode that opens no block.
pub(super) fn instruction(s: &mut Stream, opcode: u8) -> Result<Instruction> {
    use Instruction as I;
    use Width::{W32, W64};
    Ok(match opcode {
        0x00 => I::Unreachable,
        0x01 => I::Nop,
        0x05 => return refuse("misplaced ELSE opcode"),
        0x0b => return refuse("misplaced END opcode"),
        0x0c => I::Br(s.var()?),
        0x0d => I::BrIf(s.var()?),
        0x0e => {
            let count = s.length()?;
            let targets = (0..count).map(|_| s.var()).collect::<Result<_>>()?;
            I::BrTable(Arc::new(Indices(targets)), s.var()?)
        }
        0x0f => I::Return,
        0x10 => I::Call(s.var()?),
        0x11 => {
            let func_type = s.var()?;
            I::CallIndirect { table: s.var()?, func_type }
        }
        0x1a => I::Drop,
        0x1b => I::Select(None),
        0x1c => {
            let count = s.length()?;
            let types = (0..count).map(|_| value_type(s)).collect::<Result<_>>()?;
            I::Select(Some(Arc::new(Types(types))))
        }
        0x20 => I::LocalGet(s.var()?),
        0x21 => I::LocalSet(s.var()?),
        0x22 => I::LocalTee(s.var()?),
        0x23 => I::GlobalGet(s.var()?),
        0x24 => I::GlobalSet(s.var()?),
        0x25 => I::TableGet(s.var()?),
        0x26 => I::TableSet(s.var()?),
        0x2a | 0x2b | 0x38 | 0x39 | 0x43 | 0x44 | 0x5b..=0x66 | 0x8b..=0xa6 | 0xb2..=0xbb | 0xbe | 0xbf => {
            return refuse(FLOATS);
        }
        0x28 => load(s, W32, None)?,
        0x29 => load(s, W64, None)?,
        0x2c..=0x35 => {
            // Two of 8 and two of 16 bits for either width, two of 32 bits for the wide one; signed first.
            let (to, first) = if opcode < 0x30 { (W32, 0x2c) } else { (W64, 0x30) };
            let pack = nth(Packing::ALL, (opcode - first) / 2, 0);
            load(s, to, Some((pack, unsigned_at(opcode.into(), 0))))?
        }
        0x36 => store(s, W32, None)?,
        0x37 => store(s, W64, None)?,
        0x3a | 0x3b => store(s, W32, Some(nth(Packing::ALL, opcode, 0x3a)))?,
        0x3c..=0x3e => store(s, W64, Some(nth(Packing::ALL, opcode, 0x3c)))?,
        0x3f => {
            s.zero()?;
            I::MemorySize
        }
        0x40 => {
            s.zero()?;
            I::MemoryGrow
        }
        0x41 => I::Const(Number::I32(s.signed(32)? as i32)),
        0x42 => I::Const(Number::I64(s.signed(64)?)),
        0x45 => I::Test(TestOp(W32)),
        0x46..=0x4f => I::Compare(CompareOp(W32, nth(Comparison::ALL, opcode, 0x46))),
        0x50 => I::Test(TestOp(W64)),
        0x51..=0x5a => I::Compare(CompareOp(W64, nth(Comparison::ALL, opcode, 0x51))),
        0x67..=0x69 => I::Unary(UnaryOp(W32, nth(Unary::ALL, opcode, 0x67))),
        0x6a..=0x78 => I::Binary(BinaryOp(W32, nth(Binary::ALL, opcode, 0x6a))),
        0x79..=0x7b => I::Unary(UnaryOp(W64, nth(Unary::ALL, opcode, 0x79))),
        0x7c..=0x8a => I::Binary(BinaryOp(W64, nth(Binary::ALL, opcode, 0x7c))),
        0xa7 => I::Convert(ConvertOp(W32, Conversion::Wrap)),
        0xa8..=0xab => I::Convert(ConvertOp(W32, nth(TRUNC, opcode, 0xa8))),
        0xac => I::Convert(ConvertOp(W64, Conversion::ExtendS)),
        0xad => I::Convert(ConvertOp(W64, Conversion::ExtendU)),
        0xae..=0xb1 => I::Convert(ConvertOp(W64, nth(TRUNC, opcode, 0xae))),
        0xbc => I::Convert(ConvertOp(W32, Conversion::Reinterpret)),
        0xbd => I::Convert(ConvertOp(W64, Conversion::Reinterpret)),
        0xc0 | 0xc1 => I::Unary(UnaryOp(W32, nth(EXTEND, opcode, 0xc0))),
        0xc2..=0xc4 => I::Unary(UnaryOp(W64, nth(EXTEND, opcode, 0xc2))),
        0xd0 => I::RefNull(ref_type(s)?),
        0xd1 => I::RefIsNull,
        0xd2 => I::RefFunc(s.var()?),
        0xfc => prefixed(s)?,
        0xfd => vector(s)?,
        _ => return refuse(format!("illegal opcode {opcode:02x}")),
    })
}

const TRUNC: &[Conversion] =
    &[Conversion::TruncF32S, Conversion::TruncF32U, Conversion::TruncF64S, Conversion::TruncF64U];
const TRUNC_SAT: &[Conversion] =
    &[Conversion::TruncSatF32S, Conversion::TruncSatF32U, Conversion::TruncSatF64S, Conversion::TruncSatF64U];
const EXTEND: &[Unary] = &[Unary::Extend8, Unary::Extend16, Unary::Extend32];

fn prefixed(s: &mut Stream) -> Result<Instruction> {
    use Instruction as I;
    let opcode = s.var()? as u32;
    Ok(match opcode {
        0x00..=0x03 => I::Convert(ConvertOp(Width::W32, nth(TRUNC_SAT, opcode, 0x00))),
        0x04..=0x07 => I::Convert(ConvertOp(Width::W64, nth(TRUNC_SAT, opcode, 0x04))),
        0x08 => {
            let data = s.var()?;
            s.zero()?;
            I::MemoryInit(data)
        }
        0x09 => I::DataDrop(s.var()?),
        0x0a => {
            s.zero()?;
            s.zero()?;
            I::MemoryCopy
        }
        0x0b => {
            s.zero()?;
            I::MemoryFill
        }
        0x0c => {
            let segment = s.var()?;
            I::TableInit { table: s.var()?, segment }
        }
        0x0d => I::ElemDrop(s.var()?),
        0x0e => I::TableCopy { to: s.var()?, from: s.var()? },
        0x0f => I::TableGrow(s.var()?),
        0x10 => I::TableSize(s.var()?),
        0x11 => I::TableFill(s.var()?),
        n => return refuse(format!("illegal opcode fc {n:02x}")),
    })
}

fn vec_load(s: &mut Stream, pack: Option<VecPacking>) -> Result<Instruction> {
    let (align, offset) = place(s)?;
    Ok(Instruction::VecLoad(VecLoadOp { align, offset, pack }))
}

fn vec_lane(s: &mut Stream, pack: Packing) -> Result<VecLaneOp> {
    let (align, offset) = place(s)?;
    Ok(VecLaneOp { align, offset, pack, lane: s.byte()? })
}

fn vector(s: &mut Stream) -> Result<Instruction> {
    use Instruction as I;
    let opcode = s.var()? as u32;
    Ok(match opcode {
        0x00 => vec_load(s, None)?,
        0x01..=0x06 => {
            let wide = nth(Wide::ALL, (opcode - 1) / 2, 0);
            vec_load(s, Some(VecPacking::Lanes(wide, unsigned_at(opcode, 1))))?
        }
        0x07..=0x0a => vec_load(s, Some(VecPacking::Splat(nth(Packing::ALL, opcode, 0x07))))?,
        0x0b => {
            let (align, offset) = place(s)?;
            I::VecStore(VecStoreOp { align, offset })
        }
        0x0c => I::VecConst(Arc::new(s.array()?)),
        0x0d => {
            let mut lanes = [0; 16];
            for lane in &mut lanes {
                *lane = s.byte()?;
            }
            // Lanes are written as signed bytes.
            if lanes.iter().any(|lane| *lane > 0x7f) {
                return Ok(I::Unwritable);
            }
            I::VecBinary(VecBinaryOp::Shuffle(Arc::new(lanes)))
        }
        0x0e => I::VecBinary(VecBinaryOp::Swizzle),
        0x0f..=0x12 => I::VecSplat(VecSplatOp(nth(Shape::ALL, opcode, 0x0f))),
        0x15..=0x1e => on_a_lane(opcode, s.byte()?),
        0x4d => I::VecUnaryBits(VecUnaryBitsOp),
        0x4e => I::VecBinaryBits(VecBinaryBitsOp(LaneBits::And)),
        0x4f => I::VecBinaryBits(VecBinaryBitsOp(LaneBits::AndNot)),
        0x50 => I::VecBinaryBits(VecBinaryBitsOp(LaneBits::Or)),
        0x51 => I::VecBinaryBits(VecBinaryBitsOp(LaneBits::Xor)),
        0x52 => I::VecTernaryBits(VecTernaryBitsOp),
        0x53 => I::VecTestBits(VecTestBitsOp),
        0x54..=0x57 => I::VecLoadLane(vec_lane(s, nth(Packing::ALL, opcode, 0x54))?),
        0x58..=0x5b => I::VecStoreLane(vec_lane(s, nth(Packing::ALL, opcode, 0x58))?),
        0x5c => vec_load(s, Some(VecPacking::Zero(Packing::Pack32)))?,
        0x5d => vec_load(s, Some(VecPacking::Zero(Packing::Pack64)))?,
        0x13 | 0x14 | 0x1f..=0x22 | 0x41..=0x4c | 0x5e | 0x5f | 0x67..=0x6a | 0xe0 | 0xe1 => {
            return refuse(FLOATS);
        }
        0xe3..=0xed | 0xef..=0xf7 | 0xfe | 0xff => return refuse(FLOATS),
        // Rounding and converting floats are taken.
        0x74 | 0x75 | 0x7a | 0x94 | 0xfa | 0xfb => I::Unwritable,
        0x23..=0x40 => {
            let shape = nth(Shape::ALL, (opcode - 0x23) / 10, 0);
            I::VecCompare(VecCompareOp(shape, nth(Comparison::ALL, (opcode - 0x23) % 10, 0)))
        }
        0xd6..=0xdb => {
            use Comparison::{Eq, GeS, GtS, LeS, LtS, Ne};
            let kind = nth(&[Eq, Ne, LtS, GtS, LeS, GeS], opcode, 0xd6);
            I::VecCompare(VecCompareOp(Shape::I64x2, kind))
        }
        _ => match arithmetic(opcode) {
            Some(instruction) => instruction,
            None => return refuse(format!("illegal opcode {opcode:02x}")),
        },
    })
}

/// The instruction that takes or puts one lane.
fn on_a_lane(opcode: u32, lane: u8) -> Instruction {
    let extract = |shape, extension| Instruction::VecExtract(VecExtractOp { shape, lane, extension });
    let replace = |shape| Instruction::VecReplace(VecReplaceOp { shape, lane });
    match opcode {
        0x15 => extract(Shape::I8x16, Extension::Signed),
        0x16 => extract(Shape::I8x16, Extension::Unsigned),
        0x17 => replace(Shape::I8x16),
        0x18 => extract(Shape::I16x8, Extension::Signed),
        0x19 => extract(Shape::I16x8, Extension::Unsigned),
        0x1a => replace(Shape::I16x8),
        0x1b => extract(Shape::I32x4, Extension::Signed),
        0x1c => replace(Shape::I32x4),
        0x1d => extract(Shape::I64x2, Extension::Signed),
        _ => replace(Shape::I64x2),
    }
}

/// An operation on the lanes of integers.
fn arithmetic(opcode: u32) -> Option<Instruction> {
    // From 0x60 on, 32 opcodes for each shape, in the same order as far as a shape has them.
    let shape = match opcode {
        0x60..=0xdf => nth(Shape::ALL, (opcode - 0x60) / 32, 0),
        0xf8 | 0xf9 | 0xfc | 0xfd => {
            let floats = if opcode < 0xfc { FloatLanes::F32x4 } else { FloatLanes::F64x2 };
            return Some(Instruction::VecConvert(VecConvertOp::TruncSat(floats, unsigned_at(opcode, 0))));
        }
        _ => return None,
    };
    // Pairs of neighbours have their opcodes in the row of bytes.
    if let 0x7c..=0x7f = opcode {
        let wide = if opcode < 0x7e { Wide::I16x8 } else { Wide::I32x4 };
        return Some(Instruction::VecConvert(VecConvertOp::AddPairwise(wide, unsigned_at(opcode, 0))));
    }
    in_a_row(shape, opcode % 32)
}

/// Signed and unsigned have neighbouring opcodes: does this one have another parity than the signed one?
fn unsigned_at(opcode: u32, signed: u32) -> Extension {
    Extension::of((opcode ^ signed) & 1 == 1)
}

fn in_a_row(shape: Shape, place: u32) -> Option<Instruction> {
    use Instruction::{VecBinary, VecBitmask, VecConvert, VecShift, VecTest, VecUnary};
    use LaneBinary::*;
    use Shape::{I8x16, I16x8, I32x4, I64x2};
    let wide = Wide::of_shape(shape);
    let lanes = |kind| VecBinary(VecBinaryOp::Lanes(shape, kind));
    Some(match (place, shape) {
        (0x00, _) => VecUnary(VecUnaryOp(shape, LaneUnary::Abs)),
        (0x01, _) => VecUnary(VecUnaryOp(shape, LaneUnary::Neg)),
        (0x02, I8x16) => VecUnary(VecUnaryOp(shape, LaneUnary::Popcnt)),
        (0x02, I16x8) => VecBinary(VecBinaryOp::Q15MulRSat),
        (0x03, _) => VecTest(VecTestOp(shape)),
        (0x04, _) => VecBitmask(VecBitmaskOp(shape)),
        (0x05 | 0x06, I8x16) => VecBinary(VecBinaryOp::Narrow(Wide::I16x8, unsigned_at(place, 1))),
        (0x05 | 0x06, I16x8) => VecBinary(VecBinaryOp::Narrow(Wide::I32x4, unsigned_at(place, 1))),
        (0x07, _) => VecConvert(VecConvertOp::Extend(wide?, Half::Low, Extension::Signed)),
        (0x08, _) => VecConvert(VecConvertOp::Extend(wide?, Half::High, Extension::Signed)),
        (0x09, _) => VecConvert(VecConvertOp::Extend(wide?, Half::Low, Extension::Unsigned)),
        (0x0a, _) => VecConvert(VecConvertOp::Extend(wide?, Half::High, Extension::Unsigned)),
        (0x0b..=0x0d, _) => VecShift(VecShiftOp(shape, nth(LaneShift::ALL, place, 0x0b))),
        (0x0e, _) => lanes(Add),
        (0x0f, I8x16 | I16x8) => lanes(AddSatS),
        (0x10, I8x16 | I16x8) => lanes(AddSatU),
        (0x11, _) => lanes(Sub),
        (0x12, I8x16 | I16x8) => lanes(SubSatS),
        (0x13, I8x16 | I16x8) => lanes(SubSatU),
        (0x15, I16x8 | I32x4 | I64x2) => lanes(Mul),
        (0x16..=0x19, I8x16 | I16x8 | I32x4) => lanes(nth(&[MinS, MinU, MaxS, MaxU], place, 0x16)),
        (0x1a, I32x4) => VecBinary(VecBinaryOp::Dot),
        (0x1b, I8x16 | I16x8) => lanes(AvgrU),
        (0x1c, _) => VecBinary(VecBinaryOp::ExtMul(wide?, Half::Low, Extension::Signed)),
        (0x1d, _) => VecBinary(VecBinaryOp::ExtMul(wide?, Half::High, Extension::Signed)),
        (0x1e, _) => VecBinary(VecBinaryOp::ExtMul(wide?, Half::Low, Extension::Unsigned)),
        (0x1f, _) => VecBinary(VecBinaryOp::ExtMul(wide?, Half::High, Extension::Unsigned)),
        _ => return None,
    })
}
