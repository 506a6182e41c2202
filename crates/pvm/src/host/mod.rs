//! Host functions: what a kernel can ask the machine to do.
//!
//! They are written once, over the memory of whatever runs the kernel ([`Memory`]) and the part of the machine that a
//! kernel can change ([`HostState`]).

mod cost;
mod function;
mod hint;
mod io;
mod reveal;
mod store;
#[cfg(test)]
mod tests;

pub use function::{HostFunction, ValueType};
pub use hint::hint;
pub use io::MESSAGE_MAX;
pub(crate) use reveal::RevealCall;

use crate::buffers::{InputBuffer, OutputBuffer};
use crate::durable::{Durable, DurableError};
use crate::reveal::RevealSource;
use crate::run::{Outcome, RunnerError, Stage};
use crate::state::StateError;
use crate::version::Version;
use soru_base::tick::TickSpan;
use thiserror::Error;

/// A number that goes in or comes out of a host function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostValue {
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
}

impl HostValue {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
        }
    }
}

/// The memory of the kernel, its memory 0.
///
/// Host functions ask only for what lies inside of [`size`](Self::size); an implementation answers anything else
/// with [`OutOfMemory`].
pub trait Memory {
    /// Size in bytes.
    fn size(&self) -> u64;
    /// Fills `out` with the bytes from `address` on.
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), OutOfMemory>;
    /// Writes `bytes` from `address` on.
    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutOfMemory>;
    /// The machine reads these bytes, as far as they are inside, and makes no use of them. Only of interest to who
    /// keeps a record of what is read.
    fn touch(&self, _address: u64, _len: u64) {}
}

impl Memory for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), OutOfMemory> {
        let start = usize::try_from(address).map_err(|_| OutOfMemory)?;
        let end = start.checked_add(out.len()).ok_or(OutOfMemory)?;
        out.copy_from_slice(self.get(start..end).ok_or(OutOfMemory)?);
        Ok(())
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        let start = usize::try_from(address).map_err(|_| OutOfMemory)?;
        let end = start.checked_add(bytes.len()).ok_or(OutOfMemory)?;
        self.get_mut(start..end).ok_or(OutOfMemory)?.copy_from_slice(bytes);
        Ok(())
    }
}

impl<M: Memory + ?Sized> Memory for &mut M {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), OutOfMemory> {
        (**self).read(address, out)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        (**self).write(address, bytes)
    }

    fn touch(&self, address: u64, len: u64) {
        (**self).touch(address, len);
    }
}

/// An access outside of the kernel's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("access outside of the kernel's memory")]
pub struct OutOfMemory;

/// Takes what a kernel writes with `write_debug`.
pub trait DebugSink: Send {
    /// Some bytes, usually a text. The machine itself ignores them.
    fn debug(&mut self, bytes: &[u8]);

    /// Whether there is any use in it: if not, the bytes are not even read.
    fn wants_bytes(&self) -> bool {
        true
    }
}

/// Drops everything.
impl DebugSink for () {
    fn debug(&mut self, _: &[u8]) {}

    fn wants_bytes(&self) -> bool {
        false
    }
}

/// Collects everything.
impl DebugSink for Vec<u8> {
    fn debug(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The part of the machine that a running kernel reads and changes.
pub struct HostState<'a> {
    /// Version of the machine: which host functions there are, how deep calls can go.
    pub version: Version,
    /// The durable storage.
    pub durable: Durable,
    /// Messages not yet read.
    pub input: InputBuffer,
    /// The outboxes.
    pub output: OutputBuffer,
    /// Where reveals are answered.
    pub reveals: &'a mut dyn RevealSource,
    /// Where debug output goes.
    pub debug: &'a mut dyn DebugSink,
    /// Ticks that the run may take, its decoding and its padding included.
    pub ticks: TickSpan,
    /// Ticks that the run took, from its beginning to its padding; nothing if the engine did not count them.
    pub ticks_used: Option<TickSpan>,
    running: bool,
}

impl<'a> HostState<'a> {
    /// The state at the beginning of a run.
    pub fn new(
        version: Version,
        durable: Durable,
        input: InputBuffer,
        output: OutputBuffer,
        reveals: &'a mut dyn RevealSource,
        debug: &'a mut dyn DebugSink,
    ) -> Self {
        let ticks = TickSpan(u64::MAX);
        Self { version, durable, input, output, reveals, debug, ticks, ticks_used: None, running: false }
    }

