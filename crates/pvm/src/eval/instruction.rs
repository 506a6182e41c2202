//! One instruction of the kernel.

use super::bulk;
use super::fault::Fault;
use super::shape::{Frame, Label, Labels, Task, Tasks};
use super::value::{Operands, Ref, Value, Values};
use crate::instance::{AccessError, Instance, Modules};
use crate::lazy::{Maybe, Text, Vec32, VectorError};
use crate::numeric::NumericError;
use crate::wasm::instruction::Instruction;

const OUTSIDE_MEMORY: &str = "out of bounds memory access";
const OUTSIDE_TABLE: &str = "out of bounds table access";

type Done = Result<(), Fault>;

/// The instance that a function belongs to, to look into.
#[inline]
pub(super) fn look<'a>(modules: &'a mut Modules, module: &Text) -> Result<&'a mut Instance, Fault> {
    match modules.look(&module.0)? {
        Some(instance) => Ok(instance),
        None => Err(VectorError::NoEntry.into()),
    }
}

/// The same, to be changed.
#[inline]
pub(super) fn instance<'a>(modules: &'a mut Modules, module: &Text) -> Result<&'a mut Instance, Fault> {
    match modules.get_mut(&module.0)? {
        Some(instance) => Ok(instance),
        None => Err(VectorError::NoEntry.into()),
    }
}

fn trap(tasks: &mut Tasks, message: &str) {
    tasks.cons(Task::Trapping { message: Text(message.into()) });
}

fn plain(tasks: &mut Tasks, instruction: Instruction) {
    tasks.cons(Task::Plain { instruction });
}

/// Makes the instruction that was just taken from the tasks of the innermost block.
pub(super) fn step(
    frame: &mut Frame,
    labels: &mut Labels,
    modules: &mut Modules,
    instruction: Instruction,
) -> Done {
    use Instruction as I;
    let Label { values, tasks, .. } = &mut labels.top;
    match instruction {
        I::Unreachable => trap(tasks, "unreachable executed"),
        I::Nop => (),
        I::Block(block_type, body) => {
            let (params, results) = look(modules, &frame.module)?.block_arity(block_type)?;
            enter(labels, params, results, None, body)?;
        }
        I::Loop(block_type, body) => {
            let (params, _) = look(modules, &frame.module)?.block_arity(block_type)?;
            enter(labels, params, params, Some(I::Loop(block_type, body)), body)?;
        }
        I::If(block_type, then, otherwise) => {
            let body = if values.pop_i32()? == 0 { otherwise } else { then };
            plain(tasks, I::Block(block_type, body));
        }
        I::Br(depth) => {
            let values = Box::new(std::mem::take(values));
            tasks.cons(Task::Breaking { depth, values });
        }
        I::BrIf(depth) => {
            if values.pop_i32()? != 0 {
                plain(tasks, I::Br(depth));
            }
        }
        I::BrTable(targets, default) => {
            let index = values.pop_i32()? as u32;
            let depth = targets.0.get(index as usize).copied().unwrap_or(default);
            plain(tasks, I::Br(depth));
        }
        I::Return => {
            let values = Box::new(std::mem::take(values));
            tasks.cons(Task::Returning { values });
        }
        I::Call(index) => {
            let function = look(modules, &frame.module)?.function(index)?.clone();
            tasks.cons(Task::Invoke { function });
        }
        I::CallIndirect { table, func_type } => {
            let index = values.pop_i32()?;
            let instance = look(modules, &frame.module)?;
            call_indirect(instance, tasks, (table, index), func_type)?;
        }
        I::Drop => {
            values.pop_any()?;
        }
        I::Select(_) => {
            let choice = values.pop_i32()?;
            let (second, first) = (values.pop_any()?, values.pop_any()?);
            values.cons(if choice == 0 { second } else { first });
        }
        I::LocalGet(index) => {
            let value = frame.locals.get(index).map_err(|error| match error {
                VectorError::Bounds => Fault::crash(format!("undefined local {index}")),
                other => other.into(),
            })?;
            values.cons(value.clone());
        }
        I::LocalSet(index) => {
            let value = values.pop_any()?;
            set_local(frame, index, value)?;
        }
        I::LocalTee(index) => {
            let value = values.pop_any()?;
            set_local(frame, index, value.clone())?;
            values.cons(value);
        }
        I::GlobalGet(index) => {
            let value = look(modules, &frame.module)?.look_at_global(index)?.value.clone();
            values.cons(value);
        }
        I::GlobalSet(index) => {
            let value = values.pop_any()?;
            instance(modules, &frame.module)?.global(index)?.store(value)?;
        }
        I::RefNull(ref_type) => values.push_ref(Ref::Null { ref_type }),
        I::RefIsNull => {
            let is_null = matches!(values.pop_ref()?, Ref::Null { .. });
            values.push_i32(i32::from(is_null));
        }
        I::RefFunc(index) => {
            let function = look(modules, &frame.module)?.function(index)?.clone();
            values.push_ref(Ref::Func { function });
        }
        I::Const(number) => values.push(number),
        I::Test(op) => {
            let n = values.pop_number()?;
            computed(op.apply(n), tasks, |n| values.push(n))?;
        }
        I::Compare(op) => {
            let (b, a) = (values.pop_number()?, values.pop_number()?);
            computed(op.apply(a, b), tasks, |n| values.push(n))?;
        }
        I::Unary(op) => {
            let n = values.pop_number()?;
            computed(op.apply(n), tasks, |n| values.push(n))?;
        }
        I::Binary(op) => {
            let (b, a) = (values.pop_number()?, values.pop_number()?);
            computed(op.apply(a, b), tasks, |n| values.push(n))?;
        }
        I::Convert(op) => {
            let n = values.pop_number()?;
            computed(op.apply(n), tasks, |n| values.push(n))?;
        }
        I::TableGet(_)
        | I::TableSet(_)
        | I::TableSize(_)
        | I::TableGrow(_)
        | I::TableFill(_)
        | I::TableCopy { .. }
        | I::TableInit { .. }
        | I::ElemDrop(_) => on_table(instance(modules, &frame.module)?, values, tasks, instruction)?,
        I::Load(_)
        | I::Store(_)
        | I::VecLoad(_)
        | I::VecStore(_)
        | I::VecLoadLane(_)
        | I::VecStoreLane(_)
        | I::MemorySize
        | I::MemoryGrow
        | I::MemoryFill
        | I::MemoryCopy
        | I::MemoryInit(_)
        | I::DataDrop(_) => on_memory(modules, &frame.module, values, tasks, instruction)?,
        other => on_vectors(values, tasks, other)?,
    }
    Ok(())
}

