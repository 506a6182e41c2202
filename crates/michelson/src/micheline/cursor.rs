//! A node and its number: what error messages give as a place.

use super::{Event, Micheline};

/// The size of the subtree of every node of an expression, by the node's number.
///
/// Nodes are numbered in the order in which they are written, the root being 0.
pub struct Numbering(Vec<u32>);

impl Numbering {
    /// Numbers all nodes of an expression.
    pub fn of(root: &Micheline) -> Self {
        let mut sizes = Vec::new();
        let mut open = Vec::new();
        for event in root.events() {
            match event {
                Event::Leaf(_) => sizes.push(1),
                Event::Open(_) => {
                    open.push(sizes.len());
                    sizes.push(1);
                }
                Event::Close(_) => {
                    if let Some(start) = open.pop() {
                        sizes[start] = u32::try_from(sizes.len() - start).unwrap_or(u32::MAX);
                    }
                }
            }
        }
        Self(sizes)
    }

    /// The root, ready to walk down from.
    pub fn root<'a>(&'a self, root: &'a Micheline) -> Cursor<'a> {
        Cursor { node: root, number: 0, sizes: self }
    }
}

/// A node of a numbered expression.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    /// The node.
    pub node: &'a Micheline,
    /// Its number.
    pub number: usize,
    sizes: &'a Numbering,
}

impl<'a> Cursor<'a> {
    /// The nodes below.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = Cursor<'a>> + ExactSizeIterator + use<'a> {
        let mut number = self.number + 1;
        let sizes = self.sizes;
        let children: Vec<_> = self
            .node
            .children()
            .iter()
            .map(|node| {
                let child = Cursor { node, number, sizes };
                number += sizes.0.get(number).map_or(1, |size| *size as usize);
                child
            })
            .collect();
        children.into_iter()
    }

    /// The nodes below, if there are exactly `N`.
    pub fn exactly<const N: usize>(&self) -> Option<[Cursor<'a>; N]> {
        self.children().collect::<Vec<_>>().try_into().ok()
    }
}
