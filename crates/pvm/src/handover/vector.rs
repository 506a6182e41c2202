//! Operations on vectors as the machine does them, for engines that have none of their own.

use super::Cell;
use crate::decode;
use crate::numeric::vector::Vector;
use crate::numeric::{Number, Width};
use crate::wasm::instruction::Instruction;

/// What an operand or a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// 128 bits.
    V128,
}

/// How an operation reaches the memory: the address is its first operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// What is added to the address.
    pub offset: u32,
    /// So many bytes, 16 at most.
    pub len: usize,
    /// Whether they are written.
    pub is_store: bool,
}

/// An instruction on vectors.
#[derive(Debug, Clone)]
pub struct VectorOp(Instruction);

impl VectorOp {
    /// The instruction that begins there. Nothing if it is none on vectors, or if the machine does not have it.
    pub fn read(code: &[u8]) -> Option<Self> {
        use Instruction as I;
        // No instruction is longer.
        let instruction = decode::instruction_in(&code[..code.len().min(32)])?;
        matches!(
            instruction,
            I::VecConst(_)
                | I::VecLoad(_)
                | I::VecStore(_)
                | I::VecLoadLane(_)
                | I::VecStoreLane(_)
                | I::VecTest(_)
                | I::VecCompare(_)
                | I::VecUnary(_)
                | I::VecBinary(_)
                | I::VecConvert(_)
                | I::VecShift(_)
                | I::VecBitmask(_)
                | I::VecTestBits(_)
                | I::VecUnaryBits(_)
                | I::VecBinaryBits(_)
                | I::VecTernaryBits(_)
                | I::VecSplat(_)
                | I::VecExtract(_)
                | I::VecReplace(_)
        )
        .then_some(Self(instruction))
    }

    /// What it takes, the one pushed first being first.
    pub fn operands(&self) -> &'static [Kind] {
        use Instruction as I;
        use Kind::{I32, I64, V128};
        match &self.0 {
            I::VecLoad(_) => &[I32],
            I::VecStore(_) | I::VecLoadLane(_) | I::VecStoreLane(_) => &[I32, V128],
            I::VecTest(_)
            | I::VecBitmask(_)
            | I::VecTestBits(_)
            | I::VecUnary(_)
            | I::VecConvert(_)
            | I::VecUnaryBits(_)
            | I::VecExtract(_) => &[V128],
            I::VecCompare(_) | I::VecBinaryBits(_) | I::VecBinary(_) => &[V128, V128],
            I::VecTernaryBits(_) => &[V128, V128, V128],
            I::VecShift(_) => &[V128, I32],
            I::VecSplat(op) if op.0.number() == Width::W64 => &[I64],
            I::VecSplat(_) => &[I32],
            I::VecReplace(op) if op.shape.number() == Width::W64 => &[V128, I64],
            I::VecReplace(_) => &[V128, I32],
            _ => &[],
        }
    }

    /// What it gives.
    pub fn result(&self) -> Option<Kind> {
        use Instruction as I;
        match &self.0 {
            I::VecStore(_) | I::VecStoreLane(_) => None,
            I::VecTest(_) | I::VecBitmask(_) | I::VecTestBits(_) => Some(Kind::I32),
            I::VecExtract(op) if op.shape.number() == Width::W64 => Some(Kind::I64),
            I::VecExtract(_) => Some(Kind::I32),
            _ => Some(Kind::V128),
        }
    }

    /// How it reaches the memory, if it does.
    pub fn access(&self) -> Option<Access> {
        use Instruction as I;
        let access = |offset: i32, len, is_store| Some(Access { offset: offset as u32, len, is_store });
        match &self.0 {
            I::VecLoad(op) => access(op.offset, op.width(), false),
            I::VecLoadLane(op) => access(op.offset, op.width(), false),
            I::VecStore(op) => access(op.offset, 16, true),
            I::VecStoreLane(op) => access(op.offset, op.width(), true),
            _ => None,
        }
    }

    /// What comes of its operands; numbers are zero-extended. In place of the address, a load takes the bytes that are there,
    /// the first one lowest, and a store takes anything and gives the bytes to be written. Nothing if the machine does not go on.
    #[inline]
    pub fn apply(&self, operands: [u128; 3]) -> Option<u128> {
        use Instruction as I;
        let [a, b, c] = operands.map(u128::to_le_bytes);
        let vector = |v: Vector| Some(u128::from_le_bytes(v));
        let number = |n| {
            Some(match n {
                Number::I32(n) => u128::from(n as u32),
                Number::I64(n) => u128::from(n as u64),
            })
        };
        let int32 = |operand: u128| Number::I32(operand as i32);
        let of_width = |width, operand: u128| match width {
            Width::W32 => Number::I32(operand as i32),
            Width::W64 => Number::I64(operand as i64),
        };
        match &self.0 {
            I::VecConst(v) => vector(**v),
            I::VecTest(op) => number(op.apply(&a)),
            I::VecBitmask(op) => number(op.apply(&a)),
            I::VecTestBits(op) => number(op.apply(&a)),
            I::VecUnary(op) => vector(op.apply(&a)),
            I::VecConvert(op) => vector(op.apply(&a)),
            I::VecUnaryBits(op) => vector(op.apply(&a)),
            I::VecCompare(op) => vector(op.apply(&a, &b)),
            I::VecBinaryBits(op) => vector(op.apply(&a, &b)),
            I::VecBinary(op) => vector(op.apply(&a, &b).ok()?),
            I::VecTernaryBits(op) => vector(op.apply(&a, &b, &c)),
            I::VecShift(op) => vector(op.apply(&a, int32(operands[1])).ok()?),
            I::VecSplat(op) => vector(op.apply(of_width(op.0.number(), operands[0])).ok()?),
            I::VecExtract(op) => number(op.apply(&a).ok()?),
            I::VecReplace(op) => vector(op.apply(&a, of_width(op.shape.number(), operands[1])).ok()?),
            I::VecLoad(op) => vector(op.value(&a[..op.width()])),
            I::VecLoadLane(op) => vector(op.loaded(&a[..op.width()], &b)),
            I::VecStore(_) => vector(b),
            I::VecStoreLane(op) => op.stored(&b).ok().map(u64::from_le_bytes).map(u128::from),
            _ => None,
        }
    }
}

