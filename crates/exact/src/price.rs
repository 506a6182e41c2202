//! What the machine pays: ticks of instructions, blocks, jumps and calls. `soru_pvm::eval` is where they come from.

/// To take an instruction from its block and do it.
pub(crate) const INSTRUCTION: u32 = 6;
/// To do one more task.
pub(crate) const TASK: u32 = 3;
/// To give the values of a block to the one around it, without the values.
const LEAVE: u32 = 4;
/// To give the values of a function to its caller, without the values.
const GIVE: u32 = 2;
/// To make a frame, without arguments and locals.
const FRAME: u32 = 8;
/// From the beginning of a call of a host function to when it has done its work.
pub(crate) const HOST_WORK: u64 = 3;
/// From when a host function is paid for to the next instruction.
pub(crate) const HOST_END: u64 = 2;
/// The answer to a reveal.
pub(crate) const REVEAL: u64 = 1;
/// From when `kernel_run` has given its results to the end of the run: its caller has nothing to do, is done, and so is the
/// machine.
pub(crate) const FINISH: u64 = 3 + 1 + 1;
/// For each byte of `memory.fill` and `memory.init`: seven tasks, each made by another.
pub(crate) const FILLED: u64 = 7 * 6;
/// For each byte of `memory.copy`.
pub(crate) const COPIED: u64 = 8 * 6;

/// The end of a block that leaves so many values to one that has so many.
pub(crate) fn end(values: usize, around: usize) -> u32 {
    TASK + LEAVE + (values + around) as u32
}

/// The end of a function with so many results, to when its caller has them but for the caller's own values.
pub(crate) fn end_of_function(results: usize) -> u32 {
    TASK + TASK + GIVE + results as u32
}

/// A `return`, the same.
pub(crate) fn return_(results: usize) -> u32 {
    INSTRUCTION + TASK + GIVE + results as u32
}

/// What comes after a jump was taken, out of so many blocks and one more, with so many values.
pub(crate) fn jump(through: u32, values: usize, around: usize) -> u32 {
    TASK + TASK * through + LEAVE + (values + around) as u32
}

/// The same out of the body of the function.
pub(crate) fn jump_out(through: u32, results: usize) -> u32 {
    TASK + TASK * through + TASK + GIVE + results as u32
}

/// A call of a function of the kernel: from the task of the call to its first instruction.
pub(crate) fn enter(params: usize, locals: usize) -> u32 {
    FRAME + 2 * (params + locals) as u32
}
