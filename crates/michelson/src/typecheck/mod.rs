//! The typing judgement: from expressions to typed code.

mod arithmetic;
mod chain;
mod control;
mod data;
mod ir;
mod operands;

pub use ir::Code;
pub(crate) use ir::{Instruction, Step};

use crate::annots::Allowed;
use crate::error::{Reason, TypeError, show_stack};
use crate::gas::{Gas, cost};
use crate::micheline::{Cursor, MAX_DEPTH, Micheline, Numbering, Prim};
use crate::types::{Parameter, Type};
use operands::Operands;
use std::sync::Arc;

/// Where code stands, which decides what it may do.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The code of a contract with that parameter.
    Contract(&'a Parameter),
    /// A view: no operations.
    View,
    /// A function, or a fragment that belongs to no contract.
    Function,
}

/// The stack after code: its types, the top last; or nothing, when the code never gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// The types, the top last.
    Stack(Vec<Type>),
    /// The code fails always.
    Never,
}

/// Types a sequence of instructions that belongs to no contract: what it leaves on a stack, and the code.
///
/// `stack` has its top last. The code can be run with [`crate::interpret::run_fragment`].
pub fn fragment(code: &Micheline, stack: Vec<Type>, gas: &mut Gas) -> Result<(Code, After), TypeError> {
    fragment_of(code, stack, None, gas)
}

/// The same for instructions of a contract that has that parameter.
pub fn fragment_of(
    code: &Micheline,
    stack: Vec<Type>,
    parameter: Option<&Parameter>,
    gas: &mut Gas,
) -> Result<(Code, After), TypeError> {
    let source = Arc::new(code.clone());
    let numbering = Numbering::of(&source);
    let place = parameter.map_or(Place::Function, Place::Contract);
    let mut checker = Checker::new(source.clone(), place, gas);
    let (block, after) = checker.block(numbering.root(&source), stack)?;
    Ok((checker.finish(block), after))
}

/// Types the code of a function, a contract or a view: from one value to one value. The block of the code is 0.
pub(crate) fn body(
    cursor: Cursor<'_>,
    source: Arc<Micheline>,
    place: Place<'_>,
    stack: Vec<Type>,
    result: &Type,
    gas: &mut Gas,
) -> Result<Code, TypeError> {
    let mut checker = Checker::new(source, place, gas);
    let block = checker.returning(cursor, stack, result)?;
    Ok(checker.finish(block))
}

/// Types a function written as data.
pub(crate) fn function(
    cursor: Cursor<'_>,
    source: Arc<Micheline>,
    parameter: &Type,
    result: &Type,
    recursive: bool,
    gas: &mut Gas,
) -> Result<(Arc<Code>, usize), TypeError> {
    let stack = Checker::function_stack(parameter, result, recursive);
    let code = body(cursor, source, Place::Function, stack, result, gas)?;
    Ok((Arc::new(code), 0))
}

struct Checker<'a> {
    blocks: Vec<Box<[Step]>>,
    source: Arc<Micheline>,
    place: Place<'a>,
    gas: &'a mut Gas,
    depth: usize,
}

impl<'a> Checker<'a> {
    fn new(source: Arc<Micheline>, place: Place<'a>, gas: &'a mut Gas) -> Self {
        Self { blocks: Vec::new(), source, place, gas, depth: 0 }
    }

    /// The code, its block `entry` moved to the front.
    fn finish(mut self, entry: usize) -> Code {
        // The outermost block is the last one finished; a copy of its place at the front would need all others renumbered,
        // so block 0 is kept free for it from the start.
        self.blocks.swap(0, entry);
        Code { blocks: self.blocks, source: self.source }
    }

    fn function_stack(parameter: &Type, result: &Type, recursive: bool) -> Vec<Type> {
        let itself = recursive.then(|| Type::lambda(parameter.clone(), result.clone()));
        itself.into_iter().chain([parameter.clone()]).collect()
    }

    /// A block that leaves exactly one value of a type, or fails.
    fn returning(&mut self, cursor: Cursor<'_>, stack: Vec<Type>, result: &Type) -> Result<usize, TypeError> {
        let (block, after) = self.block(cursor, stack)?;
        match after {
            After::Never => Ok(block),
            After::Stack(stack) if stack == [result.clone()] => Ok(block),
            After::Stack(stack) => {
                let top_first: Vec<_> = stack.into_iter().rev().collect();
                let expected = format!("code that leaves {}", show_stack(std::slice::from_ref(result)));
                Err(TypeError::unexpected(cursor.number, expected, show_stack(&top_first)))
            }
        }
    }

    /// Types a sequence of instructions.
    fn block(&mut self, cursor: Cursor<'_>, stack: Vec<Type>) -> Result<(usize, After), TypeError> {
        if self.blocks.is_empty() {
            // Room for the outermost block.
            self.blocks.push(Box::new([]));
        }
        let mut steps = Vec::new();
        let after = self.sequence(cursor, stack, &mut steps)?;
        self.blocks.push(steps.into_boxed_slice());
        Ok((self.blocks.len() - 1, after))
    }

