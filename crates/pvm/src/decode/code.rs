//! The steps of function bodies and of segments.

use super::opcode::{ref_type, value_type};
use super::state::{BlockStep, BytesStep, CodeStep, DataStep, ElemStep, IndexKind, Locals};
use super::step::block;
use super::stream::{Result, Stream, no_step, refuse, require};
use crate::lazy::{Chunks, Filling, Maybe, WRITTEN_MAX};
use crate::state::StateError;
use crate::wasm::instruction::Instruction;
use crate::wasm::module::{Allocations, DataSegment, ElemSegment, Func, SegmentMode};
use crate::wasm::types::RefType;

/// The type of a function before it is known.
const NO_TYPE: i32 = -1;

pub(super) fn code(s: &mut Stream, allocations: &mut Allocations, step: CodeStep) -> Result<CodeStep> {
    Ok(match step {
        CodeStep::Start => {
            let left = s.pos32();
            let size = s.size()?;
            let pos = s.pos32();
            CodeStep::Locals { left, size, pos, groups: Filling::of_length(s.length()?), count: 0 }
        }
        CodeStep::Locals { left, size, pos, groups, count } if groups.is_full() => {
            require((count as u64) < 1 << 32, "too many locals")?;
            CodeStep::Spread {
                left,
                size,
                pos,
                groups: Filling::through(groups.vector),
                current: Maybe(None),
                locals: Filling::of_length(count as i32),
            }
        }
        CodeStep::Locals { left, size, pos, mut groups, count } => {
            let group = Locals { count: s.var()?, value_type: value_type(s)? };
            let count = count.wrapping_add(i64::from(group.count as u32));
            groups.push(group);
            CodeStep::Locals { left, size, pos, groups, count }
        }
        CodeStep::Spread { left, size, locals, .. } if locals.is_full() => {
            CodeStep::Body { left, size, locals: locals.vector, block: BlockStep::Start }
        }
        CodeStep::Spread { left, size, pos, mut groups, current, mut locals } => {
            let current = match current.0 {
                Some(mut group) if group.count != 0 => {
                    if locals.offset >= WRITTEN_MAX {
                        let what = format!("a function of more than {WRITTEN_MAX} locals");
                        return Err(StateError::TooLarge { what }.into());
                    }
                    locals.push_one_more(group.value_type);
                    group.count = group.count.wrapping_sub(1);
                    group
                }
                _ => {
                    let group = groups.vector.get(groups.offset)?.clone();
                    groups.offset = groups.offset.wrapping_add(1);
                    group
                }
            };
            CodeStep::Spread { left, size, pos, groups, current: Maybe(Some(current)), locals }
        }
        CodeStep::Body { size, locals, block: BlockStep::Stop { block: body }, .. } => {
            s.end()?;
            s.check_size(&size)?;
            CodeStep::Stop { func: Func { ftype: NO_TYPE, locals, body } }
        }
        CodeStep::Body { left, size, locals, block: step } => {
            CodeStep::Body { left, size, locals, block: block(s, allocations, step)? }
        }
        CodeStep::Stop { .. } => return no_step("Code_step"),
    })
}

fn elem_kind(s: &mut Stream) -> Result<RefType> {
    match s.byte()? {
        0 => Ok(RefType::Func),
        _ => refuse("malformed element kind"),
    }
}

fn elem_start(s: &mut Stream) -> Result<ElemStep> {
    let kind = s.var()?;
    if !(0..=7).contains(&kind) {
        return refuse("malformed elements segment kind");
    }
    let (index_kind, first_table, active) =
        (if kind < 4 { IndexKind::Indexed } else { IndexKind::Const }, kind & 2 == 0, kind & 1 == 0);
    let left = s.pos32();
    if active {
        let index = if first_table { 0 } else { s.var()? };
        return Ok(ElemStep::Mode {
            left,
            index,
            kind: index_kind,
            early: first_table.then_some(RefType::Func),
            offset_left: s.pos32(),
            offset: BlockStep::Start,
        });
    }
    let mode = if first_table { SegmentMode::Passive } else { SegmentMode::Declarative };
    elem_init(s, mode, None, index_kind)
}

