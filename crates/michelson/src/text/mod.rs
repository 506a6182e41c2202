//! The text form: what people write and read.

mod lexer;
mod print;
mod syntax;

pub use syntax::{Shape, Syntax};

use crate::macros;
use crate::micheline::{Builder, MAX_DEPTH, Micheline};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A place in a text; lines and columns begin at 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: expected {expected}, found {found}")]
pub struct ParseError {
    /// Where.
    pub at: Position,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl ParseError {
    pub(crate) fn new(at: Position, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { at, expected: expected.into(), found: found.into() }
    }

    pub(crate) fn too_deep(at: Position) -> Self {
        Self::new(at, format!("at most {MAX_DEPTH} nested expressions"), "more")
    }
}

/// An expression and where its nodes were in the text.
#[derive(Clone)]
pub struct Source {
    /// The expression, macros expanded.
    pub node: Micheline,
    /// The place of every node, in the order in which they are written (the node itself is number 0).
    pub positions: Vec<Position>,
}

impl Source {
    /// Reads one expression; a primitive may be applied without parentheses around all.
    pub fn expression(text: &str) -> Result<Self, ParseError> {
        Self::from_syntax(Syntax::expression(text, &macros::expand)?)
    }

    /// Reads a script: declarations separated by `;`, with or without braces around them. The node is a sequence.
    pub fn script(text: &str) -> Result<Self, ParseError> {
        Self::from_syntax(Syntax::toplevel(text, &macros::expand)?)
    }

    /// The place of a node by its number, as typing errors give it.
    pub fn position(&self, location: usize) -> Option<Position> {
        self.positions.get(location).copied()
    }

    /// Turns names into primitives.
    pub fn from_syntax(syntax: Syntax) -> Result<Self, ParseError> {
        enum Step {
            Node(Syntax),
            Close,
        }
        let mut positions = Vec::new();
        let mut builder = Builder::default();
        let mut steps = vec![Step::Node(syntax)];
        while let Some(step) = steps.pop() {
            let Step::Node(mut syntax) = step else {
                builder.close();
                continue;
            };
            let at = syntax.at;
            positions.push(at);
            let children = syntax.take_children();
            let node = match std::mem::replace(&mut syntax.shape, Shape::Seq(Vec::new())) {
                Shape::Int(n) => {
                    builder.leaf(Micheline::Int(n));
                    continue;
                }
                Shape::String(s) => {
                    builder.leaf(Micheline::String(s));
                    continue;
                }
                Shape::Bytes(b) => {
                    builder.leaf(Micheline::Bytes(b));
                    continue;
                }
                Shape::Prim { name, annots, .. } => {
                    let prim = name.parse().map_err(|_| {
                        ParseError::new(at, "a primitive or a macro of Michelson", format!("{name:?}"))
                    })?;
                    Micheline::Prim(prim, Vec::with_capacity(children.len()), annots)
                }
                Shape::Seq(_) => Micheline::Seq(Vec::with_capacity(children.len())),
            };
            builder.open(node).map_err(|_| ParseError::too_deep(at))?;
            steps.push(Step::Close);
            steps.extend(children.into_iter().rev().map(Step::Node));
        }
        let node = builder.finish().unwrap_or_else(|| Micheline::Seq(Vec::new()));
        Ok(Self { node, positions })
    }
}

impl Micheline {
    /// Reads one expression (see [`Source::expression`]).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Source::expression(text).map(|source| source.node)
    }

    /// Reads a script (see [`Source::script`]).
    pub fn parse_script(text: &str) -> Result<Self, ParseError> {
        Source::script(text).map(|source| source.node)
    }
}

impl FromStr for Micheline {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}
