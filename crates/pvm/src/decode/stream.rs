//! The bytes of a kernel, read one by one.

use super::state::Size;
use crate::lazy::{ByteVector, VectorError};
use crate::state::StateError;
use bytes::Bytes;

/// Why a kernel cannot be read on.
#[derive(Debug)]
pub(crate) enum DecodeFault {
    /// The kernel is no good; the machine's own words.
    Refused(String),
    /// The state cannot be read.
    State(StateError),
}

pub(crate) type Result<T> = std::result::Result<T, DecodeFault>;

impl From<StateError> for DecodeFault {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<VectorError> for DecodeFault {
    // No kernel leads there: only a state that no machine has written.
    fn from(error: VectorError) -> Self {
        Self::State(match error {
            VectorError::State(error) => error,
            VectorError::Bounds => StateError::malformed(&["value"], "an index beyond the end of a vector"),
            VectorError::NoEntry => StateError::malformed(&["value"], "a vector without an entry"),
        })
    }
}

pub(crate) fn refuse<T>(reason: impl Into<String>) -> Result<T> {
    Err(DecodeFault::Refused(reason.into()))
}

pub(crate) fn no_step<T>(step: &'static str) -> Result<T> {
    Err(DecodeFault::State(StateError::malformed(&["value"], format!("no step follows ({step})"))))
}

pub(crate) fn require(holds: bool, reason: &str) -> Result<()> {
    if holds { Ok(()) } else { refuse(reason) }
}

const END: &str = "unexpected end of section or function";
const CHUNK: i64 = 512;

/// A kernel and a place in it. The chunk that is being read is kept.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    bytes: ByteVector,
    len: i64,
    pub(crate) pos: i64,
    chunk: Option<(i64, Bytes)>,
}

impl Stream {
    pub(crate) fn new(bytes: ByteVector) -> std::result::Result<Self, StateError> {
        // Larger kernels do not exist: positions are int31.
        let len = i64::try_from(bytes.length()?).unwrap_or(i64::MAX);
        Ok(Self { bytes, len, pos: 0, chunk: None })
    }

    /// Goes to a place that a state names.
    pub(crate) fn go_to(&mut self, pos: i32) -> std::result::Result<(), StateError> {
        let pos = i64::from(pos);
        if pos < 0 || pos > self.len {
            return Err(StateError::malformed(&["stream_pos"], format!("byte {pos} of {}", self.len)));
        }
        self.pos = pos;
        Ok(())
    }

    pub(crate) fn at_end(&self) -> bool {
        self.pos == self.len
    }

    pub(crate) fn peek(&mut self) -> Result<Option<u8>> {
        if self.at_end() { Ok(None) } else { self.load(self.pos).map(Some) }
    }

    fn load(&mut self, at: i64) -> Result<u8> {
        let (index, inside) = (at / CHUNK, (at % CHUNK) as usize);
        match &self.chunk {
            Some((kept, chunk)) if *kept == index => Ok(chunk[inside]),
            _ => {
                let start = (index * CHUNK) as u64;
                let chunk: Bytes = self.bytes.read(start, start + CHUNK as u64)?.into();
                let byte = chunk[inside];
                self.chunk = Some((index, chunk));
                Ok(byte)
            }
        }
    }

    fn check(&self, count: i64) -> Result<()> {
        require(self.pos.checked_add(count).is_some_and(|end| end <= self.len), END)
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        self.check(1)?;
        let byte = self.load(self.pos)?;
        self.pos += 1;
        Ok(byte)
    }

