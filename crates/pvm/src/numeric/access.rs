//! Loads and stores of numbers.

use super::{Number, Put, Width, coded};
use crate::lazy::Leaf;
use soru_base::bin::{DecodeError, Reader};

coded! {
    /// How many bytes of a value are in memory: 1, 2, 4 or 8.
    Packing, "size" { Pack8, Pack16, Pack32, Pack64 }
}

impl Packing {
    /// In bytes.
    #[inline]
    pub(crate) fn width(self) -> usize {
        1 << self as usize
    }
}

coded! {
    /// What is above the bits that are loaded: copies of their sign, or zeros.
    Extension, "extension" { Signed, Unsigned }
}

impl Extension {
    pub(crate) fn of(unsigned: bool) -> Self {
        if unsigned { Self::Unsigned } else { Self::Signed }
    }
}

/// A load of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoadOp {
    pub(crate) to: Width,
    pub(crate) align: i32,
    pub(crate) offset: i32,
    /// Nothing if all of the number is loaded.
    pub(crate) pack: Option<(Packing, Extension)>,
}

/// A store of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreOp {
    /// What the instruction says. A number of the other width is stored all the same, as wide as it is.
    pub(crate) of: Width,
    pub(crate) align: i32,
    pub(crate) offset: i32,
    /// Nothing if all of the number is stored.
    pub(crate) pack: Option<Packing>,
}

/// A little-endian number, with zeros above.
#[inline]
pub(super) fn little_endian(bytes: &[u8]) -> u64 {
    match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => bytes.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)),
    }
}

impl LoadOp {
    /// How many bytes are loaded.
    #[inline]
    pub(crate) fn width(self) -> usize {
        match (self.pack, self.to) {
            (Some((size, _)), _) => size.width(),
            (None, Width::W32) => 4,
            (None, Width::W64) => 8,
        }
    }

    /// The number in so many bytes.
    #[inline]
    pub(crate) fn value(self, bytes: &[u8]) -> Number {
        let n = little_endian(bytes);
        let n = match self.pack {
            Some((Packing::Pack8, Extension::Signed)) => n as i8 as i64,
            Some((Packing::Pack16, Extension::Signed)) => n as i16 as i64,
            Some((Packing::Pack32, Extension::Signed)) => n as i32 as i64,
            _ => n as i64,
        };
        match self.to {
            Width::W32 => Number::I32(n as i32),
            Width::W64 => Number::I64(n),
        }
    }
}

impl StoreOp {
    /// How many bytes of a number are stored: without a packing all that it has, whatever the instruction says.
    #[inline]
    pub(crate) fn width(self, n: Number) -> usize {
        match (self.pack, n) {
            (Some(size), _) => size.width(),
            (None, Number::I32(_)) => 4,
            (None, Number::I64(_)) => 8,
        }
    }

    /// A number in memory; the first [`StoreOp::width`] bytes are stored.
    #[inline]
    pub(crate) fn bytes(self, n: Number) -> [u8; 8] {
        match n {
            Number::I32(n) => i64::from(n).to_le_bytes(),
            Number::I64(n) => n.to_le_bytes(),
        }
    }
}

impl Leaf for LoadOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.push(self.to as u8);
        self.align.put(out)?;
        self.offset.put(out)?;
        match self.pack {
            None => out.push(0),
            Some((size, extension)) => out.extend([1, size as u8, extension as u8]),
        }
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (to, align, offset) = (Width::get(r)?, i32::get(r)?, i32::get(r)?);
        let pack = match r.u8("option")? {
            0 => None,
            1 => {
                let size = Packing::get(r)?;
                if (to, size) == (Width::W32, Packing::Pack64) {
                    return Err(r.invalid("size", "eight bytes of a number of four"));
                }
                Some((size, Extension::get(r)?))
            }
            tag => return Err(r.invalid("option", format!("the tag {tag} (0 or 1 expected)"))),
        };
        Ok(Self { to, align, offset, pack })
    }
}

impl Leaf for StoreOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.push(self.of as u8);
        self.align.put(out)?;
        self.offset.put(out)?;
        match self.pack {
            None => out.push(0),
            Some(size) => out.extend([1, size as u8]),
        }
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (of, align, offset) = (Width::get(r)?, i32::get(r)?, i32::get(r)?);
        let pack = match r.u8("option")? {
            0 => None,
            1 => {
                // A part of any number has at most four bytes.
                match Packing::get(r)? {
                    Packing::Pack64 => return Err(r.invalid("size", "eight bytes of a number")),
                    size => Some(size),
                }
            }
            tag => return Err(r.invalid("option", format!("the tag {tag} (0 or 1 expected)"))),
        };
        Ok(Self { of, align, offset, pack })
    }
}