impl From<Vector> for Cell {
    fn from(vector: Vector) -> Self {
        Self::V128(vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: &[u8]) -> VectorOp {
        VectorOp::read(code).unwrap()
    }

    #[test]
    fn instructions_are_read_with_what_they_take_and_give() {
        // i8x16.splat, i64x2.extract_lane 1, i64x2.replace_lane 0, v128.bitselect
        let splat = read(&[0xfd, 0x0f, 0x0b]);
        assert_eq!((splat.operands(), splat.result()), ([Kind::I32].as_slice(), Some(Kind::V128)));
        assert_eq!(splat.apply([0x1ab, 0, 0]), Some(u128::from_le_bytes([0xab; 16])));
        let extract = read(&[0xfd, 0x1d, 1]);
        assert_eq!(extract.result(), Some(Kind::I64));
        assert_eq!(extract.apply([u128::from(u64::MAX - 1) << 64, 0, 0]), Some(u128::from(u64::MAX - 1)));
        let replace = read(&[0xfd, 0x1e, 0]);
        assert_eq!(replace.operands(), [Kind::V128, Kind::I64]);
        assert_eq!(replace.apply([1 << 64, 7, 0]), Some(7 | 1 << 64));
        assert_eq!(
            read(&[0xfd, 0x52]).apply([0b1100, 0b1010, 0b0110]),
            Some(0b1100 & 0b0110 | 0b1010 & !0b0110)
        );
        assert_eq!(read(&[0xfd, 0x52]).operands().len(), 3);
    }

    #[test]
    fn loads_and_stores_leave_the_memory_to_the_engine() {
        // v128.load16_lane align=1 offset=5 lane 2, v128.store64_lane, v128.load8x8_s, v128.store
        let lane = read(&[0xfd, 0x55, 1, 5, 2]);
        assert_eq!(lane.access(), Some(Access { offset: 5, len: 2, is_store: false }));
        assert_eq!(lane.apply([0xbeef, 1, 0]), Some(1 | 0xbeef << 32));
        let store = read(&[0xfd, 0x5b, 3, 0, 1]);
        assert_eq!(store.access(), Some(Access { offset: 0, len: 8, is_store: true }));
        assert_eq!((store.result(), store.apply([0, 9 << 64, 0])), (None, Some(9)));
        assert_eq!(read(&[0xfd, 0x01, 0, 0]).apply([0x80, 0, 0]), Some(0xff80));
        assert_eq!(read(&[0xfd, 0x0b, 0, 9]).access(), Some(Access { offset: 9, len: 16, is_store: true }));
    }

    #[test]
    fn others_are_no_instructions_on_vectors() {
        // i32.add, f32x4.add, f32x4.ceil, the middle of nothing
        for code in [&[0x6a][..], &[0xfd, 0xe4, 0x01], &[0xfd, 0x67], &[0xfd], &[]] {
            assert!(VectorOp::read(code).is_none(), "{code:?}");
        }
        // What the state has no form for.
        assert!(VectorOp::read(&[0xfd, 0x74]).is_none());
    }
}
