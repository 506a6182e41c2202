//! Vectors of 128 bits and the operations on them.
//!
//! The lanes of a vector are little-endian, the first one lowest.

mod access;
mod evaluate;
mod lanes;
mod operation;

pub(crate) use access::{VecLaneOp, VecLoadOp, VecPacking, VecStoreOp};
pub(crate) use operation::{
    FloatLanes, Half, LaneBinary, LaneBits, LaneShift, LaneUnary, VecBinaryBitsOp, VecBinaryOp, VecBitmaskOp,
    VecCompareOp, VecConvertOp, VecExtractOp, VecReplaceOp, VecShiftOp, VecSplatOp, VecTernaryBitsOp,
    VecTestBitsOp, VecTestOp, VecUnaryBitsOp, VecUnaryOp, Wide,
};

use super::{Put, Width, coded};
use crate::lazy::Leaf;
use soru_base::bin::{DecodeError, Reader, put_sized};

/// The value of a vector.
pub(crate) type Vector = [u8; 16];

impl Leaf for Vector {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.push(0);
        put_sized(out, |out| out.extend_from_slice(self));
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        only_case(r)?;
        let mut bytes = r.sub("vector")?;
        let vector = bytes.array("vector")?;
        bytes.finish()?;
        Ok(vector)
    }
}

/// The tag of a union of one case.
fn only_case(r: &mut Reader<'_>) -> Result<(), DecodeError> {
    match r.u8("tag")? {
        0 => Ok(()),
        tag => Err(r.invalid("tag", format!("the tag {tag} (0 expected)"))),
    }
}

coded! {
    /// The lanes of a vector: how many, of how many bits.
    Shape, "shape" { I8x16, I16x8, I32x4, I64x2 }
}

impl Shape {
    /// The width of the numbers that go into lanes and come out of them.
    pub(crate) fn number(self) -> Width {
        match self {
            Self::I8x16 | Self::I16x8 | Self::I32x4 => Width::W32,
            Self::I64x2 => Width::W64,
        }
    }
}
