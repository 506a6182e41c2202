//! A directory: a binary trie over the hashed names of its children, with at most two entries at its ends.

use crate::cell::Cell;
use crate::dropping;
use crate::error::LoadError;
use crate::hashing::NameBits;
use crate::tree::{Name, Root, Tree};
use std::sync::{Arc, LazyLock};

/// A subset of at most this many entries ends the trie.
pub(crate) const MAX_ENTRIES: usize = 2;

/// One child of a directory.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Name,
    pub(crate) child: Tree,
}

/// Whether entries are a whole directory or an end of a larger one: they are hashed differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Root,
    Inner,
}

/// One level of the trie.
pub(crate) enum Inode {
    /// At most [`MAX_ENTRIES`] entries, in the order of their names.
    Entries { role: Role, entries: Vec<Entry> },
    /// More than that, parted by a bit of their hashed names.
    Branch(Branch),
}

/// An inner level of the trie.
pub(crate) struct Branch {
    /// Which bit of the hashed names decides.
    pub(crate) depth: u32,
    /// Entries below.
    pub(crate) count: u64,
    /// Those with a zero bit, those with a one.
    pub(crate) children: [Option<Arc<InodeCell>>; 2],
}

pub(crate) type InodeCell = Cell<Inode>;

impl Inode {
    /// Number of entries below.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Inode::Entries { entries, .. } => entries.len() as u64,
            Inode::Branch(b) => b.count,
        }
    }

    /// Visits the cells right below whose hashes are not known yet.
    pub(crate) fn each_unhashed_cell<'a>(
        &'a self,
        mut visit: impl FnMut(&'a InodeCell),
    ) -> Result<(), LoadError> {
        let mut visit = |cell: &'a InodeCell| {
            if cell.known_hash().is_none() {
                visit(cell);
            }
        };
        match self {
            Inode::Entries { entries, .. } => {
                for entry in entries {
                    match &entry.child.0 {
                        Root::Leaf(_) => {}
                        Root::Directory(cell) => visit(cell),
                        Root::Changed(changes) => visit(changes.merged()?),
                    }
                }
            }
            Inode::Branch(b) => b.children.iter().flatten().for_each(|child| visit(child)),
        }
        Ok(())
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        dropping::inode(self);
    }
}

impl InodeCell {
    /// The directory without children.
    pub(crate) fn empty() -> Arc<Self> {
        // Changed directories begin with it, very many of them.
        static EMPTY: LazyLock<Arc<InodeCell>> =
            LazyLock::new(|| Cell::new(Inode::Entries { role: Role::Root, entries: Vec::new() }));
        EMPTY.clone()
    }

    /// The child called `name`.
    pub(crate) fn child(&self, name: &[u8]) -> Result<Option<Tree>, LoadError> {
        let in_entries =
            |entries: &[Entry]| entries.iter().find(|e| *e.name == *name).map(|e| e.child.clone());
        let mut inode = self.get()?;
        if let Inode::Entries { entries, .. } = inode {
            return Ok(in_entries(entries));
        }
        let bits = NameBits::of(name);
        loop {
            match inode {
                Inode::Entries { entries, .. } => return Ok(in_entries(entries)),
                Inode::Branch(b) => match &b.children[bits.at(b.depth)] {
                    None => return Ok(None),
                    Some(next) => inode = next.get()?,
                },
            }
        }
    }

    /// This directory with `child` under `name`.
    pub(crate) fn with(&self, name: &[u8], child: Tree) -> Result<Arc<Self>, LoadError> {
        self.with_at(name, child, &mut None, 0).map(|(cell, _)| cell)
    }

    /// The new inode, and whether it has one entry more.
    fn with_at(
        &self,
        name: &[u8],
        child: Tree,
        bits: &mut Option<NameBits>,
        depth: u32,
    ) -> Result<(Arc<Self>, bool), LoadError> {
        match self.get()? {
            Inode::Entries { role, entries } => {
                let mut entries = entries.clone();
                let grew = match entries.binary_search_by(|e| (*e.name).cmp(name)) {
                    Ok(at) => {
                        entries[at].child = child;
                        false
                    }
                    Err(at) => {
                        entries.insert(at, Entry { name: name.into(), child });
                        true
                    }
                };
                Ok((build(*role, entries, depth)?, grew))
            }
            Inode::Branch(b) => {
                let bit = bits.get_or_insert_with(|| NameBits::of(name)).at(depth);
                let (below, grew) = match &b.children[bit] {
                    Some(next) => next.with_at(name, child, bits, depth + 1)?,
                    None => {
                        let entries = vec![Entry { name: name.into(), child }];
                        (build(Role::Inner, entries, depth + 1)?, true)
                    }
                };
                let mut children = b.children.clone();
                children[bit] = Some(below);
                let count = b.count + u64::from(grew);
                Ok((Cell::new(Inode::Branch(Branch { depth, count, children })), grew))
            }
        }
    }

    /// This directory with all of `entries`, which are in the order of their names: the same as [`with`](Self::with) for one
    /// after the other, but every level of the trie is made only once.
    pub(crate) fn with_all(&self, entries: Vec<Entry>) -> Result<Arc<Self>, LoadError> {
        let entries = entries.into_iter().map(|entry| (NameBits::of(&entry.name), entry)).collect();
        self.with_all_at(entries, 0).map(|(cell, _)| cell)
    }

