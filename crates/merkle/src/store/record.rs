//! The bytes of a stored node.
//!
//! A leaf: 00, then its bytes. A level of a trie: its tag (01 the entries of a whole directory, 02 those of an end of a
//! larger one, 03 a branch), then
//! * entries: their number (a byte), and for each its kind (00 directory, 01 leaf, 02 leaf within, 03 directory within),
//!   its name behind its length, and hash and id of the node, or the bytes of the leaf behind their length, or the
//!   entries of the directory;
//! * a branch: its depth (a byte), the number of entries below, which children there are (a byte: 1, 2 or 3), and for each
//!   hash and id.
//!
//! Ids, lengths and numbers are LEB128. The hash of a node is not in it: it is in whatever refers to it.

use crate::cell::Cell;
use crate::error::LoadError;
use crate::hashing::{self, put_leb128};
use crate::inode::{Branch, Entry, Inode, InodeCell, MAX_ENTRIES, Role};
use crate::tree::{Root, Tree};
use bytes::Bytes;
use soru_base::{Binary, ContextHash, DecodeError, Reader};
use std::sync::Arc;

/// Leaves up to this many bytes are kept within their directory.
pub(super) const LEAF_WITHIN: usize = 64;

/// Directories whose entries take up to this many bytes are kept within theirs.
pub(super) const DIRECTORY_WITHIN: usize = 192;

/// Directories within directories that are read at most. Each takes three bytes at least, so that no more are written.
const MAX_DEPTH: usize = DIRECTORY_WITHIN / 3;

const LEAF: u8 = 0;
const ENTRIES: u8 = 1;
const INNER_ENTRIES: u8 = 2;
const BRANCH: u8 = 3;

/// A node as it is stored, its children by id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    Leaf(Bytes),
    Entries { role: Role, entries: Vec<NamedChild> },
    Branch { depth: u8, count: u64, children: [Option<Link>; 2] },
}

/// A child of a directory, with its name.
pub(super) type NamedChild = (Vec<u8>, Child);

/// A child of a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Child {
    Directory(Link),
    Leaf(Link),
    LeafWithin(Bytes),
    DirectoryWithin(Vec<NamedChild>),
}

/// A reference to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) hash: ContextHash,
    pub(super) id: u64,
}

impl Record {
    /// The nodes this one refers to.
    pub(super) fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        match self {
            Record::Leaf(_) => {}
            Record::Entries { entries, .. } => links_of(entries, &mut links),
            Record::Branch { children, .. } => links.extend(children.iter().flatten()),
        }
        links
    }

    /// The level of a trie that is stored, with the cells that are made for its children. Nothing for a leaf.
    pub(super) fn into_inode(
        self,
        leaf_cell: impl Fn(Link) -> Arc<Cell<Bytes>>,
        inode_cell: impl Fn(Link) -> Arc<InodeCell>,
    ) -> Option<Inode> {
        Some(match self {
            Record::Leaf(_) => return None,
            Record::Entries { role, entries } => inode_of(role, entries, &leaf_cell, &inode_cell),
            Record::Branch { depth, count, children } => Inode::Branch(Branch {
                depth: u32::from(depth),
                count,
                children: children.map(|c| c.map(&inode_cell)),
            }),
        })
    }

    /// The hash of the node.
    pub(super) fn hash(self) -> Result<ContextHash, LoadError> {
        match self {
            Record::Leaf(bytes) => Ok(hashing::leaf(&bytes)),
            other => match other.into_inode(|link| Cell::blinded(link.hash), |link| Cell::blinded(link.hash))
            {
                Some(inode) => hashing::inode(&inode),
                None => Err(LoadError::Malformed("a leaf is no level of a trie")),
            },
        }
    }
}

fn links_of(entries: &[NamedChild], links: &mut Vec<Link>) {
    for (_, child) in entries {
        match child {
            Child::Directory(link) | Child::Leaf(link) => links.push(*link),
            Child::LeafWithin(_) => {}
            Child::DirectoryWithin(entries) => links_of(entries, links),
        }
    }
}

fn inode_of(
    role: Role,
    entries: Vec<NamedChild>,
    leaf_cell: &impl Fn(Link) -> Arc<Cell<Bytes>>,
    inode_cell: &impl Fn(Link) -> Arc<InodeCell>,
) -> Inode {
    let entry = |(name, child): NamedChild| {
        let child = Tree(match child {
            Child::Directory(link) => Root::Directory(inode_cell(link)),
            Child::Leaf(link) => Root::Leaf(leaf_cell(link)),
            Child::LeafWithin(bytes) => Root::Leaf(Cell::new(bytes)),
            Child::DirectoryWithin(entries) => {
                Root::Directory(Cell::new(inode_of(Role::Root, entries, leaf_cell, inode_cell)))
            }
        });
        Entry { name: name.into(), child }
    };
    Inode::Entries { role, entries: entries.into_iter().map(entry).collect() }
}

