//! From an engine to the machine, in the middle of a run: an engine that keeps a run in a form of its own says what the
//! machine would hold, and the machine goes on from there.

mod memory;
mod ready;
mod thaw;
mod through;
mod vector;

pub use ready::{Beginning, REVISION, Ready};
pub use vector::{Access, Kind, VectorOp};

use crate::state::StateError;
use thiserror::Error;

/// A value on a stack, in a local or a global.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
    /// A reference to the function of that index, or null.
    Func(Option<u32>),
    /// A reference to something of the host: there is but null.
    Extern,
    /// 128 bits, the lowest byte first.
    V128([u8; 16]),
}

/// The operands of a block: element `i` is under the key `head + i`, the one pushed last is element 0. An entry under a key
/// that is none of an element is stale.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operands {
    /// The key of the operand that was pushed last.
    pub head: i32,
    /// How many there are.
    pub length: i32,
    /// Keys and values, in any order.
    pub entries: Vec<(i32, Cell)>,
}

/// A block at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its number in the state.
    pub number: i32,
    /// The index of its instruction that comes next.
    pub next: i32,
    /// Its operands.
    pub operands: Operands,
}

/// A function at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its index.
    pub function: u32,
    /// Its arguments and locals.
    pub locals: Vec<Cell>,
    /// Its blocks, the body first.
    pub blocks: Vec<Block>,
}

/// Where the innermost function is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// Before the next instruction of the innermost block.
    Next,
    /// Before the instruction in front of that, which was taken and comes once more: an instruction on many bytes, part of
    /// which are done.
    Again,
    /// In the call of a host function by the instruction in front of the next one. The arguments are among the operands.
    Paying {
        /// The index of the function.
        function: u32,
        /// Its result.
        result: Option<Cell>,
        /// Ticks that are still to be paid.
        ticks: u64,
    },
}

/// Bytes of the memory that were written since the instance was made, in chunks of 512.
pub type Chunk<'a> = (u32, &'a [u8]);

/// A table that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTable {
    /// Its index.
    pub index: u32,
    /// How many elements it has.
    pub size: u32,
    /// Those that are not what the instance had from the beginning, or not null where it had none.
    pub elements: Vec<(u32, Cell)>,
}

/// A run between two instructions.
#[derive(Debug, Clone)]
pub struct Frozen<'a> {
    /// The functions at work, the first one first.
    pub calls: Vec<Call>,
    /// Where the last of them is.
    pub point: Point,
    /// Size of memory 0 in pages.
    pub pages: u32,
    /// What was written there.
    pub chunks: Vec<Chunk<'a>>,
    /// The globals, all of them.
    pub globals: Vec<Cell>,
    /// Segments of data that were dropped.
    pub dropped: Vec<u32>,
    /// Segments of elements that were dropped.
    pub dropped_elements: Vec<u32>,
    /// The tables that have changed.
    pub tables: Vec<ChangedTable>,
}

/// A run that is none of this kernel.
#[derive(Debug, Clone, Error)]
pub enum HandoverError {
    /// Something that the instance does not have.
    #[error("the run of the engine does not fit the instance: {0}")]
    Misfit(String),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}