    /// Goes over so many bytes.
    pub(crate) fn skip(&mut self, count: i64) -> Result<()> {
        require(count >= 0, END)?;
        self.check(count)?;
        self.pos += count;
        Ok(())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.check(N as i64)?;
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    pub(crate) fn expect(&mut self, byte: u8, reason: &str) -> Result<()> {
        let found = self.byte()?;
        require(found == byte, reason)
    }

    pub(crate) fn end(&mut self) -> Result<()> {
        self.expect(0x0b, "END opcode expected")
    }

    pub(crate) fn zero(&mut self) -> Result<()> {
        self.expect(0, "zero byte expected")
    }

    /// A little-endian word.
    pub(crate) fn word(&mut self) -> Result<u32> {
        let mut word = [0; 4];
        for byte in &mut word {
            *byte = self.byte()?;
        }
        Ok(u32::from_le_bytes(word))
    }

    fn unsigned(&mut self, bits: i32) -> Result<u64> {
        let (mut value, mut shift, mut left) = (0, 0, bits);
        loop {
            require(left > 0, "integer representation too long")?;
            let byte = self.byte()?;
            let payload = u64::from(byte & 0x7f);
            require(left >= 7 || payload < 1 << left, "integer too large")?;
            value |= payload << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
            left -= 7;
        }
    }

    pub(crate) fn signed(&mut self, bits: i32) -> Result<i64> {
        let (mut value, mut shift, mut left) = (0, 0, bits);
        loop {
            require(left > 0, "integer representation too long")?;
            let byte = self.byte()?;
            if left < 7 {
                let mask = (0x7f_u32 << (left - 1)) as u8 & 0x7f;
                require(byte & mask == 0 || byte & mask == mask, "integer too large")?;
            }
            value |= i64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0 && shift < 64;
                return Ok(if negative { value | (-1 << shift) } else { value });
            }
            left -= 7;
        }
    }

    /// An unsigned number of 32 bits, as the int32 of the same bits.
    pub(crate) fn var(&mut self) -> Result<i32> {
        Ok(self.unsigned(32)? as u32 as i32)
    }

    pub(crate) fn flag(&mut self) -> Result<bool> {
        Ok(self.unsigned(1)? == 1)
    }

    /// A number of bytes or elements: never more than the bytes that are left before it.
    pub(crate) fn length(&mut self) -> Result<i32> {
        let start = self.pos;
        let n = self.unsigned(32)? as u32;
        require(i64::from(n) <= self.len - start, "length out of bounds")?;
        Ok(n as i32)
    }

    /// A size, and where what has it starts.
    pub(crate) fn size(&mut self) -> Result<Size> {
        let size = self.length()?;
        Ok(Size { size, start: self.pos32() })
    }

    pub(crate) fn check_size(&self, size: &Size) -> Result<()> {
        require(self.pos == i64::from(size.start) + i64::from(size.size), "section size mismatch")
    }

    pub(crate) fn pos32(&self) -> i32 {
        self.pos as i32
    }

    /// The bytes of one character.
    pub(crate) fn character(&mut self) -> Result<Vec<u8>> {
        match self.utf8()? {
            Some(bytes) => Ok(bytes),
            None => refuse("malformed UTF-8 encoding"),
        }
    }

    fn utf8(&mut self) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::with_capacity(4);
        let Some(first) = self.utf8_byte()? else { return Ok(None) };
        bytes.push(first);
        let (more, least, mut code) = match first {
            0..=0x7f => return Ok(Some(bytes)),
            0x80..=0xbf => return Ok(None),
            0xc0..=0xdf => (1, 0x80, u32::from(first & 0x1f)),
            0xe0..=0xef => (2, 0x800, u32::from(first & 0x0f)),
            // The fourth byte is read before five-byte forms are refused.
            _ => (3, 0x1_0000, u32::from(first & 0x07)),
        };
        for _ in 0..more {
            let Some(byte) = self.utf8_byte()? else { return Ok(None) };
            bytes.push(byte);
        }
        if first >= 0xf8 || bytes[1..].iter().any(|byte| byte & 0xc0 != 0x80) {
            return Ok(None);
        }
        for byte in &bytes[1..] {
            code = code << 6 | u32::from(byte & 0x3f);
        }
        let good = code >= least && char::from_u32(code).is_some();
        Ok(good.then_some(bytes))
    }

    fn utf8_byte(&mut self) -> Result<Option<u8>> {
        if self.at_end() { Ok(None) } else { self.byte().map(Some) }
    }
}
