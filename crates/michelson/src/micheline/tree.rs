//! Walking and building trees without recursion.

use super::{MAX_DEPTH, Micheline, Prim};
use thiserror::Error;

/// A step of a walk through a tree, in the order in which it is written.
#[derive(Clone, Copy)]
pub enum Event<'a> {
    /// An integer, a string or bytes.
    Leaf(&'a Micheline),
    /// Before the nodes below a primitive or a sequence.
    Open(&'a Micheline),
    /// Behind them.
    Close(&'a Micheline),
}

/// A walk through a tree.
pub struct Events<'a> {
    root: Option<&'a Micheline>,
    open: Vec<(&'a Micheline, std::slice::Iter<'a, Micheline>)>,
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let node = match (self.root.take(), self.open.last_mut()) {
            (Some(root), _) => root,
            (None, None) => return None,
            (None, Some((parent, children))) => match children.next() {
                Some(child) => child,
                None => {
                    let parent = *parent;
                    self.open.pop();
                    return Some(Event::Close(parent));
                }
            },
        };
        Some(match node {
            Micheline::Prim(..) | Micheline::Seq(_) => {
                self.open.push((node, node.children().iter()));
                Event::Open(node)
            }
            _ => Event::Leaf(node),
        })
    }
}

impl Micheline {
    /// Walks through the tree.
    pub fn events(&self) -> Events<'_> {
        Events { root: Some(self), open: Vec::new() }
    }

    /// How many nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        self.events().filter(|event| !matches!(event, Event::Close(_))).count()
    }
}

/// A tree is nested deeper than [`MAX_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected at most {MAX_DEPTH} nested expressions, found more")]
pub struct TooDeepError;

/// Makes a tree from the events of a walk.
#[derive(Default)]
pub struct Builder {
    open: Vec<Micheline>,
    done: Option<Micheline>,
}

impl Builder {
    /// Begins a primitive (whose arguments follow) or a sequence; the node given has no children yet.
    pub fn open(&mut self, node: Micheline) -> Result<(), TooDeepError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(TooDeepError);
        }
        self.open.push(node);
        Ok(())
    }

    /// Adds a finished node.
    pub fn leaf(&mut self, node: Micheline) {
        match self.open.last_mut() {
            Some(Micheline::Prim(_, children, _) | Micheline::Seq(children)) => children.push(node),
            _ => self.done = Some(node),
        }
    }

    /// Ends the innermost open node.
    pub fn close(&mut self) {
        if let Some(node) = self.open.pop() {
            self.leaf(node);
        }
    }

    /// Nodes that are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// The innermost open node.
    pub fn innermost(&self) -> Option<&Micheline> {
        self.open.last()
    }

    /// The finished tree, once.
    pub fn finish(&mut self) -> Option<Micheline> {
        self.done.take()
    }
}

pub(super) fn copy(root: &Micheline, annots: bool) -> Micheline {
    let mut stack: Vec<Micheline> = Vec::new();
    for event in root.events() {
        let node = match event {
            Event::Leaf(Micheline::Int(n)) => Micheline::Int(n.clone()),
            Event::Leaf(Micheline::String(s)) => Micheline::String(s.clone()),
            Event::Leaf(Micheline::Bytes(b)) => Micheline::Bytes(b.clone()),
            Event::Open(Micheline::Prim(prim, args, a)) => {
                let kept = if annots { a.clone() } else { Vec::new() };
                stack.push(Micheline::Prim(*prim, Vec::with_capacity(args.len()), kept));
                continue;
            }
            Event::Open(node) | Event::Leaf(node) => {
                stack.push(Micheline::Seq(Vec::with_capacity(node.children().len())));
                continue;
            }
            Event::Close(_) => match stack.pop() {
                Some(node) => node,
                None => break,
            },
        };
        match stack.last_mut() {
            Some(Micheline::Prim(_, children, _) | Micheline::Seq(children)) => children.push(node),
            _ => return node,
        }
    }
    Micheline::Seq(Vec::new())
}

impl Clone for Micheline {
    fn clone(&self) -> Self {
        copy(self, true)
    }
}

impl PartialEq for Micheline {
    fn eq(&self, other: &Self) -> bool {
        fn head(node: &Micheline) -> (Option<Prim>, usize, &[String]) {
            match node {
                Micheline::Prim(prim, args, annots) => (Some(*prim), args.len(), annots),
                _ => (None, node.children().len(), &[]),
            }
        }
        // Nodes that agree on their number of children walk in step, so `zip` drops nothing.
        self.events().zip(other.events()).all(|pair| match pair {
            (Event::Leaf(Micheline::Int(a)), Event::Leaf(Micheline::Int(b))) => a == b,
            (Event::Leaf(Micheline::String(a)), Event::Leaf(Micheline::String(b))) => a == b,
            (Event::Leaf(Micheline::Bytes(a)), Event::Leaf(Micheline::Bytes(b))) => a == b,
            (Event::Open(a), Event::Open(b)) => head(a) == head(b),
            (Event::Close(_), Event::Close(_)) => true,
            _ => false,
        })
    }
}

impl Eq for Micheline {}
