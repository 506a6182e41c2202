//! The next task of the innermost block.

use super::bulk::unfold;
use super::fault::Fault;
use super::instruction;
use super::shape::{Frame, Labels, Task};
use super::value::{Operands, Values};
use crate::instance::{FunctionRef, Modules};
use crate::lazy::Text;
use crate::wasm::instruction::Instruction;

/// What came of a task.
pub(super) enum Effect {
    /// The blocks have changed.
    Modified,
    /// The function has its results.
    Result(Values),
    /// The function has run into a trap.
    Trapped(Text),
    /// A function is to be called.
    Invoke(FunctionRef),
    /// The block is done: values go to the one around it, which may have to begin it again.
    Leave { values: Values, again: Option<Instruction> },
}

/// Does the next task of the innermost block, which is taken from it.
pub(super) fn advance(
    frame: &mut Frame,
    labels: &mut Labels,
    modules: &mut Modules,
) -> Result<Effect, Fault> {
    let top = &mut labels.top;
    // The length counts as signed here.
    if top.tasks.length() <= 0 {
        let values = std::mem::take(&mut top.values);
        return Ok(leave(labels, values, None));
    }
    match top.tasks.pop()? {
        Task::Plain { instruction } => instruction::step(frame, labels, modules, instruction)?,
        Task::FromBlock { block, index } => {
            let instructions = &mut instruction::look(modules, &frame.module)?.block(block)?.instructions;
            if index != instructions.length() {
                let instruction = instructions.get(index)?.clone();
                top.tasks.cons(Task::FromBlock { block, index: index.wrapping_add(1) });
                top.tasks.cons(Task::Plain { instruction });
            }
        }
        Task::Refer { reference } => top.values.push_ref(reference),
        Task::Invoke { function } => return Ok(Effect::Invoke(function)),
        Task::Trapping { message } => return Ok(Effect::Trapped(message)),
        Task::Returning { values } => return Ok(Effect::Result(*values)),
        Task::Breaking { depth: 0, mut values } => {
            if let Some(arity) = top.arity
                && !values.truncate(arity)
            {
                return Err(crate::lazy::VectorError::Bounds.into());
            }
            let again = top.on_break.0.take();
            return Ok(leave(labels, *values, again));
        }
        Task::Breaking { depth, values } => {
            if labels.rest.is_empty() {
                return Err(Fault::crash("undefined label"));
            }
            labels.top = labels.rest.pop()?;
            labels.top.tasks.cons(Task::Breaking { depth: depth.wrapping_sub(1), values });
        }
        Task::TableInit { bulk } => known(unfold(bulk, &mut top.tasks))?,
        Task::TableFill { bulk } => known(unfold(bulk, &mut top.tasks))?,
        Task::TableCopy { bulk } => known(unfold(bulk, &mut top.tasks))?,
        Task::MemoryInit { bulk } => known(unfold(bulk, &mut top.tasks))?,
        Task::MemoryFill { bulk } => known(unfold(bulk, &mut top.tasks))?,
        Task::MemoryCopy { bulk } => known(unfold(bulk, &mut top.tasks))?,
    }
    Ok(Effect::Modified)
}

fn leave(labels: &Labels, values: Values, again: Option<Instruction>) -> Effect {
    if labels.rest.is_empty() { Effect::Result(values) } else { Effect::Leave { values, again } }
}

// Only a state that no machine has made holds one that is behind its end.
fn known(done: bool) -> Result<(), Fault> {
    if done { Ok(()) } else { Err(Fault::unknown("Invalid_argument(\"memory_init_meta_instr\")")) }
}
