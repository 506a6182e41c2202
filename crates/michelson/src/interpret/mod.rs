//! Running typed code.

mod arithmetic;
mod big_maps;
mod bytes;
mod chain;
mod collections;
mod control;
mod curve;
mod environment;
mod machine;
mod operation;
mod tickets;

pub use big_maps::{BigMapAction, BigMapDiff, BigMapUpdate};
pub use environment::{Chain, ChainError, Context, ViewTarget};
pub use operation::{Operation, OperationContent};

pub(crate) use environment::entrypoint_for;

use crate::error::{Reason, TypeError};
use crate::gas::{Gas, GasExhaustedError, cost};
use crate::micheline::Micheline;
use crate::script::Script;
use crate::typecheck::Code;
use crate::types::Type;
use crate::values::{Form, HeldTickets, Reading, TicketFlow, Value};
use big_maps::Extraction;
use machine::Machine;
use soru_base::{Address, Entrypoint};
use std::collections::BTreeSet;
use std::sync::Arc;
use thiserror::Error;

/// Who made an argument or a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody outside: no tickets, no big maps by their number.
    External,
    /// A contract, or the chain itself.
    Internal,
}

/// Why a run failed. Nothing it did may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RunError {
    /// `FAILWITH`.
    #[error("the script failed with {with} at node {location}")]
    Failed {
        /// The number of the instruction in the script.
        location: usize,
        /// What it failed with, in optimized form.
        with: Micheline,
    },
    /// An amount of mutez outside of its range, or a shift by too many bits.
    #[error("overflow at node {location}")]
    Overflow {
        /// The number of the instruction in the script.
        location: usize,
    },
    /// A chest is to be opened with a key that takes no time to find.
    #[error("expected a time above 0 at node {location}, found 0")]
    NoTime {
        /// The number of the instruction in the script.
        location: usize,
    },
    /// Out of gas.
    #[error(transparent)]
    Gas(#[from] GasExhaustedError),
    /// The contract has no such entrypoint.
    #[error("the contract has no entrypoint {0}")]
    NoEntrypoint(Entrypoint),
    /// The argument is not of the type of the entrypoint.
    #[error("the argument is ill-typed: {0}")]
    Argument(TypeError),
    /// The storage is not of its type.
    #[error("the storage is ill-typed: {0}")]
    Storage(TypeError),
    /// The script of a view's contract, or of the chain's data, is ill-typed.
    #[error("what the chain holds is ill-typed: {0}")]
    Chain(TypeError),
    /// More operations are asked for than one operation can lead to.
    #[error("too many operations are asked for at node {location}")]
    TooManyOperations {
        /// The number of the instruction in the script.
        location: usize,
    },
    /// The chain could not be read.
    #[error("the chain could not be read: {0}")]
    Unreadable(String),
    /// A value cannot be written: it is nested too deeply.
    #[error("a value cannot be written: {0}")]
    Unwritable(Reason),
    /// Typed code met a value it cannot meet: a fault of this library.
    #[error("internal fault at node {location}: expected {expected}")]
    Fault {
        /// The number of the instruction in the script.
        location: usize,
        /// What the instruction works on.
        expected: &'static str,
    },
}

impl From<Reason> for RunError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Gas(e) => Self::Gas(e),
            Reason::Chain(e) => Self::Unreadable(e),
            other => Self::Unwritable(other),
        }
    }
}

