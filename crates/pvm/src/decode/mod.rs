//! Reading a kernel, tick by tick: what the machine takes, in what order it looks, and its words when it refuses.

mod code;
mod module;
mod opcode;
mod state;
mod step;
mod stream;

#[cfg(test)]
pub(crate) mod tests;

use crate::durable::Durable;
use crate::lazy::{ByteVector, Node, Text, Vec32};
use crate::state::StateError;
use crate::wasm::instruction::Instruction;
use crate::wasm::module::{Allocations, Module};
use soru_merkle::Tree;
use state::{Decoding, ModuleStep, Sections};
use stream::{DecodeFault, Stream};

/// The name under which the kernel is known to the machine.
pub(crate) const MAIN: &str = "main";

/// A machine that reads its kernel.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: Decoding,
    // Kept from tick to tick, and no part of the state.
    stream: Option<Stream>,
}

/// What came of a tick.
#[derive(Debug)]
pub(crate) enum Decoded {
    /// The next state.
    Going,
    /// The kernel is refused, in the machine's own words.
    Refused(String),
    /// There is no kernel.
    NoKernel,
}

/// The instruction that begins there, if it is one that opens no block and the machine takes it.
pub(crate) fn instruction_in(code: &[u8]) -> Option<Instruction> {
    let mut stream = Stream::new(ByteVector::of_bytes(code).ok()?).ok()?;
    let opcode = stream.byte().ok()?;
    opcode::instruction(&mut stream, opcode).ok()
}

impl Decoder {
    /// At the first byte.
    pub(crate) fn begin() -> Self {
        let sections = Sections {
            types: Vec32::default(),
            imports: Vec32::default(),
            funcs: Vec32::default(),
            tables: Vec32::default(),
            memories: Vec32::default(),
            globals: Vec32::default(),
            exports: Vec32::default(),
            start: None,
            elems: Vec32::default(),
            data_count: None,
            code: Vec32::default(),
            datas: Vec32::default(),
        };
        let state = Decoding {
            sections,
            step: ModuleStep::Start,
            allocations: Allocations::empty(),
            pos: 0,
            name: Text(MAIN.into()),
        };
        Self { state, stream: None }
    }

    /// Where it is, under the name that the vectors have for it.
    pub fn step_name(&self) -> &'static str {
        self.state.step.tag()
    }

    /// The module, if the whole kernel is read. What is left of this is of no use.
    pub(crate) fn take_module(&mut self) -> Option<Module> {
        match std::mem::replace(&mut self.state.step, ModuleStep::Start) {
            ModuleStep::Stop { module } => Some(*module),
            step => {
                self.state.step = step;
                None
            }
        }
    }

    /// One tick. After a refusal or an error, what is left of this is of no use.
    pub(crate) fn step(&mut self, durable: &Durable) -> Result<Decoded, StateError> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => match durable.kernel()? {
                Some(kernel) => none.insert(Stream::new(kernel)?),
                None => return Ok(Decoded::NoKernel),
            },
        };
        stream.go_to(self.state.pos)?;
        match module::step(stream, &mut self.state) {
            Ok(()) => Ok(Decoded::Going),
            Err(DecodeFault::Refused(reason)) => Ok(Decoded::Refused(reason)),
            Err(DecodeFault::State(error)) => Err(error),
        }
    }

    pub(crate) fn read(tree: &Tree) -> Result<Self, StateError> {
        Ok(Self { state: Decoding::read(tree)?, stream: None })
    }

    pub(crate) fn write(&mut self) -> Result<Tree, StateError> {
        let mut tree = Tree::empty();
        self.state.write(&mut tree)?;
        Ok(tree)
    }
}
