//! The bytes of a proof.
//!
//! Every tag has one meaning and every number one width, so a proof that decodes encodes to the same bytes.

use super::{PartialInode, PartialTree, Proof};
use crate::inode::MAX_ENTRIES;
use crate::tree::{Kind, Name};
use bytes::Bytes;
use soru_base::{Binary, ContextHash, DecodeError, Reader};

/// The only version: binary tries, and a tree rather than a stream.
const VERSION: u16 = 2;

/// Levels that a proof may nest: directories and levels of their tries. A state's deepest path has 125 steps.
const MAX_DEPTH: u32 = 2048;

const BRANCH: u8 = 0b0000_0000;
const ENTRIES: u8 = 0b1000_0000;
// Of a tree.
const LEAF: u8 = 0b1100_0000;
const BLINDED_LEAF: u8 = 0b1100_1000;
const BLINDED_DIRECTORY: u8 = 0b1101_0000;
const EXTENDER: u8 = 0b1101_1000;
// Of a level of a trie below the top.
const INNER_BLINDED: u8 = 0b1100_0000;
const INNER_EXTENDER: u8 = 0b1101_0000;
const INNER_NONE: u8 = 0b1110_0000;
/// The bits of a tag that hold a width or a count.
const LOW: u8 = 0b11;

impl Binary for Proof {
    fn write(&self, out: &mut Vec<u8>) {
        let bit = |kind: Kind| u8::from(kind == Kind::Directory);
        out.push(bit(self.before.0) | bit(self.after.0) << 1);
        out.extend_from_slice(&VERSION.to_be_bytes());
        self.before.1.write(out);
        self.after.1.write(out);
        put_tree(out, &self.tree);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = r.u8("the tag of a proof")?;
        if tag > 3 {
            return Err(r.invalid("the tag of a proof", format!("{tag:#04x} is none of 00, 01, 02, 03")));
        }
        let kind = |bit: u8| if tag >> bit & 1 == 1 { Kind::Directory } else { Kind::Leaf };
        let version = r.u16("the version of a proof")?;
        if version != VERSION {
            return Err(r.invalid("the version of a proof", format!("{version} is not {VERSION}")));
        }
        let before = (kind(0), ContextHash::read(r)?);
        let after = (kind(1), ContextHash::read(r)?);
        Ok(Proof { before, after, tree: tree(r, 0)? })
    }
}

fn put_tree(out: &mut Vec<u8>, tree: &PartialTree) {
    match tree {
        PartialTree::Leaf(bytes) => {
            match (u8::try_from(bytes.len()), u16::try_from(bytes.len())) {
                (Ok(len), _) => out.extend_from_slice(&[LEAF, len]),
                (_, Ok(len)) => {
                    out.push(LEAF | 1);
                    out.extend_from_slice(&len.to_be_bytes());
                }
                _ => {
                    out.push(LEAF | 3);
                    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
                }
            }
            out.extend_from_slice(bytes);
        }
        PartialTree::BlindedLeaf(hash) => put_hash(out, BLINDED_LEAF, hash),
        PartialTree::Directory(PartialInode::Blinded(hash)) => put_hash(out, BLINDED_DIRECTORY, hash),
        PartialTree::Directory(PartialInode::Entries(entries)) => put_entries(out, entries),
        PartialTree::Directory(PartialInode::Branch { count, children }) => put_branch(out, *count, children),
        PartialTree::Directory(PartialInode::Extender { count, segment, below }) => {
            put_extender(out, EXTENDER, *count, segment, below);
        }
    }
}

fn put_inner(out: &mut Vec<u8>, inode: &PartialInode) {
    match inode {
        PartialInode::Blinded(hash) => put_hash(out, INNER_BLINDED, hash),
        PartialInode::Entries(entries) => put_entries(out, entries),
        PartialInode::Branch { count, children } => put_branch(out, *count, children),
        PartialInode::Extender { count, segment, below } => {
            put_extender(out, INNER_EXTENDER, *count, segment, below);
        }
    }
}

fn put_hash(out: &mut Vec<u8>, tag: u8, hash: &ContextHash) {
    out.push(tag);
    hash.write(out);
}

fn put_entries(out: &mut Vec<u8>, entries: &[(Name, PartialTree)]) {
    out.push(ENTRIES | entries.len() as u8);
    for (name, tree) in entries {
        // Names of more than 255 bytes are refused when a proof is made.
        out.push(name.len() as u8);
        out.extend_from_slice(name);
        put_tree(out, tree);
    }
}

fn put_branch(out: &mut Vec<u8>, count: u64, children: &[Option<Box<PartialInode>>; 2]) {
    put_count(out, BRANCH, count);
    for child in children {
        match child {
            Some(child) => put_inner(out, child),
            None => out.push(INNER_NONE),
        }
    }
}

fn put_extender(out: &mut Vec<u8>, tag: u8, count: u64, segment: &[bool], below: &PartialInode) {
    put_count(out, tag, count);
    let mut bytes = vec![0; segment.len() / 8 + 1];
    for (at, bit) in segment.iter().chain([&true]).enumerate() {
        bytes[at / 8] |= u8::from(*bit) << (7 - at % 8);
    }
    // A trie has at most 256 levels.
    out.push(bytes.len() as u8);
    out.extend_from_slice(&bytes);
    put_inner(out, below);
}

