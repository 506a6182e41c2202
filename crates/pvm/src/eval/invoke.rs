//! Calling a function.

use super::fault::Fault;
use super::instruction::instance;
use super::shape::{
    Call, Frame, Invocation, JoiningLocals, Label, Labels, Progress, Request, Task, Tasks, Ticks,
};
use super::value::{Operands, Value, Values};
use super::world::World;
use crate::instance::{Function, FunctionRef, Modules};
use crate::lazy::{Joining, Maybe, Text, Vec32, VectorError};
use crate::state::StateError;
use crate::wasm::module::Func;

/// More locals than any engine takes. A function of more is read, and cannot be called.
pub(super) const LOCALS_MAX: i32 = 1 << 17;
/// If all calls were like the innermost one, they would hold no more values than these together.
const HELD_MAX: u64 = 1 << 24;

/// Whether one more call inside of so many fits into memory: its locals, and the values that wait for it.
pub(super) fn has_room(calls: i32, locals: u64, waiting: i32) -> bool {
    let held = locals.saturating_add(u64::from(waiting as u32));
    held.saturating_mul(u64::from(calls as u32) + 1) <= HELD_MAX
}

const NO_REVEAL: &str = "Invoke_step: The reveal tick cannot be evaluated as is";

fn bounds() -> Fault {
    VectorError::Bounds.into()
}

/// A function that begins.
pub(super) fn fresh_call(module: Text, arity: i32, body: i32, locals: Values) -> Call {
    let top = Label {
        arity: Some(arity),
        on_break: Maybe(None),
        values: Values::default(),
        tasks: Tasks::singleton(Task::FromBlock { block: body, index: 0 }),
    };
    Call {
        arity: Some(arity),
        frame: Frame { module, locals },
        progress: Progress::Going { labels: Labels { top, rest: Vec32::default() } },
    }
}

/// The next step of a call that has not stopped yet.
pub(super) fn step(
    invocation: Invocation,
    frame: &Frame,
    modules: &mut Modules,
    world: &mut World<'_>,
) -> Result<Invocation, Fault> {
    Ok(match invocation {
        Invocation::Stop { values, tasks, fresh, remaining } => {
            let remaining = Ticks(remaining.0.saturating_sub(1));
            Invocation::Stop { values, tasks, fresh, remaining }
        }
        Invocation::Start { function, values, tasks } => {
            start(function, values, tasks, frame, modules, world)?
        }
        Invocation::Locals { arity, args, values, tasks, module, func, types, done, offset }
            if offset == types.length() =>
        {
            let reversed = Values::with_length(args.length());
            Invocation::Args {
                arity,
                values,
                tasks,
                module,
                func,
                locals: done,
                args,
                done: reversed,
                offset: 0,
            }
        }
        Invocation::Locals { arity, args, values, tasks, module, func, mut types, mut done, offset } => {
            let value = Value::default_of(*types.get(offset)?);
            if !done.set(offset, value) {
                return Err(bounds());
            }
            let offset = offset.wrapping_add(1);
            Invocation::Locals { arity, args, values, tasks, module, func, types, done, offset }
        }
        Invocation::Args { arity, values, tasks, module, func, locals, args, done, offset }
            if offset == args.length() =>
        {
            let join = JoiningLocals(Joining::of(done, locals));
            Invocation::Joining { arity, values, tasks, module, func, join }
        }
        Invocation::Args { arity, values, tasks, module, func, locals, mut args, mut done, offset } => {
            let value = args.get(offset)?.clone();
            let last = args.length().wrapping_sub(1);
            if !done.set(last.wrapping_sub(offset), value) {
                return Err(bounds());
            }
            let offset = offset.wrapping_add(1);
            Invocation::Args { arity, values, tasks, module, func, locals, args, done, offset }
        }
        Invocation::Joining { arity, values, tasks, module, func, mut join } => {
            if !join.0.is_done() {
                join.0.step()?;
                return Ok(Invocation::Joining { arity, values, tasks, module, func, join });
            }
            let call = fresh_call(module, arity, func.body, join.0.done);
            Invocation::Stop { values, tasks, fresh: Maybe(Some(Box::new(call))), remaining: Ticks(0) }
        }
        Invocation::Reveal { .. } => {
            return Err(Fault::explained(
                "Tezos_webassembly_interpreter.Eval.Evaluation_step_error(_)",
                NO_REVEAL,
            ));
        }
    })
}

fn start(
    function: FunctionRef,
    values: Values,
    tasks: Tasks,
    frame: &Frame,
    modules: &mut Modules,
    world: &mut World<'_>,
) -> Result<Invocation, Fault> {
    let (params, arity) = function.arity();
    let (args, mut values) = values.split(params).ok_or_else(bounds)?;
    match function.function() {
        Function::Native { locals, .. } if locals.length() > LOCALS_MAX => {
            let what = format!("a function of {} locals", locals.length());
            Err(StateError::TooLarge { what }.into())
        }
        Function::Native { module, ftype, locals, body, .. } => {
            let func = Func { ftype: *ftype, locals: locals.clone(), body: *body };
            let (types, done) = (locals.clone(), Values::with_length(locals.length()));
            Ok(Invocation::Locals {
                arity,
                args,
                values,
                tasks,
                module: module.clone(),
                func,
                types,
                done,
                offset: 0,
            })
        }
        Function::Host { name, .. } => {
            let mut args = args;
            let args = (0..args.length())
                .rev()
                .map(|index| args.get(index).cloned())
                .collect::<Result<Vec<_>, VectorError>>()?;
            let instance = instance(modules, &frame.module)?;
            match world.call(name, &args, instance)? {
                Called::Done { result, ticks } => {
                    values_with(&mut values, result);
                    Ok(Invocation::Stop { values, tasks, fresh: Maybe(None), remaining: Ticks(ticks) })
                }
                Called::Reveal { request, destination, max } => {
                    Ok(Invocation::Reveal { request, destination, max, values, tasks })
                }
            }
        }
    }
}

fn values_with(values: &mut Values, result: Option<crate::numeric::Number>) {
    if let Some(number) = result {
        values.push(number);
    }
}

/// What came of calling a host function.
pub(super) enum Called {
    Done { result: Option<crate::numeric::Number>, ticks: u64 },
    Reveal { request: Request, destination: i32, max: i32 },
}
