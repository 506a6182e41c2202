//! The machine: a stack of values, and frames that say what happens when a block ends. It does not recurse.

use super::{Chain, Context, RunError, ViewTarget};
use crate::gas::{Gas, cost};
use crate::micheline::Micheline;
use crate::script::Script;
use crate::typecheck::{Code, Instruction};
use crate::types::Type;
use crate::values::{Lambda, List, Reading, Value};
use num_bigint::BigInt;
use soru_base::{Address, MichelsonAddress, Mutez};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Machine<'a> {
    pub(super) stack: Vec<Value>,
    pub(super) context: Context,
    pub(super) chain: &'a mut dyn Chain,
    pub(super) gas: &'a mut Gas,
    // The number of the instruction that runs, for errors.
    pub(super) at: usize,
    // Addresses that got an index.
    pub(super) indexed: Vec<(Address, u64)>,
    frames: Vec<Frame>,
}

/// A place in code.
pub(super) struct Pointer {
    pub(super) code: Arc<Code>,
    pub(super) block: usize,
    next: usize,
}

impl Pointer {
    pub(super) fn new(code: Arc<Code>, block: usize) -> Self {
        Self { code, block, next: 0 }
    }
}

/// Code and the stack it begins with.
pub(super) type Entry = (Arc<Code>, Vec<Value>);

struct Frame {
    back: Pointer,
    then: Then,
}

/// What happens when a block ends, before the code that ran it goes on.
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// These values are put back on the stack.
    Undip(Vec<Value>),
    /// The block runs again if there is `True` on the stack.
    Loop(usize),
    /// The block runs again if there is `Left` on the stack.
    LoopLeft(usize),
    /// The block runs for the other elements.
    Iter(usize, std::vec::IntoIter<Value>),
    /// The block made an element of a list.
    MapList(usize, std::vec::IntoIter<Value>, Vec<Value>),
    /// The block made the value of this key.
    MapMap(usize, std::vec::IntoIter<(Value, Value)>, Value, BTreeMap<Value, Value>),
    /// The block made the contents of an option.
    MapOption,
    /// A function is done: the stack of the caller is put back under its result.
    Return(Vec<Value>),
    /// A view is done: likewise, and its result is wrapped into `Some`.
    ReturnView(Vec<Value>, Box<Context>),
}

/// How the machine goes on after an instruction.
pub(super) enum Next {
    Continue,
    /// A block of the same code.
    Enter(usize, Then),
    /// Other code.
    Call(Pointer, Then),
}

impl<'a> Machine<'a> {
    pub(super) fn new(context: Context, chain: &'a mut dyn Chain, gas: &'a mut Gas) -> Self {
        Self { stack: Vec::new(), context, chain, gas, at: 0, indexed: Vec::new(), frames: Vec::new() }
    }

    /// Runs a block on a stack, to the stack it leaves.
    pub(super) fn run(
        &mut self,
        code: &Arc<Code>,
        block: usize,
        stack: Vec<Value>,
    ) -> Result<Vec<Value>, RunError> {
        self.stack = stack;
        let mut pointer = Pointer::new(code.clone(), block);
        loop {
            let Some(step) = pointer.code.blocks.get(pointer.block).and_then(|steps| steps.get(pointer.next))
            else {
                let Some(frame) = self.frames.pop() else { return Ok(std::mem::take(&mut self.stack)) };
                pointer = self.resume(frame)?;
                continue;
            };
            pointer.next += 1;
            self.at = step.number as usize;
            self.gas.charge(cost::INSTRUCTION)?;
            match self.step(&step.instruction, &pointer.code)? {
                Next::Continue => {}
                Next::Enter(block, then) => {
                    let inner = Pointer::new(pointer.code.clone(), block);
                    self.frames.push(Frame { back: std::mem::replace(&mut pointer, inner), then });
                }
                Next::Call(inner, then) => {
                    self.gas.charge(cost::CALL)?;
                    self.frames.push(Frame { back: std::mem::replace(&mut pointer, inner), then });
                }
            }
        }
    }

