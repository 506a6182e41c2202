//! Instructions on vectors.

use super::{Translator, Vector};
use crate::Unsupported;
use crate::module::Ty;
use crate::op::Op;
use crate::price::INSTRUCTION;
use soru_pvm::handover::{Access, Kind, VectorOp};

impl Translator<'_> {
    /// The instruction that begins at this place. False if it is none on vectors.
    pub(super) fn on_vectors(&mut self) -> Result<bool, Unsupported> {
        let code = self.module.bytes.get(self.here as usize..).unwrap_or_default();
        let Some(op) = VectorOp::read(code) else { return Ok(false) };
        let mut slots = [0; 3];
        let operands = op.operands();
        for slot in slots[..operands.len()].iter_mut().rev() {
            *slot = self.take()?;
        }
        let [a, b, c] = slots;
        let (result, access) = (op.result(), op.access());
        let index = self.out.vectors.len() as u32;
        let none = Access { offset: 0, len: 0, is_store: false };
        let is_wide = result == Some(Kind::V128);
        self.out.vectors.push(Vector { op, is_wide, access: access.unwrap_or(none) });
        let Some(result) = result else {
            self.emit(Op::VectorStore { a, b, index }, INSTRUCTION);
            return Ok(true);
        };
        let d = self.push_own(match result {
            Kind::I32 => Ty::I32,
            Kind::I64 => Ty::I64,
            Kind::V128 => Ty::V128,
        });
        match access {
            Some(_) => self.emit(Op::VectorLoad { d, a, b, index }, INSTRUCTION),
            None => self.emit(Op::Vector { d, a, b, c, index }, INSTRUCTION),
        }
        Ok(true)
    }
}
