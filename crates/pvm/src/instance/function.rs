//! Functions of an instance.

use crate::lazy::{Node, Text, Vec32, VectorError, record, union};
use crate::state::StateError;
use crate::wasm::types::{FuncType, ValueType};
use soru_merkle::Tree;
use std::sync::{Arc, OnceLock};

record! {
    /// The type of a function, as an instance has it.
    InstanceType {
        params: Vec32<ValueType> = ["1", "type-params"],
        results: Vec32<ValueType> = ["2", "type-result"],
    }
}

union! {
    /// A function.
    Function {
        "Host" Host { func_type: FuncType = ["1"], name: Text = ["2", "name"] },
        // One of the module's own.
        "Native" Native {
            func_type: InstanceType = ["1"], module: Text = ["2", "module"], ftype: i32 = ["3", "ftype"],
            locals: Vec32<ValueType> = ["4", "locals"], body: i32 = ["5"],
        },
    }
}

/// A function that many places share. It does not change.
#[derive(Debug, Clone)]
pub(crate) struct FunctionRef(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    function: Function,
    // Its subtree, once it was written.
    tree: OnceLock<Tree>,
    locals: OnceLock<Box<[ValueType]>>,
}

impl FunctionRef {
    pub(crate) fn new(function: Function) -> Self {
        Self(Arc::new(Shared { function, tree: OnceLock::new(), locals: OnceLock::new() }))
    }

    #[inline]
    pub(crate) fn function(&self) -> &Function {
        &self.0.function
    }

    /// The same for all that share it.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// How many parameters and results it has.
    #[inline]
    pub(crate) fn arity(&self) -> (i32, i32) {
        match self.function() {
            Function::Host { func_type, .. } => (func_type.params.length(), func_type.results.length()),
            Function::Native { func_type, .. } => (func_type.params.length(), func_type.results.length()),
        }
    }

    /// The number of its type; of a host function −1.
    pub(crate) fn type_index(&self) -> i32 {
        match self.function() {
            Function::Host { .. } => -1,
            Function::Native { ftype, .. } => *ftype,
        }
    }

    /// The types of all its locals but the parameters, read at once and only once.
    pub(crate) fn local_types(&self) -> Result<&[ValueType], VectorError> {
        if let Some(types) = self.0.locals.get() {
            return Ok(types);
        }
        let types = match self.function() {
            Function::Host { .. } => Vec::new(),
            // A length of 2^31 or more is no length here, and a call of such a function finds no entry.
            Function::Native { locals, .. } if locals.length() < 0 => return Err(VectorError::NoEntry),
            Function::Native { locals, .. } => {
                let mut locals = locals.clone();
                (0..locals.length())
                    .map(|index| locals.get(index).copied())
                    .collect::<Result<Vec<_>, VectorError>>()?
            }
        };
        Ok(self.0.locals.get_or_init(|| types.into()))
    }

    /// The types of parameters and results.
    pub(crate) fn types(&self) -> (Vec32<ValueType>, Vec32<ValueType>) {
        match self.function() {
            Function::Host { func_type, .. } => (func_type.params.clone(), func_type.results.clone()),
            Function::Native { func_type, .. } => (func_type.params.clone(), func_type.results.clone()),
        }
    }
}

impl Node for FunctionRef {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        Function::read(tree).map(Self::new)
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        let tree = match self.0.tree.get() {
            Some(tree) => tree,
            None => {
                let mut tree = Tree::empty();
                self.0.function.clone().write(&mut tree)?;
                self.0.tree.get_or_init(|| tree)
            }
        };
        if dir.is_empty()? {
            *dir = tree.clone();
            return Ok(());
        }
        for name in ["tag", "value"] {
            if let Some(part) = tree.find_tree(&[name])? {
                dir.insert_tree(&[name], part)?;
            }
        }
        Ok(())
    }
}
