//! Printing: on one line (`Display`, `Debug`), or indented.

use crate::micheline::{Event, Micheline};
use std::fmt::{self, Write};

/// Where lines are broken, if they can be.
const WIDTH: usize = 100;

/// No line is indented further: the size of the text stays in proportion to the tree.
const DEEPEST: usize = 72;

impl fmt::Display for Micheline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(left) = f.precision() else {
            return Printer { out: f, most_bits: u64::MAX, widths: None }.print(self);
        };
        let mut start = Start { text: String::new(), left };
        // It stops with an error at the limit.
        let _ = Printer { out: &mut start, most_bits: 4_096, widths: None }.print(self);
        f.write_str(&start.text)
    }
}

/// The first characters of a text; nothing can be written behind them.
struct Start {
    text: String,
    left: usize,
}

impl Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

impl fmt::Debug for Micheline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Micheline {
    /// The text over several lines; what fits a line stays on one.
    pub fn to_pretty(&self) -> String {
        let mut out = String::new();
        let widths = widths(self);
        // Writing to a string does not fail.
        let _ = Printer { out: &mut out, most_bits: u64::MAX, widths: Some(&widths) }.print(self);
        out
    }

    /// The text of a script as it is kept in files: its declarations without braces around them.
    pub fn to_script_text(&self) -> String {
        match self {
            Self::Seq(items) => items.iter().map(|item| item.to_pretty() + ";\n").collect(),
            _ => self.to_pretty(),
        }
    }
}

/// The length of every node on one line, in the order in which nodes are written, without parentheses around it.
fn widths(root: &Micheline) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for event in root.events() {
        let (node, index) = match event {
            Event::Open(_) => {
                open.push(widths.len());
                widths.push(0);
                continue;
            }
            Event::Leaf(node) => {
                widths.push(0);
                (node, widths.len() - 1)
            }
            Event::Close(node) => match open.pop() {
                Some(index) => (node, index),
                None => break,
            },
        };
        // What stands around the node in its parent (blanks, parentheses, separators) is counted with it.
        widths[index] += own_width(node);
        if let Some(parent) = open.last() {
            let width = widths[index] + 4;
            widths[*parent] += width;
        }
    }
    widths
}

fn own_width(node: &Micheline) -> usize {
    match node {
        Micheline::Int(n) => usize::try_from(n.bits() / 3 + 2).unwrap_or(usize::MAX / 4),
        Micheline::String(s) => s.len() + 2,
        Micheline::Bytes(b) => 2 * b.len() + 2,
        Micheline::Prim(prim, _, annots) => {
            prim.name().len() + annots.iter().map(|a| a.len() + 1).sum::<usize>()
        }
        Micheline::Seq(_) => 4,
    }
}

struct Printer<'a, W> {
    out: &'a mut W,
    /// Numbers that have more bits are not written out.
    most_bits: u64,
    // None: all on one line.
    widths: Option<&'a [usize]>,
}

/// How an open node is laid out.
struct Frame<'a> {
    node: &'a Micheline,
    children: usize,
    /// Parentheses around a primitive.
    wrapped: bool,
    /// The column of the children, if they stand on lines of their own.
    column: Option<usize>,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, root: &Micheline) -> fmt::Result {
        let mut frames: Vec<Frame<'_>> = Vec::new();
        let mut number = 0;
        for event in root.events() {
            match event {
                Event::Close(node) => {
                    let frame =
                        frames.pop().unwrap_or(Frame { node, children: 0, wrapped: false, column: None });
                    match node {
                        Micheline::Seq(_) if frame.children == 0 => self.out.write_str("}")?,
                        Micheline::Seq(_) => self.out.write_str(" }")?,
                        _ if frame.wrapped => self.out.write_str(")")?,
                        _ => {}
                    }
                }
                Event::Leaf(node) => {
                    self.before_child(frames.last_mut())?;
                    self.leaf(node)?;
                    number += 1;
                }
                Event::Open(node) => {
                    self.before_child(frames.last_mut())?;
                    let start = frames.last().map_or(0, |f| f.column.unwrap_or(0));
                    frames.push(self.open(node, frames.last(), start, number)?);
                    number += 1;
                }
            }
        }
        Ok(())
    }

    /// What stands between the start of a node and a child, or between children.
    fn before_child(&mut self, parent: Option<&mut Frame<'_>>) -> fmt::Result {
        let Some(parent) = parent else { return Ok(()) };
        let first = parent.children == 0;
        parent.children += 1;
        match (parent.node, parent.column) {
            (Micheline::Seq(_), _) if first => self.out.write_str(" "),
            (Micheline::Seq(_), None) => self.out.write_str(" ; "),
            (Micheline::Seq(_), Some(column)) => write!(self.out, " ;\n{:column$}", ""),
            (_, Some(column)) => write!(self.out, "\n{:column$}", ""),
            (_, None) => self.out.write_str(" "),
        }
    }

    fn leaf(&mut self, node: &Micheline) -> fmt::Result {
        match node {
            Micheline::Int(n) if n.bits() > self.most_bits => {
                write!(self.out, "a number of {} bits", n.bits())
            }
            Micheline::Int(n) => write!(self.out, "{n}"),
            Micheline::Bytes(b) => write!(self.out, "0x{}", hex::encode(b)),
            Micheline::String(s) => {
                self.out.write_char('"')?;
                for c in s.chars() {
                    match c {
                        '\n' => self.out.write_str("\\n")?,
                        '\t' => self.out.write_str("\\t")?,
                        '\u{8}' => self.out.write_str("\\b")?,
                        '\r' => self.out.write_str("\\r")?,
                        '\\' => self.out.write_str("\\\\")?,
                        '"' => self.out.write_str("\\\"")?,
                        c => self.out.write_char(c)?,
                    }
                }
                self.out.write_char('"')
            }
            _ => Ok(()),
        }
    }

    fn open<'a>(
        &mut self,
        node: &'a Micheline,
        parent: Option<&Frame<'_>>,
        start: usize,
        number: usize,
    ) -> Result<Frame<'a>, fmt::Error> {
        let broken = self.widths.is_some_and(|widths| widths.get(number).is_some_and(|w| start + w > WIDTH));
        let mut frame = Frame { node, children: 0, wrapped: false, column: None };
        match node {
            Micheline::Prim(prim, args, annots) => {
                let bare = args.is_empty() && annots.is_empty();
                frame.wrapped = !bare && matches!(parent, Some(Frame { node: Micheline::Prim(..), .. }));
                if frame.wrapped {
                    self.out.write_str("(")?;
                }
                self.out.write_str(prim.name())?;
                for annot in annots {
                    write!(self.out, " {annot}")?;
                }
                frame.column = broken.then_some(DEEPEST.min(start + 2 + usize::from(frame.wrapped)));
            }
            _ => {
                self.out.write_str("{")?;
                frame.column = broken.then_some(DEEPEST.min(start + 2));
            }
        }
        Ok(frame)
    }
}
