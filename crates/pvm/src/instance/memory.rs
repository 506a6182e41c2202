//! Memories.

use crate::eval::Fault;
use crate::host::{Memory, OutOfMemory};
use crate::lazy::{Chunks, ChunksError, record};
use crate::numeric::vector::{VecLoadOp, Vector};
use crate::numeric::{LoadOp, Number, StoreOp};
use crate::wasm::types::Limits;

const PAGE: i64 = 0x10000;
const MAX_PAGES: u32 = 0x10000;
const TYPE: &str = "Tezos_webassembly_interpreter.Partial_memory.Type";

record! {
    /// A memory.
    MemoryInstance {
        // In pages.
        min: i32 = ["1", "min"],
        max: Option<i32> = ["2", "max"],
        chunks: Chunks = ["3", "chunks"],
    }
}

/// An access outside of the memory, or one that the state cannot answer.
pub(crate) enum AccessError {
    OutOfBounds,
    Fault(Fault),
}

impl From<ChunksError> for AccessError {
    fn from(error: ChunksError) -> Self {
        match error {
            ChunksError::Bounds => Self::OutOfBounds,
            ChunksError::State(error) => Self::Fault(error.into()),
        }
    }
}

type Access<T> = Result<T, AccessError>;

impl MemoryInstance {
    /// A memory of zeros.
    pub(crate) fn new(limits: Limits) -> Result<Self, Fault> {
        let Limits { min, max } = limits;
        if !limits.are_valid() {
            return Err(Fault::raised(TYPE));
        }
        Ok(Self { min, max, chunks: Chunks::zeros((i64::from(min) * PAGE).max(0)) })
    }

    /// Size in bytes.
    pub(crate) fn bound(&self) -> i64 {
        self.chunks.length()
    }

    /// The chunks that were written since the instance was made, by number.
    pub(crate) fn written(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.chunks.present()
    }

    /// Size in pages.
    pub(crate) fn size(&self) -> i32 {
        (self.bound() / PAGE) as i32
    }

    /// Adds pages and gives the size before, or −1 if there cannot be so many.
    pub(crate) fn grow(&mut self, delta: i32) -> Result<i32, Fault> {
        if self.min != self.size() {
            return Err(Fault::assertion("src/lib_webassembly/runtime/partial_memory.ml", 97, 2));
        }
        let before = self.min;
        let after = before.wrapping_add(delta);
        let limits = Limits { min: after, max: self.max };
        if before as u32 > after as u32 || after as u32 > MAX_PAGES || !limits.are_valid() {
            return Ok(-1);
        }
        self.min = after;
        self.chunks.grow(i64::from(delta) * PAGE);
        Ok(before)
    }

    fn address(at: i32, offset: i32) -> Access<i64> {
        let address = at.wrapping_add(offset);
        if (address as u32) < at as u32 {
            Err(AccessError::OutOfBounds)
        } else {
            Ok(i64::from(address as u32))
        }
    }

    // Numbers are read from the last byte to the first: if not all are there, none is read.
    fn load_number<'a>(&mut self, at: i32, offset: i32, out: &'a mut [u8]) -> Access<&'a [u8]> {
        let address = Self::address(at, offset)?;
        if address + out.len() as i64 > self.bound() {
            return Err(AccessError::OutOfBounds);
        }
        self.chunks.load(address, out)?;
        Ok(out)
    }

    #[inline]
    pub(crate) fn load(&mut self, op: LoadOp, at: i32) -> Access<Number> {
        let mut bytes = [0; 8];
        let bytes = self.load_number(at, op.offset, &mut bytes[..op.width()])?;
        Ok(op.value(bytes))
    }

    #[inline]
    pub(crate) fn store(&mut self, op: StoreOp, at: i32, n: Number) -> Access<()> {
        self.store_number(at, op.offset, &op.bytes(n)[..op.width(n)])
    }

    /// The bytes of a number: if not all can be written, none is.
    pub(crate) fn store_number(&mut self, at: i32, offset: i32, bytes: &[u8]) -> Access<()> {
        let address = Self::address(at, offset)?;
        if address + bytes.len() as i64 > self.bound() {
            return Err(AccessError::OutOfBounds);
        }
        Ok(self.chunks.store(address, bytes)?)
    }

    pub(crate) fn load_vector(&mut self, op: VecLoadOp, at: i32) -> Access<Vector> {
        let mut bytes = [0; 16];
        if op.pack.is_some() {
            let bytes = self.load_number(at, op.offset, &mut bytes[..op.width()])?;
            return Ok(op.value(bytes));
        }
        self.chunks.load(Self::address(at, op.offset)?, &mut bytes)?;
        Ok(op.value(&bytes))
    }

    /// The bytes for one lane.
    pub(crate) fn load_lane<'a>(&mut self, at: i32, offset: i32, out: &'a mut [u8]) -> Access<&'a [u8]> {
        self.load_number(at, offset, out)
    }

    /// A whole vector: what lies before the end of the memory is written even if not all does.
    pub(crate) fn store_vector(&mut self, at: i32, offset: i32, v: &Vector) -> Access<()> {
        Ok(self.chunks.store(Self::address(at, offset)?, v)?)
    }

    pub(crate) fn load_bytes(&mut self, address: i64, out: &mut [u8]) -> Access<()> {
        Ok(self.chunks.load(address, out)?)
    }

    pub(crate) fn store_bytes(&mut self, address: i64, bytes: &[u8]) -> Access<()> {
        Ok(self.chunks.store(address, bytes)?)
    }
}

