//! The ticks of an evaluation: one by one, each with the state that it leads to, and many at once.

use super::End;
use super::fault::Fault;
use super::instruction;
use super::invoke::{self, LOCALS_MAX, fresh_call, has_room};
use super::label::{self, Effect};
use super::shape::{
    COPIED, Call, Config, Invocation, Label, LabelStep, Labels, Ongoing, Progress, Step, Task, Ticks,
};
use super::value::{Operands, Value, Values};
use super::world::World;
use crate::host::HostFunction;
use crate::instance::{Function, FunctionRef, Modules};
use crate::lazy::{Joining, Maybe, Text, Vec32, VectorError};
use crate::state::StateError;

type Calls = Vec32<Call>;

fn nothing() -> Step {
    Step::Trapped { message: Text::default() }
}

impl Config {
    /// One tick. After a fault there is nothing left of the evaluation.
    pub(crate) fn tick(&mut self, modules: &mut Modules, world: &mut World<'_>) -> Result<(), Fault> {
        let limit = self.stack_limit;
        self.step = match std::mem::replace(&mut self.step, nothing()) {
            Step::Start { top, rest } => begin(top, rest)?,
            Step::Next { mut top, rest, step: LabelStep::Modified { progress } } => {
                top.progress = progress;
                Step::Start { top, rest }
            }
            Step::Next { mut top, mut rest, step: LabelStep::Push { labels, fresh } } => {
                if limit <= rest.length().wrapping_add(1) {
                    return Err(Fault::crash("call stack exhausted"));
                }
                let Ongoing::Labels { labels } = labels;
                let locals = u64::from(fresh.frame.locals.length() as u32);
                if !has_room(rest.length(), locals, labels.top.values.length()) {
                    let what = format!("calls {} deep, the last one with {locals} locals", rest.length());
                    return Err(StateError::TooLarge { what }.into());
                }
                top.progress = Progress::Going { labels };
                rest.cons(top);
                Step::Start { top: *fresh, rest }
            }
            Step::Next { mut top, rest, step } => {
                let step = next(step, &mut top, modules, world)?;
                Step::Next { top, rest, step }
            }
            Step::Return { top, rest, label, mut stacking, tasks, labels } => {
                if !stacking.is_done() {
                    stacking.step()?;
                    Step::Return { top, rest, label, stacking, tasks, labels }
                } else {
                    let top = Call {
                        progress: Progress::Going {
                            labels: Labels {
                                top: Label { values: stacking.done, tasks, ..label },
                                rest: labels,
                            },
                        },
                        ..top
                    };
                    Step::Start { top, rest }
                }
            }
            Step::Result { .. } | Step::Trapped { .. } => {
                return Err(Fault::explained(
                    "Tezos_webassembly_interpreter.Eval.Evaluation_step_error(_)",
                    "Eval_step",
                ));
            }
        };
        Ok(())
    }

    /// Up to `max` ticks: how many were made, and why no more could be. It stops where it waits for a reveal and where it
    /// has an end. Of the states in between only the last one is made.
    pub(crate) fn ticks(
        &mut self,
        max: u64,
        modules: &mut Modules,
        world: &mut World<'_>,
    ) -> (u64, Option<Fault>) {
        let mut done = 0;
        while done < max {
            let left = max - done;
            let (made, fault) = self.leap(left, self.stack_limit, modules);
            done += made;
            if fault.is_some() {
                return (done, fault);
            }
            if made > 0 {
                continue;
            }
            match &mut self.step {
                Step::Result { .. } | Step::Trapped { .. } => break,
                Step::Next { step: LabelStep::Invoke { invocation, .. }, .. } => match &mut **invocation {
                    Invocation::Reveal { .. } if !world.is_initialising => break,
                    Invocation::Stop { remaining, .. } if remaining.0 > 0 => {
                        let paid = remaining.0.min(left);
                        *remaining = Ticks(remaining.0 - paid);
                        done += paid;
                        continue;
                    }
                    _ => (),
                },
                _ => (),
            }
            if let Err(fault) = self.tick(modules, world) {
                return (done, Some(fault));
            }
            done += 1;
        }
        (done, None)
    }