/// About so many entries the blocks of a function have of those around them, all together.
const BLOCK_ENTRIES: usize = 1 << 16;

/// Begins a block: its parameters go along, and the block around it waits.
fn enter(labels: &mut Labels, params: i32, arity: i32, on_break: Option<Instruction>, body: i32) -> Done {
    let bounds = || Fault::from(VectorError::Bounds);
    let around = &mut labels.top;
    // What the block around has counts among the entries of both.
    let depth = labels.rest.length() as u32 as usize + 1;
    let mut args = around.values.share(BLOCK_ENTRIES / depth)?;
    if !args.truncate(params) || !around.values.skip(params) {
        return Err(bounds());
    }
    let label = Label {
        arity: Some(arity),
        on_break: Maybe(on_break),
        values: args,
        tasks: Tasks::singleton(Task::FromBlock { block: body, index: 0 }),
    };
    let around = std::mem::replace(&mut labels.top, label);
    labels.rest.cons(around);
    Ok(())
}

#[inline]
fn set_local(frame: &mut Frame, index: i32, value: Value) -> Done {
    if frame.locals.set(index, value) { Ok(()) } else { Err(VectorError::Bounds.into()) }
}

/// A result, or the trap that there is in its place.
#[inline]
fn computed<T>(result: Result<T, NumericError>, tasks: &mut Tasks, put: impl FnOnce(T)) -> Done {
    match result {
        Ok(value) => put(value),
        Err(NumericError::Trap(text)) => trap(tasks, &text.to_string()),
        Err(NumericError::Crash { .. }) => {
            return Err(Fault::crash(result.err().map_or_else(String::new, |e| e.to_string())));
        }
        Err(NumericError::NoLane) => return Err(Fault::unknown(&NumericError::NoLane.to_string())),
    }
    Ok(())
}

