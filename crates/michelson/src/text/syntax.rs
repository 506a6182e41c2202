//! From tokens to trees whose primitives are still names.

use super::lexer::{Lexer, Token};
use super::{ParseError, Position};
use crate::micheline::MAX_DEPTH;
use num_bigint::BigInt;

/// An expression as it was written: primitives are any names, macros among them.
pub struct Syntax {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub shape: Shape,
}

/// The forms of expressions.
pub enum Shape {
    /// An integer.
    Int(BigInt),
    /// A string.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A name applied to arguments.
    Prim {
        /// The name.
        name: String,
        /// Its arguments.
        args: Vec<Syntax>,
        /// Its annotations.
        annots: Vec<String>,
    },
    /// A sequence.
    Seq(Vec<Syntax>),
}

/// What is done with every node as soon as it is complete: the identity, or the expansion of macros.
pub(crate) type Rewrite<'a> = &'a dyn Fn(Syntax) -> Result<Syntax, ParseError>;

impl Syntax {
    /// Reads expressions separated by `;` as one sequence, with or without braces around them; macros are expanded.
    pub fn script(text: &str) -> Result<Self, ParseError> {
        Self::toplevel(text, &crate::macros::expand)
    }

    /// Reads one expression. A primitive may be applied without parentheses around all.
    pub(crate) fn expression(text: &str, rewrite: Rewrite<'_>) -> Result<Self, ParseError> {
        Parser::new(text, rewrite)?.expression()
    }

    /// Reads expressions separated by `;` as one sequence, with or without braces around them.
    pub(crate) fn toplevel(text: &str, rewrite: Rewrite<'_>) -> Result<Self, ParseError> {
        Parser::new(text, rewrite)?.toplevel()
    }

    /// The nodes below.
    pub fn children(&self) -> &[Syntax] {
        match &self.shape {
            Shape::Prim { args, .. } => args,
            Shape::Seq(items) => items,
            Shape::Int(_) | Shape::String(_) | Shape::Bytes(_) => &[],
        }
    }

    /// Takes the nodes below out.
    pub fn take_children(&mut self) -> Vec<Syntax> {
        match &mut self.shape {
            Shape::Prim { args, .. } => std::mem::take(args),
            Shape::Seq(items) => std::mem::take(items),
            Shape::Int(_) | Shape::String(_) | Shape::Bytes(_) => Vec::new(),
        }
    }
}

impl Drop for Syntax {
    fn drop(&mut self) {
        let mut pending = self.take_children();
        while let Some(mut node) = pending.pop() {
            pending.append(&mut node.take_children());
        }
    }
}