    /// The same for a run that may take so many ticks.
    pub fn within(self, ticks: TickSpan) -> Self {
        Self { ticks, ..self }
    }

    /// The same in the middle of a run: [`begin_run`](Self::begin_run) was called earlier.
    pub fn in_run(self) -> Self {
        Self { running: true, ..self }
    }

    /// To be called when the instance is ready, its start function included: from now on host functions may be
    /// called, and the kernel is the one to fall back to.
    pub fn begin_run(&mut self) -> Result<(), StateError> {
        self.durable.save_fallback_kernel()?;
        self.running = true;
        Ok(())
    }

    /// Whether [`begin_run`](Self::begin_run) was called.
    pub fn has_begun(&self) -> bool {
        self.running
    }

    /// Calls a host function.
    pub fn call(
        &mut self,
        function: HostFunction,
        args: &[HostValue],
        memory: &mut dyn Memory,
    ) -> Result<Option<HostValue>, HostTrap> {
        use HostValue::{I32, I64};
        if !self.running {
            return Err(HostTrap::during_start(function));
        }
        let code = match (function, args) {
            (HostFunction::ReadInput, &[I32(info), I32(dst), I32(max)]) => {
                self.read_input(memory, info, dst, max)
            }
            (HostFunction::WriteOutput, &[I32(src), I32(len)]) => self.write_output(memory, src, len),
            (HostFunction::WriteDebug, &[I32(src), I32(len)]) => {
                self.write_debug(memory, src, len);
                return Ok(None);
            }
            (HostFunction::StoreHas, &[I32(key), I32(len)]) => self.store_has(memory, (key, len)),
            (HostFunction::StoreExists, &[I32(key), I32(len)]) => self.store_exists(memory, (key, len)),
            (HostFunction::StoreListSize, &[I32(key), I32(len)]) => {
                return Ok(Some(I64(self
                    .store_list_size(memory, (key, len))
                    .or_else(|e| e.code().map(i64::from))?)));
            }
            (HostFunction::StoreGetNthKey, &[I32(key), I32(len), I64(index), I32(dst), I32(max)]) => {
                self.store_get_nth_key(memory, (key, len), index, (dst, max))
            }
            (HostFunction::StoreDelete, &[I32(key), I32(len)]) => self.store_delete(memory, (key, len)),
            (HostFunction::StoreDeleteValue, &[I32(key), I32(len)]) => {
                self.store_delete_value(memory, (key, len))
            }
            (HostFunction::StoreCopy, &[I32(from), I32(from_len), I32(to), I32(to_len)]) => {
                self.store_copy(memory, (from, from_len), (to, to_len))
            }
            (HostFunction::StoreMove, &[I32(from), I32(from_len), I32(to), I32(to_len)]) => {
                self.store_move(memory, (from, from_len), (to, to_len))
            }
            (HostFunction::StoreCreate, &[I32(key), I32(len), I32(size)]) => {
                self.store_create(memory, (key, len), size)
            }
            (HostFunction::StoreValueSize, &[I32(key), I32(len)]) => {
                self.store_value_size(memory, (key, len))
            }
            (HostFunction::StoreRead, &[I32(key), I32(len), I32(offset), I32(dst), I32(max)]) => {
                self.store_read(memory, (key, len), offset, (dst, max))
            }
            (HostFunction::StoreWrite, &[I32(key), I32(len), I32(offset), I32(src), I32(count)]) => {
                self.store_write(memory, (key, len), offset, (src, count))
            }
            (HostFunction::StoreGetHash, &[I32(key), I32(len), I32(dst), I32(max)]) => {
                self.store_get_hash(memory, (key, len), (dst, max))
            }
            (HostFunction::RevealPreimage, &[I32(hash), I32(len), I32(dst), I32(max)]) => {
                self.reveal_preimage(memory, (hash, len), (dst, max))
            }
            (HostFunction::RevealMetadata, &[I32(dst), I32(max)]) => self.reveal_metadata(memory, (dst, max)),
            (HostFunction::Reveal, &[I32(src), I32(len), I32(dst), I32(max)]) => {
                self.reveal_raw(memory, (src, len), (dst, max))
            }
            _ => return Err(HostTrap::bad_arguments(function, args)),
        };
        Ok(Some(I32(code.or_else(|e| e.code())?)))
    }
}

/// What a host function gives back to the kernel when it cannot do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum ErrorCode {
    /// The key is longer than 240 bytes.
    StoreKeyTooLarge = -1,
    /// The key is malformed.
    StoreInvalidKey = -2,
    /// There is no value at this key.
    StoreNotAValue = -3,
    /// The offset is outside of the value.
    StoreInvalidAccess = -4,
    /// The value would be too long.
    StoreValueSizeExceeded = -5,
    /// Outside of the memory.
    MemoryInvalidAccess = -6,
    /// Too many bytes at once.
    InputOutputTooLarge = -7,
    /// Anything else.
    GenericInvalidAccess = -8,
    /// The key cannot be written to.
    StoreReadonlyValue = -9,
    /// There is nothing at this key.
    StoreNotANode = -10,
    /// The outbox of this level is full.
    FullOutbox = -11,
    /// There is no child of that index.
    StoreInvalidSubkeyIndex = -12,
    /// There is a value already.
    StoreValueAlreadyExists = -13,
}