    /// Goes on behind a block that has ended.
    fn resume(&mut self, frame: Frame) -> Result<Pointer, RunError> {
        let Frame { back, then } = frame;
        let (block, then) = match then {
            Then::Nothing => return Ok(back),
            Then::Undip(values) => {
                self.stack.extend(values);
                return Ok(back);
            }
            Then::Loop(block) => match self.pop_bool()? {
                true => (block, Then::Loop(block)),
                false => return Ok(back),
            },
            Then::LoopLeft(block) => match self.pop()? {
                Value::Left(value) => {
                    self.stack.push(crate::values::unshare(value));
                    (block, Then::LoopLeft(block))
                }
                Value::Right(value) => {
                    self.stack.push(crate::values::unshare(value));
                    return Ok(back);
                }
                _ => return Err(self.fault("an or")),
            },
            Then::Iter(block, mut rest) => match rest.next() {
                Some(value) => {
                    self.stack.push(value);
                    (block, Then::Iter(block, rest))
                }
                None => return Ok(back),
            },
            Then::MapList(block, mut rest, mut done) => {
                done.push(self.pop()?);
                match rest.next() {
                    Some(value) => {
                        self.stack.push(value);
                        (block, Then::MapList(block, rest, done))
                    }
                    None => {
                        self.stack.push(Value::List(done.into_iter().collect::<List>()));
                        return Ok(back);
                    }
                }
            }
            Then::MapMap(block, mut rest, key, mut done) => {
                done.insert(key, self.pop()?);
                match rest.next() {
                    Some((key, value)) => {
                        self.stack.push(Value::pair(key.clone(), value));
                        (block, Then::MapMap(block, rest, key, done))
                    }
                    None => {
                        self.stack.push(Value::Map(Arc::new(done)));
                        return Ok(back);
                    }
                }
            }
            Then::MapOption => {
                let value = self.pop()?;
                self.stack.push(Value::some(value));
                return Ok(back);
            }
            Then::Return(stack) => {
                let result = self.pop()?;
                self.stack = stack;
                self.stack.push(result);
                return Ok(back);
            }
            Then::ReturnView(stack, context) => {
                let result = self.pop()?;
                self.context = *context;
                self.stack = stack;
                self.stack.push(Value::some(result));
                return Ok(back);
            }
        };
        self.gas.charge(cost::ELEMENT)?;
        let inner = Pointer::new(back.code.clone(), block);
        self.frames.push(Frame { back, then });
        Ok(inner)
    }

    fn step(&mut self, instruction: &Instruction, code: &Arc<Code>) -> Result<Next, RunError> {
        self.control(instruction, code)
    }

    /// The code of a view and the stack it begins with; `None` if there is no such view.
    pub(super) fn view_code(
        &mut self,
        target: &ViewTarget,
        name: &str,
        argument: Value,
        input: &Type,
        output: &Type,
    ) -> Result<Option<Entry>, RunError> {
        let script = Script::typecheck(&target.script, self.gas)
            .map_err(|e| super::from_typing(e, RunError::Chain))?;
        let Some(view) = script.views.get(name) else { return Ok(None) };
        if view.input != *input || view.output != *output {
            return Ok(None);
        }
        let mut reading = Reading::internal(self.chain, self.gas);
        let storage = Value::parse(&target.storage, script.storage(), &mut reading)
            .map_err(|e| super::from_typing(e, RunError::Chain))?;
        self.context.sender = self.context.self_address.into();
        self.context.self_address = target.address;
        self.context.amount = Mutez::ZERO;
        self.context.balance = target.balance;
        Ok(Some((view.code.clone(), vec![Value::pair(argument, storage)])))
    }

    pub(super) fn fault(&self, expected: &'static str) -> RunError {
        RunError::Fault { location: self.at, expected }
    }

    pub(super) fn overflow(&self) -> RunError {
        RunError::Overflow { location: self.at }
    }

    pub(super) fn push(&mut self, value: Value) -> Result<Next, RunError> {
        self.stack.push(value);
        Ok(Next::Continue)
    }

    pub(super) fn pop(&mut self) -> Result<Value, RunError> {
        self.stack.pop().ok_or(RunError::Fault { location: self.at, expected: "a value on the stack" })
    }

    pub(super) fn pop_bool(&mut self) -> Result<bool, RunError> {
        match self.pop()? {
            Value::Bool(b) => Ok(b),
            _ => Err(self.fault("a bool")),
        }
    }

    pub(super) fn pop_int(&mut self) -> Result<Arc<BigInt>, RunError> {
        match self.pop()? {
            Value::Int(n) => Ok(n),
            _ => Err(self.fault("a number")),
        }
    }

    pub(super) fn pop_mutez(&mut self) -> Result<Mutez, RunError> {
        match self.pop()? {
            Value::Mutez(amount) => Ok(amount),
            _ => Err(self.fault("mutez")),
        }
    }

    pub(super) fn pop_bytes(&mut self) -> Result<Arc<[u8]>, RunError> {
        match self.pop()? {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.fault("bytes")),
        }
    }

    pub(super) fn pop_pair(&mut self) -> Result<(Value, Value), RunError> {
        match self.pop()? {
            Value::Pair(pair) => Ok(crate::values::unshare(pair)),
            _ => Err(self.fault("a pair")),
        }
    }

    pub(super) fn pop_address(&mut self) -> Result<Arc<MichelsonAddress>, RunError> {
        match self.pop()? {
            Value::Address(address) => Ok(address),
            _ => Err(self.fault("an address")),
        }
    }

    pub(super) fn pop_lambda(&mut self) -> Result<Arc<Lambda>, RunError> {
        match self.pop()? {
            Value::Lambda(lambda) => Ok(lambda),
            _ => Err(self.fault("a function")),
        }
    }

    /// Where the element `depth` below the top lies.
    pub(super) fn index(&self, depth: usize) -> Result<usize, RunError> {
        self.stack.len().checked_sub(depth + 1).ok_or_else(|| self.fault("a deeper stack"))
    }

    pub(super) fn failed(&self, with: Micheline) -> RunError {
        RunError::Failed { location: self.at, with }
    }
}
