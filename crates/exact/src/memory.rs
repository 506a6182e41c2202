//! The memory of a kernel.

use soru_pvm::host::{Memory, OutOfMemory};

const PAGE: usize = 1 << 16;
/// The machine keeps a memory in parts of so many bytes, and only those that were written.
const CHUNK_BITS: u32 = 9;

/// Bytes, and which parts were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes {
    bytes: Vec<u8>,
    written: Vec<u8>,
}

impl Bytes {
    pub(crate) fn new(pages: u32) -> Self {
        let len = pages as usize * PAGE;
        Self { bytes: vec![0; len], written: vec![0; len >> CHUNK_BITS] }
    }

    pub(crate) fn pages(&self) -> u32 {
        (self.bytes.len() / PAGE) as u32
    }

    /// Puts what the instance has from the beginning.
    pub(crate) fn put(&mut self, chunk: u32, bytes: &[u8]) {
        let start = (chunk as usize) << CHUNK_BITS;
        if let Some(place) = self.bytes.get_mut(start..start + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Adds pages.
    pub(crate) fn grow(&mut self, pages: u32) {
        let len = self.bytes.len() + pages as usize * PAGE;
        // Zeros that nobody has touched take no room.
        let mut bytes = vec![0; len];
        bytes[..self.bytes.len()].copy_from_slice(&self.bytes);
        self.bytes = bytes;
        self.written.resize(len >> CHUNK_BITS, 0);
    }

    #[inline(always)]
    pub(crate) fn load<const N: usize>(&self, at: u32, offset: u32) -> Option<[u8; N]> {
        let start = at as usize + offset as usize;
        self.bytes.get(start..start + N)?.first_chunk().copied()
    }

    #[inline(always)]
    pub(crate) fn store<const N: usize>(&mut self, at: u32, offset: u32, bytes: [u8; N]) -> Option<()> {
        let start = at as usize + offset as usize;
        self.bytes.get_mut(start..start + N)?.copy_from_slice(&bytes);
        self.written[start >> CHUNK_BITS] = 1;
        self.written[(start + N - 1) >> CHUNK_BITS] = 1;
        Some(())
    }

    fn mark(&mut self, start: usize, len: usize) {
        if len > 0 {
            self.written[start >> CHUNK_BITS..=(start + len - 1) >> CHUNK_BITS].fill(1);
        }
    }

    pub(crate) fn has(&self, start: u32, len: u32) -> bool {
        start as usize + len as usize <= self.bytes.len()
    }

    /// All of it is inside.
    pub(crate) fn fill(&mut self, start: u32, len: u32, byte: u8) {
        let start = start as usize;
        self.bytes[start..start + len as usize].fill(byte);
        self.mark(start, len as usize);
    }

    /// All of it is inside.
    pub(crate) fn copy(&mut self, to: u32, from: u32, len: u32) {
        let from = from as usize;
        self.bytes.copy_within(from..from + len as usize, to as usize);
        self.mark(to as usize, len as usize);
    }

    /// All of it is inside.
    pub(crate) fn write_all(&mut self, to: u32, bytes: &[u8]) {
        self.bytes[to as usize..to as usize + bytes.len()].copy_from_slice(bytes);
        self.mark(to as usize, bytes.len());
    }

    /// The parts that were written.
    pub(crate) fn written(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let chunks = (0..).zip(self.bytes.chunks_exact(1 << CHUNK_BITS)).zip(&self.written);
        chunks.filter(|(_, written)| **written != 0).map(|(chunk, _)| chunk)
    }
}

impl Memory for Bytes {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), OutOfMemory> {
        self.bytes.as_slice().read(address, out)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        self.bytes.as_mut_slice().write(address, bytes)?;
        self.mark(address as usize, bytes.len());
        Ok(())
    }
}
