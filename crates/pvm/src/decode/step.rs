//! The steps of what sections hold: names, types, imports, exports, expressions.

use super::opcode::{block_type, global_type, instruction, limits, table_type, value_type};
use super::state::{BlockStep, ExportStep, FuncTypeStep, ImportStep, NameBuffer, NameStep, Open, OpenStack};
use super::stream::{Result, Stream, no_step, refuse, require};
use crate::lazy::{Filling, Text, Vec32};
use crate::wasm::instruction::Instruction;
use crate::wasm::module::{Allocations, Export, ExportKind, Import, ImportKind};
use crate::wasm::types::{FuncType, MemoryType};

/// Longest name that the machine takes, in bytes.
const NAME_MAX: i32 = 512;

pub(super) fn name(s: &mut Stream, step: NameStep) -> Result<NameStep> {
    match step {
        NameStep::Start => {
            let pos = s.pos32();
            let left = s.length()?;
            require(left <= NAME_MAX, "Names cannot exceed 512 bytes")?;
            Ok(NameStep::Parse { pos, buffer: NameBuffer::default(), left })
        }
        NameStep::Parse { buffer, left: 0, .. } => Ok(NameStep::Stop { name: Text(buffer.0) }),
        NameStep::Parse { pos, mut buffer, left } => {
            let bytes = s.character()?;
            buffer.0.extend_from_slice(&bytes);
            Ok(NameStep::Parse { pos, buffer, left: left.wrapping_sub(bytes.len() as i32) })
        }
        NameStep::Stop { .. } => no_step("Name_step"),
    }
}

/// The name of a custom section, and all the rest of it.
pub(super) fn custom(s: &mut Stream) -> Result<()> {
    s.byte()?;
    let length = s.length()?;
    let start = s.pos;
    let size = s.length()?;
    // Nobody looks at what comes of the name: one that is too long is just not read.
    if size <= NAME_MAX {
        let mut left = size;
        while left != 0 {
            left -= s.character()?.len() as i32;
        }
    }
    s.skip(i64::from(length) - (s.pos - start))
}

pub(super) fn func_type(s: &mut Stream, step: FuncTypeStep) -> Result<FuncTypeStep> {
    Ok(match step {
        FuncTypeStep::Start => {
            let form = s.signed(7)?;
            let count = s.length()?;
            require(form == -0x20, "malformed function type")?;
            FuncTypeStep::Params { params: Filling::of_length(count) }
        }
        FuncTypeStep::Params { params } if params.is_full() => {
            FuncTypeStep::Results { params: params.vector, results: Filling::of_length(s.length()?) }
        }
        FuncTypeStep::Params { mut params } => {
            params.push(value_type(s)?);
            FuncTypeStep::Params { params }
        }
        FuncTypeStep::Results { params, results } if results.is_full() => {
            FuncTypeStep::Stop { func_type: FuncType { params, results: results.vector } }
        }
        FuncTypeStep::Results { params, mut results } => {
            results.push(value_type(s)?);
            FuncTypeStep::Results { params, results }
        }
        FuncTypeStep::Stop { .. } => return no_step("Func_type_step"),
    })
}

pub(super) fn import(s: &mut Stream, step: ImportStep) -> Result<ImportStep> {
    Ok(match step {
        ImportStep::Start => ImportStep::Module { name: NameStep::Start },
        ImportStep::Module { name: NameStep::Stop { name } } => {
            ImportStep::Item { module: name, name: NameStep::Start }
        }
        ImportStep::Module { name: step } => ImportStep::Module { name: name(s, step)? },
        ImportStep::Item { module, name: NameStep::Stop { name: item } } => {
            ImportStep::Stop { import: Import { module, item, kind: import_kind(s)? } }
        }
        ImportStep::Item { module, name: step } => ImportStep::Item { module, name: name(s, step)? },
        ImportStep::Stop { .. } => return no_step("Import_step"),
    })
}

fn import_kind(s: &mut Stream) -> Result<ImportKind> {
    Ok(match s.byte()? {
        0 => ImportKind::Func(s.var()?),
        1 => ImportKind::Table(table_type(s)?),
        2 => ImportKind::Memory(MemoryType(limits(s)?)),
        3 => ImportKind::Global(global_type(s)?),
        _ => return refuse("malformed import kind"),
    })
}

