//! The network's binary encodings: big-endian numbers, length prefixes, zarith numbers.
//!
//! A type has one [`Binary`] form. A [`Reader`] knows where it is, so that an error can say it.

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::Zero;
use thiserror::Error;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at byte {offset}, reading {what}: {reason}")]
pub struct DecodeError {
    /// Offset of the first offending byte.
    pub offset: usize,
    /// What was being read.
    pub what: &'static str,
    /// What was found instead.
    pub reason: String,
}

/// A type with a binary form.
pub trait Binary: Sized {
    /// Appends the encoding.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads one value and leaves the reader behind it.
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The encoding.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Reads a value that takes all of `bytes`.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let value = Self::read(&mut r)?;
        r.finish()?;
        Ok(value)
    }
}

/// Reads from a slice and remembers its place.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    // Offset of `bytes[0]` in the outermost slice, for errors.
    base: usize,
    at: usize,
}

macro_rules! fixed_width {
    ($($(#[$doc:meta])* $name:ident: $type:ty),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, what: &'static str) -> Result<$type, DecodeError> {
            Ok(<$type>::from_be_bytes(self.array(what)?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, base: 0, at: 0 }
    }

    /// Offset from the start of the outermost slice.
    pub fn offset(&self) -> usize {
        self.base + self.at
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// An error at the current place.
    pub fn invalid(&self, what: &'static str, reason: impl Into<String>) -> DecodeError {
        DecodeError { offset: self.offset(), what, reason: reason.into() }
    }

    /// Fails if bytes are left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            n => Err(self.invalid("the end", format!("{n} bytes are left over"))),
        }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        if n > self.remaining() {
            return Err(self.invalid(what, format!("{n} bytes are needed, {} are left", self.remaining())));
        }
        let taken = &self.bytes[self.at..self.at + n];
        self.at += n;
        Ok(taken)
    }

    /// All bytes that are left.
    pub fn rest(&mut self) -> &'a [u8] {
        let taken = &self.bytes[self.at..];
        self.at = self.bytes.len();
        taken
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    fixed_width! {
        /// One byte.
        u8: u8,
        /// Two bytes, big-endian.
        u16: u16,
        /// Four bytes, big-endian.
        u32: u32,
        /// Eight bytes, big-endian.
        u64: u64,
        /// Four bytes, big-endian, signed.
        i32: i32,
        /// Eight bytes, big-endian, signed.
        i64: i64,
    }

    /// A boolean: ff or 00.
    pub fn bool(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        match self.u8(what)? {
            0 => Ok(false),
            0xff => Ok(true),
            other => Err(self.invalid(what, format!("{other:#04x} is no boolean (00 or ff)"))),
        }
    }

    /// Bytes behind a four-byte length of at most `max`.
    pub fn bytes(&mut self, max: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u32(what)? as usize;
        if len > max {
            return Err(self.invalid(what, format!("{len} bytes are more than the limit of {max}")));
        }
        self.take(len, what)
    }

    /// A reader of the bytes behind a four-byte length.
    pub fn sub(&mut self, what: &'static str) -> Result<Reader<'a>, DecodeError> {
        let len = self.u32(what)? as usize;
        let base = self.offset();
        Ok(Reader { bytes: self.take(len, what)?, base, at: 0 })
    }

    /// A natural number of variable length (`N`): seven bits a byte, least significant first.
    pub fn n(&mut self, what: &'static str) -> Result<BigUint, DecodeError> {
        let mut groups = Vec::new();
        loop {
            let byte = self.u8(what)?;
            groups.push(byte & 0x7f);
            if byte & 0x80 == 0 {
                if byte == 0 && groups.len() > 1 {
                    return Err(self.invalid(what, "a trailing zero byte in a number"));
                }
                break;
            }
        }
        Ok(BigUint::from_radix_le(&groups, 128).unwrap_or_default())
    }

    /// A natural number of variable length that fits 64 bits.
    pub fn n64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let n = self.n(what)?;
        u64::try_from(&n).map_err(|_| self.invalid(what, format!("{n} does not fit 64 bits")))
    }

    /// An integer of variable length (`Z`): the first byte holds a sign bit and six bits.
    pub fn z(&mut self, what: &'static str) -> Result<BigInt, DecodeError> {
        let first = self.u8(what)?;
        let sign = if first & 0x40 == 0 { Sign::Plus } else { Sign::Minus };
        let mut magnitude = BigUint::from(first & 0x3f);
        if first & 0x80 != 0 {
            let high = self.n(what)?;
            if high.is_zero() {
                return Err(self.invalid(what, "a trailing zero byte in a number"));
            }
            magnitude += high << 6u32;
        }
        Ok(BigInt::from_biguint(sign, magnitude))
    }
}

/// Appends bytes behind their four-byte length. Values longer than 4 GiB do not exist here.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends what `body` writes behind its four-byte length.
pub fn put_sized(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let len = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Appends a boolean: ff or 00.
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xff } else { 0 });
}

/// Appends a natural number of variable length (`N`).
pub fn put_n(out: &mut Vec<u8>, n: &BigUint) {
    let groups = n.to_radix_le(128);
    let last = groups.len() - 1;
    for (i, group) in groups.into_iter().enumerate() {
        out.push(if i == last { group } else { group | 0x80 });
    }
}

/// Appends a natural number of variable length (`N`).
pub fn put_n64(out: &mut Vec<u8>, n: u64) {
    put_n(out, &BigUint::from(n));
}

/// Appends an integer of variable length (`Z`).
pub fn put_z(out: &mut Vec<u8>, z: &BigInt) {
    let magnitude = z.magnitude();
    let low = (magnitude & BigUint::from(0x3fu8)).iter_u32_digits().next().unwrap_or(0) as u8;
    let high = magnitude >> 6u32;
    let sign = if z.sign() == Sign::Minus { 0x40 } else { 0 };
    if high.is_zero() {
        out.push(low | sign);
    } else {
        out.push(low | sign | 0x80);
        put_n(out, &high);
    }
}

// Not in `bin/`: Cargo takes that folder for programs.
#[cfg(test)]
#[path = "bin_tests.rs"]
mod tests;
