//! The bytes of a proof.
//!
//! Every tag has one meaning and every number one width, so a proof that decodes encodes to the same bytes.
//!
//! There is no limit of depth: a kernel can make its storage as deep as it likes, and steps that read far below have honest
//! proofs. Reading and writing go by lists, a level takes at least two bytes, and a proof as many as fit an operation.

use super::Proof;
use super::parts::{Part, Parts, Slot};
use crate::inode::MAX_ENTRIES;
use crate::tree::{Kind, Name};
use bytes::Bytes;
use soru_base::{Binary, ContextHash, DecodeError, Reader};

/// The only version: binary tries, and a tree rather than a stream.
const VERSION: u16 = 2;

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
        Ok(Proof { before, after, tree: tree(r)? })
    }
}

/// What is to be written next.
enum Ahead<'a> {
    Tree(usize),
    Entry(&'a Name, usize),
    Level(Option<usize>),
}

fn put_tree(out: &mut Vec<u8>, parts: &Parts) {
    let mut ahead = vec![Ahead::Tree(Parts::ROOT)];
    while let Some(next) = ahead.pop() {
        let (index, [blinded, extender]) = match next {
            Ahead::Tree(index) => (index, [BLINDED_DIRECTORY, EXTENDER]),
            Ahead::Level(Some(index)) => (index, [INNER_BLINDED, INNER_EXTENDER]),
            Ahead::Level(None) => {
                out.push(INNER_NONE);
                continue;
            }
            Ahead::Entry(name, index) => {
                // Names of more than 255 bytes are refused when a proof is made.
                out.push(name.len() as u8);
                out.extend_from_slice(name);
                ahead.push(Ahead::Tree(index));
                continue;
            }
        };
        match &parts[index] {
            Part::Leaf(bytes) => put_leaf(out, bytes),
            Part::BlindedLeaf(hash) => put_hash(out, BLINDED_LEAF, hash),
            Part::Blinded(hash) => put_hash(out, blinded, hash),
            Part::Entries(entries) => {
                out.push(ENTRIES | entries.len() as u8);
                ahead.extend(entries.iter().rev().map(|(name, index)| Ahead::Entry(name, *index)));
            }
            Part::Branch { count, children } => {
                put_count(out, BRANCH, *count);
                ahead.extend(children.iter().rev().map(|child| Ahead::Level(*child)));
            }
            Part::Extender { count, segment, below } => {
                put_count(out, extender, *count);
                put_segment(out, segment);
                ahead.push(Ahead::Level(Some(*below)));
            }
        }
    }
}

fn put_leaf(out: &mut Vec<u8>, bytes: &[u8]) {
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

fn put_hash(out: &mut Vec<u8>, tag: u8, hash: &ContextHash) {
    out.push(tag);
    hash.write(out);
}

/// The bits, then a one and zeros, behind their length.
fn put_segment(out: &mut Vec<u8>, segment: &[bool]) {
    let mut bytes = vec![0; segment.len() / 8 + 1];
    for (at, bit) in segment.iter().chain([&true]).enumerate() {
        bytes[at / 8] |= u8::from(*bit) << (7 - at % 8);
    }
    // A trie has at most 256 levels.
    out.push(bytes.len() as u8);
    out.extend_from_slice(&bytes);
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

/// Where what is to be read next belongs.
enum Place {
    Root,
    /// A name and a tree.
    Entry(usize),
    Child(usize, bool),
    Below(usize),
}

fn tree(r: &mut Reader<'_>) -> Result<Parts, DecodeError> {
    let mut parts = Parts::default();
    let mut ahead = vec![Place::Root];
    while let Some(place) = ahead.pop() {
        let (slot, part) = match place {
            Place::Root => (Slot::Root, Some(tree_part(r)?)),
            Place::Entry(parent) => {
                let len = r.u8("the length of a name")?;
                let name = r.take(usize::from(len), "a name")?.into();
                (Slot::Entry(parent, name), Some(tree_part(r)?))
            }
            Place::Child(parent, bit) => (Slot::Child(parent, bit), level(r)?),
            Place::Below(parent) => match level(r)? {
                None => return Err(r.invalid("what an extender leads to", "nothing")),
                below => (Slot::Below(parent), below),
            },
        };
        let Some((part, below)) = part else { continue };
        let index = parts.add(slot, part);
        match below {
            Awaited::Nothing => {}
            Awaited::Entries(count) => ahead.extend((0..count).map(|_| Place::Entry(index))),
            Awaited::Children => ahead.extend([true, false].map(|bit| Place::Child(index, bit))),
            Awaited::Below => ahead.push(Place::Below(index)),
        }
    }
    Ok(parts)
}

/// What comes after a part.
enum Awaited {
    Nothing,
    Entries(usize),
    Children,
    Below,
}

fn tree_part(r: &mut Reader<'_>) -> Result<(Part, Awaited), DecodeError> {
    let what = "the tag of a tree";
    let tag = r.u8(what)?;
    match tag & !LOW {
        BRANCH => branch(r, tag),
        ENTRIES => entries(r, tag),
        LEAF => Ok((Part::Leaf(leaf(r, tag)?), Awaited::Nothing)),
        EXTENDER => extender(r, tag),
        _ => match tag {
            BLINDED_LEAF => Ok((Part::BlindedLeaf(ContextHash::read(r)?), Awaited::Nothing)),
            BLINDED_DIRECTORY => Ok((Part::Blinded(ContextHash::read(r)?), Awaited::Nothing)),
            _ => Err(r.invalid(what, format!("{tag:#010b} is none"))),
        },
    }
}

fn level(r: &mut Reader<'_>) -> Result<Option<(Part, Awaited)>, DecodeError> {
    let what = "the tag of a level of a trie";
    let tag = r.u8(what)?;
    match tag & !LOW {
        BRANCH => branch(r, tag).map(Some),
        ENTRIES => entries(r, tag).map(Some),
        INNER_EXTENDER => extender(r, tag).map(Some),
        _ => match tag {
            INNER_NONE => Ok(None),
            INNER_BLINDED => Ok(Some((Part::Blinded(ContextHash::read(r)?), Awaited::Nothing))),
            _ => Err(r.invalid(what, format!("{tag:#010b} is none"))),
        },
    }
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

fn entries(r: &Reader<'_>, tag: u8) -> Result<(Part, Awaited), DecodeError> {
    let count = usize::from(tag & LOW);
    if count > MAX_ENTRIES {
        return Err(r.invalid("the entries of a directory", format!("more than {MAX_ENTRIES}")));
    }
    Ok((Part::Entries(Vec::with_capacity(count)), Awaited::Entries(count)))
}

fn branch(r: &mut Reader<'_>, tag: u8) -> Result<(Part, Awaited), DecodeError> {
    Ok((Part::Branch { count: count(r, tag)?, children: [None, None] }, Awaited::Children))
}

fn extender(r: &mut Reader<'_>, tag: u8) -> Result<(Part, Awaited), DecodeError> {
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
    Ok((Part::Extender { count, segment, below: 0 }, Awaited::Below))
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
