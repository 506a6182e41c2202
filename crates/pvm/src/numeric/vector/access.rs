//! Loads and stores of vectors.

use super::Put;
use super::operation::{Wide, lane};
use crate::lazy::Leaf;
use crate::numeric::{Extension, Packing};
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
