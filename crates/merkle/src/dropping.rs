//! Dropping trees.
//!
//! A tree may be deeper than any stack. So below a depth, what would be dropped with its parent is put on a list instead,
//! and has nothing below it when its turn comes. Above, the plain way is taken: it is faster.

use crate::directory::Changes;
use crate::inode::{Inode, InodeCell};
use crate::tree::{Root, Tree};
use std::cell::Cell;
use std::sync::Arc;

/// How deep trees are dropped the plain way.
const SHALLOW: u32 = 64;

thread_local! {
    /// How many are being dropped on this thread, one within the other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Drops what is below an inode that is being dropped.
pub(crate) fn inode(inode: &mut Inode) {
    if let Inode::Entries { entries, .. } = inode
        && entries.iter().all(|entry| entry.child.is_leaf())
    {
        return;
    }
    let plain = |inode: &mut Inode| match inode {
        Inode::Entries { entries, .. } => entries.clear(),
        Inode::Branch(b) => b.children = [None, None],
    };
    below(inode, plain, Ahead::empty_inode);
}

/// Drops what changes that are being dropped hold.
pub(crate) fn changes(changes: &mut Changes) {
    below(changes, Changes::clear, Ahead::empty_changes);
}

fn below<T>(whole: &mut T, plain: impl FnOnce(&mut T), empty: impl FnOnce(&mut Ahead, &mut T)) {
    DEPTH.with(|depth| match depth.get() {
        SHALLOW.. => {
            let mut ahead = Ahead::default();
            empty(&mut ahead, whole);
            ahead.finish();
        }
        here => {
            depth.set(here + 1);
            plain(whole);
            depth.set(here);
        }
    });
}

/// What nobody else holds, still to be dropped.
#[derive(Default)]
struct Ahead {
    inodes: Vec<Inode>,
    changes: Vec<Changes>,
}

impl Ahead {
    fn finish(mut self) {
        loop {
            if let Some(mut inode) = self.inodes.pop() {
                self.empty_inode(&mut inode);
            } else if let Some(mut changes) = self.changes.pop() {
                self.empty_changes(&mut changes);
            } else {
                return;
            }
        }
    }

    fn empty_inode(&mut self, inode: &mut Inode) {
        match inode {
            Inode::Entries { entries, .. } => entries.drain(..).for_each(|entry| self.tree(entry.child)),
            Inode::Branch(b) => {
                b.children.iter_mut().filter_map(Option::take).for_each(|child| self.cell(child));
            }
        }
    }

    fn empty_changes(&mut self, changes: &mut Changes) {
        let (tries, updates) = changes.take_deep();
        tries.for_each(|cell| self.cell(cell));
        updates.for_each(|tree| self.tree(tree));
    }

    fn tree(&mut self, tree: Tree) {
        match tree.0 {
            Root::Leaf(_) => {}
            Root::Directory(cell) => self.cell(cell),
            Root::Changed(changes) => self.changes.extend(Arc::into_inner(changes)),
        }
    }

    fn cell(&mut self, cell: Arc<InodeCell>) {
        self.inodes.extend(Arc::into_inner(cell).and_then(InodeCell::into_body));
    }
}