/// What host functions see of a memory. They have nothing to say of a state that cannot be read: it is kept until after
/// the call.
pub(crate) struct HostMemory<'a> {
    memory: std::cell::RefCell<&'a mut MemoryInstance>,
    // Whether a proof may hold what is read.
    is_proved: bool,
    fault: std::cell::RefCell<Option<Fault>>,
}

impl<'a> HostMemory<'a> {
    pub(crate) fn new(memory: &'a mut MemoryInstance, is_proved: bool) -> Self {
        Self { memory: memory.into(), is_proved, fault: None.into() }
    }

    pub(crate) fn into_fault(self) -> Option<Fault> {
        self.fault.into_inner()
    }

    fn noted(&self, access: Access<()>) -> Result<(), OutOfMemory> {
        access.map_err(|error| {
            if let AccessError::Fault(fault) = error {
                *self.fault.borrow_mut() = Some(fault);
            }
            OutOfMemory
        })
    }
}

impl Memory for HostMemory<'_> {
    fn size(&self) -> u64 {
        self.memory.borrow().bound().max(0) as u64
    }

    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), OutOfMemory> {
        let address = i64::try_from(address).map_err(|_| OutOfMemory)?;
        self.noted(self.memory.borrow_mut().load_bytes(address, out))
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        let address = i64::try_from(address).map_err(|_| OutOfMemory)?;
        self.noted(self.memory.borrow_mut().store_bytes(address, bytes))
    }

    fn touch(&self, address: u64, len: u64) {
        let (Ok(address), Ok(len)) = (i64::try_from(address), i64::try_from(len)) else { return };
        if self.is_proved
            && let Err(error) = self.memory.borrow().chunks.touch(address, len)
        {
            *self.fault.borrow_mut() = Some(error.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{ErrorCode, HostFunction, HostValue, RevealCall};
    use crate::lazy::Node;
    use soru_merkle::Tree;
    use soru_merkle::proof::{self, ProofError};

    /// The chunks that a proof of the work on one page holds.
    fn chunks_held(is_proved: bool, work: impl FnOnce(&dyn Memory)) -> Vec<usize> {
        let mut memory = MemoryInstance::new(Limits { min: 1, max: None }).unwrap();
        for chunk in 0..128 {
            assert!(memory.store_bytes(chunk * 512, &[1 + chunk as u8]).is_ok());
        }
        let mut tree = Tree::empty();
        memory.write(&mut tree).unwrap();
        let (proof, ()) = proof::produce(&tree, |tree| -> Result<_, ProofError> {
            let mut memory = MemoryInstance::read(&tree).unwrap();
            let memory = HostMemory::new(&mut memory, is_proved);
            work(&memory);
            assert!(memory.into_fault().is_none());
            Ok((tree, ()))
        })
        .unwrap();
        let partial = proof.to_tree().unwrap();
        let is_held = |chunk: &usize| partial.find(&["3", "chunks", "contents", &chunk.to_string()]).is_ok();
        (0..128).filter(is_held).collect()
    }

    #[test]
    fn what_is_inside_of_bytes_that_reach_outside_is_in_the_proof() {
        let request = |memory: &dyn Memory| {
            let args = [0x10000 - 700, 1000, 0, 0].map(HostValue::I32);
            let call = RevealCall::of(HostFunction::Reveal, &args, memory);
            assert!(matches!(call, Some(Err(ErrorCode::MemoryInvalidAccess))));
        };
        assert_eq!(chunks_held(true, request), [126, 127]);
        assert!(chunks_held(false, request).is_empty());
        assert_eq!(chunks_held(true, |memory| memory.touch(511, 514)), [0, 1, 2]);
        assert!(chunks_held(true, |memory| memory.touch(1 << 20, 5)).is_empty());
        assert!(chunks_held(true, |memory| memory.touch(0, 0)).is_empty());
    }
}
