//! Why code, types or data are not well typed.

use crate::gas::GasExhaustedError;
use crate::micheline::Prim;
use crate::text::Source;
use crate::types::Type;
use std::fmt;
use thiserror::Error;

/// Why something is not well typed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeError {
    /// The number of the offending node: nodes are counted from 0 in the order in which they are written.
    pub location: usize,
    /// The instruction that was being typed, if it was code.
    pub instruction: Option<Prim>,
    /// The stack before that instruction, its top first.
    pub stack: Option<Vec<Type>>,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with code, a type or data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// Something else is there than what should be.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What should be there.
        expected: String,
        /// What is there, cut short.
        found: String,
    },
    /// A type is not the one needed.
    #[error("expected the type {expected}, found {found}")]
    Mismatch {
        /// The type needed.
        expected: Type,
        /// The type found.
        found: Type,
    },
    /// An instruction cannot be applied to these types.
    #[error("expected {expected} on the stack, found {found}")]
    Operands {
        /// What the instruction needs.
        expected: String,
        /// The top of the stack.
        found: String,
    },
    /// Two branches leave different stacks.
    #[error("expected branches that leave the same stack, found {left} and {right}")]
    Branches {
        /// What the first one leaves.
        left: String,
        /// What the second one leaves.
        right: String,
    },
    /// A type may not be used there.
    #[error("expected {expected}, found {found}")]
    NotAllowed {
        /// The property that is needed.
        expected: &'static str,
        /// The type without it.
        found: Type,
    },
    /// Instructions behind one that never returns.
    #[error(
        "expected the end of the sequence behind an instruction that never returns, found more instructions"
    )]
    Unreachable,
    /// A type has too many parts.
    #[error("expected a type of at most {max} parts, found more", max = crate::types::MAX_TYPE_SIZE)]
    TypeTooLarge,
    /// Code or data is nested too deeply.
    #[error("expected at most {max} nested expressions, found more", max = crate::MAX_DEPTH)]
    TooDeep,
    /// A part of the language that is not offered here.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// A ticket where somebody could have made it up.
    #[error("expected no ticket, as only contracts can make them, found one")]
    ForgedTicket,
    /// A ticket of nothing.
    #[error("expected a positive amount of tickets, found zero")]
    ZeroTicket,
    /// A ticket made by a smart rollup.
    #[error("expected a ticket made by a contract, found one of {0:?}")]
    TicketOwner(soru_base::Address),
    /// Out of gas.
    #[error(transparent)]
    Gas(#[from] GasExhaustedError),
    /// The chain could not be asked.
    #[error("the chain could not be read: {0}")]
    Chain(String),
}

impl TypeError {
    pub(crate) fn new(location: usize, reason: Reason) -> Self {
        Self { location, instruction: None, stack: None, reason }
    }

    pub(crate) fn unexpected(location: usize, expected: impl Into<String>, found: impl fmt::Display) -> Self {
        Self::new(location, Reason::Unexpected { expected: expected.into(), found: brief(found) })
    }

    /// The same with the line and the column of the text that was typed.
    pub fn in_source(&self, source: &Source) -> String {
        match source.position(self.location) {
            Some(position) => format!("{position}: {}", self.message()),
            None => self.to_string(),
        }
    }

    fn message(&self) -> String {
        let mut text = String::new();
        if let Some(prim) = self.instruction {
            text = format!("{prim}: ");
        }
        text += &self.reason.to_string();
        if let Some(stack) = &self.stack {
            text += &format!("; the stack is {}", show_stack(stack));
        }
        text
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at node {}: {}", self.location, self.message())
    }
}

impl std::error::Error for TypeError {}

/// Types of a stack, its top first.
pub(crate) fn show_stack(stack: &[Type]) -> String {
    let mut shown: Vec<String> = stack.iter().take(8).map(brief).collect();
    if stack.len() > 8 {
        shown.push(format!("and {} more", stack.len() - 8));
    }
    format!("[{}]", shown.join(" : "))
}

/// Characters of what was found that a message shows.
const SHOWN: usize = 120;

/// Writes something down, cut short. Expressions and types that are large are not written wholly first.
pub(crate) fn brief(found: impl fmt::Display) -> String {
    shorten(&format!("{found:.*}", SHOWN + 1))
}

pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
