//! One instruction of the kernel.

use super::label::Source;
use super::{Translator, Wanted};
use crate::Unsupported;
use crate::module::Ty;
use crate::op::{Op, operations};
use crate::price::INSTRUCTION;
use wasmparser::{HeapType, Operator};

/// The type of what an operation has as its result.
fn result_type(name: &str) -> Ty {
    const COMPARISONS: [&str; 11] =
        ["Eq", "Ne", "LtS", "LtU", "GtS", "GtU", "LeS", "LeU", "GeS", "GeU", "Eqz"];
    let is_comparison = COMPARISONS.contains(&name.split_at(3).1);
    if name.starts_with("I64") && !is_comparison { Ty::I64 } else { Ty::I32 }
}

macro_rules! translations {
    (
        binary { $($binary:ident $bt:ident |$ba:ident, $bb:ident| $be:expr;)* }
        partial { $($partial:ident $pt:ident |$pa:ident, $pb:ident| $pe:expr;)* }
        unary { $($unary:ident $ut:ident |$ua:ident| $ue:expr;)* }
        load { $($load:ident $lt:ident as $la:ident;)* }
        store { $($store:ident $st:ident;)* }
    ) => {
        impl Translator<'_> {
            /// An operation on numbers, a load or a store. False if it is another instruction.
            fn on_numbers(&mut self, operator: &Operator<'_>) -> Result<bool, Unsupported> {
                match operator {
                    $(Operator::$binary => {
                        let (b, a) = (self.take()?, self.take()?);
                        let d = self.push_own(result_type(stringify!($binary)));
                        self.emit(Op::$binary { d, a, b }, INSTRUCTION);
                    })*
                    $(Operator::$partial => {
                        let (b, a) = (self.take()?, self.take()?);
                        let d = self.push_own(result_type(stringify!($partial)));
                        self.emit(Op::$partial { d, a, b }, INSTRUCTION);
                    })*
                    $(Operator::$unary => {
                        let a = self.take()?;
                        let d = self.push_own(result_type(stringify!($unary)));
                        self.emit(Op::$unary { d, a }, INSTRUCTION);
                    })*
                    $(Operator::$load { memarg } => {
                        let a = self.take()?;
                        let d = self.push_own(result_type(stringify!($load)));
                        self.emit(Op::$load { d, a, offset: memarg.offset as u32 }, INSTRUCTION);
                    })*
                    $(Operator::$store { memarg } => {
                        let (value, a) = (self.take()?, self.take()?);
                        self.emit(Op::$store { a, value, offset: memarg.offset as u32 }, INSTRUCTION);
                    })*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}
operations!(translations);

impl Translator<'_> {
    pub(super) fn instruction(&mut self, operator: &Operator<'_>) -> Result<(), Unsupported> {
        if self.on_numbers(operator)? {
            return Ok(());
        }
        match operator {
            Operator::Nop => self.charge(INSTRUCTION),
            Operator::Unreachable => {
                self.emit_edges(Op::Unreachable);
                self.top().is_live = false;
            }
            Operator::Block { blockty } => self.begin(self.module.block(*blockty)?, false)?,
            Operator::Loop { blockty } => self.begin(self.module.block(*blockty)?, true)?,
            Operator::If { blockty } => self.begin_if(self.module.block(*blockty)?)?,
            Operator::Br { relative_depth } => self.jump(*relative_depth)?,
            Operator::BrIf { relative_depth } => self.jump_if(*relative_depth)?,
            Operator::BrTable { targets } => self.jump_table(targets)?,
            Operator::Return => self.return_()?,
            Operator::Call { function_index } => self.call(*function_index)?,
            Operator::CallIndirect { type_index, table_index } => {
                self.call_indirect(*type_index, *table_index)?;
            }
            Operator::Drop => {
                self.charge(INSTRUCTION);
                self.top().stack.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                let choice = self.take()?;
                let ty = self.top().stack.live.last().map_or(Ty::I32, |operand| operand.ty);
                let (b, a) = (self.take()?, self.take()?);
                let d = self.push_own(ty);
                self.emit(
                    match ty {
                        Ty::V128 => Op::SelectWide { d, a, b, choice },
                        _ => Op::Select { d, a, b, choice },
                    },
                    INSTRUCTION,
                );
            }
            Operator::LocalGet { local_index } => {
                self.charge(INSTRUCTION);
                let slot = Self::slot(*local_index as usize);
                let ty = self.locals[slot as usize];
                self.push(Source::of(slot, ty), ty);
            }
            Operator::LocalSet { local_index } => self.set_local(Self::slot(*local_index as usize), false)?,
            Operator::LocalTee { local_index } => self.set_local(Self::slot(*local_index as usize), true)?,
            Operator::GlobalGet { global_index: index } => {
                let (ty, index) = (self.module.globals[*index as usize], *index);
                let d = self.push_own(ty);
                let op =
                    if ty == Ty::V128 { Op::GlobalGetWide { d, index } } else { Op::GlobalGet { d, index } };
                self.emit(op, INSTRUCTION);
            }
            Operator::GlobalSet { global_index: index } => {
                let (ty, index) = (self.module.globals[*index as usize], *index);
                let a = self.take()?;
                let op =
                    if ty == Ty::V128 { Op::GlobalSetWide { index, a } } else { Op::GlobalSet { index, a } };
                self.emit(op, INSTRUCTION);
            }
            Operator::I32Const { value } => self.constant(u64::from(*value as u32), Ty::I32),
            Operator::I64Const { value } => self.constant(*value as u64, Ty::I64),
            Operator::RefNull { hty } => {
                let ty = if *hty == HeapType::FUNC { Ty::Func } else { Ty::Extern };
                self.constant(0, ty);
            }
            Operator::RefFunc { function_index } => self.constant(u64::from(*function_index) + 1, Ty::Func),
            Operator::RefIsNull => {
                let a = self.take()?;
                let d = self.push_own(Ty::I32);
                self.emit(Op::IsNull { d, a }, INSTRUCTION);
            }
            Operator::TableGet { table } => {
                let a = self.take()?;
                let d = self.push_own(self.module.tables[*table as usize]);
                self.emit(Op::TableGet { d, a, table: *table }, INSTRUCTION);
            }
            Operator::TableSet { table } => {
                let (value, a) = (self.take()?, self.take()?);
                self.emit(Op::TableSet { a, value, table: *table }, INSTRUCTION);
            }
            Operator::TableSize { table } => {
                let d = self.push_own(Ty::I32);
                self.emit(Op::TableSize { d, table: *table }, INSTRUCTION);
            }
            Operator::TableGrow { table } => {
                let (count, value) = (self.take()?, self.take()?);
                let d = self.push_own(Ty::I32);
                self.emit(Op::TableGrow { d, value, count, table: *table }, INSTRUCTION);
            }
            Operator::MemorySize { .. } => {
                let d = self.push_own(Ty::I32);
                self.emit(Op::MemorySize { d }, INSTRUCTION);
            }
            Operator::MemoryGrow { .. } => {
                let a = self.take()?;
                let d = self.push_own(Ty::I32);
                self.emit(Op::MemoryGrow { d, a }, INSTRUCTION);
            }
            Operator::DataDrop { data_index } => {
                self.emit(Op::DataDrop { segment: *data_index }, INSTRUCTION);
            }
            Operator::ElemDrop { elem_index } => {
                self.emit(Op::ElemDrop { segment: *elem_index }, INSTRUCTION);
            }
            other if self.on_many(other)? => (),
            _ if self.on_vectors()? => (),
            other => return Err(Unsupported::new(format!("the instruction {other:?}"))),
        }
        Ok(())
    }

    /// An instruction on many bytes or elements. False if it is another one.
    fn on_many(&mut self, operator: &Operator<'_>) -> Result<bool, Unsupported> {
        if !matches!(
            operator,
            Operator::MemoryFill { .. }
                | Operator::MemoryCopy { .. }
                | Operator::MemoryInit { .. }
                | Operator::TableFill { .. }
                | Operator::TableCopy { .. }
                | Operator::TableInit { .. }
        ) {
            return Ok(false);
        }
        // They lie in cells of their own, so that they can be changed when a part is done.
        self.settle_last(3)?;
        if self.wants(self.here, Wanted::Again) {
            self.describe();
            return Ok(true);
        }
        let (count, second, to) = (self.take()?, self.take()?, self.take()?);
        let edge = INSTRUCTION;
        let small = |index: u32| {
            u16::try_from(index).map_err(|_| Unsupported::new("very many tables or segments of elements"))
        };
        self.emit_edges(match operator {
            Operator::MemoryFill { .. } => Op::MemoryFill { to, value: second, count, edge },
            Operator::MemoryCopy { .. } => Op::MemoryCopy { to, from: second, count, edge },
            Operator::MemoryInit { data_index, .. } => {
                Op::MemoryInit { to, from: second, count, segment: *data_index, edge }
            }
            Operator::TableFill { table } => {
                Op::TableFill { to, value: second, count, table: small(*table)?, edge }
            }
            Operator::TableCopy { dst_table, src_table } => {
                let tables = (small(*dst_table)?, small(*src_table)?);
                Op::TableCopy { to, from: second, count, to_table: tables.0, from_table: tables.1, edge }
            }
            Operator::TableInit { elem_index, table } => {
                let (table, segment) = (small(*table)?, small(*elem_index)?);
                Op::TableInit { to, from: second, count, table, segment, edge }
            }
            _ => Op::Nothing,
        });
        Ok(true)
    }

    fn constant(&mut self, value: u64, ty: Ty) {
        self.charge(INSTRUCTION);
        self.push(Source::Const(value), ty);
    }
}
