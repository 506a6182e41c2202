//! The few forms of Micheline that the kernels read and write.

use crate::Contract;

/// Tags of nodes, and the primitives behind them.
mod tag {
    pub(super) const INT: u8 = 0;
    pub(super) const BYTES: u8 = 10;
    pub(super) const UNIT: [u8; 2] = [3, 11];
    pub(super) const PAIR: [u8; 2] = [7, 7];
}

/// Reads an expression from its beginning on; nothing where it has another form.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// `Pair`, before its two arguments.
    pub fn pair(&mut self) -> Option<()> {
        self.skip(&tag::PAIR)
    }

    /// `Unit`.
    pub fn unit(&mut self) -> Option<()> {
        self.skip(&tag::UNIT)
    }

    /// Bytes: also addresses, keys and hashes of keys.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        self.skip(&[tag::BYTES])?;
        let (length, rest) = self.0.split_first_chunk()?;
        let (bytes, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The address of a contract, which says no entrypoint.
    pub fn contract(&mut self) -> Option<Contract> {
        match self.bytes()? {
            [1, hash @ .., 0] => hash.try_into().ok(),
            _ => None,
        }
    }

    /// A number from 0 on; `u64::MAX` stands for all that are larger.
    pub fn nat(&mut self) -> Option<u64> {
        self.skip(&[tag::INT])?;
        let (mut number, mut shift) = (0_u128, 0_u32);
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            // The first byte has a sign.
            let (bits, width) = if shift == 0 { (byte & 0x3f, 6) } else { (byte & 0x7f, 7) };
            if shift == 0 && byte & 0x40 != 0 {
                return None;
            }
            if bits != 0 {
                number = if shift > 64 { u128::MAX } else { number | u128::from(bits) << shift };
            }
            shift = shift.saturating_add(width);
            if byte & 0x80 == 0 {
                return Some(u64::try_from(number).unwrap_or(u64::MAX));
            }
        }
    }

    /// The end.
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn skip(&mut self, bytes: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(bytes)?;
        Some(())
    }
}

/// Writes to the beginning of a buffer.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    /// Nothing is written yet.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// `Pair`, before its two arguments.
    pub fn pair(&mut self) -> &mut Self {
        self.raw(&tag::PAIR)
    }

    /// `Unit`.
    pub fn unit(&mut self) -> &mut Self {
        self.raw(&tag::UNIT)
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.raw(&[tag::BYTES]).raw(&(bytes.len() as u32).to_be_bytes()).raw(bytes)
    }

    /// The address of a contract.
    pub fn contract(&mut self, contract: &Contract) -> &mut Self {
        self.raw(&[tag::BYTES]).raw(&22_u32.to_be_bytes()).raw(&[1]).raw(contract).raw(&[0])
    }

    /// A number.
    pub fn int(&mut self, number: i128) -> &mut Self {
        let mut rest = number.unsigned_abs();
        let sign = if number < 0 { 0x40 } else { 0 };
        let more = |rest| if rest > 0 { 0x80 } else { 0 };
        let first = (rest & 0x3f) as u8 | sign;
        rest >>= 6;
        self.raw(&[tag::INT, first | more(rest)]);
        while rest > 0 {
            let next = (rest & 0x7f) as u8;
            rest >>= 7;
            self.raw(&[next | more(rest)]);
        }
        self
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        if let Some(place) = self.buffer.get_mut(self.length..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
        self.length += bytes.len();
        self
    }

    /// Where the next byte goes.
    pub fn position(&self) -> usize {
        self.length
    }

    /// Writes over what is at a position.
    pub fn put(&mut self, position: usize, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(position..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
    }

    /// What was written; nothing if it did not fit.
    pub fn finish(self) -> Option<&'a [u8]> {
        self.buffer.get(..self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: i128) -> Vec<u8> {
        let mut buffer = [0; 32];
        let mut writer = Writer::new(&mut buffer);
        writer.int(number);
        writer.finish().unwrap().to_vec()
    }

    #[test]
    fn numbers_have_a_sign_in_their_first_byte() {
        for (number, bytes) in [
            (0, &[0, 0][..]),
            (1, &[0, 1]),
            (-1, &[0, 0x41]),
            (63, &[0, 0x3f]),
            (64, &[0, 0x80, 1]),
            (-64, &[0, 0xc0, 1]),
            (500, &[0, 0xb4, 7]),
        ] {
            assert_eq!(written(number), bytes, "{number}");
        }
        for number in [0, 63, 64, 1 << 13, u64::MAX - 1, u64::MAX] {
            let bytes = written(number.into());
            let mut reader = Reader(&bytes);
            assert_eq!((reader.nat(), reader.end()), (Some(number), Some(())));
        }
        for large in [1 << 64, i128::MAX] {
            assert_eq!(Reader(&written(large)).nat(), Some(u64::MAX));
        }
        // 2^(6 + 7 × 200), and a number that does not end.
        let huge = [&[0, 0x80][..], &[0x80; 200], &[1]].concat();
        assert_eq!(Reader(&huge).nat(), Some(u64::MAX));
        assert_eq!(Reader(&huge[..50]).nat(), None);
        assert_eq!(Reader(&written(-5)).nat(), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer);
        writer.pair().contract(&[7; 20]).pair().unit().bytes(b"abc");
        let bytes = writer.finish().unwrap().to_vec();
        let mut reader = Reader(&bytes);
        reader.pair().unwrap();
        assert_eq!(reader.contract(), Some([7; 20]));
        reader.pair().unwrap();
        reader.unit().unwrap();
        assert_eq!(reader.bytes(), Some(&b"abc"[..]));
        assert_eq!(reader.end(), Some(()));
        for length in 0..bytes.len() {
            let mut reader = Reader(&bytes[..length]);
            let read = || {
                reader.pair()?;
                reader.contract()?;
                reader.pair()?;
                reader.unit()?;
                reader.bytes()
            };
            assert_eq!({ read }(), None, "{length}");
        }
        let mut small = [0; 10];
        let mut writer = Writer::new(&mut small);
        writer.contract(&[7; 20]).unit();
        assert_eq!(writer.finish(), None);
    }
}
