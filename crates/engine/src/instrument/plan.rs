//! What has to be known of a function before it is rewritten.

use super::InstrumentError;
use wasmparser::{FunctionBody, Operator};

/// A block, in the order in which they begin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Block {
    /// Whether something jumps to it.
    pub(super) is_target: bool,
    /// Whether a table of jumps leads to it.
    pub(super) is_in_table: bool,
    pub(super) has_else: bool,
    /// How many instructions are in it, if it is a loop without loops, calls and tables of jumps.
    pub(super) plain: Option<usize>,
}

/// A function, looked through once.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The first one is the body.
    pub(super) blocks: Vec<Block>,
    /// The functions of the kernel's own that it calls directly, one for each call.
    pub(super) callees: Vec<usize>,
    /// Whether it calls functions of a table.
    pub(super) calls_any: bool,
    /// Whether a function of the kernel may be called in a loop.
    pub(super) calls_in_loop: bool,
    /// Whether there are loops.
    pub(super) loops: bool,
    /// How many instructions there are.
    pub(super) length: usize,
    /// Whether a number has to be put aside.
    pub(super) needs_room: bool,
}

impl Plan {
    pub(super) fn of(body: &FunctionBody<'_>, imported: usize) -> Result<Self, InstrumentError> {
        let mut plan = Self { blocks: vec![Block::default()], ..Self::default() };
        let mut open = vec![0];
        let mut operators = body.get_operators_reader()?;
        let mut seen = 0;
        let mut loops: Vec<usize> = Vec::new();
        // The loop that nothing was found in yet, and the number of instructions up to where it begins.
        let mut plain: Option<(usize, usize)> = None;
        while !operators.eof() {
            let operator = operators.read()?;
            seen += 1;
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    if matches!(operator, Operator::Loop { .. }) {
                        loops.push(open.len());
                        plain = Some((plan.blocks.len(), seen));
                        plan.loops = true;
                    }
                    open.push(plan.blocks.len());
                    plan.blocks.push(Block::default());
                }
                Operator::Else => plan.mark(&open, 0, |block| block.has_else = true),
                Operator::End => {
                    let ended = open.pop();
                    if let Some((place, begin)) = plain.take_if(|(place, _)| Some(*place) == ended) {
                        plan.blocks[place].plain = Some(seen - begin - 1);
                    }
                    loops.pop_if(|begin| *begin == open.len());
                }
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    plan.mark(&open, relative_depth, |block| block.is_target = true);
                }
                Operator::BrTable { targets } => {
                    plain = None;
                    let every = targets.targets().collect::<Result<Vec<_>, _>>()?;
                    for depth in every.into_iter().chain([targets.default()]) {
                        plan.mark(&open, depth, |block| {
                            (block.is_target, block.is_in_table) = (true, true);
                        });
                    }
                }
                Operator::Return => plan.blocks[0].is_target = true,
                Operator::Call { function_index } => {
                    if let Some(place) = (function_index as usize).checked_sub(imported) {
                        plan.callees.push(place);
                        plan.calls_in_loop |= !loops.is_empty();
                    }
                    plain = None;
                }
                Operator::CallIndirect { .. } => {
                    (plan.calls_any, plan.needs_room) = (true, true);
                    plan.calls_in_loop |= !loops.is_empty();
                    plain = None;
                }
                Operator::MemoryFill { .. }
                | Operator::MemoryCopy { .. }
                | Operator::MemoryInit { .. }
                | Operator::TableFill { .. }
                | Operator::TableCopy { .. }
                | Operator::TableInit { .. } => plan.needs_room = true,
                _ => (),
            }
        }
        plan.length = seen;
        Ok(plan)
    }

    fn mark(&mut self, open: &[usize], depth: u32, mark: impl FnOnce(&mut Block)) {
        let target = open.len().checked_sub(1 + depth as usize).and_then(|place| open.get(place));
        if let Some(block) = target.and_then(|index| self.blocks.get_mut(*index)) {
            mark(block);
        }
    }
}
