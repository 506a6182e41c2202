//! The hashes of leaves, directories and inner inodes.

use crate::error::LoadError;
use crate::inode::{Branch, Entry, Inode, InodeCell, Role};
use soru_base::{ContextHash, blake2b};
use std::cell::RefCell;
use std::sync::Arc;

const DIRECTORY: [u8; 8] = [0; 8];
const LEAF: [u8; 8] = [0xff, 0, 0, 0, 0, 0, 0, 0];

/// Hash of a leaf: its length in eight bytes, then its bytes.
pub(crate) fn leaf(bytes: &[u8]) -> ContextHash {
    ContextHash(blake2b::hash32_parts(&[&leaf_head(bytes), bytes]))
}

/// What comes before the bytes of a leaf.
pub(crate) fn leaf_head(bytes: &[u8]) -> [u8; 8] {
    (bytes.len() as u64).to_be_bytes()
}

/// Hash of one level of the trie of a directory. Cheap if what is right below was hashed before.
pub(crate) fn inode(inode: &Inode) -> Result<ContextHash, LoadError> {
    let mut out = Vec::with_capacity(128);
    match inode {
        Inode::Entries { role, entries } => {
            put_entries_head(&mut out, *role, entries.len());
            for Entry { name, child } in entries {
                put_entry(&mut out, *role, name, child.is_leaf(), child.load_hash()?);
            }
        }
        Inode::Branch(Branch { depth, count, children }) => {
            let hash = |child: &Option<Arc<InodeCell>>| child.as_ref().map(|child| child.hash()).transpose();
            put_branch(&mut out, *depth, *count, [hash(&children[0])?, hash(&children[1])?]);
        }
    }
    Ok(ContextHash(blake2b::hash32(&out)))
}

/// What is hashed of a directory or of an end of the trie, before its entries in the order of their names.
pub(crate) fn put_entries_head(out: &mut Vec<u8>, role: Role, count: usize) {
    match role {
        Role::Root => out.extend_from_slice(&(count as u64).to_be_bytes()),
        Role::Inner => {
            out.push(0);
            put_leb128(out, count as u64);
        }
    }
}

/// What is hashed of such an entry.
pub(crate) fn put_entry(out: &mut Vec<u8>, role: Role, name: &[u8], is_leaf: bool, hash: ContextHash) {
    if role == Role::Root {
        out.extend_from_slice(if is_leaf { &LEAF } else { &DIRECTORY });
    }
    put_leb128(out, name.len() as u64);
    out.extend_from_slice(name);
    match role {
        Role::Root => out.extend_from_slice(&32u64.to_be_bytes()),
        Role::Inner => out.push(u8::from(is_leaf)),
    }
    out.extend_from_slice(hash.as_bytes());
}

/// What is hashed of a branch.
pub(crate) fn put_branch(out: &mut Vec<u8>, depth: u32, count: u64, children: [Option<ContextHash>; 2]) {
    out.push(1);
    put_leb128(out, u64::from(depth));
    put_leb128(out, count);
    put_leb128(out, children.iter().flatten().count() as u64);
    for (index, hash) in (0..).zip(children) {
        if let Some(hash) = hash {
            put_leb128(out, index);
            out.extend_from_slice(hash.as_bytes());
        }
    }
}

pub(crate) fn put_leb128(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A short name whose bits are known.
#[derive(Clone, Copy)]
struct Known {
    // None is as long as this at the beginning.
    len: u8,
    name: [u8; Known::LEN],
    bits: NameBits,
}

thread_local! {
    static KNOWN: RefCell<Vec<Known>> = RefCell::new(vec![Known::NONE; Known::SLOTS]);
}

impl Known {
    const LEN: usize = 23;
    const SLOTS: usize = 1 << 10;
    const NONE: Self = Self { len: u8::MAX, name: [0; Self::LEN], bits: NameBits([0; 32]) };

    /// Where a name is kept, if it is short.
    fn slot(name: &[u8]) -> Option<usize> {
        let mix = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        (name.len() <= Self::LEN).then(|| (name.iter().fold(0x811c_9dc5, mix) >> 7) as usize % Self::SLOTS)
    }

    fn is(&self, name: &[u8]) -> bool {
        usize::from(self.len) == name.len() && self.name[..name.len()] == *name
    }

    fn new(name: &[u8]) -> Self {
        let mut kept = [0; Self::LEN];
        kept[..name.len()].copy_from_slice(name);
        Self { len: name.len() as u8, name: kept, bits: NameBits(blake2b::hash32(name)) }
    }
}

/// The bits by which a name goes down the trie.
#[derive(Clone, Copy)]
pub(crate) struct NameBits([u8; 32]);

impl NameBits {
    /// How many levels a trie can have.
    pub(crate) const COUNT: u32 = 256;

    /// Those of a name with that hash.
    pub(crate) fn of_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The first ones, the very first being the most significant.
    pub(crate) fn first(&self) -> u64 {
        self.0[..8].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
    }

    pub(crate) fn of(name: &[u8]) -> Self {
        // The same few short names come again and again.
        let Some(known) = Known::slot(name) else { return Self(blake2b::hash32(name)) };
        KNOWN.with_borrow_mut(|table| {
            let known = &mut table[known];
            if !known.is(name) {
                *known = Known::new(name);
            }
            known.bits
        })
    }

    /// Bit `depth`, most significant first: the child to go to. `depth` is below [`Self::COUNT`].
    pub(crate) fn at(&self, depth: u32) -> usize {
        let byte = self.0[(depth / 8) as usize];
        usize::from(byte >> (7 - depth % 8) & 1)
    }
}
