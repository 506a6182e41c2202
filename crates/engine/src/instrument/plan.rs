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
    /// How many instructions are in it, if it is a loop without blocks, calls and tables of jumps.
    pub(super) plain: Option<usize>,
}

/// A function, looked through once.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The first one is the body.
    pub(super) blocks: Vec<Block>,
    /// Whether it may call a function of the kernel.
    pub(super) calls: bool,
    /// Whether a number has to be put aside.
    pub(super) needs_room: bool,
}

impl Plan {
    pub(super) fn of(body: &FunctionBody<'_>, imported: usize) -> Result<Self, InstrumentError> {
        let mut plan = Self { blocks: vec![Block::default()], ..Self::default() };
        let mut open = vec![0];
        let mut operators = body.get_operators_reader()?;
        let mut seen = 0;
        while !operators.eof() {
            let operator = operators.read()?;
            seen += 1;
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    plan.mark(&open, 0, |block| block.plain = None);
                    open.push(plan.blocks.len());
                    // Until it ends, the place where it begins.
                    let plain = matches!(operator, Operator::Loop { .. }).then_some(seen);
                    plan.blocks.push(Block { plain, ..Block::default() });
                }
                Operator::Else => plan.mark(&open, 0, |block| block.has_else = true),
                Operator::End => {
                    plan.mark(&open, 0, |block| block.plain = block.plain.map(|begin| seen - begin - 1));
                    open.pop();
                }
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    plan.mark(&open, relative_depth, |block| block.is_target = true);
                }
                Operator::BrTable { targets } => {
                    plan.mark(&open, 0, |block| block.plain = None);
                    let every = targets.targets().collect::<Result<Vec<_>, _>>()?;
                    for depth in every.into_iter().chain([targets.default()]) {
                        plan.mark(&open, depth, |block| {
                            (block.is_target, block.is_in_table) = (true, true);
                        });
                    }
                }
                Operator::Return => plan.blocks[0].is_target = true,
                Operator::Call { function_index } => {
                    plan.calls |= function_index as usize >= imported;
                    plan.mark(&open, 0, |block| block.plain = None);
                }
                Operator::CallIndirect { .. } => {
                    (plan.calls, plan.needs_room) = (true, true);
                    plan.mark(&open, 0, |block| block.plain = None);
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
        Ok(plan)
    }

    fn mark(&mut self, open: &[usize], depth: u32, mark: impl FnOnce(&mut Block)) {
        let target = open.len().checked_sub(1 + depth as usize).and_then(|place| open.get(place));
        if let Some(block) = target.and_then(|index| self.blocks.get_mut(*index)) {
            mark(block);
        }
    }
}
