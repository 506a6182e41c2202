//! Instructions: which there are, and what follows each. Nothing is kept of them.

use super::reader::{Reader, Result};
use super::types::{FLOATS, ValueType, ref_type, value_type, value_types};

/// A block that is open.
enum Open {
    Block,
    If,
    Else,
}

/// What was met on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// An instruction on data segments: the module has to count them before.
    pub(super) data_segments: bool,
    /// An instruction that the machine takes and then cannot write into its state.
    pub(super) unwritable: Option<usize>,
}

/// What a constant expression gives, as far as that can be seen at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Initial {
    /// No instruction.
    Nothing,
    /// One constant of this type.
    Constant(ValueType),
    /// Something else.
    Other,
}

/// Looks at an expression without reading it.
pub(super) fn initial(bytes: &[u8]) -> Initial {
    const NOP: u8 = 0x01;
    const END: u8 = 0x0b;
    let mut reader = Reader::new(bytes);
    let mut found = Initial::Nothing;
    loop {
        let constant = match (reader.byte(), found) {
            (Ok(NOP), _) => continue,
            (Ok(END), _) => return found,
            (Ok(0x41), Initial::Nothing) => reader.signed(32).map(|_| ValueType::I32),
            (Ok(0x42), Initial::Nothing) => reader.signed(64).map(|_| ValueType::I64),
            (Ok(0xd0), Initial::Nothing) => ref_type(&mut reader),
            (Ok(0xd2), Initial::Nothing) => reader.u32().map(|_| ValueType::FuncRef),
            _ => return Initial::Other,
        };
        match constant {
            Ok(value) => found = Initial::Constant(value),
            Err(_) => return Initial::Other,
        }
    }
}

/// Reads instructions up to the end of the function or constant, and that end.
pub(super) fn expression(reader: &mut Reader<'_>, seen: &mut Seen) -> Result<()> {
    let mut open = Vec::new();
    loop {
        match reader.peek() {
            None | Some(0x05 | 0x0b) => match open.pop() {
                None => return end(reader),
                Some(Open::If) if reader.peek() == Some(0x05) => {
                    reader.byte()?;
                    open.push(Open::Else);
                }
                Some(_) => end(reader)?,
            },
            Some(0x02..=0x04) => {
                let opcode = reader.byte()?;
                block_type(reader)?;
                open.push(if opcode == 0x04 { Open::If } else { Open::Block });
            }
            Some(_) => instruction(reader, seen)?,
        }
    }
}

fn end(reader: &mut Reader<'_>) -> Result<()> {
    reader.expect(0x0b, "END opcode expected")
}

fn block_type(reader: &mut Reader<'_>) -> Result<()> {
    match reader.peek() {
        Some(0x40) => reader.byte().map(drop),
        Some(byte) if byte & 0xc0 == 0x40 => value_type(reader).map(drop),
        _ => reader.signed(33).map(drop),
    }
}

fn zero(reader: &mut Reader<'_>) -> Result<()> {
    reader.expect(0, "zero byte expected")
}

fn memory_argument(reader: &mut Reader<'_>) -> Result<()> {
    const ALIGNMENT_MAX: u32 = 32;
    if reader.u32()? > ALIGNMENT_MAX {
        return reader.fail_back("malformed memop flags");
    }
    reader.u32().map(drop)
}

