//! The stack of types while an instruction is typed.

use super::Problem;
use crate::error::Reason;
use crate::micheline::{Cursor, Micheline};
use crate::types::{Type, Use};
use num_traits::ToPrimitive;

/// Largest number that instructions take as an argument.
const MAX_COUNT: usize = 1_023;
/// Largest number of a component.
const MAX_COMPONENT: usize = 2_047;

pub(super) struct Operands {
    // The top last.
    stack: Vec<Type>,
}

impl Operands {
    pub(super) fn new(stack: Vec<Type>) -> Self {
        Self { stack }
    }

    pub(super) fn into_stack(self) -> Vec<Type> {
        self.stack
    }

    pub(super) fn take_stack(&mut self) -> Vec<Type> {
        std::mem::take(&mut self.stack)
    }

    pub(super) fn set_stack(&mut self, stack: Vec<Type>) {
        self.stack = stack;
    }

    /// Takes the top; `expected` says what the instruction needs.
    pub(super) fn pop(&mut self, expected: &str) -> Result<Type, Problem> {
        self.stack.pop().ok_or_else(|| {
            Problem::Here(Reason::Operands {
                expected: expected.to_owned(),
                found: "an empty stack".to_owned(),
            })
        })
    }

    /// Takes the top, which must be of that type.
    pub(super) fn take(&mut self, expected: &Type) -> Result<(), Problem> {
        match self.stack.pop() {
            Some(found) => same(expected, &found),
            None => self.pop(&expected.to_string()).map(drop),
        }
    }

    pub(super) fn push(&mut self, ty: Type) -> Result<(), Problem> {
        let ty = ty.bounded()?;
        self.stack.push(ty);
        Ok(())
    }

    /// The types at the top, the topmost first.
    pub(super) fn top<const N: usize>(&self) -> Option<[&Type; N]> {
        let types: Vec<&Type> = self.stack.iter().rev().take(N).collect();
        types.try_into().ok()
    }

    /// Takes `n` types.
    pub(super) fn drop(&mut self, n: usize) {
        self.stack.truncate(self.stack.len().saturating_sub(n));
    }

    /// An error that says what the instruction needs.
    pub(super) fn wrong(&self, expected: &str) -> Problem {
        let top: Vec<Type> = self.stack.iter().rev().take(3).cloned().collect();
        Problem::Here(Reason::Operands {
            expected: expected.to_owned(),
            found: crate::error::show_stack(&top),
        })
    }

    /// The index of the element `depth` below the top.
    pub(super) fn index(&self, depth: usize) -> Result<usize, Problem> {
        self.stack.len().checked_sub(depth + 1).ok_or_else(|| {
            Problem::Here(Reason::Operands {
                expected: format!("at least {} elements", depth + 1),
                found: format!("{}", self.stack.len()),
            })
        })
    }

    pub(super) fn stack_mut(&mut self) -> &mut Vec<Type> {
        &mut self.stack
    }
}

pub(super) fn same(expected: &Type, found: &Type) -> Result<(), Problem> {
    match expected == found {
        true => Ok(()),
        false => Err(Problem::Here(Reason::Mismatch { expected: expected.clone(), found: found.clone() })),
    }
}

pub(super) fn require(ty: &Type, wanted: Use) -> Result<(), Problem> {
    ty.require(wanted).map_err(Problem::Here)
}

/// The arguments of an instruction, exactly `N`.
pub(super) fn args<const N: usize>(cursor: Cursor<'_>) -> Result<[Cursor<'_>; N], Problem> {
    cursor.exactly().ok_or_else(|| {
        let found = format!("{} of them", cursor.node.children().len());
        Problem::unexpected(format!("{N} arguments"), found)
    })
}

/// A small number given as an argument.
pub(super) fn count(cursor: Cursor<'_>) -> Result<usize, Problem> {
    number_up_to(MAX_COUNT, cursor)
}

/// The number of a component of a comb, given as an argument.
pub(super) fn component_number(cursor: Cursor<'_>) -> Result<usize, Problem> {
    number_up_to(MAX_COMPONENT, cursor)
}

fn number_up_to(most: usize, cursor: Cursor<'_>) -> Result<usize, Problem> {
    let n = match cursor.node {
        Micheline::Int(n) => n.to_usize().filter(|n| *n <= most),
        _ => None,
    };
    n.ok_or_else(|| Problem::unexpected(format!("a number from 0 to {most}"), cursor.node))
}

/// The number given as the only argument, or `default` if there is none.
pub(super) fn count_or(cursor: Cursor<'_>, default: usize) -> Result<usize, Problem> {
    match cursor.node.children().len() {
        0 => Ok(default),
        _ => {
            let [n] = args(cursor)?;
            count(n)
        }
    }
}
