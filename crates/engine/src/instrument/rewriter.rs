//! What is known while a kernel is rewritten: its functions and types as they were, and as they become.

use super::callees::Callee;
use super::heights::Heights;
use super::{InstrumentError, MORE, Purpose, unroll};
use crate::decode::{FuncType, ImportKind, Module, ValueType};
use std::collections::BTreeMap;
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    AbstractHeapType, CodeSection, EntityType, Function, ImportSection, TypeSection, ValType,
};
use wasmparser::FuncValidatorAllocations;

pub(super) struct Rewriter<'a> {
    pub(super) module: &'a Module,
    pub(super) purpose: Purpose,
    /// The types of the host functions.
    pub(super) imported: Vec<u32>,
    /// Lists of two and more results, each with a type of its own: a block says its results by such a type.
    result_types: Vec<&'a [ValueType]>,
    /// Whether host functions are referred to.
    pub(super) refers: bool,
    pub(super) heights: Heights,
    /// What is known of the kernel's own functions, of those that were looked at; of none if no ticks are counted.
    pub(super) callees: Vec<Option<Callee>>,
    /// Pairs of instructions and locals that may be put in where loops are written several times.
    pub(super) pairs: u64,
    /// Room that was used before.
    pub(super) allocations: FuncValidatorAllocations,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(module: &'a Module, purpose: Purpose) -> Result<Self, InstrumentError> {
        // An indirect call compares types: two that are not the same must not become the same.
        let mut seen = BTreeMap::new();
        for of_type in &module.types {
            let rewritten = |types: &[ValueType]| -> Vec<_> {
                let one = |of_type: &ValueType| match of_type {
                    ValueType::ExternRef => ValueType::FuncRef,
                    other => *other,
                };
                types.iter().map(one).collect()
            };
            let key = (rewritten(&of_type.params), rewritten(&of_type.results));
            if *seen.entry(key).or_insert(of_type) != of_type {
                return Err(InstrumentError("two types differ by funcref and externref alone".into()));
            }
        }
        let mut result_types: Vec<&[ValueType]> = Vec::new();
        for of_type in &module.types {
            if of_type.results.len() > 1 && !result_types.contains(&of_type.results.as_slice()) {
                result_types.push(&of_type.results);
            }
        }
        let function = |kind: &ImportKind| match kind {
            ImportKind::Function(of_type) => Some(*of_type),
            _ => None,
        };
        let imported = module.imports.iter().filter_map(|import| function(&import.kind)).collect();
        Ok(Self {
            module,
            purpose,
            imported,
            result_types,
            refers: false,
            heights: Heights::default(),
            callees: Vec::new(),
            pairs: unroll::PAIRS,
            allocations: FuncValidatorAllocations::default(),
        })
    }

    pub(super) fn is_metered(&self) -> bool {
        // Without a function there is nothing to count, and no type either.
        self.purpose == Purpose::Kernel { metered: true } && !self.module.functions.is_empty()
    }

    /// The type of a function with one more parameter.
    pub(super) fn deeper(&self, of_type: u32) -> u32 {
        self.module.types.len() as u32 + of_type
    }

    pub(super) fn append_types(&self, types: &mut TypeSection) {
        for FuncType { params, results } in &self.module.types {
            let params: Vec<_> = params.iter().copied().map(encoded).chain([ValType::I32]).collect();
            types.ty().function(params, results.iter().copied().map(encoded));
        }
        for results in &self.result_types {
            types.ty().function([], results.iter().copied().map(encoded));
        }
        types.ty().function([], []);
    }

    /// The type that leaves these results, of which there are at least two.
    pub(super) fn results(&self, results: &[ValueType]) -> u32 {
        let place = self.result_types.iter().position(|other| *other == results).unwrap_or_default();
        (2 * self.module.types.len() + place) as u32
    }

    pub(super) fn append_import(&self, imports: &mut ImportSection) {
        let of_type = 2 * self.module.types.len() + self.result_types.len();
        imports.import(MORE.0, MORE.1, EntityType::Function(of_type as u32));
    }

    /// The function that gives more ticks, behind the host functions.
    pub(super) fn more(&self) -> u32 {
        self.imported.len() as u32
    }

    /// A function as it is called, which is the way to a host function.
    pub(super) fn called(&self, function: u32) -> u32 {
        let is_own = function as usize >= self.imported.len();
        function + u32::from(is_own && self.is_metered())
    }

    /// A function as it is referred to: all of them have one more parameter.
    pub(super) fn referred(&self, function: u32) -> u32 {
        // Where no function of the kernel is, nobody calls one.
        if function as usize >= self.imported.len() || !self.refers {
            return self.called(function);
        }
        let own = self.imported.len() + self.module.functions.len();
        self.called(own as u32) + function
    }

    pub(super) fn own_type(&self, index: usize) -> Option<&'a FuncType> {
        self.module.functions.get(index).and_then(|of_type| self.module.types.get(*of_type as usize))
    }

    /// The types of the host functions, if they are referred to.
    pub(super) fn replaced(&self) -> &[u32] {
        if self.refers { &self.imported } else { &[] }
    }

    /// In the place of host functions, where they are referred to.
    pub(super) fn append_bodies(&self, code: &mut CodeSection) {
        for (index, of_type) in self.replaced().iter().enumerate() {
            let params = self.module.types.get(*of_type as usize).map_or(0, |of_type| of_type.params.len());
            let mut function = Function::new([]);
            if let Some(around) = self.around() {
                // The caller has paid for the values that wait below, which is for functions of the kernel only.
                let ticks = self.ticks();
                function.instructions().global_get(ticks).global_get(around).i64_add().global_set(ticks);
            }
            for param in 0..params {
                function.instructions().local_get(param as u32);
            }
            function.instructions().call(index as u32).end();
            code.function(&function);
        }
    }
}

pub(super) fn encoded(value: ValueType) -> ValType {
    match value {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::V128 => ValType::V128,
        ValueType::FuncRef | ValueType::ExternRef => ValType::FUNCREF,
    }
}

impl Reencode for Rewriter<'_> {
    type Error = std::convert::Infallible;

    fn abstract_heap_type(
        &mut self,
        of_type: wasmparser::AbstractHeapType,
    ) -> Result<AbstractHeapType, reencode::Error<Self::Error>> {
        match of_type {
            wasmparser::AbstractHeapType::Extern => Ok(AbstractHeapType::Func),
            other => Ok(reencode::utils::abstract_heap_type(self, other)),
        }
    }

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<Self::Error>> {
        Ok(self.referred(function))
    }
}