impl From<ChainError> for RunError {
    fn from(error: ChainError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// What a run did.
pub struct Outcome {
    /// The operations it asks for, in the order in which they are to be applied.
    pub operations: Vec<Arc<Operation>>,
    /// The new storage, in optimized form.
    pub storage: Micheline,
    /// Changes to big maps, in the order in which they are to be applied: first those that make the big maps which operations
    /// hand over, then those of the storage.
    pub big_maps: Vec<BigMapDiff>,
    /// Addresses that got an index in the registry of addresses, in the order in which they did.
    pub indexed: Vec<(Address, u64)>,
    /// Tickets that came, were there and are there.
    pub tickets: TicketFlow,
}

/// Runs a script.
pub fn call(
    script: &Script,
    storage: &Micheline,
    (entrypoint, argument, origin): (&Entrypoint, &Micheline, Origin),
    context: &Context,
    chain: &mut dyn Chain,
    gas: &mut Gas,
) -> Result<Outcome, RunError> {
    let (_, argument_type) = script
        .parameter()
        .entrypoint(entrypoint)
        .ok_or_else(|| RunError::NoEntrypoint(entrypoint.clone()))?;
    let argument =
        read(argument, argument_type, origin, chain, gas).map_err(|e| from_typing(e, RunError::Argument))?;
    let storage_type = script.storage();
    let storage = read(storage, storage_type, Origin::Internal, chain, gas)
        .map_err(|e| from_typing(e, RunError::Storage))?;

    let mut tickets = TicketFlow {
        argument: HeldTickets::of(&argument, argument_type, gas)?,
        before: HeldTickets::of(&storage, storage_type, gas)?,
        stored: storage_type.has_tickets(),
        ..TicketFlow::default()
    };
    let mut handed_over = BTreeSet::new();
    big_maps::collect(&argument, argument_type, &mut handed_over, gas)?;
    let mut owned = BTreeSet::new();
    big_maps::collect(&storage, storage_type, &mut owned, gas)?;

    let parameter = script
        .parameter()
        .wrap(entrypoint, argument)
        .ok_or_else(|| RunError::NoEntrypoint(entrypoint.clone()))?;
    let mut machine = Machine::new(context.clone(), chain, gas);
    let mut stack = machine.run(&script.code, 0, vec![Value::pair(parameter, storage)])?;
    let indexed = std::mem::take(&mut machine.indexed);
    let fault = || RunError::Fault { location: 0, expected: "a pair of operations and storage" };
    let Some(Value::Pair(result)) = stack.pop() else { return Err(fault()) };
    let Value::List(list) = &result.0 else { return Err(fault()) };
    // One operation can be in the list any number of times.
    gas.charge(cost::of(list.len(), cost::OPERATION))?;
    let mut operations = Vec::with_capacity(list.len());
    let mut diffs = Vec::new();
    for value in list.iter() {
        let Value::Operation(operation) = value else { return Err(fault()) };
        diffs.extend(operation.big_maps.iter().cloned());
        operations.push(operation.clone());
    }

    tickets.after = HeldTickets::of(&result.1, storage_type, gas)?;
    tickets.handed_over = diffs.len();
    // What the storage already had may stay, whoever handed it over.
    let to_copy = handed_over.difference(&owned).cloned().collect();
    let mut extraction = Extraction::new(false, to_copy, chain, gas);
    let storage = extraction.extract(result.1.clone(), storage_type)?;
    diffs.extend(extraction.finish(&owned)?);
    let storage = storage.to_micheline(storage_type, Form::Optimized, gas)?;
    Ok(Outcome { operations, storage, big_maps: diffs, indexed, tickets })
}

/// Makes the first storage of a contract: checks it, and gives its big maps numbers of their own.
///
/// The storage is in optimized form.
pub fn originate(
    script: &Script,
    storage: &Micheline,
    origin: Origin,
    chain: &mut dyn Chain,
    gas: &mut Gas,
) -> Result<(Micheline, Vec<BigMapDiff>), RunError> {
    let ty = script.storage();
    let storage = read(storage, ty, origin, chain, gas).map_err(|e| from_typing(e, RunError::Storage))?;
    let mut handed_over = BTreeSet::new();
    big_maps::collect(&storage, ty, &mut handed_over, gas)?;
    let mut extraction = Extraction::new(false, handed_over, chain, gas);
    let storage = extraction.extract(storage, ty)?;
    let diffs = extraction.finish(&BTreeSet::new())?;
    Ok((storage.to_micheline(ty, Form::Optimized, gas)?, diffs))
}

/// Asks a view of a contract; `None` if it has no such view or the types differ.
pub fn view(
    target: &ViewTarget,
    name: &str,
    argument: Value,
    (input, output): (&Type, &Type),
    context: &Context,
    chain: &mut dyn Chain,
    gas: &mut Gas,
) -> Result<Option<Value>, RunError> {
    let mut machine = Machine::new(context.clone(), chain, gas);
    let Some((code, stack)) = machine.view_code(target, name, argument, input, output)? else {
        return Ok(None);
    };
    Ok(machine.run(&code, 0, stack)?.pop())
}

/// Runs code that [`crate::typecheck::fragment`] typed. Stacks have their top last.
pub fn run_fragment(
    code: Code,
    stack: Vec<Value>,
    context: &Context,
    chain: &mut dyn Chain,
    gas: &mut Gas,
) -> Result<Vec<Value>, RunError> {
    Machine::new(context.clone(), chain, gas).run(&Arc::new(code), 0, stack)
}

fn read(
    node: &Micheline,
    ty: &Type,
    origin: Origin,
    chain: &dyn Chain,
    gas: &mut Gas,
) -> Result<Value, TypeError> {
    let mut reading = match origin {
        Origin::External => Reading::external(chain, gas),
        Origin::Internal => Reading::internal(chain, gas),
    };
    Value::parse(node, ty, &mut reading)
}

/// Running out of gas or being unable to read the chain is no fault of the data.
fn from_typing(error: TypeError, otherwise: fn(TypeError) -> RunError) -> RunError {
    match error.reason {
        Reason::Gas(e) => RunError::Gas(e),
        Reason::Chain(e) => RunError::Unreadable(e),
        _ => otherwise(error),
    }
}
