//! Bytes in chunks of 512: `length`, `contents/<chunk>`.

use super::require_leaf;
use crate::state::StateError;
use bytes::Bytes;
use soru_merkle::Tree;

const CHUNK: usize = 512;

/// A value in chunks, as a subtree: only the chunks that are touched are read. A missing chunk is all zeros.
#[derive(Debug, Clone)]
pub struct ByteVector(Tree);

impl ByteVector {
    /// So many zeros, for which no chunk is written.
    pub fn zeros(len: u64) -> Result<Self, StateError> {
        let mut value = Self(Tree::empty());
        value.set_len(len)?;
        Ok(value)
    }

    /// Those bytes.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut value = Self::zeros(bytes.len() as u64)?;
        for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
            let mut padded = vec![0; CHUNK];
            padded[..chunk.len()].copy_from_slice(chunk);
            value.set_chunk(index as u64, padded)?;
        }
        Ok(value)
    }

    /// The value that a subtree holds.
    pub fn of_tree(tree: Tree) -> Self {
        Self(tree)
    }

    /// Its subtree.
    pub fn tree(&self) -> &Tree {
        &self.0
    }

    /// Length in bytes.
    pub fn length(&self) -> Result<u64, StateError> {
        let len = require_leaf(&self.0, &["length"], |r| r.i64("length"))?;
        u64::try_from(len).map_err(|_| StateError::malformed(&["length"], format!("{len} bytes")))
    }

    /// Bytes from `start` up to `end`, both inside of the value. The caller bounds the number.
    pub fn read(&self, start: u64, end: u64) -> Result<Vec<u8>, StateError> {
        let mut out = Vec::with_capacity((end - start) as usize);
        let mut at = start;
        while at < end {
            let from = (at % CHUNK as u64) as usize;
            let to = CHUNK.min(from + (end - at) as usize);
            match self.chunk(at / CHUNK as u64)? {
                Some(chunk) => out.extend_from_slice(&chunk[from..to]),
                None => out.resize(out.len() + to - from, 0),
            }
            at += (to - from) as u64;
        }
        Ok(out)
    }

    /// The whole value, of at most `max` bytes.
    pub fn read_all(&self, max: u64) -> Result<Vec<u8>, StateError> {
        let len = self.length()?;
        if len > max {
            return Err(StateError::malformed(
                &["length"],
                format!("{len} bytes are more than the limit of {max}"),
            ));
        }
        self.read(0, len)
    }

    /// Writes `bytes` from `start` on, which is at most the length; the value grows as needed.
    pub fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), StateError> {
        let end = start + bytes.len() as u64;
        let len = self.length()?.max(end);
        let mut at = start;
        while at < end {
            let from = (at % CHUNK as u64) as usize;
            let to = CHUNK.min(from + (end - at) as usize);
            let done = (at - start) as usize;
            let index = at / CHUNK as u64;
            // What is overwritten as a whole is read all the same: a step's proof holds it.
            let mut chunk = self.chunk(index)?.map_or_else(|| vec![0; CHUNK], |c| c.to_vec());
            chunk[from..to].copy_from_slice(&bytes[done..done + to - from]);
            self.set_chunk(index, chunk)?;
            at += (to - from) as u64;
        }
        self.set_len(len)
    }

    // Short chunks are padded, long ones cut.
    fn chunk(&self, index: u64) -> Result<Option<Bytes>, StateError> {
        let Some(chunk) = self.0.find(&["contents", &index.to_string()])? else { return Ok(None) };
        Ok(Some(match chunk.len() {
            CHUNK => chunk,
            _ => {
                let mut padded = chunk.to_vec();
                padded.resize(CHUNK, 0);
                padded.into()
            }
        }))
    }

    fn set_chunk(&mut self, index: u64, chunk: Vec<u8>) -> Result<(), StateError> {
        Ok(self.0.insert(&["contents", &index.to_string()], chunk)?)
    }

    fn set_len(&mut self, len: u64) -> Result<(), StateError> {
        let len =
            i64::try_from(len).map_err(|_| StateError::malformed(&["length"], format!("{len} bytes")))?;
        Ok(self.0.insert(&["length"], len.to_be_bytes().to_vec())?)
    }
}
