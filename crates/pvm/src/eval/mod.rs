//! Running a kernel tick by tick: calls, blocks, instructions.

mod bulk;
mod fault;
mod instruction;
mod invoke;
mod label;
mod run;
pub(crate) mod shape;
#[cfg(test)]
mod tests;
mod value;
mod world;

pub(crate) use fault::Fault;
pub(crate) use shape::{Config, Step, Task, Tasks};
pub(crate) use value::{Ref, Value, Values};
pub(crate) use world::World;

use crate::instance::{AccessError, FunctionRef, Modules};
use crate::lazy::{Maybe, Node, Text, Vec32, VectorError};
use crate::state::StateError;
use shape::{Call, Evaluation, Frame, Invocation, Label, LabelStep, Labels, Progress};
use soru_merkle::Tree;

impl Config {
    /// The evaluation of some tasks in a frame of their own.
    pub(crate) fn of_tasks(module: &Text, stack_limit: i32, tasks: Tasks) -> Self {
        let top = Label { arity: None, on_break: Maybe(None), values: Values::default(), tasks };
        let frame = Frame { module: module.clone(), locals: Values::default() };
        let labels = Labels { top, rest: Vec32::default() };
        let call = Call { arity: None, frame, progress: Progress::Going { labels } };
        Self { step: Step::Start { top: call, rest: Vec32::default() }, stack_limit }
    }

    /// The call of a function without arguments.
    pub(crate) fn of_call(module: &Text, stack_limit: i32, function: FunctionRef) -> Self {
        Self::of_tasks(module, stack_limit, Tasks::singleton(Task::Invoke { function }))
    }

    /// The call of a function with arguments, the first one first. Its results are as many as it has.
    pub(crate) fn of_call_with(
        module: &Text,
        stack_limit: i32,
        function: FunctionRef,
        args: Vec<Value>,
    ) -> Self {
        let (_, results) = function.arity();
        let mut config = Self::of_call(module, stack_limit, function);
        if let Step::Start { top, .. } = &mut config.step {
            top.arity = Some(results);
            if let Progress::Going { labels } = &mut top.progress {
                labels.top.arity = Some(results);
                labels.top.values = args.into_iter().rev().collect();
            }
        }
        config
    }

    /// What it has come to.
    pub(crate) fn end(&self) -> End {
        match &self.step {
            Step::Result { .. } => End::Returned,
            Step::Trapped { .. } => End::Trapped,
            _ => End::Going,
        }
    }

    /// The message of the trap that it has run into.
    pub(crate) fn trap(&self) -> Option<String> {
        match &self.step {
            Step::Trapped { message } => Some(String::from_utf8_lossy(&message.0).into_owned()),
            _ => None,
        }
    }

    /// Its results, the last one first.
    pub(crate) fn results(&mut self) -> Result<Vec<Value>, VectorError> {
        let Step::Result { values } = &mut self.step else { return Ok(Vec::new()) };
        (0..values.length()).map(|index| values.get(index).cloned()).collect()
    }

    /// The evaluation of a block.
    pub(crate) fn of_block(module: &Text, stack_limit: i32, block: i32) -> Self {
        Self::of_tasks(module, stack_limit, Tasks::singleton(Task::FromBlock { block, index: 0 }))
    }

    /// The function that is about to be called, if the innermost block begins with a call.
    pub(crate) fn called(&mut self) -> Option<FunctionRef> {
        let Step::Start { top, .. } = &mut self.step else { return None };
        let Progress::Going { labels } = &mut top.progress else { return None };
        match labels.top.tasks.get(0).ok()? {
            Task::Invoke { function } => Some(function.clone()),
            _ => None,
        }
    }

    /// Whether that call is the last thing to be done, and nothing is on the stack.
    pub(crate) fn is_at_last_call(&mut self) -> bool {
        let is_last = match &self.step {
            Step::Start { top: Call { progress: Progress::Going { labels }, .. }, rest } => {
                let (top, is_outermost) = (&labels.top, labels.rest.is_empty() && rest.is_empty());
                is_outermost && top.tasks.length() == 1 && top.values.is_empty()
            }
            _ => false,
        };
        is_last && self.called().is_some()
    }