/// Appends entries behind their number.
pub(super) fn put_entries(out: &mut Vec<u8>, entries: &[NamedChild]) {
    // There are at most two.
    out.push(entries.len() as u8);
    for (name, child) in entries {
        out.push(match child {
            Child::Directory(_) => 0,
            Child::Leaf(_) => 1,
            Child::LeafWithin(_) => 2,
            Child::DirectoryWithin(_) => 3,
        });
        put_leb128(out, name.len() as u64);
        out.extend_from_slice(name);
        match child {
            Child::Directory(link) | Child::Leaf(link) => link.write(out),
            Child::LeafWithin(bytes) => {
                put_leb128(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Child::DirectoryWithin(entries) => put_entries(out, entries),
        }
    }
}

impl Binary for Link {
    fn write(&self, out: &mut Vec<u8>) {
        self.hash.write(out);
        put_leb128(out, self.id);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Link { hash: ContextHash::read(r)?, id: leb128(r, "the id of a node")? })
    }
}

impl Binary for Record {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Record::Leaf(bytes) => {
                out.push(LEAF);
                out.extend_from_slice(bytes);
            }
            Record::Entries { role, entries } => {
                out.push(if *role == Role::Root { ENTRIES } else { INNER_ENTRIES });
                put_entries(out, entries);
            }
            Record::Branch { depth, count, children } => {
                out.extend_from_slice(&[BRANCH, *depth]);
                put_leb128(out, *count);
                out.push(u8::from(children[0].is_some()) | u8::from(children[1].is_some()) << 1);
                children.iter().flatten().for_each(|link| link.write(out));
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = r.u8("the tag of a node")?;
        match tag {
            LEAF => Ok(Record::Leaf(Bytes::copy_from_slice(r.rest()))),
            ENTRIES | INNER_ENTRIES => {
                let role = if tag == ENTRIES { Role::Root } else { Role::Inner };
                Ok(Record::Entries { role, entries: entries(r, 0)? })
            }
            BRANCH => {
                let depth = r.u8("the depth of a branch")?;
                let count = leb128(r, "the number of entries below a branch")?;
                let what = "which children a branch has";
                let which = r.u8(what)?;
                if !(1..=3).contains(&which) {
                    return Err(r.invalid(what, format!("{which} is none of 1, 2, 3")));
                }
                let mut link = |bit: u8| if which & bit == 0 { Ok(None) } else { Link::read(r).map(Some) };
                Ok(Record::Branch { depth, count, children: [link(1)?, link(2)?] })
            }
            other => Err(r.invalid("the tag of a node", format!("{other} is none"))),
        }
    }
}

fn entries(r: &mut Reader<'_>, depth: usize) -> Result<Vec<NamedChild>, DecodeError> {
    let what = "the number of entries";
    let count = usize::from(r.u8(what)?);
    if count > MAX_ENTRIES {
        return Err(r.invalid(what, format!("{count} is more than {MAX_ENTRIES}")));
    }
    let entries = (0..count).map(|_| entry(r, depth)).collect::<Result<Vec<_>, _>>()?;
    if !entries.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(r.invalid("entries", "they are not in the order of their names"));
    }
    Ok(entries)
}

fn entry(r: &mut Reader<'_>, depth: usize) -> Result<NamedChild, DecodeError> {
    let what = "the kind of an entry";
    let kind = r.u8(what)?;
    let name = sized(r, "the name of an entry")?.to_vec();
    let child = match kind {
        0 => Child::Directory(Link::read(r)?),
        1 => Child::Leaf(Link::read(r)?),
        2 => Child::LeafWithin(Bytes::copy_from_slice(sized(r, "a leaf within a directory")?)),
        3 if depth < MAX_DEPTH => Child::DirectoryWithin(entries(r, depth + 1)?),
        other => return Err(r.invalid(what, format!("{other} is none, or nested too deeply"))),
    };
    Ok((name, child))
}

fn sized<'a>(r: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], DecodeError> {
    let len = leb128(r, what)?;
    r.take(usize::try_from(len).unwrap_or(usize::MAX), what)
}

fn leb128(r: &mut Reader<'_>, what: &'static str) -> Result<u64, DecodeError> {
    let mut n = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = r.u8(what)?;
        let group = u64::from(byte & 0x7f);
        if group.leading_zeros() < shift {
            break;
        }
        n |= group << shift;
        if byte & 0x80 == 0 {
            return Ok(n);
        }
    }
    Err(r.invalid(what, "the number does not fit 64 bits"))
}