/// An expression whose end was not read yet.
enum Open {
    /// Without parentheses: ends before `;`, `}` and the end of the text.
    Bare(Position, String, Vec<String>, Vec<Syntax>),
    /// In parentheses.
    Wrapped(Position, String, Vec<String>, Vec<Syntax>),
    /// In braces; whether a `;` is needed before the next item.
    Braces(Position, Vec<Syntax>, bool),
    /// The items of a whole text.
    Toplevel(Vec<Syntax>, bool),
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Option<(Position, Token)>,
    open: Vec<Open>,
    rewrite: Rewrite<'a>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, rewrite: Rewrite<'a>) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(text);
        let next = lexer.next_token()?;
        Ok(Self { lexer, next, open: Vec::new(), rewrite })
    }

    fn advance(&mut self) -> Result<Option<(Position, Token)>, ParseError> {
        Ok(std::mem::replace(&mut self.next, self.lexer.next_token()?))
    }

    fn unexpected(&self, expected: &str) -> ParseError {
        match &self.next {
            Some((at, token)) => ParseError::new(*at, expected, token.describe()),
            None => ParseError::new(self.lexer.position(), expected, "the end of the text"),
        }
    }

    fn annots(&mut self) -> Result<Vec<String>, ParseError> {
        let mut annots = Vec::new();
        while let Some((_, Token::Annot(_))) = self.next {
            if let Some((_, Token::Annot(annot))) = self.advance()? {
                annots.push(annot);
            }
        }
        Ok(annots)
    }

    fn push(&mut self, at: Position, open: Open) -> Result<(), ParseError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ParseError::too_deep(at));
        }
        self.open.push(open);
        Ok(())
    }

    fn expression(mut self) -> Result<Syntax, ParseError> {
        let result = self.run()?;
        match self.next {
            None => Ok(result),
            Some(_) => Err(self.unexpected("the end of the text")),
        }
    }

    fn toplevel(mut self) -> Result<Syntax, ParseError> {
        self.open.push(Open::Toplevel(Vec::new(), false));
        self.run()
    }

    /// Reads until nothing is open any more.
    fn run(&mut self) -> Result<Syntax, ParseError> {
        let mut done: Option<Syntax>;
        loop {
            done = match self.open.last_mut() {
                None => self.start("an expression")?,
                Some(Open::Bare(..)) => match self.next {
                    None | Some((_, Token::Semi | Token::CloseBrace)) => self.close()?,
                    _ => self.argument()?,
                },
                Some(Open::Wrapped(..)) => match self.next {
                    Some((_, Token::CloseParen)) => {
                        self.advance()?;
                        self.close()?
                    }
                    None | Some((_, Token::Semi | Token::CloseBrace)) => {
                        return Err(self.unexpected("an argument or \")\""));
                    }
                    _ => self.argument()?,
                },
                Some(Open::Braces(_, _, needs_semi)) => match (&self.next, *needs_semi) {
                    (Some((_, Token::CloseBrace)), _) => {
                        self.advance()?;
                        self.close()?
                    }
                    (Some((_, Token::Semi)), true) => {
                        *needs_semi = false;
                        self.advance()?;
                        None
                    }
                    (_, true) => return Err(self.unexpected("\";\" or \"}\"")),
                    (_, false) => self.start("an expression or \"}\"")?,
                },
                Some(Open::Toplevel(_, needs_semi)) => match (&self.next, *needs_semi) {
                    (None, _) => self.close()?,
                    (Some((_, Token::Semi)), true) => {
                        *needs_semi = false;
                        self.advance()?;
                        None
                    }
                    (_, true) => return Err(self.unexpected("\";\" or the end of the text")),
                    (_, false) => self.start("an expression")?,
                },
            };
            if let Some(node) = done {
                let node = (self.rewrite)(node)?;
                match self.open.last_mut() {
                    None => return Ok(node),
                    Some(Open::Bare(_, _, _, items) | Open::Wrapped(_, _, _, items)) => items.push(node),
                    Some(Open::Braces(_, items, needs_semi) | Open::Toplevel(items, needs_semi)) => {
                        items.push(node);
                        *needs_semi = true;
                    }
                }
            }
        }
    }

    /// Closes the innermost open expression.
    fn close(&mut self) -> Result<Option<Syntax>, ParseError> {
        Ok(self.open.pop().map(|open| match open {
            Open::Bare(at, name, annots, args) | Open::Wrapped(at, name, annots, args) => {
                Syntax { at, shape: Shape::Prim { name, args, annots } }
            }
            Open::Braces(at, items, _) => Syntax { at, shape: Shape::Seq(items) },
            Open::Toplevel(mut items, _) => match items.as_slice() {
                [Syntax { shape: Shape::Seq(_), .. }] => items.remove(0),
                _ => {
                    let at = items.first().map_or(Position { line: 1, column: 1 }, |first| first.at);
                    Syntax { at, shape: Shape::Seq(items) }
                }
            },
        }))
    }

    /// An item of a sequence, or a whole expression: primitives take their arguments without parentheses, or with them
    /// (which the network's client refuses in sequences).
    fn start(&mut self, expected: &str) -> Result<Option<Syntax>, ParseError> {
        match self.next {
            Some((at, Token::Ident(_))) => {
                let name = self.ident(expected)?;
                let annots = self.annots()?;
                self.push(at, Open::Bare(at, name, annots, Vec::new()))?;
                Ok(None)
            }
            _ => self.operand(expected),
        }
    }

    /// An argument: primitives with arguments or annotations need parentheses.
    fn argument(&mut self) -> Result<Option<Syntax>, ParseError> {
        match self.next {
            Some((at, Token::Ident(_))) => {
                let name = self.ident("an argument")?;
                Ok(Some(Syntax { at, shape: Shape::Prim { name, args: Vec::new(), annots: Vec::new() } }))
            }
            _ => self.operand("an argument"),
        }
    }

    fn operand(&mut self, expected: &str) -> Result<Option<Syntax>, ParseError> {
        match self.next {
            Some((at, Token::OpenParen)) => {
                self.advance()?;
                let name = self.ident("the name of a primitive behind \"(\"")?;
                let annots = self.annots()?;
                self.push(at, Open::Wrapped(at, name, annots, Vec::new()))?;
                Ok(None)
            }
            Some((at, Token::OpenBrace)) => {
                self.advance()?;
                self.push(at, Open::Braces(at, Vec::new(), false))?;
                Ok(None)
            }
            Some((at, Token::Int(_) | Token::String(_) | Token::Bytes(_))) => {
                let shape = match self.advance()? {
                    Some((_, Token::Int(n))) => Shape::Int(n),
                    Some((_, Token::String(s))) => Shape::String(s),
                    Some((_, Token::Bytes(b))) => Shape::Bytes(b),
                    _ => return Err(self.unexpected(expected)),
                };
                Ok(Some(Syntax { at, shape }))
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    fn ident(&mut self, expected: &str) -> Result<String, ParseError> {
        match &self.next {
            Some((_, Token::Ident(_))) => match self.advance()? {
                Some((_, Token::Ident(name))) => Ok(name),
                _ => Err(self.unexpected(expected)),
            },
            _ => Err(self.unexpected(expected)),
        }
    }
}