/// A tag, and a count in the least width that fits.
fn put_count(out: &mut Vec<u8>, tag: u8, count: u64) {
    let width = match count {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        0x1_0000..=0xffff_ffff => 2,
        _ => 3,
    };
    out.push(tag | width);
    out.extend_from_slice(&count.to_be_bytes()[8 - (1 << width)..]);
}

fn deeper(r: &Reader<'_>, depth: u32) -> Result<u32, DecodeError> {
    match depth < MAX_DEPTH {
        true => Ok(depth + 1),
        false => Err(r.invalid("a proof", format!("more than {MAX_DEPTH} levels"))),
    }
}

fn tree(r: &mut Reader<'_>, depth: u32) -> Result<PartialTree, DecodeError> {
    let depth = deeper(r, depth)?;
    let what = "the tag of a tree";
    let tag = r.u8(what)?;
    Ok(match tag & !LOW {
        BRANCH => PartialTree::Directory(branch(r, tag, depth)?),
        ENTRIES => PartialTree::Directory(entries(r, tag, depth)?),
        LEAF => PartialTree::Leaf(leaf(r, tag)?),
        EXTENDER => PartialTree::Directory(extender(r, tag, depth)?),
        _ => match tag {
            BLINDED_LEAF => PartialTree::BlindedLeaf(ContextHash::read(r)?),
            BLINDED_DIRECTORY => PartialTree::Directory(PartialInode::Blinded(ContextHash::read(r)?)),
            _ => return Err(r.invalid(what, format!("{tag:#010b} is none"))),
        },
    })
}

fn inner(r: &mut Reader<'_>, depth: u32) -> Result<Option<Box<PartialInode>>, DecodeError> {
    let depth = deeper(r, depth)?;
    let what = "the tag of a level of a trie";
    let tag = r.u8(what)?;
    let inode = match tag & !LOW {
        BRANCH => branch(r, tag, depth)?,
        ENTRIES => entries(r, tag, depth)?,
        INNER_EXTENDER => extender(r, tag, depth)?,
        _ => match tag {
            INNER_NONE => return Ok(None),
            INNER_BLINDED => PartialInode::Blinded(ContextHash::read(r)?),
            _ => return Err(r.invalid(what, format!("{tag:#010b} is none"))),
        },
    };
    Ok(Some(Box::new(inode)))
}

fn leaf(r: &mut Reader<'_>, tag: u8) -> Result<Bytes, DecodeError> {
    let what = "the length of a leaf";
    let (len, least) = match tag & LOW {
        0 => (usize::from(r.u8(what)?), 0),
        1 => (usize::from(r.u16(what)?), 0x100),
        3 => (r.u32(what)? as usize, 0x1_0000),
        _ => return Err(r.invalid(what, "2 is no width")),
    };
    if len < least {
        return Err(r.invalid(what, format!("{len} fits a smaller width")));
    }
    Ok(Bytes::copy_from_slice(r.take(len, "a leaf")?))
}

fn entries(r: &mut Reader<'_>, tag: u8, depth: u32) -> Result<PartialInode, DecodeError> {
    let count = usize::from(tag & LOW);
    if count > MAX_ENTRIES {
        return Err(r.invalid("the entries of a directory", format!("more than {MAX_ENTRIES}")));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let len = r.u8("the length of a name")?;
        let name = r.take(usize::from(len), "a name")?.into();
        entries.push((name, tree(r, depth)?));
    }
    Ok(PartialInode::Entries(entries))
}

fn branch(r: &mut Reader<'_>, tag: u8, depth: u32) -> Result<PartialInode, DecodeError> {
    let count = count(r, tag)?;
    let children = [inner(r, depth)?, inner(r, depth)?];
    Ok(PartialInode::Branch { count, children })
}

fn extender(r: &mut Reader<'_>, tag: u8, depth: u32) -> Result<PartialInode, DecodeError> {
    let count = count(r, tag)?;
    let what = "the segment of an extender";
    let len = r.u8(what)?;
    let bytes = r.take(usize::from(len), what)?;
    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1 == 1));
    let mut segment: Vec<bool> = bits.collect();
    while segment.last() == Some(&false) {
        segment.pop();
    }
    // The last one marks the end; it is in the last byte, and something is before it.
    if segment.pop().is_none() || segment.is_empty() || segment.len() / 8 + 1 != bytes.len() {
        return Err(r.invalid(what, "its end is not marked in its last byte"));
    }
    let Some(below) = inner(r, depth)? else {
        return Err(r.invalid("what an extender leads to", "nothing"));
    };
    Ok(PartialInode::Extender { count, segment, below })
}

fn count(r: &mut Reader<'_>, tag: u8) -> Result<u64, DecodeError> {
    let what = "the count of entries of a directory";
    let (count, least) = match tag & LOW {
        0 => (u64::from(r.u8(what)?), 0),
        1 => (u64::from(r.u16(what)?), 0x100),
        2 => (u64::from(r.u32(what)?), 0x1_0000),
        _ => (r.u64(what)?, 0x1_0000_0000),
    };
    match count < least {
        true => Err(r.invalid(what, format!("{count} fits a smaller width"))),
        false => Ok(count),
    }
}
