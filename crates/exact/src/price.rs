//! What the machine pays: ticks of instructions, blocks, jumps and calls. `soru_pvm::eval` is where they come from.
//!
//! All stacks have a static height, so all of this is known of a function before it runs, but for the bytes of instructions on
//! many bytes and of host calls. In the table `around` is the number of values on the stack of the block *around* the one that is
//! left, which do not include the parameters of that block; every block has a stack of its own. A block of a function that is
//! jumped to has `values`: its results, of a loop its parameters.
//!
//! | instruction | ticks |
//! |---|---|
//! | any that is not below, one that traps for its operands too | [`INSTRUCTION`] |
//! | `block`, `loop` | [`INSTRUCTION`] |
//! | `if` | [`INSTRUCTION`] + [`TASK`], whichever branch is taken |
//! | `else` that is come to, `end` of a block | [`end`], from inside; the branch that an `if` does not have has an `end`, too |
//! | `end` of a function | [`end_of_function`] |
//! | `br` | [`TASK`] + [`jump`]; to the outermost block [`TASK`] + [`jump_out`] |
//! | `br_if`, `br_table` | [`INSTRUCTION`] + [`jump`] or [`jump_out`]; a `br_if` that is not taken [`INSTRUCTION`] |
//! | any jump to a loop | [`TASK`] more: the loop begins again as an instruction |
//! | `return` | [`return_`] of all values in the stack of the innermost block |
//! | `call`, `call_indirect` of a function of the kernel | [`INSTRUCTION`] + [`enter`]; once it has returned, one for each value that is left in the caller's block below the arguments |
//! | `call`, `call_indirect` of a host function | [`INSTRUCTION`] + [`host_call`] |
//! | `memory.fill`, `memory.init`, `table.fill`, `table.init` | [`INSTRUCTION`] + [`FILLED`] for each byte or element |
//! | `memory.copy`, `table.copy` | [`INSTRUCTION`] + [`COPIED`] for each byte or element |
//! | `kernel_run` itself | [`enter`]\(0, its locals\) before, [`FINISH`] after its end |
//!
//! A jump from a depth of `through` goes through so many blocks, and leaves one more.

use soru_pvm::host::{HostFunction, HostValue};

/// To take an instruction from its block and do it.
pub const INSTRUCTION: u32 = 6;
/// To do one more task.
pub const TASK: u32 = 3;
/// To give the values of a block to the one around it, without the values.
const LEAVE: u32 = 4;
/// To give the values of a function to its caller, without the values.
const GIVE: u32 = 2;
/// To make a frame, without arguments and locals.
const FRAME: u32 = 8;
/// From the beginning of a call of a host function to when it has done its work.
pub const HOST_WORK: u64 = 3;
/// From when a host function is paid for to the next instruction.
pub const HOST_END: u64 = 2;
/// The answer to a reveal.
pub const REVEAL: u64 = 1;
/// From when `kernel_run` has given its results to the end of the run: its caller has nothing to do, is done, and so is the
/// machine.
pub const FINISH: u64 = 3 + 1 + 1;
/// For each byte of `memory.fill` and `memory.init`, each element of `table.fill` and `table.init`: seven tasks, each made by
/// another.
pub const FILLED: u64 = 7 * 6;
/// For each byte of `memory.copy`, each element of `table.copy`.
pub const COPIED: u64 = 8 * 6;

/// The end of a block that leaves so many values to one that has so many.
pub fn end(values: usize, around: usize) -> u32 {
    TASK + LEAVE + (values + around) as u32
}

/// The end of a function with so many results, to when its caller has them but for the caller's own values.
pub fn end_of_function(results: usize) -> u32 {
    TASK + TASK + GIVE + results as u32
}

/// A `return` with so many values in the innermost block, the same.
pub fn return_(values: usize) -> u32 {
    INSTRUCTION + TASK + GIVE + values as u32
}

/// What comes after a jump was taken, out of so many blocks and one more, with so many values.
pub fn jump(through: u32, values: usize, around: usize) -> u32 {
    TASK + TASK * through + LEAVE + (values + around) as u32
}

/// The same out of the body of the function.
pub fn jump_out(through: u32, results: usize) -> u32 {
    TASK + TASK * through + TASK + GIVE + results as u32
}

/// A call of a function of the kernel, with so many locals besides its parameters: from the task of the call to its first
/// instruction.
pub fn enter(params: usize, locals: usize) -> u32 {
    FRAME + 2 * (params + locals) as u32
}

/// A call of a host function that has given this result: from the task of the call to the next instruction.
pub fn host_call(function: HostFunction, args: &[HostValue], result: Option<HostValue>) -> u64 {
    let answer = if is_answered(function, result) { REVEAL } else { 0 };
    HOST_WORK + answer + function.tick_cost(args, result) + HOST_END
}

/// Whether it is a reveal.
pub fn is_reveal(function: HostFunction) -> bool {
    matches!(function, HostFunction::RevealPreimage | HostFunction::RevealMetadata | HostFunction::Reveal)
}

/// Whether it is a reveal that has waited for an answer: one that fails at once does not.
pub(crate) fn is_answered(function: HostFunction, result: Option<HostValue>) -> bool {
    is_reveal(function) && matches!(result, Some(HostValue::I32(0..)))
}
