//! Tables.

use crate::eval::{Fault, Ref};
use crate::lazy::{Node, Vec32, VectorError, record};
use crate::run::TABLE_GROWTH_MAX;
use crate::state::StateError;
use crate::wasm::types::{Limits, RefType, TableType};
use soru_merkle::Tree;
use std::sync::OnceLock;

record! {
    /// A table.
    TableInstance {
        min: i32 = ["1", "min"],
        max: Option<i32> = ["2", "max"],
        refs: Vec32<Element> = ["3", "refs"],
        elements: RefType = ["4", "ref-type"],
    }
}

/// An element of a table. Null references are many: all of a type are one subtree.
#[derive(Debug, Clone)]
pub(crate) struct Element(Ref);

impl Node for Element {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        Ref::read(tree).map(Self)
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        static NULLS: [OnceLock<Tree>; 2] = [const { OnceLock::new() }; 2];
        let Ref::Null { ref_type } = self.0 else { return self.0.write(dir) };
        let known = &NULLS[usize::from(ref_type == RefType::Extern)];
        if known.get().is_none() {
            let mut tree = Tree::empty();
            self.0.write(&mut tree)?;
            known.get_or_init(|| tree);
        }
        *dir = known.get().cloned().unwrap_or_default();
        Ok(())
    }
}

impl TableInstance {
    /// A table of null references.
    pub(crate) fn new(table: TableType) -> Result<Self, Fault> {
        let TableType { limits, elements } = table;
        if !limits.are_valid() {
            return Err(Fault::raised("Tezos_webassembly_interpreter.Partial_table.Type"));
        }
        let mut made = Self { min: limits.min, max: limits.max, refs: Vec32::default(), elements };
        // A minimum of 2^31 or more makes no elements.
        check_growth(limits.min)?;
        made.refs.append_many(limits.min, Element(Ref::Null { ref_type: elements }));
        Ok(made)
    }

    pub(crate) fn size(&self) -> i32 {
        self.refs.length()
    }

    /// Adds elements and gives the size before, or −1 if there cannot be so many.
    pub(crate) fn grow(&mut self, delta: i32, reference: &Ref) -> Result<i32, Fault> {
        if self.min != self.size() {
            return Err(Fault::assertion("src/lib_webassembly/runtime/partial_table.ml", 66, 2));
        }
        let before = self.min;
        let after = before.wrapping_add(delta);
        if before as u32 > after as u32 || !(Limits { min: after, max: self.max }).are_valid() {
            return Ok(-1);
        }
        check_growth(delta)?;
        self.refs.append_many(delta, Element(reference.clone()));
        self.min = after;
        Ok(before)
    }

    /// Nothing if the index is outside.
    pub(crate) fn load(&mut self, index: i32) -> Result<Option<Ref>, Fault> {
        match self.refs.get(index) {
            Ok(element) => Ok(Some(element.0.clone())),
            Err(VectorError::Bounds) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// False if the index is outside.
    pub(crate) fn store(&mut self, index: i32, reference: Ref) -> Result<bool, Fault> {
        if reference.ref_type() != self.elements {
            return Err(Fault::crash("type mismatch at table access"));
        }
        Ok(self.refs.set(index, Element(reference)))
    }
}

/// A count of 2^31 or more makes no elements.
fn check_growth(count: i32) -> Result<(), Fault> {
    match u32::try_from(count) {
        Ok(count) if count > TABLE_GROWTH_MAX => {
            let what = format!("a table that grows by {count} elements at once");
            Err(StateError::TooLarge { what }.into())
        }
        _ => Ok(()),
    }
}
