//! Bytes in chunks of 512 that are read and written one by one: a kernel's memory, its data segments.

use super::node::{Node, read_at, write_at};
use crate::state::StateError;
use soru_merkle::Tree;

const SIZE: usize = 512;
const PER_PAGE: usize = 128;
/// Addresses have 32 bits, and so have offsets to them.
const PAGES_MAX: usize = 1 << 17;

type Chunk = [u8; SIZE];

/// Bytes in chunks: `length`, `contents/<chunk>`. A missing chunk is all zeros.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    length: i64,
    // What was written last.
    origin: Option<Tree>,
    // By chunk, as far as they were looked at; those with a number in `changed` differ from the subtree.
    pages: Vec<Option<Box<Page>>>,
    changed: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Page {
    chunks: [Option<Box<Chunk>>; PER_PAGE],
    is_changed: [bool; PER_PAGE],
}

impl Page {
    fn empty() -> Box<Self> {
        Box::new(Self { chunks: [const { None }; PER_PAGE], is_changed: [false; PER_PAGE] })
    }
}

/// An address outside of the bytes.
#[derive(Debug)]
pub(crate) enum ChunksError {
    Bounds,
    State(StateError),
}

impl From<StateError> for ChunksError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl Chunks {
    /// So many zeros, for which no chunk is written; none if that is negative.
    pub(crate) fn zeros(length: i64) -> Self {
        Self { length, origin: None, pages: Vec::new(), changed: Vec::new() }
    }

    /// So many bytes, with the subtree of the chunks that were written.
    pub(crate) fn with_contents(length: i64, contents: Option<Tree>) -> Self {
        Self { origin: contents, ..Self::zeros(length) }
    }

    /// The subtree of the chunks, as it was read or written last.
    pub(crate) fn contents(&self) -> Option<&Tree> {
        self.origin.as_ref()
    }

    pub(crate) fn length(&self) -> i64 {
        self.length
    }

    /// The chunks that were looked at or written since these bytes were made or read.
    pub(crate) fn present(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.pages.iter().enumerate().filter_map(|(number, page)| Some((number, page.as_ref()?))).flat_map(
            |(number, page)| {
                let chunks = page.chunks.iter().enumerate();
                chunks.filter_map(move |(at, chunk)| {
                    let chunk = chunk.as_ref().filter(|_| page.is_changed[at])?;
                    Some((number * PER_PAGE + at, chunk.as_slice()))
                })
            },
        )
    }

    /// Adds zeros at the end.
    pub(crate) fn grow(&mut self, by: i64) {
        if by > 0 {
            self.length = self.length.wrapping_add(by);
        }
    }

    fn place(&self, address: i64) -> Result<(usize, usize), ChunksError> {
        if address < 0 || address >= self.length {
            return Err(ChunksError::Bounds);
        }
        Ok((address as usize / SIZE, address as usize % SIZE))
    }

    fn chunk(&mut self, index: usize) -> Result<&mut Box<Chunk>, StateError> {
        let (page, at) = (index / PER_PAGE, index % PER_PAGE);
        if page > PAGES_MAX {
            return Err(StateError::malformed(&["contents"], format!("chunk {index}")));
        }
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let slot = &mut self.pages[page].get_or_insert_with(Page::empty).chunks[at];
        if slot.is_none() {
            let mut chunk = Box::new([0; SIZE]);
            if let Some(origin) = &self.origin
                && let Some(bytes) = origin.find(&[index.to_string()])?
            {
                let len = bytes.len().min(SIZE);
                chunk[..len].copy_from_slice(&bytes[..len]);
            }
            return Ok(slot.insert(chunk));
        }
        // It was just seen to be there.
        Ok(slot.get_or_insert_with(|| Box::new([0; SIZE])))
    }

    fn chunk_mut(&mut self, index: usize) -> Result<&mut Box<Chunk>, StateError> {
        self.chunk(index)?;
        let (page, at) = (index / PER_PAGE, index % PER_PAGE);
        let page = self.pages[page].get_or_insert_with(Page::empty);
        if !page.is_changed[at] {
            page.is_changed[at] = true;
            self.changed.push(index);
        }
        Ok(page.chunks[at].get_or_insert_with(|| Box::new([0; SIZE])))
    }