    /// The name of the step in the vectors.
    pub(crate) fn step_name(&self) -> String {
        let Step::Next { step, .. } = &self.step else { return self.step.tag().to_owned() };
        match step {
            LabelStep::Invoke { invocation, .. } => {
                format!("SK_Next.{}.{}", step.tag(), invocation.tag())
            }
            _ => format!("SK_Next.{}", step.tag()),
        }
    }

    /// Ticks still to be paid.
    pub(crate) fn paying(&self) -> u64 {
        match &self.step {
            Step::Next { step: LabelStep::Invoke { invocation, .. }, .. } => match &**invocation {
                Invocation::Stop { remaining, .. } => remaining.0,
                _ => 0,
            },
            _ => 0,
        }
    }

    /// What it waits for, as the machine asks for it.
    pub(crate) fn request(&self) -> Option<Vec<u8>> {
        match &self.step {
            Step::Next { step: LabelStep::Invoke { invocation, .. }, .. } => match &**invocation {
                Invocation::Reveal { request, .. } => Some(request.payload()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A kernel that runs.
#[derive(Debug, Clone)]
pub struct Evaluator(Evaluation);

/// What an evaluation has come to.
pub(crate) enum End {
    /// It goes on.
    Going,
    /// `kernel_run` has returned.
    Returned,
    /// `kernel_run` has trapped.
    Trapped,
}

impl Evaluator {
    /// The call of a function without arguments.
    pub(crate) fn call(modules: Modules, stack_limit: u32, function: FunctionRef) -> Self {
        let module = Text(crate::decode::MAIN.into());
        let config = Config::of_call(&module, i32::try_from(stack_limit).unwrap_or(i32::MAX), function);
        Self(Evaluation { config, modules })
    }

    pub(crate) fn read(tree: &Tree) -> Result<Self, StateError> {
        Evaluation::read(tree).map(Self)
    }

    /// What is evaluated, and the instances.
    pub(crate) fn parts_mut(&mut self) -> (&mut Config, &mut Modules) {
        (&mut self.0.config, &mut self.0.modules)
    }

    pub(crate) fn write(&mut self) -> Result<Tree, StateError> {
        let mut tree = Tree::empty();
        self.0.write(&mut tree)?;
        Ok(tree)
    }

    /// Where it is, under the name that the vectors have for it.
    pub fn step_name(&self) -> String {
        self.0.config.step_name()
    }

    /// Ticks still to be paid for a host call.
    pub fn paying(&self) -> u64 {
        self.0.config.paying()
    }

    /// The message of the trap that it has run into.
    pub fn trap(&self) -> Option<String> {
        self.0.config.trap()
    }

    /// What it waits for, as the machine asks for it.
    pub(crate) fn request(&self) -> Option<Vec<u8>> {
        self.0.config.request()
    }

    pub(crate) fn end(&self) -> End {
        self.0.config.end()
    }

    /// Up to `max` ticks: how many were made, and why no more could be.
    pub(crate) fn ticks(&mut self, max: u64, world: &mut World<'_>) -> (u64, Option<Fault>) {
        let Evaluation { config, modules } = &mut self.0;
        config.ticks(max, modules, world)
    }

    /// The answer to what it waits for. It does not fit in if there is no room for it, or nothing that waits for it.
    pub(crate) fn reveal(&mut self, answer: &[u8]) -> Result<(), Fault> {
        let Evaluation { config, modules } = &mut self.0;
        config.reveal(modules, answer)
    }

    /// Memory 0 of the kernel, to look at.
    pub(crate) fn read_memory(&mut self, address: u64, out: &mut [u8]) -> Result<Option<u64>, StateError> {
        let Some(instance) = self.0.modules.look(crate::decode::MAIN.as_bytes())? else { return Ok(None) };
        let memory = match instance.look_at_memory(0) {
            Ok(memory) => memory,
            Err(Fault::State(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let size = memory.bound().max(0) as u64;
        if address.checked_add(out.len() as u64).is_some_and(|end| end <= size) {
            match memory.load_bytes(address as i64, out) {
                Ok(()) | Err(AccessError::OutOfBounds) => (),
                Err(AccessError::Fault(Fault::State(error))) => return Err(error),
                Err(AccessError::Fault(_)) => return Ok(None),
            }
        }
        Ok(Some(size))
    }
}