/// Why a host function has no result.
#[derive(Debug, Clone, Error)]
pub enum HostTrap {
    /// The kernel is refused: its start function calls a host function.
    #[error("refused: {reason}")]
    Refused {
        /// The machine's own words.
        reason: String,
    },
    /// The machine is stuck for ever.
    #[error("stuck: {reason}")]
    Stuck {
        /// The machine's own words.
        reason: String,
    },
    /// The run cannot be decided.
    #[error(transparent)]
    Undecided(#[from] RunnerError),
}

impl HostTrap {
    /// What the run that called the host function has come to.
    pub fn into_outcome(self) -> Result<Outcome, RunnerError> {
        match self {
            Self::Refused { reason } => Ok(Outcome::Refused { stage: Stage::Init, reason }),
            Self::Stuck { reason } => Ok(Outcome::Stuck { reason }),
            Self::Undecided(error) => Err(error),
        }
    }

    // A reveal does not look at the memory before its turn, so that it fails with words of its own.
    fn during_start(function: HostFunction) -> Self {
        let reason = match function {
            HostFunction::RevealMetadata => "Invoke_step: The reveal tick cannot be evaluated as is",
            _ => "host functions must not access memory during initialisation",
        };
        Self::Refused { reason: reason.to_owned() }
    }

    fn bad_arguments(function: HostFunction, args: &[HostValue]) -> Self {
        Self::Undecided(RunnerError::Engine(format!(
            "{} takes {:?}, it was called with {args:?}",
            function.name(),
            function.params()
        )))
    }
}

/// How a host function fails: with a code for the kernel, or for good.
enum Failure {
    Code(ErrorCode),
    Trap(HostTrap),
}

impl Failure {
    fn code(self) -> Result<i32, HostTrap> {
        match self {
            Self::Code(code) => Ok(code as i32),
            Self::Trap(trap) => Err(trap),
        }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

impl From<HostTrap> for Failure {
    fn from(trap: HostTrap) -> Self {
        Self::Trap(trap)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::Trap(HostTrap::Undecided(RunnerError::State(error)))
    }
}

impl From<DurableError> for Failure {
    fn from(error: DurableError) -> Self {
        let code = match error {
            DurableError::InvalidKey => ErrorCode::StoreInvalidKey,
            DurableError::ReadOnly => ErrorCode::StoreReadonlyValue,
            DurableError::NotAValue => ErrorCode::StoreNotAValue,
            DurableError::NotANode => ErrorCode::StoreNotANode,
            DurableError::OutOfBounds => ErrorCode::StoreInvalidAccess,
            DurableError::TooLarge => ErrorCode::InputOutputTooLarge,
            DurableError::IndexTooLarge => ErrorCode::StoreInvalidSubkeyIndex,
            DurableError::Malformed => ErrorCode::GenericInvalidAccess,
            DurableError::State(error) => return error.into(),
        };
        Self::Code(code)
    }
}