    fn sequence(
        &mut self,
        cursor: Cursor<'_>,
        stack: Vec<Type>,
        steps: &mut Vec<Step>,
    ) -> Result<After, TypeError> {
        if !matches!(cursor.node, Micheline::Seq(_)) {
            return Err(TypeError::unexpected(cursor.number, "a sequence of instructions", cursor.node));
        }
        if self.depth >= MAX_DEPTH {
            return Err(TypeError::new(cursor.number, Reason::TooDeep));
        }
        self.depth += 1;
        let mut stack = stack;
        let mut failed = false;
        for child in cursor.children() {
            if failed {
                return Err(TypeError::new(child.number, Reason::Unreachable));
            }
            self.gas.charge(cost::NODE).map_err(|e| TypeError::new(child.number, e.into()))?;
            let after = crate::deep(|| match child.node {
                Micheline::Seq(_) => self.sequence(child, std::mem::take(&mut stack), steps),
                _ => self.step(child, std::mem::take(&mut stack), steps),
            })?;
            match after {
                After::Stack(after) => stack = after,
                After::Never => failed = true,
            }
        }
        self.depth -= 1;
        Ok(if failed { After::Never } else { After::Stack(stack) })
    }

    fn step(
        &mut self,
        cursor: Cursor<'_>,
        stack: Vec<Type>,
        steps: &mut Vec<Step>,
    ) -> Result<After, TypeError> {
        let Some((prim, ..)) = cursor.node.as_prim() else {
            return Err(TypeError::unexpected(cursor.number, "an instruction", cursor.node));
        };
        let cost = cost::of(stack.len(), 1);
        let before = stack.clone();
        let mut operands = Operands::new(stack);
        let typed = match self.gas.charge(cost) {
            Ok(()) => self.instruction(cursor, prim, &mut operands),
            Err(e) => Err(Problem::Here(e.into())),
        };
        match typed {
            Ok(Typed { instruction, fails }) => {
                if let Some(instruction) = instruction {
                    let number = u32::try_from(cursor.number).unwrap_or(u32::MAX);
                    steps.push(Step { instruction, number });
                }
                Ok(if fails { After::Never } else { After::Stack(operands.into_stack()) })
            }
            Err(Problem::Elsewhere(error)) => Err(*error),
            Err(Problem::Here(reason)) => Err(TypeError {
                location: cursor.number,
                instruction: Some(prim),
                stack: Some(before.into_iter().rev().collect()),
                reason,
            }),
        }
    }

    fn instruction(
        &mut self,
        cursor: Cursor<'_>,
        prim: Prim,
        operands: &mut Operands,
    ) -> Result<Typed, Problem> {
        let (args, annots) =
            cursor.node.as_prim().map_or((0, &[][..]), |(_, args, annots)| (args.len(), annots));
        let second = operands.top::<2>().map(|[_, second]| second);
        let top = operands.top::<1>().map(|[top]| top);
        if let Some(allowed) = Allowed::on_instruction(prim, args, top, second) {
            allowed.check(annots.iter().map(String::as_str))?;
        }
        let families = [Self::control, Self::data, Self::arithmetic, Self::chain];
        for family in families {
            if let Some(typed) = family(self, cursor, prim, operands)? {
                return Ok(typed);
            }
        }
        let unsupported = match prim {
            Prim::SAPLING_EMPTY_STATE | Prim::SAPLING_VERIFY_UPDATE => "Sapling",
            Prim::CREATE_ACCOUNT | Prim::STEPS_TO_QUOTA | Prim::TICKET_DEPRECATED => {
                "a deprecated instruction"
            }
            Prim::constant => "a global constant",
            _ => return Err(Problem::unexpected("an instruction", prim)),
        };
        Err(Reason::Unsupported(unsupported).into())
    }
}

/// What an instruction became; nothing if it only changes types.
struct Typed {
    instruction: Option<Instruction>,
    fails: bool,
}

impl Typed {
    fn nothing() -> Self {
        Self { instruction: None, fails: false }
    }
}

impl From<Instruction> for Typed {
    fn from(instruction: Instruction) -> Self {
        Self { instruction: Some(instruction), fails: false }
    }
}

/// Why an instruction has no type: its own fault, or one of the code, types or data in it.
enum Problem {
    Here(Reason),
    Elsewhere(Box<TypeError>),
}

impl Problem {
    fn unexpected(expected: impl Into<String>, found: impl std::fmt::Display) -> Self {
        Self::Here(Reason::Unexpected { expected: expected.into(), found: found.to_string() })
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        Self::Here(reason)
    }
}

impl From<TypeError> for Problem {
    fn from(error: TypeError) -> Self {
        Self::Elsewhere(Box::new(error))
    }
}