/// The type, unless it is known, and the number of elements.
fn elem_init(s: &mut Stream, mode: SegmentMode, early: Option<RefType>, kind: IndexKind) -> Result<ElemStep> {
    let ref_type = match (early, kind) {
        (Some(ref_type), _) => ref_type,
        (None, IndexKind::Indexed) => elem_kind(s)?,
        (None, IndexKind::Const) => ref_type(s)?,
    };
    let init = Filling::of_length(s.length()?);
    Ok(match kind {
        IndexKind::Indexed => ElemStep::Indexed { mode, ref_type, init },
        IndexKind::Const => {
            ElemStep::Const { mode, ref_type, init, left: s.pos32(), block: BlockStep::Start }
        }
    })
}

pub(super) fn elem(s: &mut Stream, allocations: &mut Allocations, step: ElemStep) -> Result<ElemStep> {
    Ok(match step {
        ElemStep::Start => elem_start(s)?,
        ElemStep::Mode { index, kind, early, offset: BlockStep::Stop { block: offset }, .. } => {
            s.end()?;
            elem_init(s, SegmentMode::Active { index, offset }, early, kind)?
        }
        ElemStep::Mode { left, index, kind, early, offset_left, offset } => {
            let offset = block(s, allocations, offset)?;
            ElemStep::Mode { left, index, kind, early, offset_left, offset }
        }
        ElemStep::Const { mode, ref_type, init, .. } | ElemStep::Indexed { mode, ref_type, init }
            if init.is_full() =>
        {
            ElemStep::Stop { segment: ElemSegment { etype: ref_type, init: init.vector, mode } }
        }
        ElemStep::Indexed { mode, ref_type, mut init } => {
            let function = s.var()?;
            let block = allocations.block();
            allocations.blocks.get_mut(block)?.instructions.append(Instruction::RefFunc(function));
            init.push(block);
            ElemStep::Indexed { mode, ref_type, init }
        }
        ElemStep::Const { mode, ref_type, mut init, block: BlockStep::Stop { block }, .. } => {
            s.end()?;
            init.push(block);
            ElemStep::Const { mode, ref_type, init, left: s.pos32(), block: BlockStep::Start }
        }
        ElemStep::Const { mode, ref_type, init, left, block: step } => {
            ElemStep::Const { mode, ref_type, init, left, block: block(s, allocations, step)? }
        }
        ElemStep::Stop { .. } => return no_step("Elem_step"),
    })
}

pub(super) fn data(s: &mut Stream, allocations: &mut Allocations, step: DataStep) -> Result<DataStep> {
    Ok(match step {
        DataStep::Start => match s.var()? {
            kind @ (0 | 2) => {
                let left = s.pos32();
                let index = if kind == 0 { 0 } else { s.var()? };
                DataStep::Mode { left, index, offset_left: s.pos32(), offset: BlockStep::Start }
            }
            1 => DataStep::Init { mode: SegmentMode::Passive, bytes: BytesStep::Start },
            _ => return refuse("malformed data segment kind"),
        },
        DataStep::Mode { index, offset: BlockStep::Stop { block: offset }, .. } => {
            s.end()?;
            DataStep::Init { mode: SegmentMode::Active { index, offset }, bytes: BytesStep::Start }
        }
        DataStep::Mode { left, index, offset_left, offset } => {
            DataStep::Mode { left, index, offset_left, offset: block(s, allocations, offset)? }
        }
        DataStep::Init { mode, bytes: BytesStep::Stop { data } } => {
            DataStep::Stop { segment: DataSegment { init: data, mode } }
        }
        DataStep::Init { mode, bytes } => DataStep::Init { mode, bytes: data_bytes(s, allocations, bytes)? },
        DataStep::Stop { .. } => return no_step("Data_step"),
    })
}

fn data_bytes(s: &mut Stream, allocations: &mut Allocations, step: BytesStep) -> Result<BytesStep> {
    Ok(match step {
        BytesStep::Start => {
            let length = i64::from(s.length()?);
            BytesStep::Read { data: allocations.datas.append(Chunks::zeros(length)), pos: 0, length }
        }
        BytesStep::Read { data, pos, length } if pos >= length => BytesStep::Stop { data },
        BytesStep::Read { data, pos, length } => {
            let byte = s.byte()?;
            if !allocations.datas.get_mut(data)?.store_if_inside(pos, byte)? {
                return no_step("Byte_vector_step");
            }
            BytesStep::Read { data, pos: pos + 1, length }
        }
        BytesStep::Stop { .. } => return no_step("Byte_vector_step"),
    })
}