    /// The new inode, and how many entries it has more.
    fn with_all_at(&self, new: Vec<(NameBits, Entry)>, depth: u32) -> Result<(Arc<Self>, u64), LoadError> {
        let unbound = |new: Vec<(NameBits, Entry)>| new.into_iter().map(|(_, entry)| entry);
        match self.get()? {
            Inode::Entries { role, entries } => {
                let stays =
                    |old: &&Entry| new.binary_search_by(|(_, new)| (*new.name).cmp(&old.name)).is_err();
                let mut all: Vec<Entry> = entries.iter().filter(stays).cloned().collect();
                all.extend(unbound(new));
                all.sort_by(|a, b| a.name.cmp(&b.name));
                let more = all.len() - entries.len();
                Ok((build(*role, all, depth)?, more as u64))
            }
            Inode::Branch(b) => {
                let (ones, zeros): (Vec<_>, Vec<_>) =
                    new.into_iter().partition(|(bits, _)| bits.at(depth) == 1);
                let (mut children, mut count) = (b.children.clone(), b.count);
                for (child, new) in children.iter_mut().zip([zeros, ones]) {
                    if new.is_empty() {
                        continue;
                    }
                    let (below, more) = match &*child {
                        Some(next) => next.with_all_at(new, depth + 1)?,
                        None => {
                            let more = new.len() as u64;
                            (build(Role::Inner, unbound(new).collect(), depth + 1)?, more)
                        }
                    };
                    *child = Some(below);
                    count += more;
                }
                let more = count - b.count;
                Ok((Cell::new(Inode::Branch(Branch { depth, count, children })), more))
            }
        }
    }

    /// This directory without `name`, which is known to be there.
    pub(crate) fn without(&self, name: &[u8]) -> Result<Arc<Self>, LoadError> {
        self.without_at(Role::Root, name, &NameBits::of(name), 0)
    }

    fn without_at(
        &self,
        role: Role,
        name: &[u8],
        bits: &NameBits,
        depth: u32,
    ) -> Result<Arc<Self>, LoadError> {
        let inode = self.get()?;
        if let Inode::Branch(b) = inode
            && b.count > MAX_ENTRIES as u64 + 1
        {
            let bit = bits.at(depth);
            let Some(next) = &b.children[bit] else {
                return Err(LoadError::Malformed("a name is found on one way and not on another"));
            };
            let below = match next.get()?.count() {
                1 => None,
                _ => Some(next.without_at(Role::Inner, name, bits, depth + 1)?),
            };
            let mut children = b.children.clone();
            children[bit] = below;
            return Ok(Cell::new(Inode::Branch(Branch { depth, count: b.count - 1, children })));
        }
        let mut entries = Vec::with_capacity(MAX_ENTRIES + 1);
        self.each(&mut |e| {
            if *e.name != *name {
                entries.push(e.clone());
            }
            true
        })?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        build(role, entries, depth)
    }

    /// Visits the entries in the order of the trie until `visit` answers no; whether it never did.
    pub(crate) fn each(&self, visit: &mut impl FnMut(&Entry) -> bool) -> Result<bool, LoadError> {
        match self.get()? {
            Inode::Entries { entries, .. } => Ok(entries.iter().all(visit)),
            Inode::Branch(b) => {
                for child in b.children.iter().flatten() {
                    if !child.each(visit)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Visits the entries from the `skip`-th on in the order of the trie until `visit` answers no; whether it never did.
    /// Of what lies wholly before, only the tops are loaded.
    pub(crate) fn each_from(
        &self,
        skip: u64,
        visit: &mut impl FnMut(&Entry) -> bool,
    ) -> Result<bool, LoadError> {
        match self.get()? {
            Inode::Entries { entries, .. } => {
                Ok(entries.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)).all(visit))
            }
            Inode::Branch(b) => {
                let mut skip = skip;
                for child in b.children.iter().flatten() {
                    let count = child.get()?.count();
                    if skip >= count {
                        skip -= count;
                        continue;
                    }
                    if !child.each_from(skip, visit)? {
                        return Ok(false);
                    }
                    skip = 0;
                }
                Ok(true)
            }
        }
    }
}

/// The whole directory of `entries`, which are in the order of their names.
pub(crate) fn directory(entries: Vec<Entry>) -> Result<Arc<InodeCell>, LoadError> {
    build(Role::Root, entries, 0)
}

/// The trie of `entries`, which are in the order of their names, from level `depth` on.
fn build(role: Role, entries: Vec<Entry>, depth: u32) -> Result<Arc<InodeCell>, LoadError> {
    if entries.len() <= MAX_ENTRIES {
        return Ok(Cell::new(Inode::Entries { role, entries }));
    }
    build_branch(entries.into_iter().map(|e| (NameBits::of(&e.name), e)).collect(), depth)
}

fn build_branch(entries: Vec<(NameBits, Entry)>, depth: u32) -> Result<Arc<InodeCell>, LoadError> {
    if depth >= NameBits::COUNT {
        return Err(LoadError::Malformed("more than two names with one hash"));
    }
    let count = entries.len() as u64;
    let (ones, zeros): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(bits, _)| bits.at(depth) == 1);
    let below = |entries: Vec<(NameBits, Entry)>| match entries.len() {
        0 => Ok(None),
        1..=MAX_ENTRIES => {
            build(Role::Inner, entries.into_iter().map(|(_, e)| e).collect(), depth + 1).map(Some)
        }
        _ => build_branch(entries, depth + 1).map(Some),
    };
    let children = [below(zeros)?, below(ones)?];
    Ok(Cell::new(Inode::Branch(Branch { depth, count, children })))
}
