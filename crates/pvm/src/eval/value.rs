//! Values on the stack, and their form in a state.

use super::Fault;
use crate::instance::FunctionRef;
use crate::lazy::{Vec32, leaf_nodes, union};
use crate::numeric::Number;
use crate::numeric::vector::Vector;
use crate::wasm::types::{RefType, ValueType};

union! {
    /// A reference.
    Ref {
        "FuncRef" Func { function: FunctionRef = [] },
        "ExternRef" Extern { number: i32 = [] },
        "NullRef" Null { ref_type: RefType = [] },
    }
}

union! {
    /// A value.
    Value {
        "NumType" Number { number: Number = [] },
        "VecType V128Type" Vector { vector: Vector = [] },
        "RefType" Ref { reference: Ref = [] },
    }
}

leaf_nodes!(Number, Vector);

/// Values, the last one first.
pub(crate) type Values = Vec32<Value>;

const ILL_TYPED: &str = "missing or ill-typed operand on stack";

impl Ref {
    pub(crate) fn ref_type(&self) -> RefType {
        match self {
            Self::Func { .. } => RefType::Func,
            Self::Extern { .. } => RefType::Extern,
            Self::Null { ref_type } => *ref_type,
        }
    }
}

impl Value {
    #[inline]
    pub(crate) fn i32(number: i32) -> Self {
        Self::Number { number: Number::I32(number) }
    }

    /// What a local of that type begins with.
    pub(crate) fn default_of(value_type: ValueType) -> Self {
        match value_type {
            ValueType::I32 => Self::i32(0),
            ValueType::I64 => Self::Number { number: Number::I64(0) },
            ValueType::V128 => Self::Vector { vector: [0; 16] },
            ValueType::FuncRef => Self::Ref { reference: Ref::Null { ref_type: RefType::Func } },
            ValueType::ExternRef => Self::Ref { reference: Ref::Null { ref_type: RefType::Extern } },
        }
    }

    pub(crate) fn value_type(&self) -> ValueType {
        match self {
            Self::Number { number: Number::I32(_) } => ValueType::I32,
            Self::Number { number: Number::I64(_) } => ValueType::I64,
            Self::Vector { .. } => ValueType::V128,
            Self::Ref { reference } => reference.ref_type().value(),
        }
    }
}

/// Taking operands off a stack.
pub(crate) trait Operands {
    fn pop_any(&mut self) -> Result<Value, Fault>;
    fn pop_number(&mut self) -> Result<Number, Fault>;
    fn pop_i32(&mut self) -> Result<i32, Fault>;
    fn pop_ref(&mut self) -> Result<Ref, Fault>;
    fn pop_vector(&mut self) -> Result<Vector, Fault>;
    fn push(&mut self, number: Number);
    fn push_i32(&mut self, number: i32);
    fn push_ref(&mut self, reference: Ref);
    fn push_vector(&mut self, vector: Vector);
}

#[cold]
fn ill_typed() -> Fault {
    Fault::crash(ILL_TYPED)
}

impl Operands for Values {
    // The length counts as signed here.
    #[inline]
    fn pop_any(&mut self) -> Result<Value, Fault> {
        if self.length() < 1 { Err(ill_typed()) } else { Ok(self.pop()?) }
    }

    #[inline]
    fn pop_number(&mut self) -> Result<Number, Fault> {
        match self.pop_any()? {
            Value::Number { number } => Ok(number),
            _ => Err(ill_typed()),
        }
    }

    #[inline]
    fn pop_i32(&mut self) -> Result<i32, Fault> {
        match self.pop_any()? {
            Value::Number { number: Number::I32(number) } => Ok(number),
            _ => Err(ill_typed()),
        }
    }

    fn pop_ref(&mut self) -> Result<Ref, Fault> {
        match self.pop_any()? {
            Value::Ref { reference } => Ok(reference),
            _ => Err(ill_typed()),
        }
    }

    fn pop_vector(&mut self) -> Result<Vector, Fault> {
        match self.pop_any()? {
            Value::Vector { vector } => Ok(vector),
            _ => Err(ill_typed()),
        }
    }

    #[inline]
    fn push(&mut self, number: Number) {
        self.cons(Value::Number { number });
    }

    #[inline]
    fn push_i32(&mut self, number: i32) {
        self.cons(Value::i32(number));
    }

    fn push_ref(&mut self, reference: Ref) {
        self.cons(Value::Ref { reference });
    }

    fn push_vector(&mut self, vector: Vector) {
        self.cons(Value::Vector { vector });
    }
}
