//! The memory of a kernel, and copies of it that share what is the same.

use soru_merkle::Leaves;
use soru_pvm::host::{Memory, OutOfMemory};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: usize = 1 << 16;
/// The machine keeps a memory in chunks of so many bytes, and only those that were written.
const CHUNK_BITS: u32 = 9;
const CHUNK: usize = 1 << CHUNK_BITS;
/// Copies share parts of so many chunks. Small ones, so that a run that writes here and there copies little.
const PART_CHUNKS: usize = 8;
const PART: usize = PART_CHUNKS * CHUNK;

/// Marks of a chunk: it differs from the last copy, the run has written it, the instance has it from the beginning.
const CHANGED: u8 = 1;
const WRITTEN: u8 = 2;
const GIVEN: u8 = 4;

/// Bytes, and which chunks of them were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes {
    bytes: Vec<u8>,
    marks: Vec<u8>,
    /// As of the last copy.
    parts: Vec<Part>,
}

/// A copy of a memory. Parts that have not changed in between are shared with the copies before and after.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pages: u32,
    parts: Vec<Part>,
    /// Bytes of the parts that the copy before did not have.
    fresh: usize,
}

/// Some chunks of a memory.
#[derive(Debug, Clone, Default)]
struct Part {
    /// Tells apart all parts that there ever were. None of no bytes.
    number: u64,
    /// Which chunks the run has written, by bits.
    written: u8,
    /// Which others the instance has from the beginning.
    given: u8,
    /// The bytes; nothing if there is no such chunk.
    bytes: Option<Arc<[u8]>>,
}

/// What a copy was, without its bytes: enough to know what another one has that differs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    /// The number of each part, and which chunks it has.
    parts: Vec<(u64, u8)>,
}

impl Bytes {
    pub(crate) fn new(pages: u32) -> Self {
        let len = pages as usize * PAGE;
        Self { bytes: vec![0; len], marks: vec![0; len >> CHUNK_BITS], parts: Vec::new() }
    }

    pub(crate) fn pages(&self) -> u32 {
        (self.bytes.len() / PAGE) as u32
    }

    /// Puts what the instance has from the beginning.
    pub(crate) fn put(&mut self, chunk: u32, bytes: &[u8]) {
        let start = (chunk as usize) << CHUNK_BITS;
        if let Some(place) = self.bytes.get_mut(start..start + bytes.len()) {
            place.copy_from_slice(bytes);
            self.marks[start >> CHUNK_BITS] = GIVEN | CHANGED;
        }
    }

    /// Adds pages.
    pub(crate) fn grow(&mut self, pages: u32) {
        let more = pages as usize * PAGE;
        let len = self.bytes.len() + more;
        if more > self.bytes.len() {
            // Zeros that nobody has touched take no room.
            let mut bytes = vec![0; len];
            bytes[..self.bytes.len()].copy_from_slice(&self.bytes);
            self.bytes = bytes;
        } else {
            self.bytes.resize(len, 0);
        }
        self.marks.resize(len >> CHUNK_BITS, 0);
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
        self.marks[start >> CHUNK_BITS] = WRITTEN | CHANGED;
        self.marks[(start + N - 1) >> CHUNK_BITS] = WRITTEN | CHANGED;
        Some(())
    }

    fn mark(&mut self, start: usize, len: usize) {
        if len > 0 {
            self.marks[start >> CHUNK_BITS..=(start + len - 1) >> CHUNK_BITS].fill(WRITTEN | CHANGED);
        }
    }

    #[cfg(test)]
    fn has(&self, start: u32, len: u32) -> bool {
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

    /// The chunks that the run has written.
    pub(crate) fn written(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let chunks = (0..).zip(self.bytes.chunks_exact(CHUNK)).zip(&self.marks);
        chunks.filter(|(_, mark)| **mark & WRITTEN != 0).map(|(chunk, _)| chunk)
    }

    /// A copy. It costs what has changed since the last one.
    pub(crate) fn snapshot(&mut self) -> Snapshot {
        self.parts.resize_with(self.bytes.len().div_ceil(PART), Part::default);
        let parts =
            self.parts.iter_mut().zip(self.marks.chunks_mut(PART_CHUNKS)).zip(self.bytes.chunks(PART));
        let mut fresh = 0;
        for ((part, marks), bytes) in parts {
            if marks.iter().all(|mark| mark & CHANGED == 0) {
                continue;
            }
            *part = Part::new(bytes);
            fresh += bytes.len();
            for (bit, mark) in marks.iter_mut().enumerate() {
                *mark &= !CHANGED;
                part.written |= u8::from(*mark == WRITTEN) << bit;
                part.given |= u8::from(*mark == GIVEN) << bit;
            }
        }
        Snapshot { pages: self.pages(), parts: self.parts.clone(), fresh }
    }

    /// The memory of a copy. Copies of it share what does not change with that one.
    pub(crate) fn restore(snapshot: &Snapshot) -> Self {
        let mut memory = Self::new(snapshot.pages);
        let parts = memory.bytes.chunks_mut(PART).zip(memory.marks.chunks_mut(PART_CHUNKS));
        for (part, (bytes, marks)) in snapshot.parts.iter().zip(parts) {
            let Some(kept) = &part.bytes else { continue };
            bytes.copy_from_slice(kept);
            for (bit, mark) in marks.iter_mut().enumerate() {
                let is = |bits: u8| bits >> bit & 1;
                *mark = (is(part.written) * WRITTEN) | (is(part.given) * GIVEN);
            }
        }
        memory.parts = snapshot.parts.clone();
        memory
    }
}

impl Part {
    fn new(bytes: &[u8]) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), bytes: Some(bytes.into()), ..Self::default() }
    }

    fn present(&self) -> u8 {
        self.written | self.given
    }

    fn chunk(&self, bit: usize) -> Option<&[u8]> {
        let bytes = self.bytes.as_ref().filter(|_| self.present() >> bit & 1 == 1)?;
        bytes.get(bit * CHUNK..(bit + 1) * CHUNK)
    }
}

