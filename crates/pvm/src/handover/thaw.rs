//! A run of an engine as the machine holds it.

use super::ready::{fits, instance, misfit};
use super::{Block, Call, Cell, ChangedTable, Frozen, HandoverError, Operands, Point};
use crate::decode::MAIN;
use crate::eval::shape::{
    self, Invocation, Label, LabelStep, Labels, Ongoing, Progress, Step, Task, Tasks, Ticks,
};
use crate::eval::{Config, Ref, Value, Values};
use crate::instance::{FunctionRef, Instance, Modules};
use crate::lazy::{Maybe, Text, Vec32};
use crate::numeric::Number;
use crate::run::TABLE_GROWTH_MAX;
use crate::wasm::instruction::Instruction;
use crate::wasm::types::RefType;

/// Puts an evaluation that is about to call a function into the middle of that call.
pub(super) fn thaw(
    config: &mut Config,
    modules: &mut Modules,
    frozen: &Frozen<'_>,
) -> Result<(), HandoverError> {
    let instance = instance(modules)?;
    change(instance, frozen)?;
    let (inner, outer) = frozen.calls.split_last().ok_or_else(|| misfit("a call"))?;
    let mut calls = Vec::new();
    for call in outer {
        calls.push(going(instance, call)?.0);
    }
    let (mut top, last) = going(instance, inner)?;
    let point = match &frozen.point {
        Point::Next => None,
        Point::Again => {
            let instruction = last.ok_or_else(|| misfit("the instruction that comes once more"))?;
            tasks(&mut top)?.cons(Task::Plain { instruction });
            None
        }
        Point::Paying { function, result, ticks } => {
            let function = function_at(instance, *function)?;
            let (params, _) = function.arity();
            let Progress::Going { labels } = &mut top.progress else { return Err(misfit("a block")) };
            let mut after = labels.top.clone();
            if !after.values.skip(params) {
                return Err(misfit("an argument"));
            }
            if let Some(cell) = result {
                after.values.cons(value(instance, *cell)?);
            }
            labels.top.tasks.cons(Task::Invoke { function });
            let invocation = Invocation::Stop {
                values: after.values,
                tasks: after.tasks,
                fresh: Maybe(None),
                remaining: Ticks(*ticks),
            };
            let labels = Ongoing::Labels { labels: labels.clone() };
            Some(LabelStep::Invoke { labels, invocation: Box::new(invocation) })
        }
    };
    let Step::Start { top: first, rest } = &mut config.step else {
        return Err(misfit("a call about to be made"));
    };
    tasks(first)?.pop().map_err(|_| misfit("the task of the call"))?;
    let mut rest = std::mem::take(rest);
    rest.cons(first.clone());
    calls.into_iter().for_each(|call| rest.cons(call));
    config.step = match point {
        None => Step::Start { top, rest },
        Some(step) => Step::Next { top, rest, step },
    };
    Ok(())
}

fn tasks(call: &mut shape::Call) -> Result<&mut Tasks, HandoverError> {
    match &mut call.progress {
        Progress::Going { labels } => Ok(&mut labels.top.tasks),
        _ => Err(misfit("a block")),
    }
}

fn change(instance: &mut Instance, frozen: &Frozen<'_>) -> Result<(), HandoverError> {
    for (index, cell) in (0..).zip(&frozen.globals) {
        let value = value(instance, *cell)?;
        let global = fits(instance.globals.get(index), "a global")?;
        if global.mutable.0 {
            fits(instance.globals.get_mut(index), "a global")?.value = value;
        }
    }
    for segment in &frozen.dropped {
        *fits(instance.datas.get_mut(*segment as i32), "a segment")? = 0;
    }
    for segment in &frozen.dropped_elements {
        fits(instance.elements(*segment as i32), "a segment of elements")?.refs = Vec32::default();
    }
    for table in &frozen.tables {
        change_table(instance, table)?;
    }
    if instance.memories.length() == 0 {
        return Ok(());
    }
    let memory = fits(instance.memories.get_mut(0), "memory 0")?;
    let more = (frozen.pages as i32).wrapping_sub(memory.size());
    if more != 0 && fits(memory.grow(more), "room for the memory")? < 0 {
        return Err(misfit("room for the memory"));
    }
    for (index, bytes) in &frozen.chunks {
        fits(memory.store_bytes(i64::from(*index) * 512, bytes), "a part of the memory")?;
    }
    Ok(())
}

