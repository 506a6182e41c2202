//! From characters to tokens.

use super::{ParseError, Position};
use crate::micheline::{MAX_ANNOT_LENGTH, MAX_DIGITS};
use num_bigint::BigInt;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Int(BigInt),
    String(String),
    Bytes(Vec<u8>),
    Ident(String),
    Annot(String),
    OpenBrace,
    CloseBrace,
    OpenParen,
    CloseParen,
    Semi,
}

impl Token {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Int(n) => format!("the number {}", shorten(&n.to_string())),
            Self::String(s) => format!("the string {:?}", shorten(s)),
            Self::Bytes(b) => format!("the bytes 0x{}", shorten(&hex::encode(b))),
            Self::Ident(name) => format!("the name {:?}", shorten(name)),
            Self::Annot(name) => format!("the annotation {:?}", shorten(name)),
            Self::OpenBrace => "\"{\"".to_owned(),
            Self::CloseBrace => "\"}\"".to_owned(),
            Self::OpenParen => "\"(\"".to_owned(),
            Self::CloseParen => "\")\"".to_owned(),
            Self::Semi => "\";\"".to_owned(),
        }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

pub(super) struct Lexer<'a> {
    rest: &'a str,
    at: Position,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, at: Position { line: 1, column: 1 } }
    }

    /// Where the next token will be looked for.
    pub(super) fn position(&self) -> Position {
        self.at
    }

    pub(super) fn next_token(&mut self) -> Result<Option<(Position, Token)>, ParseError> {
        self.skip_blanks()?;
        let at = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let token = match first {
            '{' | '}' | '(' | ')' | ';' => {
                self.bump();
                match first {
                    '{' => Token::OpenBrace,
                    '}' => Token::CloseBrace,
                    '(' => Token::OpenParen,
                    ')' => Token::CloseParen,
                    _ => Token::Semi,
                }
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                Token::Ident(self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned())
            }
            '@' | ':' | '$' | '&' | '%' | '!' | '?' => self.annotation(at)?,
            '-' | '0'..='9' => self.number(at)?,
            '"' => self.string(at)?,
            other => {
                return Err(ParseError::new(at, "the beginning of an expression", format!("{other:?}")));
            }
        };
        Ok(Some((at, token)))
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        if c == '\n' {
            self.at.line = self.at.line.saturating_add(1);
            self.at.column = 1;
        } else {
            self.at.column = self.at.column.saturating_add(1);
        }
        Some(c)
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.at.column =
            self.at.column.saturating_add(u32::try_from(taken.chars().count()).unwrap_or(u32::MAX));
        taken
    }

    fn skip_blanks(&mut self) -> Result<(), ParseError> {
        loop {
            match self.peek() {
                Some(' ' | '\n' | '\r' | '\t') => {
                    self.bump();
                }
                Some('#') => {
                    self.take_while(|c| c != '\n');
                }
                Some('/') if self.rest.starts_with("/*") => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        let mut level = 0u64;
        loop {
            if self.rest.starts_with("/*") {
                self.bump();
                self.bump();
                level += 1;
            } else if self.rest.starts_with("*/") {
                self.bump();
                self.bump();
                level -= 1;
                if level == 0 {
                    return Ok(());
                }
            } else if self.bump().is_none() {
                return Err(ParseError::new(start, "a comment that ends with \"*/\"", "the end of the text"));
            }
        }
    }

    fn annotation(&mut self, at: Position) -> Result<Token, ParseError> {
        let mark = self.bump().map(String::from).unwrap_or_default();
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%' | '@'));
        let annot = mark + name;
        if annot.len() > MAX_ANNOT_LENGTH {
            let expected = format!("an annotation of at most {MAX_ANNOT_LENGTH} characters");
            return Err(ParseError::new(at, expected, format!("one of {}", annot.len())));
        }
        Ok(Token::Annot(annot))
    }

    fn number(&mut self, at: Position) -> Result<Token, ParseError> {
        if self.rest.starts_with("0x") {
            self.bump();
            self.bump();
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            self.break_after("bytes")?;
            return match hex::decode(digits) {
                Ok(bytes) => Ok(Token::Bytes(bytes)),
                Err(_) => {
                    let found = format!("{} of them", digits.len());
                    Err(ParseError::new(at, "an even number of hexadecimal digits", found))
                }
            };
        }
        let text = self.rest;
        if text.starts_with('-') {
            self.bump();
        }
        let digits = self.take_while(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(ParseError::new(at, "digits behind \"-\"", self.found()));
        }
        if digits.len() > MAX_DIGITS {
            let expected = format!("a number of at most {MAX_DIGITS} digits");
            return Err(ParseError::new(at, expected, format!("one of {}", digits.len())));
        }
        self.break_after("a number")?;
        let text = &text[..text.len() - self.rest.len()];
        match text.parse() {
            Ok(n) => Ok(Token::Int(n)),
            Err(_) => Err(ParseError::new(at, "a number", format!("{:?}", shorten(text)))),
        }
    }

    fn break_after(&self, what: &str) -> Result<(), ParseError> {
        match self.peek() {
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                Err(ParseError::new(self.at, format!("a blank behind {what}"), format!("{c:?}")))
            }
            _ => Ok(()),
        }
    }

    fn string(&mut self, start: Position) -> Result<Token, ParseError> {
        self.bump();
        let mut out = String::new();
        loop {
            out.push_str(self.take_while(|c| !matches!(c, '"' | '\\' | '\n' | '\r')));
            let at = self.at;
            match self.bump() {
                Some('"') => return Ok(Token::String(out)),
                Some('\\') => out.push(match self.bump() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('b') => '\u{8}',
                    Some('r') => '\r',
                    Some('\\') => '\\',
                    Some('"') => '"',
                    other => {
                        let found = other.map_or("the end of the text".to_owned(), |c| format!("\\{c}"));
                        return Err(ParseError::new(at, r#"one of \n \t \b \r \\ \""#, found));
                    }
                }),
                other => {
                    let found = if other.is_some() { "the end of the line" } else { "the end of the text" };
                    return Err(ParseError::new(start, "a string that ends with '\"'", found));
                }
            }
        }
    }

    fn found(&self) -> String {
        self.peek().map_or("the end of the text".to_owned(), |c| format!("{c:?}"))
    }
}