    /// The same up to where a function is about to be called, if it does not begin there.
    pub(crate) fn ticks_to_call(
        &mut self,
        max: u64,
        modules: &mut Modules,
        world: &mut World<'_>,
    ) -> (u64, Option<Fault>) {
        let mut done = 0;
        while done < max && !(done > 0 && self.called().is_some()) && matches!(self.end(), End::Going) {
            // No call is foreseen where none fits in.
            let (made, fault) = self.leap(max - done, 0, modules);
            done += made;
            if fault.is_some() {
                return (done, fault);
            }
            if made == 0 {
                if let Err(fault) = self.tick(modules, world) {
                    return (done, Some(fault));
                }
                done += 1;
            }
        }
        (done, None)
    }

    /// The answer to a reveal. It takes one tick.
    pub(crate) fn reveal(&mut self, modules: &mut Modules, answer: &[u8]) -> Result<(), Fault> {
        let no_next_state =
            |reason: &str| Fault::State(StateError::NoNextState { reason: reason.to_owned() });
        let Step::Next { top, step: LabelStep::Invoke { invocation, .. }, .. } = &mut self.step else {
            return Err(no_next_state("the kernel waits for no reveal"));
        };
        let Invocation::Reveal { destination, max, values, tasks, .. } = &mut **invocation else {
            return Err(no_next_state("the kernel waits for no reveal"));
        };
        let memory = instruction::instance(modules, &top.frame.module)?.memory(0)?;
        let max = usize::try_from(*max)
            .map_err(|_| no_next_state(&format!("the kernel has room for {max} bytes of the answer")))?;
        let answer = &answer[..answer.len().min(max)];
        let address = i64::from(*destination as u32);
        if memory.store_bytes(address, answer).is_err() {
            return Err(no_next_state(&format!(
                "the answer goes to the bytes {address} to {} of a memory of {}",
                address + answer.len() as i64,
                memory.bound()
            )));
        }
        let (mut values, tasks) = (std::mem::take(values), std::mem::take(tasks));
        values.push_i32(answer.len() as i32);
        let remaining = Ticks(HostFunction::reveal_cost(answer.len()));
        **invocation = Invocation::Stop { values, tasks, fresh: Maybe(None), remaining };
        Ok(())
    }

    /// Goes from beginnings of steps to beginnings of steps without making the states in between, as long as `max` ticks
    /// are enough, and calls no deeper than the limit. Says how many ticks were made; before a fault, the one in which the
    /// step begins is made.
    fn leap(&mut self, max: u64, limit: i32, modules: &mut Modules) -> (u64, Option<Fault>) {
        let mut done = 0;
        let Step::Start { top, rest } = &mut self.step else { return (0, None) };
        loop {
            // What is foreseen is read: a single tick reads no more than it needs, as its proof has to.
            let ticks = match (max - done > 1).then(|| foresee(top, rest, limit)).flatten() {
                Some(ticks) if ticks <= max - done => ticks,
                _ => return (done, None),
            };
            if let Err(fault) = whole_step(top, rest, modules) {
                return (done + 1, Some(fault));
            }
            done += ticks;
        }
    }
}

