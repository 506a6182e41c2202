//! Calling a function.

use super::fault::Fault;
use super::instruction::look;
use super::shape::{
    Call, Frame, Invocation, Join, Label, Labels, Progress, Request, Task, Tasks, Ticks,
};
use super::value::{Operands, Value, Values};
use super::world::World;
use crate::instance::{Function, FunctionRef, Modules};
use crate::lazy::{Maybe, Text, Vec32, VectorError};
use crate::wasm::module::Func;

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

fn concat_length(left: &Values, right: &Values) -> i32 {
    left.length().wrapping_add(right.length())
}

/// One more element of two vectors that become one, or nothing if all are there.
pub(super) fn join(left: &mut Values, right: &mut Values, done: &mut Values, offset: &mut i32) -> Result<bool, Fault> {
    if concat_length(left, right) <= *offset {
        return Ok(false);
    }
    let before = left.length();
    let value = if *offset < before { left.get(*offset)? } else { right.get(offset.wrapping_sub(before))? }.clone();
    if !done.set(*offset, value) {
        return Err(bounds());
    }
    *offset = offset.wrapping_add(1);
    Ok(true)
}

/// Two vectors that are to become one.
pub(super) fn to_join(left: Values, right: Values) -> (Values, Values, Values) {
    let done = Values::with_length(concat_length(&left, &right));
    (left, right, done)
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
        Invocation::Start { function, values, tasks } => start(function, values, tasks, frame, modules, world)?,
        Invocation::Locals { arity, args, values, tasks, module, func, types, done, offset }
            if offset == types.length() =>
        {
            let reversed = Values::with_length(args.length());
            Invocation::Args { arity, values, tasks, module, func, locals: done, args, done: reversed, offset: 0 }
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
            let (left, right, done) = to_join(done, locals);
            let join = Join { left, right, done, offset: 0 };
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
            if self::join(&mut join.left, &mut join.right, &mut join.done, &mut join.offset)? {
                return Ok(Invocation::Joining { arity, values, tasks, module, func, join });
            }
            let call = fresh_call(module, arity, func.body, join.done);
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
            let instance = look(modules, &frame.module)?;
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