fn call_indirect(
    instance: &mut Instance,
    tasks: &mut Tasks,
    (table, index): (i32, i32),
    func_type: i32,
) -> Done {
    let function = match instance.look_at_table(table)?.load(index)? {
        Some(Ref::Func { function }) => function,
        Some(Ref::Null { .. }) => return Err(Fault::crash(format!("uninitialized element {index}"))),
        Some(Ref::Extern { .. }) => return Err(Fault::crash(format!("type mismatch for element {index}"))),
        None => return Err(Fault::crash(format!("undefined element {index}"))),
    };
    let expected = instance.func_type(func_type)?;
    let (mut params, mut results) = function.types();
    let is_same = params.length() == expected.params.length()
        && results.length() == expected.results.length()
        // Both are compared even if the first ones differ.
        && same_types(&mut expected.params, &mut params)? & same_types(&mut expected.results, &mut results)?;
    if is_same {
        tasks.cons(Task::Invoke { function });
    } else {
        trap(tasks, "indirect call type mismatch");
    }
    Ok(())
}

fn same_types<T: crate::lazy::Node + PartialEq>(a: &mut Vec32<T>, b: &mut Vec32<T>) -> Result<bool, Fault> {
    for index in 0..a.length() {
        if a.get(index)? != b.get(index)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_outside(at: i32, count: i32, bound: i64) -> bool {
    u64::from(at as u32) + u64::from(count as u32) > bound as u64
}

fn on_table(
    instance: &mut Instance,
    values: &mut Values,
    tasks: &mut Tasks,
    instruction: Instruction,
) -> Done {
    use Instruction as I;
    match instruction {
        I::TableGet(table) => {
            let index = values.pop_i32()?;
            match instance.look_at_table(table)?.load(index)? {
                Some(reference) => values.push_ref(reference),
                None => trap(tasks, OUTSIDE_TABLE),
            }
        }
        I::TableSet(table) => {
            let (reference, index) = (values.pop_ref()?, values.pop_i32()?);
            if !instance.table(table)?.store(index, reference)? {
                trap(tasks, OUTSIDE_TABLE);
            }
        }
        I::TableSize(table) => values.push_i32(instance.look_at_table(table)?.size()),
        I::TableGrow(table) => {
            let (delta, reference) = (values.pop_i32()?, values.pop_ref()?);
            let before = instance.table(table)?.grow(delta, &reference)?;
            values.push_i32(before);
        }
        I::TableFill(table) => {
            let (count, reference, to) = (values.pop_i32()?, values.pop_ref()?, values.pop_i32()?);
            if is_outside(to, count, table_bound(instance, table)?) {
                trap(tasks, OUTSIDE_TABLE);
            } else if count != 0 {
                let bulk = bulk::TableFill { index: 0, to, count, reference, table };
                tasks.cons(Task::TableFill { bulk: Box::new(bulk) });
            }
        }
        I::TableCopy { to: to_table, from: from_table } => {
            let (count, from, to) = (values.pop_i32()?, values.pop_i32()?, values.pop_i32()?);
            // Both tables are looked at before anything is said of them: a step's proof holds both.
            let (to_bound, from_bound) = (table_bound(instance, to_table), table_bound(instance, from_table));
            if is_outside(to, count, to_bound?) | is_outside(from, count, from_bound?) {
                trap(tasks, OUTSIDE_TABLE);
            } else if count != 0 {
                let upwards = to as u32 <= from as u32;
                let bulk = bulk::TableCopy { index: 0, to, from, count, to_table, from_table, upwards };
                tasks.cons(Task::TableCopy { bulk: Box::new(bulk) });
            }
        }
        I::TableInit { table, segment } => {
            let (count, from, to) = (values.pop_i32()?, values.pop_i32()?, values.pop_i32()?);
            let outside = is_outside(to, count, table_bound(instance, table)?)
                | is_outside(from, count, i64::from(instance.look_at_elements(segment)?.refs.length()));
            if outside {
                trap(tasks, OUTSIDE_TABLE);
            } else if count != 0 {
                let reference = instance.look_at_elements(segment)?.refs.get(from)?.clone();
                let bulk = bulk::TableInit { index: 0, reference, to, from, count, table, segment };
                tasks.cons(Task::TableInit { bulk: Box::new(bulk) });
            }
        }
        I::ElemDrop(segment) => instance.elements(segment)?.refs = Vec32::default(),
        _ => unreachable!("instructions on tables only"),
    }
    Ok(())
}

fn table_bound(instance: &mut Instance, table: i32) -> Result<i64, Fault> {
    Ok(i64::from(instance.look_at_table(table)?.size() as u32))
}

fn on_memory(
    modules: &mut Modules,
    module: &Text,
    values: &mut Values,
    tasks: &mut Tasks,
    instruction: Instruction,
) -> Done {
    use Instruction as I;
    match instruction {
        I::Load(op) => {
            let at = values.pop_i32()?;
            let loaded = look(modules, module)?.look_at_memory(0)?.load(op, at);
            accessed(loaded, tasks, |n| values.push(n))
        }
        I::Store(op) => {
            let (n, at) = (values.pop_number()?, values.pop_i32()?);
            accessed(instance(modules, module)?.memory(0)?.store(op, at, n), tasks, |()| ())
        }
        I::VecLoad(op) => {
            let at = values.pop_i32()?;
            let loaded = look(modules, module)?.look_at_memory(0)?.load_vector(op, at);
            accessed(loaded, tasks, |v| values.push_vector(v))
        }
        I::VecStore(op) => {
            let (v, at) = (values.pop_vector()?, values.pop_i32()?);
            accessed(instance(modules, module)?.memory(0)?.store_vector(at, op.offset, &v), tasks, |()| ())
        }
        I::VecLoadLane(op) => {
            let (v, at) = (values.pop_vector()?, values.pop_i32()?);
            let mut bytes = [0; 8];
            let memory = look(modules, module)?.look_at_memory(0)?;
            let loaded =
                memory.load_lane(at, op.offset, &mut bytes[..op.width()]).map(|bytes| op.loaded(bytes, &v));
            accessed(loaded, tasks, |v| values.push_vector(v))
        }
        I::VecStoreLane(op) => {
            let (v, at) = (values.pop_vector()?, values.pop_i32()?);
            let memory = instance(modules, module)?.memory(0)?;
            let bytes = op.stored(&v).map_err(|e| Fault::unknown(&e.to_string()))?;
            accessed(memory.store_number(at, op.offset, &bytes[..op.width()]), tasks, |()| ())
        }
        I::MemorySize => {
            values.push_i32(look(modules, module)?.look_at_memory(0)?.size());
            Ok(())
        }
        I::MemoryGrow => {
            let delta = values.pop_i32()?;
            values.push_i32(instance(modules, module)?.memory(0)?.grow(delta)?);
            Ok(())
        }
        I::MemoryFill => {
            let (count, value, to) = (values.pop_i32()?, values.pop_number()?, values.pop_i32()?);
            if is_outside(to, count, look(modules, module)?.look_at_memory(0)?.bound()) {
                trap(tasks, OUTSIDE_MEMORY);
            } else if count != 0 {
                let bulk = bulk::MemoryFill { index: 0, to, value, count };
                tasks.cons(Task::MemoryFill { bulk: Box::new(bulk) });
            }
            Ok(())
        }
        I::MemoryCopy => {
            let (count, from, to) = (values.pop_i32()?, values.pop_i32()?, values.pop_i32()?);
            let bound = look(modules, module)?.look_at_memory(0)?.bound();
            if is_outside(from, count, bound) || is_outside(to, count, bound) {
                trap(tasks, OUTSIDE_MEMORY);
            } else if count != 0 {
                let bulk = bulk::MemoryCopy { index: 0, to, from, count, upwards: to as u32 <= from as u32 };
                tasks.cons(Task::MemoryCopy { bulk: Box::new(bulk) });
            }
            Ok(())
        }
        I::MemoryInit(segment) => {
            let (count, from, to) = (values.pop_i32()?, values.pop_i32()?, values.pop_i32()?);
            let instance = look(modules, module)?;
            let bound = instance.look_at_memory(0)?.bound();
            let data = instance.look_at_data(segment)?;
            let data = instance.allocations.datas.look(data)?;
            if is_outside(to, count, bound) | is_outside(from, count, data.length()) {
                trap(tasks, OUTSIDE_MEMORY);
            } else if count != 0 {
                // The offset counts as signed here.
                let byte = data.load_byte(i64::from(from)).map_err(|error| match error {
                    crate::lazy::ChunksError::Bounds => Fault::raised(CHUNKS_BOUNDS),
                    crate::lazy::ChunksError::State(error) => error.into(),
                })?;
                let bulk = bulk::MemoryInit { index: 0, to, byte: i32::from(byte), count, from, segment };
                tasks.cons(Task::MemoryInit { bulk: Box::new(bulk) });
            }
            Ok(())
        }
        I::DataDrop(segment) => {
            *instance(modules, module)?.data(segment)? = 0;
            Ok(())
        }
        _ => unreachable!("instructions on memory only"),
    }
}

const CHUNKS_BOUNDS: &str = "Tezos_lazy_containers.Immutable_chunked_byte_vector.Bounds";

#[inline]
fn accessed<T>(result: Result<T, AccessError>, tasks: &mut Tasks, put: impl FnOnce(T)) -> Done {
    match result {
        Ok(value) => put(value),
        Err(AccessError::OutOfBounds) => trap(tasks, OUTSIDE_MEMORY),
        Err(AccessError::Fault(fault)) => return Err(fault),
    }
    Ok(())
}

fn on_vectors(values: &mut Values, tasks: &mut Tasks, instruction: Instruction) -> Done {
    use Instruction as I;
    match instruction {
        I::VecConst(v) => values.push_vector(*v),
        I::VecTest(op) => {
            let v = values.pop_vector()?;
            values.push(op.apply(&v));
        }
        I::VecBitmask(op) => {
            let v = values.pop_vector()?;
            values.push(op.apply(&v));
        }
        I::VecTestBits(op) => {
            let v = values.pop_vector()?;
            values.push(op.apply(&v));
        }
        I::VecUnary(op) => {
            let v = values.pop_vector()?;
            values.push_vector(op.apply(&v));
        }
        I::VecConvert(op) => {
            let v = values.pop_vector()?;
            values.push_vector(op.apply(&v));
        }
        I::VecUnaryBits(op) => {
            let v = values.pop_vector()?;
            values.push_vector(op.apply(&v));
        }
        I::VecCompare(op) => {
            let (b, a) = (values.pop_vector()?, values.pop_vector()?);
            values.push_vector(op.apply(&a, &b));
        }
        I::VecBinaryBits(op) => {
            let (b, a) = (values.pop_vector()?, values.pop_vector()?);
            values.push_vector(op.apply(&a, &b));
        }
        I::VecBinary(op) => {
            let (b, a) = (values.pop_vector()?, values.pop_vector()?);
            computed(op.apply(&a, &b), tasks, |v| values.push_vector(v))?;
        }
        I::VecTernaryBits(op) => {
            let (c, b, a) = (values.pop_vector()?, values.pop_vector()?, values.pop_vector()?);
            values.push_vector(op.apply(&a, &b, &c));
        }
        I::VecShift(op) => {
            let (by, v) = (values.pop_number()?, values.pop_vector()?);
            computed(op.apply(&v, by), tasks, |v| values.push_vector(v))?;
        }
        I::VecSplat(op) => {
            let n = values.pop_number()?;
            computed(op.apply(n), tasks, |v| values.push_vector(v))?;
        }
        I::VecExtract(op) => {
            let v = values.pop_vector()?;
            computed(op.apply(&v), tasks, |n| values.push(n))?;
        }
        I::VecReplace(op) => {
            let (n, v) = (values.pop_number()?, values.pop_vector()?);
            computed(op.apply(&v, n), tasks, |v| values.push_vector(v))?;
        }
        // The last one has no form in a state, so it comes out of none.
        _ => return Err(Fault::unknown("an instruction without a form in a state")),
    }
    Ok(())
}