/// The ticks from this beginning of a step to the next, if it is one that can be made at once. What is looked at here is
/// what the step would read.
#[inline]
fn foresee(top: &mut Call, rest: &mut Calls, limit: i32) -> Option<u64> {
    const PLAIN: u64 = 3;
    match &mut top.progress {
        Progress::Going { labels } => {
            let inner = &mut labels.top;
            let leaving = if inner.tasks.length() <= 0 {
                inner.values.length()
            } else {
                match inner.tasks.get(0).ok()? {
                    Task::Breaking { depth: 0, values } => match inner.arity {
                        Some(arity) if (values.length() as u32) < arity as u32 => return None,
                        Some(arity) => arity,
                        None => values.length(),
                    },
                    Task::Invoke { function } => {
                        let function = function.clone();
                        return foresee_call(&function, &mut inner.values, rest.length(), limit);
                    }
                    _ => return Some(PLAIN),
                }
            };
            if labels.rest.is_empty() {
                return Some(PLAIN);
            }
            let joined = count(leaving)? + count(labels.rest.get(0).ok()?.values.length())?;
            Some(joined + 4)
        }
        Progress::Result { values } if !rest.is_empty() => match &rest.get(0).ok()?.progress {
            Progress::Going { labels } => {
                Some(count(values.length())? + count(labels.top.values.length())? + 2)
            }
            _ => None,
        },
        _ => None,
    }
}

fn foresee_call(function: &FunctionRef, values: &mut Values, calls: i32, limit: i32) -> Option<u64> {
    match function.function() {
        Function::Native { locals, .. } if locals.length() <= LOCALS_MAX => (),
        _ => return None,
    }
    let (params, _) = function.arity();
    let locals = function.local_types().ok()?.len() as u64;
    let args = count(params)?;
    if args > u64::from(values.length() as u32)
        || limit <= calls.wrapping_add(1)
        || !has_room(calls, locals + args, values.length())
    {
        return None;
    }
    (0..params).try_for_each(|index| values.get(index).map(drop)).ok()?;
    Some(8 + 2 * locals + 2 * args)
}

fn count(length: i32) -> Option<u64> {
    u64::try_from(length).ok()
}

/// From one beginning of a step to the next. It was foreseen.
#[inline]
fn whole_step(top: &mut Call, rest: &mut Calls, modules: &mut Modules) -> Result<(), Fault> {
    match &mut top.progress {
        Progress::Going { labels } => match label::advance(&mut top.frame, labels, modules)? {
            Effect::Modified => (),
            Effect::Result(values) => top.progress = Progress::Result { values },
            Effect::Trapped(message) => top.progress = Progress::Trapped { message },
            Effect::Leave { mut values, again } => {
                labels.top = labels.rest.pop()?;
                let around = &mut labels.top;
                around.values = joined(&mut values, &mut around.values)?;
                if let Some(instruction) = again {
                    around.tasks.cons(Task::Plain { instruction });
                }
            }
            Effect::Invoke(function) => {
                let values = &mut labels.top.values;
                let call = called(&function, values)?;
                rest.cons(std::mem::replace(top, call));
            }
        },
        Progress::Result { values } => {
            let mut values = std::mem::take(values);
            *top = rest.pop()?;
            let Progress::Going { labels } = &mut top.progress else {
                return Err(VectorError::NoEntry.into());
            };
            labels.top.values = joined(&mut values, &mut labels.top.values)?;
        }
        Progress::Trapped { .. } => (),
    }
    Ok(())
}

fn joined(left: &mut Values, right: &mut Values) -> Result<Values, VectorError> {
    // A state can say any length: that many entries are found first.
    let mut values = Vec::with_capacity(16);
    for vector in [left, right] {
        for index in 0..vector.length() {
            values.push(vector.get(index)?.clone());
        }
    }
    Ok(values.into_iter().collect())
}

/// A call of a function of the module's own; its arguments are taken, and stay among the entries of the stack.
fn called(function: &FunctionRef, values: &mut Values) -> Result<Call, Fault> {
    let Function::Native { module, body, .. } = function.function() else {
        return Err(VectorError::NoEntry.into());
    };
    let (params, arity) = function.arity();
    let types = function.local_types()?;
    let mut locals = Vec::with_capacity(params as usize + types.len());
    for index in (0..params).rev() {
        locals.push(values.get(index)?.clone());
    }
    locals.extend(types.iter().map(|value_type| Value::default_of(*value_type)));
    values.skip(params);
    Ok(fresh_call(module.clone(), arity, *body, locals.into_iter().collect()))
}

