//! Bytes of a kernel, read from the front.

use super::DecodeError;

/// Longest name that the machine takes, in bytes.
const NAME_MAX: usize = 512;
/// What the machine says of bytes that are not there.
pub(super) const END: &str = "unexpected end of section or function";

pub(super) type Result<T> = std::result::Result<T, DecodeError>;

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    pub(super) fn at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    pub(super) fn fail<T>(&self, offset: usize, reason: impl Into<String>) -> Result<T> {
        Err(DecodeError { reason: reason.into(), offset, function: None })
    }

    /// Fails at the byte before the current one.
    pub(super) fn fail_back<T>(&self, reason: impl Into<String>) -> Result<T> {
        self.fail(self.position.saturating_sub(1), reason)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        match self.peek() {
            Some(byte) => {
                self.position += 1;
                Ok(byte)
            }
            None => self.fail(self.bytes.len(), END),
        }
    }

    pub(super) fn expect(&mut self, byte: u8, reason: &str) -> Result<()> {
        if self.byte()? == byte { Ok(()) } else { self.fail_back(reason) }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.position.checked_add(count);
        match end.and_then(|end| self.bytes.get(self.position..end)) {
            Some(bytes) => {
                self.position += count;
                Ok(bytes)
            }
            None => self.fail(self.bytes.len(), END),
        }
    }

    /// LEB128, unsigned, of a number of at most `bits` bits.
    fn unsigned(&mut self, bits: u32) -> Result<u64> {
        let (mut value, mut shift, mut left) = (0, 0, bits);
        loop {
            if left == 0 {
                return self.fail(self.position, "integer representation too long");
            }
            let byte = self.byte()?;
            let payload = u64::from(byte & 0x7f);
            if left < 7 && payload >= 1 << left {
                return self.fail_back("integer too large");
            }
            value |= payload << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
            left = left.saturating_sub(7);
        }
    }

    /// LEB128, signed, of a number of at most `bits` bits.
    pub(super) fn signed(&mut self, bits: u32) -> Result<i64> {
        let (mut value, mut shift, mut left) = (0, 0, bits);
        loop {
            if left == 0 {
                return self.fail(self.position, "integer representation too long");
            }
            let byte = self.byte()?;
            if left < 7 {
                let mask = (0x7f << (left - 1)) & 0x7f;
                if byte & mask != 0 && byte & mask != mask {
                    return self.fail_back("integer too large");
                }
            }
            value |= i64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0 && shift < i64::BITS;
                return Ok(if negative { value | (-1 << shift) } else { value });
            }
            left = left.saturating_sub(7);
        }
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        let value = self.unsigned(32)?;
        Ok(u32::try_from(value).expect("32 bits were asked for"))
    }

    pub(super) fn bool(&mut self) -> Result<bool> {
        Ok(self.unsigned(1)? == 1)
    }

    pub(super) fn s7(&mut self) -> Result<i64> {
        self.signed(7)
    }

    /// A number of bytes or elements: never more than the bytes that are left.
    pub(super) fn length(&mut self) -> Result<usize> {
        let start = self.position;
        let length = self.u32()? as usize;
        if length <= self.bytes.len() - start { Ok(length) } else { self.fail(start, "length out of bounds") }
    }

    pub(super) fn name(&mut self) -> Result<&'a str> {
        let start = self.position;
        let length = self.length()?;
        if length > NAME_MAX {
            return self.fail(start, "Names cannot exceed 512 bytes");
        }
        self.text(start, length)
    }

    /// The machine reads character by character: one that is not there is as malformed as one that is cut.
    fn text(&mut self, start: usize, length: usize) -> Result<&'a str> {
        let bytes = self.take(length).ok().and_then(|bytes| std::str::from_utf8(bytes).ok());
        bytes.map_or_else(|| self.fail(start, "malformed UTF-8 encoding"), Ok)
    }

    /// The name of a custom section, of which nothing is kept: one that is too long is not even read.
    pub(super) fn unused_name(&mut self) -> Result<()> {
        let start = self.position;
        let length = self.length()?;
        if length > NAME_MAX {
            return Ok(());
        }
        self.text(start, length).map(drop)
    }

    /// The place where a sized thing ends.
    pub(super) fn size(&mut self) -> Result<Extent> {
        let size = self.length()?;
        Ok(Extent { start: self.position, size })
    }

    pub(super) fn check_size(&self, extent: &Extent) -> Result<()> {
        if self.position == extent.start + extent.size {
            Ok(())
        } else {
            self.fail(extent.start, "section size mismatch")
        }
    }
}

/// Where something that says its own size starts, and its size.
pub(super) struct Extent {
    start: usize,
    size: usize,
}
