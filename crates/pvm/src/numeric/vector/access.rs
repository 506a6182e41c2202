//! Loads and stores of vectors.

use super::evaluate::{extract, replace, splat};
use super::operation::{Half, VecConvertOp, Wide, lane};
use super::{Put, Shape, Vector};
use crate::lazy::Leaf;
use crate::numeric::access::little_endian;
use crate::numeric::{Extension, NumericError, Packing};
use soru_base::bin::{DecodeError, Reader};

/// How a vector is made of fewer bytes than it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VecPacking {
    /// Of eight bytes: lanes of half the bits.
    Lanes(Wide, Extension),
    /// The same in every lane.
    Splat(Packing),
    /// The first lane; zeros in the others. Of four bytes or of eight.
    Zero(Packing),
}

/// A load of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecLoadOp {
    pub(crate) align: i32,
    pub(crate) offset: i32,
    /// Nothing if all of the vector is loaded.
    pub(crate) pack: Option<VecPacking>,
}

/// A store of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecStoreOp {
    pub(crate) align: i32,
    pub(crate) offset: i32,
}

/// A load or store of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecLaneOp {
    pub(crate) align: i32,
    pub(crate) offset: i32,
    pub(crate) pack: Packing,
    pub(crate) lane: u8,
}

/// The shape whose lanes have this size.
fn shape(size: Packing) -> Shape {
    match size {
        Packing::Pack8 => Shape::I8x16,
        Packing::Pack16 => Shape::I16x8,
        Packing::Pack32 => Shape::I32x4,
        Packing::Pack64 => Shape::I64x2,
    }
}

impl VecLoadOp {
    /// How many bytes are loaded.
    #[inline]
    pub(crate) fn width(self) -> usize {
        match self.pack {
            None => 16,
            Some(VecPacking::Lanes(..)) => 8,
            Some(VecPacking::Splat(size) | VecPacking::Zero(size)) => size.width(),
        }
    }

    /// The vector in so many bytes.
    #[inline]
    pub(crate) fn value(self, bytes: &[u8]) -> Vector {
        let mut low = [0; 16];
        for (to, byte) in low.iter_mut().zip(bytes) {
            *to = *byte;
        }
        match self.pack {
            None | Some(VecPacking::Zero(_)) => low,
            Some(VecPacking::Lanes(wide, extension)) => {
                VecConvertOp::Extend(wide, Half::Low, extension).apply(&low)
            }
            Some(VecPacking::Splat(size)) => splat(shape(size), little_endian(bytes) as i64),
        }
    }
}

impl VecLaneOp {
    /// How many bytes are loaded or stored.
    #[inline]
    pub(crate) fn width(self) -> usize {
        self.pack.width()
    }

    /// The vector with the lane that is in so many bytes; unchanged if it does not have this lane.
    #[inline]
    pub(crate) fn loaded(self, bytes: &[u8], v: &Vector) -> Vector {
        replace(shape(self.pack), self.lane, v, little_endian(bytes) as i64)
    }

    /// The lane in memory; the first [`VecLaneOp::width`] bytes are stored. Fails for a lane that the vector does not
    /// have, before the address is looked at.
    #[inline]
    pub(crate) fn stored(self, v: &Vector) -> Result<[u8; 8], NumericError> {
        extract(shape(self.pack), self.lane, v).map(i64::to_le_bytes)
    }
}

const LANES: u8 = 0;
const SPLAT: u8 = 1;
const ZERO: u8 = 2;

impl Leaf for VecLoadOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.align.put(out)?;
        self.offset.put(out)?;
        match self.pack {
            None => out.push(0),
            Some(VecPacking::Lanes(wide, extension)) => {
                out.extend([1, Packing::Pack64 as u8, LANES, wide as u8, extension as u8]);
            }
            Some(VecPacking::Splat(size)) => out.extend([1, size as u8, SPLAT]),
            Some(VecPacking::Zero(size)) => out.extend([1, size as u8, ZERO]),
        }
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (align, offset) = (i32::get(r)?, i32::get(r)?);
        let pack = match r.u8("option")? {
            0 => None,
            1 => match (Packing::get(r)?, r.u8("extension")?) {
                (Packing::Pack64, LANES) => Some(VecPacking::Lanes(Wide::get(r)?, Extension::get(r)?)),
                (size, SPLAT) => Some(VecPacking::Splat(size)),
                (size @ (Packing::Pack32 | Packing::Pack64), ZERO) => Some(VecPacking::Zero(size)),
                (size, tag) => return Err(r.invalid("extension", format!("the tag {tag} with {size:?}"))),
            },
            tag => return Err(r.invalid("option", format!("the tag {tag} (0 or 1 expected)"))),
        };
        Ok(Self { align, offset, pack })
    }
}

impl Leaf for VecStoreOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.align.put(out)?;
        self.offset.put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { align: i32::get(r)?, offset: i32::get(r)? })
    }
}

impl Leaf for VecLaneOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.align.put(out)?;
        self.offset.put(out)?;
        self.pack.put(out)?;
        i32::from(self.lane).put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { align: i32::get(r)?, offset: i32::get(r)?, pack: Packing::get(r)?, lane: lane(r)? })
    }
}
