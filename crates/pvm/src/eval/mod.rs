//! Running a kernel tick by tick: calls, blocks, instructions.

mod bulk;
mod fault;
mod instruction;
mod invoke;
mod label;
mod run;
mod shape;
mod value;
mod world;

pub(crate) use fault::Fault;
pub(crate) use shape::{Config, Evaluation, Invocation, LabelStep, Step, Task, Tasks};
pub(crate) use value::{Operands, Ref, Value, Values};
pub(crate) use world::World;

use crate::instance::{FunctionRef, Modules};
use crate::lazy::{Text, Vec32};
use shape::{Call, Frame, Label, Labels, Progress};

impl Config {
    /// The evaluation of some tasks in a frame of their own.
    pub(crate) fn of_tasks(module: &Text, stack_limit: i32, tasks: Tasks) -> Self {
        let top = Label { arity: None, on_break: crate::lazy::Maybe(None), values: Values::default(), tasks };
        let frame = Frame { module: module.clone(), locals: Values::default() };
        let labels = Labels { top, rest: Vec32::default() };
        let call = Call { arity: None, frame, progress: Progress::Going { labels } };
        Self { step: Step::Start { top: call, rest: Vec32::default() }, stack_limit }
    }

    /// The call of a function without arguments.
    pub(crate) fn of_call(module: &Text, stack_limit: i32, function: FunctionRef) -> Self {
        Self::of_tasks(module, stack_limit, Tasks::singleton(Task::Invoke { function }))
    }

    /// The evaluation of a block.
    pub(crate) fn of_block(module: &Text, stack_limit: i32, block: i32) -> Self {
        Self::of_tasks(module, stack_limit, Tasks::singleton(Task::FromBlock { block, index: 0 }))
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

impl Evaluation {
    pub(crate) fn call(modules: Modules, module: &Text, stack_limit: i32, function: FunctionRef) -> Self {
        Self { config: Config::of_call(module, stack_limit, function), modules }
    }
}