fn change_table(instance: &mut Instance, changed: &ChangedTable) -> Result<(), HandoverError> {
    let index = changed.index as i32;
    let table = fits(instance.table(index), "a table")?;
    let null = Ref::Null { ref_type: table.elements };
    while (table.size() as u32) < changed.size {
        let more = (changed.size - table.size() as u32).min(TABLE_GROWTH_MAX);
        if fits(table.grow(more as i32, &null), "room for the table")? < 0 {
            return Err(misfit("room for the table"));
        }
    }
    for (element, cell) in &changed.elements {
        let Value::Ref { reference } = value(instance, *cell)? else { return Err(misfit("a reference")) };
        let table = fits(instance.table(index), "a table")?;
        if !fits(table.store(*element as i32, reference), "an element of that type")? {
            return Err(misfit("an element"));
        }
    }
    Ok(())
}

fn function_at(instance: &mut Instance, index: u32) -> Result<FunctionRef, HandoverError> {
    fits(instance.functions.get(index as i32), "a function").cloned()
}

fn value(instance: &mut Instance, cell: Cell) -> Result<Value, HandoverError> {
    Ok(match cell {
        Cell::I32(n) => Value::i32(n),
        Cell::I64(n) => Value::Number { number: Number::I64(n) },
        Cell::Func(Some(index)) => {
            Value::Ref { reference: Ref::Func { function: function_at(instance, index)? } }
        }
        Cell::Func(None) => Value::Ref { reference: Ref::Null { ref_type: RefType::Func } },
        Cell::Extern => Value::Ref { reference: Ref::Null { ref_type: RefType::Extern } },
        Cell::V128(vector) => Value::Vector { vector },
    })
}

fn values(instance: &mut Instance, operands: &Operands) -> Result<Values, HandoverError> {
    let mut entries = Vec::with_capacity(operands.entries.len());
    for (key, cell) in &operands.entries {
        entries.push((*key, value(instance, *cell)?));
    }
    Ok(Vec32::with_entries(operands.head, operands.length, entries))
}

/// A function at work, with the instruction of its innermost block that was taken last.
fn going(instance: &mut Instance, call: &Call) -> Result<(shape::Call, Option<Instruction>), HandoverError> {
    let mut locals = Vec::with_capacity(call.locals.len());
    for cell in &call.locals {
        locals.push(value(instance, *cell)?);
    }
    let (_, arity) = function_at(instance, call.function)?.arity();
    let mut rest: Vec32<Label> = Vec32::default();
    let mut top: Option<Label> = None;
    // The instruction that has begun the next block.
    let mut opener: Option<Instruction> = None;
    for block in &call.blocks {
        let label = label(instance, block, top.is_some().then_some(opener).flatten(), arity)?;
        if let Some(around) = top.replace(label) {
            rest.cons(around);
        }
        opener = taken_last(instance, block)?;
    }
    let top = top.ok_or_else(|| misfit("a block"))?;
    let frame = shape::Frame { module: Text(MAIN.into()), locals: locals.into_iter().collect() };
    let progress = Progress::Going { labels: Labels { top, rest } };
    Ok((shape::Call { arity: Some(arity), frame, progress }, opener))
}

fn taken_last(instance: &mut Instance, block: &Block) -> Result<Option<Instruction>, HandoverError> {
    if block.next == 0 {
        return Ok(None);
    }
    let instructions = &mut fits(instance.block(block.number), "a block")?.instructions;
    fits(instructions.get(block.next - 1), "an instruction").cloned().map(Some)
}

fn label(
    instance: &mut Instance,
    block: &Block,
    opener: Option<Instruction>,
    arity: i32,
) -> Result<Label, HandoverError> {
    let (arity, on_break) = match &opener {
        None => (arity, None),
        Some(Instruction::Block(block_type, _) | Instruction::If(block_type, _, _)) => {
            (fits(instance.block_arity(*block_type), "a type")?.1, None)
        }
        Some(Instruction::Loop(block_type, _)) => {
            (fits(instance.block_arity(*block_type), "a type")?.0, opener)
        }
        Some(_) => return Err(misfit("the beginning of a block")),
    };
    Ok(Label {
        arity: Some(arity),
        on_break: Maybe(on_break),
        values: values(instance, &block.operands)?,
        tasks: Tasks::singleton(Task::FromBlock { block: block.number, index: block.next }),
    })
}