fn begin(mut top: Call, mut rest: Calls) -> Result<Step, Fault> {
    match &mut top.progress {
        Progress::Going { labels } => {
            let step = LabelStep::Start { labels: Ongoing::Labels { labels: labels.share()? } };
            Ok(Step::Next { top, rest, step })
        }
        Progress::Trapped { message } => Ok(Step::Trapped { message: message.clone() }),
        Progress::Result { values } => {
            let mut values = values.share(COPIED)?;
            if rest.is_empty() {
                if let Some(arity) = top.arity
                    && !values.truncate(arity)
                {
                    return Err(VectorError::Bounds.into());
                }
                return Ok(Step::Result { values });
            }
            let mut top = rest.pop()?;
            let Progress::Going { labels } = &mut top.progress else {
                return Err(VectorError::NoEntry.into());
            };
            let Labels { top: mut label, rest: labels } = labels.share()?;
            let stacking = Box::new(Joining::of(values, label.values.share(COPIED)?));
            let tasks = label.tasks.share(COPIED)?;
            Ok(Step::Return { top, rest, label, stacking, tasks, labels })
        }
    }
}

/// The next step of a block.
fn next(
    step: LabelStep,
    top: &mut Call,
    modules: &mut Modules,
    world: &mut World<'_>,
) -> Result<LabelStep, Fault> {
    Ok(match step {
        LabelStep::Start { labels: Ongoing::Labels { mut labels } } => {
            let tasks = &mut labels.top.tasks;
            let is_call = tasks.length() > 0 && matches!(tasks.get(0)?, Task::Invoke { .. });
            let before = if is_call { Some(labels.share()?) } else { None };
            match label::advance(&mut top.frame, &mut labels, modules)? {
                Effect::Modified => LabelStep::Modified { progress: Progress::Going { labels } },
                Effect::Result(values) => LabelStep::Modified { progress: Progress::Result { values } },
                Effect::Trapped(message) => LabelStep::Modified { progress: Progress::Trapped { message } },
                Effect::Invoke(function) => {
                    let Label { values, tasks, .. } = labels.top.share()?;
                    let invocation = Box::new(Invocation::Start { function, values, tasks });
                    let labels = before.unwrap_or(labels);
                    LabelStep::Invoke { labels: Ongoing::Labels { labels }, invocation }
                }
                Effect::Leave { values, again } => {
                    let mut label = labels.rest.pop()?;
                    let mut tasks = label.tasks.share(COPIED)?;
                    if let Some(instruction) = again {
                        tasks.cons(Task::Plain { instruction });
                    }
                    let stacking = Box::new(Joining::of(values, label.values.share(COPIED)?));
                    LabelStep::Leave { label, stacking, tasks, rest: labels.rest }
                }
            }
        }
        LabelStep::Invoke { labels: Ongoing::Labels { mut labels }, invocation } => match *invocation {
            Invocation::Stop { values, tasks, fresh, remaining: Ticks(0) } => {
                (labels.top.values, labels.top.tasks) = (values, tasks);
                match fresh.0 {
                    Some(fresh) => LabelStep::Push { labels: Ongoing::Labels { labels }, fresh },
                    None => LabelStep::Modified { progress: Progress::Going { labels } },
                }
            }
            going => {
                let invocation = Box::new(invoke::step(going, &top.frame, modules, world)?);
                LabelStep::Invoke { labels: Ongoing::Labels { labels }, invocation }
            }
        },
        LabelStep::Leave { label, mut stacking, tasks, rest } => {
            if !stacking.is_done() {
                stacking.step()?;
                return Ok(LabelStep::Leave { label, stacking, tasks, rest });
            }
            let top = Label { values: stacking.done, tasks, ..label };
            LabelStep::Modified { progress: Progress::Going { labels: Labels { top, rest } } }
        }
        // They are done elsewhere.
        LabelStep::Push { .. } | LabelStep::Modified { .. } => {
            return Err(Fault::explained(
                "Tezos_webassembly_interpreter.Eval.Evaluation_step_error(_)",
                "Label_step",
            ));
        }
    })
}