fn instruction(reader: &mut Reader<'_>, seen: &mut Seen) -> Result<()> {
    let start = reader.position();
    let opcode = reader.byte()?;
    match opcode {
        // unreachable, nop, return, drop, select
        0x00 | 0x01 | 0x0f | 0x1a | 0x1b => Ok(()),
        // br, br_if, call, local.*, global.*, table.get, table.set, ref.func
        0x0c | 0x0d | 0x10 | 0x20..=0x26 | 0xd2 => reader.u32().map(drop),
        // br_table
        0x0e => {
            for _ in 0..reader.length()? {
                reader.u32()?;
            }
            reader.u32().map(drop)
        }
        // call_indirect
        0x11 => {
            reader.u32()?;
            reader.u32().map(drop)
        }
        // select with types
        0x1c => {
            let count = reader.length()?;
            value_types(reader, count).map(drop)
        }
        // float loads and stores, constants, comparisons, arithmetic, conversions
        0x2a | 0x2b | 0x38 | 0x39 | 0x43 | 0x44 | 0x5b..=0x66 | 0x8b..=0xa6 | 0xb2..=0xbb | 0xbe | 0xbf => {
            reader.fail(start, FLOATS)
        }
        0x28..=0x3e => memory_argument(reader),
        // memory.size, memory.grow
        0x3f | 0x40 => zero(reader),
        0x41 => reader.signed(32).map(drop),
        0x42 => reader.signed(64).map(drop),
        // integer comparisons, arithmetic, conversions; integers from floats
        0x45..=0xc4 => Ok(()),
        0xd0 => ref_type(reader).map(drop),
        0xd1 => Ok(()),
        0xfc => prefixed(reader, start, seen),
        0xfd => vector(reader, start, seen),
        _ => reader.fail(start, format!("illegal opcode {opcode:02x}")),
    }
}

fn prefixed(reader: &mut Reader<'_>, start: usize, seen: &mut Seen) -> Result<()> {
    let opcode = reader.u32()?;
    match opcode {
        // integers from floats, saturating
        0x00..=0x07 => Ok(()),
        // memory.init
        0x08 => {
            reader.u32()?;
            seen.data_segments = true;
            zero(reader)
        }
        // data.drop
        0x09 => {
            seen.data_segments = true;
            reader.u32().map(drop)
        }
        // memory.copy
        0x0a => {
            zero(reader)?;
            zero(reader)
        }
        // memory.fill
        0x0b => zero(reader),
        // table.init, table.copy
        0x0c | 0x0e => {
            reader.u32()?;
            reader.u32().map(drop)
        }
        // elem.drop, table.grow, table.size, table.fill
        0x0d | 0x0f..=0x11 => reader.u32().map(drop),
        _ => reader.fail(start, format!("illegal opcode fc {opcode:02x}")),
    }
}

fn vector(reader: &mut Reader<'_>, start: usize, seen: &mut Seen) -> Result<()> {
    let opcode = reader.u32()?;
    match opcode {
        // loads and stores of whole vectors
        0x00..=0x0b | 0x5c | 0x5d => memory_argument(reader),
        // v128.const, i8x16.shuffle
        0x0c | 0x0d => reader.take(16).map(drop),
        // splats, comparisons, arithmetic of floats; floats from integers
        0x13 | 0x14 | 0x1f..=0x22 | 0x41..=0x4c | 0x5e | 0x5f | 0x67..=0x6a | 0xe0 | 0xe1 => {
            reader.fail(start, FLOATS)
        }
        0xe3..=0xed | 0xef..=0xf7 | 0xfe | 0xff => reader.fail(start, FLOATS),
        // one lane taken or replaced
        0x15..=0x1e => reader.byte().map(drop),
        // loads and stores of one lane
        0x54..=0x5b => {
            memory_argument(reader)?;
            reader.byte().map(drop)
        }
        // Rounding and converting floats: taken, and then the machine has no form for them in its state.
        0x74 | 0x75 | 0x7a | 0x94 | 0xfa | 0xfb => {
            seen.unwritable.get_or_insert(start);
            Ok(())
        }
        // everything on integers; integers from floats
        0x0e..=0x12 | 0x23..=0x40 | 0x4d..=0x53 | 0x60..=0x66 | 0x6b..=0x99 | 0x9b..=0xa1 | 0xa3 | 0xa4 => {
            Ok(())
        }
        0xa7..=0xae | 0xb1 | 0xb5..=0xba | 0xbc..=0xc1 | 0xc3 | 0xc4 | 0xc7..=0xce | 0xd1 | 0xd5..=0xdf => {
            Ok(())
        }
        0xf8 | 0xf9 | 0xfc | 0xfd => Ok(()),
        _ => reader.fail(start, format!("illegal opcode {opcode:02x}")),
    }
}