    pub(crate) fn load_byte(&mut self, address: i64) -> Result<u8, ChunksError> {
        let (chunk, at) = self.place(address)?;
        Ok(self.chunk(chunk)?[at])
    }

    pub(crate) fn store_byte(&mut self, address: i64, byte: u8) -> Result<(), ChunksError> {
        let (chunk, at) = self.place(address)?;
        self.chunk_mut(chunk)?[at] = byte;
        Ok(())
    }

    /// Writes a byte inside of the value; false outside of it.
    pub(crate) fn store_if_inside(&mut self, address: i64, byte: u8) -> Result<bool, StateError> {
        match self.store_byte(address, byte) {
            Ok(()) => Ok(true),
            Err(ChunksError::Bounds) => Ok(false),
            Err(ChunksError::State(error)) => Err(error),
        }
    }

    /// Fills `out` from an address on, byte by byte from the first to the last: those before the end are read even if
    /// not all are there.
    pub(crate) fn load(&mut self, address: i64, out: &mut [u8]) -> Result<(), ChunksError> {
        let mut done = 0;
        while done < out.len() {
            let (chunk, at) = self.place(address.wrapping_add(done as i64))?;
            let room = usize::try_from(self.length - address - done as i64).unwrap_or(0);
            let count = (SIZE - at).min(out.len() - done).min(room);
            let chunk = self.chunk(chunk)?;
            out[done..done + count].copy_from_slice(&chunk[at..at + count]);
            done += count;
        }
        Ok(())
    }

    /// Reads the part of these bytes that is inside, for a proof to hold it: nobody asks what it is.
    pub(crate) fn touch(&self, address: i64, count: i64) -> Result<(), StateError> {
        let (start, end) = (address.max(0), address.saturating_add(count).min(self.length));
        let Some(origin) = self.origin.as_ref().filter(|_| start < end) else { return Ok(()) };
        for index in start as usize / SIZE..=(end - 1) as usize / SIZE {
            let page = self.pages.get(index / PER_PAGE).and_then(Option::as_ref);
            if page.is_none_or(|page| page.chunks[index % PER_PAGE].is_none()) {
                origin.find(&[index.to_string()])?;
            }
        }
        Ok(())
    }

    /// Writes bytes from an address on, from the first to the last: those before the end are written even if not all
    /// are.
    pub(crate) fn store(&mut self, address: i64, bytes: &[u8]) -> Result<(), ChunksError> {
        let mut done = 0;
        while done < bytes.len() {
            let (chunk, at) = self.place(address.wrapping_add(done as i64))?;
            let room = usize::try_from(self.length - address - done as i64).unwrap_or(0);
            let count = (SIZE - at).min(bytes.len() - done).min(room);
            let chunk = self.chunk_mut(chunk)?;
            chunk[at..at + count].copy_from_slice(&bytes[done..done + count]);
            done += count;
        }
        Ok(())
    }
}

impl Node for Chunks {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        let length = read_at(tree, &["length"])?;
        let origin = tree.find_tree(&["contents"])?;
        Ok(Self { length, origin, pages: Vec::new(), changed: Vec::new() })
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        write_at(&mut self.length, dir, &["length"])?;
        if !self.changed.is_empty() {
            let contents = self.origin.get_or_insert_default();
            for index in self.changed.drain(..) {
                let (page, at) = (index / PER_PAGE, index % PER_PAGE);
                let Some(page) = &mut self.pages[page] else { continue };
                page.is_changed[at] = false;
                if let Some(chunk) = &page.chunks[at] {
                    contents.insert(&[index.to_string()], chunk.to_vec())?;
                }
            }
        }
        match &self.origin {
            Some(contents) => Ok(dir.insert_tree(&["contents"], contents.clone())?),
            None => Ok(()),
        }
    }
}
