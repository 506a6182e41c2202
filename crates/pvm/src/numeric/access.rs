//! Loads and stores of numbers.

use super::{Put, Width, coded};
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
    /// What the instruction says; what is stored has a width of its own.
    pub(crate) of: Width,
    pub(crate) align: i32,
    pub(crate) offset: i32,
    /// Nothing if all of the number is stored.
    pub(crate) pack: Option<Packing>,
}

/// Fails for more bytes than a number has.
fn check(width: Width, pack: Packing, r: &Reader<'_>) -> Result<(), DecodeError> {
    match (width, pack) {
        (Width::W32, Packing::Pack64) => Err(r.invalid("size", "eight bytes of a number of four")),
        _ => Ok(()),
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
                check(to, size, r)?;
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
                let size = Packing::get(r)?;
                check(of, size, r)?;
                Some(size)
            }
            tag => return Err(r.invalid("option", format!("the tag {tag} (0 or 1 expected)"))),
        };
        Ok(Self { of, align, offset, pack })
    }
}