impl Snapshot {
    pub(crate) fn pages(&self) -> u32 {
        self.pages
    }

    /// Bytes that the copy before it did not share.
    pub(crate) fn fresh(&self) -> usize {
        self.fresh
    }

    /// Bytes that it holds and another one does not.
    pub(crate) fn bytes_beside(&self, other: &Self) -> usize {
        let is_own = |(index, part): &(usize, &Part)| {
            part.bytes.is_some() && other.parts.get(*index).is_none_or(|kept| kept.number != part.number)
        };
        self.parts.iter().enumerate().filter(is_own).count() * PART + self.parts.len() * size_of::<Part>()
    }
}

impl Outline {
    /// Becomes that of a copy, and goes through all chunks in which that may differ: their numbers, and what is in it, if
    /// anything was ever written there.
    pub(crate) fn go_to(&mut self, copy: &Snapshot, mut each: impl FnMut(u32, Option<&[u8]>)) {
        let none = Part::default();
        self.parts.resize(self.parts.len().max(copy.parts.len()), (0, 0));
        for (index, (number, present)) in self.parts.iter_mut().enumerate() {
            let part = copy.parts.get(index).unwrap_or(&none);
            if *number == part.number {
                continue;
            }
            for bit in 0..PART_CHUNKS {
                let chunk = part.chunk(bit);
                if chunk.is_some() || *present >> bit & 1 == 1 {
                    each((index * PART_CHUNKS + bit) as u32, chunk);
                }
            }
            (*number, *present) = (part.number, part.present());
        }
        self.parts.truncate(copy.parts.len());
    }
}

impl Leaves for Snapshot {
    fn leaf(&self, number: u32) -> Option<&[u8]> {
        let number = number as usize;
        self.parts.get(number / PART_CHUNKS)?.chunk(number % PART_CHUNKS)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// What is in the chunks, by number: those that the run has written, and those given.
    fn written(memory: &Bytes) -> BTreeMap<u32, Vec<u8>> {
        let chunks = (0..).zip(memory.bytes.chunks(CHUNK)).zip(&memory.marks);
        chunks.filter(|(_, mark)| **mark != 0).map(|((n, bytes), _)| (n, bytes.to_vec())).collect()
    }

    proptest! {
        /// Copies are what the memory was, whatever is done to it later, and their differences lead from one to the other.
        #[test]
        fn copies_and_their_differences(
            steps in proptest::collection::vec((0u8..5, 0u32..(3 << 16), 1u32..2000, any::<u8>()), 1..60),
            from in any::<proptest::sample::Index>(),
            to in any::<proptest::sample::Index>(),
        ) {
            let mut memory = Bytes::new(1);
            memory.put(3, &[7; CHUNK]);
            let mut copies = vec![(memory.snapshot(), memory.clone())];
            for (step, at, len, byte) in steps {
                match step {
                    0 if memory.pages() < 3 => memory.grow(1),
                    1 if memory.has(at, len) => memory.fill(at, len, byte),
                    2 => drop(memory.store(at, 5, [byte; 8])),
                    3 => {
                        let copy = memory.snapshot();
                        copies.push((copy, memory.clone()));
                    }
                    _ => {
                        let (copy, _) = &copies[byte as usize % copies.len()];
                        memory = Bytes::restore(copy);
                    }
                }
            }
            for (copy, then) in &copies {
                let again = Bytes::restore(copy);
                prop_assert_eq!((&again.bytes, written(&again)), (&then.bytes, written(then)));
                prop_assert!(again.written().eq(then.written()));
            }
            let ((from, before), (to, after)) = (from.get(&copies), to.get(&copies));
            let (mut outline, mut chunks) = (Outline::default(), BTreeMap::new());
            for (copy, then) in [(from, before), (to, after), (from, before)] {
                outline.go_to(copy, |chunk, bytes| {
                    match bytes {
                        Some(bytes) => chunks.insert(chunk, bytes.to_vec()),
                        None => chunks.remove(&chunk),
                    };
                });
                prop_assert_eq!(&chunks, &written(then));
            }
        }
    }

    #[test]
    fn copies_share_what_has_not_changed() {
        let mut memory = Bytes::new(16);
        memory.fill(0, 1 << 20, 1);
        let first = memory.snapshot();
        memory.store(70_000, 0, [2]).unwrap();
        let second = memory.snapshot();
        let beside = second.bytes_beside(&first);
        assert_eq!(beside, PART + first.parts.len() * size_of::<Part>());
        assert_eq!(second.fresh(), PART);
        let mut outline = Outline::default();
        outline.go_to(&first, |_, _| ());
        let mut changed = Vec::new();
        outline.go_to(&second, |chunk, _| changed.push(chunk));
        assert!(changed.contains(&(70_000 >> CHUNK_BITS)) && changed.len() == PART_CHUNKS, "{changed:?}");
    }
}
