//! Micheline: the syntax trees in which Michelson is written, stored and sent.
//!
//! No operation recurses: a tree as deep as [`MAX_DEPTH`] costs heap, not stack.

mod binary;
mod cursor;
mod json;
mod prim;
mod tree;

pub use cursor::{Cursor, Numbering};
pub use prim::{Prim, UnknownPrimError};
pub use tree::{Builder, Event, Events, TooDeepError};

use num_bigint::BigInt;
use soru_base::{Binary, ScriptExprHash};

/// How deep trees may be nested when they come from outside.
pub const MAX_DEPTH: usize = 10_000;

/// The longest annotation, in bytes.
pub const MAX_ANNOT_LENGTH: usize = 255;

/// The most digits of an integer in texts and JSON: reading decimals costs more than in proportion.
pub const MAX_DIGITS: usize = 100_000;

/// A Micheline expression.
pub enum Micheline {
    /// An integer of any size.
    Int(BigInt),
    /// A string. The binary form of the network allows bytes that are no UTF-8 here; this type does not.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A primitive applied to arguments, with annotations (`%field`, `:type`, `@variable`).
    Prim(Prim, Vec<Micheline>, Vec<String>),
    /// A sequence.
    Seq(Vec<Micheline>),
}

impl Micheline {
    /// A primitive without annotations.
    pub fn prim(prim: Prim, args: impl Into<Vec<Micheline>>) -> Self {
        Self::Prim(prim, args.into(), Vec::new())
    }

    /// A primitive alone.
    pub fn atom(prim: Prim) -> Self {
        Self::Prim(prim, Vec::new(), Vec::new())
    }

    /// An integer.
    pub fn int(n: impl Into<BigInt>) -> Self {
        Self::Int(n.into())
    }

    /// A string.
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A sequence.
    pub fn seq(items: impl Into<Vec<Micheline>>) -> Self {
        Self::Seq(items.into())
    }

    /// `Unit`, the parameter and storage of those who have nothing to say.
    pub fn unit() -> Self {
        Self::atom(Prim::Unit)
    }

    /// The nodes below: arguments or items.
    pub fn children(&self) -> &[Micheline] {
        match self {
            Self::Prim(_, args, _) => args,
            Self::Seq(items) => items,
            Self::Int(_) | Self::String(_) | Self::Bytes(_) => &[],
        }
    }

    /// The primitive, its arguments and its annotations, if this is one.
    pub fn as_prim(&self) -> Option<(Prim, &[Micheline], &[String])> {
        match self {
            Self::Prim(prim, args, annots) => Some((*prim, args, annots)),
            _ => None,
        }
    }

    /// Takes the nodes below out; what is left has none.
    pub fn take_children(&mut self) -> Vec<Micheline> {
        match self {
            Self::Prim(_, args, _) => std::mem::take(args),
            Self::Seq(items) => std::mem::take(items),
            Self::Int(_) | Self::String(_) | Self::Bytes(_) => Vec::new(),
        }
    }

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.events().filter(|e| !matches!(e, Event::Close(_))).count()
    }

    /// The node of a number: nodes are counted from 0 in the order in which they are written.
    pub fn node(&self, number: usize) -> Option<&Micheline> {
        let nodes = self.events().filter_map(|event| match event {
            Event::Leaf(node) | Event::Open(node) => Some(node),
            Event::Close(_) => None,
        });
        nodes.into_iter().nth(number)
    }

    /// Without any annotations.
    pub fn strip_annots(&self) -> Micheline {
        tree::copy(self, false)
    }

    /// The packed form: `05` and the binary form, as `PACK` makes it from an optimized expression.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = vec![5];
        self.write(&mut out);
        out
    }

    /// Reads the packed form.
    pub fn unpack(bytes: &[u8]) -> Result<Self, soru_base::DecodeError> {
        let mut r = soru_base::Reader::new(bytes);
        match r.u8("the tag of packed data")? {
            5 => {}
            other => {
                return Err(soru_base::DecodeError {
                    offset: 0,
                    what: "the tag of packed data",
                    reason: format!("{other:#04x} instead of 0x05"),
                });
            }
        }
        let node = Self::read(&mut r)?;
        r.finish()?;
        Ok(node)
    }

    /// The hash of the binary form, as constants and scripts are known by.
    pub fn expr_hash(&self) -> ScriptExprHash {
        ScriptExprHash(soru_base::blake2b::hash32(&self.to_bytes()))
    }

    /// The hash of the packed form, by which big maps know their keys.
    pub fn packed_hash(&self) -> ScriptExprHash {
        ScriptExprHash(soru_base::blake2b::hash32(&self.pack()))
    }
}

impl Drop for Micheline {
    fn drop(&mut self) {
        if self.children().iter().all(|c| c.children().is_empty()) {
            return;
        }
        let mut pending = self.take_children();
        while let Some(mut node) = pending.pop() {
            pending.append(&mut node.take_children());
        }
    }
}