pub(super) fn export(s: &mut Stream, step: ExportStep) -> Result<ExportStep> {
    Ok(match step {
        ExportStep::Start => ExportStep::Name { name: NameStep::Start },
        ExportStep::Name { name: NameStep::Stop { name } } => match s.byte()? {
            kind @ 0..=3 => {
                ExportStep::Stop { export: Export { name, kind: ExportKind { kind, index: s.var()? } } }
            }
            _ => return refuse("malformed export kind"),
        },
        ExportStep::Name { name: step } => ExportStep::Name { name: name(s, step)? },
        ExportStep::Stop { .. } => return no_step("Export_step"),
    })
}

pub(super) fn block(s: &mut Stream, allocations: &mut Allocations, step: BlockStep) -> Result<BlockStep> {
    match step {
        BlockStep::Start => {
            let mut stack = OpenStack { length: 0, vector: Vec32::default() };
            stack.push(Open::Next { block: allocations.block() });
            Ok(BlockStep::Parse { stack })
        }
        BlockStep::Parse { mut stack } => {
            if stack.length == 1
                && let Open::Stop { block } = stack.vector.get(0)?
            {
                return Ok(BlockStep::Stop { block: *block });
            }
            expression(s, allocations, &mut stack)?;
            Ok(BlockStep::Parse { stack })
        }
        BlockStep::Stop { .. } => no_step("Block_step"),
    }
}

impl OpenStack {
    fn push(&mut self, open: Open) {
        if self.length >= self.vector.length() {
            self.length = self.vector.append(open).wrapping_add(1);
        } else {
            self.vector.set(self.length, open);
            self.length = self.length.wrapping_add(1);
        }
    }

    fn pop(&mut self) -> Result<Option<Open>> {
        if self.length == 0 {
            return Ok(None);
        }
        self.length = self.length.wrapping_sub(1);
        Ok(Some(self.vector.get(self.length)?.clone()))
    }

    /// Three entries are read before it is known how many are needed: they are in the proof of the step.
    fn look_at_top(&mut self) -> Result<()> {
        for below in 1..=self.length.min(3) {
            self.vector.get(self.length.wrapping_sub(below))?;
        }
        Ok(())
    }
}

/// Takes at most one instruction, or closes a block.
fn expression(s: &mut Stream, allocations: &mut Allocations, stack: &mut OpenStack) -> Result<()> {
    stack.look_at_top()?;
    match stack.pop()? {
        Some(Open::Next { block }) => next(s, allocations, stack, block),
        Some(Open::Stop { block }) => {
            let opener = stack.pop()?;
            let Some(Open::Next { block: parent }) = stack.pop()? else { return no_step("Instr_block_step") };
            let instruction = match opener {
                Some(Open::Block { block_type, .. }) => {
                    s.end()?;
                    Instruction::Block(block_type, block)
                }
                Some(Open::Loop { block_type, .. }) => {
                    s.end()?;
                    Instruction::Loop(block_type, block)
                }
                Some(Open::Then { block_type, pos }) => {
                    if s.peek()? == Some(0x05) {
                        s.skip(1)?;
                        stack.push(Open::Next { block: parent });
                        stack.push(Open::Else { block_type, pos, then: block });
                        stack.push(Open::Next { block: allocations.block() });
                        return Ok(());
                    }
                    s.end()?;
                    // Block number 0 is the empty one.
                    Instruction::If(block_type, block, 0)
                }
                Some(Open::Else { block_type, then, .. }) => {
                    s.end()?;
                    Instruction::If(block_type, then, block)
                }
                _ => return no_step("Instr_block_step"),
            };
            append(allocations, parent, instruction)?;
            stack.push(Open::Next { block: parent });
            Ok(())
        }
        _ => no_step("Instr_block_step"),
    }
}

fn next(s: &mut Stream, allocations: &mut Allocations, stack: &mut OpenStack, block: i32) -> Result<()> {
    if matches!(s.peek()?, None | Some(0x05 | 0x0b)) {
        stack.push(Open::Stop { block });
        return Ok(());
    }
    let pos = s.pos32();
    let opcode = s.byte()?;
    let opener = match opcode {
        0x02 => Open::Block { block_type: block_type(s)?, pos },
        0x03 => Open::Loop { block_type: block_type(s)?, pos },
        0x04 => Open::Then { block_type: block_type(s)?, pos },
        _ => {
            let instruction = instruction(s, opcode)?;
            append(allocations, block, instruction)?;
            stack.push(Open::Next { block });
            return Ok(());
        }
    };
    stack.push(Open::Next { block });
    stack.push(opener);
    stack.push(Open::Next { block: allocations.block() });
    Ok(())
}

fn append(allocations: &mut Allocations, block: i32, instruction: Instruction) -> Result<()> {
    allocations.blocks.get_mut(block)?.instructions.append(instruction);
    Ok(())
}
